"""From the fingerprints of many items to the registered works that they match.

All codes of a batch that one algorithm made are searched at once, then given back to their items: an index that meets
a thousand queries together is many times faster than one that meets them one by one.

An item that was found at a registered address may lie under a registered domain as well. What an owner says of the
narrower place then goes before what the same owner says of the wider one, so that a picture can be licensed on a
site that is reserved; other owners' domains count as before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registry.core.decisions import Grade
from registry.core.errors import Corrupt, InvalidInput
from registry.core.fingerprints import (
    ADDRESSES,
    ALGORITHMS,
    ANCHORS256,
    DEEP256,
    DHASH256,
    FULL,
    MD5,
    MINHASH128,
    PHASH64,
    PHASH256,
    SHA256,
    SOURCE_DOMAIN,
    SOURCE_URL,
    TRIMMED,
    WHOLE,
    WINNOW32,
    Fingerprint,
)
from registry.core.fingerprints.algorithms import LEAN_HEADER, LEAN_SCHEME, LEAN_SEED, LEAN_VALUES
from registry.core.matching.anchors_search import AnchorSearch, in_frame
from registry.core.matching.bands import BandIndex
from registry.core.matching.chain import ChainIndex
from registry.core.matching.codes import CodeIndex
from registry.core.matching.digests import DigestIndex
from registry.core.matching.dihedral import IDENTITY, VARIANTS, variants
from registry.core.matching.grades import GRADES, anchored, radius
from registry.core.matching.hits import Hits
from registry.core.matching.likeness import aside, taken
from registry.core.matching.lists import KIND_NAMES, ListColumns
from registry.core.matching.opening import open_index, open_passages, open_short_codes, open_signatures
from registry.core.matching.overlay import SAME_FRAME
from registry.core.matching.passages import PassageIndex
from registry.core.matching.passages_search import MIN_WORDS, Passage
from registry.core.matching.passages_search import search as search_passages
from registry.core.matching.queries import Alone, Asked, by_algorithm
from registry.core.matching.short_codes import ShortCodeIndex

_EXACT = (SHA256, MD5, SOURCE_URL, SOURCE_DOMAIN)
_HEADER = LEAN_HEADER.pack(LEAN_SEED, -LEAN_VALUES, LEAN_SCHEME)
_PREFERENCE = {algorithm: i for i, (algorithm, _) in enumerate(GRADES)}


@dataclass(frozen=True, slots=True)
class Match:
    """One registered work that an item matches, by the code that says so most surely."""

    work_row: int
    grade: Grade
    algorithm: str
    kind: str
    """Kind of the registered code."""
    variant: str
    """Kind of the item's code, for pictures with the change by which it meets the registered one: `full/flip_h`."""
    distance: int
    """Of a passage, how many of the registered text's fingerprints the item does not have."""
    passage: Passage | None = None
    """What is shared, where it is part of a text."""

    @property
    def by_address(self) -> bool:
        """Whether only the place is the same; what is there nobody looked at."""
        return self.algorithm in ADDRESSES

    @property
    def by_part(self) -> bool:
        """Whether only places in the pictures are the same. Their distance says nothing beside that of whole ones."""
        return self.algorithm in (ANCHORS256, DEEP256)

    @property
    def order(self) -> tuple[int, bool, bool, int, int]:
        """Smaller is better: of equal grades, what was recognised before where it was found, the whole before parts."""
        return -self.grade, self.by_address, self.by_part, self.distance, self.work_row


