"""`vorbehalt check`: is this on record, and what may be done with it?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from crawler import words
from crawler.commands.asking import request_from, request_options
from crawler.commands.base import (
    Command,
    api_key_option,
    deep_option,
    emit,
    end,
    exact_decode_option,
    examples,
    existing_files,
    json_option,
    min_words_option,
    now,
    server_option,
    snapshot_option,
)
from crawler.exits import Exit
from registry.core.decisions import Policy, Purpose, Verdict
from registry.core.errors import InvalidInput

if TYPE_CHECKING:
    from crawler.checking import Answer


@click.command(
    cls=Command,
    epilog=examples(
        "vorbehalt check picture.jpg --snapshot vb",
        "vorbehalt check poem.txt --server https://registry.example",
        "vorbehalt check --hash 9f1c…e0 --algorithm image.phash256.v1 --snapshot vb --fail-on-match",
    ),
)
@existing_files()
@click.option(
    "--hash", "codes", multiple=True, metavar="HEX", help="A code instead of a file; may be repeated."
)
@click.option("--algorithm", help="Algorithm of the codes, such as image.phash256.v1.")
@snapshot_option(required=False)
@server_option(required=False)
@api_key_option
@request_options(purpose=Purpose.TRAIN_GENAI, policy=Policy.CONSENT_FIRST)
@deep_option
@min_words_option
@exact_decode_option
@click.option("--allow-stale", metavar="REASON", help="Use a snapshot that has expired, for this reason.")
@click.option("--fail-on-match", is_flag=True, help="End with 2 if anything on record was found.")
@json_option
def check(
    files: tuple[Path, ...],
    codes: tuple[str, ...],
    algorithm: str | None,
    snapshot: Path | None,
    server: str | None,
    api_key: str | None,
    purpose: str,
    policy: str,
    territory: str,
    deep: bool,
    min_words: int,
    exact_decode: bool,
    allow_stale: str | None,
    fail_on_match: bool,
    as_json: bool,
) -> None:
    """Tell whether files or codes are on record, and on what terms.

    Files are hashed here. With --snapshot nothing leaves this machine; with --server the codes are sent, and works
    are found too that are in no snapshot.
    """
    from crawler.checking import check_at_server, check_in_snapshot, code_item, file_item
    from crawler.client import Client
    from crawler.sync import open_snapshot

    if (snapshot is None) == (server is None):
        raise InvalidInput("Say whom to ask: either --snapshot DIR or --server URL.")
    if not files and not codes:
        raise InvalidInput("There is nothing to check: name a file, or a code with --hash.")
    present = now()
    request = request_from(purpose, policy, territory, int(present.timestamp()))
    items = [file_item(path, deep=deep, exact_decode=exact_decode) for path in files]
    items += [code_item(code, algorithm) for code in codes]
    if snapshot is not None:
        opened = open_snapshot(snapshot, now=present, allow_stale=allow_stale)
        answers = check_in_snapshot(items, opened, request, min_words)
    else:
        assert server is not None
        with Client(server, api_key) as client:
            answers = check_at_server(items, client, request, min_words)

    if as_json:
        emit(
            {
                "purpose": purpose,
                "policy": policy,
                "territory": territory,
                "items": [_document(a) for a in answers],
            }
        )
    else:
        for answer in answers:
            click.echo("\n".join(_lines(answer)))
    if any(answer.failed for answer in answers):
        end(Exit.ITEMS)
    if fail_on_match and any(found.grade != "trace" for answer in answers for found in answer.found):
        end(Exit.MATCHES)


def _lines(answer: Answer) -> list[str]:
    """The answer in plain words."""
    head = f"{answer.name}: {words.VERDICTS[answer.verdict]}"
    if answer.verdict is Verdict.UNKNOWN:
        head = f"{answer.name}: {words.reason(answer.reason)}"
    elif answer.reason:
        head += f"; {words.reason(answer.reason)}"
    lines = [head + "."]
    for found in answer.found:
        how = (
            words.passage(*found.shared) if found.shared else words.closeness(found.algorithm, found.distance)
        )
        part = f"; {words.variant(found.variant)}" if found.algorithm.startswith("image.") else ""
        lines.append(f"  {found.work}: {how} ({found.grade}{part})")
    lines += [f"  by {licence}" for licence in answer.licences]
    return lines


def _document(answer: Answer) -> dict[str, object]:
    return {
        "name": answer.name,
        "verdict": answer.verdict.name.lower(),
        "reason": answer.reason,
        "kept": answer.kept,
        "matches": [
            {
                "work": f.work,
                "grade": f.grade,
                "algorithm": f.algorithm,
                "variant": f.variant,
                "distance": f.distance,
                "passage": dict(zip(("words", "begin", "end"), f.shared, strict=True)) if f.shared else None,
            }
            for f in answer.found
        ],
        "licences": list(answer.licences),
    }
