"""What people are told of, and where a mail is in its life."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What happened."""

    USED = "used"
    CONTESTED = "contested"
    REQUEST = "request"
    PAID = "paid"


class Mail(StrEnum):
    """What became of the mail about it."""

    DUE = "due"
    SENT = "sent"
    REFUSED = "refused"
    """By the receiving end, for good."""
    NONE = "none"
    """Not wanted, or the account has no address."""
