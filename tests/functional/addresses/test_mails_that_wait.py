"""What the mail server does not take stays, is tried again, goes out once, and the operator sees it waiting."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from registry.addresses.models import AddressLink, Letter
from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.jobs import Worker
from registry.base.outbox import SEND_MAIL, Mail, send_due
from registry.base.settings import Settings
from registry.work import outboxes
from tests.factories import PASSWORD, Clock, make_actor
from tests.support.browsing import Browser, signed_in
from tests.support.mail_server import mail_server


@pytest.fixture
def settings(tmp_path: Path, database: Database) -> Settings:
    """A registry whose mail server is away."""
    with mail_server() as gone:
        pass
    return Settings(
        tmp_path,
        database_url=str(database.engine.url),
        mail_host="127.0.0.1",
        mail_port=gone.port,
        mail_tls="none",
        mail_from="registry@registry.example",
    )


def run(settings: Settings, database: Database, sources: Sources) -> bool:
    sending = partial(send_due, settings, outboxes(settings))
    return Worker(database, {SEND_MAIL: sending}, sources=sources).run_one()


def test_the_operator_sees_what_waits_and_it_goes_out_once(
    app: Flask, settings: Settings, database: Database, sources: Sources, clock: Clock
) -> None:
    browser = Browser(app)
    browser.open("/en/sign-up")
    new = {"role": "creator", "name": "Wanda", "email": "wanda@example.org", "password": PASSWORD}
    assert browser.send("/en/sign-up", new).status_code == 303  # whether or not mails go out
    with database.writing() as session:
        office = make_actor(session, sources, Role.OPERATOR, "Office")
    state = signed_in(app, database, sources, office)
    assert "Waiting 1 the oldest since" in state.read("/en/operator")

    run(settings, database, sources)
    text = state.read("/en/operator")
    assert "The last attempt failed. The next one is at" in text
    assert "The mail server cannot be used" in text
    assert "Waiting 1 the oldest since" in text

    clock.advance(minutes=1)
    with mail_server() as server:
        server.data_answers = ["hang up", "451 later"]
        again = replace(settings, mail_port=server.port)
        for _ in range(5):
            run(again, database, sources)
            clock.advance(minutes=15)
        assert [message["To"] for message in server.taken] == ["wanda@example.org"]
    text = state.read("/en/operator")
    assert "The last attempt failed." not in text
    assert "Waiting 0" in text
    with database.reading() as session:
        assert session.scalars(select(Letter.mail)).all() == [Mail.SENT]
        links = session.scalars(select(AddressLink.used_at)).all()
    assert set(links) == {None}
