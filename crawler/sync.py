"""Bring the registry home: download, verify everything, swap; and open what was brought.

A sync that fails, for whatever reason, leaves the installed copy in use. What it has learnt about newer signatures it
keeps, so that nobody can lead it back afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from crawler import verified
from crawler.downloads import Fetcher, OfflineFetcher, snapshot_url
from crawler.editions import (
    Editions,
    clock_is_behind,
    clock_trouble,
    read_licences,
    read_proof,
    read_trust,
)
from crawler.visit import Visit, refusals
from registry.core.errors import Corrupt, InvalidInput, StaleSnapshot, TrustRefused
from registry.core.snapshots import Snapshot, Standing
from registry.core.snapshots.manifest import MANIFEST
from registry.core.snapshots.times import to_seconds, to_text
from registry.core.snapshots.witnessed import check_witnessed

_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a sync did."""

    sequence: int
    """The edition in use now."""
    changed: bool
    """Whether it is another than before; if not, at most its signatures and licences were renewed."""
    expires: int
    """POSIX seconds from which it may not be used without another sync."""
    root_sha256: str
    """Digest of the first root of trust; compare it with what the registry states elsewhere."""
    licensee: str | None
    """Public id of the lab whose licences these are; `None` without a licence file."""
    licences: int | None
    """For how many works there are personal licences; `None` if there is no licence file."""
    witnessed: tuple[str, ...] | None
    """Who of the lab's witness policy has seen this edition in the log; `None` without such a policy."""
    received: int
    """Bytes downloaded."""
    notes: tuple[str, ...]
    """What a person should know although the sync succeeded."""


def sync(
    server_url: str | None,
    folder: Path,
    *,
    mirrors: Sequence[str] = (),
    offline: Path | None = None,
    root_sha256: str | None = None,
    api_key: str | None = None,
    licensee: str | None = None,
    witness_policy: bytes | None = None,
    now: datetime,
) -> SyncResult:
    """Make `folder` hold the registry's newest edition, verified.

    `mirrors` are addresses of copies of what the registry publishes below `/v1/snapshot/`. Public files come from the
    first of them that has them; signed metadata only if the registry does not answer. `offline` is a folder with such
    a copy, in place of the registry and all mirrors. What is believed is decided by signatures, wherever it is from.

    On first use the root of trust is taken from the server; with `root_sha256` (hex) only that root is taken. With
    `api_key` the lab's own licences come too; `licensee` is its public id, which the server is asked for if missing.

    With `witness_policy` (the file's content), now and from then on only editions are taken and used of which a quorum
    of these witnesses has seen that the registry's log holds them.

    `TrustRefused`: a signature, version or digest is wrong, or a witness is missing. `StaleSnapshot`: what the server
    offers has expired. `NetworkFailed`: the server cannot be reached. `Conflict`: another sync is at work. The copy
    that was there before stays in use in all these cases.
    """
    editions = Editions(folder)
    source = _source(server_url, mirrors, offline, api_key, editions.downloads)
    root_digest = None if root_sha256 is None else _digest(root_sha256)
    with editions.exclusively(), refusals(source, now), source as fetcher:
        policy = editions.witness_policy(witness_policy)
        visit = Visit(editions, fetcher, now, root_digest)
        signed = visit.refresh()
        witnessed = None if policy is None else visit.bring_proof(signed, policy)
        edition = visit.bring_edition(signed)
        licences = visit.bring_licences(signed, edition, licensee)
        visit.settle(signed, edition)
        editions.clear_downloads()
    return SyncResult(
        sequence=signed.sequence,
        changed=edition.is_new,
        expires=signed.chain.expires,
        root_sha256=visit.root_sha256,
        licensee=None if licences is None else licences.licensee,
        licences=None if licences is None else len(licences.terms),
        witnessed=None if witnessed is None else tuple(sorted(witnessed)),
        received=fetcher.received,
        notes=(*visit.notes, *fetcher.notes, *_kept_for_runs(editions)),
    )


def _kept_for_runs(editions: Editions) -> Iterator[str]:
    """Which older editions take up room, and why."""
    for sequence, run in editions.kept_for_runs().items():
        if not editions.is_among_the_last(sequence):
            yield (
                f"Edition {sequence} is kept for the unfinished run in {run}. It goes when that is complete or deleted."
            )


