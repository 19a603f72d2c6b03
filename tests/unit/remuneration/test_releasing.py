"""What was held is released when its cause is resolved: to whom, how much, once, and what is never released."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from registry.base.actor import Actor
from registry.core.errors import InvalidInput
from registry.core.ids import format_id
from registry.core.tariffs import Figure
from registry.log import service as log
from registry.remuneration import service as remuneration
from registry.remuneration.models import LedgerEntry, LedgerPosting, ReleasedLine, Settlement
from registry.works import service as works
from registry.works.service import NewShare, Outcome, Work
from tests.support.bank import IBANS, TRUST
from tests.support.conflicts import contest, decide, record_shares
from tests.support.usage import CENTS_PER_WORK, Trade, name, row

QUARTER, NEXT = "2026-Q3", "2026-Q4"
ON_SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
EURO = {**CENTS_PER_WORK, "amount_minor": 100}


def settle(trade: Trade, period: str = QUARTER) -> Settlement:
    """As the operator does."""
    return remuneration.settle(trade.session, trade.operator, period, trade.sources)


def owed(trade: Trade, actor: Actor) -> int:
    """In cents."""
    return -remuneration.balance(trade.session, remuneration.payee_account(name(actor))).get("EUR", 0)


def held(trade: Trade, work: Work) -> int:
    """In cents."""
    account = f"Liabilities:Disputed:{format_id('work', work.public_id)}"
    return -remuneration.balance(trade.session, account).get("EUR", 0)


def unclaimed(trade: Trade, year: int = 2026) -> int:
    """In cents."""
    return -remuneration.balance(trade.session, f"Liabilities:Unclaimed:{year}").get("EUR", 0)


def two_titles(trade: Trade) -> tuple[Work, Work, str]:
    """Anna's, Bert's newer one, whose use was settled while it was contested, and its licence: a euro is held."""
    earlier, newer = trade.work(), trade.work(trade.bert, "The same heron")
    licence = trade.agreement(newer, owner=trade.bert, components=(EURO,))
    contest(trade, newer, earlier)
    trade.claim(row(newer, licence))
    settle(trade)
    assert (held(trade, newer), owed(trade, trade.anna), owed(trade, trade.bert)) == (100, 0, 0)
    return earlier, newer, licence


@pytest.mark.parametrize(
    ("outcome", "anna", "bert"), [("release", 0, 100), ("reverse", 0, 100), ("uphold", 100, 0)]
)
def test_a_decision_gives_held_money_to_whose_title_counts(
    trade: Trade, outcome: str, anna: int, bert: int
) -> None:
    """Once; whoever lost the title was never owed a cent of it."""
    _, newer, _ = two_titles(trade)
    assert settle(trade).released_count == 0
    decided = decide(trade, newer, Outcome(outcome))
    done = settle(trade)
    assert (done.claim_count, done.released_count, done.line_count) == (0, 1, 1)
    assert done.closing_size > decided
    assert (held(trade, newer), owed(trade, trade.anna), owed(trade, trade.bert)) == (0, anna, bert)
    loser = trade.bert if anna else trade.anna
    touched = select(LedgerPosting.id).where(LedgerPosting.account == remuneration.payee_account(name(loser)))
    assert trade.session.scalars(touched).all() == []
    size = log.head(trade.session).size
    assert settle(trade).id == done.id
    assert log.head(trade.session).size == size


@ON_SQLITE
def test_what_is_decided_later_is_another_decision_about_other_money(trade: Trade) -> None:
    """What was released stays; what is settled of the lost title from then on is the earlier one's at once."""
    _, newer, licence = two_titles(trade)
    decide(trade, newer, Outcome.RELEASE)
    done = settle(trade)
    decide(trade, newer, Outcome.UPHOLD)
    assert settle(trade).id == done.id
    assert (owed(trade, trade.anna), owed(trade, trade.bert)) == (0, 100)
    trade.claim(row(newer, licence), number=2)
    settle(trade)
    assert (held(trade, newer), owed(trade, trade.anna), owed(trade, trade.bert)) == (0, 100, 100)


@ON_SQLITE
def test_a_title_that_was_found_for_must_itself_stand(trade: Trade) -> None:
    """Bert's copy of Anna's work, which a third work contests: nobody is paid until that is decided, too."""
    anna_s, copy, _ = two_titles(trade)
    oldest = trade.work(title="The first heron")
    contest(trade, anna_s, oldest)
    decide(trade, copy, Outcome.UPHOLD)
    settle(trade)
    assert held(trade, copy) == 100
    decide(trade, anna_s, Outcome.RELEASE)
    assert settle(trade).released_count == 1
    assert (held(trade, copy), owed(trade, trade.anna)) == (0, 100)


