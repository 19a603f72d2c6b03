"""GET /v1/uses and its samples as a society meets them: its members' rows and nobody else's, each with its proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry.base.actor import Actor, Role, Scope
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.settings import Settings
from registry.core.ids import format_id
from registry.core.records.receipts import verify_receipt
from registry.core.records.samples import Place, draw
from registry.log import service as log
from registry.log.keys import LogKey
from registry.parties import service as parties
from registry.parties.service import May, Repertoire
from registry.wiring import log_keys
from tests.factories import Clock, make_actor, make_key
from tests.functional.conftest import Account, Client
from tests.support.usage import open_trade, row


@dataclass(frozen=True)
class Market:
    """Three makers, two of whom have given a society a mandate; a lab that used the works of all, in two claims."""

    anna: Account
    society: Account
    lab: Account
    operator: Account
    mandate: bytes
    """Anna's, for all that she has."""
    works: dict[str, str]
    """Ids, by what they are."""
    claims: tuple[str, str]
    policy: Any


@pytest.fixture
def settings(tmp_path: Path, database: Database) -> Settings:
    """A registry whose log can sign."""
    settings = Settings(tmp_path, database_url=str(database.engine.url))
    LogKey.generate(log_keys(settings), "registry.example/usage-log")
    return settings


@pytest.fixture
def market(database: Database, sources: Sources, clock: Clock, settings: Settings) -> Market:
    """Everything is committed, and the log is signed."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        society = make_actor(session, sources, Role.SOCIETY, "A society")
        carla = make_actor(session, sources, Role.CREATOR, "Carla")
        made = {
            "first": trade.work(),
            "second": trade.work(),
            "in": trade.work(trade.bert),
            "out": trade.work(trade.bert),
            "foreign": trade.work(carla),
        }
        owners = {"in": trade.bert, "out": trade.bert, "foreign": carla}
        lines = [
            row(work, trade.agreement(work, owner=owners.get(name)), 10 + n)
            for n, (name, work) in enumerate(made.items())
        ]
        claims = (trade.claim(*lines), trade.claim(*lines[1:], number=2))

        def give(principal: Actor, repertoire: Repertoire, *may: May) -> bytes:
            command = parties.CreateMandate(society.public_id, frozenset(may), repertoire)
            return parties.create_mandate(session, principal, command, sources).public_id

        mandate = give(trade.anna, Repertoire(all=True), May.COLLECT)
        give(trade.bert, Repertoire(works=frozenset({made["in"].public_id})), May.COLLECT, May.GRANT)
        give(carla, Repertoire(all=True), May.REGISTER, May.GRANT, May.WITHDRAW)
        anna, agent, lab, operator = (
            Account(actor, make_key(session, sources, actor))
            for actor in (trade.anna, society, trade.lab, trade.operator)
        )
        market = Market(
            anna,
            agent,
            lab,
            operator,
            mandate,
            {name: format_id("work", work.public_id) for name, work in made.items()},
            (format_id("claim", claims[0].public_id), format_id("claim", claims[1].public_id)),
            LogKey.load(log_keys(settings)).policy,
        )
    log.sign_head(database, LogKey.load(log_keys(settings)), sources.now())
    return market


def uses(client: Client, account: Account, query: str = "") -> list[dict[str, Any]]:
    """All rows of the list."""
    answer = client.get(f"/v1/uses?limit=500{query}", headers=account.headers)
    assert answer.status_code == 200, answer.text
    assert answer.json["next"] is None
    return list(answer.json["items"])


def sample(client: Client, account: Account, n: int, seed: str = "a seed", more: str = "") -> dict[str, Any]:
    """A sample."""
    answer = client.get(f"/v1/uses/sample?n={n}&seed={seed}{more}", headers=account.headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def test_a_society_sees_the_rows_of_its_members_works_and_no_others(client: Client, market: Market) -> None:
    """Not those of a maker for whom it may do all but collect, nor those outside a repertoire."""
    found = uses(client, market.society)
    expected = {
        (market.claims[0], market.works["first"], 10),
        (market.claims[0], market.works["second"], 11),
        (market.claims[0], market.works["in"], 12),
        (market.claims[1], market.works["second"], 11),
        (market.claims[1], market.works["in"], 12),
    }
    assert {(use["claim"], use["work"], use["units"]) for use in found} == expected
    assert len(found) == 5
    places = [(use["log_index"], use["row"]) for use in found]
    assert places == sorted(places)
    assert "receipt" not in found[0]
    own = uses(client, market.anna)
    assert {use["work"] for use in own} == {market.works["first"], market.works["second"]}


def test_the_list_goes_on_where_the_page_ended(client: Client, market: Market) -> None:
    """The place is that of the last row seen; so a page neither repeats nor skips a row."""
    found, after = [], ""
    while True:
        page = client.get(f"/v1/uses?limit=2{after}", headers=market.society.headers).json
        found += page["items"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == uses(client, market.society)
    second = max(use["log_index"] for use in found)
    assert uses(client, market.society, f"&from={second}") == [u for u in found if u["log_index"] == second]
    assert uses(client, market.society, f"&to={second}") == [u for u in found if u["log_index"] < second]


def test_a_sample_can_be_drawn_again_and_proves_each_row(client: Client, market: Market) -> None:
    """By whoever has the list and the seed; the proofs need a policy and nothing else."""
    places = [Place(use["log_index"], use["row"]) for use in uses(client, market.society)]
    found = sample(client, market.society, 1, "W%C3%BCrfel")
    for n in (1, 3, 100):
        found = sample(client, market.society, n, "W%C3%BCrfel")
        assert found["rows"] == 5
        drawn = [Place(use["log_index"], use["row"]) for use in found["items"]]
        assert drawn == draw("Würfel", places, n)
        for use in found["items"]:
            proved = verify_receipt(use["receipt"], market.policy)
            assert proved.row is not None
            assert (proved.index, proved.row_index) == (use["log_index"], use["row"])
            assert (proved.row.work, proved.row.units) == (use["work"], use["units"])
    again = sample(client, market.society, 3, "W%C3%BCrfel", f"&from=0&to={found['to']}")
    assert again["items"] == found["items"][:3]
    assert sample(client, market.society, 5, "other")["items"] != found["items"]


def test_who_has_it_already_is_told_so(client: Client, market: Market) -> None:
    for url in ("/v1/uses", "/v1/uses/sample?n=2&seed=a"):
        first = client.get(url, headers=market.society.headers)
        again = client.get(url, headers=market.society.headers | {"If-None-Match": first.headers["ETag"]})
        assert (first.status_code, again.status_code, again.data) == (200, 304, b"")


def test_an_ended_mandate_shows_nothing_more(
    client: Client, market: Market, database: Database, clock: Clock
) -> None:
    """What it proved before stays proved; the registry answers no more questions about it."""
    clock.advance(days=1)
    with database.writing() as session:
        parties.end_mandate(session, market.anna.actor, market.mandate, None, clock())
    clock.advance(seconds=1)
    assert {use["work"] for use in uses(client, market.society)} == {market.works["in"]}
    found = sample(client, market.society, 100)
    assert (found["rows"], {use["work"] for use in found["items"]}) == (2, {market.works["in"]})


def test_a_row_has_its_receipt_for_whoever_is_paid_for_it_alone(client: Client, market: Market) -> None:
    """Of a claim with rows of several makers, each is shown to its own."""
    claim = market.claims[0]
    shown = {use["row"]: use["work"] for use in uses(client, market.society) if use["claim"] == claim}
    statuses = {}
    for n in range(7):
        answer = client.get(f"/v1/claims/{claim}/receipt?row={n}", headers=market.society.headers)
        statuses[n] = answer.status_code
        if answer.status_code == 200:
            proved = verify_receipt(answer.text, market.policy)
            assert proved.row is not None
            assert proved.row.work == shown[n]
    assert {n for n, status in statuses.items() if status == 200} == set(shown)
    assert set(statuses.values()) == {200, 404}
    whole = client.get(f"/v1/claims/{claim}/receipt", headers=market.society.headers)
    unknown = f"/v1/claims/{format_id('claim', bytes(16))}/receipt?row=0"
    assert whole.status_code == 403
    assert client.get(unknown, headers=market.society.headers).status_code == 404


def test_who_has_no_works_and_who_may_not_read_is_refused(
    client: Client, market: Market, account: Callable[..., Account]
) -> None:
    """A stranger gets an empty list, not an error that tells something."""
    weak = account(Role.SOCIETY, Scope.WORKS_READ, name="A key for works")
    stranger = account(Role.SOCIETY, name="Another society")
    for headers, status in (
        ({}, 401),
        (weak.headers, 403),
        (market.lab.headers, 403),
        (market.operator.headers, 403),
        (stranger.headers, 200),
    ):
        for url in ("/v1/uses", "/v1/uses/sample?n=1&seed=a"):
            assert client.get(url, headers=headers).status_code == status
    assert client.get(f"/v1/claims/{market.claims[0]}/receipt?row=0", headers=weak.headers).status_code == 403
    assert uses(client, stranger) == []
    assert sample(client, stranger, 5)["rows"] == 0


REFUSED = (
    *("/sample", "/sample?n=1", "/sample?seed=a", "/sample?n=0&seed=a", "/sample?n=101&seed=a"),
    *("/sample?n=1&seed=", "/sample?n=1&seed=a%0Ab", "/sample?n=1&seed=a&works=all"),
    *("/sample?n=1&seed=a&from=-1", "?to=1000000", "?from=2&to=1", "?after=1", "?after=1.-1"),
    *("?after=01.1", "?after=x.y", "?limit=0", "?limit=501"),
)


def test_what_cannot_be_answered_is_refused(
    client: Client, market: Market, subtests: pytest.Subtests
) -> None:
    for query in REFUSED:
        with subtests.test(query):
            answer = client.get(f"/v1/uses{query}", headers=market.society.headers)
            assert (answer.status_code, answer.json["code"]) == (422, "input.invalid")
