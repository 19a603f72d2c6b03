"""Who is to be paid for the use of a work: whose title counts, and who holds which share of it.

Shares are those on record when the use was reported. What was missing of them then, or if too many were claimed the
whole, goes by the shares that are in force now: nothing is back-dated, so a holder who becomes known later is on record
from then on only. If a person found for the earlier of two titles, what the newer one brings is the earlier one's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

from registry.core.settlement.files import RIGHT
from registry.core.settlement.releases import Shares, completed
from registry.core.settlement.rules import WHOLE
from registry.works import service as works
from registry.works.service import TitlePath


class Entitled(NamedTuple):
    """Who holds a work; private keys."""

    shares: Shares
    """(party, ppm), each party once; they may sum to less than the whole, or to more."""
    contested: bool = False
    """Whether it is not decided whose title counts; the shares are of the work itself then."""
    path: TitlePath = ()
    """To the work that a person found for, if it is another one: the shares are of that."""

    @property
    def payable(self) -> bool:
        """Whether anybody can be paid; if not, the whole row is held in dispute."""
        return not self.contested and sum(ppm for _, ppm in self.shares) <= WHOLE


def entitled_to(
    session: Session, work_ids: Collection[int], territory: str, at: datetime, now: datetime
) -> Mapping[int, Entitled]:
    """Each of these works (private keys), used there and then, as it is known now. Equal ones are one object."""
    paths = works.titles_in_conflict(session, work_ids)
    rightful = {work: paths[work][-1] if paths.get(work) else work for work in work_ids}
    then = _shares(session, set(rightful.values()), territory, at)
    unsettled = {work for work in rightful.values() if sum(ppm for _, ppm in then.get(work, ())) != WHOLE}
    today = _shares(session, unsettled, territory, now)
    known: dict[Entitled, Entitled] = {}
    found = {}
    for work, owner in rightful.items():
        shares = then.get(owner, ())
        if owner in unsettled:
            shares = completed(shares, today.get(owner, ()))
        each = Entitled(shares, paths.get(work) == (), paths.get(work, ()))
        found[work] = known.setdefault(each, each)
    return found


def _shares(session: Session, work_ids: Collection[int], territory: str, at: datetime) -> dict[int, Shares]:
    """The shares of each work at a time, each party once."""
    found = {}
    for work_id, shares in works.shares_of(session, work_ids, RIGHT, territory, at).items():
        sums: Counter[int] = Counter()
        for party, ppm in shares:
            sums[party] += ppm
        found[work_id] = tuple(sorted((party, ppm) for party, ppm in sums.items() if ppm))
    return found
