"""Groups of countries that more than one rule speaks of."""

from __future__ import annotations

from typing import Final

EUROPEAN_UNION: Final = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES"}
    | {"FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU"}
    | {"LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"}
)
"""ISO 3166-1 codes of the member states since 2020-02-01; their VAT numbers begin with these, but Greece's with EL."""
