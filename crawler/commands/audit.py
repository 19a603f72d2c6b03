"""`vorbehalt audit`: check a registry's log without believing the registry."""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex

import click

from crawler.commands.base import Command, api_key_option, emit, end, examples, json_option, note, now
from crawler.exits import Exit
from registry.core.errors import InvalidInput
from registry.core.settlement.periods import Period

_WORDS = {True: "holds", False: "FAILS", None: "open"}


@click.command(
    cls=Command,
    epilog=examples(
        "vorbehalt audit https://registry.example --policy log.policy --state audit",
        "vorbehalt audit https://registry.example --policy log.policy --recompute 2026-Q4",
        'vorbehalt audit https://registry.example --policy log.policy --sample 20 --seed "dice 3 1 4 6 2"',
    ),
)
@click.argument("url")
@click.option(
    "--policy",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Which log and which witnesses you trust (default: what the first audit with this state found).",
)
@click.option(
    "--state",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to remember how far the log was verified, and to keep evidence (default: begin anew).",
)
@click.option(
    "--snapshot",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A synced registry, to be the edition that the log names.",
)
@click.option(
    "--sample",
    type=click.IntRange(1, 100),
    metavar="N",
    help="Prove N of the claim rows that name your works, or those for which you may collect; needs an API key.",
)
@click.option(
    "--seed",
    metavar="TEXT",
    help="What draws the sample: dice or a newspaper of today, never known before (default: random, and printed).",
)
@click.option(
    "--recompute",
    metavar="PERIOD",
    help="Compute the settlements of this quarter again, such as 2026-Q4, from published files alone.",
)
@api_key_option
@json_option
def audit(
    url: str,
    policy: Path | None,
    state: Path | None,
    snapshot: Path | None,
    sample: int | None,
    seed: str | None,
    recompute: str | None,
    api_key: str | None,
    as_json: bool,
) -> None:
    """Follow a log from where it was last verified, and tell what holds. Ends with 8 if anything does not.

    URL is the address of a registry, or of a copy of its log. With an API key, the claims that it may see are
    compared with the log too.
    """
    from crawler.audit import Auditor
    from crawler.audit_memory import Memory
    from crawler.audit_samples import Wanted
    from crawler.client import Client

    if sample is not None and api_key is None:
        raise click.UsageError("--sample needs the API key of whoever is paid for the works: --api-key.")
    if seed is not None and sample is None:
        raise click.UsageError("--seed draws a sample: say how large with --sample.")
    period = None if recompute is None else Period.parse(recompute)
    wanted = None if sample is None else Wanted(sample, token_hex(16) if seed is None else seed)
    try:
        given = None if policy is None else policy.read_text("utf-8")
    except UnicodeDecodeError as problem:
        raise InvalidInput(f"{policy} is no policy: it is not text.") from problem
    with Client(url, api_key) as client:
        auditor = Auditor(
            client,
            Memory(state),
            int(now().timestamp()),
            lambda done, size: note(f"{done:,} of {size:,} entries verified"),
        )
        report = auditor.run(
            given, snapshot=snapshot, claims=api_key is not None, sample=wanted, period=period
        )
    if as_json:
        checks = [{"name": c.name, "holds": c.holds, "text": c.text} for c in report.checks]
        emit(
            {
                "holds": report.holds,
                "origin": report.origin,
                "size": report.size,
                "new_entries": report.entries,
                "checks": checks,
            }
        )
    else:
        click.echo(f"The log {report.origin}" if report.origin else "The log")
        for check in report.checks:
            click.echo(f"  {_WORDS[check.holds]:<5}  {check.name:<11} {check.text}")
    end(Exit.OK if report.holds else Exit.UNVERIFIED)
