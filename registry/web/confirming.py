"""Asking for the password again, and for a confirmed address, before something grave: at the edge.

Passwords are counted like signing in, in transactions of their own, so that the count stands whatever comes of the
attempt, and no lock is held while the password is hashed.
"""

from __future__ import annotations

import math

from flask import request

from registry.base.actor import Actor
from registry.base.context import reading, settings, sources, writing
from registry.core.errors import Conflict, RateLimited, Unauthenticated
from registry.parties import service as parties


def confirm_password(actor: Actor, password: str) -> None:
    """`Unauthenticated` unless this is the actor's password, `RateLimited` after too many attempts."""
    with reading() as session:
        email = parties.own_party(session, actor).email
    if email is None:
        raise Unauthenticated("This account has no password, and this needs one.")
    with writing() as session:
        wait = parties.count_attempt(session, email, request.remote_addr, sources().now())
    if wait:
        seconds = math.ceil(wait.total_seconds())
        raise RateLimited(
            f"There were too many attempts; wait {seconds} s, then try again.", retry_after=seconds
        )
    with reading() as session:
        parties.log_in(session, email, password)
    with writing() as session:
        parties.forget_attempts(session, email)


def check_address_confirmed(actor: Actor) -> None:
    """`Conflict` for an account that has not confirmed its address, where the registry can ask for that.

    Money goes nowhere unless its owner could be told.
    """
    with reading() as session:
        party = parties.own_party(session, actor)
        waiting = party.email is not None and party.email_confirmed_at is None
    if waiting and settings().sends_mail:
        raise Conflict(
            "Confirm your e-mail address first, by the link in the mail that you were sent; "
            "POST /v1/accounts/me/confirmation sends another one."
        )
