"""An operator that settles, pays and reads the bank's answer, in a forked process that is killed at some statement."""

from __future__ import annotations

import os
import signal
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import event
from sqlalchemy.engine import Engine

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.sealing import SealingKey
from registry.core.errors import Conflict
from registry.remuneration import payouts, replies
from registry.remuneration import service as remuneration
from registry.remuneration.payouts import PreparePayouts, RecordPayment
from tests.support.bank import TRUST, booked_at_once

STEPS = 5


class Desk(NamedTuple):
    """What the operator needs to know."""

    url: str
    bank_key: Path
    operator: Actor
    lab: bytes
    period: str
    now: datetime
    owed_minor: int


def work_through(desk: Desk) -> None:
    """Every step, each in its own transaction, whether or not it was done before."""
    database, sources = Database(desk.url, SealingKey(desk.bank_key)), Sources(now=lambda: desk.now)
    with database.writing() as session:
        remuneration.settle(session, desk.operator, desk.period, sources)
    with database.writing() as session:
        command = RecordPayment(desk.lab, desk.owed_minor, "EUR", "bank/1")
        payouts.record_payment(session, desk.operator, command, sources)
    with database.writing() as session:
        if not payouts.list_runs(session, desk.operator):
            payouts.prepare_payouts(
                session, desk.operator, PreparePayouts(*TRUST, desk.now.date(), 1), sources
            )
    with database.writing() as session:
        ((run, _),) = payouts.list_runs(session, desk.operator)
        payouts.mark_sent(session, desk.operator, run.public_id, sources)
    answer = booked_at_once(run.message_id, f"{desk.owed_minor // 100}.{desk.owed_minor % 100:02d}")
    try:
        with database.writing() as session:
            replies.take_reply(session, desk.operator, answer, sources)
    except Conflict:
        pass  # it was taken in before
    database.dispose()


def _until_killed(desk: Desk, statement: int) -> None:
    """Work until so many statements were begun; commits count, too, before they are done."""
    left = statement

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", count)
    work_through(desk)


def kill_at(desk: Desk, statement: int) -> bool:
    """Whether the operator was killed there; `False` if all was done before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forks beside threads
        child = os.fork()
    if child == 0:
        code = 1
        try:
            _until_killed(desk, statement)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, -signal.SIGKILL}, code
    return code != 0
