"""Who holds how much of a right: shares in parts per million, where, and from when to when.

Shares named for a country go before those for the world there; the two are never added up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from registry.core.decisions.terms import WORLD, check_territory
from registry.core.errors import InvalidInput, SharesDoNotSum

WHOLE = 1_000_000
"""Parts per million that a right has."""


class Right(StrEnum):
    """The rights that shares are held in. Training copies, so money for it follows `reproduction`."""

    REPRODUCTION = "reproduction"
    """Copying in any form (Directive 2001/29/EC, Art. 2); mechanical rights, in music."""
    COMMUNICATION = "communication"
    """Communication to the public and making available (Art. 3); performing rights, in music."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many ppm of one right in one territory over [valid_from, valid_to) belong to a party."""

    party_id: int
    right: Right
    territory: str
    valid_from: datetime
    valid_to: datetime | None
    ppm: int

    def holds(self, at: datetime) -> bool:
        """Whether it is valid at this moment."""
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)


def check_shares(shares: Sequence[Share], since: datetime | None = None) -> None:
    """From the first to the last moment at which a right in a territory is shared out, all of it is.

    What held before `since` is not looked at: an imported repertoire may have left a part to nobody.
    `SharesDoNotSum` says what would fit, `details` holds right, territory, from, sum and missing (ppm).
    """
    groups: dict[tuple[Right, str], list[Share]] = defaultdict(list)
    for share in shares:
        check_territory(share.territory)
        if not 0 < share.ppm <= WHOLE:
            raise InvalidInput(f"A share has 1 to {WHOLE:,} ppm; {share.ppm:,} is none.")
        groups[share.right, share.territory].append(share)
    for (right, territory), group in sorted(groups.items()):
        _check_group(right, territory, group, since)


def _check_group(right: Right, territory: str, group: Sequence[Share], since: datetime | None) -> None:
    """The sum can change only where a share begins or ends, so those moments stand for all."""
    moments = {s.valid_from for s in group} | {s.valid_to for s in group if s.valid_to is not None}
    for moment in sorted(m for m in moments if since is None or m >= since):
        held = [s for s in group if s.holds(moment)]
        if not held and moment == max(moments):
            continue
        if len({s.party_id for s in held}) < len(held):
            raise InvalidInput(
                f"A party holds two shares of {right} in {territory} at the same time; write them as one."
            )
        total = sum(s.ppm for s in held)
        if total != WHOLE:
            raise _sum_is_wrong(right, territory, moment, total, len(held))


def _sum_is_wrong(right: Right, territory: str, moment: datetime, total: int, held: int) -> SharesDoNotSum:
    missing = WHOLE - total
    advice = f"add {missing:,}" if missing > 0 else f"take away {-missing:,}"
    if 1 < held <= 10:
        advice += f"; in equal parts it would be {', '.join(f'{part:,}' for part in equal_parts(held))}"
    return SharesDoNotSum(
        f"The shares of {right} in {territory} from {moment:%Y-%m-%dT%H:%M:%SZ} sum to {total:,} ppm, not "
        f"{WHOLE:,}: {advice}.",
        right=right.value,
        territory=territory,
        at=moment.isoformat(),
        sum=total,
        missing=missing,
    )


def equal_parts(holders: int) -> tuple[int, ...]:
    """A whole right in so many parts that differ by at most one ppm, the larger first."""
    part, rest = divmod(WHOLE, holders)
    return tuple(part + (i < rest) for i in range(holders))


def holders(
    shares: Iterable[Share], right: Right, territory: str, at: datetime
) -> tuple[tuple[int, int], ...]:
    """(party, ppm), by party: those of the territory if it has its own, else those of the world."""
    valid = [(s.territory, s.party_id, s.ppm) for s in shares if s.right is right and s.holds(at)]
    return in_place(valid, territory)


def in_place(shares: Sequence[tuple[str, int, int]], territory: str) -> tuple[tuple[int, int], ...]:
    """(party, ppm), by party, of shares there or in the world: those of the territory if it has its own."""
    if len(shares) == 1:  # as most works have
        return (shares[0][1:],)
    for place in (territory, WORLD):
        found = [(party, ppm) for where, party, ppm in shares if where == place]
        if found:
            return tuple(sorted(found))
    return ()


def ends_by(share: Share, moment: datetime) -> bool:
    """Whether it is over at this moment."""
    return share.valid_to is not None and share.valid_to <= moment


def replan(current: Iterable[Share], wanted: Sequence[Share]) -> tuple[Share, ...]:
    """What holds if `wanted` replaces everything from its first moment on; what held before stays as it was."""
    since = min(share.valid_from for share in wanted)
    kept = [
        share if ends_by(share, since) else replace(share, valid_to=since)
        for share in current
        if share.valid_from < since
    ]
    return (*kept, *wanted)
