"""The two societies' tariffs in the reference of remuneration, computed again from the numbers on the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

from registry.core.settlement.declared import Declared, Stated
from registry.core.settlement.periods import Period
from registry.core.settlement.rules import Deductions, Distribution, Pool, Use, distribute
from registry.core.tariffs import Tariff, parse_components

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "remuneration.md"
SECTION = PAGE.read_text("utf-8").partition("### Two societies' tariffs")[2].partition("\n## ")[0]
TARIFFS = [
    Tariff("tariff_x", 1, currency, parse_components(json.loads(block)))
    for currency, block in zip(
        ("SEK", "EUR"), re.findall(r"```json\n(.*?)\n```", SECTION, re.DOTALL), strict=True
    )
]
TABLES = [
    [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if not set(line) <= set("|-")
    ]
    for table in re.findall(r"(?:^\|.*\|$\n?)+", SECTION, re.MULTILINE)
]
STIM, GEMA = TARIFFS


def stated(index: int, value: int | list[str]) -> Stated:
    """A declaration."""
    if isinstance(value, list):
        return Stated(index, None, tuple(value), "00" * 32)
    return Stated(index, value, (), "00" * 32)


def settled(tariff: Tariff, uses: list[Use], declared: Declared) -> Distribution:
    """As a settlement charges one declared figure."""
    fixed = {declared.component: declared.amount_minor(tariff)}
    pool = Pool("agreement_x@1", tariff, "lab", Period(2026, 4), fixed, uses, False, declared)
    return distribute(pool, Deductions())


def use(row: int, units: int, *shares: tuple[int, int]) -> Use:
    """A row of a claim."""
    return Use(7, row, f"work_{row}", units, "audio_minute", 1, contested=False, shares=shares)


def amounts(split: Distribution) -> list[int]:
    """Of the lines, in their order."""
    return [line.amount_minor for line in split.lines]


def test_model_versions_equally_and_a_share_by_use() -> None:
    head, *rows = TABLES[0]
    uses = [use(n, int(row[1]), (n, 1_000_000)) for n, row in enumerate(rows)]
    per_model = settled(STIM, uses, Declared(0, stated(1, ["model_a", "model_b"])))
    income = settled(STIM, uses, Declared(1, stated(2, int(head[3].split()[-1]))))
    assert (per_model.total_minor, income.total_minor) == (50_000_000, 6_172_839)
    assert amounts(per_model) == [int(row[2]) for row in rows]
    assert amounts(income) == [int(row[3]) for row in rows]


def test_a_share_of_net_income_with_a_minimum_and_its_correction() -> None:
    head, *rows = TABLES[1]
    figures = [int(title.split()[-1]) for title in head[2:]]
    units = [int(row[1]) for row in rows]
    uses = [use(0, units[0], (0, 1_000_000)), use(1, units[1], (1, 500_000), (2, 500_000))]
    quarters = [
        Declared(0, stated(1, figures[0])),
        Declared(0, stated(2, figures[1])),
        Declared(0, stated(3, figures[2]), before=stated(2, figures[1])),
        Declared(1, stated(4, figures[3])),
    ]
    splits = [settled(GEMA, uses, declared) for declared in quarters]
    assert [split.total_minor for split in splits] == [5_000_000, 16_296_596, -300_000, 100_000]
    assert list(zip(*map(amounts, splits), strict=True)) == [tuple(map(int, row[2:])) for row in rows]
