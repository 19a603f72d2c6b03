"""Which codes of a run come so near the codes of some works that these may have to do with its verdicts.

This asks less than matching does, and so finds more: every code within the radius, every shared fingerprint of a text,
every anchor that could be a seed. What else counts against a match (colours, outlines, geometry, length) is not looked
at. An item that is not found here has no match with these works, and no match with others that depends on them: what
makes a phrase or a place in a picture common is the works that have it, and then the item has it, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crawler.runs.code_columns import SIGNATURE, Chosen
from crawler.runs.code_keys import KEYED, Keys, KeySet, keys_of_codes
from registry.core.errors import VerificationFailed
from registry.core.fingerprints import (
    ANCHORS256,
    DEEP256,
    DHASH256,
    MD5,
    MINHASH128,
    PHASH64,
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
from registry.core.matching import (
    ChainIndex,
    CodeIndex,
    DigestIndex,
    ListColumns,
    open_index,
    radius,
)
from registry.core.matching.anchors import Anchors, mirrored
from registry.core.matching.dihedral import VARIANTS, variants
from registry.core.matching.opening import open_passages, open_short_codes, open_signatures

Found = Callable[[Chosen], NDArray[np.integer]]
"""From codes, each of one or several records of some bytes, to the positions of those records that are near one."""

_HEAD = LEAN_HEADER.size


class Reach:
    """The codes of some works, ready to be met. `Lists` of several editions are taken together."""

    def __init__(self, lists: Iterable[Mapping[str, ListColumns]], index: Path | None = None) -> None:
        """Only codes that can give a verdict are looked at.

        `index` is the folder with the indexes of one whole edition, which a `Matcher` has built or checked by now.
        """
        columns: dict[str, list[ListColumns]] = defaultdict(list)
        for some in lists:
            for name, listed in some.items():
                columns[name].append(listed)
        self._finders: dict[str, tuple[int, Found]] = {}
        self._keys: dict[str, Callable[[], KeySet]] = {}
        for name, parts in columns.items():
            if any(map(len, parts)):
                listed = _together(parts)
                for algorithm, width, find in _finders(name, listed, index):
                    self._finders[algorithm] = width, find
                if name in KEYED:
                    self._keys[name] = cache(partial(_key_set, name, listed.codes))  # few ask for them

    def near(self, algorithm: str, codes: Chosen) -> NDArray[np.int64]:
        """Which of these codes of one algorithm come near; ascending. `VerificationFailed` if one is no code."""
        if algorithm not in self._finders or not len(codes):
            return np.empty(0, np.int64)
        width, find = self._finders[algorithm]
        whole, rest = np.divmod(codes.sizes, width)
        if rest.any() or not whole.all() or (algorithm == MINHASH128 and (whole != 1).any()):
            raise VerificationFailed(f"A code of {algorithm} in the run's papers has another length.")
        return np.unique(np.searchsorted(np.cumsum(whole), find(codes), side="right"))

    def covers(self, algorithm: str) -> bool:
        """Whether codes of this algorithm can come near."""
        return algorithm in self._finders

    def met(self, algorithm: str, keys: Keys) -> NDArray[np.int64]:
        """Which of these `code_keys` the works have, too: of all other codes none comes near. Ascending."""
        known = self._keys.get(algorithm)
        return np.empty(0, np.int64) if known is None else known().met_by(keys)


def _key_set(name: str, codes: NDArray[np.uint8]) -> KeySet:
    return KeySet(keys_of_codes(name, codes))


def _together(parts: Sequence[ListColumns]) -> ListColumns:
    if len(parts) == 1:
        return parts[0]
    columns = ([getattr(part, name) for part in parts] for name in ("codes", "work_rows", "kinds", "aux"))
    return ListColumns(*map(np.concatenate, columns))


def _finders(name: str, listed: ListColumns, index: Path | None) -> list[tuple[str, int, Found]]:
    """For a list, whose codes to search in it: algorithm, width of a code or record, and how."""
    width = listed.codes.shape[1]
    if name in (SHA256, MD5, SOURCE_URL, SOURCE_DOMAIN):
        digests = DigestIndex(listed.codes)
        return [(name, width, lambda asked: digests.search(asked.flat.table(width)).query)]
    if name in (PHASH256, DHASH256):
        return [
            (name, width, _pictures(name, open_index(listed.codes, index and index / name, verify=False)))
        ]
    if name == PHASH64:
        pictures = cache(lambda: open_short_codes(listed.codes, index, verify=False))  # few runs have any
        return [(name, width, lambda asked: pictures().search(asked.flat.table(width), radius(name)).query)]
    if name == MINHASH128:
        texts = open_signatures(_values(listed.codes), index, verify=False)
        return [(name, SIGNATURE, lambda asked: texts.search(asked.signatures.values, radius(name)).query)]
    if name == WINNOW32:
        passages = open_passages(listed, index, verify=False)
        return [(name, FINGERPRINT.itemsize, lambda asked: passages.known(asked.passages.values))]
    if name == ANCHORS256:
        places = open_index(listed.codes, index and index / name, verify=False)
        return [(algorithm, ANCHOR.size, _seeds(places, algorithm)) for algorithm in (ANCHORS256, DEEP256)]
    return []


def _pictures(name: str, index: CodeIndex | ChainIndex) -> Found:
    furthest, turns = radius(name), len(VARIANTS) if name == PHASH256 else 1

    def find(asked: Chosen) -> NDArray[np.integer]:
        codes = asked.flat.table(32)
        queries = variants(codes).reshape(-1, 32) if turns > 1 else codes
        return np.asarray(index.search(queries, furthest, family=turns).query // turns)

    return find


def _seeds(places: CodeIndex | ChainIndex, algorithm: str) -> Found:
    def find(asked: Chosen) -> NDArray[np.integer]:
        one = _anchors(asked.flat.table(ANCHOR.size))
        sides = [places.search(side.codes, radius(algorithm)).query for side in (one, mirrored(one))]
        return np.concatenate(sides)

    return find


def _values(asked: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """(N, 128) values of text signatures, in place."""
    return asked[:, _HEAD:].view("<u4")


def _anchors(asked: NDArray[np.uint8]) -> Anchors:
    aux = np.ascontiguousarray(asked[:, 32:]).view(">u8").reshape(-1).astype(np.uint64)
    return Anchors(np.ascontiguousarray(asked[:, :32]), geometry(aux))
