"""From claims to postings: what is taken, when, for whom; and that nothing is ever paid twice or half."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from registry.base.db import Database
from registry.core.errors import Corrupt, Forbidden, InvalidInput
from registry.core.ids import format_id
from registry.core.records.leaves import SettlementLeaf, commitment, parse_leaf
from registry.core.settlement.rules import Deductions
from registry.core.tlog.merkle import root_of_leaves
from registry.licences.models import TariffSeries
from registry.log import service as log
from registry.remuneration import service as remuneration
from registry.remuneration import settling
from registry.remuneration.models import (
    FlatCharge,
    LedgerEntry,
    LedgerPosting,
    SettledClaim,
    Settlement,
    SettlementFile,
    SettlementPayee,
    SettlementPool,
    StatementLine,
)
from registry.usage.models import ClaimRow
from registry.works import service as works
from registry.works.models import ShareRow
from registry.works.service import NewShare, Work
from tests.factories import Clock, make_sources
from tests.support.usage import CENTS_PER_100_IMAGES, CENTS_PER_WORK, FLAT, Trade, name, open_trade, row

TABLES = (
    Settlement,
    SettlementFile,
    SettlementPayee,
    SettledClaim,
    SettlementPool,
    FlatCharge,
    StatementLine,
    LedgerEntry,
    LedgerPosting,
)


def settle(trade: Trade, period: str = "2026-Q3") -> Settlement:
    """As the operator does."""
    return remuneration.settle(trade.session, trade.operator, period, trade.sources)


def counts(session: Session) -> list[int]:
    """Rows of every table of money."""
    return [session.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES]


def balances(trade: Trade) -> dict[str, int]:
    """What every account holds, but empty ones; all trade is in euro."""
    accounts = trade.session.scalars(select(LedgerPosting.account).distinct())
    found = {account: remuneration.balance(trade.session, account).get("EUR", 0) for account in accounts}
    return {account: amount for account, amount in found.items() if amount}


def work_name(work: Work) -> str:
    """The public id as text."""
    return format_id("work", work.public_id)


def test_a_claim_becomes_balanced_money(trade: Trade) -> None:
    """130 images at 40 cents per 100 are 52 cents, half of them Bert's; the pool is filled and emptied."""
    halves = [NewShare(trade.anna.public_id, 500_000), NewShare(trade.bert.public_id, 500_000)]
    work = trade.work(shares=halves)
    licence = trade.agreement(work)
    trade.claim(row(work, licence, 130))
    settlement = settle(trade)
    assert balances(trade) == {
        f"Assets:Receivable:{name(trade.lab)}": 52,
        f"Liabilities:Payee:{name(trade.anna)}": -26,
        f"Liabilities:Payee:{name(trade.bert)}": -26,
    }
    assert (settlement.claim_count, settlement.line_count) == (1, 2)
    sums = select(func.sum(LedgerPosting.amount_minor)).group_by(LedgerPosting.transfer_id)
    assert set(trade.session.scalars(sums)) == {0}


def published(trade: Trade, settlement: Settlement, side: str) -> dict[str, list[str]]:
    """The lines of the files of one side."""
    query = select(SettlementFile).where(
        SettlementFile.settlement_id == settlement.id, SettlementFile.side == side
    )
    return {
        file.name: zlib.decompress(file.data).decode().splitlines() for file in trade.session.scalars(query)
    }


