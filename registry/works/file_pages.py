"""The picture of a work on its maker's pages: its preview, and its file, shown afterwards and dropped at once."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound, RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from registry.base.actor import Role
from registry.base.context import files, reading, sources, writing
from registry.base.ratelimits import Rate, spend
from registry.core.errors import Conflict, InvalidInput, RateLimited, TooLarge
from registry.core.fingerprints import ANCHORS256, FileFingerprints, fingerprint_image
from registry.web.answers import why_not
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in
from registry.works import previews, service
from registry.works.completing import SAME
from registry.works.portrait import portrait
from registry.works.rules import Kind

blueprint = Pages("file_pages", "registry.works")

_MAKERS = (Role.CREATOR, Role.SOCIETY)
_KEPT_SECONDS = 3600


# -- the preview --------------------------------------------------------------------------------------------
@blueprint.get("/works/<id(work):public_id>/preview.webp")
@signed_in(*_MAKERS)
def preview(public_id: bytes) -> Response:
    """The preview of a work of one's own; not there for anybody else."""
    with reading() as session:
        row = previews.preview_for(session, current_visitor().actor, public_id)
        data = None if row is None else previews.open_preview(files(), row)
    if row is None or data is None:
        raise NotFound
    response = Response(data, content_type=previews.MEDIA_TYPE)
    response.set_etag(row.path.rpartition("/")[2])
    response.headers["Cache-Control"] = f"private, max-age={_KEPT_SECONDS}"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Content-Disposition"] = "inline"
    response.make_conditional(request)
    return response


@blueprint.post("/works/<id(work):public_id>/preview/delete")
@signed_in(*_MAKERS)
def delete_preview(public_id: bytes) -> AnyResponse:
    """Delete the preview; the work stays as it is."""
    with writing() as session:
        row = previews.preview_for(session, current_visitor().actor, public_id)
        if row is not None:
            previews.remove_previews(session, [row.work_id], sources())
    return redirect(url_for("works_pages.show", public_id=public_id), 303)


# -- the file -----------------------------------------------------------------------------------------------
@blueprint.route("/works/<id(work):public_id>/file", methods=["GET", "POST"])
@signed_in(*_MAKERS)
def add_file(public_id: bytes) -> AnyResponse | str | tuple[str, int]:
    """Show the file of a picture that was registered on the device, so that parts of it are recognised, too."""
    about = _about(public_id)
    if about["work"].kind != Kind.IMAGE or about["state"] == "withdrawn":
        raise NotFound
    form = Form.sent() if request.method == "POST" else Form()
    if request.method == "GET":
        return _page(form, about)
    done = _complete(public_id, form)
    if done is None:
        return _page(form, about), 422
    found = any(code.algorithm == ANCHORS256 for code in done.added)
    return redirect(
        url_for("works_pages.show", public_id=public_id, added="parts" if found else "nothing"), 303
    )


def _about(public_id: bytes) -> dict[str, Any]:
    with reading() as session:
        return portrait(session, current_visitor().actor, public_id, sources())


def _page(form: Form, about: dict[str, Any]) -> str:
    return render_template("works/file.html", form=form, same=SAME, **about)


def _complete(public_id: bytes, form: Form) -> service.CompletedWork | None:
    """What was added; `None`, with a sentence at the field, if the file cannot be taken."""
    stored = None
    try:
        data = _picture(form)
        if data is None:
            return None
        actor = current_visitor().actor
        spend(Rate.REGISTER, account=actor.public_id)
        found = fingerprint_image(data)
        stored = _stored_preview(data) if "preview" in form.values else None
        done = _record(public_id, found, stored)
    except RateLimited:
        form.errors["picture"] = _("You have registered very many files just now. Go on in an hour.")
    except Conflict:
        form.errors["picture"] = _(
            "Only the exact file of this work is on record, nothing of what it shows. Withdraw the work and register "
            "the picture anew."
        )
    except InvalidInput as error:
        form.errors["picture"] = _why_not(error)
    else:
        return done
    if stored is not None:
        files().remove(stored.path)
    return None


def _picture(form: Form) -> bytes | None:
    try:
        upload = request.files.get("picture")
    except RequestEntityTooLarge:
        raise TooLarge("The file is larger than what is taken here.") from None
    if upload is None or not upload.filename:
        form.errors["picture"] = _("Please choose a picture first.")
        return None
    return bytes(upload.read())


def _stored_preview(data: bytes) -> previews.StoredPreview:
    return previews.store_preview(files(), previews.preview_of(data))


def _record(
    public_id: bytes, found: FileFingerprints, stored: previews.StoredPreview | None
) -> service.CompletedWork:
    with writing() as session:
        command = service.CompleteWork(public_id, found, stored)
        return service.complete_work(session, current_visitor().actor, command, sources())


def _why_not(error: InvalidInput) -> str:
    distance = error.details.get("distance")
    if distance is None:
        return why_not(error)
    return _(
        "This is another picture than the one on record: %(distance)s of 256 cells of their fingerprints differ, at "
        "most %(same)s may. Choose the file that you registered, whole and unchanged.",
        distance=distance,
        same=SAME,
    )
