"""Datasets in, the same datasets out. One file a format, reader beside writer; what is kept stays byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crawler.sources.base import Sample, Shard, Sink, Source
from crawler.sources.folder import FolderSource
from crawler.sources.jsonl import JsonLinesSource
from registry.core.errors import InvalidInput

__all__ = ["Sample", "Shard", "Sink", "Source", "open_sources"]

JSON_LINES = (".jsonl", ".ndjson")


def open_sources(paths: Sequence[Path], *, column: str = "text") -> list[Source]:
    """The sources behind these paths, each under its own name in the output.

    A folder is walked; a file must be of a format that we can write back. One folder alone keeps its layout
    directly; several inputs each get a folder or file of their name, and so need different names.
    """
    names = [path.resolve().name for path in paths]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise InvalidInput(f"Two inputs are called “{twins[0]}”; filter them into two folders, one run each.")
    sources: list[Source] = []
    for path, name in zip(paths, names, strict=True):
        if path.is_dir():
            sources.append(FolderSource(path, name, nested=len(paths) > 1))
        elif path.suffix.lower() in JSON_LINES and path.is_file():
            sources.append(JsonLinesSource(path, name, column))
        elif not path.exists():
            raise InvalidInput(f"There is no file or folder {path}.")
        else:
            raise InvalidInput(f"{path} is neither a folder nor a {' or '.join(JSON_LINES)} file.")
    return sources
