"""Where a party wants its money. The whole IBAN goes into the bank's file and nowhere else.

Whoever changes it diverts money: the edges ask for the password, and payments wait two weeks, in which the owner sees
the change on the page of payouts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.errors import Forbidden
from registry.remuneration.payout_models import BankAccount
from registry.remuneration.payout_rules import WAIT, check_holder, check_iban, shown_iban


@dataclass(frozen=True, slots=True)
class BankDetails:
    """What its owner may see of a bank account."""

    holder: str
    iban: str
    """`DE… 3000`"""
    recorded_at: datetime
    payable_from: datetime


def set_bank_account(session: Session, actor: Actor, holder: str, iban: str, sources: Sources) -> BankDetails:
    """Pay the actor to this account, from two weeks on; no payment goes anywhere until then.

    The caller has asked for the password. `InvalidInput` for an IBAN or name that no bank would take; the same details
    again change nothing.
    """
    check_scopes(actor, frozenset({Scope.ACCOUNT}))
    if actor.role not in {Role.CREATOR, Role.SOCIETY}:
        raise Forbidden("Makers and societies are paid; this account is neither.")
    holder, iban = check_holder(holder), check_iban(iban)
    found = _newest(session, [actor.party_id]).get(actor.party_id)
    if found is None or (found.holder, found.iban) != (holder, iban):
        now = whole_second(sources.now())
        found = BankAccount(party_id=actor.party_id, holder=holder, iban=iban, recorded_at=now)
        session.add(found)
        session.flush()
    return _shown(found)


def bank_account_of(session: Session, actor: Actor) -> BankDetails | None:
    """The actor's own, if it gave one."""
    check_scopes(actor, frozenset({Scope.STATEMENTS_READ}))
    found = _newest(session, [actor.party_id]).get(actor.party_id)
    return None if found is None else _shown(found)


def payable_accounts(
    session: Session, party_ids: Collection[int], now: datetime
) -> Mapping[int, BankAccount]:
    """By party: the accounts that payments may go to at this time. For payout files only."""
    return {
        key: account
        for key, account in _newest(session, party_ids).items()
        if account.recorded_at + WAIT <= now
    }


def newest_account_times(session: Session, party_ids: Collection[int]) -> Mapping[int, datetime]:
    """By party: since when it wants its money where it wants it now. Not where that is."""
    return {key: account.recorded_at for key, account in _newest(session, party_ids).items()}


def _newest(session: Session, party_ids: Collection[int]) -> dict[int, BankAccount]:
    newest = (
        select(func.max(BankAccount.id))
        .where(BankAccount.party_id.in_(party_ids))
        .group_by(BankAccount.party_id)
    )
    return {a.party_id: a for a in session.scalars(select(BankAccount).where(BankAccount.id.in_(newest)))}


def _shown(account: BankAccount) -> BankDetails:
    iban = shown_iban(account.iban[:2], account.iban[-4:])
    return BankDetails(account.holder, iban, account.recorded_at, account.recorded_at + WAIT)
