"""Which codes of a run come so near the codes of some works that these may have to do with its verdicts.

This asks less than matching does, and so finds more: every code within the radius, every shared fingerprint of a text,
every anchor that could be a seed. What else counts against a match (colours, outlines, geometry, length) is not looked
at. An item that is not found here has no match with these works, and no match with others that depends on them: what
makes a phrase or a place in a picture common is the works that have it, and then the item has it, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from registry.core.errors import VerificationFailed
from registry.core.fingerprints import (
    ANCHORS256,
    DEEP256,
    DHASH256,
    MD5,
    MINHASH128,
    PHASH256,
    SHA256,
    SOURCE_DOMAIN,
    SOURCE_URL,
    WINNOW32,
)
from registry.core.fingerprints.algorithms import LEAN_HEADER
from registry.core.fingerprints.anchors_records import RECORD as ANCHOR
from registry.core.fingerprints.anchors_records import geometry
from registry.core.fingerprints.winnow_records import RECORD as FINGERPRINT
from registry.core.matching import BandIndex, DigestIndex, ListColumns, open_index, radius
from registry.core.matching.anchors import Anchors, mirrored
from registry.core.matching.dihedral import VARIANTS, variants
from registry.core.matching.passages import COMMON

Found = Callable[[NDArray[np.uint8]], NDArray[np.integer]]
"""From (N, width) codes to the positions of those that are near one."""

_HEAD = LEAN_HEADER.size
_COLUMNS = ["shard", "row", "algorithm", "code"]


class Reach:
    """The codes of some works, ready to be met. `Lists` of several editions are taken together."""

    def __init__(self, lists: Iterable[Mapping[str, ListColumns]]) -> None:
        """Only codes that can give a verdict are looked at."""
        columns: dict[str, list[ListColumns]] = defaultdict(list)
        for some in lists:
            for name, listed in some.items():
                columns[name].append(listed)
        self._finders: dict[str, tuple[int, Found]] = {}
        for name, parts in columns.items():
            for algorithm, width, find in _finders(name, parts):
                self._finders[algorithm] = width, find

    def near(self, algorithm: str, codes: pa.BinaryArray) -> NDArray[np.int64]:
        """Which of these codes of one algorithm come near; ascending. `VerificationFailed` if one is no code."""
        if algorithm not in self._finders or not len(codes):
            return np.empty(0, np.int64)
        width, find = self._finders[algorithm]
        ends = np.frombuffer(codes.buffers()[1], np.int32)[codes.offset : codes.offset + len(codes) + 1]
        sizes = np.diff(ends)
        whole, rest = np.divmod(sizes, width)
        if rest.any() or not whole.all():
            raise VerificationFailed(f"A code of {algorithm} in the run's papers has another length.")
        data = np.frombuffer(codes.buffers()[2], np.uint8)[ends[0] : ends[-1]]
        owners = np.repeat(np.arange(len(codes)), whole)
        return np.unique(owners[find(data.reshape(-1, width))])

    def places(self, codes: Path) -> dict[int, NDArray[np.uint32]]:
        """The items of a run whose codes come near, from its table of codes: rows by shard."""
        found: dict[int, list[NDArray[np.uint32]]] = defaultdict(list)
        with pq.ParquetFile(codes, read_dictionary=["algorithm"]) as file:
            for part in file.iter_batches(batch_size=65_536, columns=_COLUMNS):
                shard, row = (part.column(name).to_numpy() for name in ("shard", "row"))
                kinds = part.column("algorithm")
                numbers = kinds.indices.to_numpy()
                for number, algorithm in enumerate(kinds.dictionary.to_pylist()):
                    at = np.flatnonzero(numbers == number)
                    if algorithm in self._finders and len(at):
                        at = at[self.near(algorithm, part.column("code").take(pa.array(at)))]
                        for one in np.unique(shard[at]).tolist():
                            found[one].append(row[at[shard[at] == one]])
        return {one: np.unique(np.concatenate(rows)) for one, rows in found.items()}


def _finders(name: str, parts: list[ListColumns]) -> list[tuple[str, int, Found]]:
    """For a list, whose codes to search in it: algorithm, width of a code or record, and how."""
    codes = np.concatenate([part.codes for part in parts])
    if name in (SHA256, MD5, SOURCE_URL, SOURCE_DOMAIN):
        digests = DigestIndex(codes)
        return [(name, codes.shape[1], lambda asked: digests.search(np.ascontiguousarray(asked)).query)]
    if name in (PHASH256, DHASH256):
        index, furthest = open_index(codes), radius(name)
        turns = len(VARIANTS) if name == PHASH256 else 1

        def turned(asked: NDArray[np.uint8]) -> NDArray[np.integer]:
            queries = variants(asked).reshape(-1, 32) if turns > 1 else np.ascontiguousarray(asked)
            return np.asarray(index.search(queries, furthest).query // turns)

        return [(name, 32, turned)]
    if name == MINHASH128:
        texts = BandIndex.build(np.ascontiguousarray(codes[:, _HEAD:]).view("<u4").astype(np.uint32))
        return [(name, codes.shape[1], lambda asked: texts.search(_values(asked), radius(name)).query)]
    if name == WINNOW32:
        marks = np.concatenate([part.aux for part in parts]) & COMMON == 0
        known = np.unique(np.ascontiguousarray(codes[marks]).view("<u8").reshape(-1))
        return [(name, FINGERPRINT.itemsize, lambda asked: _among(known, asked))]
    if name == ANCHORS256:
        places = open_index(codes)

        def seeds(algorithm: str) -> Found:
            def find(asked: NDArray[np.uint8]) -> NDArray[np.integer]:
                one = _anchors(asked)
                sides = [places.search(side.codes, radius(algorithm)).query for side in (one, mirrored(one))]
                return np.concatenate(sides)

            return find

        return [(algorithm, ANCHOR.size, seeds(algorithm)) for algorithm in (ANCHORS256, DEEP256)]
    return []


def _values(asked: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """(N, 128) values of text signatures."""
    return np.ascontiguousarray(asked[:, _HEAD:]).view("<u4").astype(np.uint32)


def _among(known: NDArray[np.uint64], asked: NDArray[np.uint8]) -> NDArray[np.integer]:
    """The records whose value is one of these."""
    values = np.ascontiguousarray(asked).reshape(-1).view(FINGERPRINT)["value"]
    at = np.minimum(np.searchsorted(known, values), max(len(known) - 1, 0))
    return np.flatnonzero(known[at] == values) if len(known) else np.empty(0, np.int64)


def _anchors(asked: NDArray[np.uint8]) -> Anchors:
    aux = np.ascontiguousarray(asked[:, 32:]).view(">u8").reshape(-1).astype(np.uint64)
    return Anchors(np.ascontiguousarray(asked[:, :32]), geometry(aux))
