"""A quarter of a society from its runs to the bank: with what agrees, and with each thing that does not."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import text as sql
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.core.ids import format_id
from registry.core.records.runs import Counts
from registry.core.settlement.periods import Period
from registry.parties import service as parties
from registry.parties.service import CreateMandate, May, Repertoire
from registry.remuneration import payouts
from registry.remuneration import service as remuneration
from registry.remuneration.bank_details import set_bank_account
from registry.remuneration.payouts import PreparePayouts, RecordPayment
from registry.remuneration.replies import take_reply
from registry.works.service import NewShare
from tests.support.bank import IBANS, TRUST, booked
from tests.support.usage import CENTS_PER_100_IMAGES, FLAT, Trade, row

SHARE = {"type": "revenue_share", "ppm": 300_000, "minimum_minor": 50_000}
PER_MODEL = {"type": "per_model_version", "amount_minor": 90_000}
DISTANCES = {
    "image.phash256.v1": {"0": 912, "3": 188, "8": 61, "17": 24, "30": 11, "33": 6, "41": 4},
    "text.minhash128.v1": {"0": 70, "21": 9, "40": 12},
    "digest.sha256.v1": {"0": 240},
}
PARAMETERS = {
    "grades": {
        "image.phash256.v1/full": [[31, "certain", "certain"], [33, "match", "match"], [47, "match", None]],
        "text.minhash128.v1/whole": [[25, "certain", "certain"], [64, "match", "match"]],
    }
}
COUNTS = Counts(
    9_400,
    7_690,
    1_710,
    {"allow": 6_140, "licensed": 1_550, "deny": 1_540, "review": 49, "unknown": 121},
    {
        "licence.open": 6_140,
        "licence.licensee": 1_550,
        "registered.no-licence": 1_498,
        "title.contested": 42,
        "match.review": 49,
        "error.undecodable": 121,
    },
    {"image": 9_300, "text": 100},
    DISTANCES,
)


@dataclass
class Quarter:
    """What was made; public ids as text."""

    trade: Trade
    society: Actor
    period: str
    runs: list[str] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    works: list[str] = field(default_factory=list)
    licence: str = ""
    shared: str = ""
    """The licence that is priced by declared figures, too."""


def go_through(trade: Trade, society: Actor) -> Quarter:
    """The quarter of the trade's clock, which ends in the next one.

    Anna has given the society a mandate for all, Bert for one work. Of the three claims one is priced in full, with a
    work in dispute; one waits for what the lab declares; one is free of charge. Anna has been paid by the bank, Bert
    has given no account.
    """
    session, sources = trade.session, trade.sources
    found = Quarter(trade, society, str(Period.of(trade.clock())))
    half = [NewShare(trade.anna.public_id, 500_000), NewShare(trade.bert.public_id, 500_000)]
    heron, crane = trade.work(title="A heron"), trade.work(title="A crane", shares=half)
    disputed, gull = trade.work(title="A stork"), trade.work(trade.bert, title="A gull")
    everything = CreateMandate(society.public_id, frozenset(May), Repertoire(all=True))
    parties.create_mandate(session, trade.anna, everything, sources)
    one = Repertoire(works=frozenset({gull.public_id}))
    parties.create_mandate(
        session, trade.bert, CreateMandate(society.public_id, frozenset({May.COLLECT}), one), sources
    )
    found.licence = trade.agreement(heron, crane, disputed, components=(CENTS_PER_100_IMAGES, FLAT))
    found.shared = trade.agreement(heron, components=(CENTS_PER_100_IMAGES, SHARE, PER_MODEL))
    theirs = trade.agreement(gull, owner=trade.bert)
    free = trade.agreement(crane, components=())
    reported = (
        [
            row(heron, found.licence, 12_000),
            row(crane, found.licence, 3_000),
            row(disputed, found.licence, 500),
            row(gull, theirs, 400),
        ],
        [row(heron, found.shared, 40)],
        [row(crane, free, 10)],
    )
    for number, rows in enumerate(reported, start=1):
        named = tuple(sorted({each["licence"] for each in rows}))
        run = trade.run(number, licences=named, counts=COUNTS, parameters=PARAMETERS)
        found.runs.append(run.run_id)
        claim = trade.claim(*rows, number=number, licences=named, counts=COUNTS, parameters=PARAMETERS)
        found.claims.append(format_id("claim", claim.public_id))
    disputed.contested_since = trade.clock()
    session.flush()
    found.works = [format_id("work", w.public_id) for w in (heron, crane, disputed, gull)]
    set_bank_account(session, trade.anna, "Anna Müller", IBANS[0], sources)
    trade.clock.advance(days=92)
    remuneration.settle(session, trade.operator, found.period, sources)
    _pay(trade)
    return found


def _pay(trade: Trade) -> None:
    """The lab pays what it owes so far, and the bank says that Anna has her money."""
    session, sources = trade.session, trade.sources
    owed = remuneration.balance(
        session, remuneration.receivable_account(format_id("party", trade.lab.public_id))
    )
    paid = RecordPayment(trade.lab.public_id, owed["EUR"], "EUR", "bank/1")
    payouts.record_payment(session, trade.operator, paid, sources)
    run = payouts.prepare_payouts(
        session, trade.operator, PreparePayouts(*TRUST, trade.clock().date()), sources
    )
    payouts.mark_sent(session, trade.operator, run.public_id, sources)
    (payment,) = payouts.payouts_in(session, run)
    amount = remuneration.decimal(payment.amount_minor, "EUR")
    take_reply(session, trade.operator, booked(("DBIT", payment.end_to_end_id, amount)), sources)


def without_safeguards(session: Session) -> None:
    """Let statement lines be changed, as somebody could who has the database."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sql("ALTER TABLE statement_line DISABLE TRIGGER USER"))
        return
    names = session.scalars(
        sql("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'statement_line'")
    ).all()
    for name in names:
        session.execute(sql(f'DROP TRIGGER "{name}"'))
