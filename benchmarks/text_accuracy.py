"""Claim: winnowed fingerprints find every quotation of 50 words in a page; whole-document signatures find none.

    python benchmarks/text_accuracy.py --texts FILE_OR_DIR [--trials 1000] [--peer-trials 50] [--page FILE.md]

Works are registered as a registry does it, pages go through the whole chain (fingerprints, matcher, grades), and found
means graded match or certain. Texts: JSON lines with `id`, `lang` and `text` (`.gz` too), or LANGUAGE/NAME.txt in a
folder; by default what lies in `texts` in the folder that VORBEHALT_TEST_DATA names. Peers are datasketch's MinHashLSH
and LSH Ensemble, and ISCC's Text-Code (`pip install iscc-core`), in the same pages, but fewer of them.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import _text_page, _text_scripts
from benchmarks._measuring import machine
from benchmarks._text_peers import Peer, peers
from benchmarks._texts import EDITS, Text, excerpt, page_around, read_texts
from registry.core.decisions import Grade
from registry.core.fingerprints import MINHASH128, fingerprint_text
from registry.core.fingerprints.text_engines import text_codes
from registry.core.fingerprints.text_normal import normalise
from registry.core.matching import Match, Matcher, by_algorithm, lists_of
from registry.core.matching.passages_common import is_background

LENGTHS: Mapping[int, float] = {50: 1, 100: 0.5, 300: 0.2, 1000: 0.1}
"""Words of an excerpt, and the share of the trials that it has."""
AROUND = 2000
"""Words of the page around an excerpt."""
BOILERPLATE = 200
"""Words around a whole poem or article."""
ARTICLE = 300
STRANGE = 200
"""Words of an unrelated page."""
AT_ONCE = 200


@dataclass(frozen=True)
class Page:
    """A page, the number of the work that is in it, and the passage before it was edited."""

    work: int
    text: str
    passage: str


@dataclass
class Cell:
    """One kind of page: how many there were, and how many were found."""

    pages: int = 0
    found: int = 0
    certain: int = 0
    pairs: int = 0
    """Of those found, by two fingerprints alone."""
    common: int = 0
    """Not found, since what was looked for is a common phrase."""
    peers: dict[str, list[int]] = field(default_factory=dict)
    """By peer: pages, and found."""

    def add(self, match: Match | None, passage: str) -> None:
        """One page with this passage in it, and how the work was recognised."""
        self.pages += 1
        found = match is not None and match.grade >= Grade.MATCH
        self.found += found
        self.certain += match is not None and match.grade is Grade.CERTAIN
        self.pairs += match is not None and found and _is_pair(match)
        self.common += not found and bool(is_background(text_codes(passage).fingerprints.values).mean() > 0.5)


def _is_pair(match: Match) -> bool:
    return match.passage is not None and match.passage.is_pair and match.passage.of > 2


@dataclass(frozen=True)
class Strange:
    """What was found in pages that share nothing with a registered work."""

    pages: int
    words: int
    """Words of all texts that the pages were cut from."""
    grades: Mapping[str, int]
    pairs: int
    peers: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Shared:
    """Clean excerpts by the normalised bytes that they share with the work."""

    edges: Sequence[int]
    counts: Sequence[Counter[str]]


@dataclass(frozen=True)
class Results:
    """All that the page shows."""

    cells: Mapping[str, Mapping[str, Mapping[str, Cell]]]
    """By language, kind of page, edit."""
    shared: Shared
    strange: Strange
    scripts: Sequence[_text_scripts.Script]
    works: Mapping[str, tuple[int, int, int]]
    """By language: books, short works, words."""
    lazy: tuple[int, int]
    """Pages with anything found, and how many of them a lazy run would not have signed."""
    seconds: float


class Registered:
    """Works on record with us and with the peers."""

    def __init__(self, works: Sequence[Text], others: Sequence[Peer]) -> None:
        self.works = works
        self.matcher = matcher_of([work.text for work in works])
        self.peers = others
        self.found = self.unsigned = 0
        """Pages with anything found, and those of them without a trace by their fingerprints alone."""
        for peer in others:
            peer.register([work.text for work in works])

    def matches(self, pages: Sequence[Page]) -> Iterator[tuple[Match, ...]]:
        """All works that were recognised in each page."""
        for begin in range(0, len(pages), AT_ONCE):
            part = pages[begin : begin + AT_ONCE]
            codes = [fingerprint_text(page.text).fingerprints for page in part]
            lazily = self.matcher.match([[f for f in own if f.algorithm != MINHASH128] for own in codes])
            for matches, first in zip(self.matcher.match(codes), lazily, strict=True):
                found = any(match.grade >= Grade.MATCH for match in matches)
                self.found += found
                self.unsigned += found and not first
                yield matches


def matcher_of(texts: Sequence[str]) -> Matcher:
    """The matcher over these texts, the i-th being work i."""
    rows = [
        (n, n, f.algorithm, f.kind, f.code, 0)
        for n, text in enumerate(texts)
        for f in fingerprint_text(text).fingerprints
    ]
    return Matcher(lists_of(by_algorithm(rows)))


def _of(matches: Sequence[Match], row: int) -> Match | None:
    return next((m for m in matches if m.work_row == row), None)


# -- excerpts and whole works ------------------------------------------------------------------------------
def quotations(
    on_record: Registered, language: str, trials: int, peer_trials: int
) -> dict[str, dict[str, Cell]]:
    """Excerpts of books inside pages of other books of the same language."""
    books = [(n, w) for n, w in enumerate(on_record.works) if w.long and w.language == language]
    words = [word for _, book in books for word in book.words[::50]]
    table: dict[str, dict[str, Cell]] = {}
    for length, share in LENGTHS.items():
        row = table[f"{length:,} words of a book"] = {}
        for name, edit in EDITS.items():
            chance = np.random.default_rng([length, *name.encode()])
            count = int(trials * share) * (5 if length == 50 and name in {"clean", "restyled"} else 1)
            pages = []
            for _ in range(count):
                first, second = chance.permutation(len(books))[:2]
                number, book = books[first]
                passage = excerpt(book, length, chance)
                page = page_around(edit(passage, words, chance), books[second][1], AROUND, chance)
                pages.append(Page(number, page, passage))
            row[name] = _cell(on_record, pages, peer_trials)
    return table


def whole_works(
    on_record: Registered, hosts: Sequence[Text], language: str, trials: int, peer_trials: int
) -> dict[str, dict[str, Cell]]:
    """Short works with boilerplate around them."""
    hosts = [host for host in hosts if host.language == language]
    words = [word for host in hosts for word in host.words[::50]]
    table: dict[str, dict[str, Cell]] = {}
    for kind in ("poem", "article"):
        own = [
            (n, w)
            for n, w in enumerate(on_record.works)
            if w.language == language and (w.name.startswith("article ") == (kind == "article"))
        ]
        if not own:
            continue
        row = table[f"{kind}, whole"] = {}
        for name, edit in EDITS.items():
            chance = np.random.default_rng([len(own), *name.encode()])
            pages = []
            for trial in range(min(len(own), trials // 2)):
                number, work = own[trial]
                host = hosts[int(chance.integers(len(hosts)))]
                page = page_around(edit(work.text, words, chance), host, BOILERPLATE, chance)
                pages.append(Page(number, page, work.text))
            row[name] = _cell(on_record, pages, peer_trials)
    return table


def _cell(on_record: Registered, pages: Sequence[Page], peer_trials: int) -> Cell:
    cell = Cell()
    for page, matches in zip(pages, on_record.matches(pages), strict=True):
        cell.add(_of(matches, page.work), page.passage)
    for peer in on_record.peers:
        part = pages[:peer_trials]
        cell.peers[peer.name] = [len(part), sum(page.work in peer.find(page.text) for page in part)]
    return cell


def articles(books: Sequence[Text]) -> tuple[list[Text], list[Text]]:
    """Every third piece of a book as a work of its own, and the rest of it as pages around others."""
    works, hosts = [], []
    for book in books:
        pieces = [book.words[i : i + ARTICLE] for i in range(0, len(book.words) - ARTICLE, ARTICLE)]
        works += [
            Text(f"article {n} of {book.name}", book.language, p) for n, p in enumerate(pieces) if n % 3 == 0
        ]
        hosts += [Text(book.name, book.language, p) for n, p in enumerate(pieces) if n % 3]
    return works, hosts


# -- how much must be shared -------------------------------------------------------------------------------
def by_bytes(on_record: Registered, trials: int) -> Shared:
    """Clean excerpts of 12 to 60 words, by their length in normalised bytes."""
    books = [(n, w) for n, w in enumerate(on_record.works) if w.long]
    chance = np.random.default_rng(7)
    pages = []
    for _ in range(trials):
        first, second = chance.permutation(len(books))[:2]
        passage = excerpt(books[first][1], int(chance.integers(12, 61)), chance)
        around = page_around(passage, books[second][1], BOILERPLATE, chance)
        pages.append(Page(books[first][0], around, passage))
    edges = (0, 63, 95, 127, 159, 223, 10**9)
    counts: list[Counter[str]] = [Counter() for _ in edges[1:]]
    for page, matches in zip(pages, on_record.matches(pages), strict=True):
        if is_background(text_codes(page.passage).fingerprints.values).any():
            continue  # a common phrase
        match = _of(matches, page.work)
        counter = counts[int(np.searchsorted(edges, len(normalise(page.passage)), side="right")) - 1]
        counter.update(["pages", "nothing" if match is None else match.grade.name.lower()])
    return Shared(edges, counts)


# -- strangers ---------------------------------------------------------------------------------------------
def strangers(on_record: Registered, count: int, peer_trials: int) -> Strange:
    """Pages of every work; found is any *other* work. Printed, for whoever wants to look at them."""
    chance = np.random.default_rng(11)
    sources = [(n, w) for n, w in enumerate(on_record.works) if len(w.words) >= STRANGE]
    weights = np.array([len(w.words) - STRANGE + 1 for _, w in sources], np.float64)
    pages = []
    for place in chance.choice(len(sources), count, p=weights / weights.sum()):
        number, work = sources[place]
        pages.append(Page(number, passage := excerpt(work, STRANGE, chance), passage))
    grades: Counter[str] = Counter()
    pairs = 0
    for page, found in zip(pages, on_record.matches(pages), strict=True):
        others = [m for m in found if m.work_row != page.work]
        best = max(others, key=lambda m: m.grade, default=None)
        grades["nothing" if best is None else best.grade.name.lower()] += 1
        pairs += best is not None and best.grade >= Grade.MATCH and _is_pair(best)
        if best is not None:
            print(f"  stranger: {best.grade.name} with {on_record.works[best.work_row].name}, {best.passage}")
    theirs = {
        peer.name: (
            peer_trials,
            sum(bool(peer.find(page.text) - {page.work}) for page in pages[:peer_trials]),
        )
        for peer in on_record.peers
    }
    return Strange(count, sum(len(w.words) for _, w in sources), grades, pairs, theirs)


def main() -> None:
    """Print the tables, and write the page if asked."""
    options = argparse.ArgumentParser(description="What is found of texts: excerpts, whole works, strangers")
    data = os.environ.get("VORBEHALT_TEST_DATA")
    options.add_argument("--texts", type=Path, default=Path(data) / "texts" if data else None)
    options.add_argument(
        "--trials", type=int, default=1000, help="of 50 words; five times as many if unchanged"
    )
    options.add_argument("--peer-trials", type=int, default=50)
    options.add_argument("--page", type=Path)
    asked = options.parse_args()
    if asked.texts is None:
        print(
            "Left out: give --texts FILE_OR_DIR, or set VORBEHALT_TEST_DATA to a folder with `texts` in it."
        )
        return
    began = time.process_time()
    works = read_texts(asked.texts)
    books = [work for work in works if work.long]
    languages = sorted({work.language for work in works})
    installed, missing = peers()
    print(f"machine    {machine()}")

    long_works = Registered(works, installed)
    cells = {lang: quotations(long_works, lang, asked.trials, asked.peer_trials) for lang in languages}
    strange = strangers(long_works, 10 * asked.trials, 10 * asked.peer_trials)
    shared = by_bytes(long_works, 10 * asked.trials)
    pieces, hosts = articles(books)
    short_works = Registered([work for work in works if not work.long] + pieces, installed)
    for lang in languages:
        cells[lang] |= whole_works(short_works, hosts, lang, asked.trials, asked.peer_trials)
    results = Results(
        cells,
        shared,
        strange,
        _text_scripts.measure(matcher_of),
        {lang: _amount([w for w in works if w.language == lang]) for lang in languages},
        (long_works.found + short_works.found, long_works.unsigned + short_works.unsigned),
        time.process_time() - began,
    )
    print(_text_page.page(results, [peer.name for peer in installed], missing, machine()))
    if asked.page is not None:
        asked.page.write_text(
            _text_page.page(results, [p.name for p in installed], missing, machine()), "utf-8"
        )


def _amount(works: Sequence[Text]) -> tuple[int, int, int]:
    books = sum(work.long for work in works)
    return books, len(works) - books, sum(len(work.words) for work in works)


if __name__ == "__main__":
    main()
