"""The uses of one's own works, or of members', row by row with proofs; and a sample that we cannot steer."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import timedelta

from flask import Response, render_template, request

from registry.base.actor import Role
from registry.base.context import database, part, reading, sources
from registry.core.errors import InvalidInput, NotFound, NotReady
from registry.core.ids import format_id
from registry.core.records.receipts import SUFFIX
from registry.core.records.samples import Place
from registry.core.settlement.periods import Period
from registry.core.tlog.encodings import from_decimal
from registry.log.service import LogKey
from registry.usage import own, service
from registry.usage.uses_table import uses_csv
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in

blueprint = Pages("uses_pages", "registry.usage")

_PAGE = 25
_QUARTERS = 12
_ROWS = 2**31
_LONGEST_SEED = 200


@blueprint.get("/uses")
@signed_in(Role.CREATOR, Role.SOCIETY)
def show_all() -> str:
    """All rows that name these works, in the order of the log; of one quarter, if it is asked for."""
    after = _place(request.args.get("after", ""))
    with reading() as session:
        try:
            page = own.list_uses(session, current_visitor().actor, _span(), sources(), after, _PAGE)
        except NotReady:
            page = own.UsePage((), None)
    return _page(page.items, next=page.next, form=Form.of(n="20"))


@blueprint.get("/uses.csv")
@signed_in(Role.CREATOR, Role.SOCIETY)
def table() -> Response:
    """The same, whole, as a table."""
    with reading() as session:
        text = uses_csv(own.every_use(session, current_visitor().actor, _span(), sources()))
    name = "-".join(filter(None, ("uses", _period(request.args.get("period", "")))))
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text, content_type="text/csv; charset=utf-8; header=present", headers=headers)


@blueprint.get("/uses/sample")
@signed_in(Role.CREATOR, Role.SOCIETY)
def sample() -> str | tuple[str, int]:
    """Some of them, drawn by the visitor's seed."""
    form = Form(request.args)
    seed = form.take(
        "seed", _seed, _("Write a text of up to 200 characters that nobody knew before, such as dice.")
    )
    number = form.take("n", _number, _("Write a whole number from 1 to %(most)s.", most=own.MAX_SAMPLE))
    if seed is None or number is None:
        return _page((), form=form), 422
    with reading() as session:
        drawn = own.sample_uses(session, current_visitor().actor, _span(), sources(), seed, number)
    return _page(drawn.items, form=form, drawn=drawn, seed=seed, quoted=shlex.quote(seed))


@blueprint.get("/uses/<id(claim):public_id>/<int:row>/receipt")
@signed_in(Role.CREATOR, Role.SOCIETY)
def receipt(public_id: bytes, row: int) -> Response:
    """The proof that this row stands in the log, as a file."""
    if row >= _ROWS:
        raise NotFound(f"No claim has a row {row}.")
    actor = current_visitor().actor
    text = service.receipt_now(database(), actor, public_id, lambda: part(LogKey), sources(), row)
    name = f"{format_id('claim', public_id)}-{row}{SUFFIX}"
    return Response(
        text,
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _page(uses: Sequence[own.OwnUse], **shown: object) -> str:
    return render_template(
        "usage/uses.html",
        uses=uses,
        address=request.host_url.rstrip("/"),
        period=_period(request.args.get("period", "")),
        periods=_quarters(),
        **shown,
    )


def _quarters() -> list[str]:
    """The last ones, this one first."""
    last = Period.of(sources().now())
    found = [last]
    while len(found) < _QUARTERS:
        found.append(Period.of(found[-1].start - timedelta(days=1)))
    return [str(period) for period in found]


def _span() -> own.Span:
    """All of the public log, or what was reported in the quarter of the address."""
    name = _period(request.args.get("period", ""))
    return own.Span(period=Period.parse(name) if name else None)


def _period(text: str) -> str:
    """The quarter of this name; nothing for what is none."""
    try:
        return str(Period.parse(text))
    except InvalidInput:
        return ""


def _place(text: str) -> Place | None:
    """Where a list goes on, `17.3`; from the beginning for anything else."""
    index, _dot, row = text.partition(".")
    try:
        place = Place(from_decimal(index), from_decimal(row))
    except ValueError:
        return None
    return place if place.log_index < 2**53 and place.row < _ROWS else None


def _seed(text: str) -> str:
    seed = text.strip()
    if not seed or len(seed) > _LONGEST_SEED or not seed.isprintable():
        raise InvalidInput("A seed is one line.")
    return seed


def _number(text: str) -> int:
    number = from_decimal(text.strip())
    if not 1 <= number <= own.MAX_SAMPLE:
        raise InvalidInput(f"A sample has 1 to {own.MAX_SAMPLE} rows.")
    return number
