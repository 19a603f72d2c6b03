"""What a settlement releases, held against earlier ones: each lie of a registry that publishes and logs it is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from crawler.recompute_log import Account, Logged
from crawler.recompute_releases import check_releases
from registry.core.errors import VerificationFailed
from registry.core.records.leaves import SettlementLeaf
from registry.core.settlement.files import Inputs
from registry.core.settlement.periods import Period
from registry.core.settlement.releases import Held, Release
from registry.core.settlement.rules import DISPUTED, UNCLAIMED, WHOLE, Deductions

DISPUTE = Held(8, 1, 7, 0, "work_0", DISPUTED, WHOLE, (100, 1), 100)
REST = Held(8, 1, 7, 1, "work_1", UNCLAIMED, 750_000, (75, 1), 75)
LEAF = SettlementLeaf(
    settlement="settlement_2",
    period="2026-Q4",
    from_index=20,
    to_index=20,
    inputs="33" * 32,
    lines=2,
    root="44" * 32,
    at=int(datetime(2027, 1, 2, tzinfo=UTC).timestamp()),
)
FIRST = Logged(8, replace(LEAF, settlement="settlement_1", period="2026-Q3", from_index=7, to_index=8), {})
NOW = Logged(20, LEAF, {})
ACCOUNT = Account([FIRST, NOW], {}, {}, frozenset({5, 15, 25}))
RELEASES = [Release(DISPUTE, 15, ((0, WHOLE),)), Release(REST, None, ((0, 500_000),))]


@dataclass(frozen=True)
class Files:
    """A published settlement: one pool, of which two rows are held, or what it released."""

    given: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    held: tuple[str, ...] = (
        "7\t0\twork_0\tdisputed\t1000000\t100\t100",
        "7\t1\twork_1\t0\t250000\t25\t25",
        "7\t1\twork_1\tunclaimed\t750000\t75\t75",
    )

    def pools(self) -> list[dict[str, object]]:
        """Of the summer of 2026."""
        return [{"period": "2026-Q3"}]

    def contested(self, number: int) -> Iterator[tuple[str, str]]:
        """The first row."""
        assert number == 1
        yield "7", "0"

    def lines(self, number: int) -> Iterator[list[str]]:
        """What came out."""
        assert number == 1
        return (line.split("\t") for line in self.held)

    def releases(self) -> Iterator[list[str]]:
        """What it gave."""
        return (line.split("\t") for line in self.given)

    def released(self) -> Iterator[list[str]]:
        """And what of it is left."""
        return (line.split("\t") for line in self.rest)


def check(*releases: Release, logged: Logged = NOW, before: tuple[Files, ...] = (Files(),)) -> None:
    """In a settlement that does nothing else."""
    found = Inputs(Period(2026, 4), 20, 20, Deductions(), ["55" * 32], [], [], releases=releases)
    check_releases(found, logged, ACCOUNT, before)


def test_what_was_held_may_be_released() -> None:
    """In dispute by a decision, and what nobody was known for."""
    check()
    check(*RELEASES)


@pytest.mark.parametrize(
    ("release", "said"),
    [
        (RELEASES[0]._replace(held=DISPUTE._replace(amount_minor=101)), "not held as"),
        (RELEASES[0]._replace(held=DISPUTE._replace(exact=(101, 1))), "not held as"),
        (RELEASES[0]._replace(held=DISPUTE._replace(work="work_9")), "not held as"),
        (RELEASES[1]._replace(held=REST._replace(ppm=250_000)), "not held as"),
        (RELEASES[1]._replace(held=REST._replace(row=2)), "not held as"),
        (RELEASES[0]._replace(held=DISPUTE._replace(settlement=9)), "no settlement before it"),
        (RELEASES[0]._replace(held=DISPUTE._replace(settlement=20)), "no settlement before it"),
        (RELEASES[0]._replace(decision=None), "no decision is named"),
        (RELEASES[0]._replace(decision=5), "no decision about a title"),
        (RELEASES[0]._replace(decision=25), "no decision about a title"),
        (RELEASES[1]._replace(decision=16), "no decision about a title"),
    ],
)
def test_a_release_of_what_was_not_held_so_is_found(release: Release, said: str) -> None:
    """And named together with the settlement."""
    with pytest.raises(VerificationFailed, match=f"settlement_2 .*{said}"):
        check(release)


def test_what_was_released_before_is_not_released_again() -> None:
    """But the rest of it is, for which still nobody was known."""
    earlier = Files(
        given=("8\t1\t7\t1\twork_1\tunclaimed\t750000\t75\t75\t-\t0:500000",),
        rest=(
            "8\t1\t7\t1\twork_1\t0\t500000\t50\t50",
            "8\t1\t7\t1\twork_1\tunclaimed\t250000\t25\t25",
        ),
    )
    with pytest.raises(VerificationFailed, match="not held as"):
        check(RELEASES[1], before=(Files(), earlier))
    rest = REST._replace(ppm=250_000, exact=(25, 1), amount_minor=25)
    check(Release(rest, None, ((0, 250_000),)), before=(Files(), earlier))


def test_unclaimed_money_is_released_until_its_three_years_are_over() -> None:
    """What was in dispute is released at any time."""
    last = int(datetime(2029, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
    check(*RELEASES, logged=replace(NOW, leaf=replace(LEAF, at=last)))
    over = replace(NOW, leaf=replace(LEAF, at=last + 1))
    check(RELEASES[0], logged=over)
    with pytest.raises(VerificationFailed, match="2030-01-01"):
        check(RELEASES[1], logged=over)


def test_an_earlier_quarter_does_not_release_of_a_later_one() -> None:
    """Else its statement would have the money of another."""
    with pytest.raises(VerificationFailed, match="later quarter"):
        check(RELEASES[0], logged=replace(NOW, leaf=replace(LEAF, period="2026-Q2")))
