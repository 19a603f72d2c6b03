from __future__ import annotations

import json
from pathlib import Path

import pytest

from crawler.client import Client
from crawler.registering import Entry, read_manifest, register, statements
from registry.core.errors import Forbidden, InvalidInput
from tests.unit.crawler import lab
from tests.unit.crawler.answering import Answer, problem, serving


def _manifest(tmp_path: Path, text: str) -> list[Entry]:
    (tmp_path / "works.csv").write_text(text, "utf-8")
    return read_manifest(tmp_path / "works.csv")


def test_a_manifest_says_of_each_file_what_options_say_of_one(tmp_path: Path) -> None:
    entries = _manifest(
        tmp_path,
        "\ufefffile,title,made_by,persons_depicted,source_urls,identifiers,shares\n"
        'a.jpg,"Kamm, im Föhn",human,yes,https://a.example https://b.example,'
        "isbn:978-3 doi:10/x,party_a:400000 "
        "party_b:600000\n"
        "sub/b.txt,,,,,,\n",
    )
    assert [e.path for e in entries] == [tmp_path / "a.jpg", tmp_path / "sub" / "b.txt"]
    assert [e.title for e in entries] == ["Kamm, im Föhn", "b"]
    assert entries[0].statements == {
        "title": "Kamm, im Föhn",
        "made_by": "human",
        "persons_depicted": True,
        "source_urls": ["https://a.example", "https://b.example"],
        "identifiers": [{"scheme": "isbn", "value": "978-3"}, {"scheme": "doi", "value": "10/x"}],
        "shares": [{"party": "party_a", "ppm": 400_000}, {"party": "party_b", "ppm": 600_000}],
    }
    assert entries[1].statements == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title\nx\n", "no column “file”"),
        ("file,colour\na,b\n", "unknown column “colour”"),
        ("file,title\na\n", "line 2"),
        ("file,title\na,b,c\n", "line 2"),
        ("file,title\n,b\n", "line 2"),
        ("file,shares\na,party_x\n", "line 2: “party_x” is no share"),
        ("file,identifiers\na,978\n", "is no identifier"),
        ("file,persons_depicted\na,maybe\n", "yes or no"),
        ('file\n"a\n', "cannot be read as CSV"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        _manifest(tmp_path, text)


def test_a_manifest_that_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "works.csv").write_bytes(b"file\n\xff\xfe\n")
    for name in ("works.csv", "missing.csv"):
        with pytest.raises(InvalidInput, match="cannot be read"):
            read_manifest(tmp_path / name)


def _made(contested: object = None) -> Answer:
    notes = [{"code": "image.symmetric", "message": "From the server."}]
    document = {"id": lab.WORKS["open picture"].id, "contested": contested, "versions": [{"notes": notes}]}
    return Answer(201, document)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "crest.png"
    path.write_bytes(lab.WORKS["open picture"].data)
    return path


def test_only_fingerprints_travel_unless_asked_otherwise(picture: Path) -> None:
    with serving(lambda asked: _made()) as server, Client(server.url) as client:
        outcome = register(
            client, Entry(picture, statements({"made_by": "human", "tool": None})), upload=False
        )
    assert (outcome.work, outcome.title, outcome.error) == (lab.WORKS["open picture"].id, "crest", None)
    (asked,) = server.asked
    assert set(asked.json) == {
        "title",
        "made_by",
        "kind",
        "media_type",
        "size",
        "width",
        "height",
        "fingerprints",
    }
    assert asked.json["kind"] == "image"
    assert {f["algorithm"] for f in asked.json["fingerprints"]} >= {"digest.sha256.v1", "image.phash256.v1"}
    assert picture.read_bytes()[100:140] not in asked.body


def test_an_upload_sends_the_file_with_what_is_said_of_it(picture: Path) -> None:
    with serving(lambda asked: _made(contested={"since": "…"})) as server, Client(server.url) as client:
        outcome = register(client, Entry(picture, {"title": "Kamm"}), upload=True)
    assert outcome.contested
    assert outcome.notes == ("From the server.",)
    (asked,) = server.asked
    assert picture.read_bytes() in asked.body
    assert json.dumps({"title": "Kamm"}, separators=(",", ":")).encode() in asked.body


def test_what_is_on_record_before_is_no_failure_but_any_other_conflict_is(picture: Path) -> None:
    work = lab.WORKS["open picture"].id
    with (
        serving(lambda asked: problem(409, "conflict", "You registered it.", work=work)) as server,
        Client(server.url) as client,
    ):
        outcome = register(client, Entry(picture), upload=False)
    assert (outcome.exists, outcome.work, outcome.error) == (True, work, None)
    with (
        serving(lambda asked: problem(409, "conflict", "Retry.")) as server,
        Client(server.url) as client,
    ):
        outcome = register(client, Entry(picture), upload=False)
    assert (outcome.exists, outcome.error is not None) == (False, True)


def test_a_bad_file_or_statement_fails_alone_but_a_refused_key_fails_all(
    picture: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    with serving(lambda asked: problem(422, "shares.sum", "900,000")) as server, Client(server.url) as client:
        assert register(client, Entry(tmp_path / "empty.png"), upload=False).error is not None
        assert register(client, Entry(tmp_path / "missing.png"), upload=True).error is not None
        assert server.asked == []
        outcome = register(client, Entry(picture), upload=False)
        assert outcome.error is not None
        assert outcome.error.code == "shares.sum"
    with (
        serving(lambda asked: problem(403, "auth.forbidden", "No.")) as server,
        Client(server.url) as client,
        pytest.raises(Forbidden),
    ):
        register(client, Entry(picture), upload=False)
