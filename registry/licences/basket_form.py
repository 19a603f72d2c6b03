"""Reading what is put into a basket: numbers that were typed, a table, what a run reported; and the questions to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.paging import MAX_LIMIT
from registry.base.spreadsheets import read_table
from registry.core.decisions import Purpose
from registry.core.decisions.terms import WORLD, check_territory
from registry.core.errors import Conflict, InvalidInput, NotFound
from registry.core.ids import format_id, parse_id
from registry.licences import basket
from registry.remuneration import service as remuneration
from registry.usage import service as usage
from registry.web.forms import Form, sent_file
from registry.web.i18n import gettext as _
from registry.works import service as works

_SHOWN = 5
"""So many wrong numbers are named."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What the page is looked at for: it is in its address, so that it survives reloading and can be kept."""

    purpose: Purpose = Purpose.TRAIN_GENAI
    territory: str = WORLD
    preferred: tuple[str, ...] = ()
    """Offers that the lab would rather accept than others about the same works, `offer_…`."""

    @property
    def args(self) -> dict[str, Any]:
        """For `url_for`."""
        return {
            "purpose": self.purpose.value,
            "territory": self.territory,
            "prefer": list(self.preferred),
        }


def looked(form: Form) -> Looked:
    """Purpose, place and preferred offers of an address or a form; an error at the field of what cannot be taken."""
    purpose = Purpose.TRAIN_GENAI
    if form.text("purpose"):
        purpose = form.take("purpose", Purpose, _("Choose one of these.")) or purpose
    wrong = _("A country’s two letters, or world.")
    territory = form.take("territory", lambda text: check_territory(text.strip() or WORLD), wrong)
    return Looked(purpose, territory or WORLD, tuple(dict.fromkeys(form.values.getlist("prefer")))[:100])


def read_put(session: Session, lab: Actor, form: Form, sources: Sources) -> dict[bytes, int | None]:
    """How much of which work is to be put in, by public id; `form.errors` says what cannot be.

    `TooManyWorks` for a single offer that no basket can hold: it can still be read, and accepted, by itself.
    """
    units: dict[bytes, int | None] = {}
    numbers = form.text("numbers").replace(",", " ").replace(";", " ").split()
    if numbers:
        units.update(_typed(session, lab, form, numbers, sources))
    data = sent_file(form, "table")
    if data:
        units.update(_of_table(form, data))
    if form.text("run"):
        units.update(_of_run(session, lab, form, sources))
    if not units and not form.errors:
        form.errors["numbers"] = _("Write a number here, or choose a table or a run.")
    return units


def put_or_say(
    session: Session, lab: Actor, form: Form, units: Mapping[bytes, int | None], sources: Sources
) -> int:
    """Put it into the basket; what is refused is said at the form, and nothing was put."""
    field = "numbers" if form.text("numbers") else "table"
    try:
        return basket.put(session, lab, units, sources)
    except NotFound as error:
        form.errors[field] = _(
            "Not on record: %(numbers)s. Nothing was put in.", numbers=_named(error.details["works"])
        )
    except Conflict:
        form.errors[field] = _(
            "A basket holds %(most)s works. Take licences for some first, or take some out.",
            most=f"{basket.MAX_BASKET:,}",
        )
    return 0


def _named(numbers: Sequence[str]) -> str:
    more = len(numbers) - _SHOWN
    shown = ", ".join(numbers[:_SHOWN])
    return f"{shown} (+{more})" if more > 0 else shown


def _typed(
    session: Session, lab: Actor, form: Form, numbers: Sequence[str], sources: Sources
) -> dict[bytes, None]:
    try:
        return dict.fromkeys(basket.wanted(session, lab, numbers, sources))
    except InvalidInput as error:
        number = error.details["number"][:60]
        form.errors["numbers"] = _("“%(number)s” is no number of a work, an offer or a maker.", number=number)
    except NotFound as error:
        number = error.details["number"]
        form.errors["numbers"] = _("%(number)s: nothing is offered to you there now.", number=number)
    except basket.TooManyWorks as error:
        if error.is_offer and len(numbers) == 1:
            raise  # it is read by itself
        form.errors["numbers"] = _(
            "%(number)s is about more works than a basket holds. Put in one offer by itself to read it as a whole.",
            number=error.number,
        )
    return {}


def _of_run(session: Session, lab: Actor, form: Form, sources: Sources) -> dict[bytes, int]:
    """The works that the lab reported from a run and may use no longer, as often as it reported them."""
    try:
        run = usage.get_run(session, lab, form.text("run"))
    except NotFound:
        form.errors["run"] = _("Choose one of your runs.")
        return {}
    denied: list[bytes] = []
    after = None
    while True:
        page = usage.changes_of_run(session, lab, run.run_id, sources.now(), after, MAX_LIMIT)
        denied += [item.work for item in page.items]
        after = page.next
        if after is None or len(denied) > basket.MAX_BASKET:
            break
    if not denied:
        form.errors["run"] = _("Nothing that you reported from this run is denied to you.")
        return {}
    keys = works.work_ids_by_public_id(session, denied)
    units = usage.works_reported(session, run, basket.MAX_BASKET * 20)
    return {public_id: units.get(keys[public_id], 1) for public_id in denied}


# -- tables -------------------------------------------------------------------------------------------------
def _of_table(form: Form, data: bytes) -> dict[bytes, int]:
    try:
        uses = _of_costs(data) if data.lstrip().startswith(b"{") else _of_lines(data)
    except InvalidInput as error:
        form.errors["table"] = _(
            "This is no table with a column work, and none that “vorbehalt cost” wrote: %(where)s.",
            where=error.details.get("where") or _("it cannot be read"),
        )
        return {}
    if len(uses) > basket.MAX_BASKET:
        form.errors["table"] = _(
            "A basket holds %(most)s works. Take licences for some first, or take some out.",
            most=f"{basket.MAX_BASKET:,}",
        )
    return uses


def _of_lines(data: bytes) -> dict[bytes, int]:
    """The columns work and units of a table; without units, once."""
    uses = []
    for line in read_table(data, ("work",), ("units", "licence", "how"), without_header="work_"):
        units = line.cells.get("units") or "1"
        if not units.isascii() or not units.isdecimal() or not 0 < int(units[:17]) < 2**53:
            raise InvalidInput("Units are whole numbers.", where=_line(line.number, units))
        try:
            uses.append((parse_id("work", line.cells["work"]), int(units[:17])))
        except InvalidInput as error:
            where = _line(line.number, line.cells["work"])
            raise InvalidInput(error.message, where=where) from None
    return remuneration.summed(uses)


def _line(number: int, cell: str) -> str:
    return _("line %(number)s, “%(cell)s”", number=number, cell=cell[:40])


def _of_costs(data: bytes) -> dict[bytes, int]:
    """The works in what `vorbehalt cost RUN --json` wrote, without those that this registry said it does not have."""
    try:
        document = json.loads(data)
        rows = [row for row in document["works"] if row["reason"] != "unknown"]
        uses = [(parse_id("work", str(row["work"])), row["units"]) for row in rows]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidInput("This is not what vorbehalt cost wrote.") from None
    if any(type(units) is not int for _, units in uses):
        raise InvalidInput("Units are whole numbers.")
    return remuneration.summed(uses)


def numbers_of(public_ids: Sequence[bytes]) -> str:
    """Works as one writes them into a form, one a line."""
    return "\n".join(format_id("work", public_id) for public_id in public_ids)
