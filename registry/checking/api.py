"""`POST /v1/check`: parsed by hand, because a schema library costs more than the search itself."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import orjson
from flask import Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from registry.base.actor import Scope
from registry.base.auth import current_actor, require
from registry.base.context import database, part, reading, settings, sources
from registry.base.http import Blueprint, Rate, spend
from registry.base.idempotency import HEADER
from registry.checking import hidden, schemas
from registry.checking.arrow_reading import read_codes
from registry.checking.arrow_writing import ARROW, write_answer
from registry.checking.columns import COLUMN_ALGORITHMS, CodeColumn, check_algorithm, check_column
from registry.checking.lines import MAX_BYTES, answered, spooled
from registry.checking.ranges import DecoySecret, digests_under
from registry.checking.service import (
    MAX_ITEMS,
    MOST_WORDS,
    Checked,
    LiveIndex,
    check,
    check_codes,
    check_number,
    check_urls,
)
from registry.checking.spelled_out import Offers, offers_for, spelled_out
from registry.core.decisions import Policy, Purpose, Request
from registry.core.decisions.terms import WORLD, check_territory
from registry.core.errors import InvalidInput, TooLarge
from registry.core.fingerprints import ADDRESSES, ALGORITHMS, Fingerprint
from registry.core.matching import MIN_WORDS

blueprint = Blueprint(
    "check",
    __name__,
    url_prefix="/v1/check",
    description="Is this on record, and on what terms?",
    rate=Rate.CHECK,
)

Items = list[tuple[Fingerprint, ...]]

JSON_LINES = "application/jsonl"

_TERMS = {"algorithm", "purpose", "policy", "territory"}
_LISTS = ("hashes", "hashes_base64", "urls")

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY = {
    "required": True,
    "content": {"application/json": {"schema": schemas.NewCheck}, ARROW: _BINARY, JSON_LINES: _BINARY},
}
_RANGE_SECONDS = 60
"""How long a range may be kept: it is that much later than the other forms to tell of a change."""
_NOT_JSON = "With an Arrow stream or JSON lines only, which bring nothing but items."
_PARAMETERS = [
    {"in": "query", "name": name, "schema": {"type": "string"}, "description": _NOT_JSON}
    for name in sorted(_TERMS)
]
_PARAMETERS.append(
    {
        "in": "query",
        "name": "min_words",
        "schema": {"type": "integer", "minimum": 0, "maximum": MOST_WORDS, "default": MIN_WORDS},
        "description": "With an Arrow stream or JSON lines only. Passages of fewer words are traces, unless they are "
        "half of the work.",
    }
)


def parse_request(body: bytes, at: int) -> tuple[Request, Items | CodeColumn, int]:
    """The request and the items in a body, and how many words count; `InvalidInput` says what is wrong and where."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"The body is not JSON: {error}.") from None
    if not isinstance(data, dict):
        raise InvalidInput("The body must be a JSON object.")
    given = [name for name in _LISTS if name in data]
    if len(given) > 1:
        raise InvalidInput(f"{given[0]} and {given[1]} do not go together: send one of {', '.join(_LISTS)}.")
    if not given:
        raise InvalidInput(f"There is nothing to check: send one of {', '.join(_LISTS)}.")
    terms = {name: value for name, value in data.items() if name not in _LISTS}
    least = _words(terms.pop("min_words", MIN_WORDS))
    wanted = _request(terms, at, needs_algorithm=given != ["urls"])
    return wanted, _items(data), least


def _words(given: object) -> int:
    """From how many words on a quotation counts."""
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= MOST_WORDS:
        raise InvalidInput(f"min_words is a whole number from 0 to {MOST_WORDS:,}.")
    return given


def _words_of_query(terms: dict[str, str]) -> int:
    """The same from a query, of which it is taken."""
    words = terms.pop("min_words", str(MIN_WORDS))
    return _words(int(words) if words.isdecimal() and len(words) < 9 else None)


