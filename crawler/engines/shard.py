"""One shard from end to end: read, fingerprint, judge, write what is kept, and put the results beside it.

The unit that is repeated after a crash. Its last act is its marker, which holds the digests of its results; a shard
without a marker whose digests hold never happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pyarrow as pa

from crawler import durable
from crawler.engines.outputs import Outlet, TakesTables, outlet
from crawler.engines.screen import Screen
from crawler.engines.tables import JudgedTable, judge_table
from crawler.filter import Judgement, Reading
from crawler.modes import Mode
from crawler.runs import papers
from crawler.runs.partial import Facts, Marker, Partial
from crawler.sources.base import Sample, Shard
from crawler.sources.metadata import Stated
from crawler.sources.parquet import Batch, ParquetShard
from crawler.watching import Done, Tell

BATCH_ITEMS = 64
BATCH_SMALL_ITEMS = 512
"""Of items that all together are no more than `BATCH_SMALL_BYTES`: short texts, for which a batch itself costs much."""
BATCH_SMALL_BYTES = 2**20
BATCH_BYTES = 32 * 2**20


def run_shard(number: int, shard: Shard, screen: Screen, partial: Partial, tell: Tell) -> Marker:
    """Work off one shard; returns its marker, which by then is on the disk."""
    tally = _Tally()
    source = _Watched()
    with (
        outlet(number, shard, partial.data, screen.mode, dry_run=screen.dry_run) as out,
        durable.replacing(partial.verdicts(number)) as verdicts_path,
        durable.replacing(partial.codes(number)) as codes_path,
        pa.OSFile(str(verdicts_path), "wb") as verdicts_file,
        pa.OSFile(str(codes_path), "wb") as codes_file,
        pa.ipc.new_file(verdicts_file, papers.VERDICTS) as verdicts,
        pa.ipc.new_file(codes_file, papers.CODES) as codes,
    ):
        lines = _Lines(number, screen, out, verdicts, codes, tally, tell)
        if isinstance(shard, ParquetShard) and shard.metadata_only and isinstance(out, TakesTables):
            for piece in shard.tables(source.see):
                if isinstance(piece, Sample):
                    lines.add([piece])
                else:
                    lines.add_table(*piece, out)
        else:
            for samples in _batches(shard.read(screen.limits.max_file_bytes, source.see)):
                lines.add(samples)
    rows = tally.done.seen if screen.mode is Mode.ANNOTATE else tally.done.kept
    marker = Marker(
        state=shard.state(),
        verdicts_sha256=durable.sha256_of(partial.verdicts(number)),
        codes_sha256=durable.sha256_of(partial.codes(number)),
        done=tally.done,
        errors=tally.errors,
        source=source.facts(tally.done.seen) if shard.whole_file else None,
        outputs={w.uri: Facts(w.sha256, w.bytes, rows) for w in out.written},
        loose=not (shard.whole_file or screen.dry_run or screen.mode is Mode.ANNOTATE),
    )
    durable.replace_file(partial.marker(number), marker.to_bytes())
    return marker


@dataclass(frozen=True, slots=True)
class _Lines:
    """Where the results of one shard go, batch by batch."""

    number: int
    screen: Screen
    out: Outlet
    verdicts: Any
    codes: Any
    tally: _Tally
    tell: Tell

    def add(self, samples: Sequence[Sample]) -> None:
        """Items as such."""
        judgements = self.screen.open().judge(self.screen.read(samples))
        items = [(s, judged.reading, judged) for s, judged in zip(samples, judgements, strict=True)]
        for sample, _, judgement in items:
            self.out.put(sample, judgement.decision)
        self.verdicts.write_batch(
            papers.batch([papers.verdict_row(self.number, *item) for item in items], papers.VERDICTS)
        )
        self.codes.write_batch(
            papers.batch(
                [row for s, r, _ in items for row in papers.code_rows(self.number, s, r)], papers.CODES
            )
        )
        self.tell(self.tally.add(items))

    def add_table(self, rows: Batch, stated: Stated, out: TakesTables) -> None:
        """Rows that state what lies elsewhere."""
        judged = judge_table(self.number, rows, stated, self.screen.open(), self.screen.hearing())
        out.take(rows.batch, judged.kept)
        self.verdicts.write_batch(judged.verdicts)
        self.codes.write_batch(judged.codes)
        self.tell(self.tally.add_table(judged))


class _Watched:
    """The bytes of a source that is one file, as they go by."""

    def __init__(self) -> None:
        self._digest = sha256()
        self._bytes = 0

    def see(self, data: bytes) -> None:
        """The next bytes."""
        self._digest.update(data)
        self._bytes += len(data)

    def facts(self, items: int) -> Facts:
        """Digest and length of all, with the number of items found in them."""
        return Facts(self._digest.hexdigest(), self._bytes, items)


class _Tally:
    """Running totals of one shard."""

    def __init__(self) -> None:
        self.done = Done()
        self.errors = 0

    def add(self, items: Iterable[tuple[Sample, Reading, Judgement]]) -> Done:
        """Count a batch; returns its own share."""
        share = Done()
        for sample, reading, judgement in items:
            share = share.plus(Done(1, judgement.decision.kept, sample.size))
            self.errors += is_error(reading.gap)
        self.done = self.done.plus(share)
        return share

    def add_table(self, judged: JudgedTable) -> Done:
        """The same for a table."""
        share = Done(len(judged.kept), int(judged.kept.sum()), int(judged.sizes.sum()))
        self.errors += judged.errors
        self.done = self.done.plus(share)
        return share


def is_error(gap: str | None) -> bool:
    """Whether something was wrong with the item itself; an `unchecked.…` item is whole, but tells too little."""
    return gap is not None and gap.startswith("error.")


def _batches(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    """A few samples at a time, bounded in number and in bytes."""
    batch: list[Sample] = []
    held = 0
    for sample in samples:
        batch.append(sample)
        held += sample.held
        most = BATCH_SMALL_ITEMS if held <= BATCH_SMALL_BYTES else BATCH_ITEMS
        if len(batch) >= most or held >= BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch
