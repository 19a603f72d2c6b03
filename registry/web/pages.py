"""The start page, and the answer to “is this picture or text on record?”. Needs no account and no script."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Flask, Response, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound, RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from registry.base.context import part, reading, sources
from registry.base.ratelimits import Budget, Rate, spend
from registry.checking.service import LiveIndex, check, hidden_budget
from registry.core.decisions import Policy, Purpose, Request
from registry.core.errors import InvalidInput, TooLarge, VorbehaltError
from registry.core.fingerprints import FileFingerprints, fingerprint_bytes
from registry.log import service as log
from registry.publishing import service as publishing
from registry.web import device, formats, furniture, i18n, legal, purposes
from registry.web.answers import Answer, answer_for, refusal
from registry.web.furniture import Pages

#: Our own files, and addresses that have no language.
files = Blueprint(
    "web", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
)
blueprint = Pages("home", __name__)
rest = Pages("rest", __name__)
files.after_request(furniture.secure)


@files.get("/")
def start_in_your_language() -> Response:
    """The start page in the language that the browser prefers."""
    page = make_response(start())
    page.vary.add("Accept-Language")
    return page


@blueprint.get("/")
def start() -> str:
    """What this is, for whom, and a file to check."""
    with reading() as session:
        state = publishing.state(session)
        log_size = log.head(session).size
    return render_template("start.html", state=state, log_size=log_size, origin=request.host_url.rstrip("/"))


@blueprint.get("/check")
def check_again() -> AnyResponse:
    """A reloaded answer has no file any more: begin anew."""
    return redirect(url_for("home.start"))


@blueprint.post("/check")
def check_file() -> tuple[str, int]:
    """Compare a picture or a text, by the fingerprint that its browser made or by its file, and say what was found.

    A file is hashed and forgotten.
    """
    spend(Rate.ANONYMOUS)
    budget, name = hidden_budget(), ""
    try:
        if device.CODES in _form():
            name = request.form.get(device.NAME, "")
            found = device.read_codes(request.form[device.CODES], device.passages_of(request.files))
        else:
            name, data = _file()
            found = fingerprint_bytes(data)
        answer = _answer(name, found, budget)
    except VorbehaltError as error:
        return render_template("answer.html", answer=refusal(name, error)), 400
    return render_template("answer.html", answer=answer, on_device=device.CODES in request.form), 200


def _form() -> Mapping[str, str]:
    """The texts of the form that was sent."""
    try:
        return request.form
    except RequestEntityTooLarge:
        raise TooLarge("The file is larger than what is taken here.") from None


def _file() -> tuple[str, bytes]:
    """Name and bytes of the file that was sent."""
    upload = request.files.get("file")
    if upload is None or not upload.filename:
        raise InvalidInput("No file was sent.")
    return upload.filename, upload.read()


def _answer(name: str, found: FileFingerprints, budget: Budget) -> Answer:
    now = sources().now()
    wanted = Request(Purpose.TRAIN_GENAI, Policy.CONSENT_FIRST, int(now.timestamp()))
    with reading() as session:
        items = [found.fingerprints]
        _, (checked,) = check(session, part(LiveIndex), None, wanted, items, now, budget=budget)
    return answer_for(name, found, checked)


@files.get("/openapi.json")
def openapi() -> AnyResponse:
    """Where a person looks for the interface's description."""
    return redirect("/v1/openapi.json")


@rest.get("/<path:address>")
def nothing_here(address: str) -> AnyResponse:
    """Every other address that begins with a language: not found, said in that language."""
    raise NotFound(address)


def init_app(app: Flask) -> None:
    """Languages, formats and furniture, and the pages of this package; before the pages of the rooms."""
    i18n.init_app(app)
    formats.init_app(app)
    purposes.init_app(app)
    furniture.init_app(app)
    legal.init_app(app)
    for own in (files, blueprint, rest):
        app.register_blueprint(own)
