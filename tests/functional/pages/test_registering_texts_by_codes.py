"""Texts registered by the fingerprints that a browser made: on record, doubled and contested as files are."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from registry.base.db import Database
from registry.core.fingerprints import MD5, WINNOW32, fingerprint_bytes
from registry.works.models import StoredFingerprint, WorkVersion
from tests.support.device import form_of_text
from tests.support.pictures import TEXT

STATE = re.compile(r'data-state="(\w+)"')


def send(person: Any, data: bytes, **changes: Any) -> Any:
    """Register a text by its codes, as the script does."""
    person.browser.open("/en/works/register")
    fields = {"made_by": "human", "title": "Dunes"} | form_of_text(data, "dunes.txt") | changes
    kept = {name: value for name, value in fields.items() if value is not None}
    return person.browser.send("/en/works/register", kept)


def test_it_is_on_record_as_if_the_file_had_come(person: Callable[..., Any], database: Database) -> None:
    page = send(person(), TEXT.encode())
    here = fingerprint_bytes(TEXT.encode())

    assert STATE.findall(page.text) == ["reserved"]
    assert "This file did not leave your device" in page.text
    with database.reading() as session:
        (version,) = session.scalars(select(WorkVersion)).all()
        codes = session.scalars(select(StoredFingerprint)).all()
    assert (version.media_type, version.size) == (here.media_type, here.size)
    assert {(f.algorithm, f.kind, f.code) for f in codes} == {
        (f.algorithm, f.kind, f.code) for f in here.fingerprints if f.algorithm != MD5
    }
    assert {f.made_by for f in codes} == {"client"}


def test_codes_meet_codes_and_files_alike(person: Callable[..., Any]) -> None:
    anna, ben, cleo = person(), person(name="Ben"), person(name="Cleo")

    assert STATE.findall(send(anna, TEXT.encode()).text) == ["reserved"]
    assert STATE.findall(send(anna, TEXT.encode()).text) == ["yours"]
    assert STATE.findall(send(ben, TEXT.encode()).text) == ["contested"]
    assert STATE.findall(send(cleo, TEXT.upper().encode()).text) == ["contested"]  # nearly the same


@pytest.mark.parametrize("cut", [None, 12, 5], ids=["none", "no end", "half a record"])
def test_what_is_not_whole_is_refused(
    person: Callable[..., Any], database: Database, cut: int | None
) -> None:
    passages = next(f.code for f in fingerprint_bytes(TEXT.encode()).fingerprints if f.algorithm == WINNOW32)
    part = None if cut is None else (io.BytesIO(passages[:-cut]), "passages")
    page = send(person(), TEXT.encode(), **{"passages-0": part})

    assert STATE.findall(page.text) == ["refused"]
    assert "Your browser sent no complete fingerprint." in page.text
    with database.reading() as session:
        assert session.scalars(select(WorkVersion)).all() == []
