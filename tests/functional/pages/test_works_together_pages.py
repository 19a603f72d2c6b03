"""Many works at once: chosen and changed, taken out as a table, brought in as one."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.ids import format_id
from registry.works import bulk
from registry.works.models import BulkUpload
from registry.works.tables import IMPORTED
from tests.support.browsing import text_of
from tests.support.works import register

Person = Any
DIGESTS = ("aa" * 32, "bb" * 32)


@pytest.fixture
def put(database: Database, sources: Sources) -> Callable[..., str]:
    """Puts a work without a picture on record; returns its number."""

    def make(owner: Any, name: str, **more: Any) -> str:
        with database.writing() as session:
            return format_id("work", register(session, owner, sources, name, **more).public_id)

    return make


# -- change several --------------------------------------------------------------------------------------------
def test_chosen_works_are_changed_and_withdrawn_together(
    person: Callable[..., Person], put: Callable[..., str]
) -> None:
    anna = person()
    one, two, three = (put(anna.actor, name) for name in ("Clouds", "Dunes", "Herons"))
    assert f'name="work" value="{one}"' in anna.browser.open("/en/works?view=list").text
    asked = anna.browser.read(f"/en/works/chosen/disclosure?work={one}&work={two}")
    assert "2 chosen" in asked
    chosen = {"work": [one, two]}
    assert anna.browser.send("/en/works/chosen/disclosure", chosen).status_code == 422
    done = anna.browser.send("/en/works/chosen/disclosure", chosen | {"disclosure": "digest-only"})
    assert done.status_code == 303
    kept = {
        name: "Only the exact file" in anna.browser.read(f"/en/works/{name}") for name in (one, two, three)
    }
    assert kept == {one: True, two: True, three: False}

    assert "Withdraw 2 works?" in anna.browser.read(f"/en/works/chosen/withdraw?work={one}&work={two}")
    assert anna.browser.send("/en/works/chosen/withdraw", chosen).status_code == 303
    left = anna.browser.read("/en/works?state=reserved")
    assert "Herons" in left
    assert "Clouds" not in left


def test_nothing_chosen_is_said_on_the_sheet(person: Callable[..., Person], put: Callable[..., str]) -> None:
    anna = person()
    put(anna.actor, "Clouds")
    back = anna.browser.open("/de/works/chosen/withdraw", follow_redirects=True)
    assert "Es ist kein Werk ausgewählt." in text_of(back.text)


def test_works_of_others_spoil_the_whole_choice(
    person: Callable[..., Person], put: Callable[..., str]
) -> None:
    """All or none: one work of somebody else, and nothing is withdrawn."""
    anna, ben = person(), person(name="Ben")
    mine, others = put(anna.actor, "Clouds"), put(ben.actor, "Dunes")
    anna.browser.open(f"/en/works/chosen/withdraw?work={mine}")
    assert anna.browser.open(f"/en/works/chosen/withdraw?work={others}").status_code == 404
    assert anna.browser.send("/en/works/chosen/withdraw", {"work": [mine, others]}).status_code == 404
    forged = {"csrf": "0" * 64, "work": [mine]}
    for act in ("withdraw", "disclosure"):
        assert anna.browser.send(f"/en/works/chosen/{act}", forged).status_code == 403
    assert "Clouds" in anna.browser.read("/en/works?state=reserved")
    assert person(Role.LAB).browser.open("/en/works/works.csv").status_code == 403


# -- out -------------------------------------------------------------------------------------------------------
def test_the_table_has_what_the_search_finds_and_begins_no_formula(
    person: Callable[..., Person], put: Callable[..., str]
) -> None:
    anna = person()
    evil, plain = put(anna.actor, '=HYPERLINK("http://x","y")'), put(anna.actor, "Dunes")
    put(person(name="Ben").actor, "Ben’s dunes")
    answer = anna.browser.open("/en/works/works.csv")
    rows = {row["work"]: row for row in csv.DictReader(io.StringIO(answer.text))}

    assert answer.headers["Content-Disposition"] == 'attachment; filename="works.csv"'
    assert set(rows) == {evil, plain}
    assert rows[evil]["title"] == '\'=HYPERLINK("http://x","y")'
    assert rows[plain]["title"] == "Dunes"
    assert rows[plain]["state"] == "reserved"
    assert len(rows[plain]["digest.sha256.v1"]) == 64
    found = anna.browser.open("/en/works/works.csv?q=dunes").text
    assert found.count("\r\n") == 2


# -- in --------------------------------------------------------------------------------------------------------
def send(person: Person, table: str | bytes, language: str = "en") -> Any:
    """Bring this table in from the page."""
    person.browser.open(f"/{language}/works/import")
    data = table.encode() if isinstance(table, str) else table
    return person.browser.send(f"/{language}/works/import", {"table": (io.BytesIO(data), "works.csv")})


def test_good_rows_are_registered_and_bad_ones_listed(
    person: Callable[..., Person], database: Database, sources: Sources
) -> None:
    anna = person()
    lines = [
        "title;kind;digest.sha256.v1;persons_depicted;source_urls",
        f"Clouds;image;{DIGESTS[0]};yes;https://example.org/a https://example.org/b",
        f"Dunes;image;{DIGESTS[1]};;",
        f"Again;image;{DIGESTS[0]};;",
        ";image;" + "cc" * 32 + ";;",
        "Short;image;abc;;",
        f"Perhaps;image;{'dd' * 32};perhaps;",
        "Too few;image",
    ]
    sent = send(anna, "\ufeff" + "\r\n".join(lines) + "\r\n", "de")
    assert sent.status_code == 303
    address = sent.headers["Location"]
    assert "Das geht ohne Sie weiter." in anna.browser.read(address)
    with database.reading() as session:
        upload = session.query(BulkUpload).one().id
    bulk.register_bulk(database, {"upload": upload}, sources)
    text = anna.browser.read(address)

    assert "eingetragen 2" in text
    assert "abgelehnt 5" in text
    assert "Zeile 3 Sie haben diese Datei schon eingetragen." in text
    for row in (4, 5, 6, 7):
        assert f"Zeile {row} Etwas darin kann nicht angenommen werden." in text
    sheet = anna.browser.read("/de/works")
    assert "Clouds" in sheet
    assert "Perhaps" not in sheet
    assert person(name="Ben").browser.open(address).status_code == 404


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("", "The table is empty."),
        ("title,name\nClouds,image\n", "unknown column “name”"),
        ("title,kind,title\nClouds,image,Dunes\n", "one column twice"),
        ("kind\nimage\n", "no column “title”"),
        ("title\n", "1 to 100,000 rows"),
        (b"title\n\xff\xfe\n", "as a table in UTF-8"),
        ('title\n"open\n', "as a table in UTF-8"),
    ],
)
def test_what_is_no_such_table_is_refused_as_a_whole(
    person: Callable[..., Person], table: str | bytes, reason: str
) -> None:
    answer = send(person(), table)
    assert answer.status_code == 422
    assert "Nothing was registered." in text_of(answer.text)
    assert reason in text_of(answer.text)


def test_the_empty_table_has_all_columns(person: Callable[..., Person]) -> None:
    anna = person()
    assert anna.browser.open("/en/works/import/columns.csv").text == ",".join(IMPORTED) + "\r\n"
    anna.browser.open("/en/works/import")
    assert anna.browser.send("/en/works/import", {"csrf": "0" * 64}).status_code == 403
    assert "Choose a table first." in anna.browser.send("/en/works/import").text
