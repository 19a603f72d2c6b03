"""A settlement as files: what was written is read back, and anything else is refused by the file's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from registry.core.errors import VerificationFailed
from registry.core.settlement import files
from registry.core.settlement.declared import Hold
from registry.core.settlement.files import FreeUse, Inputs, listing, root_of_lines
from registry.core.settlement.periods import Period
from registry.core.settlement.reading import read_inputs, read_listing
from registry.core.settlement.releases import Held, Release
from registry.core.settlement.rules import DISPUTED, UNCLAIMED, Deductions, Pool, Use
from registry.core.tariffs import FlatPerPeriod, PerUnit, Tariff, Unit, flat_amounts
from registry.core.tlog import merkle

TARIFF = Tariff("tariff_1", 1, "EUR", (PerUnit(40, 100, Unit.IMAGE), FlatPerPeriod(90)))
QUARTER = Period(2026, 3)


def use(row: int, *shares: tuple[int, int], contested: bool = False) -> Use:
    """Of the claim at 7."""
    return Use(7, row, f"work_{row}", 10 + row, "image", 2, contested, shares)


POOLS = [
    Pool("agreement_1@1", TARIFF, "lab_1", QUARTER, flat_amounts(TARIFF), [use(0, (0, 1_000_000)), use(1)]),
    Pool("agreement_2@1", TARIFF, "lab_1", QUARTER, {}, [use(2, (0, 9), (1, 5), contested=True)]),
]
INPUTS = Inputs(
    period=QUARTER,
    from_index=7,
    to_index=9,
    deductions=Deductions(90_000, 10_000),
    payees=["ab" * 32, "cd" * 32],
    tariffs=[TARIFF],
    pools=POOLS,
    free=[FreeUse(7, 3, "work_9", 4, "agreement_3@1", 1)],
    holds=[Hold("agreement_1@1", "2026-Q3", 1, "net_income", "not-declared")],
    releases=[
        Release(Held(5, 1, 2, 0, "work_4", DISPUTED, 1_000_000, (10, 3), 4), 6, ((0, 400_000), (1, 600_000))),
        Release(Held(5, 1, 2, 1, "work_5", UNCLAIMED, 250_000, (1, 7), 0), None, ((1, 1),)),
        Release(Held(5, 2, 3, 0, "work_6", DISPUTED, 1_000_000, (-9, 1), -9), 6, ()),
    ],
)


def written(inputs: Inputs = INPUTS) -> dict[str, bytes]:
    """The files by name."""
    return {file.name: file.data for file in inputs.files()}


def read(data: dict[str, bytes]) -> Inputs:
    """From these files."""
    return read_inputs(sorted(data), data.__getitem__)


@pytest.mark.parametrize("part", [1, 2, 50_000])
def test_what_is_written_is_read(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In files of any length; an empty settlement has its head alone."""
    monkeypatch.setattr(files, "PART", part)
    assert read(written()) == INPUTS
    empty = replace(INPUTS, payees=[], tariffs=[], pools=[], free=[], holds=[], releases=[])
    assert list(written(empty)) == ["settlement.json"]
    assert read(written(empty)) == empty


