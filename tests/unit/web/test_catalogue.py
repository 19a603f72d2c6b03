"""The German catalogue is complete: what the pages say is translated, and nothing else is in it."""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

import registry

ROOT = Path(registry.__file__).parent.parent
WEB = ROOT / "registry" / "web"
GERMAN = WEB / "translations" / "de" / "LC_MESSAGES"


def extracted() -> set[str | tuple[str, ...]]:
    """Every text that a page can say, as the sources have it."""
    with (WEB / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    found = extract_from_dir(str(ROOT / "registry"), _below(methods), _below_options(options))
    return {
        tuple(text[:2]) if isinstance(text, tuple) else text for _file, _line, text, _notes, _ctx in found
    }


def _below(methods: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The patterns as seen from the package instead of its parent: quicker, and no virtual environment on the way."""
    return [(pattern.removeprefix("registry/"), method) for pattern, method in methods]


def _below_options(options: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    return {pattern.removeprefix("registry/"): value for pattern, value in options.items()}


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with (GERMAN / "messages.po").open("rb") as file:
        return read_po(file, locale="de")


def _texts(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def _forms(text: str | Sequence[str] | None) -> list[str]:
    """One form, or singular and plural."""
    return [text] if isinstance(text, str) else list(text or ())


def test_every_text_is_translated_and_no_translation_is_left_over(catalogue: Catalog) -> None:
    known = {m.id if isinstance(m.id, str) else tuple(m.id) for m in _texts(catalogue)}
    said = extracted()

    assert said - known == set()
    assert known - said == set()
    assert len(said) > 300


def test_no_translation_is_empty_fuzzy_or_obsolete(catalogue: Catalog) -> None:
    for message in _texts(catalogue):
        assert all(_forms(message.string)), message.id
        assert not message.fuzzy, message.id
    assert catalogue.obsolete == {}


def test_translations_have_the_same_places_to_fill_in(catalogue: Catalog) -> None:
    for message in _texts(catalogue):
        assert [str(error) for error in message.check(catalogue)] == []


def test_the_compiled_catalogue_is_this_one(catalogue: Catalog) -> None:
    with (GERMAN / "messages.mo").open("rb") as file:
        compiled = {tuple(_forms(m.id)): tuple(_forms(m.string)) for m in _texts(read_mo(file))}

    assert compiled == {tuple(_forms(m.id)): tuple(_forms(m.string)) for m in _texts(catalogue)}


def test_typography() -> None:
    """Apostrophes and quotes as in print; in German no straight quotes, and “KI-” does not break."""
    with (GERMAN / "messages.po").open("rb") as file:
        for message in _texts(read_po(file, locale="de")):
            english, german = _forms(message.id), _forms(message.string)
            for text in english + german:
                assert "'" not in text, text
                assert '"' not in text, text
                assert "!" not in text, text
            for text in german:
                assert "KI-" not in text, text
                assert "“" not in text.replace("“", "", text.count("„")), text


def test_the_header_names_nobody() -> None:
    head = (GERMAN / "messages.po").read_text("utf-8").partition("\n\n")[0]

    assert "EMAIL@ADDRESS" not in head
    assert "YEAR" not in head
    assert set(head) <= set(string.printable) | set("‑")
