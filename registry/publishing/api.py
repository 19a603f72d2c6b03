"""Serve the published files as they are. Any static server could; only licence files need to know who asks."""

from __future__ import annotations

from pathlib import PurePosixPath

from flask import Response

from registry.base.actor import Scope
from registry.base.auth import current_actor, optional_actor, require
from registry.base.http import Blueprint, files
from registry.base.schemas import PublicId, Strict
from registry.core.errors import NotFound
from registry.core.ids import format_id
from registry.core.snapshots import may_fetch, metadata_path, target_path
from registry.core.snapshots.licences import PREFIX
from registry.publishing.serving import large_file, small_file

blueprint = Blueprint(
    "snapshot",
    __name__,
    url_prefix="/v1/snapshot",
    description="The registry as signed files for labs",
    limited=False,
)

_NEWS_AFTER = 60
"""Seconds for which the timestamp may be kept: it alone has no name that is used only once."""


class Licensee(Strict):
    """The party that asks."""

    licensee = PublicId("party")


@blueprint.get("/metadata/<name>")
@blueprint.response(200)
@blueprint.alt_response(304, description="You have it already (If-None-Match).")
@blueprint.alt_response(404, description="There is no such file.")
def metadata(name: str) -> Response:
    """Signed metadata of The Update Framework: `timestamp.json`, `1.root.json`, `7.snapshot.json`, …"""
    return small_file(files(), metadata_path(name), max_age=_NEWS_AFTER if name == "timestamp.json" else None)


@blueprint.get("/targets/<path:name>")
@blueprint.response(200)
@blueprint.alt_response(206, description="The part that was asked for (Range).")
@blueprint.alt_response(304, description="You have it already (If-None-Match).")
@blueprint.alt_response(404, description="There is no such file, or it is not for you.")
@blueprint.alt_response(416, description="The file has no such part.")
def target(name: str) -> Response:
    """A published file, under its digest and name. Licence files go to their licensee only."""
    actor = optional_actor() if name.startswith(PREFIX) else None
    if not may_fetch(name, None if actor is None else format_id("party", actor.public_id)):
        raise NotFound("There is no such file.")
    digest = PurePosixPath(name).name.partition(".")[0]
    return large_file(files(), target_path(name), digest=digest, private=name.startswith(PREFIX))


@blueprint.get("/licensee")
@require(Scope.SNAPSHOT_READ)
@blueprint.response(200, Licensee)
def licensee() -> dict[str, bytes]:
    """Whose API key this is: a licence file's name is a digest of this id."""
    return {"licensee": current_actor().public_id}
