"""What a lab declares so that shares of its income, and prices per model version, can be computed.

One figure for one agreement and quarter, committed to by an entry of the usage log. It is never changed: a correction
is a further declaration, and a settlement books the difference. Both sides of the agreement read it, nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Scope
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.paging import DEFAULT_LIMIT, Page, paginate
from registry.base.periods import whole_second
from registry.core.errors import Conflict, InvalidInput, NotFound, NotReady
from registry.core.ids import format_id
from registry.core.records.leaves import DeclarationLeaf, commitment
from registry.core.settlement.periods import Period
from registry.core.tariffs import Figure, declared_components
from registry.licences import service as licences
from registry.licences.service import Agreement
from registry.log import service as log
from registry.log.service import LogKey
from registry.parties import service as parties
from registry.usage.checks import check_lab
from registry.usage.models import ClaimBatch, ClaimRow, Declaration

_MAX_VALUE = 10**15
_MAX_MODELS = 1_000


@dataclass(frozen=True, slots=True)
class Declare:
    """A figure. `corrects` names the declaration that it takes the place of, if there is one."""

    agreement: bytes
    period: str
    figure: Figure
    amount_minor: int | None = None
    """An income, in minor units of the tariff's currency."""
    models: tuple[bytes, ...] | None = None
    """The model versions, if it is those that are declared."""
    corrects: bytes | None = None


def declare(session: Session, actor: Actor, command: Declare, sources: Sources) -> Declaration:
    """Record a declaration and log it. The same as the last one again is that one.

    `Conflict` if the quarter is not over, if another figure was declared and `corrects` does not name it, or if a model
    version was declared for another quarter; `InvalidInput` if the agreement's tariff asks for no such figure.
    """
    check_lab(actor)
    now = whole_second(sources.now())
    log.hold(session)
    agreement = licences.get_agreement(session, actor, command.agreement, sources)
    if agreement.licensee_id != actor.party_id:
        raise NotFound(f"You have no {format_id('agreement', command.agreement)} as its licensee.")
    _check_asked_for(session, agreement, command.figure)
    period = _check_period(agreement, Period.parse(command.period), now)
    models = _models(session, actor, command)
    value = len(models) if command.figure is Figure.MODEL_VERSIONS else _income(command)
    history = _history(session, agreement.id, command.figure)
    same = [d for d in history if d.period == str(period)]
    if same and (same[-1].value, same[-1].models) == (value, models):
        return same[-1]
    _check_correction(same, command)
    _check_models_new([d for d in history if d.period != str(period)], models)
    declared = Declaration(
        public_id=sources.new_id(),
        lab_id=actor.party_id,
        agreement_id=agreement.id,
        licence=licences.agreement_name(agreement),
        period=str(period),
        figure=command.figure.value,
        number=len(same) + 1,
        value=value,
        models=models,
        salt=sources.new_id() + sources.new_id(),
        declared_at=now,
    )
    declared.log_index = _logged(session, declared, now)
    session.add(declared)
    session.flush()
    return declared


def _check_asked_for(session: Session, agreement: Agreement, figure: Figure) -> None:
    tariff = licences.tariff_of(session, agreement)
    asked = set(declared_components(tariff).values()) if tariff is not None else set()
    if figure not in asked:
        wanted = ", ".join(sorted(asked)) or "nothing"
        raise InvalidInput(f"The tariff of this agreement asks for no {figure}; it asks for {wanted}.")


def _check_period(agreement: Agreement, period: Period, now: datetime) -> Period:
    over = agreement.ends_at or agreement.valid_to
    if period.end <= agreement.valid_from or (over is not None and over <= period.start):
        raise InvalidInput(f"The agreement was not in force in {period}; there is nothing to declare for it.")
    if now < period.end:
        raise Conflict(f"{period} is not over; declare its figures from {period.end:%Y-%m-%d} on.")
    return period


def _income(command: Declare) -> int:
    amount = command.amount_minor
    if type(amount) is not int or not 0 <= amount <= _MAX_VALUE or command.models is not None:
        raise InvalidInput(
            f"{command.figure} is one amount_minor, a whole number of minor units from 0 to {_MAX_VALUE:,}."
        )
    return amount


def _models(session: Session, actor: Actor, command: Declare) -> list[str]:
    """The ids of the lab's own model versions, in order; none for an income."""
    if command.figure is not Figure.MODEL_VERSIONS:
        return []
    if command.models is None or command.amount_minor is not None or len(command.models) > _MAX_MODELS:
        raise InvalidInput(
            f"model_versions is a list of at most {_MAX_MODELS:,} models of yours; an empty one says there were none."
        )
    for model in command.models:
        parties.model_of(session, actor, model)
    return sorted({format_id("model", model) for model in command.models})


def _check_correction(same: Sequence[Declaration], command: Declare) -> None:
    current = same[-1].public_id if same else None
    if command.corrects == current:
        return
    if current is None:
        raise Conflict(f"There is no {command.figure} of {command.period} to correct.")
    name = format_id("declaration", current)
    raise Conflict(
        f"Another {command.figure} was declared for {command.period}, in {name}. If that was wrong, say that this one "
        "corrects it.",
        declaration=name,
    )


