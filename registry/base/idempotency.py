"""Idempotency-Key: a POST that is sent again, because its answer was lost, has its effect once.

draft-ietf-httpapi-idempotency-key-header. The key is reserved and the answer kept in the transaction that has the
effect, so neither exists without the other; of two equal requests at once, the second waits and gets the first one's
answer. Only successful answers are kept, for a day: what failed changed nothing and may be tried again.

An answer can hold a secret (a new API key) and a request a password, so neither may lie about in the database. The
answer is sealed by a key made from the request and its Idempotency-Key, which we keep only as a digest: whoever can
repeat the request can read the answer, and nobody else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import Response, current_app, request
from sqlalchemy import LargeBinary, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from registry.base.auth import check_scopes, current_actor, optional_actor
from registry.base.context import SharedTransaction, reading, share_transaction, sources, writing
from registry.base.db import Base
from registry.core.errors import InvalidInput, KeyReused

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT_FOR = timedelta(hours=24)

P = ParamSpec("P")

_TEXT = re.compile(r"[\x21\x23-\x7e]{16,100}")
_KEPT_HEADERS = ("Content-Type", "Location", "ETag")
_NONCE = 12


class StoredAnswer(Base):
    """What a request was answered, for whoever repeats it."""

    __tablename__ = "stored_answer"

    subject: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """SHA-256 over the account and its Idempotency-Key."""
    request: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Keyed digest of the request: the same key for another one is a mistake."""
    answer: Mapped[bytes | None]
    """Sealed; `None` where answering again means running again (`repeatable`)."""
    created_at: Mapped[datetime] = mapped_column(index=True)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request under its key: where its answer is kept, and what tells it from another."""

    subject: bytes
    digest: bytes
    secret: bytes

    @classmethod
    def read(cls, text: str, account: bytes) -> _Asked:
        """From this request of that account; `InvalidInput` if the key is none."""
        key = text.strip().removeprefix('"').removesuffix('"')
        if not _TEXT.fullmatch(key):
            raise InvalidInput(
                f"{HEADER} has 16 to 100 visible ASCII characters; take a random UUID for every new request."
            )
        asked = _digest_request()
        return cls(
            subject=hashlib.sha256(account + b"\0" + key.encode()).digest(),
            digest=hmac.digest(key.encode(), b"request" + account + asked, "sha256"),
            secret=hmac.digest(key.encode(), b"answer" + account + asked, "sha256"),
        )

    def seal(self, response: Response) -> bytes:
        """The answer as it is kept."""
        headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        document = {
            "status": response.status_code,
            "headers": headers,
            "body": response.get_data(as_text=True),
        }
        nonce = secrets.token_bytes(_NONCE)
        return nonce + AESGCM(self.secret).encrypt(nonce, json.dumps(document).encode(), self.subject)

    def open(self, sealed: bytes) -> Response:
        """The answer as it was given."""
        data = AESGCM(self.secret).decrypt(sealed[:_NONCE], sealed[_NONCE:], self.subject)
        document = json.loads(data)
        response = Response(document["body"], document["status"], document["headers"])
        response.headers[REPLAYED] = "true"
        return response


class _AnsweredBefore(Exception):
    """Leaves a view whose effect is there already."""

    def __init__(self, response: Response) -> None:
        self.response = response


def _account_of_key() -> bytes:
    """Public id of the account whose API key this request bears; empty without one."""
    actor = optional_actor()
    return b"" if actor is None else actor.public_id


def once(
    view: Callable[P, Any], *, repeatable: bool = False, account: Callable[[], bytes] = _account_of_key
) -> Callable[P, Any]:
    """The view, run once for each Idempotency-Key of an account; without one, as it is.

    All its `writing()` blocks become one transaction, which also keeps the answer. A view that needs several, and
    gives the same answer if it is run again, is `repeatable`: then only the use of the key for another request is
    prevented.
    """

    @wraps(view)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Any:
        text = request.headers.get(HEADER)
        if text is None:
            return view(*args, **kwargs)
        if (needed := getattr(view, "scopes", None)) is not None:
            check_scopes(current_actor(), needed)
        asked = _Asked.read(text, account())
        with reading() as session:
            if (before := _find(session, asked)) is not None:
                return before
        run = _run_again if repeatable else _run_once
        return run(asked, lambda: current_app.make_response(view(*args, **kwargs)))

    return wrapper


def _run_once(asked: _Asked, view: Callable[[], Response]) -> Response:
    def begin(session: Session) -> None:
        if not _reserve(session, asked) and (before := _find(session, asked)) is not None:
            raise _AnsweredBefore(before)

    try:
        with share_transaction(begin) as shared:
            response = view()
            _keep(shared, asked, response)
    except _AnsweredBefore as done:
        return done.response
    return response


def _keep(shared: SharedTransaction, asked: _Asked, response: Response) -> None:
    if shared.session is not None:
        row = update(StoredAnswer).where(StoredAnswer.subject == asked.subject)
        shared.session.execute(row.values(answer=asked.seal(response)))


def _run_again(asked: _Asked, view: Callable[[], Response]) -> Response:
    with writing() as session:
        new = _reserve(session, asked)
        _find(session, asked)  # refuses another request
    with _released(asked, new=new):
        return view()


@contextmanager
def _released(asked: _Asked, *, new: bool) -> Iterator[None]:
    """Free the key again if the request fails."""
    try:
        yield
    except BaseException:
        if new:
            with writing() as session:
                session.execute(delete(StoredAnswer).where(StoredAnswer.subject == asked.subject))
        raise


def _reserve(session: Session, asked: _Asked) -> bool:
    """Take the key; false if it is taken. On PostgreSQL this waits for whoever is just taking it."""
    now = sources().now()
    session.execute(delete(StoredAnswer).where(StoredAnswer.created_at <= now - KEPT_FOR))
    insert = (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert
    row = insert(StoredAnswer).values(subject=asked.subject, request=asked.digest, created_at=now)
    taken = session.execute(row.on_conflict_do_nothing().returning(StoredAnswer.subject))
    return taken.scalar() is not None


def _find(session: Session, asked: _Asked) -> Response | None:
    """The answer that was kept; `KeyReused` if the key was another request's."""
    fresh = StoredAnswer.created_at > sources().now() - KEPT_FOR
    query = select(StoredAnswer.request, StoredAnswer.answer).where(
        StoredAnswer.subject == asked.subject, fresh
    )
    found = session.execute(query).one_or_none()
    if found is None:
        return None
    if not hmac.compare_digest(found.request, asked.digest):
        raise KeyReused(
            f"This {HEADER} came with another request before. Repeat that one unchanged, or make a new key."
        )
    return None if found.answer is None else asked.open(found.answer)


def _digest_request() -> bytes:
    """SHA-256 over method, address and body.

    A form is taken part by part: its boundaries are made anew each time, and a page has read it before.
    """
    digest = hashlib.sha256(f"{request.method} {request.full_path} {request.mimetype}\n".encode())
    if request.mimetype in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        parts: list[tuple[str | None, bytes]] = [
            (name, text.encode()) for name, text in request.form.items(multi=True)
        ]
        for name, file in request.files.items(multi=True):
            parts.append((name, file.read()))
            file.seek(0)
        named = [(name, data) for name, data in parts if name is not None]
        if len(named) != len(parts):
            raise InvalidInput("A part of the form has no name; give each one: form-data; name=….")
        for name, data in sorted(named):
            digest.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(data).digest())
    else:
        digest.update(request.get_data(cache=True))
    return digest.digest()
