"""Money that nobody is known for: listed with its works, its clocks, and booked away once when they have run out."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from registry.core.errors import Forbidden
from registry.core.ids import format_id
from registry.core.settlement.deadlines import Deadlines
from registry.remuneration import service as remuneration
from registry.works.service import NewShare
from tests.support.bank import IBANS, TRUST
from tests.support.usage import CENTS_PER_WORK, Trade, row


@pytest.mark.parametrize(
    ("today", "state"),
    [
        ("2026-12-31", "open"),
        ("2027-09-30", "open"),
        ("2027-10-01", "to-list"),
        ("2027-12-31", "to-list"),
        ("2028-01-01", "overdue"),
        ("2028-02-29", "overdue"),
        ("2029-12-31", "overdue"),
        ("2030-01-01", "lapsed"),
    ],
)
def test_each_deadline_ends_with_its_last_day(today: str, state: str) -> None:
    """Of money collected in 2026: nine months, three more, three years; a leap day changes nothing."""
    assert Deadlines(2026).state(date.fromisoformat(today)) == state


def test_deadlines_of_a_year() -> None:
    """As the law counts them, from the end of the year of collection."""
    clocks = Deadlines(2026)
    dates = (clocks.distributed_by, clocks.listed_by, clocks.lapses_on)
    assert [each.isoformat() for each in dates] == ["2027-09-30", "2027-12-31", "2030-01-01"]


def balance(trade: Trade, account: str) -> int:
    """In cents."""
    return remuneration.balance(trade.session, account).get("EUR", 0)


def test_unclaimed_money_lapses_once_after_three_years(trade: Trade) -> None:
    """Not a day before; what comes to that year later is booked by a further entry, and payees are not touched."""
    work = trade.work(
        shares=[NewShare(trade.anna.public_id, 1_000_000, territory="DE")], title="A lost heron"
    )
    licence = trade.agreement(work)
    trade.claim(row(work, licence, 100), territory="FR")
    trade.claim(row(work, licence, 100), number=2, territory="DE")
    remuneration.settle(trade.session, trade.operator, "2026-Q3", trade.sources)
    (found,) = remuneration.list_unclaimed(trade.session, trade.operator)
    assert (found.year, found.currency, found.amount_minor) == (2026, "EUR", 40)
    (listed,) = remuneration.unclaimed_works(trade.session, trade.operator, 2026)
    assert (listed.work, listed.title, listed.amount_minor) == (work.public_id, "A lost heron", 40)
    assert remuneration.unclaimed_works(trade.session, trade.operator, 2025) == []
    trade.clock.at = datetime(2029, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert remuneration.lapse_unclaimed(trade.session, trade.operator, trade.sources) == []
    trade.clock.at = datetime(2030, 1, 1, tzinfo=UTC)
    assert remuneration.lapse_unclaimed(trade.session, trade.operator, trade.sources) == [found]
    assert remuneration.lapse_unclaimed(trade.session, trade.operator, trade.sources) == []
    assert balance(trade, "Liabilities:Unclaimed:2026") == 0
    assert balance(trade, "Liabilities:Undistributable:2026") == -40
    assert remuneration.list_unclaimed(trade.session, trade.operator) == []


def test_only_the_operator_sees_and_books_unclaimed_money(trade: Trade) -> None:
    """A maker may claim it, not move it."""
    with pytest.raises(Forbidden):
        remuneration.list_unclaimed(trade.session, trade.anna)
    with pytest.raises(Forbidden):
        remuneration.unclaimed_works(trade.session, trade.anna, 2026)
    with pytest.raises(Forbidden):
        remuneration.lapse_unclaimed(trade.session, trade.anna, trade.sources)


def test_money_that_is_held_or_unclaimed_is_in_no_payout(trade: Trade) -> None:
    """Of three works at 20 euro one is contested and one belongs to nobody there: only Anna is paid, for hers."""
    price = {**CENTS_PER_WORK, "amount_minor": 2000}
    hers, contested = trade.work(), trade.work()
    elsewhere = trade.work(shares=[NewShare(trade.anna.public_id, 1_000_000, territory="DE")])
    licence = trade.agreement(hers, contested, elsewhere, components=(price,))
    trade.claim(*(row(work, licence) for work in (hers, contested, elsewhere)), territory="FR")
    contested.contested_since = trade.clock()
    trade.session.flush()
    remuneration.settle(trade.session, trade.operator, "2026-Q3", trade.sources)
    paid = remuneration.RecordPayment(trade.lab.public_id, 6000, "EUR", "bank/1")
    remuneration.record_payment(trade.session, trade.operator, paid, trade.sources)
    remuneration.set_bank_account(trade.session, trade.anna, "Anna", IBANS[0], trade.sources)
    trade.clock.advance(days=14)
    command = remuneration.PreparePayouts(*TRUST, trade.clock().date(), 1)
    run = remuneration.prepare_payouts(trade.session, trade.operator, command, trade.sources)
    assert (run.payments, run.total_minor) == (1, 2000)
    held = f"Liabilities:Disputed:{format_id('work', contested.public_id)}"
    assert balance(trade, held) == balance(trade, "Liabilities:Unclaimed:2026") == -2000
