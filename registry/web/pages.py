"""The start page, and the answer to “is this picture on record?”. Works without an account and without script."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from registry.base.context import part, reading, sources
from registry.checking.service import LiveIndex, check
from registry.core.decisions import Policy, Purpose, Request
from registry.core.errors import InvalidInput, VorbehaltError
from registry.core.fingerprints import fingerprint_image
from registry.log import service as log
from registry.publishing import service as publishing
from registry.web.answers import Answer, answer_for, refusal

blueprint = Blueprint(
    "web", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
)


@blueprint.get("/", defaults={"language": None})
@blueprint.get("/<any(de, en):language>/")
def start(language: str | None) -> Response:
    """What this is, for whom, and a picture to check."""
    with reading() as session:
        state = publishing.state(session)
        log_size = log.head(session).size
    page = make_response(
        render_template("start.html", state=state, log_size=log_size, origin=request.host_url.rstrip("/"))
    )
    if language is None:
        page.vary.add("Accept-Language")
    return page


@blueprint.get("/<any(de, en):language>/check")
def check_again(language: str) -> AnyResponse:
    """A reloaded answer has no picture any more: begin anew."""
    return redirect(url_for("web.start", language=language))


@blueprint.post("/<any(de, en):language>/check")
def check_picture(language: str) -> tuple[str, int]:  # noqa: ARG001 - read by the language selector
    """Hash the picture that was sent, compare, forget it, and say in plain words what was found."""
    upload = request.files.get("picture")
    try:
        if upload is None or not upload.filename:
            raise InvalidInput("no picture")
        answer = _answer(upload.filename, upload.read())
    except VorbehaltError as error:
        answer = refusal((upload.filename if upload else None) or "", error)
        return render_template("answer.html", answer=answer), 400
    return render_template("answer.html", answer=answer), 200


def _answer(name: str, data: bytes) -> Answer:
    now = sources().now()
    found = fingerprint_image(data)
    wanted = Request(Purpose.TRAIN_GENAI, Policy.CONSENT_FIRST, int(now.timestamp()))
    with reading() as session:
        _, (checked,) = check(session, part(LiveIndex), None, wanted, [found.fingerprints], now)
    return answer_for(name, found, checked)


@blueprint.get("/openapi.json")
def openapi() -> AnyResponse:
    """Where a person looks for the interface's description."""
    return redirect("/v1/openapi.json")


def asset(filename: str) -> str:
    """The address of one of our own files."""
    return url_for("web.static", filename=filename)


@blueprint.record_once
def _register(setup: object) -> None:
    app = setup.app  # type: ignore[attr-defined]
    app.jinja_env.globals["asset"] = asset


@blueprint.after_request
def secure(response: AnyResponse) -> AnyResponse:
    """Only our own files, no frames, no inline script or style, nothing sent elsewhere."""
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