class Matcher:
    """The indexes over one edition of the registered codes. Safe to use from several threads."""

    def __init__(
        self,
        lists: Mapping[str, ListColumns],
        index_folder: Path | None = None,
        *,
        verify: bool = True,
        min_words: int = MIN_WORDS,
        threads: int = 1,
        unpublished: NDArray[np.bool_] | None = None,
    ) -> None:
        """Lists by algorithm id; those that never give a verdict are left aside.

        With an `index_folder`, which belongs to these lists alone, the indexes of texts and of long lists of
        codes are written there once and mapped by all later processes; a folder that cannot be written to costs
        memory, not answers. `verify=False` is for further processes after one has checked it. `Corrupt` if
        lists or index are damaged. `min_words`: see `passages_search`. `threads`: for large batches of pictures.
        `unpublished`: by work row, the works that no edition shows. They are found; but what others have in common with
        them is no common element yet, since an edition does not know it.
        """
        self._min_words = min_words
        self._folder, self._verify = index_folder, verify
        self._lists = {a: columns for a, columns in lists.items() if a in _PREFERENCE and len(columns)}
        self._digests: dict[str, DigestIndex] = {
            a: DigestIndex(self._lists[a].codes) for a in _EXACT if a in self._lists
        }
        self._codes: dict[str, CodeIndex | ChainIndex] = {
            a: open_index(self._lists[a].codes, index_folder and index_folder / a, verify=verify)
            for a in (PHASH256, DHASH256, ANCHORS256)
            if a in self._lists
        }
        for codes in self._codes.values():
            if isinstance(codes, ChainIndex):
                codes.threads = threads
        places = self._codes.pop(ANCHORS256, None)
        self._anchors = (
            None
            if places is None
            else AnchorSearch(self._lists[ANCHORS256], places, self._lists.get(PHASH256), unpublished)
        )
        self._texts: BandIndex | None = None
        if MINHASH128 in self._lists:
            signatures = _registered_signatures(self._lists[MINHASH128].codes)
            self._texts = open_signatures(signatures, index_folder, verify=verify)
        self._passages: PassageIndex | None = None
        if WINNOW32 in self._lists:
            self._passages = open_passages(self._lists[WINNOW32], index_folder, verify=verify)

    @cached_property
    def _short_codes(self) -> ShortCodeIndex | None:
        """Made at the first such code: few datasets state any."""
        if PHASH64 not in self._lists:
            return None
        return open_short_codes(self._lists[PHASH64].codes, self._folder, verify=self._verify)

    def match(
        self,
        items: Sequence[Sequence[Fingerprint]],
        only: Collection[str] | None = None,
        *,
        min_words: int | None = None,
    ) -> list[tuple[Match, ...]]:
        """For each item its best match with each work, the surest and nearest first.

        `only`: the algorithms whose codes are looked for; the others are there to second them or not. `min_words`: for
        these items, instead of the matcher's own. An item without fingerprints matches nothing. `InvalidInput` if a
        code is no code of its algorithm.
        """
        least = self._min_words if min_words is None else min_words
        queries = by_algorithm(items, _PREFERENCE if only is None else only)
        best: dict[int, dict[int, Match]] = {}
        wider: dict[int, set[int]] = {}  # rows of domains that a narrower place goes before
        for item, match, aux in self._matches(queries, least):
            _keep_better(best.setdefault(item, {}), match)
            if match.by_address and aux:
                wider.setdefault(item, set()).add(aux - 1)
        for algorithm in (ANCHORS256, DEEP256):
            if asked := queries.get(algorithm):
                for item, match in self._by_anchors(algorithm, asked):
                    _keep_better(best.setdefault(item, {}), match)
        found: list[tuple[Match, ...]] = [()] * len(items)
        for item, matches in best.items():
            found[item] = _in_order(matches.values(), wider.get(item, frozenset()))
        return found

    def match_codes(self, algorithm: str, codes: NDArray[np.uint8]) -> dict[int, tuple[Match, ...]]:
        """As `match`, for items of which one digest, or one code of a full frame, is all that is known: (N, w) codes.

        Only those that match anything are in the answer, in their order, and only they cost more than the search.
        """
        best: dict[int, dict[int, Match]] = {}
        for item, match, _ in self._matches({algorithm: Alone(algorithm, codes)}, self._min_words):
            _keep_better(best.setdefault(item, {}), match)
        return {item: _in_order(best[item].values(), frozenset()) for item in sorted(best)}

    def digests_beginning(
        self, algorithm: str, prefix: int, bits: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
        """The (N, w) registered digests of which the first bits are this number, and the (N,) rows of their works."""
        if algorithm not in self._digests:
            return np.empty((0, ALGORITHMS[algorithm].code_bytes), np.uint8), np.empty(0, np.uint32)
        rows, columns = self._digests[algorithm].beginning(prefix, bits), self._lists[algorithm]
        return columns.codes[rows], columns.work_rows[rows]

    def works_with(self, values: NDArray[np.uint64]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """All pairs of the number of one of these fingerprints of texts, and the row of a work that has it.

        Without those that are common.
        """
        found = [] if self._passages is None else list(self._passages.find(values))
        nothing = np.empty(0, np.uint32)
        rows = np.concatenate([nothing, *(row for _, row in found)])
        works = self._lists[WINNOW32].work_rows[rows] if found else nothing
        return np.concatenate([nothing, *(number for number, _ in found)]), works

    def _matches(self, queries: Mapping[str, Asked], min_words: int) -> Iterator[tuple[int, Match, int]]:
        """Each algorithm's hits, graded, with the item that they belong to and the `aux` of the registered code."""
        for algorithm, digests in self._digests.items():
            if asked := queries.get(algorithm):
                hits = digests.search(asked.stacked(digests.width))
                yield from self._graded(algorithm, asked, hits, (WHOLE,))
        for algorithm, codes in self._codes.items():
            if asked := queries.get(algorithm):
                stacked = asked.stacked(codes.width)
                turned = algorithm == PHASH256
                varied = variants(stacked).reshape(-1, codes.width) if turned else stacked
                names = VARIANTS if turned else (IDENTITY,)
                furthest = radius(algorithm, alone=isinstance(asked, Alone))
                hits = codes.search(varied, furthest, family=len(names))
                yield from self._graded(algorithm, asked, hits, names)
        if (asked := queries.get(PHASH64)) and self._short_codes is not None:
            stacked = asked.stacked(self._short_codes.width)
            hits = self._short_codes.search(stacked, radius(PHASH64))
            yield from self._graded(PHASH64, asked, hits, (IDENTITY,))
        if self._texts is not None and (asked := queries.get(MINHASH128)):
            hits = self._texts.search(_signatures(asked), radius(MINHASH128))
            yield from self._graded(MINHASH128, asked, hits, (WHOLE,))
        if self._passages is not None and (asked := queries.get(WINNOW32)):
            yield from self._by_passages(self._passages, asked, min_words)

    def _by_passages(
        self, index: PassageIndex, asked: Asked, min_words: int
    ) -> Iterator[tuple[int, Match, int]]:
        """Works of which an item has a passage."""
        for number, row, found in search_passages(index, asked.codes):
            missing = min(found.of - found.fingerprints, radius(WINNOW32))
            reached = found.grade(min_words)
            yield asked[number].item, Match(row, reached, WINNOW32, WHOLE, WHOLE, missing, found), 0

    def _graded(
        self, algorithm: str, asked: Asked, hits: Hits, variants: Sequence[str]
    ) -> Iterator[tuple[int, Match, int]]:
        """Hits of queries that are `variants` of `asked`, in this order, as matches; those too far fall out."""
        columns = self._lists[algorithm]
        for number, row, distance in zip(
            hits.query.tolist(), hits.row.tolist(), hits.distance.tolist(), strict=True
        ):
            query = asked[number // len(variants)]
            variant = variants[number % len(variants)]
            kind = KIND_NAMES[columns.kinds[row]]
            aux = int(columns.aux[row])
            if (reached := query.grade(algorithm, kind, variant, distance, aux)) is None:
                continue
            named = WHOLE if variant == WHOLE else f"{query.fingerprint.kind}/{variant}"
            match = Match(int(columns.work_rows[row]), reached, algorithm, kind, named, distance)
            yield query.item, match, aux

    def _by_anchors(self, algorithm: str, asked: Asked) -> Iterator[tuple[int, Match]]:
        """What anchors say: the dearest search. Whoever has no need of it gives no anchors."""
        if self._anchors is None:
            return
        columns = self._lists[ANCHORS256]
        for number, entry, change, found in self._anchors.find(asked.codes, radius(algorithm)):
            query, (agreed, lying) = asked[number], found
            viewed = query.fingerprint.kind
            whole = viewed in (FULL, TRIMMED, WHOLE)
            places = in_frame(lying, change, viewed)
            same_frame = lying.same_frame if whole else aside(places) <= SAME_FRAME
            apart = self._anchors.frames_apart(entry, query.frames) if same_frame else None
            alike = self._anchors.alike(entry, query.frame, places)
            share = 1.0 if whole else taken(places)
            reached = anchored(agreed, lying, whole=whole, frames_apart=apart, alike=alike, taken=share)
            if reached is None:
                continue
            kind = KIND_NAMES[columns.kinds[entry]]
            row = int(columns.work_rows[entry])
            yield query.item, Match(row, reached, algorithm, kind, f"{viewed}/{change}", agreed.distance)


def _keep_better(held: dict[int, Match], match: Match) -> None:
    """Of several matches with one work, the best."""
    before = held.get(match.work_row)
    if before is None or _rank(match) < _rank(before):
        held[match.work_row] = match


def _in_order(found: Iterable[Match], wider: AbstractSet[int]) -> tuple[Match, ...]:
    """The surest first, without the domains for which their owner said something narrower."""
    counting = (m for m in found if not (m.by_address and m.work_row in wider))
    return tuple(sorted(counting, key=lambda m: (-m.grade, m.distance, m.work_row)))


def _rank(match: Match) -> tuple[int, bool, bool, int, int, str, str]:
    """Smaller is better; total, so that the same match is reported whatever the order of codes.

    Of equal grades, the one that was made from the content goes first: it can permit more.
    """
    return (
        -match.grade,
        match.by_address,
        match.by_part,
        match.distance,
        _PREFERENCE[match.algorithm],
        match.kind,
        match.variant,
    )


def _signatures(queries: Asked) -> NDArray[np.uint32]:
    """(Q, 128) values of the items' text signatures."""
    stacked = queries.stacked(len(_HEADER) + 4 * LEAN_VALUES)
    if (stacked[:, : len(_HEADER)] != np.frombuffer(_HEADER, np.uint8)).any():
        raise InvalidInput(
            f"A code of {MINHASH128} has the scheme affine32, 128 values and seed 1; one does not."
        )
    return _values(stacked)


def _registered_signatures(codes: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """(N, 128) values of the registered text signatures, in place."""
    if codes.shape[1] != len(_HEADER) + 4 * LEAN_VALUES:
        raise Corrupt(f"The list of {MINHASH128} has codes of {codes.shape[1]} bytes.")
    if (codes[:, : len(_HEADER)] != np.frombuffer(_HEADER, np.uint8)).any():
        raise Corrupt(f"The list of {MINHASH128} has codes made with other parameters.")
    return _values(codes)


def _values(codes: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The values behind each header, as a view."""
    return codes[:, len(_HEADER) :].view("<u4")
