"""Signing in by password at the edge, for pages and API alike: counted first, then checked, then forgotten.

Three transactions, so that the count stands whatever comes of the attempt, and no lock is held while the password
is hashed.
"""

from __future__ import annotations

import math

from flask import request

from registry.base.actor import Actor
from registry.base.context import reading, sources, writing
from registry.core.errors import RateLimited
from registry.parties import service


def log_in_counted(email: str, password: str) -> Actor:
    """The party with this address and password; `Unauthenticated` if there is none.

    `RateLimited` after too many attempts, with the seconds to wait in `retry_after`; the password is not looked at.
    """
    with writing() as session:
        wait = service.count_attempt(session, email, request.remote_addr, sources().now())
    if wait:
        seconds = math.ceil(wait.total_seconds())
        raise RateLimited(
            f"There were too many attempts to sign in; wait {seconds} s, then try again.", retry_after=seconds
        )
    with reading() as session:
        actor = service.log_in(session, email, password)
    with writing() as session:
        service.forget_attempts(session, email)
    return actor
