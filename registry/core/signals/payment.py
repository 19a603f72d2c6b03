"""HTTP 402 and `crawler-price` (Cloudflare's pay per crawl): the item is not to be had without paying.

Nothing is ever paid here; the price is kept for people.
"""

from __future__ import annotations

from registry.core.signals.headers import Headers
from registry.core.signals.model import LONGEST_RAW, Answer, Evidence

SIGNAL = "payment"
VERSION = "pay-per-crawl.2025-07"


def read(status: int | None, headers: Headers) -> list[Evidence]:
    """What an answer demands: a refusal to fetch, with the price if one is named."""
    price = headers.joined("crawler-price")
    if status != 402 and price is None:
        return []
    raw = (price or "").encode("utf-8", "backslashreplace")[:LONGEST_RAW]
    details = (("price", price),) if price else ()
    acquire = Answer.DENY if status == 402 else Answer.UNKNOWN
    return [Evidence(SIGNAL, VERSION, f"status {status}", raw, acquire=acquire, details=details)]
