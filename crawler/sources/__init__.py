"""Datasets in, the same datasets out. One file a format, reader beside writer; what is kept stays byte for byte."""

from __future__ import annotations

from crawler.sources.base import Part, Sample, Shard, Sink, Source
from crawler.sources.opening import local_paths, open_sources, stated_in

__all__ = ["Part", "Sample", "Shard", "Sink", "Source", "local_paths", "open_sources", "stated_in"]
