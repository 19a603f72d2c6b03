"""What a lab is asked to declare, and what a declaration costs: told before it binds, by the functions that charge it.

A table of declarations is taken whole or not at all. It is checked by declaring it in a transaction that is rolled
back, so whatever would be refused is refused there, line by line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.base.spreadsheets import Line, read_table
from registry.core.errors import Conflict, InvalidInput, NotFound, VorbehaltError
from registry.core.ids import format_id, parse_id
from registry.core.settlement.periods import Period
from registry.core.tariffs import Component, Figure, Tariff, amount_due, declared_components
from registry.licences import service as licences
from registry.licences.service import Agreement
from registry.parties import service as parties
from registry.remuneration.declared import missing, periods_asked, places_asked
from registry.remuneration.models import DeclaredCharge
from registry.remuneration.money import minor
from registry.usage import service as usage
from registry.usage.service import Declaration

COLUMNS: Final = ("agreement", "period", "figure", "value")
MAX_LINES: Final = 1_000
_ALL: Final = 2**53
_NONE: Final = "none"


# -- what is asked ------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Asked:
    """A figure of one agreement and quarter that some component is priced by."""

    agreement: Agreement
    licence: str
    period: Period
    figure: Figure
    tariff: Tariff
    history: Sequence[Declaration]
    """What was declared for it so far, corrections last."""
    reason: str | None
    """Why the component cannot be priced: `not-over`, `not-declared` or `model-missing`; `None` if it can be."""


def asked_of(session: Session, actor: Actor, sources: Sources) -> list[Asked]:
    """From the first reported use on, quarter by quarter, the newest first: what was declared and what is missing."""
    now = whole_second(sources.now())
    own = {a.id: a for a in licences.agreements_with_figures(session) if a.licensee_id == actor.party_id}
    first = usage.first_claims(session, own, _ALL, Period.of(now).end)
    history = usage.declarations_of(session, first, _ALL)
    found = []
    for key, begun in first.items():
        agreement = own[key]
        for period in periods_asked(agreement, Period.of(begun), Period.of(now)):
            for figure in sorted({figure for _, figure in places_asked(session, agreement)}):
                told = history.get((key, str(period), figure), ())
                reason = missing(session, key, period, figure, told, history, now)
                name = licences.agreement_name(agreement)
                found.append(
                    Asked(agreement, name, period, figure, _tariff(session, agreement), told, reason)
                )
    return sorted(
        found, key=lambda each: (-each.period.year, -each.period.quarter, each.licence, each.figure)
    )


def _tariff(session: Session, agreement: Agreement) -> Tariff:
    tariff = licences.tariff_of(session, agreement)
    if tariff is None:
        raise InvalidInput("This licence is free of charge; nothing is declared for it.")
    return tariff


# -- what it means ------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Part:
    """What one component costs by the figure."""

    component: Component
    amount_minor: int
    charged_minor: int | None
    """What was charged for it by an earlier declaration; the difference is booked."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """A declaration, and what follows from it."""

    declaration: Declaration
    period: Period
    currency: str
    parts: Sequence[Part]
    works: int
    """How many works were reported under the agreement until the end of the quarter: they are paid by it."""
    models: Sequence[str] = ()
    """Names of the model versions."""
    again: bool = False
    """Whether it is on record already."""
    line: int | None = None
    """Of the table that it stands in."""

    @property
    def total_minor(self) -> int:
        """What is due by the figure, for the quarter."""
        return sum(part.amount_minor for part in self.parts)

    @property
    def charged_minor(self) -> int | None:
        """What was charged before, if anything was."""
        charged = [part.charged_minor for part in self.parts if part.charged_minor is not None]
        return sum(charged) if charged else None


def meaning_of(session: Session, actor: Actor, declaration: Declaration, sources: Sources) -> Meaning:
    """What the figure costs by the tariff of its agreement, and how many works are paid by it."""
    public_id = parse_id("agreement", declaration.licence.partition("@")[0])
    tariff = _tariff(session, licences.get_agreement(session, actor, public_id, sources))
    period = Period.parse(declaration.period)
    parts = [
        Part(
            tariff.components[place],
            amount_due(tariff.components[place], declaration.value),
            _charged(session, declaration, place),
        )
        for place, figure in sorted(declared_components(tariff).items())
        if figure == declaration.figure
    ]
    named = [parties.model_of(session, actor, parse_id("model", model)) for model in declaration.models]
    return Meaning(
        declaration,
        period,
        tariff.currency,
        parts,
        usage.works_reported_under(session, declaration.agreement_id, period.end),
        [f"{model.name} {model.version}" for model in named],
    )


def _charged(session: Session, declaration: Declaration, place: int) -> int | None:
    """By the last declaration of the same figure that a settlement took, if that is an earlier one."""
    same = select(Declaration.id).where(
        Declaration.agreement_id == declaration.agreement_id,
        Declaration.period == declaration.period,
        Declaration.figure == declaration.figure,
        Declaration.id < declaration.id,
    )
    query = select(DeclaredCharge.amount_minor).where(
        DeclaredCharge.declaration_id.in_(same), DeclaredCharge.component == place
    )
    return session.scalar(query.order_by(DeclaredCharge.declaration_id.desc()).limit(1))


# -- a table of declarations --------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Refused:
    """A line that cannot be declared."""

    line: Line
    code: str
    """`line`, `agreement`, `period`, `figure`, `value`, `not-over`, `declared` or `model`: what the words are about."""
    message: str
    declaration: str | None = None
    """The one that it would have to correct."""


def read_declarations(data: bytes) -> list[Line]:
    """The lines of a table; `InvalidInput` if it is none, or has more than can be declared at once."""
    lines = read_table(data, COLUMNS, ("corrects",))
    if not 0 < len(lines) <= MAX_LINES:
        raise InvalidInput(f"A table of declarations has 1 to {MAX_LINES:,} lines.")
    return lines


def rehearse(
    session: Session, actor: Actor, lines: Sequence[Line], sources: Sources
) -> tuple[list[Meaning], list[Refused]]:
    """Declare each line that can be, in a session that the caller rolls back: what they mean, and what is wrong."""
    newest = session.scalar(select(func.max(Declaration.id))) or 0
    meanings, refused = [], []
    for line in lines:
        try:
            with session.begin_nested():
                declared = _declare(session, actor, line, sources)
                meaning = meaning_of(session, actor, declared, sources)
        except _LineError as error:
            refused.append(Refused(line, error.details["about"], error.message))
        except VorbehaltError as error:
            refused.append(Refused(line, _about(error), error.message, error.details.get("declaration")))
        else:
            meanings.append(_on_line(meaning, line.number, again=declared.id <= newest))
    return meanings, refused


def declare_all(session: Session, actor: Actor, lines: Sequence[Line], sources: Sources) -> list[Declaration]:
    """Declare all lines in the caller's transaction; any error is one of its lines, and then nothing is declared."""
    return [_declare(session, actor, line, sources) for line in lines]


