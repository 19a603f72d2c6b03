"""GET /v1/statements and /v1/settlements: what each role finds, in JSON and as a table."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from registry.app import create_app
from registry.base.actor import Actor, Role, Scope
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.settings import AUDITORS, SOCIETIES, Settings
from registry.core.ids import format_id
from registry.core.records.leaves import commitment
from registry.parties import service as parties
from registry.parties.service import May, Repertoire
from registry.remuneration import service as remuneration
from registry.works.service import NewShare
from tests.factories import Clock, make_actor, make_key
from tests.functional.conftest import Account, Client
from tests.support.usage import CENTS_PER_100_IMAGES, FLAT, Trade, open_trade, row

STATEMENT = "/v1/statements?period=2026-Q3"


@dataclass(frozen=True)
class Settled:
    """A quarter in which a lab used two works, settled."""

    anna: Account
    bert: Account
    lab: Account
    operator: Account
    society: Account
    """May collect for Anna."""
    settlement: str
    claim: str


@pytest.fixture
def settled(database: Database, sources: Sources, clock: Clock) -> Settled:
    """Anna has one work alone and half of another, with a title that would be a formula; a third is contested."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        halves = [NewShare(trade.anna.public_id, 500_000), NewShare(trade.bert.public_id, 500_000)]
        alone, shared = (
            trade.work(title='=HYPERLINK("http://x")'),
            trade.work(title="“Two”, one", shares=halves),
        )
        contested = trade.work()
        licence = trade.agreement(alone, shared, contested, components=(CENTS_PER_100_IMAGES, FLAT))
        batch = trade.claim(row(alone, licence, 130), row(shared, licence, 7), row(contested, licence, 100))
        contested.contested_since = clock()
        session.flush()
        settlement = remuneration.settle(session, trade.operator, "2026-Q3", sources)
        society = make_actor(session, sources, Role.SOCIETY, "A society")
        _may_collect(trade, society)
        people = (trade.anna, trade.bert, trade.lab, trade.operator, society)
        anna, bert, lab, operator, society_account = (
            Account(actor, make_key(session, sources, actor)) for actor in people
        )
        names = format_id("settlement", settlement.public_id), format_id("claim", batch.public_id)
        return Settled(anna, bert, lab, operator, society_account, *names)


def _may_collect(trade: Trade, society: Actor) -> None:
    command = parties.CreateMandate(
        society.public_id,
        frozenset({May.COLLECT}),
        Repertoire(all=True),
        valid_to=trade.clock() + timedelta(days=30),
    )
    parties.create_mandate(trade.session, trade.anna, command, trade.sources)


def fetch(client: Client, who: Account, path: str = STATEMENT) -> Any:
    """The answer to this party."""
    return client.get(path, headers=who.headers)


def test_a_maker_sees_each_cent_with_its_claim(client: Client, settled: Settled) -> None:
    """385.33 cents for Anna's picture and half of 336.13 for the shared one, of 1,094.8 that are rounded to 1,095."""
    found = fetch(client, settled.anna).json
    assert (found["party"], found["period"]) == (settled.anna.id, "2026-Q3")
    lines = {line["title"]: line for line in found["lines"]}
    assert len(lines) == 2
    assert {line["exact_minor"] for line in lines.values()} == {"1156/3", "2521/15"}
    assert found["totals"] == {"EUR": 386 + 168}
    assert (found["paid"], found["outstanding"]) == ({}, {"EUR": 554})
    assert found["management_deductions"] == found["other_deductions"] == {"EUR": 0}
    line = lines["“Two”, one"]
    assert (line["share_ppm"], line["units"], line["unit"]) == (500_000, 7, "image")
    assert (line["claim"], line["settlement"]) == (settled.claim, settled.settlement)
    assert line["lab"] == settled.lab.id
    assert line["licence"].startswith("agreement_")
    assert len(line["tariff_sha256"]) == 64


def test_nobody_sees_what_is_owed_to_another(client: Client, settled: Settled) -> None:
    """Bert sees his half; a lab, and a maker that is owed nothing, see an empty statement of their own."""
    found = fetch(client, settled.bert).json
    assert [line["title"] for line in found["lines"]] == ["“Two”, one"]
    assert fetch(client, settled.lab).json == {
        "party": settled.lab.id,
        "name": "A lab",
        "paid": {},
        "outstanding": {},
        "management_deductions": {},
        "other_deductions": {},
        "openings": [],
        "period": "2026-Q3",
        "totals": {},
        "lines": [],
    }
    for other in (settled.bert, settled.lab):
        assert fetch(client, other, f"{STATEMENT}&on_behalf_of={settled.anna.id}").status_code == 403
    unknown = format_id("party", bytes(16))
    assert fetch(client, settled.bert, f"{STATEMENT}&on_behalf_of={unknown}").status_code == 403


