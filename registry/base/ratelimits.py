"""How many requests one API key, or without a key one network address, may send: counted in the database.

Fixed windows, one row for each subject and quota, so that all processes of all machines count together. A process
takes a fiftieth of a quota at a time and hands it out from memory: of fifty requests, one writes. What was taken is
counted as used, so a quota is never exceeded; its last fiftieth may be lost where processes share it.

When the database cannot be asked, each process counts for itself up to the same quota: a fault neither opens the
gate nor locks anybody out. The counter waits a quarter of a second for a lock, never as long as other writers do.

Answers carry `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10).
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from flask import Flask, Response, g, request
from sqlalchemy import BigInteger, LargeBinary, String, delete, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from registry.base.auth import bearer_key, optional_actor
from registry.base.context import part, settings, sources
from registry.base.db import Base, Database
from registry.base.quotas import Quota
from registry.core.errors import RateLimited

_SHARE = 50
_MANY = 10_000
_PATIENCE_MS = 250

_log = logging.getLogger("registry.ratelimits")


class Rate(StrEnum):
    """What is counted apart; the setting `VORBEHALT_RATE_<NAME>` says how much of it is allowed."""

    CHECK = "check"
    READ = "read"
    WRITE = "write"
    REGISTER = "register"
    BULK = "bulk"
    ANONYMOUS = "anonymous"
    HIDDEN = "hidden"


class RateWindow(Base):
    """How much of a quota a subject has used in the window that ends then."""

    __tablename__ = "rate_window"

    subject: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """SHA-256 of the API key, account or network address; only this is kept, and only until the window ends."""
    rate: Mapped[str] = mapped_column(String(16), primary_key=True)
    ends: Mapped[int] = mapped_column(BigInteger, index=True)
    """POSIX seconds."""
    used: Mapped[int] = mapped_column(BigInteger)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a subject stands after a request."""

    rate: Rate
    quota: Quota
    allowed: bool
    remaining: int
    resets_in: int
    """Seconds until the window ends."""


@dataclass(slots=True)
class _Lease:
    """What this process has taken of a quota in a window and not handed out yet."""

    ends: int
    left: int = 0
    elsewhere: int = 0
    """What is left in the database, as far as we know."""
    own: int = 0
    """What was handed out without asking the database."""


class RateLimiter:
    """The counter of one process; safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine.execution_options(sqlite_begin="IMMEDIATE")
        self._lock = threading.Lock()
        self._leases: dict[tuple[Rate, bytes], _Lease] = {}

    def spend(
        self, rate: Rate, quota: Quota, subject: bytes, now: datetime, amount: int = 1, *, drain: bool = False
    ) -> Standing:
        """Use `amount` of the subject's quota. If that is more than is left, nothing is used; with `drain`, all is."""
        at = int(now.timestamp())
        _, ends = quota.window_of(subject, at)
        with self._lock:
            lease = self._lease(rate, subject, ends, at, quota)
            if lease.left < amount and lease.elsewhere > 0:
                self._refill(lease, rate, quota, subject, at, amount - lease.left)
            allowed = lease.left >= amount
            if allowed or drain:
                lease.left = max(0, lease.left - amount)
            return Standing(rate, quota, allowed, lease.left + lease.elsewhere, ends - at)

    def look(self, rate: Rate, quota: Quota, subject: bytes, now: datetime) -> Standing:
        """Where the subject stands, using nothing; not allowed if nothing is left anywhere."""
        at = int(now.timestamp())
        _, ends = quota.window_of(subject, at)
        with self._lock:
            lease = self._lease(rate, subject, ends, at, quota)
            if not lease.left and lease.elsewhere > 0:
                self._refill(lease, rate, quota, subject, at, 1)
            left = lease.left + lease.elsewhere
            return Standing(rate, quota, lease.left > 0, left, ends - at)

    def _lease(self, rate: Rate, subject: bytes, ends: int, at: int, quota: Quota) -> _Lease:
        lease = self._leases.get((rate, subject))
        if lease is None or lease.ends != ends:
            if len(self._leases) >= _MANY:
                self._leases = {key: held for key, held in self._leases.items() if held.ends > at}
            lease = self._leases[rate, subject] = _Lease(ends, elsewhere=quota.limit)
        return lease

    def _refill(self, lease: _Lease, rate: Rate, quota: Quota, subject: bytes, at: int, missing: int) -> None:
        wanted = max(missing, quota.limit // _SHARE)
        try:
            with self._transaction() as connection:
                granted, lease.elsewhere = _take(
                    connection, rate, quota.limit, subject, lease.ends, at, wanted
                )
        except SQLAlchemyError as error:
            _log.warning("requests are counted by this process alone: %s", type(error).__name__)
            granted = min(wanted, quota.limit - lease.own)
            lease.own += granted
            lease.elsewhere = quota.limit - lease.own
        lease.left += granted

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """One that gives up soon when somebody else is writing: a request must not wait for a bulk import."""
        with self._engine.connect() as connection:
            local = connection.connection.dbapi_connection
            is_sqlite = connection.dialect.name == "sqlite"
            if is_sqlite and local is not None:
                local.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}")
            try:
                with connection.begin():
                    if not is_sqlite:
                        connection.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE_MS}ms'"))
                    yield connection
            finally:
                if is_sqlite and local is not None:
                    local.execute("PRAGMA busy_timeout=20000")


