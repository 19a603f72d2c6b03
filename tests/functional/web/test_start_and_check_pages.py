"""The start page and “check a picture or a text”: languages, strict headers, an answer for every kind of file."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from PIL import Image, ImageOps

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.decisions import Purpose
from registry.core.fingerprints import fingerprint_bytes
from registry.core.ids import format_id
from registry.licences import service as licences
from tests.factories import make_actor
from tests.support.browsing import signed_in, text_of
from tests.support.device import form_of_text
from tests.support.pictures import TEXT, blank_png, png
from tests.support.works import register

Check = Callable[..., Any]

LONG = "Something else stands before it, and more of it. " * 9


@pytest.fixture
def check(app: Flask) -> Check:
    """Sends a file to be checked."""

    def send(data: bytes, name: str = "picture.png", language: str = "en") -> Any:
        files = {"file": (io.BytesIO(data), name)}
        return app.test_client().post(f"/{language}/check", data=files)

    return send


@pytest.fixture
def registered(database: Database, sources: Sources) -> Callable[..., str]:
    """Puts the picture on record, with an open licence if one is wished; returns its number."""

    def make(data: bytes, *, owner: str = "Anna", free: bool = False) -> str:
        with database.writing() as session:
            maker = make_actor(session, sources, Role.CREATOR, owner)
            work = register(session, maker, sources, "Clouds", content=fingerprint_bytes(data))
            if free:
                command = licences.CreateOffer((work.public_id,), Purpose.TRAIN_GENAI)
                licences.create_offer(session, maker, command, sources)
            return format_id("work", work.public_id)

    return make


def changed(data: bytes, change: Callable[[Image.Image], Image.Image]) -> bytes:
    file = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        change(image).save(file, "PNG")
    return file.getvalue()


# -- languages and headers ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("address", "headers", "language", "sentence"),
    [
        ("/", {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}, "de", "Sie entscheiden."),
        ("/", {"Accept-Language": "fr,en;q=0.5"}, "en", "You decide."),
        ("/", {"Accept-Language": "ja"}, "en", "You decide."),
        ("/", {}, "en", "You decide."),
        ("/de/", {"Accept-Language": "en"}, "de", "Sie entscheiden."),
        ("/en/", {"Accept-Language": "de"}, "en", "You decide."),
    ],
)
def test_the_language_is_that_of_the_address_or_the_browser(
    app: Flask, address: str, headers: dict[str, str], language: str, sentence: str
) -> None:
    page = app.test_client().get(address, headers=headers)

    assert page.status_code == 200
    assert f'<html lang="{language}">' in page.text
    assert sentence in page.text
    assert ("Accept-Language" in page.vary) == (address == "/")


@pytest.mark.parametrize("address", ["/", "/de/", "/en/sign-in", "/de/nothing-here", "/static/app.css"])
def test_nothing_foreign_can_be_loaded_and_nobody_can_frame_us(app: Flask, address: str) -> None:
    with app.test_client().get(address) as page:  # a file stays open until it was sent
        headers = page.headers

    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_pages_carry_no_script_and_no_style_in_themselves(app: Flask) -> None:
    for address in ("/de/", "/en/sign-in", "/de/sign-up"):
        page = app.test_client().get(address).text
        assert "style=" not in page
        assert "<style" not in page
        assert all('src="/static/' in part for part in page.split("<script")[1:])


@pytest.mark.parametrize(
    ("address", "title"), [("/de/nix", "Unter dieser Adresse"), ("/en/x/y", "There is nothing")]
)
def test_a_wrong_address_is_explained_in_its_language(app: Flask, address: str, title: str) -> None:
    page = app.test_client().get(address)

    assert page.status_code == 404
    assert title in page.text


# -- answers ------------------------------------------------------------------------------------------------
def test_a_picture_that_nobody_registered(check: Check) -> None:
    page = check(png(1))

    assert page.status_code == 200
    assert "This picture is not on record." in page.text
    assert "nobody has said anything about it" in page.text


def test_a_registered_picture(check: Check, registered: Callable[..., str]) -> None:
    number = registered(png(1))
    text = text_of(check(png(1)).text)

    assert "Nobody may train AI with it without its maker’s licence." in text
    assert "byte for byte" in text
    assert f"Entry {number}" in text
    assert "Your picture is the same file" in text
    assert "A machine decided this" in text


@pytest.mark.parametrize(
    ("change", "english", "german"),
    [
        (ImageOps.mirror, "mirrored left to right", "links und rechts gespiegelt"),
        (ImageOps.flip, "mirrored top to bottom", "oben und unten gespiegelt"),
        (lambda im: im.rotate(180), "turned upside down", "auf den Kopf gestellt"),
        (lambda im: im.rotate(-90, expand=True), "turned to the right", "nach rechts gedreht"),
        (lambda im: im.rotate(90, expand=True), "turned to the left", "nach links gedreht"),
        (lambda im: im.resize((320, 240)), "upright, as registered", "aufrecht, wie eingetragen"),
    ],
    ids=["mirrored", "flipped", "half turn", "right", "left", "larger"],
)
def test_a_changed_picture_says_how(
    check: Check,
    registered: Callable[..., str],
    change: Callable[[Image.Image], Image.Image],
    english: str,
    german: str,
) -> None:
    registered(png(1))
    copy = changed(png(1), change)

    assert f"Your picture is {english}" in text_of(check(copy).text)
    assert f"Ihr Bild ist {german}" in text_of(check(copy, language="de").text)


def test_a_bordered_picture_is_compared_without_its_border(
    check: Check, registered: Callable[..., str]
) -> None:
    registered(png(1, (320, 240)))
    copy = changed(png(1, (320, 240)), lambda im: ImageOps.expand(im, 40, "white"))

    assert "compared without its border" in check(copy).text


def test_an_open_licence(check: Check, registered: Callable[..., str]) -> None:
    registered(png(1), free=True)
    text = check(png(1), language="de").text

    assert "Das KI‑Training damit ist allen erlaubt." in text
    assert "Erlaubt" in text


def test_a_lab_can_ask_for_what_it_finds(
    app: Flask, check: Check, registered: Callable[..., str], database: Database, sources: Sources
) -> None:
    number = registered(png(1))
    with database.writing() as session:
        lab = make_actor(session, sources, Role.LAB, "Nordlicht")
    browser = signed_in(app, database, sources, lab)
    browser.open("/en/basket")
    page = browser.send("/en/check", {"file": (io.BytesIO(png(1)), "picture.png")})
    assert f'href="/en/requests/new?work={number}"' in page.text
    assert number in browser.open(browser.send("/en/basket", {"numbers": number}).location).text
    assert "/en/requests/new" not in check(png(1)).text  # nobody else asks


def test_a_contested_picture(check: Check, registered: Callable[..., str]) -> None:
    registered(png(1))
    registered(png(1), owner="Ben")
    text = check(png(1)).text

    assert "two parties say it is theirs" in text
    assert "nobody may train on it" in text


def test_a_picture_with_nothing_in_it(check: Check) -> None:
    assert "It has too little structure" in check(blank_png()).text


# -- texts ----------------------------------------------------------------------------------------------------
def test_a_text_that_nobody_registered(check: Check) -> None:
    text = text_of(check(TEXT.encode(), name="dunes.txt").text)

    assert "This text is not on record." in text
    assert "structure" not in text


@pytest.mark.parametrize("by_codes", [False, True], ids=["file", "codes"])
@pytest.mark.parametrize(
    ("change", "what", "sentence"),
    [
        (str, "This text", "Your file is the registered one, byte for byte."),
        (str.upper, "This text", "Your text and the registered one have the same fingerprint."),
        (lambda text: f"{text} Once more.", "This text", "9 of 128 values of the fingerprint differ."),
        (lambda text: f"{LONG}{text}", "A part of this text", "share a passage of about 18 words"),
    ],
    ids=["same", "shouted", "longer", "inside"],
)
def test_a_registered_text(
    app: Flask,
    registered: Callable[..., str],
    change: Callable[[str], str],
    what: str,
    sentence: str,
    by_codes: bool,
) -> None:
    number = registered(TEXT.encode())
    data = change(TEXT).encode()
    sent = form_of_text(data, "dunes.txt") if by_codes else {"file": (io.BytesIO(data), "dunes.txt")}
    page = app.test_client().post("/en/check", data=sent)
    text = text_of(page.text)

    assert f" {what} is on record. Nobody may train AI with it without its maker’s licence." in text
    assert sentence in text
    assert f"Entry {number}" in text
    assert "Your picture" not in text
    assert ("This file did not leave your device" in text) == by_codes


def test_codes_of_a_text_without_their_end_are_refused(app: Flask) -> None:
    sent = form_of_text(TEXT.encode(), "dunes.txt")
    del sent["passages-0"]
    page = app.test_client().post("/en/check", data=sent)

    assert page.status_code == 400
    assert "This file could not be checked." in page.text


# -- files that cannot be checked -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (png(1)[:200], "damaged or incomplete"),
        (b"", "damaged or incomplete"),
        (b"%PDF-1.7 no pages", "damaged or incomplete"),
        (b"\0\0\0\x18ftypheic", "We read pictures (JPEG"),
        (b"Too few words.", "about 14 words are needed"),
    ],
    ids=["truncated", "empty", "pdf", "heic", "short"],
)
def test_a_file_that_cannot_be_read(check: Check, data: bytes, sentence: str) -> None:
    page = check(data)

    assert page.status_code == 400
    assert "This file could not be checked." in page.text
    assert sentence in page.text


def test_no_file_at_all(app: Flask) -> None:
    page = app.test_client().post("/de/check", data={})

    assert page.status_code == 400
    assert "Bitte wählen Sie zuerst eine Datei." in page.text


def test_a_request_that_is_too_large(app: Flask, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.base.http.settings", lambda: _small(app))
    page = check(png(1, (640, 480)))

    assert page.status_code == 400
    assert "It is too large." in page.text


def _small(app: Flask) -> Any:
    from dataclasses import replace

    return replace(app.extensions["vorbehalt"].settings, max_upload_bytes=1000)


def test_the_name_of_a_file_is_text_and_nothing_else(check: Check) -> None:
    page = check(png(1), name="<script>alert(1)</script>.png")

    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
