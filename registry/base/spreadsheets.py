"""Tables that people open in a spreadsheet."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def guarded(text: str) -> str:
    """Text that a spreadsheet takes for text: one that would begin a formula gets an apostrophe before it.

    OWASP, “CSV injection”; the full-width forms begin one in some programs too.
    """
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
