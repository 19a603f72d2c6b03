"""`/v1/log`: the usage log as C2SP tlog-tiles, for anyone, without an account; and the policy that trusts it.

Outside verifiers take `/v1/log/` as the log's address. What is immutable says so; the checkpoint is not cached.
"""

from __future__ import annotations

from flask import Response

from registry.base.http import Blueprint, part, reading
from registry.log import service
from registry.log.keys import LogKey

blueprint = Blueprint(
    "log",
    __name__,
    url_prefix="/v1/log",
    description="The usage log, to be checked by anyone.",
    limited=False,
)

_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"


@blueprint.get("/checkpoint")
@blueprint.response(
    200, content_type="text/plain", description="A signed checkpoint (c2sp.org/tlog-checkpoint)."
)
def checkpoint() -> Response:
    """Read the newest public checkpoint: signed, and witnessed as the policy asks."""
    with reading() as session:
        note = service.latest_checkpoint(session).note
    return Response(str(note), content_type=_TEXT, headers={"Cache-Control": "no-cache"})


@blueprint.get("/tile/<path:path>")
@blueprint.response(
    200, content_type=_BYTES, description="Hashes, or length-prefixed entries (c2sp.org/tlog-tiles)."
)
@blueprint.alt_response(404, description="No signed checkpoint covers such a tile.")
def tile(path: str) -> Response:
    """Read a tile of hashes or a bundle of entries."""
    with reading() as session:
        data = service.tile(session, f"tile/{path}")
    immutable = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(data, content_type=_BYTES, headers=immutable)


@blueprint.get("/policy")
@blueprint.response(200, content_type="text/plain", description="A trust policy (c2sp.org/tlog-policy).")
def policy() -> Response:
    """Read the policy that trusts this log. Keep it from the first day; do not fetch it anew for each receipt."""
    return Response(str(part(LogKey).policy), content_type=_TEXT, headers={"Cache-Control": "no-cache"})