def test_the_leaf_commits_to_the_files_of_both_sides(trade: Trade) -> None:
    """As docs/reference/remuneration.md lists them; so the settlement can be recomputed by anyone."""
    work, free = trade.work(), trade.work()
    licence, gift = trade.agreement(work), trade.agreement(free, components=())
    batch = trade.claim(row(work, licence, 130), row(free, gift, 3))
    settlement = settle(trade)
    leaf = parse_leaf(log.entries(trade.session, settlement.log_index, settlement.log_index + 1)[0])
    assert isinstance(leaf, SettlementLeaf)
    assert leaf.settlement == format_id("settlement", settlement.public_id)
    assert (leaf.period, leaf.from_index, leaf.to_index) == ("2026-Q3", batch.log_index, batch.log_index + 1)
    payee = trade.session.scalars(select(SettlementPayee)).one()
    tariff = trade.session.scalars(select(ClaimRow.tariff).where(ClaimRow.tariff.is_not(None))).one()
    assert tariff is not None
    inputs, outputs = published(trade, settlement, "inputs"), published(trade, settlement, "outputs")
    paid, given = (batch.rows.decode().splitlines().index(line) for line in (
        f"{work_name(work)}\t130\t{licence}\t2", f"{work_name(free)}\t3\t{gift}\t2"
    ))  # fmt: skip
    assert list(inputs.pop("tariffs-0001.jsonl")) == [TARIFF.format(*_tariff_id(trade))]
    assert inputs == {
        "settlement.json": [
            (
                f'{{"from":{batch.log_index},"management_ppm":0,"period":"2026-Q3","right":"reproduction",'
                f'"social_ppm":0,"to":{batch.log_index + 1}}}'
            )
        ],
        "payees-0001.tsv": [commitment(payee.salt, {"party": name(trade.anna)})],
        "pools-0001.jsonl": [
            (
                f'{{"fixed":[],"lab":"{name(trade.lab)}","licence":"{licence}","metered":true,'
                f'"period":"2026-Q3","tariff":"{tariff.hex()}","uses":1}}'
            )
        ],
        "uses-000001-0001.tsv": [
            f"{batch.log_index}\t{paid}\t{work_name(work)}\t130\timage\t2\t-\t0:1000000"
        ],
        "free-0001.tsv": [f"{batch.log_index}\t{given}\t{work_name(free)}\t3\t{gift}\t2"],
    }
    assert outputs == {
        "lines-000001-0001.tsv": [f"{batch.log_index}\t{paid}\t{work_name(work)}\t0\t1000000\t52\t52"],
        "totals-0001.jsonl": [
            (
                f'{{"currency":"EUR","lab":"{name(trade.lab)}","licence":"{licence}","management":0,'
                f'"part":"use","period":"2026-Q3","social":0,"total":52}}'
            )
        ],
    }
    for side, root, logged in (
        ("inputs", settlement.input_root, leaf.inputs),
        ("outputs", settlement.output_root, leaf.root),
    ):
        found = published(trade, settlement, side)
        entries = [
            f"{file}\t{len(lines)}\t{root_of_leaves(line.encode() for line in lines).hex()}"
            for file, lines in sorted(found.items())
        ]
        assert root_of_leaves(entry.encode() for entry in entries) == root == bytes.fromhex(logged)


TARIFF = (
    '{{"components":[{{"amount_minor":40,"per_units":100,"type":"per_unit","unit":"image"}}],'
    '"currency":"EUR","tariff":"{}","version":1}}'
)


def _tariff_id(trade: Trade) -> list[str]:
    return [format_id("tariff", key) for key in trade.session.scalars(select(TariffSeries.public_id))]


def test_what_is_published_names_no_person(trade: Trade) -> None:
    """The makers' ids and names are in no file; the lab's id is, as in the log."""
    halves = [NewShare(trade.anna.public_id, 500_000), NewShare(trade.bert.public_id, 500_000)]
    work = trade.work(shares=halves)
    trade.claim(row(work, trade.agreement(work), 130))
    settlement = settle(trade)
    text = "".join(
        "".join(lines)
        for side in ("inputs", "outputs")
        for lines in published(trade, settlement, side).values()
    )
    assert name(trade.lab) in text
    for secret in (name(trade.anna), name(trade.bert), "Anna", "Bert", "A heron"):
        assert secret not in text
    salts = set(trade.session.scalars(select(SettlementPayee.salt)))
    assert len(salts) == 2
    assert not any(salt.hex() in text for salt in salts)