def _take(
    connection: Connection, rate: Rate, limit: int, subject: bytes, ends: int, at: int, wanted: int
) -> tuple[int, int]:
    """Take up to `wanted` of the quota; what was granted, and what is left for others."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(RateWindow)
    row = insert.values(subject=subject, rate=rate.value, ends=ends, used=0)
    connection.execute(row.on_conflict_do_nothing())
    same = (RateWindow.subject == subject, RateWindow.rate == rate.value)
    found = connection.execute(select(RateWindow.ends, RateWindow.used).where(*same).with_for_update()).one()
    used = found.used if found.ends == ends else 0
    granted = min(wanted, max(0, limit - used))
    connection.execute(update(RateWindow).where(*same).values(ends=ends, used=used + granted))
    if used == 0:
        connection.execute(delete(RateWindow).where(RateWindow.ends <= at, RateWindow.ends < ends))
    return granted, limit - used - granted


# -- in a request -------------------------------------------------------------------------------------------
def spend(rate: Rate, amount: int = 1, *, account: bytes | None = None) -> None:
    """Count this request; `RateLimited` if its sender has used up the quota.

    By API key; registrations by account, whose keys are many; without a key by network address. `account` (public id)
    is for pages, where people sign in without a key.
    """
    quota: Quota = getattr(settings(), f"rate_{rate}")
    subject = _subject(rate) if account is None else _of_account(account)
    if not quota.limit or subject is None:
        return
    standing = part(RateLimiter).spend(rate, quota, subject, sources().now(), amount)
    g.setdefault("rate_standings", []).append(standing)
    if not standing.allowed:
        raise _refusal(
            standing,
            f"There were more requests than {quota} of this kind ({rate}). Wait {standing.resets_in} seconds, and "
            "send more in one request where you can.",
        )


def _refusal(standing: Standing, message: str) -> RateLimited:
    quota = standing.quota
    return RateLimited(message, limit=quota.limit, window=quota.window, retry_after=standing.resets_in)


class Budget:
    """A quota whose cost is known only when the answer is there; made in a request, and good beyond its end."""

    def __init__(self, rate: Rate, used_up: str) -> None:
        """`RateLimited`, with the sentence `used_up`, if nothing is left of it: whatever the answer would cost."""
        self._rate, self._used_up, self._sources = rate, used_up, sources()
        self._quota: Quota = getattr(settings(), f"rate_{rate}")
        self._subject = _subject(rate) if self._quota.limit else None
        self._limiter = part(RateLimiter)
        if self._subject is not None:
            self._standings: list[Standing] = g.setdefault("rate_standings", [])
            self._place = len(self._standings)
            now = self._sources.now()
            self._tell(self._limiter.look(rate, self._quota, self._subject, now))

    def pay(self, amount: int) -> None:
        """Use so much. `RateLimited` if that is more than is left; then nothing is left."""
        if amount and self._subject is not None:
            now = self._sources.now()
            self._tell(self._limiter.spend(self._rate, self._quota, self._subject, now, amount, drain=True))

    def _tell(self, standing: Standing) -> None:
        self._standings[self._place :] = [standing]
        if not standing.allowed:
            raise _refusal(standing, f"{self._used_up} Wait {standing.resets_in} seconds.")


def _subject(rate: Rate) -> bytes | None:
    actor = optional_actor() if rate is not Rate.ANONYMOUS else None
    if actor is None:
        network = network_of(request.remote_addr)
        return None if network is None else hashlib.sha256(b"address:" + network.encode()).digest()
    if rate in {Rate.REGISTER, Rate.BULK, Rate.HIDDEN}:
        return _of_account(actor.public_id)
    return hashlib.sha256(b"key:" + str(bearer_key(request.headers.get("Authorization"))).encode()).digest()


def _of_account(public_id: bytes) -> bytes:
    return hashlib.sha256(b"account:" + public_id).digest()


def network_of(address: str | None) -> str | None:
    """The address as it is counted, IPv6 by /64; `None` for this machine's or a proxy's, behind which is everybody.

    A registry behind a proxy says so (`VORBEHALT_PROXIES`), else it cannot tell its visitors apart.
    """
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    if not ip.is_global:
        return None
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)


def register_rate_limits(app: Flask) -> None:
    """Say in every answer how much is left."""

    @app.after_request
    def tell(response: Response) -> Response:
        standings: list[Standing] = g.get("rate_standings", [])
        if standings:
            headers = response.headers
            headers["RateLimit-Policy"] = ", ".join(
                f'"{s.rate}";q={s.quota.limit};w={s.quota.window}' for s in standings
            )
            headers["RateLimit"] = ", ".join(f'"{s.rate}";r={s.remaining};t={s.resets_in}' for s in standings)
            if response.status_code == 429:
                headers["Retry-After"] = str(max(s.resets_in for s in standings if not s.allowed))
        return response
