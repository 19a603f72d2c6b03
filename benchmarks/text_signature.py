"""Claim: from raw text to a datasketch-identical MinHash signature, many times faster than in Python.

    python benchmarks/text_signature.py [--documents 400] [--bytes 2600] [--rounds 5]

Peers, all with datasketch 2 (128 permutations, scheme affine32): word 5-grams cut by Python, hashed with CRC-32
or SHA-1 (datasketch's default) and given to `MinHash.bulk` or `update_batch`, which is the usual way; and our own
16-byte grams, cut and hashed by the plain Python reference. The last gives our values, so it proves that ours are
datasketch's; documents are made of the words of a seeded vocabulary. Other hashes, and so other values, have rensa
(`RMinHash` over the same word 5-grams) and gaoya (`MinHashStringIndex`, 5-grams cut by itself, its index included);
they are left out if they are not installed. Besides: the fingerprints for excerpts, from raw UTF-8, text by text and as
one buffer; and what share of its time a signature spends on arithmetic that none can do without. That bound is not from
a data sheet but measured: 128 times a gram is multiplied, something added, and the least kept, by a loop that does
nothing else, with the hashes in the first cache and the values in registers (with AVX-512 the machine code has 25
instructions a gram, of which 24 are this arithmetic). Ours and the bound take turns, so that both meet the same clock
rate and the same neighbours.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import re
import zlib
from collections.abc import Callable
from functools import partial
from itertools import accumulate
from typing import Any

import datasketch
import numpy as np
from datasketch import MinHash
from numba import uint64
from numpy.typing import NDArray

from benchmarks._measuring import best_of, machine
from registry.core.fingerprints import reference
from registry.core.fingerprints import text_kernels as kernels
from registry.core.fingerprints import text_kernels_hashes as hashes
from registry.core.fingerprints.kernels import compiled
from registry.core.fingerprints.minhash import BYTE_VALUES, LEAVING, signature_by_numpy
from registry.core.fingerprints.tables import rows_of_values, text_tables
from registry.core.fingerprints.text_engines import codes_by_kernels
from registry.core.fingerprints.text_normal import normalise, short_points
from registry.core.fingerprints.text_vectors import lower_by_eight

Rows = list[list[int]]
WORD = re.compile(r"\w+")


def documents(count: int, size: int) -> list[str]:
    """Texts of about `size` characters with capitals, punctuation and umlauts, words by a Zipf-like law."""
    random = np.random.default_rng(3)
    letters = np.array(list("eeeeennnniiirrrssstttaaadddhhuullcgmobwfkzpväöüß"))
    words = ["".join(random.choice(letters, random.integers(2, 11))) for _ in range(8000)]
    weights = 1 / np.arange(1, len(words) + 1)
    weights /= weights.sum()
    texts = []
    for _ in range(count):
        chosen = random.choice(len(words), size // 7, p=weights)
        parts = [
            words[i].capitalize() + ("," if i % 9 == 0 else "") if i % 5 == 0 else words[i] for i in chosen
        ]
        texts.append(" ".join(parts)[:size])
    return texts


def word_grams(text: str) -> list[bytes]:
    words = WORD.findall(text.lower())
    return [" ".join(words[i : i + 5]).encode() for i in range(max(1, len(words) - 4))]


def in_bulk(texts: list[str]) -> Rows:
    made = MinHash.bulk(
        [word_grams(t) for t in texts], num_perm=128, seed=1, scheme="affine32", hashfunc=zlib.crc32
    )
    return [m.hashvalues.tolist() for m in made]


def one_by_one(texts: list[str]) -> Rows:
    rows = []
    for text in texts:
        made = MinHash(num_perm=128, seed=1, scheme="affine32")
        made.update_batch(word_grams(text))
        rows.append(made.hashvalues.tolist())
    return rows


def our_grams_by_datasketch(texts: list[str]) -> Rows:
    rows = []
    for text in texts:
        made = MinHash(num_perm=128, seed=1, scheme="affine32", hashfunc=int)
        made.update_batch([h & 0xFFFFFFFF for h in reference.gram_hashes(normalise(text))])
        rows.append(made.hashvalues.tolist())
    return rows


def by_rensa(texts: list[str]) -> Rows:
    rensa = importlib.import_module("rensa")
    rows = []
    for text in texts:
        made = rensa.RMinHash(num_perm=128, seed=1)
        made.update(word_grams(text))
        rows.append(made.digest())
    return rows


def by_gaoya(texts: list[str]) -> object:
    index = importlib.import_module("gaoya.minhash").MinHashStringIndex(
        hash_size=32, num_bands=32, band_size=4, analyzer="word", lowercase=True, ngram_range=(5, 5)
    )
    for number, text in enumerate(texts):
        index.insert_document(number, text)
    return index


def normalised(source: NDArray[np.uint8], room: NDArray[np.uint8]) -> int:
    """UTF-8 to `room`; the length."""
    tables = text_tables()
    return int(
        kernels.normalise(source, 0, len(source), room, *short_points(), tables.offsets, tables.output)
    )


@compiled
def _signed(
    source: NDArray[np.uint8],
    ends: NDArray[np.uint64],
    room: NDArray[np.uint8],
    normal: Any,
    values: NDArray[np.uint64],
    leaving: NDArray[np.uint64],
    permutations: NDArray[np.uint32],
    signatures: NDArray[np.uint32],
) -> None:
    """As `text_kernels.codes`, without the fingerprints."""
    begin, work, mixed = 0, np.empty(hashes.AHEAD, np.uint64), np.empty(hashes.AHEAD, np.uint32)
    for t in range(len(ends)):
        length = kernels.normalise(source, begin, ends[t], room, *normal)
        hashes.minhash(room, length, values, leaving, permutations, signatures[t], work, mixed)
        begin = ends[t]


def signatures(raw: list[bytes], room: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Normalised and signed, all in one call, without the fingerprints that the product makes in the same pass."""
    tables = text_tables()
    rows = rows_of_values(len(raw))
    source = np.frombuffer(b"".join([*raw, bytes(kernels.MARGIN)]), np.uint8)
    normal = (*short_points(), tables.offsets, tables.output)
    ends = np.fromiter(accumulate(map(len, raw)), np.uint64, len(raw))
    _signed(source, ends, room, normal, BYTE_VALUES, LEAVING, tables.permutations, rows)
    return rows


