r"""The published form of a settlement: what goes in and what comes out, as text files that have one form only.

    inputs   settlement.json           period, the span of the log, the deductions, the right whose shares count
             payees-0001.tsv           line n, from 0: a salted commitment to who payee n is
             tariffs-0001.jsonl        the tariff versions, as their digests are taken
             pools-0001.jsonl          licence, quarter, lab, tariff and number of uses of each pool; what is charged
                                       of components that are not priced by the unit, by place in the tariff; the
                                       declared figure, with what opens its entry in the log
             uses-000001-0001.tsv      of the first pool: log index, row, work, units, unit, how, contested, shares
             free-0001.tsv             rows under a licence free of charge: log index, row, work, units, licence, how
             holds-0001.tsv            what could not be priced: licence, quarter, component, figure, reason
             releases-0001.tsv         what earlier settlements held and is given to its holders now: settlement (log
                                       index), its pool, log index, row, work, `disputed` or `unclaimed`, ppm, exact,
                                       amount, the decision about the title (log index) or `-`, shares
    outputs  totals-0001.jsonl         what each pool comes to, and what is deducted from it
             lines-000001-0001.tsv     of the first pool: log index, row, work, payee, ppm, exact, amount
             released-0001.tsv         what is released: settlement, pool, log index, row, work, payee, ppm, exact,
                                       amount

Each side has a `listing.tsv`, `name\tlines\troot`, where the root is that of the file's lines in the tree of RFC 6962;
the root over the listing's lines is what the settlement's leaf commits to. So one line is provable without the others,
and a file that was changed can be named. Nothing in a file names a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from registry.core.records.canonical import canonical
from registry.core.settlement.declared import Hold
from registry.core.settlement.periods import Period
from registry.core.settlement.releases import Held, Release, Released
from registry.core.settlement.rules import DISPUTED, UNCLAIMED, Deductions, Distribution, Line, Pool, Use
from registry.core.tariffs import Tariff
from registry.core.tlog import merkle

RIGHT = "reproduction"
"""Training copies works, so its money follows the shares of this right (Directive 2001/29/EC, Art. 2)."""
INPUTS, OUTPUTS = "inputs", "outputs"
SIDES = (INPUTS, OUTPUTS)
LISTING = "listing.tsv"
"""The name of a side's listing, beside its files."""
PART = 50_000
"""A file has at most so many lines, about five megabytes."""
NAMES = {UNCLAIMED: "unclaimed", DISPUTED: "disputed"}
"""How payees that are none are written."""


@dataclass(frozen=True)
class File:
    """One published file."""

    name: str
    data: bytes

    @property
    def lines(self) -> int:
        """Each ends with a line feed."""
        return self.data.count(b"\n")

    @cached_property
    def root(self) -> bytes:
        """Over its lines, without their line feeds."""
        return root_of_lines(self.data)

    @property
    def entry(self) -> str:
        """Its line in the listing."""
        return f"{self.name}\t{self.lines}\t{self.root.hex()}"


def root_of_lines(data: bytes) -> bytes:
    """The root over the lines of a file or a listing (RFC 6962)."""
    return merkle.root_of_leaves(data.split(b"\n")[:-1])


def listing(entries: Iterable[str]) -> bytes:
    """One side's listing, by name."""
    return "".join(f"{entry}\n" for entry in sorted(entries)).encode()


def parts(stem: str, ending: str, lines: Iterable[str]) -> Iterator[File]:
    """Lines as files of at most `PART` lines; none for no lines."""
    rest, number = iter(lines), 0
    while chunk := list(islice(rest, PART)):
        number += 1
        yield File(f"{stem}-{number:04d}.{ending}", "".join(f"{line}\n" for line in chunk).encode())


# -- what goes in ------------------------------------------------------------------------------------------
class FreeUse(NamedTuple):
    """A row under a licence that costs nothing: listed, so that a claim can be seen to be complete."""

    log_index: int
    row: int
    work: str
    units: int
    licence: str
    how: int