def state_shares(trade: Trade, work: Work, shares: Sequence[tuple[Actor, int]]) -> None:
    """From now on."""
    trade.clock.advance(days=1)
    stated = [NewShare(actor.public_id, ppm) for actor, ppm in shares]
    works.set_shares(trade.session, trade.anna, work.public_id, stated, trade.sources)


@ON_SQLITE
def test_shares_that_fit_again_release_the_whole_row(trade: Trade) -> None:
    """Too many were claimed; now they are stated anew, and a cent that is left goes to one of both."""
    work = trade.work()
    licence = trade.agreement(work, components=({**EURO, "amount_minor": 101},))
    record_shares(trade, work, [(trade.anna, 600_000), (trade.bert, 600_000)])
    trade.claim(row(work, licence))
    settle(trade)
    assert held(trade, work) == 101
    state_shares(trade, work, [(trade.anna, 500_000), (trade.bert, 500_000)])
    assert settle(trade).released_count == 1
    assert held(trade, work) == 0
    assert sorted([owed(trade, trade.anna), owed(trade, trade.bert)]) == [50, 51]


def test_unclaimed_money_goes_to_holders_as_they_become_known(trade: Trade) -> None:
    """A quarter is Anna's. Bert turns up for a half, and then for all the rest: Anna is paid once, for hers."""
    work = trade.work()
    licence = trade.agreement(work, components=(EURO,))
    record_shares(trade, work, [(trade.anna, 250_000)])
    trade.claim(row(work, licence))
    settle(trade)
    assert (owed(trade, trade.anna), unclaimed(trade)) == (25, 75)
    for ppm, bert, left in ((500_000, 50, 25), (750_000, 75, 0)):
        trade.clock.advance(days=1)
        record_shares(trade, work, [(trade.anna, 250_000), (trade.bert, ppm)])
        done = settle(trade)
        assert done.released_count == 1
        assert (owed(trade, trade.anna), owed(trade, trade.bert), unclaimed(trade)) == (25, bert, left)
        listed = remuneration.unclaimed_works(trade.session, trade.operator, 2026)
        assert [each.amount_minor for each in listed] == [left] * bool(left)
        assert settle(trade).id == done.id


@ON_SQLITE
def test_whoever_took_over_a_share_gains_nothing_of_what_is_missing(trade: Trade) -> None:
    """Anna was paid for her quarter; that it is Bert's now does not make the other three his."""
    work = trade.work()
    licence = trade.agreement(work, components=(EURO,))
    record_shares(trade, work, [(trade.anna, 250_000)])
    trade.claim(row(work, licence))
    first = settle(trade)
    trade.clock.advance(days=1)
    record_shares(trade, work, [(trade.bert, 250_000)])
    assert settle(trade).id == first.id
    assert (owed(trade, trade.bert), unclaimed(trade)) == (0, 75)


@ON_SQLITE
def test_what_lapsed_is_not_released(trade: Trade) -> None:
    """Up to the last day of the three years it is; from the next on it is not distributable, and said to be."""
    work, late = trade.work(), trade.work(title="A later heron")
    licence = trade.agreement(work, late, components=(EURO,))
    for each in (work, late):
        record_shares(trade, each, [(trade.anna, 250_000)])
    trade.claim(row(work, licence), row(late, licence))
    settle(trade)
    trade.clock.at = datetime(2029, 12, 30, 12, tzinfo=UTC)
    state_shares(trade, work, [(trade.bert, 1_000_000)])
    assert settle(trade, "2029-Q4").released_count == 1
    trade.clock.at = datetime(2030, 1, 1, tzinfo=UTC)
    state_shares(trade, late, [(trade.bert, 1_000_000)])
    assert settle(trade, "2030-Q1").released_count == 0
    (left,) = remuneration.list_held(trade.session, trade.operator, trade.sources)
    assert (left.work, left.state, left.amount_minor) == (late.public_id, "lapsed", 75)
    assert str(left.lapses_on) == "2030-01-01"
    remuneration.lapse_unclaimed(trade.session, trade.operator, trade.sources)
    assert settle(trade, "2030-Q1").released_count == 0
    assert (unclaimed(trade), owed(trade, trade.bert)) == (0, 75)


@ON_SQLITE
def test_released_money_is_paid_when_it_reaches_the_threshold(trade: Trade) -> None:
    """A euro is carried forward; with nine more it is ten, and is paid."""
    _, newer, licence = two_titles(trade)
    decide(trade, newer, Outcome.RELEASE)
    remuneration.set_bank_account(trade.session, trade.bert, "Bert", IBANS[0], trade.sources)
    settle(trade)
    trade.clock.advance(days=14)
    command = remuneration.PreparePayouts(*TRUST, trade.clock().date())
    with pytest.raises(InvalidInput, match="nobody to pay"):
        remuneration.prepare_payouts(trade.session, trade.operator, command, trade.sources)
    for number in range(2, 11):
        trade.claim(row(newer, licence), number=number)
    settle(trade)
    paid = remuneration.RecordPayment(trade.lab.public_id, 1000, "EUR", "bank/1")
    remuneration.record_payment(trade.session, trade.operator, paid, trade.sources)
    run = remuneration.prepare_payouts(trade.session, trade.operator, command, trade.sources)
    assert (run.payments, run.total_minor) == (1, 1000)


