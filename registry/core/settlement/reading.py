"""Read a settlement's published inputs back, strictly: what is not in its one form is refused by the file's name.

Each file is written again from what was read, and compared; so whoever reads the files and whoever reads only the
numbers in them read the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import islice, pairwise
from typing import Any, NamedTuple

from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.records.canonical import canonical, parse
from registry.core.settlement.declared import Declared, Hold
from registry.core.settlement.files import NAMES, RIGHT, FreeUse, Inputs
from registry.core.settlement.periods import Period
from registry.core.settlement.releases import Held, Release, check_release
from registry.core.settlement.rules import Deductions, Pool, Use
from registry.core.tariffs import Tariff, flat_amounts

_NAME = re.compile(r"[a-z]+(-[0-9]{4,6}){0,2}\.(?:json|jsonl|tsv)")
_ROOT = re.compile(r"[0-9a-f]{64}")
_FRACTION = re.compile(r"-?[0-9]{1,120}(?:/[1-9][0-9]{0,120})?", re.ASCII)
_WORD = re.compile(r"[!-~]{1,100}")


class Entry(NamedTuple):
    """What a listing says of a file."""

    name: str
    lines: int
    root: str


def read_listing(data: bytes) -> list[Entry]:
    """The files of one side, by name; `VerificationFailed` for a listing that is not in order."""
    entries = []
    for line in _text(data, "the listing"):
        name, lines, root = _columns(line, 3, "the listing")
        if not _NAME.fullmatch(name) or not _ROOT.fullmatch(root):
            raise VerificationFailed(f"The listing has a line that names no file: {line[:100]!r}.")
        entries.append(Entry(name, _whole(lines, "the listing"), root))
    names = [entry.name for entry in entries]
    if names != sorted(set(names)):
        raise VerificationFailed("The listing is not in the order of its names, or names a file twice.")
    return entries


def read_inputs(names: list[str], read: Callable[[str], bytes]) -> Inputs:
    """The inputs in the files of these names; `read` gives a file's bytes.

    `VerificationFailed` names the file that is missing, superfluous, or not in its one form.
    """
    left = set(names)
    data: dict[str, bytes] = {}

    def lines_of(stem: str) -> Iterator[str]:
        for name in sorted(name for name in left if re.fullmatch(rf"{stem}-[0-9]{{4}}\.(?:jsonl|tsv)", name)):
            left.discard(name)
            data[name] = read(name)
            yield from _text(data[name], name)

    if "settlement.json" not in left:
        raise VerificationFailed("The listing has no settlement.json.")
    left.discard("settlement.json")
    data["settlement.json"] = read("settlement.json")
    try:
        inputs = _read(data["settlement.json"], lines_of)
    except (InvalidInput, KeyError, TypeError, ValueError, AttributeError) as problem:
        raise VerificationFailed(
            f"{next(reversed(data))} cannot be read as part of a settlement: {problem}"
        ) from problem
    if left:
        raise VerificationFailed(f"{min(left)} belongs to no pool.")
    for file in inputs.files():
        if data.pop(file.name, None) != file.data:
            raise VerificationFailed(f"{file.name} is missing, or not in the form that it must have.")
    if data:
        raise VerificationFailed(f"{min(data)} is not needed.")
    return inputs


def _read(head_data: bytes, lines_of: Callable[[str], Iterator[str]]) -> Inputs:
    head = parse(head_data, "settlement.json")
    if head["right"] != RIGHT:
        raise VerificationFailed(f"settlement.json counts shares of {head['right']!r:.40}, not of {RIGHT}.")
    payees = list(lines_of("payees"))
    if payees != sorted(set(payees)) or not all(map(_ROOT.fullmatch, payees)):
        raise VerificationFailed("The payees are not distinct commitments in order.")
    tariffs = [Tariff.of(parse(line, "tariffs")) for line in lines_of("tariffs")]
    by_digest = {tariff.digest.hex(): tariff for tariff in tariffs}
    heads = [parse(line, "pools") for line in lines_of("pools")]
    pools = [
        _pool(head, by_digest, lines_of(f"uses-{number:06d}"), len(payees))
        for number, head in enumerate(heads, start=1)
    ]
    if [pool.key for pool in pools] != sorted({pool.key for pool in pools}):
        raise VerificationFailed("The pools are not distinct and in order.")
    named = {pool.tariff.digest.hex() for pool in pools}
    texts = [canonical(tariff.as_json()) for tariff in tariffs]
    if texts != sorted(set(texts)) or by_digest.keys() != named:
        raise VerificationFailed("The tariffs are not those that the pools name, in order.")
    return Inputs(
        period=Period.parse(head["period"]),
        from_index=head["from"],
        to_index=head["to"],
        deductions=Deductions(head["management_ppm"], head["social_ppm"]),
        payees=payees,
        tariffs=tariffs,
        pools=pools,
        free=[_free(line) for line in lines_of("free")],
        holds=[_hold(line) for line in lines_of("holds")],
        releases=_releases(lines_of("releases"), len(payees)),
    )


def _pool(head: Mapping[str, Any], tariffs: Mapping[str, Tariff], lines: Iterator[str], payees: int) -> Pool:
    licence = head["licence"]
    if head["tariff"] not in tariffs:
        raise VerificationFailed(f"The tariff of {licence!r:.80} is not among the tariffs.")
    tariff = tariffs[head["tariff"]]
    fixed = dict(head["fixed"])
    declared = Declared.of(head["declared"]) if "declared" in head else None
    if not _is_due(tariff, fixed, declared, head["metered"]):
        raise VerificationFailed(f"{licence!r:.80} is charged for something that its tariff does not charge.")
    uses = [_use(line, payees) for line in islice(lines, head["uses"])]
    if len(uses) != head["uses"] or next(lines, None) is not None:
        raise VerificationFailed(f"{licence!r:.80} has not {head['uses']} uses.")
    _in_order([use[:2] for use in uses], f"The uses of {licence!r:.80}")
    period = Period.parse(head["period"])
    return Pool(licence, tariff, head["lab"], period, fixed, uses, head["metered"], declared)


def _is_due(tariff: Tariff, fixed: Mapping[Any, Any], declared: Declared | None, metered: object) -> bool:
    """Whether these amounts are what the tariff charges: its flat prices beside use, or one component by its figure."""
    if declared is None:
        return metered is True and fixed.items() <= flat_amounts(tariff).items()
    place = declared.component
    if metered is not False or type(place) is not int or not 0 <= place < len(tariff.components):
        return False
    return fixed == {place: declared.amount_minor(tariff)}


def _use(line: str, payees: int) -> Use:
    index, row, work, units, unit, how, state, shares = _columns(line, 8, "a use")
    held = _shares(shares, payees, f"Row {row} of entry {index}")
    if state not in {"-", "contested"} or not _WORD.fullmatch(unit):
        raise VerificationFailed(f"Row {row} of entry {index} is in no known state: {state[:40]!r}.")
    where = "a use"
    return Use(
        _whole(index, where),
        _whole(row, where),
        work,
        _whole(units, where),
        unit,
        _whole(how, where),
        state == "contested",
        held,
    )


def _shares(text: str, payees: int, whose: str) -> tuple[tuple[int, int], ...]:
    pairs = [] if text == "-" else [share.partition(":") for share in text.split(",")]
    held = tuple((_whole(payee, "a share"), _whole(ppm, "a share")) for payee, _, ppm in pairs)
    if any(payee >= payees or not ppm for payee, ppm in held) or [p for p, _ in held] != sorted(
        {payee for payee, _ in held}
    ):
        raise VerificationFailed(f"{whose} has shares that no payee can have: {text[:80]}.")
    return held


_HELD = {name: payee for payee, name in NAMES.items()}


def _releases(lines: Iterator[str], payees: int) -> list[Release]:
    releases = []
    signs: dict[tuple[int, int], bool] = {}
    for line in lines:
        *held, decision, shares = _columns(line, 11, "a release")
        part = part_of_row(held)
        name = f"What is released of row {part.row} of entry {part.log_index}"
        logged = None if decision == "-" else _whole(decision, "a release")
        each = Release(part, logged, _shares(shares, payees, name))
        problem = check_release(each)
        if problem is not None:
            raise VerificationFailed(f"{name} is none: {problem}.")
        owed = part.exact[0] > 0
        if part.exact[0] and signs.setdefault((part.settlement, part.pool), owed) != owed:
            raise VerificationFailed(f"{name} is owed, and others of its pool are given back.")
        releases.append(each)
    _in_order([each.held.key for each in releases], "The releases")
    return releases


def part_of_row(cells: list[str]) -> Held:
    """A part of a row of an earlier settlement that nobody was given; `VerificationFailed` if it is none."""
    where = "a held part"
    settlement, pool, index, row, work, payee, ppm, exact, amount = cells
    if payee not in _HELD:
        raise VerificationFailed(f"{payee[:40]!r} is held for nobody.")
    return Held(
        _whole(settlement, where),
        _whole(pool, where),
        _whole(index, where),
        _whole(row, where),
        work,
        _HELD[payee],
        _whole(ppm, where),
        _fraction(exact, where),
        _signed(amount, where),
    )


def _fraction(text: str, where: str) -> tuple[int, int]:
    if not _FRACTION.fullmatch(text):
        raise VerificationFailed(f"{text[:40]!r} in {where} is no fraction.")
    return Fraction(text).as_integer_ratio()


def _signed(text: str, where: str) -> int:
    return -_whole(text[1:], where) if text.startswith("-") else _whole(text, where)


def _hold(line: str) -> Hold:
    licence, period, component, figure, reason = _columns(line, 5, "a hold")
    return Hold(licence, period, _whole(component, "a hold"), figure, reason)


def _free(line: str) -> FreeUse:
    where = "a free use"
    index, row, work, units, licence, how = _columns(line, 6, where)
    return FreeUse(
        _whole(index, where), _whole(row, where), work, _whole(units, where), licence, _whole(how, where)
    )


def _in_order(places: list[tuple[Any, ...]], what: str) -> None:
    if any(earlier >= later for earlier, later in pairwise(places)):
        raise VerificationFailed(f"{what} are not distinct and in the order of the log.")


def _text(data: bytes, name: str) -> list[str]:
    if data and not data.endswith(b"\n"):
        raise VerificationFailed(f"{name} was cut off.")
    try:
        return data.decode("ascii").split("\n")[:-1]
    except UnicodeDecodeError as problem:
        raise VerificationFailed(f"{name} is not plain ASCII.") from problem


def _columns(line: str, count: int, where: str) -> list[str]:
    found = line.split("\t")
    if len(found) != count:
        raise VerificationFailed(f"A line of {where} has {len(found)} columns, not {count}: {line[:80]!r}.")
    return found


def _whole(text: str, where: str) -> int:
    if not text.isdigit() or len(text) > 16:
        raise VerificationFailed(f"{text[:40]!r} in {where} is no whole number.")
    return int(text)