def _request(data: dict[str, Any], at: int, *, needs_algorithm: bool) -> Request:
    """For what, and by which policy, is to be decided."""
    if unknown := sorted(set(data) - _TERMS):
        raise InvalidInput(
            f"Unknown field {unknown[0][:40]!r}; known are {', '.join(sorted({*_TERMS, *_LISTS, 'min_words'}))}."
        )
    for name in ("purpose", "policy", *(("algorithm",) if needs_algorithm else ())):
        if name not in data:
            raise InvalidInput(
                f"The field {name!r} is missing. Purpose and policy are always given explicitly."
            )
    if not all(isinstance(value, str) for value in data.values()):
        raise InvalidInput("algorithm, purpose, policy and territory are strings.")
    if not needs_algorithm and "algorithm" in data:
        raise InvalidInput("urls and algorithm do not go together: send addresses, or codes.")
    if data["policy"] not in set(Policy):
        raise InvalidInput(f"{data['policy'][:40]!r} is no policy; choose one of {', '.join(Policy)}.")
    return Request(
        purpose=Purpose.parse(data["purpose"]),
        policy=Policy(data["policy"]),
        at=at,
        territory=check_territory(data.get("territory", WORLD)),
    )


def _items(data: dict[str, Any]) -> Items | CodeColumn:
    """Addresses, or codes of one algorithm."""
    if "urls" in data:
        return check_urls(_strings(data["urls"], "urls must be a list of addresses."))
    if "hashes_base64" in data:
        return _column_of_base64(data["algorithm"], data["hashes_base64"])
    hashes = _strings(data["hashes"], "hashes must be a list of hexadecimal strings.")
    if data["algorithm"] in ADDRESSES:
        raise InvalidInput(
            "Send addresses as urls: one code of an address does not tell under which domains it lies."
        )
    if (column := _column_of_hex(data["algorithm"], hashes)) is not None:
        return column
    return check_codes(data["algorithm"], [_hex(number, text) for number, text in enumerate(hashes)])


