"""From the fingerprints of many items to the registered works that they match.

All codes of a batch that one algorithm made are searched at once, then given back to their items: an index that meets
a thousand queries together is many times faster than one that meets them one by one.

An item that was found at a registered address may lie under a registered domain as well. What an owner says of the
narrower place then goes before what the same owner says of the wider one, so that a picture can be licensed on a
site that is reserved; other owners' domains count as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registry.core.decisions import Grade
from registry.core.errors import Corrupt, InvalidInput
from registry.core.fingerprints import (
    ADDRESSES,
    ANCHORS256,
    COLOUR42,
    DEEP256,
    DHASH256,
    FULL,
    MD5,
    MINHASH128,
    PHASH256,
    SHA256,
    SOURCE_DOMAIN,
    SOURCE_URL,
    WHOLE,
    WINNOW32,
    Fingerprint,
)
from registry.core.fingerprints.algorithms import LEAN_HEADER, LEAN_SCHEME, LEAN_SEED, LEAN_VALUES
from registry.core.matching.anchors_search import AnchorSearch
from registry.core.matching.bands import BandIndex
from registry.core.matching.chain import ChainIndex
from registry.core.matching.codes import CodeIndex
from registry.core.matching.digests import DigestIndex
from registry.core.matching.dihedral import IDENTITY, VARIANTS, variants
from registry.core.matching.grades import GRADES, anchored, colours_agree, grade, outlines_agree, radius
from registry.core.matching.hits import Hits
from registry.core.matching.lists import KIND_NAMES, ListColumns
from registry.core.matching.opening import open_index
from registry.core.matching.outlines import samples
from registry.core.matching.passages import PassageIndex
from registry.core.matching.passages_search import MIN_WORDS, Passage
from registry.core.matching.passages_search import search as search_passages

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


@dataclass(frozen=True, slots=True)
class _Query:
    """A code of an item that takes part in a search, with what may second it."""

    item: int
    fingerprint: Fingerprint
    colours: int | None = None
    """Beside a dhash256: the same frame's."""
    outlines: Mapping[str, int] | None = None
    """Beside a phash256: the sample of the same frame's dhash256, by variant."""
    plain: bool = False
    """Beside a dhash256: whether the same frame has a phash256, so that it is no symmetric picture by itself."""

    def grade(self, algorithm: str, kind: str, variant: str, distance: int, aux: int) -> Grade | None:
        """The grade of a hit on a registered code that has this beside it."""
        if algorithm == DHASH256:
            agree = self.colours is not None and colours_agree(self.colours, aux)
            reached = grade(algorithm, kind, distance, seconded=agree)
            if not self.plain or reached is None:
                return reached
            return Grade.TRACE if self.colours is None else Grade.REVIEW if agree else None
        outlines = (self.outlines or {}).get(variant)
        agree = outlines is not None and outlines_agree(outlines, aux)
        return grade(algorithm, kind, distance, seconded=agree)


@dataclass(frozen=True, slots=True)
class _Alone:
    """Codes, each of which is all that is known of its item: a query is made only of one that hits."""

    algorithm: str
    codes: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, item: int) -> _Query:
        kind = FULL if self.algorithm in (PHASH256, DHASH256) else WHOLE
        return _Query(item, Fingerprint(self.algorithm, kind, self.codes[item].tobytes()))

    def __iter__(self) -> Iterator[_Query]:
        return (self[item] for item in range(len(self)))


_Asked = Sequence[_Query] | _Alone


