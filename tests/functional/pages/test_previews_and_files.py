"""Registering by codes: once for each key, with a preview if its maker wants one; the file shown afterwards."""

from __future__ import annotations

import io
import json
import re
import secrets
from collections.abc import Callable
from typing import Any
from zipfile import ZipFile

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.context import Context
from registry.base.db import Database
from registry.base.jobs import Job
from registry.core.ids import parse_id
from registry.parties import service as parties
from registry.parties.service import May, Repertoire
from registry.works import previews
from registry.works import service as works
from registry.works.models import WorkPreview
from tests.factories import Clock
from tests.support.browsing import text_of
from tests.support.device import said
from tests.support.pictures import blank_png, png

Person = Any
STATE = re.compile(r'data-state="(\w+)"')
WORK = re.compile(r'href="/en/works/(work_\w+)"')


def small(seed: int) -> bytes:
    return previews.preview_of(png(seed)).data


def send(by: Person, pictures: dict[str, bytes], key: str = "", **fields: Any) -> Any:
    """Register by codes, as the page's script does."""
    by.browser.open("/en/works/register")
    data: dict[str, Any] = {
        "made_by": "human",
        "name": list(pictures),
        "title": [""] * len(pictures),
        "codes": [said(picture) for picture in pictures.values()],
    }
    headers = {"X-Part": "result"} | ({"Idempotency-Key": key} if key else {})
    for name, value in fields.items():
        part = (io.BytesIO(value), "preview") if isinstance(value, bytes) else value
        data[name.replace("_0", "-0")] = part
    return by.browser.send("/en/works/register", data, headers=headers)


def with_preview(by: Person, seed: int = 1) -> str:
    """A work with a preview; its number."""
    page = send(by, {"clouds.png": png(seed)}, preview="keep", preview_0=small(seed))
    (work,) = WORK.findall(page.text)
    return str(work)


def test_a_picture_that_stayed_at_home_is_shown_with_its_size_like_others(
    person: Callable[..., Person],
) -> None:
    anna = person()
    assert "160 × 120 pixels" in anna.browser.read(f"/en/works/{with_preview(anna)}")


# -- once -------------------------------------------------------------------------------------------------------
def test_a_request_that_is_sent_again_registers_nothing_twice_and_is_answered_the_same(
    person: Callable[..., Person],
) -> None:
    anna, ben = person(), person(name="Ben")
    pictures = {"a.png": png(1), "b.png": png(2), "again.png": png(1), "blank.png": blank_png()}
    key = secrets.token_hex(16)
    first = send(anna, pictures, key)
    again = send(anna, pictures, key)

    assert STATE.findall(first.text) == ["reserved", "reserved", "yours", "reserved"]
    assert again.text == first.text
    assert again.headers["Idempotency-Replayed"] == "true"
    assert anna.browser.open("/en/works").text.count('class="plate"') == 3
    assert send(anna, {"c.png": png(3)}, key).status_code == 422  # the key was another request's
    # Another's request under the same key is another's.
    assert STATE.findall(send(ben, {"c.png": png(3)}, key).text) == ["reserved"]


def test_one_bad_set_of_codes_spoils_nothing_and_too_many_are_refused(
    person: Callable[..., Person],
) -> None:
    anna = person()
    anna.browser.open("/en/works/register")
    data = {
        "made_by": "human",
        "name": ["good.png", "bad.png", "named.png"],
        "title": ["Good", "", "x" * 501],
        "codes": [said(png(1)), said(png(2), codes=[]), said(png(3))],
    }
    page = anna.browser.send("/en/works/register", data)
    assert STATE.findall(page.text) == ["reserved", "refused", "refused"]

    for bad in ({"title": ["Good"]}, {"name": ["x"] * 21, "title": [""] * 21, "codes": [said(png(1))] * 21}):
        assert anna.browser.send("/en/works/register", data | bad).status_code == 422
    assert anna.browser.open("/en/works").text.count('class="plate"') == 1


# -- previews ---------------------------------------------------------------------------------------------------
def test_a_preview_is_kept_only_where_it_is_wanted_and_shown_to_its_maker_alone(
    person: Callable[..., Person], database: Database, sources: Sources, app: Flask
) -> None:
    anna, ben, society = person(), person(name="Ben"), person(Role.SOCIETY, "VG")
    send(anna, {"dunes.png": png(2)}, preview_0=small(2))
    work = with_preview(anna)
    uploaded = {"made_by": "human", "preview": "keep", "file": (io.BytesIO(png(3)), "heron.png")}
    anna.browser.open("/en/works/register")
    anna.browser.send("/en/works/register", uploaded)
    with database.writing() as session:
        mandate = parties.CreateMandate(society.actor.public_id, frozenset(May), Repertoire(all=True))
        parties.create_mandate(session, anna.actor, mandate, sources)
        kept = session.scalars(select(WorkPreview)).all()
    address = f"/en/works/{work}/preview.webp"

    assert len(kept) == 2  # not of the dunes
    assert anna.browser.open("/en/works").text.count("<img") == 2
    shown = anna.browser.open(address)
    assert (shown.status_code, shown.mimetype) == (200, "image/webp")
    assert Image.open(io.BytesIO(shown.data)).size == (160, 120)
    assert shown.headers["Cache-Control"] == "private, max-age=3600"
    assert "Cookie" in shown.headers["Vary"]
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert shown.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert anna.browser.open(address, headers={"If-None-Match": shown.headers["ETag"]}).status_code == 304

    for other in (ben, society):
        assert other.browser.open(address).status_code == 404
    assert "<img" not in society.browser.open(f"/en/works?owner={anna.id}").text
    assert app.test_client().get(address).status_code == 303


