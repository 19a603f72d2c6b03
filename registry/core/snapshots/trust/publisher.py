"""Sign and publish with the online keys. The timestamp is written last: until then nobody sees any of it.

Every file but the timestamp has a name that is used once: files carry their digest in it, metadata its version. So a
publish that was interrupted at any point leaves what clients see as it was, and the next one simply goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

from tuf.api.metadata import Metadata, MetaFile, Signed, Snapshot, TargetFile, Targets, Timestamp

from registry.core.errors import Conflict, InvalidInput, NotReady, TrustRefused
from registry.core.snapshots.manifest import MANIFEST
from registry.core.snapshots.retired import remove_retired
from registry.core.snapshots.store import Store, metadata_path, target_path
from registry.core.snapshots.times import to_seconds
from registry.core.snapshots.trust.chain import REFUSALS, Chain, verify_chain
from registry.core.snapshots.trust.offline import FOLDER, OfflinePart, ever_named
from registry.core.snapshots.trust.roles import (
    PUBLISHER,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    expiry,
    file_name,
    is_target_name,
)
from registry.core.snapshots.trust.versions import Versions, exclusively

_LOST = "Restore the file store from a backup; if there is none: vorbehalt-server publish --recreate"


_Online = TypeVar("_Online", Targets, Snapshot, Timestamp)


@dataclass(frozen=True, slots=True)
class Published:
    """What clients see now: versions by role, and when the first signature expires (POSIX seconds)."""

    versions: Mapping[str, int]
    expires: int


class Publisher:
    """The online side of the trust: three keys, and the root and delegation that the offline keys signed."""

    def __init__(self, online_dir: Path, store: Store) -> None:
        """Load keys and offline-signed metadata; `NotReady`, `Corrupt` or `TrustRefused` if they are not usable."""
        self._dir = online_dir
        self._store = self.store = store
        self._offline = OfflinePart.load(online_dir)
        self._signers = self._offline.load_signers(online_dir)
        Versions.load(online_dir)

    @property
    def keys(self) -> dict[str, frozenset[str]]:
        """By role, the ids of the keys under which this publishes."""
        return self._offline.keys

    @property
    def former_keys(self) -> dict[str, frozenset[str]]:
        """By role, those that were named before and are no longer."""
        named = ever_named(self._dir / FOLDER)
        return {role: frozenset(ids - self.keys.get(role, set())) for role, ids in named.items()}

    def bring(self, targets: Mapping[str, bytes | Path], now: datetime, *, recreate: bool = False) -> None:
        """Bring files to the store ahead of `publish`, which then has little more to do than to sign.

        Nobody sees them yet, so this may fail at any point and leaves nothing that matters. Raises what `publish` does.
        """
        self._offline.check_age(now)
        with self._exclusively() as versions:
            if not recreate:
                self._read_published(versions)
            for name, source in sorted(targets.items()):
                self._put_target(_describe(name, source, None), source)

    def publish(
        self,
        targets: Mapping[str, bytes | Path],
        custom: Mapping[str, Mapping[str, Any]],
        now: datetime,
        *,
        kept: Iterable[TargetFile] = (),
        recreate: bool = False,
    ) -> Published:
        """Publish exactly these files, given by target name, and of those published before the ones that are `kept`.

        `custom` adds signed facts to a target, such as the edition's sequence to `lists/edition.json`. An edition's
        sequence may not go back, nor come again with another content: `Conflict`. `recreate` writes everything
        anew after the store was lost; without it, missing or damaged metadata in the store is refused.
        """
        if strangers := set(custom) - set(targets):
            raise InvalidInput(f"There are signed facts about {min(strangers)}, but no such file.")
        files = {file.path: file for file in kept}
        files |= {name: _describe(name, data, custom.get(name)) for name, data in sorted(targets.items())}
        self._offline.check_age(now)
        with self._exclusively() as versions:
            before = None if recreate else self._read_published(versions)
            if before is not None:
                versions = versions.at_least(self._still_ours(before))
                if self._is_by(PUBLISHER, before):
                    _check_sequence(before, files)
            self._put_delegation()
            for name, source in targets.items():
                self._put_target(files[name], source)
            return self._sign(files, versions, now)

    def refresh_timestamp(self, now: datetime) -> Published | None:
        """Say once more that nothing newer exists; prolongs no other signature, so `NotReady` once one has expired.

        `None`, and nothing is done, if the offline keys have signed anew since: then all must be published anew.
        """
        self._offline.check_age(now)
        with self._exclusively() as versions:
            before = self._read_published(versions)
            if before is None:
                raise NotReady("Nothing was published yet; run `vorbehalt-server publish` first.")
            if not self._is_current(before):
                return None
            others = {role: time for role, time in before.expiries.items() if role != TIMESTAMP}
            if min(others.values()) <= to_seconds(now):
                raise NotReady("What is published has expired; run `vorbehalt-server publish`.")
            versions = versions.at_least(before.versions)
            snapshot = self._get(file_name(SNAPSHOT, before.versions[SNAPSHOT]))
            stated = _stated(snapshot, before.versions[SNAPSHOT])
            return self._sign_timestamp(stated, dict(before.versions), others, versions, now)

    def published(self) -> Chain | None:
        """What is published now, verified; `None` before the first time, and if another key has signed it.

        What a publisher's key that was replaced has signed may be its thief's: nothing of it is built upon.
        """
        with self._exclusively() as versions:
            found = self._read_published(versions)
        return found if found is not None and self._is_by(PUBLISHER, found) else None

    def fetch(self, file: TargetFile) -> bytes:
        """A published file, verified; `NotReady` or `TrustRefused` if the store has lost or changed it."""
        path = target_path(file.get_prefixed_paths()[0])
        data = self._store.get(path)
        if data is None:
            raise NotReady(f"{path} is missing in the file store, but was published. {_LOST}")
        try:
            file.verify_length_and_hashes(data)
        except REFUSALS as problem:
            raise TrustRefused(f"{path} is damaged in the file store ({problem}). {_LOST}") from problem
        return data

    def prune(self, now: datetime) -> list[str]:
        """Remove from the store what is no longer published, `RETIRED_FOR` after that was first noticed."""
        with self._exclusively() as versions:
            before = self._read_published(versions)
            return [] if before is None else remove_retired(self._store, _in_use(before), to_seconds(now))

    # -- what is published already -------------------------------------------------------------------------
    def _read_published(self, versions: Versions) -> Chain | None:
        """The metadata in the store, verified; `None` before the first time; refused if it is missing or damaged."""
        timestamp = self._store.get(metadata_path(file_name(TIMESTAMP, 0)))
        if timestamp is None:
            if versions.published:
                raise NotReady(f"The file store has no timestamp, but one was published. {_LOST}")
            return None
        try:
            found = {TIMESTAMP: timestamp}
            stamp = Metadata[Timestamp].from_bytes(timestamp).signed
            found[SNAPSHOT] = self._get(file_name(SNAPSHOT, stamp.snapshot_meta.version))
            meta = Metadata[Snapshot].from_bytes(found[SNAPSHOT]).signed.meta
            for role in (TARGETS, PUBLISHER):
                found[role] = self._get(file_name(role, meta[f"{role}.json"].version))
        except REFUSALS as problem:
            raise TrustRefused(f"The published metadata is damaged ({problem}). {_LOST}") from problem
        return self._verified(found)

    def _verified(self, found: Mapping[str, bytes]) -> Chain:
        """By the newest root under which it holds: the offline keys may have signed since it was published."""
        refusals = []
        for root in reversed(self._offline.roots):
            try:
                return verify_chain({**found, ROOT: root})
            except TrustRefused as refusal:
                refusals.append(refusal)
        raise refusals[0]

    def _is_current(self, published: Chain) -> bool:
        """Whether it holds under the newest root and delegation."""
        newest = {ROOT: self._offline.root.version, TARGETS: self._offline.targets.version}
        return all(published.versions[role] == version for role, version in newest.items())

    def _is_by(self, role: str, published: Chain) -> bool:
        """Whether this role's key is still the same. What another key has signed may have been its thief's."""
        return published.keys[role] == self._offline.key_ids(role)

    def _still_ours(self, published: Chain) -> dict[str, int]:
        """The versions that clients have seen and go by: of a key that was replaced they forget them."""
        return {role: version for role, version in published.versions.items() if self._is_by(role, published)}

    def _get(self, name: str) -> bytes:
        data = self._store.get(metadata_path(name))
        if data is None:
            raise NotReady(f"{name} is missing in the file store, but was published. {_LOST}")
        return data

    # -- writing, in the order that makes an interruption harmless -----------------------------------------
    def _put_delegation(self) -> None:
        self._put_once(file_name(TARGETS, self._offline.targets.version), self._offline.targets_bytes)

    def _put_roots(self) -> None:
        """Just before the timestamp: a client that sees a new root asks for a timestamp by the key in it."""
        for number, data in enumerate(self._offline.roots, start=1):
            self._put_once(file_name(ROOT, number), data)

    def _put_once(self, name: str, data: bytes) -> None:
        path = metadata_path(name)
        if self._store.get(path) != data:
            self._store.put(path, data)

    def _put_target(self, file: TargetFile, source: bytes | Path) -> None:
        """Its name says what it contains, so what is there already need not be written again."""
        path = target_path(file.get_prefixed_paths()[0])
        if not self._store.exists(path):
            with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as data:
                file.verify_length_and_hashes(data)
            self._store.put(path, source)

    def _sign(self, files: Mapping[str, TargetFile], versions: Versions, now: datetime) -> Published:
        """Publisher, snapshot, timestamp. The versions are on record before the first of them is signed."""
        versions = replace(versions, publisher=versions.publisher + 1, snapshot=versions.snapshot + 1)
        versions.save(self._dir)
        publisher = Targets(versions.publisher, expires=expiry(PUBLISHER, now), targets=dict(files))
        publisher_bytes = self._put_signed(PUBLISHER, publisher)
        meta = {
            f"{TARGETS}.json": _stated(self._offline.targets_bytes, self._offline.targets.version),
            f"{PUBLISHER}.json": _stated(publisher_bytes, publisher.version),
        }
        snapshot = Snapshot(versions.snapshot, expires=expiry(SNAPSHOT, now), meta=meta)
        snapshot_bytes = self._put_signed(SNAPSHOT, snapshot)
        offline = {ROOT: self._offline.root, TARGETS: self._offline.targets}
        parts: dict[str, Signed] = {**offline, PUBLISHER: publisher, SNAPSHOT: snapshot}
        return self._sign_timestamp(
            _stated(snapshot_bytes, snapshot.version),
            {role: part.version for role, part in parts.items()},
            {role: int(part.expires.timestamp()) for role, part in parts.items()},
            versions,
            now,
        )

    def _sign_timestamp(
        self,
        snapshot: MetaFile,
        others: Mapping[str, int],
        expiries: Mapping[str, int],
        versions: Versions,
        now: datetime,
    ) -> Published:
        """Make it visible. `others` and `expiries` are those of the four roles that this timestamp stands on."""
        versions = replace(versions, timestamp=versions.timestamp + 1)
        versions.save(self._dir)
        timestamp = Timestamp(versions.timestamp, expires=expiry(TIMESTAMP, now), snapshot_meta=snapshot)
        self._put_roots()
        self._put_signed(TIMESTAMP, timestamp)
        replace(versions, published=versions.timestamp).save(self._dir)
        return Published(
            versions={**others, TIMESTAMP: timestamp.version},
            expires=min(*expiries.values(), int(timestamp.expires.timestamp())),
        )

    def _put_signed(self, role: str, signed: _Online) -> bytes:
        metadata = Metadata(signed)
        metadata.sign(self._signers[role])
        data = metadata.to_bytes()
        self._store.put(metadata_path(file_name(role, signed.version)), data)
        return data

    @contextmanager
    def _exclusively(self) -> Iterator[Versions]:
        """One publisher at a time; `Conflict` if another one is at work. Yields what was signed so far."""
        with exclusively(self._dir):
            yield Versions.load(self._dir)


def _describe(name: str, source: bytes | Path, custom: Mapping[str, Any] | None) -> TargetFile:
    """Length, SHA-256 and custom facts of one file; `InvalidInput` for a name that must not be published."""
    if not is_target_name(name):
        raise InvalidInput(f"“{name[:100]}” cannot be published; names look like lists/works.arrow.")
    if isinstance(source, bytes):
        file = TargetFile.from_data(name, source, ["sha256"])
    else:
        file = TargetFile.from_file(name, str(source), ["sha256"])
    if custom:
        file.unrecognized_fields["custom"] = dict(custom)
    return file


def _stated(data: bytes, version: int) -> MetaFile:
    """How one metadata file names another: by version, length and SHA-256."""
    return MetaFile.from_data(version, data, ["sha256"])


def _in_use(published: Chain) -> set[str]:
    """Store paths of all that a client may ask for now; roots are asked for for ever."""
    files = {target_path(file.get_prefixed_paths()[0]) for file in published.targets.values()}
    versions = published.versions
    roots = [(ROOT, version) for version in range(1, versions[ROOT] + 1)]
    newest = [(role, version) for role, version in versions.items() if role != ROOT]
    return files | {metadata_path(file_name(role, version)) for role, version in roots + newest}


def _check_sequence(before: Chain, files: Mapping[str, TargetFile]) -> None:
    """An edition's number never goes back and never means two things: clients would refuse it."""
    old, new = before.targets.get(MANIFEST), files.get(MANIFEST)
    if old is None or new is None or old.hashes == new.hashes:
        return
    was, comes = (old.custom or {}).get("sequence", 0), (new.custom or {}).get("sequence", 0)
    if comes <= was:
        raise Conflict(f"Edition {was} is published; a new one needs a greater sequence than {comes}.")