def test_deductions_come_off_the_pool_in_the_same_step(trade: Trade) -> None:
    """Of 101 cents 9 % and 1 %: 9.09, 1.01 and 90.9 cents, which is 9, 1 and 91."""
    work = trade.work()
    trade.claim(row(work, trade.agreement(work, components=({**CENTS_PER_WORK, "amount_minor": 101},))))
    deductions = Deductions(management_ppm=90_000, social_ppm=10_000)
    settlement = remuneration.settle(trade.session, trade.operator, "2026-Q3", trade.sources, deductions)
    assert (settlement.management_ppm, settlement.social_ppm) == (90_000, 10_000)
    assert balances(trade) == {
        f"Assets:Receivable:{name(trade.lab)}": 101,
        "Income:AdminFee": -9,
        "Liabilities:SocialFund": -1,
        f"Liabilities:Payee:{name(trade.anna)}": -91,
    }
    line = trade.session.scalars(select(StatementLine)).one()
    assert (line.ppm, line.exact_minor, line.amount_minor) == (1_000_000, "909/10", 91)


def test_a_claim_that_is_not_on_record_as_it_was_logged_stops_the_settlement(trade: Trade) -> None:
    """One unit more in the stored rows is not what the lab reported."""
    work = trade.work()
    batch = trade.claim(row(work, trade.agreement(work), 130))
    batch.rows = batch.rows.replace(b"\t130\t", b"\t131\t")
    with pytest.raises(Corrupt, match="Nothing was settled"):
        settle(trade)


def test_settling_twice_posts_nothing_new(trade: Trade) -> None:
    """Also much later: the period's settlement is simply returned."""
    work = trade.work()
    trade.claim(row(work, trade.agreement(work), 130))
    first = settle(trade)
    before, size = counts(trade.session), log.head(trade.session).size
    assert settle(trade).id == first.id
    trade.clock.advance(days=200)
    assert settle(trade).id == first.id
    assert (counts(trade.session), log.head(trade.session).size) == (before, size)


def test_a_claim_that_comes_later_is_taken_by_the_next_settlement(trade: Trade) -> None:
    """Of the same period, for its own money only; the flat fee is not charged again."""
    work = trade.work()
    licence = trade.agreement(work, components=(CENTS_PER_100_IMAGES, FLAT))
    trade.claim(row(work, licence, 100))
    first = settle(trade)
    assert balances(trade)[f"Assets:Receivable:{name(trade.lab)}"] == 1040
    late = trade.claim(row(work, licence, 200), number=2)
    second = settle(trade)
    assert second.id != first.id
    assert (second.period, second.claim_count) == ("2026-Q3", 1)
    assert second.closing_size == late.log_index + 1
    assert balances(trade)[f"Assets:Receivable:{name(trade.lab)}"] == 1120
    assert settle(trade).id == second.id


def test_the_flat_fee_is_due_again_in_the_next_quarter(trade: Trade) -> None:
    """Once for each agreement and period."""
    work = trade.work()
    licence = trade.agreement(work, components=(FLAT,))
    trade.claim(row(work, licence))
    settle(trade)
    trade.clock.advance(days=70)
    trade.claim(row(work, licence), number=2)
    settle(trade, "2026-Q4")
    assert balances(trade)[f"Assets:Receivable:{name(trade.lab)}"] == 2000
    charged = select(FlatCharge.period).order_by(FlatCharge.period)
    assert trade.session.scalars(charged).all() == ["2026-Q3", "2026-Q4"]


def test_a_period_takes_no_claims_from_after_its_end(trade: Trade) -> None:
    """But what an earlier quarter left over, under that quarter's name."""
    work = trade.work()
    licence = trade.agreement(work)
    trade.claim(row(work, licence, 100))
    trade.clock.advance(days=70)
    trade.claim(row(work, licence, 100), number=2)
    assert settle(trade, "2026-Q3").claim_count == 1
    trade.claim(row(work, licence, 100), number=3)
    assert settle(trade, "2026-Q4").claim_count == 2
    pools = trade.session.scalars(select(SettlementPool.period).order_by(SettlementPool.id)).all()
    assert pools == ["2026-Q3", "2026-Q4"]


