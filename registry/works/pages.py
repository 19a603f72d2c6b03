"""Pages of works: register by upload, look through one's works, look at one, change shares, withdraw."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from registry.base.actor import Role
from registry.base.context import reading, settings, sources, writing
from registry.base.idempotency import once
from registry.base.periods import whole_second
from registry.core.ids import parse_id
from registry.licences import service as licences
from registry.parties import service as parties
from registry.web import device
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in
from registry.works import overview, previews, rules, service, share_form, uploading
from registry.works.glance import at_a_glance
from registry.works.portrait import licensed_now, portrait
from registry.works.rules import Disclosure, MadeBy

blueprint = Pages("works_pages", "registry.works")
blueprint.add_app_template_filter(uploading.note_in_words, "note_in_words")

_MAX_FILES = 200


def _now() -> datetime:
    return whole_second(sources().now())


# -- my works -----------------------------------------------------------------------------------------------
@blueprint.get("/works")
@signed_in(Role.CREATOR, Role.SOCIETY)
def show_all() -> str:
    """My works, or those of somebody whom I represent: searched, by state, page by page."""
    search, owner = search_asked()
    with reading() as session:
        actor = current_visitor().actor
        found = overview.search_works(session, actor, search, licensed_now(_now()), sources(), owner)
        drawn = previews.with_preview(session, actor, [work.id for work, _state in found.works])
        asking = 0 if owner else licences.requests_waiting(session, actor, _now())
        name = parties.party_by_public_id(session, owner).name if owner else None
        first = actor.role is Role.CREATOR and found.counts and search == overview.Search()
        glance = at_a_glance(session, actor, sources()) if first else None
    view = "list" if request.args.get("view") == "list" else "grid"
    return render_template(
        "works/works.html",
        found=found,
        search=search,
        view=view,
        owner=owner,
        owner_name=name,
        previews=drawn,
        asking=asking,
        glance=glance,
    )


def search_asked() -> tuple[overview.Search, bytes | None]:
    """What the address looks for, and among whose works if not among the visitor's own."""
    args = request.args
    state = args.get("state", "")
    page = args.get("page", default=1, type=int)
    search = overview.Search(
        words=args.get("q", "")[:200],
        state=overview.State(state) if state in set(overview.State) else None,
        page=min(max(page, 1), 1_000_000),
    )
    return search, parse_id("party", args["owner"]) if "owner" in args else None


# -- register -----------------------------------------------------------------------------------------------
@blueprint.get("/works/register")
@signed_in(Role.CREATOR, Role.SOCIETY)
def register() -> str:
    """The form for new works."""
    return _register_page(Form.of(made_by=MadeBy.HUMAN))


@blueprint.post("/works/register")
@signed_in(Role.CREATOR, Role.SOCIETY)
@partial(once, account=lambda: current_visitor().actor.public_id)
def register_files() -> str | tuple[str, int]:
    """Register each file that was sent, or the fingerprints that the script made of some.

    With `X-Part: result` only the results are sent back, for the script, which also gives each request a key
    (`Idempotency-Key`): sent again because its answer was lost, it has its effect once.
    """
    form = Form.sent()
    about = _about(form)
    files = [f for f in request.files.getlist("file") if f.filename]
    if device.CODES in form.values:
        if about is None:
            return _register_page(form), 422
        results = uploading.register_codes(current_visitor().actor, form, about, request.files)
        return render_template("works/results.html", results=results, for_script=True)
    if not files:
        form.errors["file"] = _("Choose at least one file.")
    elif len(files) > _MAX_FILES:
        form.errors["file"] = _("These are too many at once; choose at most %(most)s.", most=_MAX_FILES)
    if about is None or form.errors:
        return _register_page(form), 422
    results = _register_each(files, form.text("title") if len(files) == 1 else "", about)
    if request.headers.get("X-Part") == "result":
        return render_template("works/results.html", results=results, for_script=True)
    return render_template("works/registered.html", results=results)


