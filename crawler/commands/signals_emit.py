"""`vorbehalt signals emit` and `stamp`: a maker's declaration for a site, and in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from crawler.commands.base import Command, emit, end, examples, existing_files, json_option, note
from crawler.exits import Exit
from registry.core.decisions import Purpose
from registry.core.errors import InvalidInput, OutputExists, VorbehaltError
from registry.core.signals.emit import Declaration

if TYPE_CHECKING:
    from registry.core.signals.emit.credentials import SigningKey


F = TypeVar("F", bound=Callable[..., Any])


def _will_options(function: F) -> F:
    """`--allow`, `--policy`: what is declared."""
    for option in (
        click.option("--policy", metavar="URL", help="Where a licence is to be had."),
        click.option(
            "--allow",
            "allowed",
            multiple=True,
            type=click.Choice([p.value for p in Purpose]),
            help="A use that is free for everybody; may be repeated. All else is refused.",
        ),
    ):
        function = option(function)
    return function


@click.command(
    "emit",
    cls=Command,
    epilog=examples(
        "vorbehalt signals emit",
        "vorbehalt signals emit --allow search --policy https://example.org/ai --site https://example.org --out files",
    ),
)
@_will_options
@click.option("--site", metavar="URL", help="The site's address, so that it can announce its RSL licence.")
@click.option("--path", default="/", show_default=True, help="Where on the site it holds.")
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the files there instead of printing them.",
)
@json_option
def emit_command(
    allowed: tuple[str, ...], policy: str | None, site: str | None, path: str, out: Path | None, as_json: bool
) -> None:
    """Write the signals for a site: robots.txt, tdmrep.json, an RSL licence, response headers, and meta elements."""
    from crawler.connections import check_address
    from registry.core.signals.emit import site as written

    declaration = Declaration(frozenset(Purpose(name) for name in allowed), path, policy)
    licence = None if site is None else f"{check_address(site)}/license.xml"
    files = {
        "robots.txt": written.robots_txt(declaration, licence=licence),
        ".well-known/tdmrep.json": written.tdmrep_json(declaration).decode(),
        "license.xml": written.rsl_document(declaration).decode(),
        "headers.txt": "".join(f"{name}: {value}\n" for name, value in written.headers(declaration)),
        "head.html": written.meta_tags(declaration, licence=licence),
    }
    if as_json:
        emit({"files": files})
    if out is None:
        if not as_json:
            click.echo("\n".join(f"# {name}\n{text}" for name, text in files.items()))
        return
    taken = [name for name in files if (out / name).exists()]
    if taken:
        raise OutputExists(
            f"{out / taken[0]} is there already; name another folder, or add the lines by hand."
        )
    for name, text in files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text, encoding="utf-8")
    note(f"Wrote {', '.join(files)} to {out}.")


@click.command(
    "stamp",
    cls=Command,
    epilog=examples(
        "vorbehalt signals stamp picture.jpg --work work_… --registry registry.example --out stamped"
    ),
)
@existing_files(required=True)
@_will_options
@click.option("--work", metavar="ID", help="The work's id in the registry; for one file only.")
@click.option("--registry", metavar="ORIGIN", help="The registry that keeps it, such as registry.example.")
@click.option(
    "--sign-key",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Add content credentials to pictures, signed by this key (PEM, P-256).",
)
@click.option(
    "--certificates",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The key's certificates (PEM), its own first.",
)
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the stamped copies go.",
)
@json_option
def stamp(
    files: tuple[Path, ...],
    allowed: tuple[str, ...],
    policy: str | None,
    work: str | None,
    registry: str | None,
    sign_key: Path | None,
    certificates: Path | None,
    out: Path,
    as_json: bool,
) -> None:
    """Write the declaration into copies of files (JPEG, PNG, WebP, PDF), or beside them as XMP; no pixel changes."""
    if work is not None and len(files) > 1:
        raise InvalidInput("A work's id belongs to one file; stamp the others without --work.")
    if (work is None) != (registry is None):
        raise InvalidInput("--work and --registry belong together.")
    if (sign_key is None) != (certificates is None):
        raise InvalidInput("--sign-key and --certificates belong together.")
    names = [path.name for path in files]
    if len(set(names)) < len(names):
        raise InvalidInput("Two of the files have the same name; stamp them one after the other.")
    declaration = Declaration(frozenset(Purpose(name) for name in allowed), "/", policy, work, registry)
    from registry.core.signals.emit.credentials import SigningKey

    key = None
    if sign_key is not None and certificates is not None:
        key = SigningKey(sign_key.read_bytes(), certificates.read_bytes())
    done = [_stamp(path, declaration, key, out) for path in files]
    if as_json:
        emit({"files": done})
    else:
        for one in done:
            click.echo(f"{one['file']}: {one['written'] or one['problem']}")
    if any(one["problem"] for one in done):
        end(Exit.ITEMS)


def _stamp(path: Path, declaration: Declaration, key: SigningKey | None, out: Path) -> dict[str, str | None]:
    """Write one copy; what was written, or why nothing was."""
    from crawler.durable import replacing
    from registry.core.errors import UnsupportedMedia
    from registry.core.fingerprints.sniff import image_format
    from registry.core.signals.emit.credentials import sign
    from registry.core.signals.emit.stamp import sidecar
    from registry.core.signals.emit.stamp import stamp as stamped

    try:
        try:
            data, target = stamped(path.read_bytes(), declaration), out / path.name
            if key is not None and image_format(data) is not None:
                data = sign(data, declaration, key)
        except UnsupportedMedia:
            data, target = sidecar(declaration), out / f"{path.name}.xmp"
        if target.exists():
            raise OutputExists(f"{target} is there already.")
        out.mkdir(parents=True, exist_ok=True)
        with replacing(target) as rough:
            rough.write_bytes(data)
    except VorbehaltError as error:
        return {"file": str(path), "written": None, "problem": error.message}
    except OSError as error:
        return {"file": str(path), "written": None, "problem": error.strerror or str(error)}
    return {"file": str(path), "written": str(target), "problem": None}
