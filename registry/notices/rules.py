"""What people are told of."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What happened."""

    USED = "used"
    CONTESTED = "contested"
    REQUEST = "request"
    ANSWER = "answer"
    PAID = "paid"
