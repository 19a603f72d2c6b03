"""The file for the bank: right by our own rules and by two schemas, and the same bytes each time."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest
from lxml import etree

from registry.core.errors import Conflict, InvalidInput
from registry.remuneration import payout_rules as rules
from registry.remuneration.payout_rules import Payment
from registry.remuneration.sepa import bank_file
from tests.factories import START
from tests.support.bank import IBANS, TRUST

MESSAGE = rules.message_id(bytes(range(16)))
PAYMENTS = [
    Payment(f"party_{n}", name, IBANS[n], amount, rules.end_to_end_id(MESSAGE, n + 1))
    for n, (name, amount) in enumerate([("Änne Müller", 12345), ("B & <Co>", 1), ("Cees", 1000)])
]
SCHEMAS = ("sepaxml/schemas/pain.001.001.09.xsd", "pain001/templates/pain.001.001.09/pain.001.001.09.xsd")


def made(payments: list[Payment] = PAYMENTS) -> bytes:
    """The file of these payments."""
    return bank_file(*TRUST, MESSAGE, payments, START, date(2026, 8, 3), "Vorbehalt")


@pytest.mark.parametrize("schema", SCHEMAS)
def test_two_schemas_of_different_packages_accept_it(schema: str, tmp_path: Path) -> None:
    """By xmllint; and they refuse a file with one element too many, so they are looked at."""
    xmllint = shutil.which("xmllint")
    package, _, path = schema.partition("/")
    xsd = Path(str(files(package).joinpath(path)))
    file = tmp_path / "pain.001.xml"
    for data, ok in (
        (made(), True),
        (made().replace(b"<PmtMtd>TRF</PmtMtd>", b"<PmtMtd>ABC</PmtMtd>"), False),
    ):
        file.write_bytes(data)
        assert etree.XMLSchema(etree.parse(xsd)).validate(etree.parse(file)) is ok
        if xmllint:
            command = [xmllint, "--noout", "--nonet", "--schema", str(xsd), str(file)]
            assert (subprocess.run(command, check=False, capture_output=True).returncode == 0) is ok


def test_the_same_payments_make_the_same_bytes() -> None:
    assert made() == made()
    text = made().decode()
    assert text.count("<EndToEndId>PO-") == 3
    assert "<CtrlSum>133.46</CtrlSum>" in text
    assert "PstlAdr" not in text
    assert max(len(payment.end_to_end_id) for payment in PAYMENTS) <= 35


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (replace(PAYMENTS[0], iban="DE89370400440532013001"), "no IBAN"),
        (replace(PAYMENTS[0], iban="DE89 3704 0044 0532 0130 00"), "normal form"),
        (replace(PAYMENTS[0], holder="N" * 80), "1 to 70"),
        (replace(PAYMENTS[0], end_to_end_id=PAYMENTS[1].end_to_end_id), "same end-to-end id"),
        (replace(PAYMENTS[0], amount_minor=0), "no payment"),
        (replace(PAYMENTS[0], amount_minor=-5), "no payment"),
        (replace(PAYMENTS[0], amount_minor=10**11), "no payment"),
        (replace(PAYMENTS[0], end_to_end_id="x" * 36), "schema"),
    ],
)
def test_what_a_bank_would_let_through_is_refused(changed: Payment, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        made([changed, *PAYMENTS[1:]])


def test_nobody_to_pay_is_no_file() -> None:
    with pytest.raises(InvalidInput, match="nobody"):
        made([])


@pytest.mark.parametrize(
    "text", ["", "DE", "DE00370400440532013000", "DE8937040044053201300", "XX89370400440532013000"]
)
def test_ibans_with_a_wrong_digit_or_length_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="IBAN"):
        rules.check_iban(text)


def test_an_iban_outside_sepa_is_refused() -> None:
    """Brazil's example in the IBAN registry."""
    with pytest.raises(InvalidInput, match="SEPA"):
        rules.check_iban("BR1800360305000010009795493C1")


def test_ibans_are_taken_as_people_write_them() -> None:
    assert rules.check_iban("de89 3704 0044 0532 0130 00") == IBANS[0]


def test_only_who_is_owed_the_threshold_and_has_an_account_is_paid() -> None:
    owed = {"a": 1000, "b": 999, "c": 5000, "d": -3}
    assert rules.payable(owed, {"a", "b", "d"}, 1000) == [("a", 1000)]
    assert rules.payable(owed, {"a", "b"}, 1) == [("a", 1000), ("b", 999)]
    with pytest.raises(InvalidInput):
        rules.payable(owed, {"a"}, 0)


def test_money_on_its_way_is_not_there_twice() -> None:
    """100 on the account, 60 of it promised: 40 can be paid."""
    rules.check_funds(40, 100, -60)
    with pytest.raises(Conflict, match=r"0\.40 to give"):
        rules.check_funds(41, 100, -60)
