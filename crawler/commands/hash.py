"""`vorbehalt hash`: a work's fingerprints, computed here."""

from __future__ import annotations

from pathlib import Path

import click

from crawler.commands.base import Command, emit, end, examples, existing_files, json_option, note
from crawler.exits import Exit
from registry.core.errors import VorbehaltError

_LONGEST = 640
"""Bytes of the longest code but that of a text's fingerprints."""


@click.command("hash", cls=Command, epilog=examples("vorbehalt hash crest.jpg poem.txt"))
@existing_files(required=True)
@json_option
def hash_command(files: tuple[Path, ...], as_json: bool) -> None:
    """Print the fingerprints of pictures and texts. Nothing leaves this machine."""
    from crawler.fingerprinting import as_document, fingerprint_file

    results = []
    for path in files:
        try:
            found = fingerprint_file(path)
        except VorbehaltError as error:
            results.append({"file": str(path), "error": {"code": error.code, "message": error.message}})
            note(f"{path}: {error.message}")
            continue
        results.append({"file": str(path), **as_document(found)})
        for remark in found.notes:
            note(f"{path}: {remark.message}")
        if not as_json:
            for fingerprint in found.fingerprints:
                click.echo(f"{_shown(fingerprint.code)}  {fingerprint.algorithm}/{fingerprint.kind}  {path}")
    if as_json:
        emit({"files": results})
    end(Exit.ITEMS if any("error" in result for result in results) else Exit.OK)


def _shown(code: bytes) -> str:
    """In hexadecimal; the fingerprints of a book would fill many screens."""
    if len(code) <= _LONGEST:
        return code.hex()
    return f"{code[:16].hex()}… ({len(code):,} bytes; --json has them all)"