def _column_of_base64(algorithm: str, text: Any) -> CodeColumn:
    """Codes of one length, one after the other, in base64 (RFC 4648 section 4) as a whole."""
    check_algorithm(algorithm)
    try:
        data = b64decode(text, validate=True) if isinstance(text, str) else None
    except ValueError:
        data = None
    width = ALGORITHMS[algorithm].code_bytes
    if data is None or len(data) % width:
        raise InvalidInput(
            f"hashes_base64 is one text: codes of {width} bytes, one after the other, then in base64 as a whole."
        )
    check_number(len(data) // width, "hashes")
    return CodeColumn(algorithm, np.frombuffer(data, np.uint8).reshape(-1, width))


def _column_of_hex(algorithm: str, hashes: list[str]) -> CodeColumn | None:
    """The codes as a column, if they can be one and nothing is wrong with any of them."""
    width = ALGORITHMS[algorithm].code_bytes if algorithm in COLUMN_ALGORITHMS else 0
    if not width or not 0 < len(hashes) <= MAX_ITEMS or any(len(text) != 2 * width for text in hashes):
        return None
    try:
        data = bytes.fromhex("".join(hashes))
    except ValueError:
        return None
    if len(data) != width * len(hashes):  # fromhex leaves out blanks
        return None
    return CodeColumn(algorithm, np.frombuffer(data, np.uint8).reshape(-1, width))


def _strings(value: Any, rule: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidInput(rule)
    return value


def _hex(number: int, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise InvalidInput(f"hashes[{number}] is not hexadecimal.") from None


def answer(
    change_seq: int,
    verdicts: Iterable[int],
    kept: Iterable[bool],
    found: Mapping[int, Checked],
    offers: Offers,
) -> dict[str, Any]:
    """One digit an item in `verdicts`; only hits are spelled out."""
    return {
        "live": {"change_seq": change_seq},
        "verdicts": "".join(map(str, verdicts)),
        "kept": "".join("1" if is_kept else "0" for is_kept in kept),
        "matches": [
            {
                "i": i,
                **match,
                "reason": r.decision.reason,
                "licences": [g.licence for g in r.decision.grants],
            }
            for i, r in found.items()
            for match in spelled_out(r, offers)
        ],
    }


@blueprint.post("")
@require(Scope.CHECK)
@blueprint.doc(requestBody=_BODY, parameters=_PARAMETERS)
@blueprint.response(200, schemas.CheckView)
@blueprint.alt_response(200, content_type=ARROW, schema=_BINARY["schema"], success=True)
def check_hashes() -> Response:
    """Decide about up to 10,000 codes of one algorithm, or addresses, for one purpose and policy.

    As an Arrow stream up to 1,000,000 codes of one length in one request, as JSON lines any number of any items: see
    docs/reference/checking.md.
    """
    now = sources().now()
    if request.mimetype == ARROW:
        return _check_stream(now)
    if request.mimetype == JSON_LINES:
        return _check_lines(now)
    if request.args:
        raise InvalidInput(
            "Query parameters go with an Arrow stream or JSON lines; in JSON, everything is in the body."
        )
    wanted, items, least = parse_request(request.get_data(), int(now.timestamp()))
    budget = hidden.budget()
    with reading() as session:
        index, actor = part(LiveIndex), current_actor()
        if isinstance(items, CodeColumn):
            column = check_column(session, index, actor, wanted, items, now, budget=budget)
            verdicts, kept = column.verdicts().tolist(), column.kept().tolist()
            change_seq, found = column.change_seq, column.found
        else:
            change_seq, results = check(
                session, index, actor, wanted, items, now, budget=budget, min_words=least
            )
            decisions = [r.decision for r in results]
            verdicts, kept = [int(d.verdict) for d in decisions], [d.kept for d in decisions]
            found = dict(enumerate(results))
        offers = offers_for(session, actor, wanted, found.values(), now)
    told = answer(change_seq, verdicts, kept, found, offers)
    return Response(orjson.dumps(told), mimetype="application/json")


def _check_lines(now: datetime) -> Response:
    """JSON lines, for what the query says. They count as Arrow's rows do."""
    if HEADER in request.headers:
        raise InvalidInput(f"Lines take no {HEADER}: a check changes nothing, so just send them again.")
    terms = _terms()
    algorithm, least = terms.pop("algorithm", None), _words_of_query(terms)
    wanted = _request(terms, int(now.timestamp()), needs_algorithm=False)
    budget = hidden.budget()
    request.max_content_length = MAX_BYTES
    try:
        file = spooled(request.stream, settings().home / "cache", lambda: spend(Rate.CHECK))
    except RequestEntityTooLarge:
        raise TooLarge(f"The lines take more than {MAX_BYTES:,} bytes; send them in several parts.") from None
    parts = database(), part(LiveIndex), current_actor()
    response = Response(answered(file, *parts, wanted, algorithm, now, budget, least), mimetype=JSON_LINES)
    response.call_on_close(file.close)
    return response


def _terms() -> dict[str, str]:
    """What the query says, each thing once."""
    if any(len(values) > 1 for values in request.args.listvalues()):
        raise InvalidInput("A query parameter is given twice.")
    return request.args.to_dict()


@blueprint.get("/sha256/<string:prefix>", rate=Rate.READ)
@blueprint.arguments(schemas.TermsQuery, location="query")
@blueprint.response(200, schemas.RangeView)
def list_range(query: dict[str, Any], prefix: str) -> Any:
    """List the SHA-256 digests that begin with these 5 digits, with what anyone may do; nobody learns which you have.

    Filled up to a multiple of 32 with random digests. Needs no key. See docs/reference/checking.md.
    """
    now = sources().now()
    wanted = Request(
        purpose=query["purpose"],
        policy=query["policy"],
        at=int(now.timestamp()),
        territory=check_territory(query["territory"]),
    )
    secret = part(DecoySecret).read()
    with reading() as session:
        found = digests_under(session, part(LiveIndex), secret, wanted, prefix, now)
    body = {
        "live": {"change_seq": found.change_seq},
        "prefix": found.prefix,
        "suffixes": found.suffixes,
        "verdicts": "".join(str(int(verdict)) for verdict in found.verdicts),
    }
    return body, {"Cache-Control": f"public, max-age={_RANGE_SECONDS}"}


def _check_stream(now: datetime) -> Response:
    """Codes as an Arrow stream, for what the query says. It counts as one request for each 10,000 rows begun."""
    terms = _terms()
    _words_of_query(terms)  # so that the same terms do for all forms: codes of one length are no passages
    wanted = _request(terms, int(now.timestamp()), needs_algorithm=True)
    check_algorithm(terms["algorithm"])
    codes = read_codes(request.get_data(), ALGORITHMS[terms["algorithm"]].code_bytes)
    if more := (len(codes) - 1) // MAX_ITEMS:
        spend(Rate.CHECK, more)
    column, budget = CodeColumn(terms["algorithm"], codes), hidden.budget()
    with reading() as session:
        checked = check_column(session, part(LiveIndex), current_actor(), wanted, column, now, budget=budget)
    return Response(write_answer(checked), mimetype=ARROW)
