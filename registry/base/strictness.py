"""JSON that every reader understands alike: I-JSON (RFC 7493).

UTF-8, no name twice, no NaN, no integer that a double cannot hold, no half characters; and no NUL, which PostgreSQL
cannot store. What one reader takes and another does not is how a check is got round.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

from werkzeug.exceptions import BadRequest

_UNFIT = re.compile(r"[\x00\ud800-\udfff]")


def strict_json(data: bytes) -> Any:
    """The document in this body; a 400 says what is wrong with it."""
    try:
        text = data.decode("utf-8")
        found = json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_safe_integer,
        )
        if "\\u" in text:
            _check_characters(found)
        return found
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    except ValueError as error:
        raise BadRequest(f"The body is not valid JSON: {str(error)[:200]}.") from None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the name “{twice[:40]}” occurs twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


def _safe_integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) >= 1 << 53:
        raise ValueError(f"the integer {digits[:20]} is beyond 2^53 - 1")
    return int(digits)


def _check_characters(found: Any) -> None:
    """Only escapes can bring these in: UTF-8 has no surrogates, and JSON no raw control characters."""
    waiting = [found]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str) and _UNFIT.search(item):
            raise ValueError("a text contains NUL or half of a character")
