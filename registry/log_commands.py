"""`vorbehalt-server log`: the usage log's own key."""

from __future__ import annotations

from pathlib import Path

import click

from registry.command_options import HOME, JSON, say, settings_of


@click.group("log")
def log() -> None:
    """The usage log and the key that signs it."""


@log.command("rotate-key")
@HOME
@JSON
@click.option("--finish", is_flag=True, help="End the old key: from now on the new one signs alone.")
def rotate_key(home: Path | None, as_json: bool, finish: bool) -> None:
    """Give the log another key, in two steps. Between them both keys sign, while others learn of the new one.

    Without --finish the new key is made and announced in the log. Interrupted, or asked again, it goes on.

    Example: vorbehalt-server log rotate-key
    """
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry:
        change = registry.rotate_log_key(finish=finish)
    document = {"old": str(change.old), "new": str(change.new), "since": change.since, "until": change.until}
    lines = [
        f"The new key signs every tree from {change.since:,} entries on. Its line for policies:",
        f"log {change.new}",
    ]
    if change.until is None:
        lines += [
            "The old key signs as well. Tell witnesses, labs and societies to add the line to their policies.",
            "When they have: vorbehalt-server log rotate-key --finish",
        ]
    else:
        lines += [
            f"The old key signed its last tree at {change.until:,} entries; it is gone from this server.",
            "Copy the keys to their safe place again.",
        ]
    say(as_json, document, "\n".join(lines))
