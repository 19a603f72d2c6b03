"""What a walk through a file yields."""

from __future__ import annotations

from typing import NamedTuple

LARGEST_PACKET = 64 * 1024 * 1024
"""Bytes that are put together for one packet."""


class DamagedFile(Exception):
    """The file ends before its parts do, or they do not fit together: what it says cannot be known."""


class Packet(NamedTuple):
    """One packet: `xmp` or `c2pa`, the place that evidence names, and its bytes."""

    kind: str
    where: str
    data: bytes
