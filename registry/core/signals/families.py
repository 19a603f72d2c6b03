"""The families by the names that verdicts give them, each with the edition of the rules by which it is read."""

from __future__ import annotations

from typing import Final

from registry.core.signals import (
    ai_txt,
    c2pa,
    content_signal,
    content_usage,
    iptc,
    payment,
    robots,
    rsl,
    tdm_ai,
    tdmrep,
    x_robots,
)

WITH_ITEMS: Final = {
    family.SIGNAL: family.VERSION
    for family in (c2pa, content_signal, content_usage, iptc, rsl, tdmrep, x_robots)
}
"""Those that are found in an item, or in the answer in which it was captured."""

FAMILIES: Final = WITH_ITEMS | {family.SIGNAL: family.VERSION for family in (ai_txt, payment, robots, tdm_ai)}