def test_who_may_collect_for_a_maker_sees_its_statement(
    client: Client, settled: Settled, clock: Clock
) -> None:
    """While the mandate holds, and only that maker's; the operator sees every one."""
    anna = f"{STATEMENT}&on_behalf_of={settled.anna.id}"
    own = fetch(client, settled.anna).json
    assert fetch(client, settled.society, anna).json == own
    assert fetch(client, settled.operator, anna).json == own
    assert fetch(client, settled.society).json["lines"] == []
    assert fetch(client, settled.society, f"{STATEMENT}&on_behalf_of={settled.bert.id}").status_code == 403
    clock.advance(days=31)
    assert fetch(client, settled.society, anna).status_code == 403


def test_the_table_is_rfc_4180_and_no_formula(client: Client, settled: Settled) -> None:
    """CRLF, quotes where they are needed, an apostrophe before what a spreadsheet would execute."""
    answer = fetch(client, settled.anna, "/v1/statements.csv?period=2026-Q3")
    assert answer.mimetype == "text/csv"
    assert f"statement-2026-Q3-{settled.anna.id}.csv" in answer.headers["Content-Disposition"]
    assert answer.text.endswith("\r\n")
    assert answer.text.count("\n") == answer.text.count("\r\n") == 4
    *rows, sums = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert {name: text for name, text in sums.items() if text} == {
        "period": "2026-Q3",
        "party": settled.anna.id,
        "currency": "EUR",
        "total_minor": "554",
        "management_deduction_minor": "0",
        "other_deduction_minor": "0",
        "paid_minor": "0",
        "outstanding_minor": "554",
    }
    assert {line["title"] for line in rows} == {'\'=HYPERLINK("http://x")', "“Two”, one"}
    assert {line["amount"] for line in rows} == {"3.86", "1.68"}
    assert (
        sum(int(line["amount_minor"]) for line in rows) == fetch(client, settled.anna).json["totals"]["EUR"]
    )
    assert {line["claim"] for line in rows} == {settled.claim}


SENSELESS = ("", "?period=", "?period=2026-Q5", "?period=2026-Q3&page=2", "?period=2026-Q3&on_behalf_of=anna")


def test_a_question_that_makes_no_sense_is_refused(
    client: Client, settled: Settled, subtests: pytest.Subtests
) -> None:
    """Rather than answered with something else."""
    for question in (
        path + query for path in ("/v1/statements", "/v1/statements.csv") for query in SENSELESS
    ):
        with subtests.test(question):
            answer = fetch(client, settled.anna, question)
            assert (answer.status_code, answer.json["code"]) == (422, "input.invalid")