class Matcher:
    """The indexes over one edition of the registered codes. Safe to use from several threads."""

    def __init__(
        self,
        lists: Mapping[str, ListColumns],
        index_folder: Path | None = None,
        *,
        verify: bool = True,
        min_words: int = MIN_WORDS,
    ) -> None:
        """Lists by algorithm id; those that never give a verdict (`image.phash64.v1`) are left aside.

        With an `index_folder`, which belongs to these lists alone, the indexes of texts and of long lists of
        codes are written there once and mapped by all later processes; a folder that cannot be written to costs
        memory, not answers. `verify=False` is for further processes after one has checked it. `Corrupt` if
        lists or index are damaged. `min_words`: see `passages_search`.
        """
        self._min_words = min_words
        self._lists = {a: columns for a, columns in lists.items() if a in _PREFERENCE and len(columns)}
        self._digests: dict[str, DigestIndex] = {
            a: DigestIndex(self._lists[a].codes) for a in _EXACT if a in self._lists
        }
        self._codes: dict[str, CodeIndex | ChainIndex] = {
            a: open_index(self._lists[a].codes, index_folder and index_folder / a, verify=verify)
            for a in (PHASH256, DHASH256, ANCHORS256)
            if a in self._lists
        }
        places = self._codes.pop(ANCHORS256, None)
        self._anchors = (
            None
            if places is None
            else AnchorSearch(self._lists[ANCHORS256], places, self._lists.get(PHASH256))
        )
        self._texts: BandIndex | None = None
        if MINHASH128 in self._lists:
            signatures = _registered_signatures(self._lists[MINHASH128].codes)
            self._texts = _text_index(signatures, index_folder, verify=verify)
        self._passages: PassageIndex | None = None
        if WINNOW32 in self._lists:
            self._passages = _passage_index(self._lists[WINNOW32], index_folder, verify=verify)

    def match(self, items: Sequence[Sequence[Fingerprint]]) -> list[tuple[Match, ...]]:
        """For each item its best match with each work, the surest and nearest first.

        An item without fingerprints matches nothing. `InvalidInput` if a code is no code of its algorithm.
        """
        queries = _queries(items)
        best: list[dict[int, Match]] = [{} for _ in items]
        wider: list[set[int]] = [set() for _ in items]  # rows of domains that a narrower place goes before
        for item, match, aux in self._matches(queries):
            _keep_better(best[item], match)
            if match.by_address and aux:
                wider[item].add(aux - 1)
        for algorithm in (ANCHORS256, DEEP256):
            for item, match in self._by_anchors(algorithm, queries[algorithm]):
                _keep_better(best[item], match)
        return [_in_order(found.values(), rows) for found, rows in zip(best, wider, strict=True)]

    def match_codes(self, algorithm: str, codes: NDArray[np.uint8]) -> dict[int, tuple[Match, ...]]:
        """As `match`, for items of which one digest, or one code of a full frame, is all that is known: (N, w) codes.

        Only those that match anything are in the answer, in their order, and only they cost more than the search.
        """
        best: dict[int, dict[int, Match]] = {}
        queries: dict[str, _Asked] = dict.fromkeys(_PREFERENCE, ())
        queries[algorithm] = _Alone(algorithm, codes)
        for item, match, _ in self._matches(queries):
            _keep_better(best.setdefault(item, {}), match)
        return {item: _in_order(best[item].values(), frozenset()) for item in sorted(best)}

    def _matches(self, queries: Mapping[str, _Asked]) -> Iterator[tuple[int, Match, int]]:
        """Each algorithm's hits, graded, with the item that they belong to and the `aux` of the registered code."""
        for algorithm, digests in self._digests.items():
            if asked := queries[algorithm]:
                hits = digests.search(_stack(asked, digests.width))
                yield from self._graded(algorithm, asked, hits, (WHOLE,))
        for algorithm, codes in self._codes.items():
            if asked := queries[algorithm]:
                stacked = _stack(asked, codes.width)
                turned = algorithm == PHASH256
                varied = variants(stacked).reshape(-1, codes.width) if turned else stacked
                hits = codes.search(varied, radius(algorithm, alone=isinstance(asked, _Alone)))
                yield from self._graded(algorithm, asked, hits, VARIANTS if turned else (IDENTITY,))
        if self._texts is not None and (asked := queries[MINHASH128]):
            hits = self._texts.search(_signatures(asked), radius(MINHASH128))
            yield from self._graded(MINHASH128, asked, hits, (WHOLE,))
        if self._passages is not None and (asked := queries[WINNOW32]):
            yield from self._by_passages(self._passages, asked)

    def _by_passages(self, index: PassageIndex, asked: _Asked) -> Iterator[tuple[int, Match, int]]:
        """Works of which an item has a passage."""
        for number, row, found in search_passages(index, [q.fingerprint.code for q in asked]):
            missing = min(found.of - found.fingerprints, radius(WINNOW32))
            reached = found.grade(self._min_words)
            yield asked[number].item, Match(row, reached, WINNOW32, WHOLE, WHOLE, missing, found), 0

    def _graded(
        self, algorithm: str, asked: _Asked, hits: Hits, variants: Sequence[str]
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

    def _by_anchors(self, algorithm: str, asked: Sequence[_Query]) -> Iterator[tuple[int, Match]]:
        """What anchors say: the dearest search. Whoever has no need of it gives no anchors."""
        if self._anchors is None or not asked:
            return
        columns = self._lists[ANCHORS256]
        codes = [q.fingerprint.code for q in asked]
        for number, entry, change, found in self._anchors.find(codes, radius(algorithm)):
            if (reached := anchored(found)) is None:
                continue
            query = asked[number]
            kind = KIND_NAMES[columns.kinds[entry]]
            variant = f"{query.fingerprint.kind}/{change}"
            row = int(columns.work_rows[entry])
            yield query.item, Match(row, reached, algorithm, kind, variant, found.distance)


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


def _queries(items: Sequence[Sequence[Fingerprint]]) -> dict[str, list[_Query]]:
    """The codes that take part, by algorithm.

    On the registered side, dhash256 is listed only of frames without a phash256, that is of such as failed the
    symmetry gate. An item's dhash256 always takes part, since a copy may fall on the other side of the gate.
    """
    asked: dict[str, list[_Query]] = {algorithm: [] for algorithm in _PREFERENCE}
    for item, fingerprints in enumerate(items):
        plain = {f.kind for f in fingerprints if f.algorithm == PHASH256}
        colours = {f.kind: f.code for f in fingerprints if f.algorithm == COLOUR42}
        outlines = {f.kind: f.code for f in fingerprints if f.algorithm == DHASH256}
        for f in fingerprints:
            if f.algorithm == DHASH256:
                colour = colours.get(f.kind)
                number = None if colour is None else int.from_bytes(colour, "big")
                asked[DHASH256].append(_Query(item, f, number, plain=f.kind in plain))
            elif f.algorithm == PHASH256 and f.kind in outlines:
                asked[PHASH256].append(_Query(item, f, outlines=samples(outlines[f.kind])))
            elif f.algorithm in asked:
                asked[f.algorithm].append(_Query(item, f))
    return asked


def _stack(queries: _Asked, width: int) -> NDArray[np.uint8]:
    """(Q, width) bytes; `InvalidInput` if a code has another length."""
    if isinstance(queries, _Alone) and queries.codes.shape[1] == width:
        return queries.codes
    for query in queries:
        if len(query.fingerprint.code) != width:
            raise InvalidInput(
                f"A code of {query.fingerprint.algorithm} has {width} bytes; "
                f"item {query.item} has one of {len(query.fingerprint.code)}."
            )
    return np.frombuffer(b"".join(q.fingerprint.code for q in queries), np.uint8).reshape(-1, width)


def _signatures(queries: _Asked) -> NDArray[np.uint32]:
    """(Q, 128) values of the items' text signatures."""
    stacked = _stack(queries, len(_HEADER) + 4 * LEAN_VALUES)
    if any(not query.fingerprint.code.startswith(_HEADER) for query in queries):
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


def _text_index(signatures: NDArray[np.uint32], folder: Path | None, *, verify: bool) -> BandIndex:
    """Opened if it is there, else built, on disk if possible."""
    if folder is None:
        return BandIndex.build(signatures)
    place = folder / MINHASH128
    if place.exists():
        return BandIndex.open(place, signatures, verify=verify)
    try:
        return BandIndex.build(signatures, place)
    except OSError:
        return BandIndex.build(signatures)


def _passage_index(columns: ListColumns, folder: Path | None, *, verify: bool) -> PassageIndex:
    """Opened if it is there, else built, on disk if possible."""
    if folder is None:
        return PassageIndex.build(columns)
    place = folder / WINNOW32
    if place.exists():
        return PassageIndex.open(place, columns, verify=verify)
    try:
        return PassageIndex.build(columns, place)
    except OSError:
        return PassageIndex.build(columns)
