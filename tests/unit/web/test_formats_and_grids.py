"""Numbers, money and times as the language writes them; the grid of a code; how a match was seen."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask, g

from registry.core.matching.dihedral import DIHEDRAL
from registry.web import formats, i18n
from registry.web.answers import how_seen
from registry.web.fingerprint_svg import cells


@pytest.fixture(params=["de", "en"])
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    app = Flask("registry")
    i18n.init_app(app)
    with app.test_request_context("/"):
        g.language = request.param
        yield request.param


def test_numbers(language: str) -> None:
    assert formats.figure(482113) == {"de": "482.113", "en": "482,113"}[language]
    assert formats.percent(333_333) == {"de": "33,3333\xa0%", "en": "33.3333\xa0%"}[language]
    assert formats.percent(1_000_000) == "100\xa0%"


@pytest.mark.parametrize(
    ("size", "german", "english"),
    [
        (0, "0\xa0B", "0\xa0B"),
        (999, "999\xa0B", "999\xa0B"),
        (8_200_000, "8,2\xa0MB", "8.2\xa0MB"),
        (210_000, "210\xa0kB", "210\xa0kB"),
        (5 * 10**12, "5.000\xa0GB", "5,000\xa0GB"),
    ],
)
def test_sizes(language: str, size: int, german: str, english: str) -> None:
    assert formats.size(size) == {"de": german, "en": english}[language]


def test_money_has_its_currencys_places_and_no_float() -> None:
    app = Flask("registry")
    i18n.init_app(app)
    with app.test_request_context("/"):
        g.language = "en"
        assert formats.money(6923, "EUR") == "€69.23"
        assert formats.money(500, "JPY") == "¥500"
        assert formats.money(1234567, "KWD") == "KWD1,234.567"
        assert formats.money(12345, "RSD") == "RSD123.45"  # Unicode's tables would print 12,345
        assert formats.money(12345, "IQD") == "IQD12.345"
        assert formats.money(9_007_199_254_740_993, "EUR") == "€90,071,992,547,409.93"
        assert formats.money(-5, "EUR") == "-€0.05"


def test_times_are_utc(language: str) -> None:
    late = datetime(2026, 3, 14, 23, 30, tzinfo=timezone(timedelta(hours=-2)))

    assert formats.day(late) == {"de": "15. März 2026", "en": "15 March 2026"}[language]
    assert formats.moment(datetime(2026, 3, 14, 9, 5, tzinfo=UTC)).endswith("2026, 09:05")


@pytest.mark.parametrize(
    ("device", "shown"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge, Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari, iPhone",
        ),
        ("curl/8.5", "curl"),
        ("", "–"),
    ],
)
def test_browsers_by_their_names(device: str, shown: str) -> None:
    assert formats.browser(device) == shown


def test_a_grid_draws_each_bit_once() -> None:
    code = hashlib.sha256(b"grid").digest()
    drawn = cells(code)
    on, off = _drawn(drawn.on), _drawn(drawn.off)

    assert on == {(i % 16, i // 16) for i in range(256) if code[i // 8] >> (7 - i % 8) & 1}
    assert len(on) + len(off) == 256
    assert not on & off


def _drawn(path: str) -> set[tuple[int, int]]:
    """The cells of a path, as (x, y)."""
    runs = [tuple(map(int, run)) for run in re.findall(r"M(\d+) (\d+)\.5h(\d+)", path)]
    return {(x, y) for first, y, length in runs for x in range(first, first + length)}


def test_every_variant_has_words(language: str) -> None:
    variants = [f"{frame}/{change}" for frame in ("full", "trimmed") for change in DIHEDRAL]
    words = [how_seen(variant) for variant in [*variants, "whole"]]

    assert all(words)
    assert all("_" not in text for text in words)
