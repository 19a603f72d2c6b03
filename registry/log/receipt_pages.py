"""Check a receipt, without an account: by the visitor's browser, and where it cannot, here; then nothing is kept."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

from flask import render_template, request
from werkzeug.exceptions import RequestEntityTooLarge

from registry.base.context import part, reading
from registry.base.ratelimits import Rate, spend
from registry.core.errors import NotReady, TooLarge
from registry.core.records.receipts import VerifiedReceipt
from registry.log import service
from registry.log.keys import LogKey
from registry.log.receipt_checking import MAX_BYTES, examine
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _

blueprint = Pages("receipt_pages", "registry.log")


@blueprint.get("/receipts/check")
def show() -> str:
    """The form, and how to do the same without us."""
    return _page()


@blueprint.post("/receipts/check")
def check() -> tuple[str, int]:
    """What the receipt proves, what it does not, and what it is about."""
    spend(Rate.ANONYMOUS)
    name, data = _receipt()
    if not data:
        return _page(error=_("Choose the file of a receipt; its name ends in .tlog-proof.")), 400
    found = examine(data, part(LogKey).policy)
    proved = isinstance(found, VerifiedReceipt)
    return _page(
        name=name,
        quoted=shlex.quote(name),
        receipt=found if proved else None,
        refused=None if proved else found,
    ), 200


def _receipt() -> tuple[str, bytes]:
    """Name and bytes of the file that was sent; `TooLarge` for what can be no receipt."""
    try:
        upload = request.files.get("receipt")
    except RequestEntityTooLarge:
        raise TooLarge("The file is larger than what is taken here.") from None
    if upload is None or not upload.filename:
        return "", b""
    data = upload.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise TooLarge(f"A receipt has at most {MAX_BYTES:,} bytes.")
    return upload.filename, data


def _page(**shown: object) -> str:
    with reading() as session:
        try:
            size = service.latest_signed(session).checkpoint.size
        except NotReady:
            size = 0
    return render_template(
        "log/receipt.html",
        size=size,
        time=_time,
        policy=str(part(LogKey).policy),
        address=request.host_url.rstrip("/"),
        **shown,
    )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
