"""`vorbehalt signals`: what opt-out signals say about an address, a file, or whole sites; and writing them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crawler import words
from crawler.commands.asking import request_from, request_options, research_option
from crawler.commands.base import Command, Group, emit, end, examples, json_option, note, now
from crawler.commands.signals_emit import emit_command, stamp
from crawler.exits import Exit
from registry.core.decisions import Policy, Purpose
from registry.core.errors import InvalidInput

if TYPE_CHECKING:
    from crawler.fetch.verdicts import Told


class _Signals(Group):
    """`vorbehalt signals TARGET` reads; the other subcommands have names."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """What is no subcommand is a target to read."""
        if args and args[0] not in self.commands:
            args = ["read", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """An option of `read` may stand first as well."""
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help"):
            args = ["read", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_Signals,
    epilog=examples(
        "vorbehalt signals https://example.org/picture.jpg",
        "vorbehalt signals picture.jpg --evidence evidence",
        "vorbehalt signals --domains domains.txt --out sites.jsonl",
        "vorbehalt signals emit --policy https://example.org/licences --out site",
    ),
)
def signals() -> None:
    """Read every opt-out signal about a TARGET (an address or a file) and give one verdict, or write the signals."""


@signals.command(
    "read",
    cls=Command,
    epilog=examples(
        "vorbehalt signals read https://example.org/picture.jpg   # or without read",
        "vorbehalt signals https://example.org/picture.jpg --evidence evidence   # again: asks nobody, same verdict",
    ),
)
@click.argument("targets", nargs=-1, metavar="TARGET...")
@request_options(purpose=Purpose.TRAIN_GENAI, policy=Policy.CONSENT_FIRST)
@research_option
@click.option("--agent", metavar="TOKEN", help="Your crawler's product token, such as mybot.")
@click.option(
    "--any-ai-agent/--own-agent-only",
    default=True,
    show_default=True,
    help="Whether a refusal to any known AI agent counts, or only one to yours and to all.",
)
@click.option(
    "--strict", is_flag=True, help="Read each format by its letter, also where a refusal is plainly meant."
)
@click.option(
    "--evidence",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep what was answered here; what is kept already is not asked again.",
)
@click.option(
    "--refresh", is_flag=True, help="With --evidence: ask again, if the servers say that it changed."
)
@click.option(
    "--domains",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Ask whole sites: a file with a host a line, or an origin such as http://example.org:8080.",
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --domains: where their answers go, for `vorbehalt filter --domain-signals`.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(1, 64),
    help="With --domains: how many sites are asked at once, each by one question at a time. [default: 8]",
)
@json_option
def read(
    targets: tuple[str, ...],
    purpose: str,
    policy: str,
    territory: str,
    research: bool,
    agent: str | None,
    any_ai_agent: bool,
    strict: bool,
    evidence: Path | None,
    refresh: bool,
    domains: Path | None,
    out: Path | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Read all signals about addresses or files. Nothing is fetched that robots.txt keeps us from."""
    from crawler.display import Progress
    from crawler.fetch.verdicts import AT_ONCE, Asked, tell, write_sites
    from registry.core.signals import Subject

    if bool(targets) == (domains is not None):
        raise InvalidInput("Say what to read: an address, a file, or --domains FILE.")
    if (domains is None) != (out is None):
        raise InvalidInput("--domains and --out belong together.")
    if workers is not None and domains is None:
        raise InvalidInput("--workers is for --domains: addresses and files are read one after the other.")
    request = request_from(purpose, policy, territory, int(now().timestamp()), research=research)
    subject = Subject(agent=agent, any_ai_agent=any_ai_agent, strict=strict, territory=territory)
    asked = Asked(request, subject, evidence, refresh=refresh)
    if domains is not None and out is not None:
        with Progress("asking") as progress:
            count = write_sites(
                domains, out, asked, workers or AT_ONCE, lambda done, of: progress.count(done, of, "sites")
            )
        note(f"{words.amount(count, 'site')} in {out}.")
        return
    told = [tell(target, asked) for target in targets]
    if as_json:
        emit(
            {
                "purpose": purpose,
                "policy": policy,
                "territory": territory,
                "items": [_document(t) for t in told],
            }
        )
    else:
        _print(told, request.purpose)
    if any(t.gap for t in told):
        end(Exit.ITEMS)


def _document(told: Told) -> dict[str, Any]:
    finding = told.finding
    return {
        "target": told.target,
        "verdict": told.decision.verdict.name.lower(),
        "reason": told.decision.reason,
        "kept": told.decision.kept,
        "mark": told.decision.mark,
        "conflict": finding.conflict,
        "checked": list(told.checked),
        "evidence": [e.as_json() for e in told.evidence],
        "replaced": [e.as_json() for e in finding.replaced],
    }


def _print(told: list[Told], purpose: Purpose) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    for one in told:
        reason = words.reason(one.decision.reason)
        verdict = f"{words.VERDICTS[one.decision.verdict]}; {reason}"
        nothing = one.decision.reason == "none-found"
        console.print(f"{one.target}: {'no signal found' if nothing else verdict}.")
        table = Table(
            "signal",
            "where",
            f"{purpose.value}",
            "what it says",
            box=None,
            pad_edge=False,
            padding=(0, 2, 0, 0),
        )
        for row in _rows(one, purpose):
            table.add_row(*(Text(cell, overflow="fold") for cell in row))
        if table.row_count:
            console.print(table)
        if one.finding.conflict:
            console.print("They contradict each other; the refusal counts.")
        if one.decision.mark == "no-reservation-found":
            console.print(f"No reservation found. Checked: {', '.join(one.checked)}.")


def _rows(told: Told, purpose: Purpose) -> Iterator[tuple[str, str, str, str]]:
    for evidence in told.evidence:
        says = "unreadable" if evidence.error else evidence.about(purpose).value
        if evidence in told.finding.replaced:
            says += " (replaced)"
        raw = " ".join(evidence.raw.decode("utf-8", "backslashreplace").split())
        facts = [
            *evidence.notes,
            *(f"{name}: {value}" for name, value in evidence.details if name != "agent"),
        ]
        text = raw[:80] + ("…" if len(raw) > 80 else "")
        yield (
            evidence.signal,
            evidence.where,
            says,
            "; ".join(part for part in (text, evidence.error, *facts) if part),
        )


signals.add_command(emit_command)
signals.add_command(stamp)
