"""ETags (RFC 9110 section 8.8.3): what was read can be asked for again cheaply, and changed only as it was read.

A tag is a digest of the JSON itself, so it changes exactly when what the reader sees changes, whatever it is made of.
"""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request

from registry.core.errors import ChangedMeanwhile, VersionRequired


def add_validators(response: Response) -> Response:
    """Give JSON that is a state of something its ETag, and answer a reader who has it with 304."""
    shows_a_state = request.method in {"GET", "HEAD", "PUT", "PATCH"}
    created = request.method == "POST" and response.status_code == 201
    if response.status_code not in {200, 201} or not (shows_a_state or created):
        return response
    if response.mimetype != "application/json" or response.is_streamed or "ETag" in response.headers:
        return response
    response.add_etag()
    if request.method in {"GET", "HEAD"}:
        response.make_conditional(request)
    return response


def require_match(document: Any) -> None:
    """Go on only if the sender has read exactly this: `VersionRequired` without If-Match, `ChangedMeanwhile` if not.

    `document` is the JSON that a GET would answer now. To be called in the transaction that makes the change, under its
    lock.
    """
    if "If-Match" not in request.headers:
        raise VersionRequired("Read it first, and send the ETag of that answer as If-Match with your change.")
    current = jsonify(document)
    current.add_etag()
    tag, _ = current.get_etag()
    if not (request.if_match.star_tag or (tag is not None and request.if_match.is_strong(tag))):
        raise ChangedMeanwhile(
            "It was changed after you read it. Read it again, and send the change with its new ETag."
        )
