"""The ledger as beancount sees it: exact, in every currency's decimals."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from registry.remuneration.beancount import Entry, account_name, to_beancount
from registry.remuneration.rules import Posting

ENTRIES = [
    Entry(
        date(2026, 11, n + 1),
        "charge",
        bytes([n]) * 32,
        (
            Posting("Assets:Receivable:party_1ab", currency, 12345),
            Posting("Liabilities:Pool:agreement_x-2026-Q4", currency, -12300),
            Posting("Liabilities:Unclaimed:2026", currency, -45),
        ),
    )
    for n, currency in enumerate(("EUR", "JPY", "KWD"))
]


def bean_check(folder: Path, text: str) -> int:
    """The exit code of beancount's own program."""
    file = folder / "ledger.beancount"
    file.write_text(text, "utf-8")
    program = str(Path(sys.executable).parent / "bean-check")
    return subprocess.run([program, "--no-cache", str(file)], check=False, capture_output=True).returncode


def test_accounts_have_beancounts_letters() -> None:
    assert account_name("Liabilities:Payee:party_01ab") == "Liabilities:Payee:Party-01ab"


def test_an_empty_ledger_is_a_file_too(tmp_path: Path) -> None:
    assert bean_check(tmp_path, "\n".join(to_beancount([])) + "\n") == 0


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("123.45 EUR", "123.46 EUR"), (" 12345 JPY", " 12346 JPY"), ("12.345 KWD", "12.344 KWD")],
)
def test_one_minor_unit_off_is_found_by_bean_check(tmp_path: Path, right: str, wrong: str) -> None:
    """In an entry as well as in what an account must hold."""
    text = "\n".join(to_beancount(ENTRIES)) + "\n"
    assert bean_check(tmp_path, text) == 0
    head, _, end = text.rpartition(right)
    assert bean_check(tmp_path, text.replace(right, wrong, 1)) == 1
    assert bean_check(tmp_path, head + wrong + end) == 1
