"""What whole sites say about the use of what lies on them: kept in one file, asked by a run for each item's address."""

from typing import Final

DAY: Final = 86_400
"""Seconds."""
MAX_AGE_DAYS: Final = 30
"""How long what a site answered counts in full, unless another number is asked for."""