@ON_SQLITE
def test_the_statement_says_where_released_money_comes_from(trade: Trade) -> None:
    """It is attributed in the quarter in which it is released, with the quarter that it was collected in."""
    _, newer, _ = two_titles(trade)
    held_by = trade.session.scalars(select(Settlement)).one()
    trade.clock.advance(days=70)
    decide(trade, newer, Outcome.RELEASE)
    settle(trade, NEXT)
    assert remuneration.statement(trade.session, trade.bert, QUARTER, trade.sources).lines == []
    found = remuneration.statement(trade.session, trade.bert, NEXT, trade.sources)
    (line,) = found.lines
    assert (line.amount_minor, line.origin_period, line.held_by) == (100, QUARTER, held_by.public_id)
    assert found.totals == found.outstanding == {"EUR": 100}
    assert len(found.openings) == 1


@ON_SQLITE
def test_an_earlier_quarter_releases_nothing_of_a_later_one(trade: Trade) -> None:
    """Else a statement of summer would have the money of autumn."""
    trade.clock.advance(days=70)
    earlier, newer = trade.work(), trade.work(trade.bert)
    licence = trade.agreement(newer, owner=trade.bert, components=(EURO,))
    contest(trade, newer, earlier)
    trade.claim(row(newer, licence))
    settle(trade, NEXT)
    decide(trade, newer, Outcome.RELEASE)
    assert settle(trade, QUARTER).released_count == 0
    assert settle(trade, NEXT).released_count == 1


def test_the_database_refuses_a_second_release(trade: Trade) -> None:
    """Whoever tries."""
    _, newer, _ = two_titles(trade)
    decide(trade, newer, Outcome.RELEASE)
    done = settle(trade)
    line = trade.session.scalars(select(ReleasedLine.line_id)).one()
    with pytest.raises(IntegrityError), trade.session.begin_nested():
        trade.session.execute(insert(ReleasedLine).values(line_id=line, settlement_id=done.id))
    sums = select(func.sum(LedgerPosting.amount_minor)).group_by(LedgerPosting.transfer_id)
    assert set(trade.session.scalars(sums)) == {0}
    kinds = select(LedgerEntry.kind).where(LedgerEntry.settlement_id == done.id)
    assert trade.session.scalars(kinds).all() == ["release"]


@ON_SQLITE
def test_owners_and_the_operator_see_what_is_held_and_why(trade: Trade) -> None:
    """A maker sees that of the own works, nobody that of others."""
    _, newer, _ = two_titles(trade)
    for actor, expected in ((trade.operator, ["contested"]), (trade.bert, ["contested"]), (trade.anna, [])):
        found = remuneration.list_held(trade.session, actor, trade.sources)
        assert [each.state for each in found] == expected
    decide(trade, newer, Outcome.UPHOLD)
    (lost,) = remuneration.list_held(trade.session, trade.bert, trade.sources)
    assert (lost.state, lost.period, lost.amount_minor, lost.currency) == ("lost", QUARTER, 100, "EUR")
    settle(trade)
    assert remuneration.list_held(trade.session, trade.operator, trade.sources) == []


@ON_SQLITE
def test_what_a_corrected_figure_gives_back_is_released_with_what_it_corrects(trade: Trade) -> None:
    """In yen: 300 of 1,000 declared, then 150 of 500. Held are 300 and -150, and Bert gets both, pool by pool."""
    earlier, newer = trade.work(), trade.work(trade.bert, "The same heron")
    share = {"type": "revenue_share", "ppm": 300_000, "minimum_minor": 0}
    licence = trade.agreement(newer, owner=trade.bert, components=(share,), currency="JPY")
    contest(trade, newer, earlier)
    trade.claim(row(newer, licence))
    trade.clock.advance(days=92)
    declared = trade.declare(licence, Figure.NET_INCOME, 1_000)
    settle(trade)
    trade.declare(licence, Figure.NET_INCOME, 500, corrects=declared.public_id)
    settle(trade)
    (kept,) = remuneration.list_held(trade.session, trade.bert, trade.sources)
    assert (kept.amount_minor, kept.currency, kept.state) == (150, "JPY", "contested")
    decide(trade, newer, Outcome.RELEASE)
    assert settle(trade).released_count == 3  # the use itself, too, which costs nothing
    account = remuneration.payee_account(name(trade.bert))
    assert remuneration.balance(trade.session, account) == {"JPY": -150}
    lines = remuneration.statement(trade.session, trade.bert, QUARTER, trade.sources).lines
    assert sorted(line.amount_minor for line in lines) == [-150, 0, 300]