def _digest(text: str) -> str:
    """A SHA-256 in hexadecimal, as people copy it; `InvalidInput` if it is none."""
    digest = text.strip().lower()
    if not _SHA256.fullmatch(digest):
        raise InvalidInput(f"“{text[:80]}” is no SHA-256: that is 64 hexadecimal digits.")
    return digest


def what_stays(folder: Path, now: datetime) -> str:
    """After a sync that failed: which copy is in use now, and for how long; empty if there is none that can be read."""
    seconds = to_seconds(now)
    try:
        edition = Editions(folder).current()
        chain = None if edition is None else read_trust(edition)
    except (Corrupt, TrustRefused):
        return ""
    if edition is None or chain is None or clock_is_behind(chain, seconds):
        return ""
    if chain.expires <= seconds:
        return f"Edition {edition.name}, which is here, is out of date since {to_text(chain.expires)}."
    return f"Edition {edition.name}, which is here, stays in use until {to_text(chain.expires)}."


def _source(
    server_url: str | None, mirrors: Sequence[str], offline: Path | None, api_key: str | None, parts: Path
) -> Fetcher:
    """Where everything comes from; `InvalidInput` for a contradiction."""
    if (server_url is None) == (offline is None):
        raise InvalidInput("Give the address of the registry, or a folder with a copy of what it publishes.")
    if server_url is not None:
        return Fetcher(snapshot_url(server_url), parts, api_key, mirrors)
    assert offline is not None
    if mirrors or api_key:
        raise InvalidInput(
            "A copy in a folder has neither mirrors nor licences: give no --mirror and no API key."
        )
    return OfflineFetcher(offline, parts)


def open_snapshot(
    folder: Path,
    *,
    now: datetime,
    allow_stale: str | None = None,
    verify: bool = True,
    sequence: int | None = None,
) -> Snapshot:
    """Open the copy in use: its signatures, digests and age are checked, so it answers exactly what was published.

    With `sequence` that edition, if it is still kept: for a run that began with it; `NotFound` if it is not.

    `NotReady` before the first sync. `TrustRefused` if the lab has a witness policy that the edition does not satisfy.
    `StaleSnapshot` when a signature has expired, or when the clock cannot be right, unless `allow_stale` gives the
    reason for using it nevertheless, which the run's manifest will state. `Corrupt` if a file was changed or lost.
    Personal licences that have expired are left out: what they covered is denied.
    """
    editions = Editions(folder)
    edition = editions.require_current() if sequence is None else editions.require(sequence)
    chain = read_trust(edition)
    if (policy := editions.witness_policy()) is not None:
        check_witnessed(read_proof(edition), chain.custom(MANIFEST), policy)
    seconds = to_seconds(now)
    if allow_stale is not None and not allow_stale.strip():
        raise InvalidInput("Using a stale snapshot needs a reason; it will stand in the run's manifest.")
    is_stale = seconds >= chain.expires
    if (is_behind := clock_is_behind(chain, seconds)) and allow_stale is None:
        raise StaleSnapshot(clock_trouble(chain, seconds))
    if is_stale and allow_stale is None:
        raise StaleSnapshot(_expired(editions, edition, chain.expires), expires=chain.expires)
    manifest = chain.targets.get(MANIFEST)
    licences = read_licences(edition, chain)
    if manifest is None:
        raise Corrupt(f"The signatures in {edition} name no edition; run `vorbehalt sync`.")
    if licences is not None and licences.expires <= seconds:
        licences = None
    standing = Standing(
        licences=licences,
        expires=chain.expires,
        versions=chain.versions,
        stale_override=allow_stale if is_stale or is_behind else None,
    )
    digest = manifest.hashes["sha256"]
    try:
        return Snapshot.open(
            edition, verify=verify, works_root=False, manifest_sha256=digest, standing=standing
        )
    except Corrupt:
        with suppress(OSError):  # who only reads here cannot sync here either
            verified.forget(edition)
        raise


def _expired(editions: Editions, edition: Path, expires: int) -> str:
    """That this edition may not be used any more, and what to do."""
    since = f"expired at {to_text(expires)}: makers may have withdrawn works since."
    if edition == editions.current():
        return (
            f"The snapshot in {editions.folder} {since} Run `vorbehalt sync`; if that is impossible, give a reason by "
            "--allow-stale."
        )
    return (
        f"Edition {edition.name}, with which this run began, {since} A newer one has taken its place. Begin anew by "
        "that one in another folder; or go on, giving a reason by --allow-stale, and apply what has changed by "
        "`vorbehalt refilter`."
    )