def _register_each(
    files: list[FileStorage], title: str, about: uploading.About
) -> list[uploading.FileResult]:
    actor = current_visitor().actor
    return [uploading.register_file(actor, file, title, about) for file in files]


def _about(form: Form) -> uploading.About | None:
    """What the form states about all its files; `None`, with a sentence at each field that is wrong."""
    made_by = form.take("made_by", MadeBy, _("Choose one of these."))
    disclosure = form.text("disclosure")
    tool, prompt = form.text("tool") or None, form.text("prompt") or None
    if made_by is not None and made_by is not MadeBy.HUMAN and not tool:
        form.errors["tool"] = _("Name the program, such as Blender 5.")
    if tool and len(tool) > 200:
        form.errors["tool"] = _("A name of up to 200 characters, please.")
    if prompt and len(prompt) > 10_000:
        form.errors["prompt"] = _("Up to 10,000 characters, please.")
    if form.text("title") and device.CODES not in form.values:
        form.take(
            "title", rules.check_title, _("The title cannot be taken: up to 500 characters, on one line.")
        )
    with reading() as session:
        shares = share_form.read_shares(session, form)
    if made_by is None or form.errors:
        return None
    by_human = made_by is MadeBy.HUMAN
    return uploading.About(
        made_by=made_by,
        tool=None if by_human else tool,
        prompt=None if by_human else prompt,
        disclosure=Disclosure(disclosure) if disclosure in set(Disclosure) else None,
        persons_depicted="persons_depicted" in form.values,
        shares=shares,
        keep_previews=form.text("preview") == "keep",
    )


def _register_page(form: Form) -> str:
    return render_template(
        "works/register.html",
        form=form,
        lines=share_form.lines_of(form),
        most=settings().max_upload_bytes,
        at_once=uploading.MOST_AT_ONCE,
    )


# -- one work -----------------------------------------------------------------------------------------------
@blueprint.get("/works/<id(work):public_id>")
@signed_in(Role.CREATOR, Role.SOCIETY)
def show(public_id: bytes) -> str:
    """One work: what the registry keeps, to whom it is permitted, who holds rights, what happened."""
    with reading() as session:
        return render_template("works/work.html", **_portrait(session, public_id))


@blueprint.route("/works/<id(work):public_id>/withdraw", methods=["GET", "POST"])
@signed_in(Role.CREATOR, Role.SOCIETY)
def show_withdraw(public_id: bytes) -> Response | str:
    """Ask whether the work is really to be withdrawn, and withdraw it."""
    if request.method == "POST":
        with writing() as session:
            service.withdraw_work(session, current_visitor().actor, public_id, sources())
        return redirect(url_for("works_pages.show", public_id=public_id), 303)
    with reading() as session:
        return render_template("works/withdraw.html", **_portrait(session, public_id))


@blueprint.route("/works/<id(work):public_id>/shares", methods=["GET", "POST"])
@signed_in(Role.CREATOR, Role.SOCIETY)
def show_shares(public_id: bytes) -> Response | str | tuple[str, int]:
    """State anew who holds which share, from now on."""
    form = Form.sent() if request.method == "POST" else Form()
    with writing() as session:
        about = _portrait(session, public_id)
        if request.method == "GET":
            lines = share_form.as_lines(about["held"])
            return render_template("works/shares.html", form=form, lines=lines, **about)
        shares = share_form.read_shares(session, form)
        if not shares:
            form.errors.setdefault("shares", _("Write at least one line: somebody holds the rights."))
            lines = share_form.lines_of(form)
            return render_template("works/shares.html", form=form, lines=lines, **about), 422
        service.set_shares(session, current_visitor().actor, public_id, shares, sources())
    return redirect(url_for("works_pages.show", public_id=public_id, _anchor="shares"), 303)


def _portrait(session: Session, public_id: bytes) -> dict[str, Any]:
    return portrait(session, current_visitor().actor, public_id, sources())
