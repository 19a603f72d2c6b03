"""Opening an account and asking for a password at the edge, for pages and API alike.

Passwords are counted first, then checked, then forgotten.

Transactions of their own, so that the count stands whatever comes of the attempt, and no lock is held while the
password is hashed.
"""

from __future__ import annotations

import math
from dataclasses import replace

from flask import request

from registry.addresses import service as addresses
from registry.base.actor import Actor
from registry.base.context import reading, settings, sources, writing
from registry.core.errors import RateLimited, Unauthenticated
from registry.parties import service
from registry.parties.service import Party, RegisterParty


def open_account(command: RegisterParty, language: str) -> Party:
    """Open an account, which works at once, and write to its address, if the registry can.

    Then the answer is the same whether or not somebody has the address: a letter tells its owner. Where no letter can
    be written, nobody could be told otherwise: `Conflict` if the address is taken.
    """
    letters = settings().sends_mail
    with writing() as session:
        party = service.register_party(session, replace(command, silently=letters), sources())
        if letters:
            addresses.ask_to_confirm(session, party, language, sources())
        return party


def log_in_counted(email: str, password: str) -> Actor:
    """The party with this address and password; `Unauthenticated` if there is none.

    `RateLimited` after too many attempts, with the seconds to wait in `retry_after`; the password is not looked at.
    """
    _count(email)
    with reading() as session:
        actor = service.log_in(session, email, password)
    with writing() as session:
        service.forget_attempts(session, email)
    return actor


def change_password_counted(actor: Actor, session_kept: bytes, current: str, new: str) -> None:
    """Change the actor's own password, and end its sessions but the one with this public id.

    `Unauthenticated` if `current` is not the password, `InvalidInput` for a new one that is not taken. Whoever finds a
    browser open may not guess either: attempts count, and are `RateLimited`, like those to sign in.
    """
    with reading() as session:
        email = service.own_party(session, actor).email
    if email is None:
        raise Unauthenticated("This account has no password.")
    _count(email)
    with reading() as session:
        password = service.accept_password(session, actor, current, new)
    with writing() as session:
        service.set_password(session, actor, password)
        service.end_other_sessions(session, actor, session_kept, sources().now())
        if settings().sends_mail:
            addresses.password_changed(session, actor, sources())
        service.forget_attempts(session, email)


def _count(email: str) -> None:
    with writing() as session:
        wait = service.count_attempt(session, email, request.remote_addr, sources().now())
    if wait:
        seconds = math.ceil(wait.total_seconds())
        raise RateLimited(
            f"There were too many attempts to sign in; wait {seconds} s, then try again.", retry_after=seconds
        )
