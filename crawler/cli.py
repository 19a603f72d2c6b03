"""`vorbehalt`: what an AI lab, an auditor, or a maker on their own machine does with a registry."""

from __future__ import annotations

import sys

import click

from crawler.commands.audit import audit
from crawler.commands.base import Group
from crawler.commands.changes import changes
from crawler.commands.check import check
from crawler.commands.claim import claim
from crawler.commands.cost import cost
from crawler.commands.declare import declare
from crawler.commands.explain import explain
from crawler.commands.filter import filter_command
from crawler.commands.hash import hash_command
from crawler.commands.key import key
from crawler.commands.receipt import receipt
from crawler.commands.refilter import refilter
from crawler.commands.register import register
from crawler.commands.report import report
from crawler.commands.signals import signals
from crawler.commands.sync import sync
from crawler.commands.verify import verify
from crawler.commands.witness import witness
from crawler.exits import Exit
from registry.core.processes import keep_to_one_processor
from registry.core.terminal import say_everything


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="vorbehalt")
def cli() -> None:
    """Honour what makers reserve: take a registry home, filter datasets by it, prove and report what was used.

    Makers hash and register their works with it. What a command prints for programs goes to standard output,
    progress and tables to standard error. Exit codes: docs/reference/commands.md.
    """


for command in (
    hash_command,
    register,
    sync,
    check,
    filter_command,
    refilter,
    changes,
    explain,
    verify,
    report,
    signals,
    key,
    cost,
    claim,
    declare,
    receipt,
    witness,
    audit,
):
    cli.add_command(command)


def main() -> None:
    """Entry point. Click's own word for misuse is 2, ours is 1: 2 means that matches were found."""
    keep_to_one_processor()  # before anything loads numpy
    say_everything()
    click.UsageError.exit_code = Exit.USAGE
    try:
        cli()
    except KeyboardInterrupt:
        sys.exit(130)
