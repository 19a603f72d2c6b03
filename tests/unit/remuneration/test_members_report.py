"""What a society gets for its members: exactly the lines that its mandates cover, as a table and as a usage report."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from registry.base.actor import Actor, Role
from registry.core.errors import Forbidden, InvalidInput
from registry.core.ids import format_id
from registry.core.settlement.periods import Period
from registry.parties import service as parties
from registry.parties.service import May, Repertoire
from registry.remuneration import service as remuneration
from registry.remuneration.members import MemberLine, MembersReport, members_report
from registry.remuneration.society_files import NOTICE, dsr_like, members_csv
from registry.remuneration.statements import StatementEntry
from registry.works.service import Kind, NewShare
from tests.factories import make_actor
from tests.support.usage import FLAT, Trade, row

WHEN = datetime(2026, 10, 2, 9, 30, tzinfo=UTC)
ENTRY = StatementEntry(
    settlement=bytes(16),
    settled_at=WHEN,
    claim=bytes(16),
    log_index=17,
    row=0,
    claimed_at=WHEN,
    lab=bytes(16),
    work=b"w" * 16,
    title="=A heron; “blue”, \\one| two",
    licence="agreement_a@1",
    tariff=bytes(32),
    units=130,
    unit="image",
    ppm=500_000,
    exact_minor="52/1",
    amount_minor=-5,
    currency="EUR",
    management_exact=Fraction(0),
    other_exact=Fraction(0),
    purpose="train_genai",
)
LINE = MemberLine(
    b"a" * 16, "+Anna", "A lab", "text", (("iswc", "T0345246801"), ("isbn", "9783161484100")), ENTRY
)
OTHER = replace(LINE, member=b"b" * 16, name="Bert", entry=replace(ENTRY, amount_minor=205))
LATER = replace(LINE, entry=replace(ENTRY, part="net_income.2@19", amount_minor=1000))
REPORT = MembersReport(b"s" * 16, "A society", Period(2026, 3), (LINE, OTHER, LATER))


def join(trade: Trade, society: Actor, member: Actor, repertoire: Repertoire) -> None:
    """The member lets the society collect."""
    command = parties.CreateMandate(society.public_id, frozenset({May.COLLECT}), repertoire)
    parties.create_mandate(trade.session, member, command, trade.sources)


def test_a_society_sees_what_its_mandates_cover(trade: Trade) -> None:
    """All of Anna's; of Bert's only texts; nothing of who gave no mandate, and nothing any more when it has ended."""
    society = make_actor(trade.session, trade.sources, Role.SOCIETY, "A society")
    carl = make_actor(trade.session, trade.sources, Role.CREATOR, "Carl")
    halves = [NewShare(trade.anna.public_id, 500_000), NewShare(trade.bert.public_id, 500_000)]
    shared, text = trade.work(shares=halves), trade.work(trade.bert, "A song", kind=Kind.TEXT)
    strange = trade.work(carl)
    covered = [(trade.anna, shared), (trade.bert, text), (carl, strange)]
    rows = [row(w, trade.agreement(w, owner=owner, components=[FLAT]), 7) for owner, w in covered]
    trade.claim(*rows)
    remuneration.settle(trade.session, trade.operator, "2026-Q3", trade.sources)
    assert members_report(trade.session, society, "2026-Q3", trade.sources).lines == []
    join(trade, society, trade.anna, Repertoire(all=True))
    join(trade, society, trade.bert, Repertoire(media=frozenset({"text"})))
    found = members_report(trade.session, society, "2026-Q3", trade.sources)
    assert [(x.name, x.entry.work, x.entry.amount_minor, x.lab_name) for x in found.lines] == [
        ("Anna", shared.public_id, 500, "A lab"),
        ("Bert", text.public_id, 1000, "A lab"),
    ]
    named = members_report(trade.session, trade.operator, "2026-Q3", trade.sources, society.public_id)
    assert named == found
    assert members_report(trade.session, society, "2026-Q4", trade.sources).lines == []
    mandates = parties.list_mandates(trade.session, society).items
    for mandate in mandates:
        parties.end_mandate(trade.session, society, mandate.public_id, None, trade.clock())
    trade.clock.advance(seconds=1)
    assert members_report(trade.session, society, "2026-Q3", trade.sources).lines == []


def test_others_are_refused(trade: Trade) -> None:
    society = make_actor(trade.session, trade.sources, Role.SOCIETY, "A society")
    for actor in (trade.anna, trade.lab, trade.operator):
        with pytest.raises(Forbidden):
            members_report(trade.session, actor, "2026-Q3", trade.sources)
    with pytest.raises(Forbidden):
        members_report(trade.session, trade.anna, "2026-Q3", trade.sources, society.public_id)
    with pytest.raises(InvalidInput, match="for a society"):
        members_report(trade.session, trade.operator, "2026-Q3", trade.sources, trade.anna.public_id)
    with pytest.raises(InvalidInput, match="no period"):
        members_report(trade.session, society, "2026", trade.sources)


@pytest.mark.parametrize("german", [False, True])
def test_the_table_reads_back_as_it_was(german: bool) -> None:
    """Whatever is in a title; what would be a formula is text; lines end as RFC 4180 says."""
    data = members_csv(REPORT, german_excel=german)
    text = data.decode("utf-8-sig" if german else "utf-8")
    assert data.startswith("\ufeff".encode()) == german
    assert text.count("\r\n") == text.count("\n") == 4
    first, other, _ = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if german else ",")
    assert (first["title"], first["member_name"]) == (f"'{ENTRY.title}", "'+Anna")
    assert first["identifiers"] == "iswc:T0345246801 isbn:9783161484100"
    assert (first["amount"], first["amount_minor"]) == ("-0,05" if german else "-0.05", "-5")
    assert other["amount"] == ("2,05" if german else "2.05")


def records(data: bytes) -> list[list[str]]:
    """As a reader of DSR takes the file: lines that begin with # are ignored."""
    return [line.split("\t") for line in data.decode().splitlines() if not line.startswith("#")]


