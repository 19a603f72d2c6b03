"""Shares as a form has them: lines of an account's number and a percentage, for every right alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from registry.core.decisions.terms import WORLD
from registry.core.errors import InvalidInput, NotFound
from registry.core.ids import format_id, parse_id
from registry.parties import service as parties
from registry.web.formats import percent
from registry.web.forms import Form
from registry.web.i18n import gettext as _
from registry.works.models import ShareRow
from registry.works.service import NewShare, Right
from registry.works.shares import WHOLE

MAX_LINES = 20


@dataclass(frozen=True, slots=True)
class Line:
    """One holder, as it stands in the form."""

    party: str
    percent: str


def lines_of(form: Form) -> list[Line]:
    """The lines that were filled in."""
    pairs = zip(form.values.getlist("holder"), form.values.getlist("percent"), strict=False)
    return [Line(p.strip(), n.strip()) for p, n in pairs if p.strip() or n.strip()][:MAX_LINES]


def parse_percent(text: str) -> int:
    """Parts per million of a percentage with up to four decimals, written with a point or a comma."""
    whole, _point, decimals = text.replace("%", "").strip().replace(",", ".").partition(".")
    if not (whole.isascii() and whole.isdigit()) or len(whole) > 3 or len(decimals) > 4:
        raise InvalidInput("A share is a percentage, such as 33.3333.")
    if decimals and not (decimals.isascii() and decimals.isdigit()):
        raise InvalidInput("A share is a percentage, such as 33.3333.")
    return int(whole) * 10_000 + int(decimals.ljust(4, "0"))


def read_shares(session: Session, form: Form) -> tuple[NewShare, ...]:
    """The shares that the form states, in every right and everywhere; none if they are wrong, with a sentence.

    An empty form states nothing: all rights are the owner's.
    """
    lines = lines_of(form)
    try:
        stated = [(parse_id("party", line.party), parse_percent(line.percent)) for line in lines]
        for party, _ppm in stated:
            parties.party_by_public_id(session, party)
    except (InvalidInput, NotFound):
        form.errors["shares"] = _(
            "Each line has the number of an account, which begins with party_, and a percentage such as 33.3333."
        )
        return ()
    if stated and (wrong := _what_is_wrong([p for p, _n in stated], [n for _p, n in stated])):
        form.errors["shares"] = wrong
        return ()
    return tuple(NewShare(party, ppm, right) for right in Right for party, ppm in stated)


def _what_is_wrong(holders: Sequence[bytes], shares: Sequence[int]) -> str | None:
    """A sentence with a proposal, if the shares are not one whole right."""
    if len(set(holders)) < len(holders):
        return _("Somebody stands here twice. Write one line for each.")
    if any(share == 0 for share in shares):
        return _("A share is more than 0 %. Leave out who has none.")
    total = sum(shares)
    rest = WHOLE - (total - shares[-1])
    if total == WHOLE:
        return None
    if 0 < rest <= WHOLE:
        return _(
            "Together that is %(total)s. With %(rest)s in the last line it adds up.",
            total=percent(total),
            rest=percent(rest),
        )
    return _("Together that is %(total)s, but it must be 100 %%.", total=percent(total))


def lines_now(shares: Iterable[tuple[bytes, ShareRow]], now: datetime) -> list[tuple[bytes, int]]:
    """Who holds the reproduction right everywhere now: account and ppm."""
    return [
        (party, row.ppm)
        for party, row in shares
        if row.right == Right.REPRODUCTION
        and row.territory == WORLD
        and row.valid_from <= now
        and (row.valid_to is None or now < row.valid_to)
    ]


def as_lines(held: Iterable[tuple[bytes, int]]) -> list[Line]:
    """These shares as lines of the form."""
    return [Line(format_id("party", party), percent(ppm).removesuffix("\u00a0%")) for party, ppm in held]