def test_a_claim_that_nobody_settled_is_not_lost(trade: Trade) -> None:
    """The next quarter's settlement takes it, in a pool of its own."""
    work = trade.work()
    licence = trade.agreement(work, components=(FLAT,))
    trade.claim(row(work, licence))
    trade.clock.advance(days=70)
    trade.claim(row(work, licence), number=2)
    assert settle(trade, "2026-Q4").claim_count == 2
    assert balances(trade)[f"Assets:Receivable:{name(trade.lab)}"] == 2000
    pools = trade.session.scalars(select(SettlementPool.period).order_by(SettlementPool.period)).all()
    assert pools == ["2026-Q3", "2026-Q4"]


def test_an_empty_period_is_settled_once(trade: Trade) -> None:
    """That nothing was reported is a statement too."""
    first = settle(trade)
    assert (first.claim_count, first.line_count) == (0, 0)
    assert settle(trade).id == first.id
    assert balances(trade) == {}


def test_only_the_present_and_the_past_can_be_settled_by_the_operator(trade: Trade) -> None:
    """A future period cannot be, nor by anyone else."""
    with pytest.raises(InvalidInput, match="2026-Q3"):
        settle(trade, "2026-Q4")
    with pytest.raises(InvalidInput, match="2026-Q4"):
        settle(trade, "autumn")
    for actor in (trade.anna, trade.lab):
        with pytest.raises(Forbidden):
            remuneration.settle(trade.session, actor, "2026-Q3", trade.sources)


def test_shares_that_are_missing_are_unclaimed(trade: Trade) -> None:
    """A work whose shares are known for Germany only, used in France."""
    german = trade.work(shares=[NewShare(trade.anna.public_id, 1_000_000, territory="DE")])
    licence = trade.agreement(german)
    trade.claim(row(german, licence, 100), territory="FR")
    trade.claim(row(german, licence, 100), number=2, territory="DE")
    settle(trade)
    assert balances(trade)["Liabilities:Unclaimed:2026"] == -40
    assert balances(trade)[f"Liabilities:Payee:{name(trade.anna)}"] == -40


def stored_share(trade: Trade, work: Work, ppm: int) -> None:
    """As an import from elsewhere brings it: unlike the form, it may sum to anything."""
    trade.session.execute(update(ShareRow).where(ShareRow.work_id == work.id).values(ppm=ppm))


@pytest.mark.parametrize(
    ("ppm", "expected"),
    [
        (250_000, {"Payee": -10, "Unclaimed": -30}),
        (1_000_001, {"Disputed": -40}),
    ],
)
def test_imported_shares_may_be_short_or_too_many(trade: Trade, ppm: int, expected: dict[str, int]) -> None:
    """The rest is unclaimed; an overclaim holds the whole work."""
    work = trade.work()
    licence = trade.agreement(work)
    stored_share(trade, work, ppm)
    trade.claim(row(work, licence, 100))
    settle(trade)
    found = {account.split(":")[1]: amount for account, amount in balances(trade).items()}
    assert found == {"Receivable": 40} | expected


def test_a_contested_title_collects_nothing(trade: Trade) -> None:
    """The money is held under the work's name; the other works of the batch are paid."""
    fine, contested = trade.work(), trade.work()
    licence = trade.agreement(fine, contested)
    trade.claim(row(fine, licence, 100), row(contested, licence, 100))
    contested.contested_since = trade.clock()
    trade.session.flush()
    settle(trade)
    assert balances(trade) == {
        f"Assets:Receivable:{name(trade.lab)}": 80,
        f"Liabilities:Payee:{name(trade.anna)}": -40,
        f"Liabilities:Disputed:{work_name(contested)}": -40,
    }


