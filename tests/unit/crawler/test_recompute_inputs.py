"""What a settlement rests on, held against the log: each lie of a registry that publishes and logs it is found."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from crawler.recompute_inputs import check_inputs
from crawler.recompute_log import Account, Logged
from registry.core.errors import VerificationFailed
from registry.core.records.claims import rows_root
from registry.core.records.leaves import SettlementLeaf, TariffLeaf, UseLeaf
from registry.core.settlement.files import FreeUse, Inputs
from registry.core.settlement.periods import Period
from registry.core.settlement.rules import Deductions, Pool, Use
from registry.core.tariffs import FlatPerPeriod, PerUnit, Tariff, Unit, flat_amounts

QUARTER = Period(2026, 3)
AT = int(QUARTER.start.timestamp())
TARIFF = Tariff("tariff_1", 3, "EUR", (PerUnit(40, 100, Unit.IMAGE), FlatPerPeriod(90)))
LICENCE, FREE = "agreement_1@3", "agreement_2@1"
USES = [Use(7, row, f"work_{row}", 10, "image", 2, False, ((0, 1_000_000),)) for row in range(2)]
ROWS = b"".join(b"work_%d\t10\t%s\t2\n" % (n, LICENCE.encode()) for n in range(2)) + (
    f"work_2\t4\t{FREE}\t1\n".encode()
)
CLAIM = UseLeaf(
    dataset="sha256:" + "11" * 32,
    lab="lab_1",
    model="model_1",
    rows=3,
    root=rows_root(ROWS).hex(),
    at=AT,
    who="22" * 32,
)
LEAF = SettlementLeaf(
    settlement="settlement_1",
    period=str(QUARTER),
    from_index=7,
    to_index=8,
    inputs="33" * 32,
    lines=2,
    root="44" * 32,
    at=AT,
)
LOGGED = Logged(8, LEAF, {7: CLAIM})
VERSION = TariffLeaf(tariff="tariff_1", version=3, terms=TARIFF.digest.hex(), at=AT)
ACCOUNT = Account([LOGGED], {TARIFF.digest.hex(): (2, VERSION)}, {})
POOL = Pool(LICENCE, TARIFF, "lab_1", QUARTER, flat_amounts(TARIFF), USES)
INPUTS = Inputs(
    QUARTER, 7, 8, Deductions(), ["55" * 32], [TARIFF], [POOL], [FreeUse(7, 2, "work_2", 4, FREE, 1)]
)


@dataclass(frozen=True)
class Before:
    """An earlier settlement, as far as it is looked at."""

    period: str

    def pools(self) -> list[dict[str, object]]:
        """One, which charged the flat fee."""
        return [{"licence": LICENCE, "period": self.period, "metered": True, "lab": "lab_1"}]

    def uses(self, number: int) -> list[tuple[str, ...]]:
        """None that matter."""
        raise AssertionError(number)


NOW = Before("2020-Q1")


def check(inputs: Inputs, account: Account = ACCOUNT, before: tuple[Before, ...] = ()) -> None:
    """Against the log above."""
    check_inputs(inputs, LOGGED, account, [*before, NOW])


def with_pool(**changes: object) -> Inputs:
    """The inputs, with a pool of which something is different."""
    return replace(INPUTS, pools=[replace(POOL, **changes)])  # type: ignore[arg-type]


def test_what_was_claimed_and_priced_is_right() -> None:
    """With the flat fee at the first settlement of the quarter, and without it at the next."""
    check(INPUTS)
    check(INPUTS, before=(Before("2026-Q2"),))
    check(with_pool(fixed={}), before=(Before("2026-Q3"),))


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (replace(INPUTS, from_index=6), "another period or span"),
        (replace(INPUTS, period=Period(2026, 2)), "another period or span"),
        (replace(INPUTS, free=[]), "not those that were claimed"),
        (with_pool(uses=USES[:1]), "not those that were claimed"),
        (with_pool(uses=[USES[0]._replace(units=11), USES[1]]), "not those that were claimed"),
        (with_pool(uses=[USES[0]._replace(how=1), USES[1]]), "not those that were claimed"),
        (with_pool(uses=[*USES, USES[1]]), "in two places"),
        (with_pool(uses=[*USES, USES[1]._replace(log_index=6)]), "no claim that was due"),
        (with_pool(licence="agreement_1@2"), "not those that were claimed"),
        (with_pool(lab="lab_2"), "another lab or quarter"),
        (with_pool(period=Period(2026, 2)), "another lab or quarter"),
        (with_pool(fixed={}), "not charged just once"),
        (with_pool(tariff=replace(TARIFF, components=TARIFF.components[:1])), "not in the log"),
        (with_pool(metered=False), "not those that were claimed"),
    ],
)
def test_a_lie_is_found(inputs: Inputs, said: str) -> None:
    """And named together with the settlement."""
    with pytest.raises(VerificationFailed, match=f"settlement_1 .*{said}"):
        check(inputs)


def test_a_flat_fee_that_is_charged_again_is_found() -> None:
    """By what the earlier settlement of the quarter says of the same licence."""
    with pytest.raises(VerificationFailed, match="not charged just once"):
        check(INPUTS, before=(Before("2026-Q3"),))


@pytest.mark.parametrize(
    "found",
    [
        (2, replace(VERSION, version=2)),
        (2, replace(VERSION, tariff="tariff_2")),
        (8, VERSION),
    ],
    ids=["another version", "another tariff", "logged afterwards"],
)
def test_a_tariff_that_is_not_the_agreed_one_is_found(found: tuple[int, TariffLeaf]) -> None:
    """Though its terms are in the log."""
    with pytest.raises(VerificationFailed, match="tariff"):
        check(INPUTS, replace(ACCOUNT, tariffs={TARIFF.digest.hex(): found}))
