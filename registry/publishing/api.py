"""Serve the published files as they are. Any static server could; only licence files need to know who asks."""

from __future__ import annotations

from pathlib import PurePosixPath

from flask import Response, send_file

from registry.base.actor import Scope
from registry.base.auth import current_actor, optional_actor, require
from registry.base.http import Blueprint, files
from registry.base.schemas import PublicId, Strict
from registry.core.errors import InvalidInput, NotFound
from registry.core.ids import format_id
from registry.core.snapshots import may_fetch, metadata_path, target_path
from registry.core.snapshots.licences import PREFIX

blueprint = Blueprint(
    "snapshot", __name__, url_prefix="/v1/snapshot", description="The registry as signed files for labs"
)


_ONE_YEAR = 365 * 24 * 3600


class Licensee(Strict):
    """The party that asks."""

    licensee = PublicId("party")


@blueprint.get("/metadata/<name>")
@blueprint.response(200)
@blueprint.alt_response(404, description="There is no such file.")
def metadata(name: str) -> Response:
    """Signed metadata of The Update Framework: `timestamp.json`, `1.root.json`, `7.snapshot.json`, …"""
    return _file(metadata_path(name), immutable=name != "timestamp.json")


@blueprint.get("/targets/<path:name>")
@blueprint.response(200)
@blueprint.alt_response(404, description="There is no such file, or it is not for you.")
def target(name: str) -> Response:
    """A published file, under its digest and name. Licence files go to their licensee only."""
    actor = optional_actor() if name.startswith(PREFIX) else None
    if not may_fetch(name, None if actor is None else format_id("party", actor.public_id)):
        raise NotFound("There is no such file.")
    return _file(target_path(name), immutable=True)


@blueprint.get("/licensee")
@require(Scope.SNAPSHOT_READ)
@blueprint.response(200, Licensee)
def licensee() -> dict[str, bytes]:
    """Whose API key this is: a licence file's name is a digest of this id."""
    return {"licensee": current_actor().public_id}


def _file(path: str, *, immutable: bool) -> Response:
    """The stored file, with range requests, cached for ever where the name is used only once."""
    try:
        stream = files().open(path)
    except InvalidInput:
        stream = None
    if stream is None:
        raise NotFound("There is no such file.")
    response = send_file(
        stream,
        mimetype="application/json" if path.endswith(".json") else "application/octet-stream",
        conditional=False,
        download_name=PurePosixPath(path).name,
        max_age=_ONE_YEAR if immutable else 60,
    )
    response.cache_control.immutable = immutable
    if path.startswith(
        target_path(PREFIX)
    ):  # what one licensee may read, no cache between may hand to others
        response.cache_control.public = False
        response.cache_control.private = True
    return response
