"""What a person should know of the inputs before a long run: how they are read, where that could be meant otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from crawler.sources.base import Source
from crawler.sources.columns import comparable_columns, find_columns
from crawler.sources.folder import FolderSource, walk
from crawler.sources.limited import LimitedShard, LimitedSource
from crawler.sources.names import format_of, is_companion
from crawler.sources.opening import schema_of, stated_in
from crawler.sources.parquet import ParquetShard

_LOOKED_AT = 1_000
"""Names in a folder."""
_NAMED = 5
"""Columns."""


def remarks(sources: Sequence[Source]) -> Iterator[str]:
    """Sentences for people; none if everything is plain."""
    if (stated := stated_in(sources)) is not None:
        yield f"Compared are the columns of {stated}"
    else:
        yield from islice(_columns(sources), 1)
    for source in sources:
        inner = source.source if isinstance(source, LimitedSource) else source
        if isinstance(inner, FolderSource):
            yield from _odd_one(inner)


def _columns(sources: Sequence[Source]) -> Iterator[str]:
    """Of the first table for which no columns were asked for, what is compared and what is not."""
    for source in sources:
        if source.format != "parquet":
            continue
        shard = next(iter(source.shards(1)), None)
        inner = shard.shard if isinstance(shard, LimitedShard) else shard
        if not isinstance(inner, ParquetShard) or inner.columns or (schema := schema_of(inner)) is None:
            continue
        (chosen,) = find_columns(schema, (), inner.name)
        others = [name for name in comparable_columns(schema) if name != chosen.name]
        if others:
            more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
            yield (
                f"{source.name}: compared is the column {chosen.name}, and not {', '.join(others[:_NAMED])}{more}. "
                f"Several are given as --column {chosen.name},{others[0]}."
            )
        return


def _odd_one(source: FolderSource) -> Iterator[str]:
    """Of a folder with shards that is read file by file, the first name that made it so."""
    entries = list(islice(walk(source.root), _LOOKED_AT))
    shards = [e.key for e in entries if format_of(e.path) is not None and e.gap is None]
    odd = [e.key for e in entries if e.gap or not (format_of(e.path) or is_companion(e.path))]
    if shards and odd:
        yield (
            f"{source.name} is read file by file, because {odd[0]} is no dataset. What is in {shards[0]} is not looked "
            "at then, and nothing like it kept: name the datasets one by one, or move the rest away."
        )
