"""Numbers, times and money as the page's language writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from flask import Flask, g
from flask_babel import format_currency, format_datetime, format_decimal, get_locale

from registry.core.ids import format_id
from registry.core.tariffs.currencies import decimal_places
from registry.core.tlog.encodings import to_base64
from registry.web.fingerprint_svg import cells, struck

_UNITS = ("B", "kB", "MB", "GB")


def figure(value: int) -> str:
    """A whole number: 482,113 or 482.113."""
    return str(format_decimal(value))


def day(value: datetime) -> str:
    """A date in UTC: 14 March 2026 or 14. März 2026."""
    return str(format_datetime(value.astimezone(UTC), "d MMMM y" if g.language == "en" else "d. MMMM y"))


def last_day(value: datetime) -> str:
    """The last day before this moment, at which something ends: that of a midnight is the day that it closes."""
    return day(value - timedelta(seconds=1))


def moment(value: datetime) -> str:
    """A time in UTC: 14 March 2026, 09:30."""
    pattern = "d MMMM y, HH:mm" if g.language == "en" else "d. MMMM y, HH:mm"
    return str(format_datetime(value.astimezone(UTC), pattern))


def size(value: int) -> str:
    """A number of bytes: 8.2 MB or 8,2 MB."""
    amount, unit = Decimal(value), _UNITS[0]
    for unit in _UNITS:
        if amount < 1000 or unit == _UNITS[-1]:
            break
        amount /= 1000
    return f"{format_decimal(amount, '#,##0.#' if amount < 100 else '#,##0')}\u00a0{unit}"


def percent(ppm: int) -> str:
    """A share of a million: 33.3333 % or 33,3333 %."""
    return f"{format_decimal(Decimal(ppm) / 10_000, '#,##0.####')}\u00a0%"


def money(minor: int, currency: str) -> str:
    """An amount in minor units: €69.23 or 69,23 €; with all the decimal places of ISO 4217."""
    places = decimal_places(currency)
    usual = get_locale().currency_formats["standard"].pattern
    pattern = usual.replace("0.00", f"0.{'0' * places}" if places else "0")
    amount = Decimal(minor).scaleb(-places)
    return str(format_currency(amount, currency, format=pattern, currency_digits=False))


def exact_money(minor: Fraction, currency: str) -> str:
    """An amount that need not be whole minor units: €0.004; what has no end after four further places is cut, with …"""
    places = decimal_places(currency) + 4
    scaled = minor * 10**4
    amount = Decimal(int(scaled)).scaleb(-places)
    usual = get_locale().currency_formats["standard"].pattern
    kept = f"0.{'0' * (places - 4)}{'#' * 4}"
    text = str(format_currency(amount, currency, format=usual.replace("0.00", kept), currency_digits=False))
    return text if scaled.denominator == 1 else f"{text} …"


_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def browser(device: str) -> str:
    """What a browser calls itself, as people call it: Firefox, Windows."""
    names = [next((name for mark, name in marks if mark in device), None) for marks in (_BROWSERS, _SYSTEMS)]
    return ", ".join(filter(None, names)) or device.partition("/")[0] or "–"


def init_app(app: Flask) -> None:
    """Give templates these as filters."""
    app.jinja_env.filters.update(
        base64=to_base64,
        browser=browser,
        cells=cells,
        day=day,
        exact_money=exact_money,
        figure=figure,
        id=lambda public_id, noun: format_id(noun, public_id),
        last_day=last_day,
        moment=moment,
        money=money,
        percent=percent,
        size=size,
        struck=struck,
    )
