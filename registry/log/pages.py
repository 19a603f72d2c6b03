"""The log for people, without an account: its head, its entries with their proofs, and that it only ever grew.

All of it is in `/v1/log` for programs. Whoever does not trust these pages computes the same from there.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from registry.base.context import part, reading
from registry.core.errors import InvalidInput, NotReady
from registry.core.records.receipts import SUFFIX
from registry.core.tlog.encodings import from_base64, from_decimal
from registry.core.tlog.merkle import HASH_BYTES
from registry.log import explorer, service
from registry.log.keys import LogKey
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _

blueprint = Pages("log_pages", "registry.log")


@blueprint.get("/log")
def show() -> str | AnyResponse | tuple[str, int]:
    """The head of the log and its entries, the newest first; `?entry=` leads to one of them."""
    form = Form(request.args)
    try:
        policy = part(LogKey).policy
        with reading() as session:
            stated = explorer.statement(session, policy)
            if form.text("entry"):
                index = form.take("entry", _index_below(stated.size), _beyond(stated.size - 1))
                if index is not None:
                    return redirect(url_for("log_pages.show_entry", index=index))
            before = _before(form.text("before"), stated.size)
            entries = explorer.entries_before(session, before)
    except NotReady:
        return render_template("log/empty.html")
    page = render_template("log/log.html", s=stated, entries=entries, form=form, address=_address())
    return (page, 400) if form.errors else page


@blueprint.get("/log/<int:index>")
def show_entry(index: int) -> str | tuple[str, int]:
    """One entry, and the way from it to the signed root."""
    policy = part(LogKey).policy
    with reading() as session:
        found = explorer.entry(session, index)
        try:
            signed = service.covering(session, index)
        except NotReady:
            return render_template("log/empty.html", index=index), 503
        return render_template(
            "log/entry.html",
            e=found,
            checkpoint=signed.checkpoint,
            steps=explorer.way_to_root(session, found, signed),
            witnesses=explorer.witnesses(signed, policy),
        )


@blueprint.get("/log/<int:index>/receipt")
def receipt(index: int) -> Response:
    """The entry with its proof, as a file."""
    with reading() as session:
        text = service.receipt(session, index)
    return _file(text.encode(), "text/plain; charset=utf-8", f"entry-{index}{SUFFIX}")


@blueprint.get("/log/<int:index>/entry.json")
def body(index: int) -> Response:
    """The entry as it is hashed, byte for byte."""
    with reading() as session:
        found = explorer.entry(session, index)
    return _file(found.body, "application/json", f"entry-{index}.json")


@blueprint.get("/log/consistency")
def show_consistency() -> str | tuple[str, int]:
    """That the log of today begins with the log of an earlier day, whose size the reader kept, and perhaps its root."""
    form = Form(request.args)
    found = None
    with reading() as session:
        size = service.latest_checkpoint(session).checkpoint.size
        if "size" in form.values:
            old_size = form.take("size", _index_below(size + 1, 1), _beyond(size, 1))
            root = form.take("root", _root, _not_a_root()) if form.text("root") else None
            if old_size is not None and not form.errors:
                found = explorer.consistency(session, old_size, root)
    page = render_template("log/consistency.html", form=form, size=size, found=found, address=_address())
    return (page, 400) if form.errors else page


def _index_below(stop: int, start: int = 0) -> Callable[[str], int]:
    def rule(text: str) -> int:
        number = from_decimal(text.strip())
        if not start <= number < stop:
            raise InvalidInput(f"{number} is not from {start} to {stop - 1}.")
        return number

    return rule


def _beyond(most: int, least: int = 0) -> str:
    return _("Write a whole number from %(least)s to %(most)s, without dots.", least=least, most=most)


def _not_a_root() -> str:
    return _("Copy the third line of the checkpoint that you kept; it has 44 characters.")


def _root(text: str) -> bytes:
    """As a checkpoint writes it, or in hexadecimal digits as these pages show it."""
    kept = text.strip()
    root = bytes.fromhex(kept) if len(kept) == 2 * HASH_BYTES else from_base64(kept)
    if len(root) != HASH_BYTES:
        raise InvalidInput(f"A root has {HASH_BYTES} bytes, not {len(root)}.")
    return root


def _before(text: str, size: int) -> int:
    """Where a page of entries ends; the newest page for what is no place in the log."""
    try:
        return min(size, max(1, from_decimal(text))) if text else size
    except ValueError:
        return size


def _address() -> str:
    return request.host_url.rstrip("/")


def _file(data: bytes, content_type: str, name: str) -> Response:
    return Response(
        data, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
