"""What is denied for want of a licence names the offers that would permit it, to those to whom they are open."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import event

from registry.base.actor import Role
from registry.base.db import Database
from tests.functional.checking.test_check_over_http import PHASH, check, code_of, offer, register
from tests.functional.conftest import Account, Client
from tests.support.pictures import png

Make = Callable[..., Account]
TERMS = {"purpose": "train_genai", "policy": "consent-first"}


def tariff(client: Client, maker: Account, name: str = "pictures") -> dict[str, Any]:
    components = [{"type": "per_unit", "unit": "image", "amount_minor": 40, "per_units": 100}]
    body = {"name": name, "currency": "EUR", "components": components}
    answer = client.post("/v1/tariffs", json=body, headers=maker.headers)
    assert answer.status_code == 201, answer.json
    made: dict[str, Any] = answer.json
    return made


def told(client: Client, who: Account, work: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    """The offers that the only hit names."""
    (match,) = check(client, who, code_of(work), **changes).json["matches"]
    found: list[dict[str, Any]] = match["offers"]
    return found


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What is asked of the table of offers meanwhile."""
    seen: list[str] = []

    def note(_c: object, _k: object, statement: str, *_: object) -> None:
        if "FROM offer_work" in statement and "tariff_version" in statement:
            seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def test_a_denied_hit_names_the_offer_and_the_tariff_that_permit_it(client: Client, account: Make) -> None:
    maker, lab = account(), account(Role.LAB)
    work, unoffered = register(client, maker, png(1)), register(client, maker, png(2))
    price = tariff(client, maker)
    made = offer(client, maker, work, tariff=price["tariff"])
    expected = [{"offer": f"{made['id']}@1", "tariff": price["digest"]}]
    assert told(client, lab, work) == expected
    assert told(client, maker, work) == expected, "it is public"
    assert told(client, lab, unoffered) == []
    assert told(client, lab, work, purpose="tdm") == [], "it permits a part only"
    item = {"hash": code_of(work), "algorithm": PHASH}
    headers = {**lab.headers, "Content-Type": "application/jsonl"}
    lines = client.post("/v1/check", data=orjson.dumps(item) + b"\n", query_string=TERMS, headers=headers)
    assert orjson.loads(lines.data.splitlines()[0])["matches"][0]["offers"] == expected
    parts = {"file": (io.BytesIO(png(1)), "a.png")}
    files = client.post("/v1/check/files", data=parts, query_string=TERMS, headers=lab.headers)
    assert files.json["files"][0]["matches"][0]["offers"] == expected
    assert client.delete(f"/v1/offers/{made['id']}", headers=maker.headers).status_code in {200, 204}
    assert told(client, lab, work) == []


def test_an_offer_to_another_lab_is_its_own_business(client: Client, account: Make) -> None:
    maker, lab, rival = account(), account(Role.LAB), account(Role.LAB, name="Rival")
    work = register(client, maker, png(1))
    made = offer(client, maker, work, licensees=[lab.id])
    assert told(client, lab, work) == [{"offer": f"{made['id']}@1", "tariff": None}]
    assert told(client, rival, work) == []
    assert told(client, maker, work) == []


def test_only_where_an_offer_holds_is_it_named(client: Client, account: Make) -> None:
    maker, lab = account(), account(Role.LAB)
    work, price = register(client, maker, png(1)), tariff(client, maker)["tariff"]
    made = offer(client, maker, work, tariff=price, territories=["DE", "FR"])
    assert [each["offer"] for each in told(client, lab, work, territory="FR")] == [f"{made['id']}@1"]
    assert told(client, lab, work) == []
    later = {"valid_from": "2099-01-01T00:00:00Z"}
    offer(client, maker, work, tariff=price, **later)
    assert told(client, lab, work) == [], "it does not hold yet"


def test_a_contested_title_and_a_licensed_one_name_no_offer(client: Client, account: Make) -> None:
    maker, second, lab = account(), account(name="Second"), account(Role.LAB)
    work = register(client, maker, png(1))
    made = offer(client, maker, work, tariff=tariff(client, maker)["tariff"])
    assert client.post(f"/v1/offers/{made['id']}/accept", headers=lab.headers).status_code == 201
    assert told(client, lab, work) == [], "it has what it needs"
    other = account(Role.LAB, name="Other")
    assert told(client, other, work) != []
    assert register(client, second, png(1))["contested"] is not None
    answer = check(client, other, code_of(work)).json
    assert {match["reason"] for match in answer["matches"]} == {"title.contested"}
    assert [match["offers"] for match in answer["matches"]] == [[], []]


def test_at_most_three_are_named_and_those_for_most_of_the_request_first(
    client: Client, account: Make, database: Database
) -> None:
    maker, lab = account(), account(Role.LAB)
    first, second = register(client, maker, png(1)), register(client, maker, png(2))
    price = tariff(client, maker)["tariff"]
    single = [offer(client, maker, first, tariff=price)["id"] for _ in range(3)]
    both = offer(client, maker, first, works=[first["id"], second["id"]], tariff=price)["id"]
    with statements(database) as seen:
        matches = check(client, lab, code_of(first), code_of(second), code_of(first)).json["matches"]
    assert len(seen) == 1, "for all hits together"
    named = [[each["offer"].partition("@")[0] for each in match["offers"]] for match in matches]
    assert named == [[both, *single[:2]], [both], [both, *single[:2]]]


def test_where_nothing_is_denied_nobody_asks_for_offers(
    client: Client, account: Make, database: Database
) -> None:
    maker, lab = account(), account(Role.LAB)
    free = register(client, maker, png(1))
    offer(client, maker, free)
    with statements(database) as seen:
        answer = check(client, lab, code_of(free), "00" * 32).json
    assert seen == []
    assert (answer["verdicts"], answer["matches"][0]["offers"]) == ("04", [])
