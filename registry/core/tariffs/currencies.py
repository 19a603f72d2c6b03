"""Currencies in which money is paid (ISO 4217, as of 2026); no metals, funds or test codes."""

from __future__ import annotations

from typing import Any

from registry.core.errors import InvalidInput

_ISO_4217 = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL
    HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD
    MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG
    QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD
    TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_ISO_4217.split())

_PLACES = {
    currency: places
    for places, currencies in (
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
    )
    for currency in currencies.split()
}
"""Where they are not two. Unicode's tables (CLDR) leave decimals out that people no longer use, in thirteen currencies:
whoever took those for minor units would be wrong by a hundred."""


def decimal_places(currency: str) -> int:
    """How many decimal places its minor unit is (ISO 4217)."""
    return _PLACES.get(currency, 2)


def check_currency(code: Any) -> str:
    """An ISO 4217 code of money that can be paid out."""
    if not isinstance(code, str) or code not in CURRENCIES:
        raise InvalidInput(f"“{str(code)[:10]}” is no ISO 4217 currency code; one looks like EUR.")
    return code
