"""A log with its key, outside the database's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.log.keys import LogKey

ORIGIN = "registry.example/usage-log"


@pytest.fixture
def keys_folder(tmp_path: Path) -> Path:
    """Where the key and its memory lie."""
    return tmp_path / "keys"


@pytest.fixture
def log_key(keys_folder: Path) -> LogKey:
    """A new key of a new log."""
    return LogKey.generate(keys_folder, ORIGIN)
