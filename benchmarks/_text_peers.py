"""Other ways to find copied text, each as its makers recommend it."""

from __future__ import annotations

import importlib
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from datasketch import MinHash, MinHashLSH, MinHashLSHEnsemble

_WORD = re.compile(r"\w+")
_SHINGLE = 5
_VALUES = 128


class Peer(Protocol):
    """Registers whole works, and finds them in pages."""

    name: str

    def register(self, works: Sequence[str]) -> None:
        """The works, numbered from 0."""

    def find(self, page: str) -> set[int]:
        """Numbers of the works of which there is something in the page."""


def peers() -> tuple[list[Peer], list[str]]:
    """Those that can be had, and the names of the others."""
    made: list[Peer] = [WholeMinHash(), PassageMinHash(), Ensemble()]
    try:
        made.append(IsccText(importlib.import_module("iscc_core")))
    except ImportError:
        return made, ["iscc-core"]
    return made, []


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _signature(words: Sequence[str]) -> MinHash:
    shingles = {" ".join(words[i : i + _SHINGLE]).encode() for i in range(max(1, len(words) - _SHINGLE + 1))}
    made = MinHash(num_perm=_VALUES, seed=1, scheme="affine32", hashfunc=zlib.crc32)
    made.update_batch(list(shingles))
    return made


def _windows(words: Sequence[str], size: int, step: int) -> Iterator[Sequence[str]]:
    for begin in range(0, max(1, len(words) - size + step), step):
        yield words[begin : begin + size]


@dataclass
class WholeMinHash:
    """datasketch's MinHashLSH over whole works and whole pages, Jaccard similarity of 0.5."""

    name: str = "MinHash LSH, whole"

    def register(self, works: Sequence[str]) -> None:
        """One signature of word 5-grams a work."""
        self._signatures = [_signature(_words(work)) for work in works]
        self._index = MinHashLSH(threshold=0.5, num_perm=_VALUES)
        for number, signature in enumerate(self._signatures):
            self._index.insert(number, signature)

    def find(self, page: str) -> set[int]:
        """Candidates that are as similar as asked."""
        asked = _signature(_words(page))
        return {n for n in self._index.query(asked) if asked.jaccard(self._signatures[n]) >= 0.5}


@dataclass
class PassageMinHash:
    """The same over windows of 128 words, 64 words apart, of works and pages alike."""

    name: str = "MinHash LSH, 128 words"

    def register(self, works: Sequence[str]) -> None:
        """Four times the space of winnowed fingerprints."""
        self._signatures: list[tuple[int, MinHash]] = []
        self._index = MinHashLSH(threshold=0.5, num_perm=_VALUES)
        for number, work in enumerate(works):
            for window in _windows(_words(work), 128, 64):
                self._index.insert(len(self._signatures), signature := _signature(window))
                self._signatures.append((number, signature))

    def find(self, page: str) -> set[int]:
        """Works of which a window is as similar as asked."""
        found: set[int] = set()
        for window in _windows(_words(page), 128, 64):
            asked = _signature(window)
            near = (self._signatures[n] for n in self._index.query(asked))
            found |= {number for number, signature in near if asked.jaccard(signature) >= 0.5}
        return found


@dataclass
class Ensemble:
    """datasketch's LSH Ensemble: windows of 128 words of a page that are half contained in one of 512 of a work."""

    name: str = "LSH Ensemble"

    def register(self, works: Sequence[str]) -> None:
        """Windows of 512 words, 384 apart; of whole novels it finds 15 %."""
        self._works: list[int] = []
        entries: list[tuple[int, MinHash, int]] = []
        for number, work in enumerate(works):
            for window in _windows(_words(work), 512, 384):
                entries.append((len(entries), _signature(window), max(1, len(window) - _SHINGLE + 1)))
                self._works.append(number)
        self._index = MinHashLSHEnsemble(threshold=0.5, num_perm=_VALUES, num_part=8, m=8)
        self._index.index(entries)

    def find(self, page: str) -> set[int]:
        """Works with a window that contains one of the page."""
        found: set[int] = set()
        for window in _windows(_words(page), 128, 64):
            near = self._index.query(_signature(window), max(1, len(window) - _SHINGLE + 1))
            found |= {self._works[n] for n in near}
        return found


class IsccText:
    """ISCC Text-Code (ISO 24138), 256 bits of which at most 31 differ."""

    name = "ISCC Text-Code"

    def __init__(self, iscc_core: Any) -> None:
        self._core = iscc_core

    def _bits(self, text: str) -> Any:
        return np.unpackbits(
            np.frombuffer(self._core.soft_hash_text_v0(self._core.text_collapse(text)), np.uint8)
        )

    def register(self, works: Sequence[str]) -> None:
        """One code a work."""
        self._known = np.stack([self._bits(work) for work in works])

    def find(self, page: str) -> set[int]:
        """Works within the radius."""
        return set(np.flatnonzero((self._known != self._bits(page)).sum(axis=1) <= 31).tolist())
