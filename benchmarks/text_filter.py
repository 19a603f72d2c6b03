"""Claim: a core filters tens of megabytes of text a second against millions of registered passages.

    python benchmarks/text_filter.py [--passages 1000000] [--signatures 1000000] [--documents 2000] [--rounds 3]

The whole filter is what `vorbehalt filter` does with the texts of a dataset but for reading and writing files: SHA-256
and MD5, normalise, signature, fingerprints, both lookups, verdict. Registered are random letters: N passages of 475
normalised bytes (100 words) by their fingerprints, and signatures of random minima. *Lazy* leaves signatures to texts
that share a fingerprint (`--lazy-signatures`). Documents are made of the words of a seeded vocabulary, one in fifty
with 60 words of a registered work, all of which must be denied and nothing else. Passages are in files that are mapped
into memory. The peer is datasketch's `MinHashLSH(params=(32, 4))` with the same signatures, as many as fit into
reasonable memory (6 kB each); a larger dictionary is not faster. Seconds are of the processor, the least of some
rounds.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from datasketch import LeanMinHash, MinHashLSH

from benchmarks._measuring import best_of, machine
from benchmarks.text_signature import documents
from crawler.engines.shard import BATCH_ITEMS, BATCH_SMALL_BYTES, BATCH_SMALL_ITEMS
from crawler.filter import Judge, Judgement, read_all
from crawler.sources.base import Sample
from registry.core.decisions import Policy, Purpose, Request, Terms, Verdict
from registry.core.fingerprints import MINHASH128, WINNOW32, metering
from registry.core.fingerprints.algorithms import LEAN_HEADER
from registry.core.fingerprints.model import DEFAULT_LIMITS
from registry.core.fingerprints.text_engines import codes_by_kernels
from registry.core.ids import format_id
from registry.core.matching import ListColumns, Matcher, bands, passages
from registry.core.matching.bands import BandIndex

PASSAGE = 475
AT_ONCE = 1_000
NOTHING = Terms()
PEER_SIGNATURES = 100_000
QUERIES = 20_000


class Registered:
    """A registry in which nothing is permitted."""

    def work_id(self, row: int) -> str:
        """A name for the row."""
        return format_id("work", row.to_bytes(16, "big"))

    def terms(self, row: int) -> Terms:  # noqa: ARG002
        """Nothing."""
        return NOTHING

    personal = terms


def registered_passages(count: int, quoted: Sequence[str], folder: Path) -> ListColumns:
    """The fingerprints of `count` passages of random letters, and of the quoted texts, in mapped files."""
    random = np.random.default_rng(5)
    room = 34 * count + 1_000 * len(quoted)
    columns = [
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, (room,))
        for name, dtype in (
            ("values", np.uint64),
            ("works", np.uint32),
            ("aux", np.uint64),
            ("kinds", np.uint8),
        )
    ]
    filled = 0

    def add(first: int, texts: Sequence[bytes]) -> int:
        made = codes_by_kernels(texts, signed=False)
        end = filled + len(made.fingerprints.values)
        works = np.repeat(np.arange(first, first + len(texts)), np.diff(made.ends, prepend=0))
        contents = (made.fingerprints.values, works, made.fingerprints.positions, 2)
        for column, content in zip(columns, contents, strict=True):
            column[filled:end] = content
        return end

    filled = add(0, [text.encode() for text in quoted])
    for first in range(0, count, AT_ONCE):
        letters = random.integers(97, 123, (min(AT_ONCE, count - first), PASSAGE), dtype=np.uint8)
        filled = add(len(quoted) + first, [row.tobytes() for row in letters])
    codes, works, aux, kinds = (np.asarray(column[:filled]) for column in columns)
    return ListColumns(codes.view(np.uint8).reshape(-1, 8), works, kinds, aux)


def registered_signatures(count: int) -> ListColumns:
    """Codes with random minima, as large as those of texts of some hundred words."""
    codes = np.empty((count, 525), np.uint8)
    codes[:, :13] = np.frombuffer(LEAN_HEADER.pack(1, -128, 1), np.uint8)
    random = np.random.default_rng(6)
    for start in range(0, count, 100_000):
        part = codes[start : start + 100_000]
        part[:, 13:] = random.integers(0, 2**22, (len(part), 128), dtype=np.uint32).view(np.uint8)
    return ListColumns(
        codes, np.arange(count, dtype=np.uint32), np.full(count, 2, np.uint8), np.zeros(count, np.uint64)
    )


def judged(judge: Judge, samples: Sequence[Sample], lazy_signatures: bool) -> list[Judgement]:
    """As a shard of a run does it, but for files."""
    done: list[Judgement] = []
    fitting = BATCH_SMALL_BYTES // max(sample.size for sample in samples)
    batch = max(BATCH_ITEMS, min(BATCH_SMALL_ITEMS, fitting))
    for start in range(0, len(samples), batch):
        part = samples[start : start + batch]
        done += judge.judge(read_all(part, DEFAULT_LIMITS, lazy_signatures=lazy_signatures))
    return done


def whole_filter(
    columns: ListColumns, signatures: ListColumns, novels: Sequence[str], asked: argparse.Namespace
) -> None:
    """Documents of several sizes against everything registered."""
    begin = time.process_time()
    with tempfile.TemporaryDirectory(dir=asked.folder) as place:
        matcher = Matcher({WINNOW32: columns, MINHASH128: signatures}, Path(place) / "index")
        index = sum(f.stat().st_size for f in (Path(place) / "index" / WINNOW32).iterdir())
        per_thousand = len(columns) / (asked.passages / 10)
        print(
            f"passages   {asked.passages:,} of 100 words, {len(columns):,} fingerprints, index "
            f"{index / len(columns):.2f} bytes each: {per_thousand * index / len(columns):,.0f} bytes per 1,000 words "
            f"(and {per_thousand * 21:,.0f} in the list); indexes built in {time.process_time() - begin:.0f} s"
        )
        gc.freeze()  # as worker processes do
        request = Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, 0)
        judge = Judge(matcher, Registered(), request)
        for size, ascii_only in ((100, True), (2_600, False), (2_600, True), (20_000, True)):
            number = max(200, min(asked.documents, 6_000_000 // size))
            texts = documents(number, size)
            if ascii_only:
                texts = [t.encode("ascii", "ignore").decode() for t in texts]
            quoting = set(range(7, number, 50)) if size > 100 else set()
            for i in quoting:
                words = novels[i % len(novels)].split()
                texts[i] += " " + " ".join(words[i % 400 : i % 400 + 60])
            samples = [Sample(i, str(i), t.encode(), len(t.encode()), text=t) for i, t in enumerate(texts)]
            total = sum(s.size for s in samples)
            for lazy in (False, True):
                seconds, answers = best_of(asked.rounds, partial(judged, judge, samples, lazy))
                denied = {i for i, a in enumerate(answers) if a.decision.verdict is Verdict.DENY}
                print(
                    f"filter     {number:>6,} documents of {size:>6,} bytes, {'ASCII' if ascii_only else 'mixed'}"
                    f"{', lazy' if lazy else '':<6}: {total / seconds / 1e6:7.1f} MB/s  {number / seconds:9,.0f} "
                    f"documents/s  {len(denied):,} denied, {len(quoting):,} quote",
                    flush=True,
                )
                if denied != quoting:
                    raise SystemExit("The verdicts are wrong; the speed does not count.")


def signature_lookups(signatures: ListColumns, rounds: int) -> None:
    """Our tables beside datasketch's dictionaries; one query in twenty is registered, the others are not."""
    values = signatures.codes[:, 13:].view("<u4")
    index = BandIndex.build(values)
    random = np.random.default_rng(8)
    queries = random.integers(0, 2**22, (QUERIES, 128), dtype=np.uint32)
    queries[::20] = values[: len(queries[::20])]
    seconds, hits = best_of(rounds, lambda: index.search(queries, 64))
    rate = QUERIES / seconds
    print(f"signatures {len(values):,}: ours {rate:,.0f} queries/s, {len(hits):,} found", flush=True)
    fewer = min(PEER_SIGNATURES, len(values))
    peer = MinHashLSH(num_perm=128, params=(32, 4))
    lean = [LeanMinHash(seed=1, hashvalues=v, scheme="affine32") for v in values[:fewer].astype(np.uint32)]
    begin = time.process_time()
    for row, signature in enumerate(lean):
        peer.insert(row, signature)
    built = time.process_time() - begin
    asked = [LeanMinHash(seed=1, hashvalues=v, scheme="affine32") for v in queries[:2_000]]
    theirs, found = best_of(rounds, lambda: sum(len(peer.query(q)) for q in asked))
    print(
        f"signatures {fewer:,}: datasketch MinHashLSH {len(asked) / theirs:,.0f} queries/s, {found:,} found, "
        f"filled in {built:.0f} s; ours is {rate * theirs / len(asked):.1f} times as fast"
    )


def main() -> None:
    """Everything, on what is registered."""
    options = argparse.ArgumentParser(description="The text filter on one core")
    options.add_argument("--passages", type=int, default=1_000_000)
    options.add_argument("--signatures", type=int, default=1_000_000)
    options.add_argument("--documents", type=int, default=2_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--folder", type=Path, help="Where files may lie [default: the temporary folder].")
    asked = options.parse_args()
    for meter in (metering.TEXT_BYTES, passages.LOOKUPS, bands.LOOKUPS):
        meter.compiled_pays(1 << 60)  # kernels are loaded
    print(f"machine    {machine()}, load {os.getloadavg()[0]:.1f}")
    novels = documents(8, 8_000)[::-1]
    novels = [" ".join(reversed(n.split())) for n in novels]
    signatures = registered_signatures(asked.signatures)
    with tempfile.TemporaryDirectory(dir=asked.folder) as place:
        begin = time.process_time()
        columns = registered_passages(asked.passages, novels, Path(place))
        print(f"registered passages made in {time.process_time() - begin:.0f} s", flush=True)
        whole_filter(columns, signatures, novels, asked)
    signature_lookups(signatures, asked.rounds)


if __name__ == "__main__":
    main()
