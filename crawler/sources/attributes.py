"""Verdicts as attributes: one line of JSON per item, in a file beside the dataset's own, as Dolma's tools read them.

    {"id": "…", "attributes": {"vorbehalt__kept": [[0, 5120, 1.0]], "vorbehalt__verdict": [[0, 5120, 4.0]]}}

Each attribute is a list of spans: from which to which character of the text, and a number. Ours have one span over
all of it. `vorbehalt__verdict` is the code of the verdict; `vorbehalt__kept` is 1 for what may be used, else 0.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import orjson

from crawler.sources.base import Sample, Written
from crawler.sources.names import ATTRIBUTES, DOCUMENTS, JSON_LINES
from crawler.sources.places import Output, Place, reading, unwatched
from registry.core.decisions import Decision
from registry.core.errors import InvalidInput

TAGGER: Final = "vorbehalt"
_MOST_LINE = 256 << 20


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
        self._data = data
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
        self._file = Output(self._data, self._name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; only a complete file has a digest."""
        if error is not None:
            self._file.abandon()
        else:
            self.written = (self._file.close(),)


class AttributeLines:
    """Another program's attributes of the documents of one shard, going along with them line by line."""

    def __init__(self, data: Path, name: str, place: Place) -> None:
        self._name = name
        self._stack = ExitStack()
        self._lines = self._stack.enter_context(reading(place, unwatched, name=name))
        self._file = Output(data, name)
        self._row = 0

    def next(self, sample: Sample, *, kept: bool) -> None:
        """The line about this document, written if that is kept.

        `InvalidInput` if a kept document's line is missing or about another. Of a dropped one it is not looked at.
        """
        self._row += 1
        try:
            line = self._lines.readline(_MOST_LINE)
        except OSError as problem:
            if problem.errno is not None:
                raise  # of the disk, not of the content
            raise self._misfit() from problem
        if not kept:
            return
        if _identity(line) != sample.key:
            raise self._misfit()
        self._file.write(line)

    def _misfit(self) -> InvalidInput:
        return InvalidInput(
            f"Line {self._row} of {self._name} is not about the document in that line. Move the file away, and make it "
            "again from the output."
        )

    def close(self) -> Written:
        """Complete it."""
        self._stack.close()
        return self._file.close()

    def abandon(self) -> None:
        """Let go of an unfinished file."""
        self._stack.close()
        self._file.abandon()


def _identity(line: bytes) -> str | None:
    """The id of the document that a line is about."""
    try:
        found = orjson.loads(line)["id"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return str(found) if isinstance(found, (str, int)) and not isinstance(found, bool) else None
