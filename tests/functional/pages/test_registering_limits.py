"""How many works one account may register in an hour: by the page and by the API, counted together."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.quotas import Quota
from registry.base.settings import Settings
from tests.factories import Clock, make_key
from tests.functional.conftest import Client
from tests.support.bulk import digest_row
from tests.support.pictures import png

STATE = re.compile(r'data-state="(\w+)"')


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, rate_register=Quota(3, 3600))


def test_a_flood_is_stopped_whichever_way_it_comes(
    person: Callable[..., Any], client: Client, database: Database, sources: Sources, clock: Clock
) -> None:
    anna, ben = person(), person(name="Ben")

    def send(by: Any, *seeds: int) -> list[str]:
        files = [(io.BytesIO(png(seed)), f"{seed}.png") for seed in seeds]
        by.browser.open("/en/works/register")
        page = by.browser.send("/en/works/register", {"made_by": "human", "file": files})
        return STATE.findall(page.text)

    assert send(anna, 1, 2) == ["reserved", "reserved"]
    with database.writing() as session:
        key = {"Authorization": f"Bearer {make_key(session, sources, anna.actor)}"}
    made = client.post("/v1/works", json=digest_row("a"), headers=key)
    assert made.status_code == 201
    assert send(anna, 3, 4) == ["refused", "refused"]
    address = f"/v1/works/{made.json['id']}/versions"
    assert client.post(address, json=digest_row("b"), headers=key).status_code == 429
    assert send(ben, 5) == ["reserved"]
    clock.advance(hours=1)
    assert send(anna, 3) == ["reserved"]
