"""`vorbehalt-server statement`: what settlements brought, as files for others."""

from __future__ import annotations

from pathlib import Path

import click

from registry.command_options import HOME, settings_of
from registry.core.ids import parse_id


@click.group()
def statement() -> None:
    """What settlements brought."""


@statement.command("members")
@HOME
@click.option("--society", required=True, help="Whose members, party_…")
@click.option("--period", required=True, help="Such as 2026-Q4.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "excel", "dsr"]),
    default="csv",
    show_default=True,
    help="A table; one for a German Excel; a DSR-like usage report.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
def statement_members(home: Path | None, society: str, period: str, kind: str, out: Path) -> None:
    """Write what a period brought the members of a society, line by line.

    Example: vorbehalt-server statement members --society party_… --period 2026-Q4 --out members.csv
    """
    from registry.remuneration.service import dsr_like, members_csv, members_report
    from registry.wiring import Registry

    settings = settings_of(home)
    with Registry.open(settings) as registry, registry.operating() as (session, actor):
        found = members_report(session, actor, period, registry.sources, parse_id("party", society))
    if kind == "dsr":
        data = dsr_like(found, f"{settings.origin}/usage-log")
    else:
        data = members_csv(found, german_excel=kind == "excel")
    out.write_bytes(data)
    click.echo(f"{out} has {len(found.lines):,} lines of members.")
