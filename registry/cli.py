"""`vorbehalt-server`: everything an operator does. One function a command; heavy imports stay inside them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from registry.base.actor import Role, Scope
from registry.command_options import HOME, JSON, say, settings_of
from registry.core.errors import MissingExtra, NotReady, VorbehaltError
from registry.core.ids import format_id
from registry.core.processes import import_much, keep_to_one_processor
from registry.core.terminal import say_everything
from registry.invoice_commands import invoice
from registry.log_commands import log
from registry.money_commands import ledger, payment, payout
from registry.statement_commands import statement
from registry.trust_cli import trust


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vorbehalt")
def cli() -> None:
    """Run a registry of works that AI may not be trained on without their makers' consent."""


@cli.command()
@HOME
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option("--workers", default=1, show_default=True, help="Web processes.")
@click.option(
    "--background/--no-background",
    default=None,
    help="Whether to do the background work too, such as publishing (default: with SQLite, not with PostgreSQL).",
)
def serve(home: Path | None, host: str, port: int, workers: int, background: bool | None) -> None:
    """Serve the pages and the API.

    Example: vorbehalt-server serve --port 8080
    """
    from registry.server import serve as run

    run(settings_of(home), host=host, port=port, workers=workers, background=background)


@cli.command()
@HOME
def worker(home: Path | None) -> None:
    """Do the background work: publish every 45 minutes what changed, import lists of works, tidy up.

    Any number of workers share the work. On SIGTERM a worker ends after the job in hand.

    Example: vorbehalt-server worker
    """
    from registry.base.telemetry import configure_logging
    from registry.work import until_signalled, work

    settings = settings_of(home)
    configure_logging(settings.log_level)
    with until_signalled() as stop:
        work(settings, stop)


@cli.command()
@HOME
@JSON
@click.option("--recreate", is_flag=True, help="After the file store was lost: write all of it anew.")
def publish(home: Path | None, recreate: bool, as_json: bool) -> None:
    """Publish a snapshot of the registry, signed, for labs to take home.

    Example: vorbehalt-server publish
    """
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry:
        edition = registry.publish(recreate=recreate)
    say(
        as_json,
        {
            "sequence": edition.sequence,
            "works": edition.works,
            "works_root": edition.works_root.hex(),
            "log_index": edition.log_index,
        },
        f"Edition {edition.sequence} is published: {edition.works} works, entry {edition.log_index} in the log.",
    )


@cli.command()
@HOME
@JSON
@click.option("--period", required=True, help="The quarter to settle, such as 2026-Q4.")
def settle(home: Path | None, period: str, as_json: bool) -> None:
    """Turn the usage that was reported into what is owed to whom, and release what is no longer held.

    Example: vorbehalt-server settle --period 2026-Q4
    """
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry:
        settlement = registry.settle(period)
    say(
        as_json,
        {
            "settlement": format_id("settlement", settlement.public_id),
            "period": settlement.period,
            "claims": settlement.claim_count,
            "lines": settlement.line_count,
            "released": settlement.released_count,
            "log_index": settlement.log_index,
        },
        f"{settlement.period} is settled: {settlement.claim_count} claims in {settlement.line_count} lines, "
        f"{settlement.released_count} held lines released, entry {settlement.log_index} in the log.",
    )


cli.add_command(ledger)
cli.add_command(invoice)
cli.add_command(statement)
cli.add_command(payment)
cli.add_command(payout)


@cli.group()
def db() -> None:
    """The database's schema."""


@db.command("upgrade")
@HOME
def db_upgrade(home: Path | None) -> None:
    """Bring the database to this release's schema. Make a backup first.

    Example: vorbehalt-server db upgrade
    """
    from registry.base.schema import upgrade
    from registry.models import metadata
    from registry.remuneration.service import seal_bank_details
    from registry.wiring import open_database, sealing_key

    settings = settings_of(home)
    database = open_database(settings)
    upgrade(database, metadata)
    sealed = seal_bank_details(database, sealing_key(settings))
    database.dispose()
    click.echo("The database has this release's schema.")
    if sealed:
        click.echo(f"{sealed} bank details that were on record are sealed now. Delete older backups in time.")


@db.command("check")
@HOME
def db_check(home: Path | None) -> None:
    """Tell whether the database has this release's schema; exit 1 if not.

    Example: vorbehalt-server db check
    """
    from registry.base.db import Database
    from registry.base.schema import drift
    from registry.models import metadata

    database = Database(settings_of(home).database_url)
    found = drift(database, metadata)
    database.dispose()
    for line in found:
        click.echo(line)
    if found:
        raise SystemExit(1)
    click.echo("The database has this release's schema.")


@cli.group()
def account() -> None:
    """Accounts of creators, labs, societies, operators and auditors."""


@account.command("create")
@HOME
@JSON
@click.option("--role", type=click.Choice([r.value for r in Role]), required=True)
@click.option("--name", required=True, help="Name shown to others.")
@click.option("--email", help="For signing in and for notices; never shown to others.")
@click.option("--password-stdin", is_flag=True, help="Read a password for signing in from standard input.")
def account_create(
    home: Path | None, role: str, name: str, email: str | None, password_stdin: bool, as_json: bool
) -> None:
    """Create an account.

    Example: vorbehalt-server account create --role creator --name "Wanda Federkiel"
    """
    from registry.wiring import Registry

    password = sys.stdin.readline().rstrip("\n") if password_stdin else None
    with Registry.open(settings_of(home)) as registry:
        party = registry.create_account(Role(role), name, email, password)
    say(as_json, {"account": party}, f"Account {party} ({role}) is created.")