def _on_line(meaning: Meaning, number: int, *, again: bool) -> Meaning:
    m = meaning
    return Meaning(m.declaration, m.period, m.currency, m.parts, m.works, m.models, again, number)


class _LineError(InvalidInput):
    """A cell cannot be read."""


def _declare(session: Session, actor: Actor, line: Line, sources: Sources) -> Declaration:
    return usage.declare(session, actor, _command(session, actor, line, sources), sources)


def _command(session: Session, actor: Actor, line: Line, sources: Sources) -> usage.Declare:
    """The line as a command; `InvalidInput` says which cell cannot be read."""
    cells = line.cells
    if not line.whole:
        raise _LineError("It has another number of cells than the header.", about="line")
    if cells["figure"] not in set(Figure):
        raise _LineError(f"The figures are {', '.join(Figure)}.", about="figure")
    figure = Figure(cells["figure"])
    try:
        agreement = parse_id("agreement", cells["agreement"].partition("@")[0])
        corrects = parse_id("declaration", cells["corrects"]) if cells.get("corrects") else None
    except InvalidInput as error:
        raise _LineError(error.message, about="agreement") from error
    try:
        period = str(Period.parse(cells["period"]))
    except InvalidInput as error:
        raise _LineError(error.message, about="period") from error
    tariff = _tariff(session, licences.get_agreement(session, actor, agreement, sources))
    try:
        if figure is Figure.MODEL_VERSIONS:
            return usage.Declare(agreement, period, figure, models=_models(cells["value"]), corrects=corrects)
        return usage.Declare(
            agreement, period, figure, amount_minor=_amount(cells["value"], tariff), corrects=corrects
        )
    except InvalidInput as error:
        raise _LineError(error.message, about="value") from error


def _models(text: str) -> tuple[bytes, ...]:
    """Ids with blanks between them, or `none`: an empty cell is nothing that anybody has declared."""
    if not text:
        raise InvalidInput(f"Write the ids of the model versions, or “{_NONE}”.")
    return () if text == _NONE else tuple(parse_id("model", name) for name in text.split())


def _amount(text: str, tariff: Tariff) -> int:
    """`1234567.89` or `1234567,89`; without marks between thousands, which could be either."""
    return minor(text.replace(",", "."), tariff.currency)


def _about(error: VorbehaltError) -> str:
    """What a refusal of the service is about."""
    if isinstance(error, Conflict):
        return (
            "declared"
            if "declaration" in error.details
            else "model"
            if "model" in error.details
            else "not-over"
        )
    if isinstance(error, NotFound):
        return "value" if "model_" in error.message else "agreement"
    return "figure"


def as_line(asked: Asked, value: str, corrects: bytes | None) -> bytes:
    """A table of this one line, as the page for one figure sends it on."""
    named = "" if corrects is None else format_id("declaration", corrects)
    said = " ".join(value.replace('"', "").split())
    cells = (asked.licence.partition("@")[0], str(asked.period), asked.figure.value, said, named)
    return "\n".join(("\t".join((*COLUMNS, "corrects")), "\t".join(cells), "")).encode()


def next_due(asked: Sequence[Asked], now: datetime) -> list[Asked]:
    """Those that could be declared now and were not, or lack a model: what holds money up."""
    return [
        each for each in asked if each.reason in {"not-declared", "model-missing"} and each.period.end <= now
    ]
