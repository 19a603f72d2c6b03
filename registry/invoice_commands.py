"""`vorbehalt-server invoice`: what labs owe by a settlement, as invoices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.command_options import HOME, JSON, say, settings_of
from registry.core.ids import format_id, parse_id

if TYPE_CHECKING:
    from registry.remuneration.service import Invoice


@click.group()
def invoice() -> None:
    """Invoices to labs."""


@invoice.command("issue")
@HOME
@JSON
@click.option("--settlement", required=True, help="Which, settlement_…")
@click.option("--lab", required=True, help="For whom, party_…")
def invoice_issue(home: Path | None, settlement: str, lab: str, as_json: bool) -> None:
    """Invoice a lab for a settlement: once, and again the same.

    Example: vorbehalt-server invoice issue --settlement settlement_… --lab party_…
    """
    from registry.remuneration.service import IssueInvoices, issue_invoices, issuer_of
    from registry.wiring import Registry

    settings = settings_of(home)
    ids = parse_id("settlement", settlement), parse_id("party", lab)
    command = IssueInvoices(*ids, issuer_of(settings))
    with Registry.open(settings) as registry, registry.operating() as (session, actor):
        issued = issue_invoices(session, actor, command, registry.sources)
    _say(as_json, issued)


@invoice.command("take-back")
@HOME
@JSON
@click.argument("number")
@click.option("--reason", required=True, help="Printed on the credit note.")
def invoice_take_back(home: Path | None, number: str, reason: str, as_json: bool) -> None:
    """Take back invoice NUMBER by a credit note. A right one may be issued afterwards.

    Example: vorbehalt-server invoice take-back INV-2026-000001 --reason "The address was wrong"
    """
    from registry.remuneration.service import take_back
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry, registry.operating() as (session, actor):
        note = take_back(session, actor, number, reason, registry.sources)
    _say(as_json, [note])


@invoice.command("file")
@HOME
@click.argument("number")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
def invoice_file(home: Path | None, number: str, out: Path) -> None:
    """Write the letter of NUMBER, the same bytes each time.

    Example: vorbehalt-server invoice file INV-2026-000001 --out invoice.pdf
    """
    from registry.remuneration.service import invoice_by_number
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry, registry.operating() as (session, actor):
        data = invoice_by_number(session, actor, number).pdf
    out.write_bytes(data)
    click.echo(f"{out} has {len(data):,} bytes.")


def _say(as_json: bool, issued: Any) -> None:
    facts = [_facts(each) for each in issued]
    said = [f"{f['number']}  {f['gross']} {f['currency']}  {f['invoice']}" for f in facts]
    say(as_json, {"invoices": facts}, "\n".join(said))


def _facts(issued: Invoice) -> dict[str, Any]:
    from registry.remuneration.service import decimal

    return {
        "invoice": format_id("invoice", issued.public_id),
        "number": issued.number,
        "net_minor": issued.net_minor,
        "tax_minor": issued.tax_minor,
        "gross": decimal(issued.net_minor + issued.tax_minor, issued.currency),
        "currency": issued.currency,
    }
