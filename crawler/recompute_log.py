"""What a log says about settlements: which claims each one must have taken, without asking the registry.

A settlement takes every claim that stands before its size of the log, was made before the end of its period, and was
taken by none before it. So the log alone tells which claims they are, and a claim cannot be left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from crawler.audit_reading import ServedLog
from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.records.leaves import (
    AnyLeaf,
    DeclarationLeaf,
    SettlementLeaf,
    TariffLeaf,
    TitleLeaf,
    UseLeaf,
    parse_leaf,
)
from registry.core.settlement.periods import Period
from registry.core.tlog import tiles
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.merkle import Edge, leaf_hash


@dataclass(frozen=True, slots=True)
class Logged:
    """A settlement as the log has it."""

    index: int
    leaf: SettlementLeaf
    claims: Mapping[int, UseLeaf]
    """Those that it must take, by log index."""


@dataclass(frozen=True, slots=True)
class Account:
    """Everything in the log that settlements rest on."""

    settlements: list[Logged]
    """In the order of the log."""
    tariffs: Mapping[str, tuple[int, TariffLeaf]]
    """Index and entry of each version, by the digest (hex) of its terms."""
    declarations: Mapping[int, DeclarationLeaf]
    """What labs declared, by log index."""
    titles: frozenset[int] = frozenset()
    """Log indices of the decisions about titles in conflict."""


def read_account(log: ServedLog, signed: Checkpoint) -> Account:
    """Read the log from its beginning. `VerificationFailed` if it is not what was signed, or settles out of order."""
    open_claims: dict[int, UseLeaf] = {}
    settlements: list[Logged] = []
    tariffs: dict[str, tuple[int, TariffLeaf]] = {}
    declarations: dict[int, DeclarationLeaf] = {}
    titles: set[int] = set()
    for index, leaf in _leaves(log, signed):
        if isinstance(leaf, UseLeaf):
            open_claims[index] = leaf
        elif isinstance(leaf, TariffLeaf):
            tariffs[leaf.terms] = (index, leaf)
        elif isinstance(leaf, DeclarationLeaf):
            declarations[index] = leaf
        elif isinstance(leaf, TitleLeaf):
            titles.add(index)
        elif isinstance(leaf, SettlementLeaf):
            settlements.append(Logged(index, leaf, _taken(index, leaf, open_claims)))
    return Account(settlements, tariffs, declarations, frozenset(titles))


def _leaves(log: ServedLog, signed: Checkpoint) -> Iterator[tuple[int, AnyLeaf]]:
    """All entries of kinds that we know; the root is compared at the end."""
    edge = Edge()
    for start in range(0, signed.size, tiles.WIDTH):
        entries = log.entries(start, min(start + tiles.WIDTH, signed.size))
        for index, entry in enumerate(entries, start=start):
            edge.push(leaf_hash(entry))
            try:
                yield index, parse_leaf(entry)
            except InvalidInput:
                continue  # the audit itself has named it
    if edge.root() != signed.root:
        raise VerificationFailed("The entries that are served are not those under the signed root.")


def _taken(index: int, leaf: SettlementLeaf, open_claims: dict[int, UseLeaf]) -> dict[int, UseLeaf]:
    """Take the claims of this settlement out of those that are open."""
    name = f"The settlement in entry {index}"
    try:
        end = Period.parse(leaf.period).end.timestamp()
    except InvalidInput as problem:
        raise VerificationFailed(f"{name} is of no period: {leaf.period[:20]!r}.") from problem
    taken = {i: claim for i, claim in open_claims.items() if i < leaf.to_index and claim.at < end}
    for claim in taken:
        del open_claims[claim]
    if leaf.to_index > index or leaf.from_index != min(taken, default=leaf.to_index):
        raise VerificationFailed(
            f"{name} says that it begins at {leaf.from_index}; its first claim is elsewhere."
        )
    return taken


def quarter_of(claim: UseLeaf) -> Period:
    """The quarter in which a claim came in."""
    return Period.of(datetime.fromtimestamp(claim.at, UTC))