def test_shares_are_those_of_the_day_of_the_claim(trade: Trade) -> None:
    """A work that was sold afterwards pays its former owner for former use."""
    work = trade.work()
    trade.claim(row(work, trade.agreement(work), 100))
    trade.clock.advance(days=1)
    works.set_shares(
        trade.session,
        trade.anna,
        work.public_id,
        [NewShare(trade.bert.public_id, 1_000_000)],
        trade.sources,
    )
    settle(trade)
    assert f"Liabilities:Payee:{name(trade.anna)}" in balances(trade)
    assert f"Liabilities:Payee:{name(trade.bert)}" not in balances(trade)


def test_free_use_is_taken_and_owes_nothing(trade: Trade) -> None:
    """An agreement without a tariff has no pool."""
    work = trade.work()
    trade.claim(row(work, trade.agreement(work, components=())))
    assert settle(trade).claim_count == 1
    assert balances(trade) == {}


def test_currencies_are_kept_apart(trade: Trade) -> None:
    """A yen is no cent."""
    work, other = trade.work(), trade.work(trade.bert)
    euro = trade.agreement(work, components=(CENTS_PER_WORK,))
    yen = trade.agreement(other, owner=trade.bert, components=(CENTS_PER_WORK,), currency="JPY")
    trade.claim(row(work, euro), row(other, yen))
    settle(trade)
    owed = remuneration.balance(trade.session, f"Assets:Receivable:{name(trade.lab)}")
    assert owed == {"EUR": 25, "JPY": 25}


def test_a_changed_tariff_stops_the_settlement(trade: Trade) -> None:
    """What was claimed under one price is not settled by another."""
    work = trade.work()
    trade.claim(row(work, trade.agreement(work)))
    trade.session.execute(update(ClaimRow).values(tariff=bytes(32)))
    with pytest.raises(Corrupt, match="Nothing was settled"):
        settle(trade)


def test_a_settlement_is_the_same_whatever_the_order_of_the_rows(database: Database) -> None:
    """Two databases with the same claims in another order of rows agree on the lines, to the byte."""
    roots = []
    for reverse in (False, True):
        with database.writing() as session:
            clock = Clock()
            trade = open_trade(session, make_sources(clock), clock)
            made = [trade.work() for _ in range(5)]
            licence = trade.agreement(*made, components=(CENTS_PER_100_IMAGES, FLAT))
            rows = [row(work, licence, units) for units, work in enumerate(made, start=1)]
            trade.claim(*(rows[::-1] if reverse else rows))
            settlement = settle(trade)
            roots.append((settlement.input_root, settlement.output_root))
            session.rollback()
    assert roots[0] == roots[1]


@pytest.mark.parametrize("step", ["gather", "_files", "_record", "_record_pool", "_post"])
def test_a_crash_at_any_step_leaves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """And settling afterwards pays each cent once."""
    clock = Clock()
    sources = make_sources(clock)
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        work = trade.work()
        trade.claim(row(work, trade.agreement(work, components=(CENTS_PER_100_IMAGES, FLAT)), 100))
        size = log.head(session).size
    original = getattr(settling, step)

    def crash(*arguments: Any, **named: Any) -> Any:
        original(*arguments, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(settling, step, crash)
    with pytest.raises(KeyboardInterrupt), database.writing() as session:
        remuneration.settle(session, trade.operator, "2026-Q3", sources)
    with database.reading() as session:
        assert counts(session) == [0] * len(TABLES)
        assert log.head(session).size == size
    monkeypatch.undo()
    for _ in range(2):
        with database.writing() as session:
            remuneration.settle(session, trade.operator, "2026-Q3", sources)
            assert remuneration.balance(session, f"Assets:Receivable:{name(trade.lab)}") == {"EUR": 1040}


def test_a_claim_cannot_be_settled_by_two(trade: Trade) -> None:
    """The key of `settled_claim` refuses it, whatever our code believes."""
    work = trade.work()
    batch = trade.claim(row(work, trade.agreement(work)))
    settlement = settle(trade)
    trade.session.add(SettledClaim(claim_batch_id=batch.id, settlement_id=settlement.id))
    with pytest.raises(IntegrityError):
        trade.session.flush()
    trade.session.rollback()
