"""Content credentials: the training and data mining assertion of C2PA 1.x and of CAWG 1.1.

Read without C2PA's own library, because a refusal needs no trust: it counts whoever signed it, in whichever manifest
of the store it stands (also in that of an ingredient), and even if the file was changed since. A permission would
need a signer whom somebody trusts, which nobody has established here; it is shown and permits nothing.

A store is a tree of JUMBF boxes (ISO 19566-5): `jumb` boxes hold a description (`jumd`: type, toggles, label) and
contents; assertions are CBOR or, in early files, JSON.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import cbor2
import orjson

from registry.core.decisions import Purpose
from registry.core.signals.model import LONGEST_RAW, MALFORMED, Evidence, answers, unreadable

SIGNAL = "c2pa"
VERSION = "cawg-training-1.1"

_LABELS: Final = ("cawg.training-mining", "c2pa.training-mining")
_ENTRIES: Final = {
    "data_mining": Purpose.TDM,
    "ai_training": Purpose.TRAIN_AI,
    "ai_generative_training": Purpose.TRAIN_GENAI,
    "ai_inference": Purpose.AI_INPUT,
}
_REFUSALS: Final = frozenset({"notallowed", "constrained"})
"""Constrained without more means not allowed (CAWG 1.1, section 2)."""

_DEEPEST: Final = 32
"""Boxes within boxes."""


@dataclass(frozen=True, slots=True)
class _Box:
    """A labelled box: the labels of all boxes around it and its own, and its contents by type."""

    path: tuple[str, ...]
    contents: tuple[tuple[bytes, bytes], ...]


class _Damaged(Exception):
    """The boxes do not fit into each other, or a content cannot be read."""


def read(store: bytes, where: str, file: bytes | None = None) -> list[Evidence]:
    """What one manifest store says; with the file's bytes, whether they are still those that were signed."""
    try:
        boxes = list(_boxes(store))
        return [_evidence(box, boxes, where, file) for box in boxes if _is_mining(box)]
    except _Damaged:
        return [unreadable(SIGNAL, VERSION, where, "damaged", store)]


def _is_mining(box: _Box) -> bool:
    return bool(box.path) and box.path[-1].partition("__")[0] in _LABELS


def _evidence(box: _Box, boxes: list[_Box], where: str, file: bytes | None) -> Evidence:
    kind, content = box.contents[0] if box.contents else (b"", b"")
    entries = _entries(_value(kind, content))
    refused: set[Purpose] = set()
    notes: set[str] = set()
    constraints: list[str] = []
    for name, entry in entries.items():
        purpose = _ENTRIES.get(name.partition(".")[2])
        use = str(entry.get("use", "")) if isinstance(entry, Mapping) else ""
        if purpose is None:
            continue
        if use.lower() in _REFUSALS:
            refused.add(purpose)
            if isinstance(entry, Mapping) and (text := entry.get("constraint_info")):
                constraints.append(str(text)[:LONGEST_RAW])
        elif use == "allowed":
            notes.add("untrusted")
        else:
            notes.add(MALFORMED)
    if box.path[:2] != _active(boxes):
        notes.add("ingredient")
    if refused and file is not None and not _unchanged(box, boxes, file):
        notes.add("integrity")
    details = (("constraint", "; ".join(dict.fromkeys(constraints))),) if constraints else ()
    raw = _shown(entries)[:LONGEST_RAW]
    place = f"{where} {box.path[-1]}"
    return Evidence(
        SIGNAL, VERSION, place, raw, answers(deny=refused), notes=tuple(sorted(notes)), details=details
    )


def _entries(value: Any) -> dict[str, Any]:
    """The entries by name; CAWG 1.0's grammar left their wrapper out."""
    if not isinstance(value, dict):
        raise _Damaged
    inner = value.get("entries", value)
    if not isinstance(inner, dict):
        raise _Damaged
    return {str(name): entry for name, entry in inner.items()}


def _shown(entries: dict[str, Any]) -> bytes:
    """The entries as JSON, for people; what JSON does not have is left out or shown as text."""
    try:
        return json.dumps(entries, default=str, skipkeys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as fault:  # CBOR may hold what holds itself
        raise _Damaged from fault


def _value(kind: bytes, content: bytes) -> Any:
    try:
        if kind == b"json":
            return orjson.loads(content)
        return cbor2.load(io.BytesIO(content))
    except (
        orjson.JSONDecodeError,
        cbor2.CBORDecodeError,
        ValueError,
        TypeError,
        RecursionError,
        OverflowError,
    ) as fault:
        raise _Damaged from fault


def _active(boxes: list[_Box]) -> tuple[str, ...]:
    """The path of the active manifest: the last one of the store."""
    return next((box.path[:2] for box in reversed(boxes) if len(box.path) >= 2), ())


def _unchanged(box: _Box, boxes: list[_Box], file: bytes) -> bool:
    """Whether the file's bytes have the digest that the same manifest states; true if it states none that we know."""
    for other in boxes:
        if other.path[:2] != box.path[:2] or other.path[-1] != "c2pa.hash.data" or not other.contents:
            continue
        stated = _value(*other.contents[0])
        if not isinstance(stated, dict) or stated.get("alg", "sha256") != "sha256":
            continue
        try:
            return _digest_without(file, stated.get("exclusions") or []) == stated.get("hash")
        except (KeyError, TypeError, ValueError, OverflowError):
            return False
    return True


def _digest_without(file: bytes, exclusions: Iterable[Mapping[str, int]]) -> bytes:
    digest, at = hashlib.sha256(), 0
    for gap in sorted(exclusions, key=lambda e: int(e["start"])):
        digest.update(file[at : int(gap["start"])])
        at = int(gap["start"]) + int(gap["length"])
    digest.update(file[at:])
    return digest.digest()


def _boxes(data: bytes, path: tuple[str, ...] = (), depth: int = 0) -> Iterator[_Box]:
    """Every labelled box, an outer one before those inside it."""
    if depth > _DEEPEST:
        raise _Damaged
    for kind, content in _plain_boxes(data):
        if kind != b"jumb":
            continue
        inner = list(_plain_boxes(content))
        if not inner or inner[0][0] != b"jumd":
            raise _Damaged
        here = (*path, _label(inner[0][1]))
        yield _Box(here, tuple((k, c) for k, c in inner[1:] if k != b"jumb"))
        for nested, (k, c) in enumerate(inner):
            if k == b"jumb" and nested:
                yield from _boxes((len(c) + 8).to_bytes(4, "big") + b"jumb" + c, here, depth + 1)


def _plain_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Types and contents of the boxes in some bytes (ISO 14496-12, section 4.2)."""
    at = 0
    while at < len(data):
        length, kind, header = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if length == 1:
            length, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif length == 0:
            length = len(data) - at
        if length < header or at + length > len(data):
            raise _Damaged
        yield kind, data[at + header : at + length]
        at += length


def _label(description: bytes) -> str:
    """The label of a description box: 16 bytes of type, toggles, text ended by a zero."""
    if len(description) < 17 or not description[16] & 2:
        return ""
    return description[17:].partition(b"\0")[0].decode("utf-8", "replace")
