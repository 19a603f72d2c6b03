"""Hold what a settlement rests on against the log: all claims that were due, each row as it was claimed, right prices.

What nobody outside can check is who holds which share, and which titles are contested: that is the registry's own
statement, committed to and made once. A payee can hold its own share against it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Protocol

from crawler.recompute_log import Account, Logged, quarter_of
from registry.core.errors import VerificationFailed
from registry.core.records.claims import rows_root
from registry.core.settlement.declared import Declared
from registry.core.settlement.files import Inputs
from registry.core.settlement.rules import Pool
from registry.core.tariffs import flat_amounts


class Pools(Protocol):
    """A published settlement, as far as it is needed to check later ones."""

    def pools(self) -> list[dict[str, object]]:
        """What it says of each pool."""

    def uses(self, number: int) -> list[tuple[str, ...]]:
        """Log index, row, work, units, unit and how of the uses of pool `number`, from 1."""


def check_inputs(inputs: Inputs, logged: Logged, account: Account, until: Sequence[Pools]) -> None:
    """`VerificationFailed` says what is not as the log has it; `until`: all settlements up to and with this one."""
    try:
        _check(inputs, logged, account, until)
    except VerificationFailed as problem:
        leaf = logged.leaf
        raise VerificationFailed(f"{leaf.settlement} ({leaf.period}): {problem.message}") from problem


def _check(inputs: Inputs, logged: Logged, account: Account, until: Sequence[Pools]) -> None:
    leaf = logged.leaf
    span = (str(inputs.period), inputs.from_index, inputs.to_index)
    if span != (leaf.period, leaf.from_index, leaf.to_index):
        raise VerificationFailed("settlement.json names another period or span than its entry.")
    _check_claims(inputs, logged)
    heads = [each.pools() for each in until]
    for pool in inputs.pools:
        _check_tariff(pool, logged, account)
        if pool.metered:
            _check_metered(pool, logged, heads[:-1])
        else:
            _check_declared(pool, logged, account, until, heads)


# -- claims ------------------------------------------------------------------------------------------------
def _check_claims(inputs: Inputs, logged: Logged) -> None:
    """The rows are those that were logged: all rows of all claims that were due, each once."""
    rows: dict[int, dict[int, bytes]] = defaultdict(dict)
    for index, row, line in _rows(inputs):
        if row in rows[index]:
            raise VerificationFailed(f"Row {row} of entry {index} is in two places.")
        rows[index][row] = line
    if surplus := rows.keys() - logged.claims.keys():
        raise VerificationFailed(f"It takes entry {min(surplus)}, which is no claim that was due.")
    for index, claim in logged.claims.items():
        found = rows.get(index, {})
        data = b"".join(found[row] for row in sorted(found))
        if sorted(found) != list(range(claim.rows)) or rows_root(data).hex() != claim.root:
            raise VerificationFailed(f"The rows of entry {index} are not those that were claimed.")


def _rows(inputs: Inputs) -> Iterator[tuple[int, int, bytes]]:
    """Log index, row, and the row as it was claimed; a pool that is not metered repeats rows of others."""
    for pool in inputs.pools:
        if pool.metered:
            for use in pool.uses:
                line = f"{use.work}\t{use.units}\t{pool.licence}\t{use.how}\n"
                yield use.log_index, use.row, line.encode()
    for free in inputs.free:
        line = f"{free.work}\t{free.units}\t{free.licence}\t{free.how}\n"
        yield free.log_index, free.row, line.encode()


# -- prices ------------------------------------------------------------------------------------------------
def _check_tariff(pool: Pool, logged: Logged, account: Account) -> None:
    """The tariff is in the log, in the version that the licence names."""
    index, leaf = account.tariffs.get(pool.tariff.digest.hex(), (logged.index, None))
    if leaf is None or index >= logged.index:
        raise VerificationFailed(f"The tariff of {pool.licence} is not in the log.")
    same = (leaf.tariff, leaf.version) == (pool.tariff.tariff, pool.tariff.version)
    if not same or pool.licence.rpartition("@")[2] != str(leaf.version):
        raise VerificationFailed(f"The tariff of {pool.licence} is not the version that it names.")


def _check_metered(pool: Pool, logged: Logged, before: Sequence[list[dict[str, object]]]) -> None:
    """Lab and quarter are those of its claims; a flat fee is charged with the quarter's first settlement, once."""
    for index in {use.log_index for use in pool.uses}:
        claim = logged.claims[index]
        if (claim.lab, quarter_of(claim)) != (pool.lab, pool.period):
            raise VerificationFailed(f"{pool.licence} has entry {index}, which is of another lab or quarter.")
    charged = any(
        (head["licence"], head["period"]) == (pool.licence, str(pool.period)) and head["metered"]
        for heads in before
        for head in heads
    )
    if dict(pool.fixed) != ({} if charged else dict(flat_amounts(pool.tariff))):
        raise VerificationFailed(
            f"The flat fee of {pool.licence} for {pool.period} is not charged just once."
        )


def _check_declared(
    pool: Pool,
    logged: Logged,
    account: Account,
    until: Sequence[Pools],
    heads: Sequence[list[dict[str, object]]],
) -> None:
    """The figure is in the log, and its money goes to all that was reported until the end of its quarter."""
    declared = pool.declared
    if declared is None:
        raise VerificationFailed(f"{pool.licence} is charged for nothing that was declared.")
    _check_stated(pool, declared, logged, account)
    _check_reached(pool, until, heads)
    _check_before(pool, declared, heads[:-1])


def _check_stated(pool: Pool, declared: Declared, logged: Logged, account: Account) -> None:
    """What it is charged by, and was charged by before, opens entries of the log from before the settlement."""
    for stated in (declared.now, declared.before):
        if stated is not None:
            leaf = account.declarations.get(stated.log_index)
            if leaf is None or stated.log_index >= logged.leaf.to_index:
                raise VerificationFailed(f"What {pool.licence} is charged by is not in the log.")
            stated.verify(leaf, pool.licence, str(pool.period), declared.figure(pool.tariff))


def _check_reached(pool: Pool, until: Sequence[Pools], heads: Sequence[list[dict[str, object]]]) -> None:
    """The money goes to every use under the licence in all quarters until its own, and to no other."""
    mine = [
        (each, number, head)
        for each, pools in zip(until, heads, strict=True)
        for number, head in enumerate(pools, start=1)
        if head["licence"] == pool.licence and str(head["period"]) <= str(pool.period)
    ]
    settled = {use for each, number, head in mine if head["metered"] for use in each.uses(number)}
    own = {
        (str(use.log_index), str(use.row), use.work, str(use.units), use.unit, str(use.how))
        for use in pool.uses
    }
    if own != settled or {head["lab"] for *_, head in mine} != {pool.lab}:
        raise VerificationFailed(
            f"{pool.licence} does not give what was declared for {pool.period} to all uses until then."
        )


def _check_before(pool: Pool, declared: Declared, heads: Sequence[list[dict[str, object]]]) -> None:
    """What is deducted as charged before is what the newest earlier settlement charged, if one did."""
    earlier = [
        each
        for before in heads
        for head in before
        if (head["licence"], head["period"]) == (pool.licence, str(pool.period))
        for each in [head.get("declared")]
        if isinstance(each, dict) and each["component"] == declared.component
    ]
    deducted = None if declared.before is None else declared.before.published()
    if deducted != (earlier[-1]["now"] if earlier else None):
        raise VerificationFailed(
            f"{pool.licence} is not charged by what was charged for {pool.period} before."
        )
