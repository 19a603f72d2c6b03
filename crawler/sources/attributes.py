"""Verdicts as attributes: one line of JSON per item, in a file beside the dataset's own, as Dolma's tools read them.

    {"id": "…", "attributes": {"vorbehalt__kept": [[0, 5120, 1.0]], "vorbehalt__verdict": [[0, 5120, 4.0]]}}

Each attribute is a list of spans: from which to which character of the text, and a number. Ours have one span over
all of it. `vorbehalt__verdict` is the code of the verdict; `vorbehalt__kept` is 1 for what may be used, else 0.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Final, Self

import orjson

from crawler.sources.base import Sample, Written
from crawler.sources.names import JSON_LINES
from crawler.sources.places import Output
from registry.core.decisions import Decision

TAGGER: Final = "vorbehalt"
DOCUMENTS: Final = "documents"
ATTRIBUTES: Final = "attributes"


def attributes_name(name: str, tagger: str = TAGGER) -> str:
    """The attributes of a file: `attributes/vorbehalt/0.json.gz` for `documents/0.json.gz`.

    A file that does not lie in `documents` has its attributes in such a folder at the top, packed JSON lines always.
    """
    above, found, below = f"/{name}".rpartition(f"/{DOCUMENTS}/")
    folder = f"{above[1:]}/{ATTRIBUTES}" if found and above else ATTRIBUTES
    plain = below if found else name
    return (
        f"{folder}/{tagger}/{plain}" if plain.endswith(JSON_LINES) else f"{folder}/{tagger}/{plain}.jsonl.gz"
    )


class AttributesFile:
    """Writes the attributes of one shard; a context manager. An interrupted attempt is overwritten from the start."""

    def __init__(self, data: Path, name: str) -> None:
        self._path = data / name
        self._name = name
        self.written: tuple[Written, ...] = ()

    def put(self, sample: Sample, decision: Decision) -> None:
        """One line."""
        end = len(sample.text) if sample.text is not None else 0
        spans = {
            f"{TAGGER}__kept": [[0, end, float(decision.kept)]],
            f"{TAGGER}__verdict": [[0, end, float(decision.verdict)]],
        }
        line = {"id": sample.key, "attributes": spans}
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def __enter__(self) -> Self:
        self._file = Output(self._path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; only a complete file has a digest."""
        if error is not None:
            self._file.abandon()
            return
        digest = self._file.close()
        self.written = (Written(self._name, digest, self._file.size),)
