"""Checks as JSON lines, any number of them: in memory are a few thousand at a time.

The request is put on disk first, and answered when all of it is there. Most clients send everything before they read
anything; answering earlier, both sides would wait for each other for ever. A request that breaks off is refused, and a
line that cannot be understood has an answer of its own: it is unknown and never kept.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import orjson

from registry.base.actor import Actor
from registry.base.db import Database
from registry.base.ratelimits import Budget
from registry.checking.columns import COLUMN_ALGORITHMS, CodeColumn, check_column
from registry.checking.live import LiveIndex
from registry.checking.service import MAX_ITEMS, Checked, check
from registry.checking.spelled_out import Offers, offers_for, spelled_out
from registry.core.decisions import Request, Verdict
from registry.core.errors import InvalidInput, RateLimited
from registry.core.fingerprints import ADDRESSES, ALGORITHMS, Fingerprint, check_code, fingerprint_url
from registry.core.matching import MIN_WORDS

MAX_BYTES: Final = 1 << 30
MAX_LINE: Final = 64 << 10
"""More than the longest code, that of a long text, takes in hexadecimal."""
_AT_ONCE: Final = 5_000
_PIECE: Final = 1 << 16
_MAX_ID: Final = 200
_FIELDS: Final = {"id", "algorithm", "hash", "url"}
_ADDRESS: Final = "an address"


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was understood, or what is wrong with it."""

    number: int
    """From 1."""
    id: str | int | None = None
    item: tuple[Fingerprint, ...] = ()
    wrong: str | None = None


