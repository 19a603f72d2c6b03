"""TDM·AI: declarations bound to content by its ISCC (ISO 24138), as JSON records.

`all`, `train-ai`, `train-genai`, `ai-use` and `search` with `true` or `false`, as texts or truth values; what is
narrower goes before `all`. A later record by the same declarer replaces an earlier one; those of different declarers
stand beside each other, and the strict one counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from registry.core.decisions import Purpose
from registry.core.signals.model import LONGEST_RAW, MALFORMED, Evidence, answers

SIGNAL = "tdm-ai"
VERSION = "tdm-ai.1"

_KEYS: Final = {
    "train-ai": Purpose.TRAIN_AI,
    "train-genai": Purpose.TRAIN_GENAI,
    "ai-use": Purpose.AI_INPUT,
    "search": Purpose.SEARCH,
}
_ALL: Final = (Purpose.TDM, Purpose.AI_INPUT, Purpose.AI_INDEX, Purpose.SEARCH)
_WORDS: Final = {"true": True, "false": False}


def read(records: Iterable[Mapping[str, Any]]) -> list[Evidence]:
    """What the records about one item say; they are given in the order in which they were made."""
    standing: dict[str, Evidence] = {}
    for number, record in enumerate(records):
        evidence = _record(record)
        declarer = str(record.get("declarer") or f"unnamed {number}")
        if evidence.speaks or declarer not in standing:
            standing[declarer] = evidence
    return list(standing.values())


def _record(record: Mapping[str, Any]) -> Evidence:
    raw = orjson.dumps(dict(record), default=str)[:LONGEST_RAW]
    if not str(record.get("iscc", "")).startswith("ISCC:"):
        return Evidence(SIGNAL, VERSION, "record", raw, notes=(MALFORMED,))
    stated = {key: _truth(record[key]) for key in ("all", *_KEYS) if key in record}
    denied = [purpose for key, purpose in _KEYS.items() if stated.get(key) is False]
    allowed = [purpose for key, purpose in _KEYS.items() if stated.get(key) is True]
    if stated.get("all") is True:
        allowed += _ALL
    said = answers(deny=denied, allow=allowed)
    if stated.get("all") is False:
        own = dict(answers(allow=allowed))
        said = answers(deny=[*denied, *(p for p in _ALL if p not in own)], allow=allowed)
    notes = (MALFORMED,) if None in stated.values() else ()
    details = tuple((key, str(record[key])[:400]) for key in ("declarer", "iscc") if key in record)
    return Evidence(SIGNAL, VERSION, "record", raw, said, notes=notes, details=details)


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else _WORDS.get(str(value).strip().lower())