def test_a_preview_that_is_none_is_left_out_and_the_work_registered(
    person: Callable[..., Person], database: Database
) -> None:
    page = send(person(), {"a.png": png(1)}, preview="keep", preview_0=png(1))

    assert STATE.findall(page.text) == ["reserved"]
    with database.reading() as session:
        assert session.scalar(select(WorkPreview)) is None


@pytest.mark.parametrize("how", ["deleted", "withdrawn"])
def test_a_preview_goes_for_good(
    person: Callable[..., Person], database: Database, sources: Sources, app: Flask, how: str
) -> None:
    anna = person()
    work = with_preview(anna)
    context: Context = app.extensions["vorbehalt"]
    with database.reading() as session:
        path = session.scalars(select(WorkPreview.path)).one()
    assert context.files.exists(path)
    anna.browser.open(f"/en/works/{work}")
    step = {"deleted": "preview/delete", "withdrawn": "withdraw"}[how]
    assert anna.browser.send(f"/en/works/{work}/{step}").status_code == 303

    assert anna.browser.open(f"/en/works/{work}/preview.webp").status_code == 404
    with database.reading() as session:
        assert session.scalar(select(WorkPreview)) is None  # and with it the key
        job = session.scalars(select(Job).where(Job.kind == previews.REMOVE)).one()
    previews.remove_objects(context.files, database, job.payload, sources)
    assert not context.files.exists(path)
    previews.remove_objects(context.files, database, job.payload, sources)  # a job may run twice


def test_previews_are_taken_home(person: Callable[..., Person]) -> None:
    anna = person()
    work = with_preview(anna)
    with_preview(person(name="Ben"), 2)
    anna.browser.open("/en/account")
    answer = anna.browser.send("/en/account/export")

    with ZipFile(io.BytesIO(answer.data)) as archive:
        pictures = [name for name in archive.namelist() if name.startswith("previews/")]
        assert pictures == [f"previews/{work}.webp"]
        assert Image.open(archive.open(pictures[0])).size == (160, 120)
        (row,) = json.loads(archive.read("work_preview.json"))
    answer.close()
    assert (row["work"], "key" in row, "path" in row) == (work, False, False)


# -- the file, shown afterwards ---------------------------------------------------------------------------------
def jpeg(seed: int) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(png(seed))).save(file, "JPEG", quality=90)
    return file.getvalue()


def published_algorithms(database: Database, work: str) -> set[str]:
    """Of the codes that go into the next edition."""
    with database.reading() as session:
        for found in works.works_for_publishing(session):
            if found.public_id == parse_id("work", work):
                return {row.algorithm for row in found.fingerprints}
    raise AssertionError(work)


def test_the_file_brings_the_fingerprints_of_its_parts(
    person: Callable[..., Person], database: Database, clock: Clock
) -> None:
    anna = person()
    (work,) = WORK.findall(send(anna, {"clouds.png": png(1)}).text)
    address = f"/en/works/{work}/file"
    assert "Parts of this picture are not recognised yet." in anna.browser.read(f"/en/works/{work}")
    assert "image.anchors256.v1" not in published_algorithms(database, work)
    clock.advance(hours=1)

    anna.browser.open(address)
    other = anna.browser.send(address, {"picture": (io.BytesIO(png(2)), "other.png")})
    assert other.status_code == 422
    assert "This is another picture than the one on record" in text_of(other.text)
    assert "image.anchors256.v1" not in published_algorithms(database, work)

    taken = anna.browser.send(
        address, {"picture": (io.BytesIO(jpeg(1)), "saved anew.jpg"), "preview": "keep"}
    )
    assert taken.headers["Location"].endswith("added=parts")
    page = anna.browser.read(f"/en/works/{work}?added=parts")
    assert "Parts of this picture are not recognised yet." not in page
    assert "Parts of this picture are recognised from the next edition on." in page
    assert "The file was shown; fingerprints of its parts were added" in page
    assert "image.anchors256.v1" in published_algorithms(database, work)
    assert anna.browser.open(f"/en/works/{work}/preview.webp").status_code == 200

    again = anna.browser.send(address, {"picture": (io.BytesIO(jpeg(1)), "saved anew.jpg")})
    assert again.headers["Location"].endswith("added=nothing")
    assert person(name="Ben").browser.open(address).status_code == 404
