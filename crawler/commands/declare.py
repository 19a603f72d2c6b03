"""`vorbehalt declare`: the figures of a quarter by which shares and model versions are priced."""

from __future__ import annotations

import click

from crawler.commands.base import Command, api_key_option, emit, examples, json_option, server_option
from registry.core.errors import InvalidInput

_INCOME = click.IntRange(0, 10**15)


@click.command(
    cls=Command,
    epilog=examples(
        "vorbehalt declare agreement_… --period 2026-Q4 --net-income 25000000 --server https://registry.example",
        "vorbehalt declare agreement_… --period 2026-Q4 --model model_… --server https://registry.example",
    ),
)
@click.argument("agreement")
@click.option("--period", required=True, metavar="QUARTER", help="A quarter that is over: 2026-Q4.")
@server_option()
@api_key_option
@click.option("--net-income", type=_INCOME, metavar="MINOR", help="In minor units of the tariff: cents.")
@click.option("--downstream-income", type=_INCOME, metavar="MINOR", help="The same, earned by the output.")
@click.option("--model", "models", multiple=True, metavar="MODEL_ID", help="A version that was trained.")
@click.option("--no-models", is_flag=True, help="No new version was trained.")
@click.option("--corrects", metavar="DECLARATION_ID", help="The declaration that was wrong.")
@json_option
def declare(
    agreement: str,
    period: str,
    server: str,
    api_key: str | None,
    net_income: int | None,
    downstream_income: int | None,
    models: tuple[str, ...],
    no_models: bool,
    corrects: str | None,
    as_json: bool,
) -> None:
    """Declare one figure of a quarter for an agreement. It is logged, and only ever corrected by another declaration.

    Until then, what depends on it is not settled. The log holds a commitment; only the other side of the agreement and
    the operator read the figure, and whoever is given the settlement's files.
    """
    from crawler.client import Client

    told = {
        "net_income": net_income,
        "downstream_income": downstream_income,
        "model_versions": list(models) if models or no_models else None,
    }
    named = [(figure, value) for figure, value in told.items() if value is not None]
    if len(named) != 1 or (models and no_models):
        raise InvalidInput(
            "Declare one figure at a time: --net-income, --downstream-income, --model (or --no-models)."
        )
    figure, value = named[0]
    member = "models" if figure == "model_versions" else "amount_minor"
    document = {"agreement": agreement, "period": period, "figure": figure, member: value}
    if corrects is not None:
        document["corrects"] = corrects
    with Client(server, api_key) as client:
        answer = client.post("/v1/declarations", document, repeatable=True)
    if as_json:
        emit(answer)
        return
    click.echo(f"{answer['id']}: {figure} of {answer['period']}, entry {answer['log_index']} of the log.")
