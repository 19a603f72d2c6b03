"""More about one work: what is still recognised of it after changes, and how to say its terms elsewhere, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Response, render_template, request
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound, RequestEntityTooLarge

from registry.base.actor import Role
from registry.base.context import reading, settings, sources
from registry.base.periods import whole_second
from registry.base.ratelimits import Rate, spend
from registry.core.errors import InvalidInput, TooLarge
from registry.core.ids import format_id
from registry.core.records.receipts import SUFFIX
from registry.core.signals.emit import Declaration, site
from registry.licences import service as licences
from registry.web.answers import why_not
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in
from registry.works import queries
from registry.works.models import WorkVersion
from registry.works.playground import Tried, try_changes
from registry.works.portrait import portrait
from registry.works.rules import Kind

blueprint = Pages("work_pages", "registry.works")

_MAKERS = (Role.CREATOR, Role.SOCIETY)


def _portrait(session: Session, public_id: bytes) -> dict[str, Any]:
    return portrait(session, current_visitor().actor, public_id, sources())


# -- what is still recognised -------------------------------------------------------------------------------
@blueprint.route("/works/<id(work):public_id>/changes", methods=["GET", "POST"])
@signed_in(*_MAKERS)
def try_picture(public_id: bytes) -> str | tuple[str, int]:
    """Change a picture as copyists do, and say which of the copies is recognised. The picture is not kept."""
    with reading() as session:
        about = _portrait(session, public_id)
    if about["work"].kind != Kind.IMAGE:
        raise NotFound
    if request.method == "GET":
        return render_template("works/changes.html", form=Form(), tried=(), **about)
    form = Form.sent()
    tried = _try(form, about["work"].versions)
    if form.errors:
        return render_template("works/changes.html", form=form, tried=(), **about), 422
    return render_template("works/changes.html", form=form, tried=tried, **about)


def _try(form: Form, versions: list[WorkVersion]) -> list[Tried]:
    """What came of each change; nothing, with a sentence at the field, if the file is no picture."""
    spend(Rate.ANONYMOUS)
    try:
        upload = request.files.get("picture")
        if upload is not None and upload.filename:
            return try_changes(upload.read(), versions)
        form.errors["picture"] = _("Please choose a picture first.")
    except RequestEntityTooLarge:
        form.errors["picture"] = why_not(TooLarge("The file is larger than what is taken here."))
    except InvalidInput as error:
        form.errors["picture"] = why_not(error)
    return []


# -- that it was used ---------------------------------------------------------------------------------------
@blueprint.get("/works/<id(work):public_id>/uses/<int(min=1, max=20):number>/receipt")
@signed_in(*_MAKERS)
def use_receipt(public_id: bytes, number: int) -> Response:
    """The proof that a lab has reported this use, as a file; counted from the newest."""
    with reading() as session:
        uses = _portrait(session, public_id)["uses"]
    if number > len(uses) or uses[number - 1].receipt is None:
        raise NotFound
    use = uses[number - 1]
    name = f"{format_id('claim', use.claim)}-{format_id('work', public_id)}{SUFFIX}"
    return _download(use.receipt, "text/plain; charset=utf-8", name)


def _download(text: str, content_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, content_type=content_type, headers=headers)


# -- the same, said elsewhere -------------------------------------------------------------------------------
_Writer = Callable[[Declaration], str]
SIGNALS: Final[Mapping[str, tuple[str, _Writer]]] = {
    "robots.txt": ("text/plain; charset=utf-8", site.robots_txt),
    "tdmrep.json": ("application/json", lambda d: site.tdmrep_json(d).decode()),
    "headers.txt": (
        "text/plain; charset=utf-8",
        lambda d: "".join(f"{name}: {value}\n" for name, value in site.headers(d)),
    ),
    "head.html": ("text/plain; charset=utf-8", site.meta_tags),
    "rsl.xml": ("application/xml; charset=utf-8", lambda d: site.rsl_document(d).decode()),
}
"""Files of a site that carry the declaration: content type, and what writes them."""
_NAMES: Final = ", ".join(f'"{name}"' for name in SIGNALS)


@blueprint.get("/works/<id(work):public_id>/elsewhere")
@signed_in(*_MAKERS)
def show_signals(public_id: bytes) -> str | tuple[str, int]:
    """The opt-out signals that say what the registry says, to copy and to download."""
    form = Form.of(path=request.args.get("path", "/"), policy=request.args.get("policy", ""))
    with reading() as session:
        about = _portrait(session, public_id)
        try:
            written = _written(session, about, form)
        except InvalidInput:
            form.errors["path"] = _("Begin with / and leave blanks out. An address has no blanks either.")
            return render_template("works/elsewhere.html", form=form, written={}, **about), 422
        free = sorted(_declaration(session, about, form).allowed)
    return render_template(
        "works/elsewhere.html", form=form, written=written, free=free, origin=settings().origin, **about
    )


@blueprint.get(f"/works/<id(work):public_id>/elsewhere/<any({_NAMES}):name>")
@signed_in(*_MAKERS)
def signal_file(public_id: bytes, name: str) -> Response:
    """One of them as a file."""
    form = Form.of(path=request.args.get("path", "/"), policy=request.args.get("policy", ""))
    with reading() as session:
        text = _written(session, _portrait(session, public_id), form)[name]
    return _download(text, SIGNALS[name][0], name)


def _written(session: Session, about: Mapping[str, Any], form: Form) -> dict[str, str]:
    """Every file by its name; `InvalidInput` for a path or an address that cannot stand in them."""
    declaration = _declaration(session, about, form)
    return {name: write(declaration) for name, (_type, write) in SIGNALS.items()}


def _declaration(session: Session, about: Mapping[str, Any], form: Form) -> Declaration:
    """What anyone may do with the work, for this part of a site."""
    now = whole_second(sources().now())
    work = about["work"]
    public, _personal = licences.terms_of_works(session, queries.standing(session, [work.id]), None, now)[
        work.id
    ]
    policy = form.text("policy") or None
    return Declaration.of(public, int(now.timestamp()), path=form.text("path") or "/", policy=policy)
