"""The first items of an input and no more: for a trial, before a whole corpus is worked on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path

from crawler.sources.base import Sample, Shard, Sink, Source
from crawler.sources.places import Watch


@dataclass(frozen=True, slots=True)
class LimitedSource:
    """Another source, of which only so many items are read."""

    source: Source
    most: int

    @property
    def name(self) -> str:
        """As without a limit."""
        return self.source.name

    @property
    def format(self) -> str:
        """As without a limit."""
        return self.source.format

    @property
    def data_uri(self) -> str:
        """As without a limit."""
        return self.source.data_uri

    def shards(self, items_per_shard: int) -> Iterator[Shard]:
        """As many as it takes: a shard that is not one whole file has so many items, but for the last."""
        left = self.most
        for shard in self.source.shards(items_per_shard):
            yield LimitedShard(shard, left)
            left -= items_per_shard
            if left <= 0:
                return


@dataclass(frozen=True, slots=True)
class LimitedShard:
    """Another shard up to its n-th item. The digest of a file is that of the whole file all the same."""

    shard: Shard
    most: int

    @property
    def size(self) -> int:
        """Of the whole shard."""
        return self.shard.size

    @property
    def whole_file(self) -> bool:
        """As without a limit."""
        return self.shard.whole_file

    @property
    def name(self) -> str:
        """As without a limit."""
        return self.shard.name

    def state(self) -> str:
        """Digest over the shard's own state and the limit."""
        return sha256(f"{self.shard.state()} {self.most}\n".encode()).hexdigest()

    def read(self, max_bytes: int, watch: Watch) -> Iterator[Sample]:
        """The first items. The rest of a file is only shown to `watch`, when the reading is closed."""
        samples = self.shard.read(max_bytes, watch)
        yield from islice(samples, self.most)
        close = getattr(samples, "close", None)
        if close is not None:
            close()

    def sink(self, data: Path) -> Sink:
        """As without a limit."""
        return self.shard.sink(data)

    def kept_path(self, data: Path, row: int) -> Path:
        """As without a limit."""
        return self.shard.kept_path(data, row)
