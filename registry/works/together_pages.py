"""Many works at once: withdraw them, say anew where their fingerprints may appear, take a table out or bring one in."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from registry.base.actor import Role
from registry.base.context import reading, sources, writing
from registry.base.periods import whole_second
from registry.base.ratelimits import Rate, spend
from registry.core.errors import InvalidInput
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in
from registry.works import overview, service, tables
from registry.works.bulk_rows import JSON_LINES
from registry.works.models import Work
from registry.works.pages import search_asked
from registry.works.portrait import licensed_now
from registry.works.rules import Disclosure

blueprint = Pages("works_together", "registry.works")

_MAKERS = (Role.CREATOR, Role.SOCIETY)
_PAGE = 1_000
_MOST_EXPORTED = 100_000


# -- change several -----------------------------------------------------------------------------------------
@blueprint.get("/works/chosen/<any('withdraw', 'disclosure'):act>")
@signed_in(*_MAKERS)
def ask(act: str) -> str | AnyResponse:
    """Ask once more, with the works that the address names."""
    if not request.args.getlist("work"):
        return redirect(url_for("works_pages.show_all", none_chosen=1), 303)
    with reading() as session:
        chosen = service.get_works(session, current_visitor().actor, sources(), request.args.getlist("work"))
    return render_template("works/together.html", act=act, chosen=chosen, form=Form())


@blueprint.post("/works/chosen/withdraw")
@signed_in(*_MAKERS)
def withdraw() -> AnyResponse:
    """Withdraw all of them, or none."""
    with writing() as session:
        for work in service.get_works(
            session, current_visitor().actor, sources(), Form.sent().values.getlist("work")
        ):
            service.withdraw_work(session, current_visitor().actor, work.public_id, sources())
    return redirect(url_for("works_pages.show_all", state=overview.State.WITHDRAWN.value), 303)


@blueprint.post("/works/chosen/disclosure")
@signed_in(*_MAKERS)
def disclose() -> AnyResponse | tuple[str, int]:
    """State for all of them, or none, where their fingerprints may appear from the next edition on."""
    form = Form.sent()
    named = form.values.getlist("work")
    wanted = form.take("disclosure", Disclosure, _("Choose one of these."))
    if wanted is None:
        with reading() as session:
            chosen = service.get_works(session, current_visitor().actor, sources(), named)
        return render_template("works/together.html", act="disclosure", chosen=chosen, form=form), 422
    with writing() as session:
        for work in service.get_works(session, current_visitor().actor, sources(), named):
            opened = service.open_work(session, current_visitor().actor, work.public_id, sources())
            service.change_work(session, opened, {"disclosure": wanted})
    return redirect(url_for("works_pages.show_all"), 303)


# -- out ----------------------------------------------------------------------------------------------------
@blueprint.get("/works/works.csv")
@signed_in(*_MAKERS)
def export() -> Response:
    """All works that the search finds, as a table."""
    search, owner = search_asked()
    now = whole_second(sources().now())
    rows: list[tuple[Work, overview.State]] = []
    with reading() as session:
        for page in range(1, _MOST_EXPORTED // _PAGE + 1):
            part = overview.Search(search.words, search.state, page, _PAGE)
            found = overview.search_works(
                session, current_visitor().actor, part, licensed_now(now), sources(), owner
            )
            rows += found.works
            if len(rows) >= found.total:
                break
        text = tables.to_csv(session, rows)
    headers = {"Content-Disposition": 'attachment; filename="works.csv"'}
    return Response(text, content_type="text/csv; charset=utf-8; header=present", headers=headers)


# -- in -----------------------------------------------------------------------------------------------------
@blueprint.get("/works/import")
@signed_in(*_MAKERS)
def bring() -> str:
    """The form for a table of new works."""
    return render_template("works/import.html", form=Form(), columns=tables.IMPORTED)


@blueprint.get("/works/import/columns.csv")
@signed_in(*_MAKERS)
def columns() -> Response:
    """An empty table with the columns that are known."""
    headers = {"Content-Disposition": 'attachment; filename="columns.csv"'}
    line = ",".join(tables.IMPORTED) + "\r\n"
    return Response(line, content_type="text/csv; charset=utf-8; header=present", headers=headers)


@blueprint.post("/works/import")
@signed_in(*_MAKERS)
def take_table() -> AnyResponse | tuple[str, int]:
    """Keep the table and let a job register its rows, as a bulk registration does."""
    actor, form = current_visitor().actor, Form.sent()
    spend(Rate.BULK, account=actor.public_id)
    reason = ""
    try:
        upload = request.files.get("table")
        if upload is not None and upload.filename:
            command = service.UploadWorks(tables.to_json_lines(upload.read()), JSON_LINES)
            with writing() as session:
                job = service.upload_works(session, actor, command, sources()).public_id
            return redirect(url_for("works_together.show_import", public_id=job), 303)
        form.errors["table"] = _("Choose a table first.")
    except RequestEntityTooLarge:
        form.errors["table"] = _("It is too large. Cut it into several tables.")
    except InvalidInput as error:
        form.errors["table"] = _("This table cannot be taken. Nothing was registered.")
        reason = error.message
    page = render_template("works/import.html", form=form, columns=tables.IMPORTED, reason=reason)
    return page, 422


@blueprint.get("/works/import/<id(job):public_id>")
@signed_in(*_MAKERS)
def show_import(public_id: bytes) -> str:
    """How far a table is, and which of its rows were refused, and why."""
    with reading() as session:
        progress = service.get_bulk(session, current_visitor().actor, public_id)
    return render_template("works/imported.html", progress=progress)
