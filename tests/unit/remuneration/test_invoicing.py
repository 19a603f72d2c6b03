"""Invoices from settlements: numbers without a gap, each issued once, kept byte for byte, taken back once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DatabaseError

from registry.base.settings import Settings
from registry.core.decisions import Purpose
from registry.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from registry.core.ids import format_id
from registry.remuneration import service as remuneration
from registry.remuneration.bank_details import set_bank_account
from registry.remuneration.billing import check_side, issuer_of, set_billing_details
from registry.remuneration.invoice_models import Invoice
from registry.remuneration.invoicing import (
    IssueInvoices,
    by_number,
    document_of,
    get_invoice,
    issue_invoices,
    list_invoices,
    take_back,
)
from registry.remuneration.ledger import balance
from registry.remuneration.models import LedgerEntry, Settlement
from registry.remuneration.payouts import PreparePayouts, RecordPayment, prepare_payouts, record_payment
from tests.support.bank import IBANS, TRUST
from tests.support.usage import FLAT, Trade, name, row

ISSUER = check_side("Treuhand GmbH", ("Musterweg 1", "10115 Berlin"), "DE", "DE136695976")


def settled(trade: Trade, purpose: Purpose = Purpose.TRAIN_GENAI) -> Settlement:
    """40 euro of a lab that gave its billing details."""
    work = trade.work()
    licence = trade.agreement(work, components=[{**FLAT, "amount_minor": 4000}], purpose=purpose)
    trade.claim(row(work, licence, 12), purpose=purpose.value)
    return remuneration.settle(trade.session, trade.operator, "2026-Q3", trade.sources)


def address(trade: Trade, country: str = "DE", vat_id: str | None = None) -> None:
    """The lab says where its invoices go."""
    side = check_side("Beispiel KI GmbH", ("Beispielweg 2",), country, vat_id)
    set_billing_details(trade.session, trade.lab, side, trade.sources)


def issue(trade: Trade, settlement: Settlement) -> Invoice:
    """As the operator does."""
    command = IssueInvoices(settlement.public_id, trade.lab.public_id, ISSUER)
    (invoice,) = issue_invoices(trade.session, trade.operator, command, trade.sources)
    return invoice


def owed(trade: Trade, account: str) -> int:
    return balance(trade.session, account).get("EUR", 0)


def test_an_invoice_is_issued_once_and_kept(trade: Trade) -> None:
    """Again it is the same, even after the address has changed; its tax is owed by the lab and to the tax office."""
    settlement = settled(trade)
    address(trade)
    first = issue(trade, settlement)
    document, letter = first.document, first.pdf
    assert (first.number, first.net_minor, first.tax_minor) == ("INV-2026-000001", 4000, 280)
    assert document_of(first)["number"] == first.number
    assert owed(trade, f"Assets:Receivable:{name(trade.lab)}") == 4280
    assert owed(trade, "Liabilities:VAT:DE") == -280
    trade.clock.advance(days=3)
    address(trade, "AT", "ATU13585627")
    trade.session.expire_all()
    again = issue(trade, settlement)
    assert (again.id, again.document, again.pdf) == (first.id, document, letter)
    assert owed(trade, "Liabilities:VAT:DE") == -280
    assert trade.session.scalar(select(func.count()).select_from(Invoice)) == 1


def test_a_mistake_is_taken_back_and_invoiced_anew(trade: Trade) -> None:
    """Numbers of both kinds have no gap, whatever was refused in between; what is owed is right at each step."""
    settlement = settled(trade)
    address(trade)
    first = issue(trade, settlement)
    note = take_back(trade.session, trade.operator, first.number, "The lab is in Vienna", trade.sources)
    assert (note.number, note.net_minor, note.tax_minor) == ("CRN-2026-000001", -4000, -280)
    assert document_of(note)["corrects"] == first.number
    assert owed(trade, f"Assets:Receivable:{name(trade.lab)}") == 4000
    for number in (first.number, note.number):
        with pytest.raises(Conflict, match="taken back"):
            take_back(trade.session, trade.operator, number, "again", trade.sources)
    with pytest.raises(InvalidInput, match="no country"):
        address(trade, "ZZ")
    address(trade, "AT", "ATU13585627")
    second = issue(trade, settlement)
    assert (second.number, second.tax_minor) == ("INV-2026-000002", 0)
    assert "Reverse charge" in document_of(second)["notes"][0]
    assert owed(trade, "Liabilities:VAT:DE") == 0
    assert issue(trade, settlement).number == second.number
    listed = list_invoices(trade.session, trade.lab).items
    assert [invoice.number for invoice in listed] == [first.number, note.number, second.number]


def test_numbers_begin_anew_each_year(trade: Trade) -> None:
    settlement = settled(trade)
    address(trade)
    issue(trade, settlement)
    trade.clock.advance(days=200)
    note = take_back(trade.session, trade.operator, "INV-2026-000001", "Wrong", trade.sources)
    assert (note.number, issue(trade, settlement).number) == ("CRN-2027-000001", "INV-2027-000001")


def test_what_is_not_known_is_not_invoiced(trade: Trade) -> None:
    """Nothing is written, and no number is used up."""
    settlement = settled(trade, Purpose.STYLE_IMITATION)
    with pytest.raises(InvalidInput, match="billing details"):
        issue(trade, settlement)
    address(trade)
    with pytest.raises(InvalidInput, match="style_imitation cannot be invoiced"):
        issue(trade, settlement)
    maker = IssueInvoices(settlement.public_id, trade.anna.public_id, ISSUER)
    with pytest.raises(InvalidInput, match="owes nothing"):
        issue_invoices(trade.session, trade.operator, maker, trade.sources)
    nothing = IssueInvoices(bytes(16), trade.lab.public_id, ISSUER)
    with pytest.raises(NotFound):
        issue_invoices(trade.session, trade.operator, nothing, trade.sources)
    assert trade.session.scalar(select(func.count()).select_from(Invoice)) == 0
    assert trade.session.scalar(select(LedgerEntry).where(LedgerEntry.kind == "tax")) is None


def test_only_the_operator_issues_and_only_the_customer_reads(trade: Trade) -> None:
    settlement = settled(trade)
    address(trade)
    command = IssueInvoices(settlement.public_id, trade.lab.public_id, ISSUER)
    with pytest.raises(Forbidden):
        issue_invoices(trade.session, trade.lab, command, trade.sources)
    invoice = issue(trade, settlement)
    with pytest.raises(Forbidden):
        take_back(trade.session, trade.lab, invoice.number, "I would rather not", trade.sources)
    assert get_invoice(trade.session, trade.lab, invoice.public_id).pdf.startswith(b"%PDF")
    with pytest.raises(NotFound, match=format_id("invoice", invoice.public_id)):
        get_invoice(trade.session, trade.anna, invoice.public_id)
    for number in ("INV-2026-000002", "INV-2026", "CRN-2026-000001", "x", "INV-²-1"):
        with pytest.raises(NotFound, match="looks like"):
            by_number(trade.session, trade.operator, number)
    with pytest.raises(Forbidden, match="go to labs"):
        set_billing_details(trade.session, trade.anna, ISSUER, trade.sources)


def test_the_database_keeps_an_invoice_as_it_is(trade: Trade) -> None:
    settlement = settled(trade)
    address(trade)
    issue(trade, settlement)
    for change in (update(Invoice).values(net_minor=1), delete(Invoice)):
        with pytest.raises(DatabaseError, match="append-only"), trade.session.begin_nested():
            trade.session.execute(change)


def test_tax_that_came_in_pays_nobody(trade: Trade) -> None:
    """The lab has paid 40.00 net and 2.80 tax; of that 40.00 go to payees, and not a cent more."""
    settlement = settled(trade)
    address(trade)
    issue(trade, settlement)
    set_bank_account(trade.session, trade.anna, "Anna", IBANS[0], trade.sources)
    trade.clock.advance(days=14)
    prepare = PreparePayouts(*TRUST, trade.clock().date(), 1000)
    for reference, amount in (("bank/1", 3999), ("bank/2", 280)):
        command = RecordPayment(trade.lab.public_id, amount, "EUR", reference)
        record_payment(trade.session, trade.operator, command, trade.sources)
        with pytest.raises(Conflict, match="trust account"):
            prepare_payouts(trade.session, trade.operator, prepare, trade.sources)
    command = RecordPayment(trade.lab.public_id, 1, "EUR", "bank/3")
    record_payment(trade.session, trade.operator, command, trade.sources)
    assert prepare_payouts(trade.session, trade.operator, prepare, trade.sources).total_minor == 4000


def test_the_ledger_with_taxes_passes_bean_check(trade: Trade, tmp_path: Path) -> None:
    """An invoice, its credit note, and another invoice; and not with a cent of tax more."""
    settlement = settled(trade)
    address(trade)
    take_back(trade.session, trade.operator, issue(trade, settlement).number, "Wrong", trade.sources)
    issue(trade, settlement)
    ledger = remuneration.export_ledger(trade.session, trade.operator)
    program = str(Path(sys.executable).parent / "bean-check")
    for wanted, text in ((0, ledger), (1, ledger.replace("-2.80 EUR", "-2.81 EUR", 1))):
        (tmp_path / "ledger.beancount").write_text(text, "utf-8")
        command = [program, "--no-cache", str(tmp_path / "ledger.beancount")]
        assert subprocess.run(command, check=False, capture_output=True).returncode == wanted


def test_an_issuer_is_named_in_full_or_nothing_is_issued(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The message names the settings that are missing."""
    home = tmp_path_factory.mktemp("home")
    with pytest.raises(InvalidInput, match=r"VORBEHALT_INVOICE_ISSUER, .*VORBEHALT_INVOICE_TAX_NUMBER"):
        issuer_of(Settings(home))
    full = Settings(
        home,
        invoice_issuer="Treuhand GmbH",
        invoice_address="Musterweg 1; 10115 Berlin",
        invoice_country="DE",
        invoice_tax_number="12/345/67890",
        invoice_small_business=True,
    )
    side = issuer_of(full)
    assert side.address == ("Musterweg 1", "10115 Berlin")
    assert (side.trader.status, side.tax_number) == ("small", "12/345/67890")
