"""Sealed columns: what is in the database says nothing, and without the right key nothing is read or written."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.base.sealing import MARK, CannotSeal, SealingKey
from registry.core.errors import Corrupt

IBAN = b"DE89370400440532013000"


def new_key(folder: Path, name: str = "bank.key") -> SealingKey:
    """A key that was just made."""
    key = SealingKey(folder / "keys" / name)
    key.make()
    return key


def test_what_is_sealed_is_opened_by_its_key_alone(tmp_path: Path) -> None:
    """Each time it is another text; another key is told by its number."""
    key, other = new_key(tmp_path), new_key(tmp_path, "other.key")
    sealed = {key.seal(IBAN), key.seal(IBAN)}
    assert len(sealed) == 2
    for each in sealed:
        assert each.startswith(MARK)
        assert b"DE89" not in each
        assert SealingKey(key.path).unseal(each) == IBAN
        with pytest.raises(CannotSeal, match="Put the right one there"):
            other.unseal(each)
    assert key.unseal(key.seal(b"")) == b""


def test_what_was_changed_is_corrupt(tmp_path: Path) -> None:
    """Any character, and what is cut off."""
    key = new_key(tmp_path)
    sealed = key.seal(IBAN)
    begin = sealed.rindex(b":") + 1
    for place in range(begin, len(sealed)):
        changed = sealed[:place] + (b"A" if sealed[place : place + 1] != b"A" else b"B") + sealed[place + 1 :]
        with pytest.raises(Corrupt):
            key.unseal(changed)
    for short in (sealed[:-4], sealed[:begin], sealed + b"AAAA"):
        with pytest.raises(Corrupt):
            key.unseal(short)


def test_what_is_not_sealed_is_not_read(tmp_path: Path) -> None:
    """It says what to run."""
    with pytest.raises(CannotSeal, match="db upgrade"):
        new_key(tmp_path).unseal(IBAN)


def test_a_key_that_is_missing_damaged_or_open_to_others_seals_nothing(tmp_path: Path) -> None:
    """Neither is it made by the way."""
    missing = SealingKey(tmp_path / "keys" / "bank.key")
    with pytest.raises(CannotSeal, match="cannot be read"):
        missing.seal(IBAN)
    assert not missing.exists()
    key = new_key(tmp_path)
    assert key.path.stat().st_mode & 0o777 == 0o600
    key.path.chmod(0o640)
    with pytest.raises(CannotSeal, match="Others may read"):
        SealingKey(key.path).seal(IBAN)
    key.path.chmod(0o600)
    key.path.write_bytes(b"short")
    with pytest.raises(CannotSeal, match="damaged"):
        SealingKey(key.path).seal(IBAN)


def test_a_key_that_is_there_is_kept(tmp_path: Path) -> None:
    """Whoever makes it first."""
    key = new_key(tmp_path)
    found = key.path.read_bytes()
    SealingKey(key.path).make()
    assert key.path.read_bytes() == found
    assert [path.name for path in key.path.parent.iterdir()] == ["bank.key"]
