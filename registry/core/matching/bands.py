"""Which registered texts are similar: MinHash signatures in 32 bands of 4 values (locality-sensitive hashing).

Two signatures that agree in all four values of some band are candidates, and candidates are compared in full. At a
Jaccard similarity of 0.5 a pair becomes a candidate with 87 %, at 0.6 with 99 %, at 0.8 always
(1 - (1 - J^4)^32). The scheme is that of datasketch's `MinHashLSH(params=(32, 4))`.

Per band a table in compressed rows, about 196 bytes a text beside the signatures, which stay where they are: `bitmap`,
seven bits a text, of which an eighth is set, so that most lookups end there; `starts` of buckets of about sixteen;
`rows` of the texts in a bucket; and `tags`, eight more bits of the band's hash, that let strangers in the same bucket
fall out without touching their signature.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import Corrupt, InvalidInput
from registry.core.fingerprints.metering import Meter
from registry.core.matching import storage
from registry.core.matching.hits import MAX_ROWS, Hits, expand

VALUES = 128
BANDS, BAND_VALUES = 32, 4

_FORMAT = "vorbehalt-bands-v3"
_ARRAYS = ("bitmap", "starts", "rows", "tags")
_MULTIPLIERS = np.array(
    [0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93], np.uint64
)
_ODD = np.uint64(0x9E3779B97F4A7C15)
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
_PER_BUCKET = 16
_BITS_PER_TEXT = 7
_ROWS_AT_ONCE = 1 << 14
_QUERIES_AT_ONCE = 1 << 12
LOOKUPS = Meter(20_000)
"""Signatures looked up by numpy before loading the compiled lookup pays."""


class BandIndex:
    """N signatures of 128 values; finds those that agree with a query in a band and in enough values."""

    def __init__(self, signatures: NDArray[np.uint32], arrays: storage.Arrays) -> None:
        """From `build` or `open`; checks that the tables fit the signatures, else `Corrupt`."""
        self._signatures = signatures
        self._bitmap, self._starts, self._rows, self._tags = (arrays[name] for name in _ARRAYS)
        count = len(signatures)
        expected = (
            (self._bitmap, np.uint64, (BANDS, _words(count))),
            (self._starts, np.uint32, (BANDS, _buckets(count) + 1)),
            (self._rows, np.uint32, (BANDS, count)),
            (self._tags, np.uint8, (BANDS, _padded(count))),
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
        count = len(signatures)
        bitmap = np.zeros((BANDS, _words(count)), np.uint64)
        starts = np.empty((BANDS, _buckets(count) + 1), np.uint32)
        rows, tags = np.empty((BANDS, count), np.uint32), np.zeros((BANDS, _padded(count)), np.uint8)
        for band in range(BANDS):
            keys = _band_keys(signatures, band)
            # one word a row, bucket before row number: a single sort orders both and is the same everywhere
            packed = _bucket(keys, _buckets(count)) << _HALF | np.arange(count, dtype=np.uint64)
            packed.sort()
            starts[band] = np.searchsorted(packed, np.arange(_buckets(count) + 1, dtype=np.uint64) << _HALF)
            rows[band] = packed & _LOW
            tags[band, :count] = _tag(keys[rows[band]])
            bit = _bit(keys, _words(count))
            np.bitwise_or.at(bitmap[band], bit >> np.uint64(6), np.uint64(1) << (bit & np.uint64(63)))
        arrays: storage.Arrays = {"bitmap": bitmap, "starts": starts, "rows": rows, "tags": tags}
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
        if not len(self) or not len(queries):
            return Hits.none()
        if LOOKUPS.compiled_pays(len(queries)):
            return self.search_by_kernel(queries, max_distance)
        return self.search_by_numpy(queries, max_distance)

    def search_by_kernel(self, queries: NDArray[np.uint32], max_distance: int) -> Hits:
        """See `search`."""
        from registry.core.matching import bands_kernels as kernels  # numba only where it pays

        tables = (self._bitmap, self._starts, self._rows, self._tags, self._signatures)
        room = len(queries)
        while True:
            found = np.empty((3, room), np.uint32)
            count = kernels.find(np.ascontiguousarray(queries), *tables, _MULTIPLIERS, max_distance, found)
            if count <= room:
                return Hits.sorted(*found[:, :count])
            room = count

    def search_by_numpy(self, queries: NDArray[np.uint32], max_distance: int) -> Hits:
        """See `search`."""
        return Hits.joined(
            self._search(queries[begin : begin + _QUERIES_AT_ONCE], begin, max_distance)
            for begin in range(0, len(queries), _QUERIES_AT_ONCE)
        )

    def _search(self, queries: NDArray[np.uint32], offset: int, max_distance: int) -> Hits:
        """Candidates of all bands, each pair once, then the full comparison."""
        count = len(self)
        band = np.repeat(np.arange(BANDS), len(queries))
        keys = np.concatenate([_band_keys(queries, b) for b in range(BANDS)])
        bit = _bit(keys, _words(count))
        passed = np.flatnonzero(
            self._bitmap[band, bit >> np.uint64(6)] >> (bit & np.uint64(63)) & np.uint64(1)
        )
        band, keys = band[passed], keys[passed]
        bucket = _bucket(keys, _buckets(count)).astype(np.int64)
        first = self._starts[band, bucket].astype(np.int64)
        length = self._starts[band, bucket + 1] - first
        tags = _tag(keys)
        pairs = [np.empty(0, np.int64)]
        for probe, position in expand(first, length):
            agree = self._tags[band[probe], position] == tags[probe]
            probe, position = probe[agree], position[agree]
            query = passed[probe] % len(queries)
            pairs.append(np.unique(query * count + self._rows[band[probe], position]))
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


def _buckets(count: int) -> int:
    return max(count // _PER_BUCKET, 1)


def _words(count: int) -> int:
    """Words of 64 bits in a band's bitmap."""
    return max(count * _BITS_PER_TEXT // 64, 1)


def _padded(count: int) -> int:
    """Tags of a band: eight are compared at a time."""
    return (count + 7) // 8 * 8


def _bucket(keys: NDArray[np.uint64], buckets: int) -> NDArray[np.uint64]:
    """By the upper half of the key."""
    return np.asarray((keys >> _HALF) * np.uint64(buckets) >> _HALF)


def _bit(keys: NDArray[np.uint64], words: int) -> NDArray[np.uint64]:
    """By the lower half."""
    return np.asarray((keys & _LOW) * np.uint64(64 * words) >> _HALF)


def _tag(keys: NDArray[np.uint64]) -> NDArray[np.uint8]:
    return np.asarray(keys >> np.uint64(24)).astype(np.uint8)


def _band_keys(signatures: NDArray[np.uint32], band: int) -> NDArray[np.uint64]:
    """(N,) hashes of one band's four values: a multilinear form (Dietzfelbinger 1996), its upper half spread again."""
    keys = np.empty(len(signatures), np.uint64)
    for begin in range(0, len(signatures), _ROWS_AT_ONCE):
        end = begin + _ROWS_AT_ONCE
        values = signatures[begin:end, band * BAND_VALUES : (band + 1) * BAND_VALUES].astype(np.uint64)
        keys[begin:end] = ((values * _MULTIPLIERS).sum(axis=1, dtype=np.uint64) >> _HALF) * _ODD
    return keys


def _source(signatures: NDArray[np.uint32]) -> str:
    """Digest of the signatures that an index belongs to."""
    digest = hashlib.sha256()
    for begin in range(0, len(signatures), _ROWS_AT_ONCE):
        digest.update(np.ascontiguousarray(signatures[begin : begin + _ROWS_AT_ONCE]).tobytes())
    return digest.hexdigest()