@dataclass(frozen=True)
class Inputs:
    """Everything that one settlement computes with."""

    period: Period
    from_index: int
    """Log index of the first claim that it takes, or `to_index`."""
    to_index: int
    """Size of the log that it rests on."""
    deductions: Deductions
    payees: Sequence[str]
    """Salted commitments (hex), in their order; a payee's number is its place."""
    tariffs: Sequence[Tariff]
    """Each version that a pool names, by its canonical JSON."""
    pools: Sequence[Pool]
    """By licence and period."""
    free: Sequence[FreeUse] = field(default=())
    """By log index and row."""
    holds: Sequence[Hold] = field(default=())
    """What could not be priced, in order."""
    releases: Sequence[Release] = field(default=())
    """What earlier settlements held, by settlement, pool, log index and row."""

    def files(self) -> Iterator[File]:
        """The inputs as they are published."""
        head = {
            "from": self.from_index,
            "management_ppm": self.deductions.management_ppm,
            "period": str(self.period),
            "right": RIGHT,
            "social_ppm": self.deductions.social_ppm,
            "to": self.to_index,
        }
        yield File("settlement.json", canonical(head) + b"\n")
        yield from parts("payees", "tsv", self.payees)
        yield from parts(
            "tariffs", "jsonl", (canonical(tariff.as_json()).decode() for tariff in self.tariffs)
        )
        yield from parts("pools", "jsonl", map(_pool_line, self.pools))
        for number, pool in enumerate(self.pools, start=1):
            yield from parts(f"uses-{number:06d}", "tsv", map(_use_line, pool.uses))
        yield from parts("free", "tsv", ("\t".join(map(str, use)) for use in self.free))
        yield from parts("holds", "tsv", ("\t".join(map(str, hold)) for hold in self.holds))
        yield from parts("releases", "tsv", map(_release_line, self.releases))


def _pool_line(pool: Pool) -> str:
    facts: dict[str, Any] = {
        "fixed": [list(pair) for pair in sorted(pool.fixed.items())],
        "lab": pool.lab,
        "licence": pool.licence,
        "metered": pool.metered,
        "period": str(pool.period),
        "tariff": pool.tariff.digest.hex(),
        "uses": len(pool.uses),
    }
    if pool.declared is not None:
        facts["declared"] = pool.declared.as_json()
    return canonical(facts).decode()


def _use_line(use: Use) -> str:
    state, shares = "contested" if use.contested else "-", _shares_text(use.shares)
    return f"{use.log_index}\t{use.row}\t{use.work}\t{use.units}\t{use.unit}\t{use.how}\t{state}\t{shares}"


def _release_line(release: Release) -> str:
    decision = "-" if release.decision is None else release.decision
    return f"{_part_of_row(release.held)}\t{decision}\t{_shares_text(release.shares)}"


def _shares_text(shares: Iterable[tuple[int, int]]) -> str:
    return ",".join([f"{payee}:{ppm}" for payee, ppm in shares]) or "-"


# -- what comes out ----------------------------------------------------------------------------------------
def output_files(
    pools: Iterable[Pool], splits: Iterable[Distribution], released: Iterable[Released] = ()
) -> Iterator[File]:
    """The outputs as they are published: the lines of each pool, the totals of all, and what is released."""
    totals = []
    for number, (pool, split) in enumerate(zip(pools, splits, strict=True), start=1):
        yield from parts(f"lines-{number:06d}", "tsv", map(_line_line, split.lines))
        totals.append(_total_line(pool, split))
    yield from parts("totals", "jsonl", totals)
    yield from parts("released", "tsv", map(_part_of_row, released))


def _total_line(pool: Pool, distribution: Distribution) -> str:
    """What the pool comes to."""
    facts = {
        "currency": pool.currency,
        "lab": pool.lab,
        "licence": pool.licence,
        "management": distribution.management_minor,
        "part": pool.part,
        "period": str(pool.period),
        "social": distribution.social_minor,
        "total": distribution.total_minor,
    }
    return canonical(facts).decode()


def exact_text(exact: tuple[int, int]) -> str:
    """`386` or `1156/3`."""
    numerator, denominator = exact
    return str(numerator) if denominator == 1 else f"{numerator}/{denominator}"


def _line_line(line: Line) -> str:
    payee = NAMES.get(line.payee, line.payee)
    exact = exact_text(line.exact)
    return f"{line.log_index}\t{line.row}\t{line.work}\t{payee}\t{line.ppm}\t{exact}\t{line.amount_minor}"


def _part_of_row(part: Held | Released) -> str:
    """What was held of a row of an earlier settlement, or what was released of it."""
    *place, payee, ppm, exact, amount = part
    facts = (*place, NAMES.get(payee, payee), ppm, exact_text(exact), amount)
    return "\t".join(map(str, facts))