def spooled(stream: IO[bytes], folder: Path, spend: Callable[[], None]) -> IO[bytes]:
    """The body, in a nameless file of this folder, at its beginning; a folder for temporary files may be in memory.

    `spend` is called for each `MAX_ITEMS` lines begun but the first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as unless_whole:
        file = unless_whole.enter_context(tempfile.TemporaryFile(dir=folder))
        lines, counted = 0, 1
        while piece := stream.read(_PIECE):
            file.write(piece)
            lines += piece.count(b"\n")
            while lines > counted * MAX_ITEMS:
                spend()
                counted += 1
        if not file.tell():
            raise InvalidInput("There is nothing to check: the body has no lines.")
        file.seek(0)
        unless_whole.pop_all()
    return file


def answered(
    file: IO[bytes],
    database: Database,
    index: LiveIndex,
    actor: Actor | None,
    request: Request,
    algorithm: str | None,
    now: datetime,
    budget: Budget,
    min_words: int = MIN_WORDS,
) -> Iterator[bytes]:
    """An answer for each line, in order, and a last one that says that these are all. Closes the file.

    If the budget does not suffice on the way, the last line says so instead, and what it stands for is not answered.
    """
    seen, number, errors = None, 0, 0
    with file:
        lines = _lines(file, algorithm)
        while batch := [line for line, _ in zip(lines, range(_AT_ONCE), strict=False)]:
            try:
                change_seq, found, offers = _checked(
                    batch, database, index, actor, request, now, budget, min_words
                )
            except RateLimited as error:
                refused = {"code": error.code, "detail": error.message, "details": dict(error.details)}
                yield orjson.dumps({"error": refused}) + b"\n"
                return
            seen = change_seq if seen is None else min(seen, change_seq)
            number, errors = batch[-1].number, errors + sum(line.wrong is not None for line in batch)
            yield b"".join(orjson.dumps(_answer(line, found, offers)) + b"\n" for line in batch)
    end = {"lines": number, "errors": errors, "live": {"change_seq": seen}}
    yield orjson.dumps({"end": end}) + b"\n"


def _lines(file: IO[bytes], algorithm: str | None) -> Iterator[Line]:
    number = 0
    while text := file.readline(MAX_LINE + 1):
        number += 1
        if not text.endswith(b"\n"):
            is_long, rest = len(text) > MAX_LINE, text
            while rest and not rest.endswith(b"\n"):
                rest = file.readline(_PIECE)
            wrong = f"It is longer than {MAX_LINE:,} bytes."
            yield Line(number, wrong=wrong if is_long else "It is cut off: no line feed ends it.")
            continue
        yield _line(number, text, algorithm)


def _line(number: int, text: bytes, algorithm: str | None) -> Line:
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return Line(number, wrong=f"It is not JSON: {error}.")
    if not isinstance(data, dict):
        return Line(number, wrong="It is no JSON object.")
    name = None
    try:
        name = _id(data.get("id"))
        return Line(number, name, _item(data, algorithm))
    except InvalidInput as error:
        return Line(number, name, wrong=error.message)


def _id(given: Any) -> str | int | None:
    is_text = isinstance(given, str) and len(given) <= _MAX_ID
    if given is None or is_text or (isinstance(given, int) and not isinstance(given, bool)):
        return given  # type: ignore[no-any-return]  # it is one of these
    raise InvalidInput(f"An id is a whole number, or a text of at most {_MAX_ID} characters.")


def _item(data: Mapping[str, Any], algorithm: str | None) -> tuple[Fingerprint, ...]:
    if unknown := sorted(data.keys() - _FIELDS):
        raise InvalidInput(f"Unknown field {unknown[0][:40]!r}; known are {', '.join(sorted(_FIELDS))}.")
    if ("hash" in data) == ("url" in data):
        raise InvalidInput("It needs a hash or a url, and not both.")
    if not all(isinstance(data[name], str) for name in ("hash", "url", "algorithm") if name in data):
        raise InvalidInput("hash, url and algorithm are texts.")
    if "url" in data:
        if "algorithm" in data:
            raise InvalidInput("url and algorithm do not go together.")
        return fingerprint_url(data["url"])
    made_by = data.get("algorithm", algorithm)
    if made_by is None:
        raise InvalidInput("It names no algorithm, and nor does the query.")
    if made_by in ADDRESSES:
        raise InvalidInput("Send an address as url: its code does not tell under which domains it lies.")
    kind = ALGORITHMS[made_by].kinds[0] if made_by in ALGORITHMS else ""
    try:
        code = bytes.fromhex(data["hash"])
    except ValueError:
        raise InvalidInput("The hash is not hexadecimal.") from None
    check_code(made_by, kind, code)
    return (Fingerprint(made_by, kind, code),)


def _checked(
    batch: list[Line],
    database: Database,
    index: LiveIndex,
    actor: Actor | None,
    request: Request,
    now: datetime,
    budget: Budget,
    min_words: int,
) -> tuple[int, dict[int, Checked], Offers]:
    """The last change that all of this has seen; what is decided, by number of the line; offers for what is denied."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in batch:
        if line.wrong is None:
            made_by = line.item[0].algorithm if line.item else _ADDRESS
            groups[made_by if made_by in COLUMN_ALGORITHMS else _ADDRESS].append(line)
    found: dict[int, Checked] = {}
    with database.reading() as session:
        _, seen = index.current(session)
        for algorithm, lines in groups.items():
            if algorithm in COLUMN_ALGORITHMS:
                codes = np.frombuffer(b"".join(line.item[0].code for line in lines), np.uint8)
                column = CodeColumn(algorithm, codes.reshape(len(lines), -1))
                result = check_column(session, index, actor, request, column, now, budget=budget)
                none = Checked(result.unmatched, ())
                found |= {line.number: result.found.get(n, none) for n, line in enumerate(lines)}
            else:
                items = [line.item for line in lines]
                _, each = check(
                    session, index, actor, request, items, now, budget=budget, min_words=min_words
                )
                found |= {line.number: one for line, one in zip(lines, each, strict=True)}
        return seen, found, offers_for(session, actor, request, found.values(), now)


def _answer(line: Line, found: Mapping[int, Checked], offers: Offers) -> dict[str, Any]:
    answer: dict[str, Any] = {"line": line.number}
    if line.id is not None:
        answer["id"] = line.id
    if line.wrong is not None:
        return answer | {
            "verdict": int(Verdict.UNKNOWN),
            "kept": False,
            "reason": "error.line",
            "detail": line.wrong,
        }
    checked = found[line.number]
    decision = checked.decision
    answer |= {"verdict": int(decision.verdict), "kept": decision.kept, "reason": decision.reason}
    if checked.matches:
        answer["licences"] = [grant.licence for grant in decision.grants]
        answer["matches"] = spelled_out(checked, offers)
    return answer
