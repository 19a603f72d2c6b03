"""What the OpenAPI description says of `POST /v1/check`, whose body no schema library reads."""

from __future__ import annotations

from typing import Any

from registry.core.decisions import Policy, Purpose
from registry.core.fingerprints import ALGORITHMS

_TEXTS = {"type": "array", "items": {"type": "string"}}

_BODY: dict[str, Any] = {
    "type": "object",
    "required": ["algorithm", "hashes", "purpose", "policy"],
    "additionalProperties": False,
    "properties": {
        "algorithm": {"type": "string", "enum": sorted(ALGORITHMS), "description": "Of which all codes are."},
        "hashes": {
            "type": "array",
            "maxItems": 10_000,
            "items": {"type": "string", "pattern": "^([0-9a-fA-F]{2})+$"},
            "description": "The codes, in hexadecimal.",
        },
        "purpose": {"type": "string", "enum": [p.value for p in Purpose]},
        "policy": {"type": "string", "enum": [p.value for p in Policy]},
        "territory": {"type": "string", "default": "world", "description": "Or a country such as DE."},
    },
}

_MATCH: dict[str, Any] = {
    "type": "object",
    "properties": {
        "i": {"type": "integer", "description": "Which of the codes, from 0."},
        "work": {"type": "string", "example": f"work_{'0' * 26}"},
        "algorithm": {"type": "string"},
        "distance": {"type": "integer"},
        "grade": {"type": "string", "enum": ["certain", "match", "review"]},
        "variant": {"type": "string"},
        "reason": {"type": "string"},
        "licences": _TEXTS,
    },
}

_ANSWER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "live": {
            "type": "object",
            "properties": {"change_seq": {"type": "integer"}},
            "description": "The last change of the registry that the answer takes into account.",
        },
        "verdicts": {
            "type": "string",
            "description": "One digit a code: 0 allow, 1 deny, 2 licensed, 3 review, 4 unknown.",
        },
        "kept": {"type": "string", "description": "One digit a code: 1 if the policy keeps it, else 0."},
        "matches": {
            "type": "array",
            "items": _MATCH,
            "description": "Each work that a code was found to be.",
        },
    },
}

DESCRIPTION: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": _BODY}}},
    "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": _ANSWER}}}},
}
