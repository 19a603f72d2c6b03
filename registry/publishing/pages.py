"""The same receipt from the page of a work, where problems are told in the words of pages."""

from __future__ import annotations

from flask import Response

from registry.base.actor import Role
from registry.publishing.receipts_api import answer
from registry.web.furniture import Pages
from registry.web.visitors import signed_in

blueprint = Pages("publishing_pages", "registry.publishing")


@blueprint.get("/works/<id(work):public_id>/receipt")
@signed_in(Role.CREATOR, Role.SOCIETY)
def receipt(public_id: bytes) -> Response:
    """The receipt as a file."""
    return answer(public_id)
