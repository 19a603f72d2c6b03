"""A lab's models, which its reports point to."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from registry.base.actor import Role
from registry.base.context import reading, sources, writing
from registry.core.errors import Conflict
from registry.parties import rules, service
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in

blueprint = Pages("models", "registry.parties")


@blueprint.get("/models")
@signed_in(Role.LAB)
def show_all() -> str:
    """My models."""
    return _page(Form())


@blueprint.post("/models")
@signed_in(Role.LAB)
def name_model() -> Response | tuple[str, int]:
    """Name a model in one version."""
    form = Form.sent()
    name = form.take("name", _short, _("Write the model’s name, up to 100 characters."))
    version = form.take("version", _short, _("Write its version, such as 1 or 2026-08."))
    if name is not None and version is not None:
        try:
            with writing() as session:
                service.create_model(session, current_visitor().actor, name, version, sources())
        except Conflict:
            form.errors["version"] = _("You have named this version already. Take the next one.")
        else:
            return redirect(url_for("models.show_all"), 303)
    return _page(form), 422


def _short(text: str) -> str:
    return rules.check_name(text, longest=100)


def _page(form: Form) -> str:
    with reading() as session:
        models = service.list_models(session, current_visitor().actor, limit=500).items
    return render_template("parties/models.html", form=form, models=models)