@account.command("ask-to-confirm")
@HOME
@JSON
def account_ask_to_confirm(home: Path | None, as_json: bool) -> None:
    """Write to all who have not confirmed their e-mail address and were not asked in the last thirty days.

    For once after an upgrade from a release that asked nobody, or after a mail server was set up.

    Example: vorbehalt-server account ask-to-confirm
    """
    from registry.wiring import Registry

    settings = settings_of(home)
    if not settings.sends_mail:
        raise NotReady("This registry sends no mails: set VORBEHALT_MAIL_HOST and VORBEHALT_MAIL_FROM first.")
    with Registry.open(settings) as registry:
        asked = registry.ask_for_confirmations()
    say(as_json, {"letters": asked}, f"{asked:,} letters are in the outbox; the worker sends them.")


@cli.group()
def apikey() -> None:
    """API keys."""


@apikey.command("create")
@HOME
@JSON
@click.option("--account", "party", required=True, help="Id of the account, party_…")
@click.option("--name", default="command line", show_default=True, help="What the key is for.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice([s.value for s in Scope]))
def apikey_create(home: Path | None, party: str, name: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Create an API key; it is shown this once. Without --scope it may do all that the account's role may.

    Example: vorbehalt-server apikey create --account party_… --scope works:write
    """
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry:
        key_id, secret = registry.create_api_key(party, name, frozenset(Scope(s) for s in scopes))
    say(as_json, {"key": key_id, "secret": secret}, f"{secret}\nKeep it: it is not shown again ({key_id}).")


@cli.group()
def title() -> None:
    """Titles in conflict: a machine puts the newer one in doubt, a person decides."""


@title.command("list")
@HOME
@JSON
@click.option("--limit", default=100, show_default=True, help="How many at most.")
def title_list(home: Path | None, limit: int, as_json: bool) -> None:
    """List contests about which nobody has decided yet, the oldest first.

    Example: vorbehalt-server title list
    """
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry:
        found = registry.undecided_titles(limit)
    lines = [
        f"{c['since']}  {c['newer']} by {c['earlier']}  {c['rule']}, {c['distance']} apart" for c in found
    ]
    say(as_json, {"contests": found}, "\n".join(lines) or "No contest waits for a decision.")


def _decision(outcome: str, sentence: str) -> None:
    @title.command(
        outcome, help=sentence + f'\n\nExample: vorbehalt-server title {outcome} work_… --reason "…"'
    )
    @HOME
    @JSON
    @click.argument("work")
    @click.option("--reason", required=True, help="Why, for both owners to read.")
    @click.option("--earlier", help="The earlier work, if the title was contested by several.")
    def decide(home: Path | None, work: str, reason: str, earlier: str | None, as_json: bool) -> None:
        from registry.wiring import Registry

        with Registry.open(settings_of(home)) as registry:
            index = registry.decide_title(work, outcome, reason, earlier)
        say(
            as_json,
            {"work": work, "outcome": outcome, "log_index": index},
            f"Decided: entry {index} in the log.",
        )


_decision(
    "uphold", "The contest of WORK is right: its title stays contested, and the earlier work is free of it."
)
_decision("release", "The contest of WORK is wrong: both titles stand.")
_decision("reverse", "WORK is the original: its title stands, and that of the earlier work is contested.")


@cli.command()
@HOME
@JSON
@click.option("--limit", default=100, show_default=True, help="How many at most.")
def hints(home: Path | None, limit: int, as_json: bool) -> None:
    """List weaker likenesses of works of different owners, the newest first. Nothing follows from them.

    Example: vorbehalt-server hints --limit 20
    """
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry:
        found = registry.hints(limit)
    lines = [
        f"{h['found']}  {h['newer']} like {h['other']}  {h['algorithm']} {h['variant']}, "
        f"{h['distance']} apart, {h['grade']}"
        for h in found
    ]
    say(as_json, {"hints": found}, "\n".join(lines) or "There are no hints.")


cli.add_command(trust)
cli.add_command(log)


@cli.command()
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/demo"),
    show_default=True,
    help="Folder for the demo; earlier runs in it are kept.",
)
@click.option("--serve", "keep_serving", is_flag=True, help="Leave the registry running at the end.")
def demo(home: Path, keep_serving: bool) -> None:
    """Play the whole chain through on this machine with real files, and tell what happened.

    Example: vorbehalt-server demo
    """
    from registry.demo.story import play

    raise SystemExit(play(home, keep_serving=keep_serving))


def main() -> None:
    """Entry point: our own errors end in one line that says what to do, never in a traceback."""
    keep_to_one_processor()  # before anything loads numpy
    import_much()
    click.UsageError.exit_code = 1
    say_everything()
    try:
        cli(standalone_mode=True)
    except VorbehaltError as error:
        click.echo(f"Error: {error.message}", err=True)
        raise SystemExit(1) from None
    except ModuleNotFoundError as error:
        missing = MissingExtra(
            f"{error.name} is not installed. Install the server with: pip install 'vorbehalt[server]'"
        )
        click.echo(f"Error: {missing.message}", err=True)
        raise SystemExit(1) from None
