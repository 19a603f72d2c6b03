"""For tests of pages: people with browsers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.ids import format_id
from tests.factories import make_actor
from tests.support.browsing import Browser, signed_in


@dataclass(frozen=True)
class Person:
    """Somebody with an account, signed in."""

    actor: Actor
    browser: Browser

    @property
    def id(self) -> str:
        """The account's number."""
        return format_id("party", self.actor.public_id)


@pytest.fixture
def browser(app: Flask) -> Browser:
    """The browser of somebody without an account."""
    return Browser(app)


@pytest.fixture
def person(app: Flask, database: Database, sources: Sources) -> Callable[..., Person]:
    """Makes somebody who is signed in: `person(Role.LAB, "Nordlicht")`."""

    def make(role: Role = Role.CREATOR, name: str = "Anna") -> Person:
        with database.writing() as session:
            actor = make_actor(session, sources, role, name)
        return Person(actor, signed_in(app, database, sources, actor))

    return make
