"""`vorbehalt-server payment` and `payout`: money that comes in, and money that goes out."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.command_options import HOME, JSON, say, settings_of
from registry.core.errors import InvalidInput
from registry.core.ids import format_id, parse_id

if TYPE_CHECKING:
    from registry.remuneration.service import PayoutRun


@click.group()
def payment() -> None:
    """Money that comes in."""


@payment.command("record")
@HOME
@JSON
@click.option("--lab", required=True, help="Who paid, party_…")
@click.option("--amount", required=True, help="Such as 123.45; without decimals where the currency has none.")
@click.option("--currency", default="EUR", show_default=True)
@click.option("--reference", required=True, help="The bank's own for this booking.")
def payment_record(
    home: Path | None, lab: str, amount: str, currency: str, reference: str, as_json: bool
) -> None:
    """Record what a lab has paid. Under one reference, once.

    Example: vorbehalt-server payment record --lab party_… --amount 123.45 --reference 2026-11-02/17
    """
    from registry.remuneration.service import RecordPayment, minor, record_payment
    from registry.wiring import Registry

    command = RecordPayment(parse_id("party", lab), minor(amount, currency), currency, reference)
    with Registry.open(settings_of(home)) as registry, registry.operating() as (session, actor):
        recorded = record_payment(session, actor, command, registry.sources)
    said = "Recorded" if recorded else "This was recorded before; nothing changed"
    say(as_json, {"recorded": recorded}, f"{said}: {amount} {currency} of {lab}.")


@click.group()
def ledger() -> None:
    """The books."""


@ledger.command("export")
@HOME
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
def ledger_export(home: Path | None, out: Path) -> None:
    """Write the whole ledger as a beancount file, for bean-check and auditors.

    Example: vorbehalt-server ledger export --out ledger.beancount
    """
    from registry.remuneration.service import export_ledger
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry, registry.operating() as (session, actor):
        text = export_ledger(session, actor)
    out.write_text(text, "utf-8")
    click.echo(f"{out} has {len(text.splitlines()):,} lines.")


@ledger.command("unclaimed")
@HOME
@JSON
@click.option(
    "--year", type=int, help="List the works whose use brought the money of this year of collection."
)
def ledger_unclaimed(home: Path | None, year: int | None, as_json: bool) -> None:
    """What was collected for holders whom nobody knows, and the legal deadlines for it.

    Example: vorbehalt-server ledger unclaimed --year 2026
    """
    from registry.remuneration.service import decimal, list_unclaimed, unclaimed_works
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry, registry.operating() as (session, actor):
        today = registry.sources.now().date()
        found: list[dict[str, Any]] = [
            {
                "year": each.year,
                "amount_minor": each.amount_minor,
                "currency": each.currency,
                "distribute_by": each.deadlines.distributed_by.isoformat(),
                "list_by": each.deadlines.listed_by.isoformat(),
                "lapses_on": each.deadlines.lapses_on.isoformat(),
                "state": each.deadlines.state(today),
            }
            for each in list_unclaimed(session, actor)
        ]
        works: list[dict[str, Any]] = [
            {
                "work": format_id("work", each.work),
                "title": each.title,
                "amount_minor": each.amount_minor,
                "currency": each.currency,
            }
            for each in (unclaimed_works(session, actor, year) if year is not None else ())
        ]
    lines = [
        f"{f['year']}  {decimal(f['amount_minor'], f['currency'])} {f['currency']}  {f['state']}: distribute by "
        f"{f['distribute_by']}, list by {f['list_by']}, not distributable from {f['lapses_on']}"
        for f in found
    ]
    lines += [
        f"{w['work']}  {decimal(w['amount_minor'], w['currency'])} {w['currency']}  {w['title']}"
        for w in works
    ]
    say(as_json, {"unclaimed": found, "works": works}, "\n".join(lines) or "Nothing is unclaimed.")


@ledger.command("held")
@HOME
@JSON
@click.option("--of", "party", help="Of the works of this account only, party_…")
def ledger_held(home: Path | None, party: str | None, as_json: bool) -> None:
    """What is held of the money of works, and what keeps it. The next settlement releases what nothing keeps.

    Example: vorbehalt-server ledger held
    """
    from registry.remuneration.service import decimal, list_held
    from registry.wiring import Registry

    whose = None if party is None else parse_id("party", party)
    with Registry.open(settings_of(home)) as registry, registry.operating() as (session, actor):
        found: list[dict[str, Any]] = [
            {
                "work": format_id("work", each.work),
                "title": each.title,
                "period": each.period,
                "amount_minor": each.amount_minor,
                "currency": each.currency,
                "state": each.state.value,
                "lapses_on": None if each.lapses_on is None else each.lapses_on.isoformat(),
            }
            for each in list_held(session, actor, registry.sources, whose)
        ]
    lines = [
        f"{f['period']}  {f['work']}  {decimal(f['amount_minor'], f['currency'])} {f['currency']}  "
        f"{_KEPT[f['state']].format(**f)}  {f['title']}"
        for f in found
    ]
    say(as_json, {"held": found}, "\n".join(lines) or "Nothing is held.")


_KEPT = {
    "contested": "contested: decide about the title",
    "overclaimed": "overclaimed: its shares sum to more than the whole",
    "unknown": "unknown holder, not distributable from {lapses_on}",
    "lapsed": "lapsed: not distributable since {lapses_on}, so it is not released",
    "ready": "ready: the next settlement releases it",
    "lost": "ready: the next settlement gives it to the holders of the earlier work",
}
"""What keeps money, and what is to be done about it."""


@ledger.command("lapse")
@HOME
@JSON
def ledger_lapse(home: Path | None, as_json: bool) -> None:
    """Book unclaimed money of which the three years are over as not distributable.

    Example: vorbehalt-server ledger lapse
    """
    from registry.remuneration.service import decimal, lapse_unclaimed
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry, registry.operating() as (session, actor):
        lapsed = lapse_unclaimed(session, actor, registry.sources)
    found = [{"year": e.year, "amount_minor": e.amount_minor, "currency": e.currency} for e in lapsed]
    lines = [f"{e.year}: {decimal(e.amount_minor, e.currency)} {e.currency} lapsed." for e in lapsed]
    say(as_json, {"lapsed": found}, "\n".join(lines) or "Nothing has lapsed.")


@click.group()
def payout() -> None:
    """Money that goes out: prepared, sent, then settled or returned."""


@payout.command("prepare")
@HOME
@JSON
@click.option("--threshold", default="10.00", show_default=True, help="What is less is carried forward.")
@click.option(
    "--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="When the bank is to pay (default: today)."
)
def payout_prepare(home: Path | None, threshold: str, day: datetime | None, as_json: bool) -> None:
    """Make a file for the bank that pays everybody who is owed enough.

    Example: vorbehalt-server payout prepare --on 2026-11-30
    """
    from registry.remuneration.service import PreparePayouts, minor, prepare_payouts
    from registry.wiring import Registry

    settings = settings_of(home)
    if not settings.trust_iban or not settings.trust_holder:
        raise InvalidInput("Set VORBEHALT_TRUST_IBAN and VORBEHALT_TRUST_HOLDER: the account to pay from.")
    with Registry.open(settings) as registry, registry.operating() as (session, actor):
        when = (day or registry.sources.now()).date()
        command = PreparePayouts(settings.trust_holder, settings.trust_iban, when, minor(threshold, "EUR"))
        run = prepare_payouts(session, actor, command, registry.sources)
    _say_run(as_json, run, "is prepared; write it with payout file, and say payout sent when the bank has it")


@payout.command("file")
@HOME
@click.argument("run")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
def payout_file(home: Path | None, run: str, out: Path) -> None:
    """Write the file of RUN for the bank. It holds bank details: keep it to yourself.

    Example: vorbehalt-server payout file payout_… --out pain.001.xml
    """
    from registry.remuneration.service import file_of
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry, registry.operating() as (session, actor):
        data = file_of(session, actor, parse_id("payout", run))
    out.touch(mode=0o600, exist_ok=True)
    out.write_bytes(data)
    click.echo(f"{out} has {len(data):,} bytes.")


@payout.command("sent")
@HOME
@JSON
@click.argument("run")
def payout_sent(home: Path | None, run: str, as_json: bool) -> None:
    """Record that the bank has the file of RUN.

    Example: vorbehalt-server payout sent payout_…
    """
    from registry.remuneration.service import mark_sent
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry, registry.operating() as (session, actor):
        found = mark_sent(session, actor, parse_id("payout", run), registry.sources)
    _say_run(as_json, found, "is marked as sent")


@payout.command("cancel")
@HOME
@JSON
@click.argument("run")
def payout_cancel(home: Path | None, run: str, as_json: bool) -> None:
    """Take back RUN, whose file was not and will not be sent.

    Example: vorbehalt-server payout cancel payout_…
    """
    from registry.remuneration.service import cancel_payouts
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry, registry.operating() as (session, actor):
        found = cancel_payouts(session, actor, parse_id("payout", run), registry.sources)
    _say_run(as_json, found, "is cancelled: never send its file")


@payout.command("reply")
@HOME
@JSON
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def payout_reply(home: Path | None, file: Path, as_json: bool) -> None:
    """Take in a pain.002 or camt.053 FILE of the bank.

    Example: vorbehalt-server payout reply camt.053.xml
    """
    from registry.remuneration.service import take_reply
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry, registry.operating() as (session, actor):
        taken = take_reply(session, actor, file.read_bytes(), registry.sources)
    say(
        as_json,
        {"kind": taken.kind, "settled": taken.settled, "returned": taken.returned},
        f"{taken.kind}: {taken.settled} settled, {taken.returned} returned.",
    )


@payout.command("list")
@HOME
@JSON
def payout_list(home: Path | None, as_json: bool) -> None:
    """List the payout runs and where their payments stand.

    Example: vorbehalt-server payout list
    """
    from registry.remuneration.service import list_runs
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry, registry.operating() as (session, actor):
        found = [
            {**_facts(run), "states": {state.value: n for state, n in states.items()}}
            for run, states in list_runs(session, actor)
        ]
    lines = [
        f"{f['payout']}  {f['payments']} payments  "
        + ", ".join(f"{n} {state}" for state, n in f["states"].items())
        for f in found
    ]
    say(as_json, {"runs": found}, "\n".join(lines) or "There are no payout runs.")


def _facts(run: PayoutRun) -> dict[str, Any]:
    return {
        "payout": format_id("payout", run.public_id),
        "message": run.message_id,
        "payments": run.payments,
        "total_minor": run.total_minor,
        "currency": run.currency,
        "file_sha256": run.file_sha256.hex(),
        "log_index": run.log_index,
    }


def _say_run(as_json: bool, run: PayoutRun, what: str) -> None:
    from registry.remuneration.service import decimal

    facts = _facts(run)
    amount = decimal(run.total_minor, run.currency)
    say(as_json, facts, f"{facts['payout']} ({run.payments} payments, {amount} {run.currency}) {what}.")
