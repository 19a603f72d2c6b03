"""The state of the registry on one page, for its operator: health, work in the background, keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import render_template
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.addresses import service as addresses
from registry.base.actor import Role
from registry.base.context import part, reading, settings, sources
from registry.base.health import Readiness
from registry.base.jobs import Job, State
from registry.base.outbox import last_trouble
from registry.core.errors import VorbehaltError
from registry.core.snapshots.trust.offline import OfflinePart
from registry.log import service as log
from registry.log.service import LogKey
from registry.notices import service as notices
from registry.publishing import service as publishing
from registry.web.furniture import Pages
from registry.web.visitors import signed_in
from registry.wiring import trust_keys

blueprint = Pages("operating", __name__)

_SHOWN = 30


@dataclass(frozen=True, slots=True)
class KeyState:
    """What the offline keys have signed, and until when it counts."""

    role: str
    version: int
    keys: int
    """How many keys may sign for it."""
    expires: datetime


@dataclass(frozen=True, slots=True)
class MailState:
    """What has not gone out yet."""

    on: bool
    due: int
    since: datetime | None
    """When the oldest of these was written."""
    refused: int
    """By receiving ends, for good, in the last thirty days."""
    trouble: str
    """What the newest attempt ended with; empty if it ended well."""
    again_at: datetime | None
    """When it is tried again; `None`: with the next hour, or the next mail."""


@blueprint.get("/operator")
@signed_in(Role.OPERATOR)
def show() -> str:
    """Can it answer, what was done, what failed, and which signature ends when."""
    readiness = part(Readiness)
    faults, now = readiness.faults(), sources().now()
    with reading() as session:
        return render_template(
            "operator.html",
            checks={name: faults.get(name) for name in readiness.checks},
            edition=publishing.state(session),
            log_size=log.head(session).size,
            jobs=_jobs(session),
            counts=_counts(session),
            mail=_mail(session, now),
            now=now,
            **_keys(),
        )


def _jobs(session: Session) -> list[Job]:
    """What failed or is not done yet first, then the newest."""
    unfinished = Job.state != State.DONE.value
    query = select(Job).order_by(unfinished.desc(), Job.id.desc()).limit(_SHOWN)
    return list(session.scalars(query))


def _counts(session: Session) -> dict[str, int]:
    found = dict(session.execute(select(Job.state, func.count()).group_by(Job.state)).all())
    return {state.value: found.get(state.value, 0) for state in State}


def _mail(session: Session, now: datetime) -> MailState:
    """What waits in both outboxes, and why."""
    boxes = (addresses.outbox(session, now), notices.outbox(session, now))
    job = last_trouble(session)
    return MailState(
        on=settings().sends_mail,
        due=sum(box.due for box in boxes),
        since=min((box.since for box in boxes if box.since is not None), default=None),
        refused=sum(box.refused for box in boxes),
        trouble=(job.error or "").splitlines()[-1] if job is not None else "",
        again_at=job.run_at if job is not None and job.state == State.QUEUED else None,
    )


def _keys() -> dict[str, Any]:
    """The log's key, and the offline part of the trust; empty, with the reason, where they cannot be used."""
    try:
        key: LogKey | None = part(LogKey)
    except VorbehaltError:
        key = None
    try:
        offline = OfflinePart.load(trust_keys(settings()))
    except VorbehaltError as error:
        return {"log_key": key, "offline": [], "offline_fault": error.message}
    signed = (("root", offline.root), ("targets", offline.targets))
    return {
        "log_key": key,
        "offline": [
            KeyState(role, part_.version, len(offline.keys.get(role, ())), part_.expires)
            for role, part_ in signed
        ],
        "offline_fault": "",
    }
