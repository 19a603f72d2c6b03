"""`vorbehalt-server trust`: the ceremonies in which keys are made, named, replaced and renewed.

What needs the offline keys works in a copied folder, on a machine that need not be the server: `prepare` and
`install` are run where the registry is, `renew`, `rotate` and `revoke` where the offline keys are.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.command_options import HOME, JSON, say, settings_of
from registry.core.errors import InvalidInput

if TYPE_CHECKING:
    from registry.core.snapshots.trust.offline import OfflinePart
    from registry.core.snapshots.trust.signing import Signed

_FOLDER = click.Path(path_type=Path, file_okay=False)
_ONLINE = ("publisher", "snapshot", "timestamp")
_OFFLINE = ("root", "targets")

_metadata = click.option(
    "--metadata",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    help="Copy of the registry's folder keys/trust/metadata; the new versions are written into it.",
)
_keys = click.option(
    "--keys",
    "places",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    required=True,
    help="Offline keys: a file, or a folder of them. Give it once for each holder.",
)
_stdin = click.option(
    "--passphrase-stdin",
    is_flag=True,
    help="Read one passphrase, for all encrypted keys, from standard input.",
)
_new_key = click.option(
    "--new-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the new key, if an offline key is replaced.",
)
_encrypt = click.option("--encrypt", is_flag=True, help="Encrypt the new offline keys with a passphrase.")


@click.group()
def trust() -> None:
    """The keys with which snapshots and the log are signed."""


@trust.command("init")
@HOME
@click.option(
    "--offline-keys",
    type=_FOLDER,
    required=True,
    help="Folder for the root and targets keys. Take it off this machine afterwards.",
)
@_encrypt
@_stdin
def init(home: Path | None, offline_keys: Path, encrypt: bool, passphrase_stdin: bool) -> None:
    """Make all signing keys: the online ones under the home folder, the others where you say.

    Example: vorbehalt-server trust init --offline-keys /media/stick/vorbehalt-keys --encrypt
    """
    from registry.wiring import init_trust

    passphrase = _Passphrases(stdin=passphrase_stdin).new() if encrypt else None
    digest = init_trust(settings_of(home), offline_keys, datetime.now(UTC), passphrase)
    click.echo(f"Trust begins with root {digest}.")
    click.echo("Labs can pin it: vorbehalt sync --root-sha256 " + digest)
    click.echo(f"Take {offline_keys} off this machine: give each number to another person.")


@trust.command("status")
@HOME
@JSON
@click.option("--metadata", type=_FOLDER, help="Look into this copy instead of the registry's own folder.")
@click.option("--keys", "places", type=click.Path(path_type=Path, exists=True), multiple=True)
@_stdin
def status(
    home: Path | None, as_json: bool, metadata: Path | None, places: tuple[Path, ...], passphrase_stdin: bool
) -> None:
    """Show which keys are in force for what, and until when the offline signatures hold.

    With --keys it also says which of these files is which key.

    Example: vorbehalt-server trust status --keys /media/stick/vorbehalt-keys
    """
    from registry.core.snapshots.trust.keys import key_files
    from registry.core.snapshots.trust.offline import OfflinePart
    from registry.wiring import trust_keys

    part = OfflinePart.read(metadata) if metadata else OfflinePart.load(trust_keys(settings_of(home)))
    files = key_files(places, _Passphrases(stdin=passphrase_stdin).of)
    document = _standing(part, {key.public_key.keyid: path for path, key in files.items()})
    lines = [
        f"{r['role']:<10} {key['id'][:16]}  {key['file'] or ''}".rstrip()
        for r in document["roles"]
        for key in r["keys"]
    ]
    lines += [f"{p['role']} version {p['version']} holds until {p['expires']}" for p in document["signed"]]
    say(as_json, document, "\n".join(lines))


@trust.command("prepare")
@HOME
@click.argument("role", type=click.Choice(_ONLINE))
def prepare(home: Path | None, role: str) -> None:
    """Make the successor of an online key, here where it will be used. It waits until the offline keys name it.

    Example: vorbehalt-server trust prepare publisher
    """
    from registry.core.snapshots.trust.installing import prepare_key
    from registry.wiring import trust_keys

    public = prepare_key(trust_keys(settings_of(home)), role)
    click.echo(f"The new {role} key waits; {public} is its public half.")
    click.echo(f"Carry a copy of {public.parent} to the offline keys and run there: trust rotate {role}")


@trust.command("renew")
@_metadata
@_keys
@_stdin
def renew(metadata: Path, places: tuple[Path, ...], passphrase_stdin: bool) -> None:
    """Sign root and targets for another year, keys unchanged. Two keys of each are needed.

    Example: vorbehalt-server trust renew --metadata metadata --keys /media/anna --keys /media/ben
    """
    from registry.core.snapshots.trust import signing
    from registry.core.snapshots.trust.keys import load_offline_keys

    signers = load_offline_keys(places, _Passphrases(stdin=passphrase_stdin).of)
    _report(signing.renew(metadata, signers, datetime.now(UTC)))


@trust.command("rotate")
@click.argument("role", type=click.Choice((*_ONLINE, *_OFFLINE)))
@_metadata
@_keys
@_stdin
@click.option("--old", help="Which root or targets key is replaced: the beginning of its id.")
@_new_key
@_encrypt
def rotate(
    role: str,
    metadata: Path,
    places: tuple[Path, ...],
    passphrase_stdin: bool,
    old: str | None,
    new_key: Path | None,
    encrypt: bool,
) -> None:
    """Name another key in the place of one. Two root keys are needed, for publisher two targets keys, for targets both.

    Online keys: the successor that `trust prepare` has made. Offline keys: a new one is made here.

    Example: vorbehalt-server trust rotate publisher --metadata metadata --keys /media/anna --keys /media/ben
    """
    from registry.core.snapshots.trust import signing
    from registry.core.snapshots.trust.offline import OfflinePart

    part = OfflinePart.read(metadata)
    if role in _OFFLINE:
        if old is None:
            raise InvalidInput(f"There are several {role} keys; say by --old which one is replaced.")
        found, keyid = signing.find_key(part, old)
        if found != role:
            raise InvalidInput(f"{old} is the {found} key.")
    else:
        (keyid,) = part.key_ids(role)
    _replace(metadata, places, role, keyid, new_key, encrypt=encrypt, stdin=passphrase_stdin)


@trust.command("revoke")
@click.argument("key")
@_metadata
@_keys
@_stdin
@_new_key
@_encrypt
def revoke(
    key: str,
    metadata: Path,
    places: tuple[Path, ...],
    passphrase_stdin: bool,
    new_key: Path | None,
    encrypt: bool,
) -> None:
    """Replace a key that was stolen or lost: KEY is the beginning of its id, as `trust status` shows it.

    It signs nothing here. Once the result is installed, clients refuse whatever it signs.

    Example: vorbehalt-server trust revoke 3f9c01ab --metadata metadata --keys /media/anna --keys /media/ben
    """
    from registry.core.snapshots.trust import signing
    from registry.core.snapshots.trust.offline import OfflinePart

    role, keyid = signing.find_key(OfflinePart.read(metadata), key)
    _replace(metadata, places, role, keyid, new_key, encrypt=encrypt, stdin=passphrase_stdin)


@trust.command("install")
@HOME
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
def install(home: Path | None, folder: Path) -> None:
    """Take over what the offline keys have signed in FOLDER, and publish under it.

    Everything is verified before anything is replaced. If it is interrupted, run it again.

    Example: vorbehalt-server trust install /media/carrier/metadata
    """
    from registry.wiring import Registry

    with Registry.open(settings_of(home)) as registry:
        part, edition = registry.install_trust(folder)
    click.echo(f"Root {part.root.version} and targets {part.targets.version} are in force.")
    click.echo(f"Edition {edition.sequence} is published under them.")


def _replace(
    metadata: Path,
    places: tuple[Path, ...],
    role: str,
    keyid: str,
    new_key: Path | None,
    *,
    encrypt: bool,
    stdin: bool,
) -> None:
    """The one ceremony that `rotate` and `revoke` are. A new offline key that could not be named is not left behind."""
    from registry.core.snapshots.trust import signing
    from registry.core.snapshots.trust.keys import create_key, load_offline_keys, read_public
    from registry.core.snapshots.trust.offline import public_key

    if (role in _OFFLINE) != (new_key is not None):
        raise InvalidInput(
            "Say by --new-key where the new offline key goes."
            if new_key is None
            else f"--new-key is for offline keys; the {role} key is made by `trust prepare`."
        )
    passphrases = _Passphrases(stdin=stdin)
    signers = load_offline_keys(places, passphrases.of)
    now = datetime.now(UTC)
    if new_key is None:
        new = read_public(public_key(metadata, role))
        _report(signing.replace_key(metadata, signers, now, old=keyid, new=new))
        return
    new = create_key(new_key, passphrases.new() if encrypt else None).public_key
    try:
        _report(signing.replace_key(metadata, signers, now, old=keyid, new=new))
    except BaseException:
        new_key.unlink()
        raise


def _report(signed: Signed) -> None:
    for path in signed.files:
        click.echo(f"Signed: {path}")
    click.echo("Carry the folder back, and run where the registry is: vorbehalt-server trust install FOLDER")


def _standing(part: OfflinePart, files: dict[str, Path]) -> dict[str, Any]:
    """Roles with their keys, and the two signatures that a person must renew."""
    return {
        "roles": [
            {
                "role": role,
                "keys": [
                    {"id": keyid, "file": str(files[keyid]) if keyid in files else None}
                    for keyid in sorted(part.key_ids(role))
                ],
            }
            for role in (*_OFFLINE, *_ONLINE)
        ],
        "signed": [
            {"role": p.type, "version": p.version, "expires": f"{p.expires:%Y-%m-%dT%H:%M:%SZ}"}
            for p in (part.root, part.targets)
        ],
    }


class _Passphrases:
    """Asked for from each key's holder, or one for all keys from the first line of standard input."""

    def __init__(self, *, stdin: bool) -> None:
        self._one = sys.stdin.readline().rstrip("\n") if stdin else None
        if self._one == "":
            raise InvalidInput("There is no passphrase on standard input.")

    def of(self, path: Path) -> bytes:
        """That of a key that is there."""
        return (self._one or _prompt(f"Passphrase of {path.name}")).encode()

    def new(self) -> bytes:
        """One for keys that are about to be made."""
        return (self._one or _prompt("New passphrase", confirm=True)).encode()


def _prompt(text: str, *, confirm: bool = False) -> str:
    return str(click.prompt(text, hide_input=True, confirmation_prompt=confirm, err=True))
