"""The works tree: one root over every work, its public terms and its public codes, so that each can be proved.

It is an RFC 6962 tree with one leaf per row of the works table, in order of rows:

    leaf         = SHA-256(0x00 || id || terms_digest || codes_digest)
    id           = the 16 bytes of the work's id
    terms_digest = SHA-256 of the terms as canonical JSON (one line of terms.jsonl, without its line end)
    codes_digest = SHA-256 of the work's code records, sorted as byte strings and put one after the other
    record       = algorithm id in ASCII || 0x00 || kind (1 byte) || code || aux (8 bytes, big-endian)

The thousands of fingerprints of a text (`text.winnow32.v1`) are one record, with these in place of `code || aux`:

    number of the text among those of the work || fingerprints || how many of them are common   (4 bytes each)
    || SHA-256(value (8 bytes, little-endian) || position (4 bytes) || value || position || …)
    || SHA-256(one bit a fingerprint, 1 if it is common, from the highest of each byte on)

in order of position; all but the values big-endian. So whoever has the text can compute the first digest, and sees how
many of its phrases the registry leaves out of the search. The length of a record follows from its algorithm: no two
sets of records give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints import WINNOW32
from registry.core.matching import ListColumns
from registry.core.matching.passages import COMMON, FILE_SHIFT
from registry.core.tlog import merkle

_BLOCK = 1 << 16
"""Works whose records are in memory at a time."""


def record(algorithm: str, kind: int, code: bytes, aux: int) -> bytes:
    """One code as it is digested."""
    return algorithm.encode("ascii") + b"\x00" + bytes([kind]) + code + aux.to_bytes(8, "big")


def codes_digest(records: Iterable[bytes]) -> bytes:
    """Digest of all records of one work, in whatever order they come."""
    return sha256(b"".join(sorted(records))).digest()


def leaf(work_id: bytes, terms_digest: bytes, digest_of_codes: bytes) -> bytes:
    """The leaf hash of one work."""
    return merkle.leaf_hash(work_id + terms_digest + digest_of_codes)


def records_of(lists: Mapping[str, ListColumns], row: int) -> list[bytes]:
    """The sorted records of one work."""
    found: list[bytes] = []
    for algorithm, columns in lists.items():
        positions = np.flatnonzero(columns.work_rows == row)
        found += (item for _, item in _records(algorithm, columns, positions))
    return sorted(found)


def codes_digests(lists: Mapping[str, ListColumns], works: int) -> Iterator[bytes]:
    """`codes_digest` of each of the `works` rows in turn; a second or two per million codes."""
    return map(codes_digest, records_by_row(lists, works))


def records_by_row(lists: Mapping[str, ListColumns], works: int) -> Iterator[list[bytes]]:
    """The sorted records of each of the `works` rows in turn."""
    ordered = {name: _by_work(columns) for name, columns in lists.items()}
    for first in range(0, works, _BLOCK):
        groups: list[list[bytes]] = [[] for _ in range(min(_BLOCK, works - first))]
        for name, columns in lists.items():
            order, rows = ordered[name]
            low, high = np.searchsorted(rows, [first, first + len(groups)])
            for row, item in _records(name, columns, order[low:high]):
                groups[row - first].append(item)
        yield from map(sorted, groups)


def leaves(
    ids: Sequence[bytes], terms_digests: Iterable[bytes], digests_of_codes: Iterable[bytes]
) -> list[bytes]:
    """The leaf hashes of all works in order of rows; the three are equally long."""
    return [
        sha256(b"\x00" + work_id + terms + codes).digest()
        for work_id, terms, codes in zip(ids, terms_digests, digests_of_codes, strict=True)
    ]


def works_root(
    ids: Sequence[bytes], terms_digests: Iterable[bytes], digests_of_codes: Iterable[bytes]
) -> bytes:
    """The root over all works: 32 bytes."""
    return merkle.root(leaves(ids, terms_digests, digests_of_codes))


def _by_work(columns: ListColumns) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Positions ordered by work row, and the rows in that order."""
    rows = columns.work_rows
    if bool(np.all(rows[:-1] <= rows[1:])):
        return np.arange(len(rows)), rows
    order = np.argsort(rows, kind="stable")
    return order, rows[order]


def _records(
    algorithm: str, columns: ListColumns, positions: NDArray[np.int64]
) -> Iterator[tuple[int, bytes]]:
    """The records of the entries at these positions of one list, each with the row of its work."""
    head = algorithm.encode("ascii") + b"\x00"
    if algorithm == WINNOW32:
        return _records_of_texts(head, columns, positions)
    count, width = len(positions), columns.codes.shape[1]
    size = len(head) + 1 + width + 8
    table = np.empty((count, size), np.uint8)
    table[:, : len(head)] = np.frombuffer(head, np.uint8)
    table[:, len(head)] = columns.kinds[positions]
    table[:, len(head) + 1 : -8] = columns.codes[positions]
    table[:, -8:] = columns.aux[positions].astype(">u8").view(np.uint8).reshape(count, 8)
    data = table.tobytes()
    records = (data[i : i + size] for i in range(0, len(data), size))
    return zip(columns.work_rows[positions].tolist(), records, strict=True)


def _records_of_texts(
    head: bytes, columns: ListColumns, positions: NDArray[np.int64]
) -> Iterator[tuple[int, bytes]]:
    """One record for all fingerprints of a text."""
    rows, kinds, aux = columns.work_rows[positions], columns.kinds[positions], columns.aux[positions]
    places, texts = (aux & np.uint64(0xFFFFFFFF)).astype(">u4"), (aux & ~COMMON) >> FILE_SHIFT
    order = np.lexsort((places, kinds, texts, rows))
    rows, kinds, texts = rows[order], kinds[order], texts[order]
    table = np.empty((len(order), 12), np.uint8)
    table[:, :8] = columns.codes[positions[order]]
    table[:, 8:] = places[order].view(np.uint8).reshape(-1, 4)
    common = aux[order] & COMMON != 0
    changes = (rows[1:] != rows[:-1]) | (texts[1:] != texts[:-1]) | (kinds[1:] != kinds[:-1])
    bounds = np.flatnonzero(np.concatenate([[len(order) > 0], changes, [len(order) > 0]])).tolist()
    for begin, end in pairwise(bounds):
        marks = common[begin:end]
        numbers = (int(texts[begin]), end - begin, int(np.count_nonzero(marks)))
        yield (
            int(rows[begin]),
            b"".join(
                [
                    head,
                    bytes([int(kinds[begin])]),
                    *(number.to_bytes(4, "big") for number in numbers),
                    sha256(table[begin:end].tobytes()).digest(),
                    sha256(np.packbits(marks).tobytes()).digest(),
                ]
            ),
        )