def _check_models_new(others: Sequence[Declaration], models: Sequence[str]) -> None:
    """A model version is paid for once, in the quarter for which it is declared."""
    for earlier in current_only(others):
        for model in sorted(set(models) & set(earlier.models)):
            raise Conflict(f"{model} was declared for {earlier.period} already.", model=model)


def _logged(session: Session, declared: Declaration, now: datetime) -> int:
    leaf = DeclarationLeaf(
        licence=declared.licence,
        period=declared.period,
        figure=declared.figure,
        value=commitment(declared.salt, stated(declared)),
        number=declared.number,
        at=int(now.timestamp()),
    )
    body = leaf.body()
    return log.append(session, [(log.idempotency_key(b"declaration", body), body)])[0]


def stated(declared: Declaration) -> dict[str, Any]:
    """What the log's entry commits to, as canonical JSON."""
    if declared.figure == Figure.MODEL_VERSIONS:
        return {"models": declared.models}
    return {"amount_minor": declared.value}


# -- reading ------------------------------------------------------------------------------------------------
def list_declarations(
    session: Session, actor: Actor, after: bytes | None = None, limit: int = DEFAULT_LIMIT
) -> Page[Declaration]:
    """The declarations that the actor made or that were made to it, oldest first; the operator sees all."""
    return paginate(session, _visible(actor), Declaration, after, limit)


def get_declaration(session: Session, actor: Actor, public_id: bytes) -> Declaration:
    """One of them; `NotFound` for all but the two sides of the agreement and the operator."""
    found = session.scalar(_visible(actor).where(Declaration.public_id == public_id))
    if found is None:
        raise NotFound(f"You have no {format_id('declaration', public_id)}.")
    return found


def declaration_receipt(
    database: Database, actor: Actor, public_id: bytes, key: Callable[[], LogKey], sources: Sources
) -> str:
    """The receipt of a declaration (a C2SP proof file); only if no checkpoint covers it yet, one is signed."""
    try:
        with database.reading() as session:
            return log.receipt(session, get_declaration(session, actor, public_id).log_index)
    except NotReady:
        log.sign_head(database, key(), whole_second(sources.now()))
        with database.reading() as session:
            return log.receipt(session, get_declaration(session, actor, public_id).log_index)


def _visible(actor: Actor) -> Select[Declaration]:
    if Scope.OPERATE in actor.scopes:
        return select(Declaration)
    licensed_out = select(Agreement.id).where(Agreement.owner_id == actor.party_id)
    return select(Declaration).where(
        or_(Declaration.lab_id == actor.party_id, Declaration.agreement_id.in_(licensed_out))
    )


def _history(session: Session, agreement_id: int, figure: Figure) -> list[Declaration]:
    query = select(Declaration).where(
        Declaration.agreement_id == agreement_id, Declaration.figure == figure.value
    )
    return list(session.scalars(query.order_by(Declaration.id)))


# -- for settlements ----------------------------------------------------------------------------------------
def declarations_of(
    session: Session, agreement_ids: Collection[int], before: int
) -> Mapping[tuple[int, str, Figure], Sequence[Declaration]]:
    """All declarations under these agreements with a log index below `before`, in their order, corrections last.

    By private key of the agreement, period and figure.
    """
    query = (
        select(Declaration)
        .where(Declaration.agreement_id.in_(sorted(agreement_ids)), Declaration.log_index < before)
        .order_by(Declaration.log_index)
    )
    found: dict[tuple[int, str, Figure], list[Declaration]] = {}
    for declared in session.scalars(query):
        key = (declared.agreement_id, declared.period, Figure(declared.figure))
        found.setdefault(key, []).append(declared)
    return found


def current_only(declarations: Sequence[Declaration]) -> list[Declaration]:
    """Of each quarter the last one; all of one agreement and figure."""
    return list({declared.period: declared for declared in declarations}.values())


def works_reported_under(session: Session, agreement_id: int, before: datetime) -> int:
    """How many works the claims under this agreement name, of those submitted before that time."""
    query = (
        select(func.count(ClaimRow.work_id.distinct()))
        .join(ClaimBatch, ClaimRow.batch_id == ClaimBatch.id)
        .where(ClaimRow.agreement_id == agreement_id, ClaimBatch.submitted_at < before)
    )
    return session.scalar(query) or 0


def models_reported(session: Session, agreement_id: int, before: datetime) -> set[str]:
    """The models that claims under this agreement name, of those submitted before that time."""
    query = (
        select(ClaimBatch.model_id)
        .join(ClaimRow, ClaimRow.batch_id == ClaimBatch.id)
        .where(ClaimRow.agreement_id == agreement_id, ClaimBatch.submitted_at < before)
        .distinct()
    )
    found = parties.models_by_id(session, set(session.scalars(query)))
    return {format_id("model", model.public_id) for model in found.values()}
