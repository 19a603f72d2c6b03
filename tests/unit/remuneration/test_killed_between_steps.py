"""Whenever the operator's process is killed, going on pays each cent to the right payee, and none twice."""

from __future__ import annotations

from sqlalchemy import func, select

from registry.base.db import Database
from registry.base.sealing import SealingKey
from registry.core.ids import format_id
from registry.remuneration import service as remuneration
from registry.remuneration.bank_details import set_bank_account
from registry.remuneration.models import LedgerPosting, ReleasedLine, Settlement, SettlementFile
from registry.remuneration.payout_models import Payout, PayoutEvent
from registry.remuneration.payout_rules import BANK, IN_TRANSIT, State
from registry.remuneration.rules import payee_account, receivable_account
from registry.works.service import NewShare, Outcome
from tests.factories import Clock, make_sources
from tests.support import killed_operator
from tests.support.bank import IBANS
from tests.support.conflicts import contest, decide
from tests.support.usage import FLAT, open_trade, row

KILLS = (3, 20, 31, 9, 16, 5, 24, 12)
"""At which statement; what was committed before is not done again, so the later ones come further along."""


def test_a_killed_operator_pays_nobody_twice(database: Database, bank_key: SealingKey) -> None:
    """Killed again and again in the middle of settling, releasing, paying and booking; then it goes on in peace, twice.

    Of the 45 euro that are paid out, 5 were held for Bert's contested title, which was decided since.
    """
    clock = Clock()
    with database.writing() as session:
        trade = open_trade(session, make_sources(clock), clock)
        shares = [NewShare(trade.anna.public_id, 750_000), NewShare(trade.bert.public_id, 250_000)]
        licence = trade.agreement(
            work := trade.work(shares=shares), components=[{**FLAT, "amount_minor": 4000}]
        )
        newer = trade.work(trade.bert)
        price = [{**FLAT, "amount_minor": 500}]
        held = trade.agreement(newer, owner=trade.bert, components=price)
        contest(trade, newer, work)
        trade.claim(row(newer, held), number=2)
        remuneration.settle(session, trade.operator, "2026-Q3", trade.sources)
        decide(trade, newer, Outcome.RELEASE)
        trade.claim(row(work, licence))
        for actor, iban in ((trade.anna, IBANS[0]), (trade.bert, IBANS[1])):
            set_bank_account(session, actor, "Somebody", iban, trade.sources)
    url = database.engine.url.render_as_string(hide_password=False)
    now = clock.advance(days=14)
    desk = killed_operator.Desk(url, bank_key.path, trade.operator, trade.lab.public_id, "2026-Q3", now, 4500)
    killed = sum(killed_operator.kill_at(desk, statement) for statement in KILLS)
    assert killed >= killed_operator.STEPS
    for _ in range(2):
        killed_operator.work_through(desk)
    anna, bert = (format_id("party", actor.public_id) for actor in (trade.anna, trade.bert))
    lab = format_id("party", trade.lab.public_id)
    with database.reading() as session:
        for account in (BANK, IN_TRANSIT, payee_account(anna), payee_account(bert), receivable_account(lab)):
            assert remuneration.balance(session, account).get("EUR", 0) == 0
        moved = dict(
            session.execute(
                select(LedgerPosting.account, func.sum(LedgerPosting.amount_minor))
                .where(LedgerPosting.amount_minor > 0)
                .group_by(LedgerPosting.account)
            ).all()
        )
        assert (moved[payee_account(anna)], moved[payee_account(bert)], moved[BANK]) == (3000, 1500, 4500)
        assert sorted(session.scalars(select(Payout.amount_minor))) == [1500, 3000]
        settled = select(func.count()).where(PayoutEvent.state == State.SETTLED)
        assert session.scalar(settled) == 2
        assert session.scalar(select(func.count()).select_from(Settlement)) == 2
        assert session.scalar(select(func.count()).select_from(ReleasedLine)) == 1
        assert session.scalar(select(func.count()).select_from(SettlementFile)) == 7 + 9
