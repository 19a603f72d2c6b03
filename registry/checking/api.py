"""`POST /v1/check`: parsed by hand, because a schema library costs more than the search itself."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response, request

from registry.base.actor import Scope
from registry.base.auth import current_actor, require
from registry.base.context import part, reading, sources
from registry.base.http import Blueprint, Rate
from registry.checking import schemas
from registry.checking.service import Checked, LiveIndex, check, check_codes, check_urls
from registry.core.decisions import Policy, Purpose, Request
from registry.core.decisions.terms import WORLD, check_territory
from registry.core.errors import InvalidInput
from registry.core.fingerprints import ADDRESSES, Fingerprint
from registry.core.matching import Match

blueprint = Blueprint(
    "check",
    __name__,
    url_prefix="/v1/check",
    description="Is this on record, and on what terms?",
    rate=Rate.CHECK,
)

Items = list[tuple[Fingerprint, ...]]

_FIELDS = {"algorithm", "hashes", "urls", "purpose", "policy", "territory"}
_LISTS = {"hashes", "urls"}
_PLACE = "purpose", "policy"
_CODES = "algorithm", "hashes"


def parse_request(body: bytes, at: int) -> tuple[Request, Items]:
    """The request and the items in a body; `InvalidInput` says what is wrong and where."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"The body is not JSON: {error}.") from None
    if not isinstance(data, dict):
        raise InvalidInput("The body must be a JSON object.")
    if unknown := sorted(set(data) - _FIELDS):
        raise InvalidInput(f"Unknown field {unknown[0]!r}; known are {', '.join(sorted(_FIELDS))}.")
    for name in (*_PLACE, *(() if "urls" in data else _CODES)):
        if name not in data:
            raise InvalidInput(
                f"The field {name!r} is missing. Purpose and policy are always given explicitly."
            )
    if not all(isinstance(data[name], str) for name in data if name not in _LISTS):
        raise InvalidInput("algorithm, purpose, policy and territory are strings.")
    if data["policy"] not in set(Policy):
        raise InvalidInput(f"{data['policy'][:40]!r} is no policy; choose one of {', '.join(Policy)}.")
    wanted = Request(
        purpose=Purpose.parse(data["purpose"]),
        policy=Policy(data["policy"]),
        at=at,
        territory=check_territory(data.get("territory", WORLD)),
    )
    return wanted, _items(data)


def _items(data: dict[str, Any]) -> Items:
    """Addresses, or codes of one algorithm."""
    if "urls" in data:
        if both := sorted({*_CODES} & set(data)):
            raise InvalidInput(f"urls and {both[0]} do not go together: send addresses, or codes.")
        return check_urls(_strings(data["urls"], "urls must be a list of addresses."))
    hashes = _strings(data["hashes"], "hashes must be a list of hexadecimal strings.")
    if data["algorithm"] in ADDRESSES:
        raise InvalidInput(
            "Send addresses as urls: one code of an address does not tell under which domains it lies."
        )
    return check_codes(data["algorithm"], [_hex(number, text) for number, text in enumerate(hashes)])


def _strings(value: Any, rule: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidInput(rule)
    return value


def _hex(number: int, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise InvalidInput(f"hashes[{number}] is not hexadecimal.") from None


def answer(change_seq: int, results: list[Checked]) -> dict[str, Any]:
    """One digit an item in `verdicts`; only hits are spelled out."""
    return {
        "live": {"change_seq": change_seq},
        "verdicts": "".join(str(int(r.decision.verdict)) for r in results),
        "kept": "".join("1" if r.decision.kept else "0" for r in results),
        "matches": [
            {
                "i": i,
                "work": work,
                "algorithm": match.algorithm,
                "distance": match.distance,
                "grade": match.grade.name.lower(),
                "variant": match.variant,
                "passage": _passage(match),
                "reason": r.decision.reason,
                "licences": [g.licence for g in r.decision.grants],
            }
            for i, r in enumerate(results)
            for work, match in r.matches
        ],
    }


def _passage(match: Match) -> dict[str, int] | None:
    """What is shared with a registered text, as places in the text that was asked about."""
    found = match.passage
    return None if found is None else {"words": found.words, "begin": found.begin, "end": found.end}


@blueprint.post("")
@require(Scope.CHECK)
@blueprint.doc(requestBody={"required": True, "content": {"application/json": {"schema": schemas.NewCheck}}})
@blueprint.response(200, schemas.CheckView)
def check_hashes() -> Response:
    """Decide about up to 10,000 codes of one algorithm, or addresses, for one purpose and policy."""
    now = sources().now()
    wanted, items = parse_request(request.get_data(), int(now.timestamp()))
    with reading() as session:
        change_seq, results = check(session, part(LiveIndex), current_actor(), wanted, items, now)
    return Response(orjson.dumps(answer(change_seq, results)), mimetype="application/json")
