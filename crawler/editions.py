"""A lab's copies of the registry on disk, and how one replaces the other.

    <folder>/anchor.json           the first root of trust, never replaced
    <folder>/witness.policy        whose cosignatures each edition needs, if the lab asks for any
    <folder>/metadata/             the newest signed metadata seen: what came later may not be older
    <folder>/downloads/            what has not come whole yet; the next sync goes on from there
    <folder>/editions/7/           an installed edition: lists/, licences/, trust.json, under which it was accepted,
                                   and edition.tlog-proof, by which witnesses have seen it
    <folder>/current               link to the newest installed edition; replaced by one rename
    <folder>/kept/7.0123456789ab   link to the plan of an unfinished run, for which edition 7 is kept

An edition's age is that of its own `trust.json`, never of newer metadata that was seen but not followed: else whoever
lets timestamps through and holds back the lists could keep an old copy fresh for ever.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from registry.core.durable import flush_folder, flush_tree, replace_file
from registry.core.errors import Conflict, Corrupt, InvalidInput, NotFound, NotReady, TrustRefused
from registry.core.records.canonical import canonical, parse_canonical
from registry.core.snapshots import PersonalLicences
from registry.core.snapshots.manifest import MANIFEST
from registry.core.snapshots.times import from_text, to_text
from registry.core.snapshots.trust import ROLES, Chain, verify_chain
from registry.core.snapshots.witnessed import read_witness_policy
from registry.core.tlog.policies import Policy

KEPT = 2
"""Installed editions: the current one, and the one that a running filter may still have open."""

_SLACK = 3600
"""Seconds by which the clocks of a registry and a lab may differ."""
_TRUST = "trust.json"
_PROOF = "edition.tlog-proof"
_KEPT = re.compile(r"([0-9]{1,16})\.[0-9a-f]{12}")
_LINK = re.compile(r"editions/([0-9]{1,16})")
_LICENCES = re.compile(r"([0-9a-f]{64})\.([0-9a-f]{64}\.json)")
_DAMAGED = "run `vorbehalt sync` to replace the damaged copy."


class Editions:
    """The folder in which a lab keeps its copies."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read or created yet."""
        self.folder = folder
        self.anchor = folder / "anchor.json"
        self.policy = folder / "witness.policy"
        self.metadata = folder / "metadata"
        self.downloads = folder / "downloads"
        self._editions = folder / "editions"
        self._kept = folder / "kept"
        self._link = folder / "current"

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """One sync at a time; `Conflict` if another is at work. Clears what an interrupted one left behind."""
        for folder in (self.folder, self.metadata, self.downloads, self._editions):
            folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as problem:
                raise Conflict(
                    f"Another sync is at work in {self.folder}; wait until it has ended."
                ) from problem
            self._clear_stages()
            try:
                yield
            finally:
                self._clear_stages()

    def _clear_stages(self) -> None:
        for leftover in self._editions.glob("*.tmp"):
            shutil.rmtree(leftover)

    def clear_downloads(self) -> None:
        """Nothing is on its way any more."""
        for leftover in self.downloads.iterdir():
            leftover.unlink()

    def witness_policy(self, given: bytes | None = None) -> Policy | None:
        """Whose cosignatures are asked for: what is given, which is remembered, or what was given before.

        `InvalidInput` if it cannot be read; it is never taken for none.
        """
        if given is not None:
            policy = read_witness_policy(given)
            replace_file(self.policy, given)
            return policy
        try:
            return read_witness_policy(self.policy.read_bytes())
        except FileNotFoundError:
            return None
        except InvalidInput as problem:
            raise InvalidInput(f"{self.policy} cannot be used: {problem.message}") from problem

    def current(self) -> Path | None:
        """The installed edition that is in use; `None` before the first; `Corrupt` if the link is not ours."""
        try:
            target = self._link.readlink()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise Corrupt(
                f"{self._link} is not the link that sync made; remove it and run `vorbehalt sync`."
            ) from problem
        path = self.folder / target
        if not _LINK.fullmatch(str(target)) or path.is_symlink():
            raise Corrupt(f"{self._link} leads out of {self.folder}; remove it and run `vorbehalt sync`.")
        return path if path.is_dir() else None

    def require_current(self) -> Path:
        """The same, or `NotReady`."""
        path = self.current()
        if path is None:
            raise NotReady(f"There is no snapshot in {self.folder}; run `vorbehalt sync` first.")
        return path

    def require(self, sequence: int) -> Path:
        """An installed edition, in use or not; `NotFound` if it is not kept any more."""
        path = self._editions / str(sequence)
        if path.is_symlink() or not path.is_dir():
            raise NotFound(
                f"Edition {sequence}, with which this run began, is not in {self.folder} any more. "
                "Begin anew in another folder."
            )
        return path

    def kept_for_runs(self) -> dict[int, Path]:
        """The editions that unfinished runs began with, each with the folder of one such run.

        A run is unfinished as long as its plan is there; what is left of others is cleared.
        """
        found: dict[int, Path] = {}
        for link in sorted(self._kept.iterdir()) if self._kept.is_dir() else ():
            if (name := _KEPT.fullmatch(link.name)) is None or not link.is_symlink():
                continue
            try:
                link.stat()
            except FileNotFoundError:
                link.unlink()
                continue
            except OSError:
                pass  # out of reach now, but it may be there
            found[int(name[1])] = link.readlink().parent.parent
        return found

    def stage(self, sequence: int) -> Path:
        """An empty folder beside the installed editions, to be filled and then installed."""
        stage = self._editions / f"{sequence}.tmp"
        (stage / "lists").mkdir(parents=True)
        return stage

    def install(self, stage: Path, sequence: int) -> Path:
        """Make a filled and verified stage the current edition. At every instant one whole edition is current."""
        flush_tree(stage)
        place = self._editions / str(sequence)
        if place.exists():  # a damaged copy of the same edition, or one whose installation was interrupted
            place.rename(self._editions / f"{sequence}.old.tmp")
        stage.rename(place)
        flush_folder(self._editions)
        beside = self.folder / ".current.tmp"
        beside.unlink(missing_ok=True)
        beside.symlink_to(f"editions/{sequence}")
        beside.replace(self._link)
        flush_folder(self.folder)
        self._prune(place)
        return place

    def _prune(self, current: Path) -> None:
        """Remove all but the newest few and those of runs. Files that a process has mapped stay readable to it."""
        kept = self.kept_for_runs()
        for number in self._installed():
            if not (self.is_among_the_last(number) or number in kept or str(number) == current.name):
                shutil.rmtree(self._editions / str(number))

    def is_among_the_last(self, sequence: int) -> bool:
        """Whether this is one of the newest few, which are kept in any case."""
        return sequence in self._installed()[:KEPT]

    def _installed(self) -> list[int]:
        """The numbers of all editions here, the newest first."""
        return sorted((int(p.name) for p in self._editions.iterdir() if p.name.isdecimal()), reverse=True)


