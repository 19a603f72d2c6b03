"""A process keeps to one processor, and does not look for garbage among what stays."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import Any, cast

import pytest

from crawler.engines import pool
from registry import cli as server
from registry.core import processes

_NAME = "OPENBLAS_NUM_THREADS"


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The collector's settings, and the environment, which conftest has set for all tests."""
    before = gc.get_threshold()
    monkeypatch.setenv(_NAME, "1")  # to be put back
    monkeypatch.delenv(_NAME)
    yield
    gc.set_threshold(*before)


def test_an_environment_that_says_otherwise_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    processes.keep_to_one_processor()
    assert os.environ[_NAME] == "1"
    monkeypatch.setenv(_NAME, "3")
    processes.keep_to_one_processor()
    assert os.environ[_NAME] == "3"


def test_every_command_of_the_server_keeps_to_one_processor_and_loads_without_looking_for_garbage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    monkeypatch.setattr(server, "cli", lambda **_: seen.append((os.environ[_NAME], gc.get_threshold()[0])))
    server.main()
    assert seen[0][0] == "1"
    assert seen[0][1] >= 10_000


def test_workers_of_a_run_keep_to_one_processor_whoever_started_it() -> None:
    nothing = cast("Any", None)
    with pool._pool(1, nothing, nothing):  # no process starts before there is work
        assert os.environ[_NAME] == "1"


def test_what_is_loaded_is_no_longer_looked_at() -> None:
    try:
        processes.settled()
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()
