"""How anyone audits this registry, step by step, and the files of its settlements; no account is needed.

Where the operator shows these files to societies and auditors only, the page says so, and they sign in.
"""

from __future__ import annotations

from contextlib import suppress

from flask import Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from registry.base.context import reading, settings
from registry.base.settings import PUBLIC
from registry.core.errors import NotReady
from registry.core.settlement.files import LISTING, SIDES
from registry.log import service as log
from registry.remuneration import service
from registry.web.furniture import Pages
from registry.web.visitors import visitor

blueprint = Pages("audit_pages", "registry.remuneration")

_SHOWN = 12
_FILES_SHOWN = 200


@blueprint.get("/audit")
def show() -> str:
    """What each step proves, what it does not, the command for it, and where to look."""
    size = 0
    with reading() as session:
        with suppress(NotReady):
            size = log.latest_checkpoint(session).checkpoint.size
        return render_template(
            "remuneration/audit.html",
            size=size,
            settlements=service.newest_settlements(session, _SHOWN),
            public=_is_public(),
            address=request.host_url.rstrip("/"),
        )


@blueprint.get("/audit/<id(settlement):public_id>")
def show_settlement(public_id: bytes) -> str | AnyResponse:
    """The files of one settlement, with what each must hash to."""
    away = _sent_away()
    if away is not None:
        return away
    with reading() as session:
        settlement = service.published_settlement(session, public_id)
        files = {
            side: [
                line.split("\t") for line in _text(service.settlement_file(session, public_id, side, LISTING))
            ]
            for side in SIDES
        }
    return render_template(
        "remuneration/settlement_files.html",
        s=settlement,
        files=files,
        listing=LISTING,
        most=_FILES_SHOWN,
        address=request.host_url.rstrip("/"),
    )


@blueprint.get(f"/audit/<id(settlement):public_id>/<any({', '.join(SIDES)}):side>/<name>")
def settlement_file(public_id: bytes, side: str, name: str) -> AnyResponse:
    """One file, as programs get it under /v1."""
    away = _sent_away()
    if away is not None:
        return away
    with reading() as session:
        data = service.settlement_file(session, public_id, side, name)
    return Response(data, content_type="text/plain; charset=utf-8")


def _is_public() -> bool:
    return settings().settlement_readers == PUBLIC


def _sent_away() -> AnyResponse | None:
    """Where whoever may not read the files has to go first; `Forbidden` for who is signed in and may not at all."""
    if _is_public():
        return None
    found = visitor()
    if found is None:
        return redirect(url_for("entry.sign_in", next=request.path), 303)
    service.check_file_reader(found.actor, settings().settlement_readers)
    return None


def _text(data: bytes) -> list[str]:
    return data.decode().splitlines()
