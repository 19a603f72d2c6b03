"""Read what one would accept, accept it, and see one's licences with how they are used. For labs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from registry.base.actor import Actor, Role
from registry.base.context import reading, sources, writing
from registry.base.periods import whole_second
from registry.base.ratelimits import Rate, spend
from registry.core.decisions import Purpose
from registry.core.ids import parse_id
from registry.licences import basket
from registry.licences.accepting import MAX_AT_ONCE, Changed, Look, accept_as_read, look
from registry.licences.basket_form import Looked, looked
from registry.licences.basket_sums import Asked, basket_sums, sums_of_offer
from registry.licences.basket_view import cost_of, is_unknown, least
from registry.licences.details import agreements_seen
from registry.licences.licences_table import licences_csv
from registry.licences.queries import agreement_counts, covered_counts, newest_agreements
from registry.parties import service as parties
from registry.remuneration.service import LicenceCost
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.visitors import current_visitor, signed_in

blueprint = Pages("accepting_pages", "registry.licences")

_LISTED = 50


@blueprint.get("/basket/accept")
@signed_in(Role.LAB)
def read() -> Response | str:
    """One offer, or several, as they stand; nothing is accepted by reading."""
    return _read(Form(request.args.copy()))


@blueprint.post("/basket/accept")
@signed_in(Role.LAB)
def read_chosen() -> Response | str:
    """The same for the offers that are ticked in a basket: more than an address holds."""
    return _read(Form.sent())


@blueprint.post("/basket/conclude")
@signed_in(Role.LAB)
def conclude() -> Response | tuple[str, int]:
    """Accept what was read, all or nothing; again does nothing twice."""
    form, actor = Form.sent(), current_visitor().actor
    spend(Rate.WRITE, account=actor.public_id)
    sent = dict(text.partition("@")[::2] for text in form.values.getlist("read"))
    try:
        with writing() as session:
            done = accept_as_read(
                session, actor, {parse_id("offer", n): digest for n, digest in sent.items()}, sources()
            )
            new, before = len(done.new), len(done.before)
    except Changed as error:
        with reading() as session:
            return _page(session, actor, form, list(map(_offer, sent)), error.changed), 409
    return redirect(url_for("accepting_pages.licences", new=new, done=before or None), 303)


@blueprint.get("/licences")
@signed_in(Role.LAB)
def licences() -> str:
    """What the lab may use, or could until it was over, the newest first; how a filter takes it into account."""
    actor, now = current_visitor().actor, whole_second(sources().now())
    over, before = request.args.get("state") == "ended", request.args.get("before")
    with reading() as session:
        found = newest_agreements(
            session,
            actor,
            now,
            _LISTED + 1,
            over=over,
            before=parse_id("agreement", before) if before else None,
        )
        listed = found[:_LISTED]
        in_force, ended = agreement_counts(session, actor, now)
        return render_template(
            "licences/licences.html",
            listed=agreements_seen(session, listed),
            counts=covered_counts(session, [each.id for each in listed]),
            names=parties.public_names(session, {each.owner_id for each in listed}),
            next=listed[-1].public_id if len(found) > _LISTED else None,
            over=over,
            in_force=in_force,
            ended=ended,
            now=now,
            in_basket=basket.size(session, actor),
            new=request.args.get("new", type=int),
            before=request.args.get("done", default=0, type=int),
        )


@blueprint.get("/licences/licences.csv")
@signed_in(Role.LAB)
def table() -> Response:
    """All of them as a table."""
    actor, now = current_visitor().actor, whole_second(sources().now())
    with reading() as session:
        text = licences_csv(session, actor, now)
    headers = {"Content-Disposition": 'attachment; filename="licences.csv"'}
    return Response(text, content_type="text/csv; charset=utf-8; header=present", headers=headers)


def _offer(number: str) -> bytes:
    return parse_id("offer", number)


def _read(form: Form) -> Response | str:
    named = list(dict.fromkeys(form.values.getlist("offer")))
    if not named:
        return redirect(
            url_for("basket_pages.show", **looked(form).args, none_chosen=1, _anchor="offers"), 303
        )
    with reading() as session:
        return _page(session, current_visitor().actor, form, list(map(_offer, named[:MAX_AT_ONCE])))


def _page(
    session: Session, actor: Actor, form: Form, offers: Sequence[bytes], changed: Sequence[bytes] = ()
) -> str:
    looks = look(session, actor, offers, sources())
    asked = looked(form) if form.text("purpose") else _of_offer(looks[0])
    public = parties.public_names(session, {each.details.offer.owner_id for each in looks})
    costs, in_basket = _costs(session, actor, looks, asked)
    return render_template(
        "licences/accept.html",
        looked=asked,
        open=[each for each in looks if each.obstacle is None],
        taken=[each for each in looks if each.agreement is not None],
        closed=[each for each in looks if each.obstacle and each.agreement is None],
        changed=set(changed),
        names=public,
        costs=costs,
        totals=least(costs.values()),
        unknown=any(map(is_unknown, costs.values())),
        least=least,
        in_basket=in_basket,
        from_basket=bool(form.text("purpose")),
    )


def _of_offer(one: Look) -> Looked:
    """What an offer that was named by itself is looked at for: what it is about."""
    offer = one.details.offer
    return Looked(Purpose(offer.purpose), offer.territories[0])


def _costs(
    session: Session, actor: Actor, looks: Sequence[Look], asked: Looked
) -> tuple[Mapping[bytes, LicenceCost], bool]:
    """What each offer costs in a quarter, by its public id; and whether for its works as they are in the basket.

    If none of them is in the basket, for each of its works once.
    """
    offers = {each.details.offer.id: each.details.offer for each in looks if each.obstacle is None}
    question = Asked(actor, asked.purpose, asked.territory, whole_second(sources().now()))
    chosen = basket_sums(session, question, list(offers)).chosen if offers else {}
    in_basket = bool(chosen.keys() & offers.keys())
    sums = {key: chosen.get(key) if in_basket else sums_of_offer(session, key) for key in offers}
    return {
        offers[key].public_id: cost_of(offers[key], found) for key, found in sums.items() if found
    }, in_basket
