"""Names of files: which format they announce, which files belong to a dataset's shards, and ranges in braces."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from registry.core.errors import InvalidInput

JSON_LINES = (
    *(f"{plain}{packed}" for plain in (".jsonl", ".ndjson") for packed in ("", ".gz", ".zst")),
    *(".json.gz", ".json.zst"),
)
"""C4 and Dolma call packed ones `.json.gz`; a `.json` that is not packed is one document."""
PARQUET = (".parquet",)
TAR = (".tar", ".tgz", ".tar.gz", ".tar.zst")
WARC = tuple(f"{plain}{packed}" for plain in (".warc", ".wet", ".wat") for packed in ("", ".gz", ".zst"))

_FORMATS = {"jsonl": JSON_LINES, "parquet": PARQUET, "webdataset": TAR, "warc": WARC}
_COMPANIONS = re.compile(
    r"(?:.*/)?(?:README(?:\.\w+)?|LICEN[CS]E(?:\.\w+)?|dataset_infos?\.json|state\.json|_SUCCESS|[^/]*_stats\.json"
    r"|[^/]*\.idx)",
    re.IGNORECASE,
)
DOCUMENTS, ATTRIBUTES = "documents", "attributes"
"""Folders of a dataset as Dolma lays it out."""
_ATTRIBUTES = re.compile(rf"((?:.*/)?){ATTRIBUTES}/[^/]+/(.+)", re.DOTALL)
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_MOST_NAMES = 1_000_000


def format_of(name: str) -> str | None:
    """`jsonl`, `parquet`, `webdataset`, `warc`, or `None` for what is no dataset in one file."""
    lower = name.lower()
    return next((form for form, ends in _FORMATS.items() if lower.endswith(ends)), None)


def stem(name: str) -> str:
    """A shard's name without what says its format."""
    lower = name.lower()
    ends = (end for form in _FORMATS.values() for end in form if lower.endswith(end))
    return name[: len(name) - max(map(len, ends), default=0)]


def shards_among(names: Iterable[str]) -> list[str] | None:
    """The shards in a folder that holds nothing but shards and what usually lies beside them; else `None`.

    Stops at the first name that is neither, so a folder of ten million pictures is known by its first. Hidden files
    count as companions here. A parquet beside a tar of the same name is the list that img2dataset keeps of it
    (`sources.lists`), and no shard; neither are attributes beside the documents that they are about.
    """
    shards = []
    for name in names:
        if format_of(name) is not None:
            shards.append(name)
        elif not is_companion(name):
            return None
    tars = {stem(name) for name in shards if format_of(name) == "webdataset"}
    given = set(shards)
    return [
        n
        for n in shards
        if not (format_of(n) == "parquet" and stem(n) in tars) and documents_name(n) not in given
    ] or None


def is_companion(name: str) -> bool:
    """Whether this usually lies beside shards and is none; hidden files are such, too."""
    return any(part.startswith(".") for part in name.split("/")) or bool(_COMPANIONS.fullmatch(name))


def documents_name(name: str) -> str | None:
    """The documents that a file of attributes is about, `documents/0.json.gz` of `attributes/TAGGER/0.json.gz`."""
    found = _ATTRIBUTES.fullmatch(name)
    return f"{found[1]}{DOCUMENTS}/{found[2]}" if found and name.endswith(JSON_LINES) else None


def expand(text: str) -> list[str]:
    """A name with ranges in braces, as several: `{000..012}.tar` is thirteen. Zeros in front keep the width."""
    found = _RANGE.search(text)
    if found is None:
        return [text]
    first, last = int(found[1]), int(found[2])
    padded = any(len(number) > 1 and number.startswith("0") for number in found.groups())
    width = max(map(len, found.groups())) if padded else 0
    step = 1 if first <= last else -1
    count = abs(last - first) + 1
    if count > _MOST_NAMES:
        raise InvalidInput(f"“{found[0]}” is {count:,} names; give at most {_MOST_NAMES:,} at once.")
    numbers = range(first, last + step, step)
    heads = (f"{text[: found.start()]}{number:0{width}}" for number in numbers)
    tails = expand(text[found.end() :])
    every = list(islice((head + tail for head in heads for tail in tails), _MOST_NAMES + 1))
    if len(every) > _MOST_NAMES:
        raise InvalidInput(f"“{text}” is more than {_MOST_NAMES:,} names.")
    return every
