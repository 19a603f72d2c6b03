"""Asking for the password again before something grave: counted like signing in, at the edge.

Transactions of its own, so that the count stands whatever comes of the attempt, and no lock is held while the password
is hashed.
"""

from __future__ import annotations

import math

from flask import request

from registry.base.actor import Actor
from registry.base.context import reading, sources, writing
from registry.core.errors import RateLimited, Unauthenticated
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
