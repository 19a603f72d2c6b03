"""From the registry's log over real witnesses to a lab: what a quorum has not seen, the lab does not use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawler.sync import SyncResult, open_snapshot, sync
from registry.base.db import Database
from registry.base.files import FolderStore
from registry.base.schema import upgrade
from registry.base.settings import Settings
from registry.core.errors import TrustRefused
from registry.core.tlog.notes import Signature
from registry.log import witnesses
from registry.log.keys import POLICY_FILE, LogKey
from registry.log.signing import SignedCheckpoint
from registry.log.witnesses import Witness
from registry.models import metadata
from registry.wiring import Registry, init_trust, log_keys
from tests.support.snapshots import serve
from tests.support.witnesses import serving


@dataclass
class Setting:
    """A registry with two witnesses, of which both must cosign, and a lab that asks for both."""

    registry: Registry
    url: str
    policy: bytes
    lab: Path
    stop: Callable[[], None]
    start: Callable[[], None]

    def sync(self) -> SyncResult:
        return sync(self.url, self.lab, witness_policy=self.policy, now=datetime.now(UTC))


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    settings = Settings.load({}, home=tmp_path / "registry")
    init_trust(settings, tmp_path / "offline", datetime.now(UTC))
    database = Database(settings.database_url)
    upgrade(database, metadata)
    database.dispose()
    key = LogKey.load(log_keys(settings))
    with ExitStack() as stack:
        a = stack.enter_context(serving(tmp_path / "a", "a.example", key.verifier))
        b = stack.enter_context(ExitStack())
        running = b.enter_context(serving(tmp_path / "b", "b.example", key.verifier))
        place = log_keys(settings) / POLICY_FILE

        def write(second: str) -> bytes:
            text = f"log {key.verifier}\n{a.line('a')}{second}group both all a b\nquorum both\n"
            place.write_text(text)
            return text.encode()

        def start() -> None:
            write(b.enter_context(serving(tmp_path / "b", "b.example", key.verifier)).line("b"))

        policy = write(running.line("b"))
        registry = stack.enter_context(Registry.open(settings))
        served = stack.enter_context(serve(FolderStore(settings.home / "files")))
        yield Setting(registry, served.url, policy, tmp_path / "lab", b.close, start)


def test_a_lab_takes_what_both_witnesses_have_seen(setting: Setting) -> None:
    for sequence in (1, 2):
        setting.registry.publish()
        result = setting.sync()
        assert (result.sequence, result.witnessed) == (sequence, ("a", "b"))
    assert open_snapshot(setting.lab, now=datetime.now(UTC)).sequence == 2


def test_while_a_witness_is_away_labs_wait_and_then_they_get_the_proof(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publish waits for a witness that is away once, not twice."""
    setting.registry.publish()
    setting.sync()
    setting.stop()
    ask, asked = witnesses._ask, list[str]()

    def noted(database: Database, signed: SignedCheckpoint, witness: Witness, old: int) -> Signature | None:
        asked.append(witness.name)
        return ask(database, signed, witness, old)

    monkeypatch.setattr(witnesses, "_ask", noted)
    assert setting.registry.publish().sequence == 2
    assert sorted(asked) == ["a", "b"]
    with pytest.raises(TrustRefused, match="witnessed by a"):
        setting.sync()
    assert open_snapshot(setting.lab, now=datetime.now(UTC)).sequence == 1
    assert setting.registry.keep_fresh() is None
    assert sorted(asked) == ["a", "b", "b"]
    with pytest.raises(TrustRefused):
        setting.sync()
    setting.start()
    assert setting.registry.keep_fresh() is None  # no new edition, only a better proof of this one
    result = setting.sync()
    assert (result.sequence, result.witnessed) == (2, ("a", "b"))
    assert open_snapshot(setting.lab, now=datetime.now(UTC)).sequence == 2