def test_the_usage_report_has_the_shape_of_dsr() -> None:
    """Every record with its number of cells, the counts in FOOT, each use once with its place in the log."""
    data = dsr_like(REPORT, "registry.example/usage-log")
    assert data.decode().splitlines()[0] == NOTICE
    head, summary, work, use, foot = records(data)
    assert [len(r) for r in (head, summary, work, use, foot)] == [16, 15, 19, 11, 6]
    assert (head[0], head[1], head[8:10]) == ("HEAD", "dsr-like/1", ["2026-07-01", "2026-09-30"])
    assert (summary[0], summary[8], summary[10:12]) == ("SY01.02", "130", ["EUR", "12.00"])
    assert (work[0], work[3], work[4]) == ("MW01.02", "T0345246801", "=A heron; “blue”, \\\\one\\| two")
    assert use[:4] == ["SU02.02", work[1], summary[1], "registry.example/usage-log#17:0"]
    assert (use[5], use[7]) == (format_id("work", ENTRY.work), "130")
    assert foot == ["FOOT", "5", "5", "1", "1", "1"]


def test_the_usage_report_names_itself_by_what_it_says() -> None:
    """The same report is the same bytes; another one has another id. Nothing used: HEAD and FOOT."""
    data = dsr_like(REPORT, "registry.example/usage-log")
    assert dsr_like(REPORT, "registry.example/usage-log") == data
    fewer = dsr_like(replace(REPORT, lines=(LINE,)), "registry.example/usage-log")
    assert records(fewer)[0][4] != records(data)[0][4]
    empty = records(dsr_like(replace(REPORT, lines=()), "registry.example/usage-log"))
    assert [r[0] for r in empty] == ["HEAD", "FOOT"]
    assert empty[1] == ["FOOT", "2", "2", "0", "0", "0"]
