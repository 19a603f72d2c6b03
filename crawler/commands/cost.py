"""`vorbehalt cost`: what a run's works would cost, before anything is accepted."""

from __future__ import annotations

from pathlib import Path

import click

from crawler.commands.base import (
    Command,
    api_key_option,
    emit,
    examples,
    json_option,
    note,
    say,
    server_option,
)

_FIGURE = click.IntRange(0, 10**15)


@click.command(
    cls=Command,
    epilog=examples(
        "vorbehalt cost run --server https://registry.example",
        "vorbehalt cost run --server https://registry.example --net-income 25000000 --model-versions 1",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@server_option()
@api_key_option
@click.option(
    "--offer", "offers", multiple=True, metavar="OFFER_ID", help="Prefer this offer; repeat for more."
)
@click.option(
    "--net-income", type=_FIGURE, metavar="MINOR", help="Expected in a quarter, in cents and the like."
)
@click.option("--model-versions", type=_FIGURE, metavar="N", help="How many you will train in the quarter.")
@click.option(
    "--downstream-income", type=_FIGURE, metavar="MINOR", help="What the output will earn with others."
)
@json_option
def cost(
    run: Path,
    server: str,
    api_key: str | None,
    offers: tuple[str, ...],
    net_income: int | None,
    model_versions: int | None,
    downstream_income: int | None,
    as_json: bool,
) -> None:
    """Show what the works found in a run would cost in a quarter, under your licences and the offers open to you.

    Only the works and their numbers are sent. The registry computes as a settlement does; nothing is accepted or
    recorded.
    """
    from crawler.client import Client
    from crawler.costs import ask, figures_missing, lines, works_of_run

    told = {
        "net_income": net_income,
        "model_versions": model_versions,
        "downstream_income": downstream_income,
    }
    figures = {name: value for name, value in told.items() if value is not None}
    units = works_of_run(run)
    with Client(server, api_key) as client:
        answer = ask(client, run, units, offers, figures)
    if as_json:
        emit(answer)
        return
    say("\n".join(lines(answer)))
    if missing := figures_missing(answer):
        options = ", ".join(f"--{figure.replace('_', '-')}" for figure in missing)
        note(f"\nSay what you expect to declare, and the rest has a price too: {options}")