def swapped(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """A change that finds what it changes."""

    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return change


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("settlement.json", swapped(b"reproduction", b"communication"), "communication"),
        ("settlement.json", swapped(b"90000", b"990000"), "settlement.json|per million"),
        ("settlement.json", swapped(b'"from"', b'"form"'), "from"),
        ("settlement.json", swapped(b",", b", "), "settlement.json"),
        ("payees-0001.tsv", swapped(b"ab", b"ef"), "payees"),
        ("payees-0001.tsv", swapped(b"ab" * 32, b"cd" * 32), "payees"),
        ("tariffs-0001.jsonl", swapped(b"40", b"41"), "tariff"),
        ("pools-0001.jsonl", swapped(b'"uses":2', b'"uses":3'), "has not 3 uses"),
        ("pools-0001.jsonl", swapped(b"[1,90]", b"[1,91]"), "does not charge"),
        ("pools-0001.jsonl", swapped(b"[1,90]", b"[0,90]"), "does not charge"),
        ("pools-0001.jsonl", swapped(b"agreement_1", b"agreement_3"), "in order"),
        ("pools-0001.jsonl", swapped(b"2026-Q3", b"2026-Q5"), "pools|period"),
        ("uses-000001-0001.tsv", swapped(b"0:1000000", b"2:1000000"), "no payee"),
        ("uses-000001-0001.tsv", swapped(b"0:1000000", b"0:0"), "no payee"),
        ("uses-000001-0001.tsv", swapped(b"\t10\t", b"\t010\t"), "uses-000001-0001.tsv"),
        ("uses-000001-0001.tsv", swapped(b"\t10\t", b"\t-10\t"), "no whole number"),
        ("uses-000001-0001.tsv", swapped(b"\timage\t", b"\timage\t\t"), "columns"),
        ("uses-000001-0001.tsv", lambda data: b"".join(data.splitlines(keepends=True)[::-1]), "order"),
        ("uses-000002-0001.tsv", swapped(b"0:9,1:5", b"1:5,0:9"), "no payee"),
        ("uses-000002-0001.tsv", swapped(b"contested", b"disputed"), "no known state"),
        ("uses-000002-0001.tsv", lambda data: data[:-1], "cut off"),
        ("releases-0001.tsv", swapped(b"\tdisputed\t", b"\t1\t"), "held for nobody"),
        ("releases-0001.tsv", swapped(b"\tdisputed\t1000000", b"\tdisputed\t999999"), "only whole rows"),
        ("releases-0001.tsv", swapped(b"0:400000", b"0:400001"), "shares are more"),
        ("releases-0001.tsv", swapped(b"\t1:1\n", b"\t-\n"), "to nobody"),
        ("releases-0001.tsv", swapped(b"\t-9\t-9\t", b"\t9\t-9\t"), "not one of what it is exactly"),
        ("releases-0001.tsv", swapped(b"5\t2\t3\t0", b"5\t1\t3\t0"), "given back"),
        ("releases-0001.tsv", swapped(b"10/3", b"20/6"), "releases-0001.tsv"),
        ("releases-0001.tsv", swapped(b"10/3", b"10/0"), "no fraction"),
        ("releases-0001.tsv", swapped(b"\t1\t2\t1\t", b"\t1\t2\t0\t"), "order"),
        ("free-0001.tsv", swapped(b"work", "wörk".encode()), "ASCII"),
    ],
)
def test_what_is_not_in_order_is_refused(name: str, change: Callable[[bytes], bytes], said: str) -> None:
    """Whatever it is, and with its place."""
    data = written()
    data[name] = change(data[name])
    with pytest.raises(VerificationFailed, match=said):
        read(data)


def test_files_that_are_missing_or_too_many_are_named() -> None:
    """None is left unread."""
    for name in written():
        data = written()
        del data[name]
        if name not in {
            "free-0001.tsv",
            "holds-0001.tsv",
            "releases-0001.tsv",
        }:  # that rows are missing is for the claims to tell
            with pytest.raises(VerificationFailed, match=r".+"):
                read(data)
    with pytest.raises(VerificationFailed, match=r"uses-000003-0001\.tsv belongs to no pool"):
        read(written() | {"uses-000003-0001.tsv": b"x\n"})


def test_a_listing_names_each_file_once_and_in_order() -> None:
    """Its root is over its lines, and a file's root is over its own."""
    entries = [file.entry for file in INPUTS.files()]
    data = listing(reversed(entries))
    assert [entry.name for entry in read_listing(data)] == sorted(written())
    assert root_of_lines(data) == merkle.root_of_leaves(entry.encode() for entry in sorted(entries))
    first = data.splitlines(keepends=True)[0]
    for wrong in (first + data, data[:-1], data + b"../x\t1\t" + b"0" * 64 + b"\n", data + b"z.tsv\t1\n"):
        with pytest.raises(VerificationFailed):
            read_listing(wrong)
