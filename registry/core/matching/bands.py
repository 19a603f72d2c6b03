"""Which registered texts are similar: MinHash signatures in 32 bands of 4 values (locality-sensitive hashing).

Two signatures that agree in all four values of some band are candidates, and candidates are compared in full. At a
Jaccard similarity of 0.5 a pair becomes a candidate with 87 %, at 0.6 with 99 %, at 0.8 always
(1 - (1 - J^4)^32). The scheme is that of datasketch's `MinHashLSH(params=(32, 4))`.

Per band a table in compressed rows: `starts[band, bucket]` to `starts[band, bucket + 1]` are the positions of a
bucket in `rows` and in `tags`, 16 more bits of the band's hash that let strangers in the same bucket fall out
without touching their signature. About 230 bytes a text, beside the signatures, which stay where they are.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import Corrupt, InvalidInput
from registry.core.matching import storage
from registry.core.matching.hits import MAX_ROWS, Hits, expand

VALUES = 128
BANDS, BAND_VALUES = 32, 4

_FORMAT = "vorbehalt-bands-v1"
_ARRAYS = ("starts", "rows", "tags")
_MULTIPLIERS = np.array(
    [0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93], np.uint64
)
_ROWS_AT_ONCE = 1 << 14
_QUERIES_AT_ONCE = 1 << 12


class BandIndex:
    """N signatures of 128 values; finds those that agree with a query in a band and in enough values."""

    def __init__(self, signatures: NDArray[np.uint32], arrays: storage.Arrays) -> None:
        """From `build` or `open`; checks that the tables fit the signatures, else `Corrupt`."""
        self._signatures = signatures
        self._starts, self._rows, self._tags = (arrays[name] for name in _ARRAYS)
        count = len(signatures)
        expected = (
            (self._starts, np.uint32, (BANDS, (1 << _bucket_bits(count)) + 1)),
            (self._rows, np.uint32, (BANDS, count)),
            (self._tags, np.uint16, (BANDS, count)),
        )
        if any(a.dtype != dtype or a.shape != shape for a, dtype, shape in expected):
            raise Corrupt(
                f"The tables of the text index do not fit {count} signatures. Build the index again."
            )

    def __len__(self) -> int:
        return len(self._signatures)

    @classmethod
    def build(cls, signatures: NDArray[np.uint32], folder: Path | None = None) -> BandIndex:
        """Sort (N, 128) signatures into buckets, in memory or, with a folder, in files mapped by all processes."""
        signatures = _checked(signatures, "signatures")
        count, bits = len(signatures), _bucket_bits(len(signatures))
        starts = np.empty((BANDS, (1 << bits) + 1), np.uint32)
        rows, tags = np.empty((BANDS, count), np.uint32), np.empty((BANDS, count), np.uint16)
        for band in range(BANDS):
            # one word a row, hash before row number: a single sort orders both and is the same everywhere
            packed = _band_keys(signatures, band).astype(np.uint64) << np.uint64(32)
            packed |= np.arange(count, dtype=np.uint64)
            packed.sort()
            keys = (packed >> np.uint64(32)).astype(np.uint32)
            starts[band] = np.searchsorted(_bucket(keys, bits), np.arange((1 << bits) + 1))
            rows[band] = packed & np.uint64(0xFFFFFFFF)
            tags[band] = keys & np.uint32(0xFFFF)
        arrays: storage.Arrays = {"starts": starts, "rows": rows, "tags": tags}
        if folder is None:
            return cls(signatures, arrays)
        storage.write(folder, _FORMAT, _source(signatures), arrays)
        return cls.open(folder, signatures)

    @classmethod
    def open(cls, folder: Path, signatures: NDArray[np.uint32], *, verify: bool = True) -> BandIndex:
        """Map what `build` wrote for these signatures; `Corrupt` if it is damaged or belongs to others.

        `verify=False` skips the digests, for further processes after one has checked.
        """
        signatures = _checked(signatures, "signatures")
        source = _source(signatures) if verify else None
        return cls(signatures, storage.read(folder, _FORMAT, source, _ARRAYS))

    def search(self, queries: NDArray[np.uint32], max_distance: int) -> Hits:
        """All (query, row) that share a band and differ in at most `max_distance` of the 128 values."""
        if not 0 <= max_distance <= VALUES:
            raise InvalidInput(
                f"A distance of signatures lies between 0 and {VALUES}, not at {max_distance}."
            )
        queries = _checked(queries, "queries")
        return Hits.joined(
            self._search(queries[begin : begin + _QUERIES_AT_ONCE], begin, max_distance)
            for begin in range(0, len(queries), _QUERIES_AT_ONCE)
        )

    def _search(self, queries: NDArray[np.uint32], offset: int, max_distance: int) -> Hits:
        """Candidates of all bands, each pair once, then the full comparison."""
        bits, count = _bucket_bits(len(self)), len(self)
        band = np.repeat(np.arange(BANDS), len(queries))
        keys = np.concatenate([_band_keys(queries, b) for b in range(BANDS)])
        bucket = _bucket(keys, bits)
        first = self._starts[band, bucket].astype(np.int64)
        length = self._starts[band, bucket + 1] - first
        pairs = [np.empty(0, np.int64)]
        for probe, position in expand(first, length):
            agree = self._tags[band[probe], position] == (keys[probe] & np.uint32(0xFFFF))
            probe, position = probe[agree], position[agree]
            pairs.append(np.unique((probe % len(queries)) * count + self._rows[band[probe], position]))
        candidates = np.unique(np.concatenate(pairs))
        return Hits.joined(
            self._compare(queries, candidates[begin : begin + _ROWS_AT_ONCE], offset, max_distance)
            for begin in range(0, len(candidates), _ROWS_AT_ONCE)
        )

    def _compare(
        self, queries: NDArray[np.uint32], pairs: NDArray[np.int64], offset: int, max_distance: int
    ) -> Hits:
        """Keep pairs that really share a band (hashes of bands may collide) and are near enough."""
        query, row = np.divmod(pairs, len(self))
        equal = self._signatures[row] == queries[query]
        in_a_band = equal.reshape(-1, BANDS, BAND_VALUES).all(axis=2).any(axis=1)
        distance = VALUES - np.count_nonzero(equal, axis=1)
        keep = in_a_band & (distance <= max_distance)
        return Hits.sorted(query[keep] + offset, row[keep], distance[keep])


def _checked(signatures: NDArray[np.uint32], name: str) -> NDArray[np.uint32]:
    if signatures.ndim != 2 or signatures.shape[1] != VALUES or signatures.dtype != np.uint32:
        raise InvalidInput(
            f"{name} must be an (N, {VALUES}) array of uint32, not {signatures.dtype} of shape {signatures.shape}."
        )
    if len(signatures) >= MAX_ROWS:
        raise InvalidInput("An index holds fewer than 2^32 signatures; cut the list into shards.")
    return signatures


def _bucket_bits(count: int) -> int:
    """Two to four texts a bucket: one cache line of postings, and half the memory of single ones."""
    return max(count.bit_length() - 2, 0)


def _bucket(keys: NDArray[np.uint32], bits: int) -> NDArray[np.int64]:
    """The leading bits of each key."""
    return (keys.astype(np.uint64) >> np.uint64(32 - bits)).astype(np.int64)


def _band_keys(signatures: NDArray[np.uint32], band: int) -> NDArray[np.uint32]:
    """(N,) hashes of one band's four values: the upper half of a multilinear form (Dietzfelbinger 1996)."""
    keys = np.empty(len(signatures), np.uint32)
    for begin in range(0, len(signatures), _ROWS_AT_ONCE):
        end = begin + _ROWS_AT_ONCE
        values = signatures[begin:end, band * BAND_VALUES : (band + 1) * BAND_VALUES].astype(np.uint64)
        keys[begin:end] = (values * _MULTIPLIERS).sum(axis=1, dtype=np.uint64) >> np.uint64(32)
    return keys


def _source(signatures: NDArray[np.uint32]) -> str:
    """Digest of the signatures that an index belongs to."""
    digest = hashlib.sha256()
    for begin in range(0, len(signatures), _ROWS_AT_ONCE):
        digest.update(np.ascontiguousarray(signatures[begin : begin + _ROWS_AT_ONCE]).tobytes())
    return digest.hexdigest()
