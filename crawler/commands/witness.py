"""`vorbehalt witness`: keep an eye on a log for everybody else."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import click

from crawler.commands.base import Group, emit, examples, json_option, note
from registry.core.errors import InvalidInput


@click.group(cls=Group)
def witness() -> None:
    """Witnesses: whoever cosigns a log's checkpoints keeps it from showing two histories."""


@witness.command(
    epilog=examples(
        "vorbehalt witness serve --name witness.society.example --policy log.policy --state /var/lib/witness"
    )
)
@click.option(
    "--state",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where it remembers what it has seen. Never restore this folder from a backup.",
)
@click.option(
    "--policy",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Whose log lines say which logs are watched (c2sp.org/tlog-policy).",
)
@click.option(
    "--key",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The witness's key (default: witness.key in the state).",
)
@click.option(
    "--name", metavar="NAME", help="Its name, like an address without https://; makes a key if there is none."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=7380, show_default=True, help="Port to listen on; 0 takes a free one.")
@json_option
def serve(
    state: Path, policy: Path, key: Path | None, name: str | None, host: str, port: int, as_json: bool
) -> None:
    """Run a witness until it is told to stop."""
    from crawler.witness import KEY_FILE, Witness, open_key
    from crawler.witness_server import WitnessServer
    from registry.core.tlog.policies import Policy

    try:
        logs = Policy.parse(policy.read_text("utf-8")).logs
    except UnicodeDecodeError as problem:
        raise InvalidInput(f"{policy} is no policy: it is not text.") from problem
    signing = open_key(key or state / KEY_FILE, name)
    running = Witness(state, signing, logs, lambda: int(time.time()))
    with WitnessServer((host, port), running) as server:
        address = f"http://{host}:{server.server_address[1]}"
        line = f"witness {signing.name} {signing.verifier()} {address}"
        if as_json:
            emit({"address": address, "witness": str(signing.verifier()), "logs": [str(k) for k in logs]})
        else:
            click.echo(line)
        note(f"Watching {', '.join(dict.fromkeys(k.name for k in logs))} at {address}")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        server.serve_forever()
    running.close()
