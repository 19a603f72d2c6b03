"""Requests for terms, as both sides see them: what a lab asked for, and what a maker or a society was asked."""

from __future__ import annotations

from flask import render_template, request
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.context import reading, sources
from registry.base.periods import whole_second
from registry.licences import asked
from registry.licences.asked import MOST, Asked
from registry.licences.details import OfferDetails, offers_seen
from registry.licences.requests import RequestState, get_request
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.visitors import current_visitor, signed_in
from registry.works import service as works

blueprint = Pages("request_pages", "registry.licences")

_DRAWN = 12
"""So many works are shown with their fingerprints, to their makers; the others by their titles."""


@blueprint.get("/requests")
@signed_in(Role.LAB, Role.CREATOR, Role.SOCIETY)
def show_all() -> str:
    """What waits for an answer, and what has one; of a lab its own, of makers those to them and to their members."""
    actor, now = current_visitor().actor, whole_second(sources().now())
    of_lab = actor.role is Role.LAB
    with reading() as session:
        found = asked.asked_by(session, actor, now) if of_lab else asked.asked_of(session, actor, now)
        return render_template(
            "licences/asked_by_me.html" if of_lab else "licences/asked_of_me.html",
            open=[each for each in found if each.state is RequestState.OPEN],
            done=[each for each in found if each.state is not RequestState.OPEN],
            cut=len(found) == MOST,
            new=request.args.get("new", type=int),
            again="again" in request.args,
            now=now,
        )


@blueprint.get("/requests/<id(request):public_id>")
@signed_in(Role.LAB, Role.CREATOR, Role.SOCIETY)
def show(public_id: bytes) -> str:
    """One request, with what can be done about it."""
    with reading() as session:
        return request_page(session, current_visitor().actor, public_id, Form())


def request_page(session: Session, actor: Actor, public_id: bytes, form: Form, *, stale: bool = False) -> str:
    """The page of a request; `stale` says that it has changed since it was opened, and that nothing was recorded."""
    one = find(session, actor, public_id)
    return render_template(
        "licences/request_of_lab.html" if actor.role is Role.LAB else "licences/request_to_me.html",
        r=one,
        answer=_answer(session, actor, one),
        form=form,
        stale=stale,
        now=whole_second(sources().now()),
        codes={}
        if actor.role is Role.LAB
        else works.codes_to_draw(session, [w.id for w in one.works[:_DRAWN]]),
        drawn=_DRAWN,
    )


def find(session: Session, actor: Actor, public_id: bytes) -> Asked:
    """The request with all that it refers to; `NotFound` for whoever it is none of the business of."""
    found = get_request(session, actor, public_id, sources())
    return asked.seen(session, actor, [found], whole_second(sources().now()))[0]


def _answer(session: Session, actor: Actor, one: Asked) -> OfferDetails | None:
    """The offer that answers it."""
    return None if one.offer is None else offers_seen(session, actor, [one.offer])[0]
