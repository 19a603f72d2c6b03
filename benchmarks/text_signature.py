"""Claim: from raw text to a datasketch-identical MinHash signature, many times faster than in Python.

    python benchmarks/text_signature.py [--documents 400] [--bytes 2600] [--rounds 5]

Peers, all with datasketch 2 (128 permutations, scheme affine32): word 5-grams cut by Python, hashed with CRC-32
or SHA-1 (datasketch's default) and given to `MinHash.bulk` or `update_batch`, which is the usual way; and our own
16-byte grams, cut and hashed by the plain Python reference. The last gives our values, so it proves that ours are
datasketch's; documents are made of the words of a seeded vocabulary. Other hashes, and so other values, have rensa
(`RMinHash` over the same word 5-grams) and gaoya (`MinHashStringIndex`, 5-grams cut by itself, its index included);
they are left out if they are not installed. Besides: what the arithmetic of the permutations alone takes, the bound of
any such signature; and the fingerprints for excerpts, from raw UTF-8, text by text and as one buffer.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import re
import zlib
from collections.abc import Callable
from functools import partial

import datasketch
import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray

from benchmarks._measuring import best_of, machine
from registry.core.fingerprints import reference
from registry.core.fingerprints import text_kernels as kernels
from registry.core.fingerprints import text_kernels_hashes as hashes
from registry.core.fingerprints.minhash import BYTE_VALUES, Signature, signature_by_numpy
from registry.core.fingerprints.tables import text_tables
from registry.core.fingerprints.text_engines import codes_by_kernels
from registry.core.fingerprints.text_normal import normalise, short_points

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


def signature_alone(raw: bytes, room: NDArray[np.uint8]) -> Signature:
    """Normalised and signed, without the fingerprints that the product makes in the same pass."""
    tables = text_tables()
    least = np.full(128, reference.EMPTY, np.uint32)
    source = np.frombuffer(raw, np.uint8)
    length = normalised(source, room)
    hashes.minhash(room, length, BYTE_VALUES, tables.permutations, least)
    return least


def bound(grams: int, rounds: int) -> float:
    """Seconds for 128 permutations of so many grams whose hashes are there, in the first cache."""
    tables = text_tables()
    least = np.full(128, reference.EMPTY, np.uint32)
    block = np.random.default_rng(1).integers(0, 2**32, 4096, np.uint32)
    seconds, _ = best_of(
        rounds,
        lambda: [hashes.lower(block, tables.multipliers, tables.increments, least) for _ in range(100)],
    )
    return seconds * grams / (100 * len(block))


def fingerprints(texts: list[str], name: str, rounds: int) -> None:
    """Normalising and winnowing alone."""
    whole = " ".join(texts).encode()
    room = np.empty(10 * len(whole), np.uint8)
    positions, values = np.empty(len(whole), np.uint32), np.empty(len(whole), np.uint64)

    def made(raw: bytes) -> int:
        source = np.frombuffer(raw, np.uint8)
        length = normalised(source, room)
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
    print(f"ours, with fingerprints, 64 at once   {megabytes / seconds:8.2f} MB/s")
    room = np.empty(10 * max(map(len, raw)), np.uint8)
    seconds, ours = best_of(asked.rounds, lambda: [signature_alone(r, room) for r in raw])
    print(f"ours                                  {megabytes / seconds:8.2f} MB/s")
    at_once, _ = best_of(
        asked.rounds, partial(signature_alone, b"".join(raw), np.empty(10 * sum(map(len, raw)), np.uint8))
    )
    print(f"ours, as one buffer                   {megabytes / at_once:8.2f} MB/s")
    least = bound(sum(max(len(normalise(t)) - 15, 0) for t in texts), asked.rounds)
    print(
        f"the permutations alone                {megabytes / least:8.2f} MB/s   share {least / seconds:6.1%}, as one "
        f"buffer {least / at_once:6.1%}"
    )

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
    fingerprints([t.encode("ascii", "ignore").decode() for t in texts], "ASCII", asked.rounds)
    sample = texts[: max(1, len(texts) // 20)]
    equal = [o.tolist() for o in ours[: len(sample)]] == our_grams_by_datasketch(sample)
    print(f"values     {'equal' if equal else 'NOT EQUAL'} to datasketch on {len(sample)} texts x 128")
    if not equal:
        raise SystemExit("The values differ; the speed does not count.")


if __name__ == "__main__":
    main()
