"""Matched pairs: the dataset's item, as it looks, beside the drawing of the registered code."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from PIL import Image, ImageOps

from crawler.report.drawings import Grid, grid
from crawler.runs.layout import CODES
from crawler.sources.base import Sample, Shard, Source
from registry.core.decisions import Terms
from registry.core.errors import InvalidInput, NetworkFailed
from registry.core.fingerprints import PHASH256
from registry.core.fingerprints.model import DEFAULT_LIMITS
from registry.core.matching.dihedral import variants
from registry.core.snapshots import Snapshot

SIDE: Final = 320
"""Longer side of a thumbnail in pixels."""
BUDGET: Final = 1 << 29
"""Bytes of the inputs that are gone through for thumbnails; pairs beyond that go without."""
LETTERS: Final = 280
"""Of a text, so many are shown."""
_FORMATS: Final = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_SAME_PICTURE: Final = 64
"""Bits beyond which two drawings show different pictures, one of which is part of the other: nothing is struck."""

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Pair:
    """One item that matches a work."""

    row: dict[str, Any]
    """Its verdict."""
    thumbnail: str | None
    """A data: address, if the item is a picture that is at hand."""
    excerpt: str | None
    """The beginning of a text that is at hand."""
    drawing: Grid | None
    """Of the registered code, if the edition is at hand and the work has one."""
    terms: Terms | None


def make_pairs(
    run: Path, rows: Sequence[dict[str, Any]], edition: Snapshot | None, samples: Mapping[Place, Sample]
) -> list[Pair]:
    """The pairs of these verdict rows, in their order."""
    codes = _phashes(run, rows) if edition is not None else {}
    found = []
    for row in rows:
        place = row["shard"], row["row"]
        sample = samples.get(place)
        drawing = terms = None
        if edition is not None:
            try:
                work = edition.row_of(row["work_id"])
            except InvalidInput:
                work = None
            if work is not None:
                drawing = _drawing(edition, work, codes.get(place, []))
                terms = edition.terms(work)
        picture = _thumbnail(sample) if sample else None
        excerpt = _excerpt(sample) if sample and picture is None else None
        found.append(Pair(row, picture, excerpt, drawing, terms))
    return found


def samples_at(
    sources: Iterable[Source], items_per_shard: int, places: Iterable[Place]
) -> dict[Place, Sample]:
    """The items in these places, read from the inputs; those that are no longer there are left out."""
    wanted: dict[int, set[int]] = {}
    for index, row in places:
        wanted.setdefault(index, set()).add(row)
    found: dict[Place, Sample] = {}
    left = BUDGET
    shards = (shard for source in sources for shard in source.shards(items_per_shard))
    for number, shard in enumerate(shards):
        rows = wanted.pop(number, set())
        if rows and shard.size <= left:
            left -= shard.size
            with suppress(OSError, NetworkFailed):
                found.update(((number, s.row), s) for s in _rows(shard, rows))
        if not wanted:
            break
    return found


def _rows(shard: Shard, rows: set[int]) -> Iterator[Sample]:
    """These items of a shard; reading ends with the last of them."""
    last = max(rows)
    for sample in shard.read(DEFAULT_LIMITS.max_file_bytes, _ignore):
        if sample.row in rows:
            yield sample
        if sample.row >= last:
            return


def _ignore(data: bytes) -> None:
    """Nobody hashes what is read for a picture."""


# -- registered codes ----------------------------------------------------------------------------------------
def _phashes(run: Path, rows: Sequence[dict[str, Any]]) -> dict[Place, list[bytes]]:
    """The phash256 of these items."""
    found: dict[Place, list[bytes]] = {}
    for shard in sorted({row["shard"] for row in rows}):
        of = [row["row"] for row in rows if row["shard"] == shard]
        filters = [("shard", "=", shard), ("row", "in", of), ("algorithm", "=", PHASH256)]
        for code in pq.read_table(run / CODES, filters=filters).to_pylist():
            found.setdefault((shard, code["row"]), []).append(code["code"])
    return found


def _drawing(edition: Snapshot, work: int, mine: Sequence[bytes]) -> Grid | None:
    """The registered code that is nearest to the item's, in whichever position; what differs is struck."""
    columns = edition.lists.get(PHASH256)
    if columns is None:
        return None
    theirs = columns.codes[np.flatnonzero(columns.work_rows == work)]
    if not len(theirs):
        return None
    if not mine:
        return grid(theirs[0].tobytes())
    turned = variants(np.frombuffer(b"".join(mine), np.uint8).reshape(-1, 32)).reshape(-1, 32)
    apart = np.unpackbits(turned[:, None] ^ theirs, axis=2).sum(axis=2)
    one, other = np.unravel_index(int(apart.argmin()), apart.shape)
    near = int(apart.min()) <= _SAME_PICTURE
    return grid(theirs[other].tobytes(), turned[one].tobytes() if near else None)


# -- items ---------------------------------------------------------------------------------------------------
def _thumbnail(sample: Sample) -> str | None:
    """The first picture of an item, made small; `None` if there is none that can be shown."""
    for data in [part.data for part in sample.parts if part.text is None] or [sample.raw]:
        try:
            with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
                if picture.width * picture.height > DEFAULT_LIMITS.max_pixels:
                    continue
                picture.draft("RGB", (2 * SIDE, 2 * SIDE))
                small = ImageOps.exif_transpose(picture).convert("RGB")
        except (OSError, ValueError, SyntaxError, TypeError, MemoryError, Image.DecompressionBombError):
            continue
        small.thumbnail((SIDE, SIDE))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=72)
        return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
    return None


def _excerpt(sample: Sample) -> str | None:
    """The beginning of a text."""
    texts = [part.text for part in sample.parts if part.text] or ([sample.text] if sample.text else [])
    if not texts:
        try:
            texts = [sample.raw[: 8 * LETTERS].decode("utf-8", "ignore")] if b"\0" not in sample.raw else []
        except UnicodeDecodeError:
            return None
    words = " ".join(texts[0].split()) if texts else ""
    return words[:LETTERS] + ("…" if len(words) > LETTERS else "") if words else None