def keep_for(plan: Path, edition: Path) -> None:
    """Have syncs keep this edition as long as `plan` is there, so that an interrupted run can go on with it.

    Where the snapshot folder may only be read, the last few are kept, as ever.
    """
    plan, folder = plan.resolve(), edition.parent.parent / "kept"
    if edition.parent.name != "editions" or not edition.name.isdecimal():
        return
    link = folder / f"{edition.name}.{sha256(os.fsencode(plan)).hexdigest()[:12]}"
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
        link.symlink_to(plan)


def write_trust(edition: Path, metadata: Mapping[str, bytes]) -> None:
    """Keep the signed metadata with the edition, as one file: it is replaced as a whole or not at all."""
    texts = {role: metadata[role].decode() for role in ROLES}
    body = {"metadata": texts, "sha256": sha256(canonical(texts)).hexdigest()}
    data, path = canonical(body), edition / _TRUST
    if not path.is_file() or path.read_bytes() != data:
        replace_file(path, data)


def read_trust(edition: Path) -> Chain:
    """The metadata under which an edition was accepted, verified again; `Corrupt` or `TrustRefused`."""
    path = edition / _TRUST
    try:
        body: Any = parse_canonical(path.read_bytes(), _TRUST)
        texts = body["metadata"]
        intact = (
            set(body) == {"metadata", "sha256"} and sha256(canonical(texts)).hexdigest() == body["sha256"]
        )
        metadata = {role: texts[role].encode() for role in ROLES}
    except (OSError, InvalidInput, KeyError, TypeError, AttributeError) as problem:
        raise Corrupt(f"{path} cannot be read ({problem}); {_DAMAGED}") from problem
    if not intact:
        raise Corrupt(f"{path} is not what its digest says; {_DAMAGED}")
    return verify_chain(metadata)


def clock_is_behind(chain: Chain, now: int) -> bool:
    """Whether this machine believes in a time before the edition was made: then it cannot tell how old a copy is.

    Whoever sets a clock back could else keep an old copy in use for as long as they like.
    """
    return now + _SLACK < _made(chain)


def clock_trouble(chain: Chain, now: int) -> str:
    """That in words."""
    return (
        f"This machine's clock says {to_text(now)}, but the edition was made at {to_text(_made(chain))}. Set the "
        "clock: by a wrong one nobody can tell whether a snapshot is still good."
    )


def _made(chain: Chain) -> int:
    """When the edition was made, as it is signed, in POSIX seconds; 0 if that is not said."""
    try:
        return from_text(str(chain.custom(MANIFEST)["created"]))
    except (KeyError, ValueError):
        return 0


def write_proof(edition: Path, proof: bytes) -> None:
    """Keep the proof that the log holds this edition."""
    path = edition / _PROOF
    if not path.is_file() or path.read_bytes() != proof:
        replace_file(path, proof)


def read_proof(edition: Path) -> bytes:
    """That proof; `TrustRefused` if there is none."""
    try:
        return (edition / _PROOF).read_bytes()
    except FileNotFoundError as problem:
        raise TrustRefused(
            f"There is no proof that your witnesses have seen edition {edition.name}; run `vorbehalt sync`."
        ) from problem


def licence_path(edition: Path, target: str, digest: str) -> Path:
    """Where the licence file with this SHA-256 is kept: the name changes with the content, so nothing is replaced."""
    folder, _, name = target.rpartition("/")
    return edition / folder / f"{digest}.{name}"


def keep_only(kept: Path | None, edition: Path) -> None:
    """Remove all licence files but the one that is valid now."""
    for path in (edition / "licences").glob("*"):
        if path != kept:
            path.unlink()


def read_licences(edition: Path, chain: Chain) -> PersonalLicences | None:
    """The licensee's file that belongs to this metadata; `None` if there is none, `Corrupt` if it is damaged."""
    for path in sorted((edition / "licences").glob("*")):
        match = _LICENCES.fullmatch(path.name)
        signed = chain.targets.get(f"licences/{match[2]}") if match else None
        if match is None or signed is None or signed.hashes["sha256"] != match[1]:
            continue
        data = path.read_bytes()
        if len(data) != signed.length or sha256(data).hexdigest() != match[1]:
            raise Corrupt(f"{path} is not what its digest says; {_DAMAGED}")
        licences = PersonalLicences.parse(data)
        if licences.target != f"licences/{match[2]}":
            raise Corrupt(f"{path} was signed for another licensee; {_DAMAGED}")
        return licences
    return None
