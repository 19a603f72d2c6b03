"""What a walk through a file yields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from registry.core.signals.rsl_licence import NAMESPACE

LARGEST_PACKET = 64 * 1024 * 1024
"""Bytes that are put together for one packet."""


class DamagedFile(Exception):
    """The file ends before its parts do, or they do not fit together: what it says cannot be known."""


class Packet(NamedTuple):
    """One packet: its kind, the place that evidence names, and its bytes.

    `xmp` is a packet of XMP, `c2pa` a manifest store, `rsl` an RSL document, and `tag` a named text of a recording:
    its name, a zero, and its value, in UTF-8.
    """

    kind: str
    where: str
    data: bytes


def licences(text: bytes, where: str) -> Iterator[Packet]:
    """The RSL document in a text (UTF-8), from the first element to the end of the last."""
    if NAMESPACE.encode() in text:
        yield Packet("rsl", where, text[text.find(b"<") : text.rfind(b">") + 1])


def tag(name: str, value: str, where: str) -> Iterator[Packet]:
    """A named text of a recording: an RSL document, a packet of XMP, or a statement under its own name."""
    text = value.encode("utf-8", "surrogatepass")
    if "<x:xmpmeta" in value:
        yield Packet("xmp", f"{where} {name}"[:200], text)
    elif NAMESPACE in value:
        yield from licences(text, f"{where} {name}"[:200])
    else:
        yield Packet("tag", where, name.encode("utf-8", "surrogatepass") + b"\0" + text)