def test_deductions_are_shown_exactly_and_in_sums(
    client: Client, database: Database, sources: Sources, clock: Clock
) -> None:
    """Of 101 cents 9 % and 1 %: the maker is owed 91 of an exact 90.9, and told of 9.09 and 1.01."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        work = trade.work()
        trade.claim(row(work, trade.agreement(work, components=({**FLAT, "amount_minor": 101},))))
        deductions = remuneration.Deductions(management_ppm=90_000, social_ppm=10_000)
        remuneration.settle(session, trade.operator, "2026-Q3", sources, deductions)
        anna = Account(trade.anna, make_key(session, sources, trade.anna))
    found = fetch(client, anna).json
    assert found["totals"] == found["outstanding"] == {"EUR": 91}
    assert (found["management_deductions"], found["other_deductions"]) == ({"EUR": 9}, {"EUR": 1})
    (line,) = found["lines"]
    shown = (line["management_deduction_exact_minor"], line["other_deduction_exact_minor"])
    assert (line["exact_minor"], *shown) == ("909/10", "909/100", "101/100")
    line, sums = csv.DictReader(
        io.StringIO(fetch(client, anna, "/v1/statements.csv?period=2026-Q3").text, newline="")
    )
    assert (line["management_deduction_exact_minor"], line["other_deduction_exact_minor"]) == shown
    assert (sums["management_deduction_minor"], sums["other_deduction_minor"]) == ("9", "1")


def test_a_payee_finds_itself_in_the_published_files(client: Client, settled: Settled) -> None:
    """By a commitment that only its salt opens; the amounts under its number are those of its statement."""
    found = fetch(client, settled.anna).json
    (opening,) = found["openings"]
    folder = f"/v1/settlements/{opening['settlement']}"
    payees = client.get(f"{folder}/inputs/payees-0001.tsv").text.splitlines()
    assert opening["commitment"] == commitment(bytes.fromhex(opening["salt"]), {"party": settled.anna.id})
    number = payees.index(opening["commitment"])
    lines = [
        line.split("\t") for line in client.get(f"{folder}/outputs/lines-000001-0001.tsv").text.splitlines()
    ]
    mine = {(line[2], line[5], int(line[6])) for line in lines if line[3] == str(number)}
    assert mine == {(line["work"], line["exact_minor"], line["amount_minor"]) for line in found["lines"]}
    for path in ("inputs/payees-0002.tsv", "neither/listing.tsv", "outputs/listing.tsv/x"):
        assert client.get(f"{folder}/{path}").status_code == 404


@pytest.mark.parametrize("readers", [SOCIETIES, AUDITORS])
def test_an_operator_may_show_the_files_to_few_only(
    settled: Settled, settings: Settings, sources: Sources, database: Database, readers: str
) -> None:
    """Nobody else, signed in or not; and no cache between keeps them. Anybody can open a society's account."""
    closed = create_app(
        replace(settings, settlement_readers=readers), sources=sources, database=database
    ).test_client()
    path = f"/v1/settlements/{settled.settlement}/inputs/listing.tsv"
    assert closed.get(path).status_code == 401
    for who in (settled.anna, settled.lab, *([settled.society] if readers == AUDITORS else [])):
        assert closed.get(path, headers=who.headers).status_code == 403
    for who in (settled.operator, *([settled.society] if readers == SOCIETIES else [])):
        answer = closed.get(path, headers=who.headers)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"].startswith("private")


def test_a_period_without_settlement_is_an_empty_statement(client: Client, settled: Settled) -> None:
    """Also in the table, which has its header all the same."""
    assert fetch(client, settled.anna, "/v1/statements?period=2025-Q1").json["lines"] == []
    table = fetch(client, settled.anna, "/v1/statements.csv?period=2025-Q1").text
    assert table.startswith("period,party,settlement,")
    assert table.count("\r\n") == 2  # the sums of all quarters


def test_settlements_are_listed_with_their_roots(client: Client, settled: Settled) -> None:
    """What the log commits to is for everyone with an account."""
    for who in (settled.anna, settled.lab, settled.operator):
        (item,) = fetch(client, who, "/v1/settlements").json["items"]
        assert item["id"] == settled.settlement
        assert (item["period"], item["claims"], item["lines"]) == ("2026-Q3", 1, 4)
        assert len(item["input_root"]) == len(item["output_root"]) == 64


def test_a_lab_sees_what_it_owes_and_others_do_not(
    client: Client, settled: Settled, database: Database, sources: Sources
) -> None:
    """Pools are between the lab and the operator."""
    path = f"/v1/settlements/{settled.settlement}"
    found = fetch(client, settled.lab, path).json
    assert found["totals"] == {"EUR": 1095}
    (pool,) = found["pools"]
    assert (pool["lab"], pool["flat_minor"], pool["total_minor"]) == (settled.lab.id, 1000, 1095)
    assert fetch(client, settled.operator, path).json == found
    with database.writing() as session:
        rival = make_actor(session, sources, Role.LAB, "Another lab")
        other = Account(rival, make_key(session, sources, rival))
    for who in (settled.anna, settled.society, other):
        assert fetch(client, who, path).json == found | {"totals": {}, "pools": []}
    assert (
        fetch(client, settled.lab, f"/v1/settlements/{format_id('settlement', bytes(16))}").status_code == 404
    )


@pytest.mark.parametrize("path", [STATEMENT, "/v1/statements.csv?period=2026-Q3", "/v1/settlements"])
def test_statements_need_a_key_that_may_read_them(
    client: Client, settled: Settled, database: Database, sources: Sources, path: str
) -> None:
    """No key, or one for other things, finds nothing."""
    assert client.get(path).status_code == 401
    with database.writing() as session:
        key = make_key(session, sources, settled.anna.actor, Scope.WORKS_READ)
    assert fetch(client, Account(settled.anna.actor, key), path).status_code == 403
