"""Requests that the API's own description makes up, good and bad, sent to the real application: every answer fits it.

The seed is fixed, so a failure is found again. The short run is part of every test run; the long one tries more.
Left out is only the check that what fits the schema is accepted: a schema cannot say that a time is not past, that
shares add up, or that a page is continued after something of one's own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import positive_data_acceptance
from schemathesis.core.failures import Failure, FailureGroup

from registry.app import create_app
from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.schema import upgrade
from registry.base.settings import Settings
from registry.log import service as log
from registry.log.keys import LogKey
from registry.models import metadata
from registry.wiring import log_keys
from tests.factories import make_actor, make_key

SEED = 20260802
_RATES = ("CHECK", "READ", "WRITE", "REGISTER", "BULK", "ANONYMOUS")
_OF_LABS = ("/runs", "/claims", "/models", "/requests", "/accept", "/billing-details", "/invoices")


@schemathesis.serializer(
    "application/jsonl", "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
)
def _as_it_is(_context: Any, value: Any) -> bytes:
    """Lists of works are made up as bytes."""
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[tuple[Any, Callable[[str], str]]]:
    """The description of an application that can sign and counts nothing; and whose key is right for an address."""
    settings = Settings.load({f"VORBEHALT_RATE_{name}": "off" for name in _RATES}, tmp_path)
    database, sources = Database(settings.database_url), Sources()
    upgrade(database, metadata)
    key = LogKey.generate(log_keys(settings), "registry.example/usage-log")
    with database.writing() as session:
        maker, lab = (
            make_key(session, sources, make_actor(session, sources, role))
            for role in (Role.CREATOR, Role.LAB)
        )
    with database.writing() as session:
        log.sign_checkpoint(session, key, sources.now())
    logger = logging.getLogger("registry")
    before = (logger.handlers, logger.level, logger.propagate)
    app = create_app(settings, sources=sources, database=database)
    logger.setLevel("CRITICAL")
    yield (
        schemathesis.openapi.from_wsgi("/v1/openapi.json", app),
        lambda path: lab if any(part in path for part in _OF_LABS) else maker,
    )
    logger.handlers, logger.propagate = before[0], before[2]
    logger.setLevel(before[1])
    database.dispose()


def faults(schema: Any, key_for: Callable[[str], str], examples: int) -> dict[str, str]:
    """What went wrong, by operation and kind of request."""
    found = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        headers = {"Authorization": f"Bearer {key_for(operation.path)}"}
        for mode in schemathesis.GenerationMode:
            try:
                _try(operation.as_strategy(generation_mode=mode), headers, examples)
            except Unsatisfiable:  # nothing can be wrong about a request without parts
                continue
            except (Failure, FailureGroup) as failure:
                found[f"{operation.label}, {mode.value}"] = str(failure)
    return found


def _try(requests: Any, headers: dict[str, str], examples: int) -> None:
    @hypothesis.seed(SEED)
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=requests)
    def send(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

    send()


def test_answers_fit_the_description(api: tuple[Any, Callable[[str], str]]) -> None:
    assert faults(*api, examples=3) == {}


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_many_answers_fit_the_description(api: tuple[Any, Callable[[str], str]]) -> None:
    assert faults(*api, examples=100) == {}