@compiled
def _permuted(
    grams: NDArray[np.uint32], permutations: NDArray[np.uint32], least: NDArray[np.uint32], times: int
) -> None:
    for _ in range(times):
        for i in range(uint64(0), uint64(len(grams)), uint64(8)):
            lower_by_eight(grams, i, permutations, least)


def permuted(grams: int) -> None:
    """The arithmetic of so many grams, rounded down to whole blocks, on a block that is in the first cache."""
    block = np.random.default_rng(1).integers(0, 2**32, 64, np.uint32)
    (least,) = rows_of_values(1)
    least[:] = reference.EMPTY
    _permuted(block, text_tables().permutations, least, grams // len(block))


def in_turn(rounds: int, works: list[Callable[[], object]]) -> list[float]:
    """Least seconds of processor time of each, over rounds in which each has its turn."""
    return [
        min(row)
        for row in zip(*([best_of(1, work)[0] for work in works] for _ in range(rounds)), strict=True)
    ]


def against_the_bound(texts: list[str], kind: str, rounds: int) -> float:
    """Print what signatures take and what their arithmetic alone; seconds with 64 texts in a call."""
    raw = [text.encode() for text in texts]
    grams = sum(max(len(normalise(t)) - 15, 0) for t in texts)
    batches = [raw[i : i + 64] for i in range(0, len(raw), 64)]
    room = np.empty(sum(map(len, raw)) * kernels.MOST_GROWTH + kernels.MARGIN, np.uint8)
    ways: dict[str, Callable[[], object]] = {
        "64 texts in a call": lambda: [signatures(some, room) for some in batches],
        "a call for each text": lambda: [signatures([one], room) for one in raw],
        "as one text": lambda: signatures([b"".join(raw)], room),
    }
    *ours, least = in_turn(rounds, [*ways.values(), lambda: permuted(grams)])
    megabytes = sum(map(len, raw)) / 1e6
    for name, seconds in zip(ways, ours, strict=True):
        share = f"share of the bound {least / seconds:6.1%}"
        print(f"{f'ours, {kind}, {name}':<38}{megabytes / seconds:8.2f} MB/s   {share}")
    steps = grams * 128 * 3
    print(
        f"{'bound: the permutations alone':<38}{megabytes / least:8.2f} MB/s   {grams:,} grams x 128 x (multiply, add, "
        f"minimum) = {steps / 1e6:,.0f} million steps, {least / grams * 1e9:.2f} ns a gram, {steps / least / 1e9:.0f} "
        "thousand million steps a second"
    )
    return ours[0]


def fingerprints(texts: list[str], name: str, rounds: int) -> None:
    """Normalising and winnowing alone."""
    whole = " ".join(texts).encode()
    room = np.empty(10 * len(whole) + kernels.MARGIN, np.uint8)
    positions, values = np.empty(len(whole), np.uint32), np.empty(len(whole), np.uint64)

    def made(raw: bytes) -> int:
        length = normalised(np.frombuffer(raw, np.uint8), room)
        return int(hashes.winnow(room, length, BYTE_VALUES, positions, values))

    at_once, _ = best_of(rounds, lambda: made(whole))
    each = [text.encode() for text in texts]
    one_by_one, _ = best_of(rounds, lambda: [made(raw) for raw in each])
    size = len(whole) / 1e6
    print(
        f"fingerprints, {name}: {size / at_once:8.2f} MB/s as one buffer, {size / one_by_one:8.2f} text by text"
    )


def main() -> None:
    """Print our figures, the peers' and the ratios; fail if a single value differs from datasketch's."""
    options = argparse.ArgumentParser(description="Text signatures: ours against datasketch, one core")
    options.add_argument("--documents", type=int, default=400)
    options.add_argument("--bytes", type=int, default=2600)
    options.add_argument("--rounds", type=int, default=5)
    asked = options.parse_args()
    texts = documents(asked.documents, asked.bytes)
    raw = [text.encode() for text in texts]
    megabytes = sum(map(len, raw)) / 1e6
    print(f"machine    {machine()}")
    print(f"versions   datasketch {datasketch.__version__}, numpy {np.__version__}")
    print(f"texts      {len(texts):,}, {megabytes:.2f} MB, one after the other")

    batches = [raw[i : i + 64] for i in range(0, len(texts), 64)]
    seconds, _ = best_of(asked.rounds, lambda: [codes_by_kernels(some) for some in batches])
    print(f"ours, with fingerprints, 64 in a call {megabytes / seconds:8.2f} MB/s")
    plain = [text.encode("ascii", "ignore").decode() for text in texts]
    seconds = against_the_bound(texts, "mixed", 10 * asked.rounds)
    against_the_bound(plain, "ASCII", 10 * asked.rounds)

    def peer(name: str, work: Callable[[], object], rounds: int) -> None:
        theirs, _ = best_of(rounds, work)
        print(f"{name:<38}{megabytes / theirs:8.2f} MB/s   ratio {theirs / seconds:6.1f}")

    peer(
        "ours, numpy (first texts of a process)", lambda: [signature_by_numpy(normalise(t)) for t in texts], 2
    )
    peer("word 5-grams, CRC-32, MinHash.bulk", lambda: in_bulk(texts), asked.rounds)
    peer("word 5-grams, SHA-1, update_batch", lambda: one_by_one(texts), 2)
    for name, work in (("rensa", by_rensa), ("gaoya", by_gaoya)):
        if importlib.util.find_spec(name) is None:
            print(f"{name} not measured: pip install {name}")
        else:
            peer(f"{name}, word 5-grams", partial(work, texts), asked.rounds)
    fingerprints(texts, "mixed", asked.rounds)
    fingerprints(plain, "ASCII", asked.rounds)
    sample = texts[: max(1, len(texts) // 20)]
    ours = codes_by_kernels([text.encode() for text in sample]).signatures
    equal = ours.tolist() == our_grams_by_datasketch(sample)
    print(f"values     {'equal' if equal else 'NOT EQUAL'} to datasketch on {len(sample)} texts x 128")
    if not equal:
        raise SystemExit("The values differ; the speed does not count.")


if __name__ == "__main__":
    main()
