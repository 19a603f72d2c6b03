"""Taking in the bank's answers: every payment is settled or returned once, and a file counts once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.errors import Conflict, InvalidInput, NotFound
from registry.log import service as log
from registry.notices import service as notices
from registry.remuneration import payout_rules as rules
from registry.remuneration.bank_replies import Answer, read_reply
from registry.remuneration.ledger import post
from registry.remuneration.money import decimal
from registry.remuneration.payout_models import BankReply, Payout, PayoutRun
from registry.remuneration.payout_rules import CURRENCY, State
from registry.remuneration.payouts import give_back, payouts_in, reach, states_of

_OURS = "PO-"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a file of the bank changed."""

    kind: str
    settled: int
    returned: int


@dataclass(frozen=True, slots=True)
class _Change:
    payout: Payout
    state: State
    reason: str | None


def take_reply(session: Session, actor: Actor, data: bytes, sources: Sources) -> Taken:
    """Settle and return what the file says. `Conflict` if it was taken before or contradicts what is on record.

    The whole file is checked before anything is written. What is on record already is passed over: a status report
    and an account statement may both say it.
    """
    check_scopes(actor, frozenset({Scope.OPERATE}))
    log.hold(session)
    digest = sha256(data).digest()
    if session.get(BankReply, digest) is not None:
        raise Conflict("This file of the bank was taken in before; nothing was changed.")
    kind, answers = read_reply(data)
    now = whole_second(sources.now())
    changes: list[_Change] = []
    for answer in sorted(answers, key=lambda a: a.state is State.RETURNED):
        changes += _changes(session, answer, changes)
    settled = [c for c in changes if c.state is State.SETTLED]
    returned = [c for c in changes if c.state is State.RETURNED]
    session.add(
        BankReply(sha256=digest, kind=kind, changes=len(changes), recorded_by=actor.party_id, recorded_at=now)
    )
    session.flush()
    for change in settled:
        identifier = rules.transfer_id("payout", change.payout.end_to_end_id, State.SETTLED)
        post(session, identifier, "payout", rules.settled(change.payout.amount_minor), now)
        reach(session, [change.payout], State.SETTLED, now, reply=digest)
    notices.tell(session, notices.Kind.PAID, {change.payout.party_id: {} for change in settled}, now)
    _give_back(session, returned, now, digest)
    return Taken(kind, len(settled), len(returned))


def _give_back(session: Session, returned: Sequence[_Change], now: datetime, digest: bytes) -> None:
    states = states_of(session, [change.payout for change in returned])
    for change in returned:
        was_settled = State.SETTLED in states[change.payout.id]
        give_back(session, [change.payout], now, was_settled=was_settled)
        reach(session, [change.payout], State.RETURNED, now, reason=change.reason, reply=digest)


def _changes(session: Session, answer: Answer, before: Sequence[_Change]) -> list[_Change]:
    """What one answer changes, given those before it in the same file."""
    payouts = _meant(session, answer)
    if not payouts:
        return []
    total = sum(payout.amount_minor for payout in payouts)
    if answer.amount_minor is not None and (answer.amount_minor, answer.currency) != (total, CURRENCY):
        raise Conflict(
            f"The bank says {decimal(answer.amount_minor, CURRENCY)} {answer.currency} for "
            f"{answer.end_to_end_id or answer.message_id}, and {decimal(total, CURRENCY)} {CURRENCY} was paid. Nothing "
            "was changed; ask the bank."
        )
    states = _with(states_of(session, payouts), before)
    whole = answer.end_to_end_id is None
    return [
        _Change(payout, answer.state, answer.reason)
        for payout in payouts
        if _changed(payout, answer, states.get(payout.id, set()), whole=whole)
    ]


def _with(states: Mapping[int, set[str]], changes: Sequence[_Change]) -> dict[int, set[str]]:
    found = {key: set(reached) for key, reached in states.items()}
    for change in changes:
        found.setdefault(change.payout.id, set()).add(change.state)
    return found


def _changed(payout: Payout, answer: Answer, states: set[str], *, whole: bool) -> bool:
    """Whether the answer is new for this payment; `Conflict` if it cannot be."""
    name = payout.end_to_end_id
    if State.SENT not in states:
        raise Conflict(f"{name} was not marked as sent, and the bank knows it. Mark its run as sent first.")
    if answer.state in states:
        return False
    booked = answer.amount_minor is not None
    if answer.state is State.SETTLED:
        if State.RETURNED not in states:
            return True
        if whole and not booked:
            return False
        raise Conflict(f"{name} was returned, and the bank has booked it. Nothing was changed; ask the bank.")
    if booked != (State.SETTLED in states):
        raise Conflict(
            f"The bank returns {name}, and by what is on record it "
            + ("was not booked yet; take in the earlier statement first." if booked else "was booked.")
        )
    return True


def _meant(session: Session, answer: Answer) -> Sequence[Payout]:
    """The payments that an answer is about; none if it is about something else on the account."""
    run = None
    if answer.message_id is not None:
        run = session.scalar(select(PayoutRun).where(PayoutRun.message_id == answer.message_id))
        if run is None:
            if answer.amount_minor is not None and not answer.message_id.startswith(_OURS):
                return []
            raise NotFound(f"No file {answer.message_id[:35]} was made here; nothing was changed.")
        if answer.end_to_end_id is None:
            return payouts_in(session, run)
    payout = session.scalar(select(Payout).where(Payout.end_to_end_id == answer.end_to_end_id))
    if payout is None:
        if run is None and not str(answer.end_to_end_id).startswith(_OURS):
            return []
        raise NotFound(f"No payment {str(answer.end_to_end_id)[:35]} was made here; nothing was changed.")
    if run is not None and payout.run_id != run.id:
        raise InvalidInput(
            f"{payout.end_to_end_id} is not in the file {run.message_id}; nothing was changed."
        )
    return [payout]
