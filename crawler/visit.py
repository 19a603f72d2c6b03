"""One visit to a registry, step by step: signatures, edition, licences, and the swap at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    RepositoryError,
)
from tuf.api.metadata import TargetFile

from crawler import verified
from crawler.downloads import ClockedUpdater, Fetcher
from crawler.durable import sha256_of
from crawler.editions import (
    Editions,
    clock_is_behind,
    clock_trouble,
    keep_only,
    licence_path,
    read_trust,
    write_proof,
    write_trust,
)
from crawler.transport import Bringing
from registry.core.durable import flush_folder, flush_tree, replace_file
from registry.core.errors import (
    Corrupt,
    InvalidInput,
    NetworkFailed,
    NotReady,
    StaleSnapshot,
    TrustRefused,
)
from registry.core.records.canonical import parse
from registry.core.snapshots import PersonalLicences, Snapshot, licence_target
from registry.core.snapshots.manifest import MANIFEST, Manifest
from registry.core.snapshots.times import to_seconds, to_text
from registry.core.snapshots.trust import ROLES, Chain, verify_chain
from registry.core.snapshots.trust.roles import PUBLISHER
from registry.core.snapshots.witnessed import MAX_PROOF, PROOF, check_witnessed
from registry.core.tlog.policies import Policy

_MAX_ROOT = 512_000
_MAX_ANSWER = 1_000
_NOTHING = "Nothing was taken over."


@dataclass(frozen=True)
class Signed:
    """What the registry says now, verified."""

    metadata: dict[str, bytes]
    chain: Chain
    sequence: int

    @property
    def manifest(self) -> TargetFile:
        """The signed digest of the edition's manifest."""
        return self.chain.targets[MANIFEST]


@dataclass(frozen=True)
class Brought:
    """An edition on this disk: installed already, or staged."""

    path: Path
    is_new: bool


@contextmanager
def refusals(source: Fetcher, now: datetime) -> Iterator[None]:
    """Turn what the TUF library raises into our own exceptions."""
    try:
        yield
    except ExpiredMetadataError as problem:
        raise StaleSnapshot(
            f"What {source.name} offers has expired ({problem}). Either the registry has stopped signing, or somebody "
            "between you and it holds back what is newer, or this machine's clock is wrong: it says "
            f"{to_text(to_seconds(now))}."
        ) from problem
    except DownloadLengthMismatchError as problem:
        raise TrustRefused(f"{source.name} sends more than was signed: {problem}. {_NOTHING}") from problem
    except DownloadError as problem:
        raise NetworkFailed(f"{problem}. {source.doubt}") from problem
    except RepositoryError as problem:
        raise TrustRefused(
            f"What {source.name} offers does not verify: {str(problem) or type(problem).__name__}. {_NOTHING}"
        ) from problem


class Visit:
    """The state of one sync. The methods are called once each, in the order in which they stand here."""

    def __init__(self, editions: Editions, fetcher: Fetcher, now: datetime, root_sha256: str | None) -> None:
        """Load the root of trust, or take it from the server if this is the first visit."""
        self.notes: list[str] = []
        self._editions = editions
        self._fetcher = fetcher
        self._now = to_seconds(now)
        self._previous = editions.current()
        self._licence_file: Path | None = None
        self._proof: bytes | None = None
        root = self._trusted_root(root_sha256)
        self.root_sha256 = sha256(root).hexdigest()
        self._updater = ClockedUpdater(editions.metadata, fetcher, root, now)
        if not editions.anchor.exists():  # the root is sound: from now on it is the one
            replace_file(editions.anchor, root)

    def _trusted_root(self, wanted: str | None) -> bytes:
        anchor = self._editions.anchor
        first_use = not anchor.exists()
        if first_use and self._previous is not None:
            raise TrustRefused(
                f"{anchor} is missing, and with it the root of trust; restore it or use a new folder."
            )
        root = self._first_root() if first_use else anchor.read_bytes()
        digest = sha256(root).hexdigest()
        if wanted is not None and digest != wanted:
            whose = self._fetcher.name if first_use else f"The copy in {self._editions.folder}"
            raise TrustRefused(
                f"{whose} begins with the root of trust {digest}, not with {wanted}. {_NOTHING} Ask the operator, by "
                "another way, which is the registry's."
            )
        if self._previous is None and wanted is None:  # also if an earlier first visit came to nothing
            self.notes.append(
                f"First use: the root of trust was taken from {self._fetcher.name}. Compare its digest with the one "
                "that the operator publishes."
            )
        return root

    def _first_root(self) -> bytes:
        """What the registry itself says that trust begins with."""
        try:
            return self._fetcher.download_bytes(f"{self._fetcher.base_url}metadata/1.root.json", _MAX_ROOT)
        except DownloadHTTPError as problem:
            if problem.status_code != 404 or not self._fetcher.is_registry():
                raise
            raise NotReady(
                f"{self._fetcher.name} is a registry that has published nothing yet. Try again in an hour; if it is "
                "yours, run `vorbehalt-server publish`."
            ) from problem

    def refresh(self) -> Signed:
        """Fetch and verify the newest metadata; refuses what is older than the installed edition's."""
        self._updater.refresh()
        if self._updater.get_targetinfo(MANIFEST) is None:
            raise NotReady("The registry has published no edition yet; try again in an hour.")
        folder = self._editions.metadata
        flush_tree(folder)
        metadata = {role: (folder / f"{role}.json").read_bytes() for role in ROLES}
        chain = verify_chain(metadata)
        sequence = chain.custom(MANIFEST).get("sequence")
        if not isinstance(sequence, int) or sequence < 1:
            raise TrustRefused(
                "The signed metadata does not say which edition it is; nothing was taken over."
            )
        if clock_is_behind(chain, self._now):
            raise StaleSnapshot(f"{clock_trouble(chain, self._now)} {_NOTHING}")
        signed = Signed(metadata, chain, sequence)
        self._refuse_rollback(signed)
        return signed

    def _refuse_rollback(self, signed: Signed) -> None:
        """Nothing may be older than what is installed, even if the metadata seen since was lost.

        What a key had signed that the offline keys have replaced since does not count: whoever stole it may have
        signed versions so high that nothing could ever follow them.
        """
        before = self._installed_chain()
        if before is None:
            return
        for role, version in before.versions.items():
            if signed.chain.versions[role] < version and signed.chain.goes_on_from(before, role):
                raise TrustRefused(
                    f"The {role} metadata went back from {version} to {signed.chain.versions[role]}."
                )
        if not signed.chain.goes_on_from(before, PUBLISHER):
            return
        sequence = before.custom(MANIFEST)["sequence"]
        is_same = before.targets[MANIFEST].hashes == signed.manifest.hashes
        if signed.sequence < sequence or (signed.sequence == sequence and not is_same):
            raise TrustRefused(
                f"Edition {signed.sequence} is offered over edition {sequence}, which is installed."
            )

    def _installed_chain(self) -> Chain | None:
        """What the installed edition was accepted under; `None` if there is none or it cannot be read any more."""
        try:
            return None if self._previous is None else read_trust(self._previous)
        except (Corrupt, TrustRefused) as problem:
            self.notes.append(f"The installed copy was damaged and is replaced: {problem.message}")
            self._previous = None
            return None

    def bring_proof(self, signed: Signed, policy: Policy) -> Mapping[str, int]:
        """Who has seen the signed edition in the log, and when; nothing of it is taken over without enough of them."""
        target = signed.chain.targets.get(PROOF)
        if target is None or target.length > MAX_PROOF:
            raise TrustRefused(
                "The registry publishes no proof that witnesses have seen this edition, and your policy asks for one. "
                "Nothing was taken over."
            )
        path = self._editions.downloads / "proof"
        self._fetcher.download_target(target, path)
        self._proof = path.read_bytes()
        return check_witnessed(self._proof, signed.chain.custom(MANIFEST), policy)

    def bring_edition(self, signed: Signed) -> Brought:
        """The signed edition: the installed one if it is that and undamaged, else downloaded beside it."""
        digest = signed.manifest.hashes["sha256"]
        if self._previous is not None and int(self._previous.name) == signed.sequence:
            try:
                self._look_for_damage(self._previous, digest)
                return Brought(self._previous, is_new=False)
            except Corrupt as problem:
                self.notes.append(f"The installed copy was damaged and is replaced: {problem.message}")
        stage = self._editions.stage(signed.sequence)
        self._fetcher.download_target(signed.manifest, stage / MANIFEST)
        manifest = Manifest.parse((stage / MANIFEST).read_bytes())
        if manifest.summary != signed.chain.custom(MANIFEST):
            raise TrustRefused(
                "The edition's manifest and its signed summary differ; nothing was taken over."
            )
        bringing = Bringing(manifest, signed.chain.targets, self._fetcher, self._previous, stage, self.notes)
        bringing.bring()
        facts = verified.facts_of(stage, manifest.files)
        try:
            Snapshot.open(stage, manifest_sha256=digest)
        except Corrupt as problem:
            raise TrustRefused(
                f"Edition {signed.sequence} is signed but contradicts itself: {problem.message}"
            ) from problem
        verified.remember(stage, digest, facts, self._now)
        return Brought(stage, is_new=True)

    def _look_for_damage(self, edition: Path, digest: str) -> None:
        """`Corrupt` if the installed edition is not what was signed. What was read within a day is not read again."""
        if verified.is_remembered(edition, digest, self._now):
            Snapshot.open(edition, verify=False, manifest_sha256=digest)
            return
        try:
            manifest = Manifest.parse((edition / MANIFEST).read_bytes())
            facts = verified.facts_of(edition, manifest.files)
        except OSError as problem:
            raise Corrupt(f"{edition} is not complete ({problem.strerror}).") from problem
        Snapshot.open(edition, works_root=False, manifest_sha256=digest)
        verified.remember(edition, digest, facts, self._now)

    def bring_licences(
        self, signed: Signed, edition: Brought, licensee: str | None
    ) -> PersonalLicences | None:
        """The lab's own licences; none, with a note, if there are none or it may not have them."""
        if not self._fetcher.has_key:
            return None
        licensee = licensee or self._ask_who_we_are()
        if licensee is None:
            return None
        target = signed.chain.targets.get(licence_target(licensee))
        if target is None:
            self.notes.append(
                f"There are no licences for {licensee}: works without an open licence are denied."
            )
            return None
        path = licence_path(edition.path, target.path, target.hashes["sha256"])
        path.parent.mkdir(exist_ok=True)
        if not (path.is_file() and sha256_of(path) == target.hashes["sha256"]):
            path.unlink(missing_ok=True)
            try:
                self._fetcher.download_target(target, path)
            except DownloadHTTPError as problem:
                if problem.status_code not in {401, 403, 404}:
                    raise
                self.notes.append(
                    f"The licences of {licensee} were refused for this API key: they count as denied."
                )
                return None
        flush_folder(path.parent)
        self._licence_file = path
        return self._checked(PersonalLicences.parse(path.read_bytes()), licensee)

    def _ask_who_we_are(self) -> str | None:
        """The public id of the party whose API key this is."""
        try:
            answer = self._fetcher.download_bytes(self._fetcher.licensee_url, _MAX_ANSWER)
            licensee = parse(answer, "The server's answer")["licensee"]
        except DownloadHTTPError as problem:
            if problem.status_code not in {401, 403, 404}:
                raise
            licensee = None
        except (InvalidInput, KeyError, TypeError) as problem:
            raise NetworkFailed(
                "The server did not say whose API key this is; give the licensee."
            ) from problem
        if licensee is None:
            self.notes.append("The server does not accept this API key: personal licences count as denied.")
        return licensee if isinstance(licensee, str) else None

    def _checked(self, licences: PersonalLicences, licensee: str) -> PersonalLicences | None:
        if licences.licensee != licensee:
            raise TrustRefused(f"The licence file was made for another party than {licensee}.")
        if licences.expires <= self._now:
            self.notes.append(f"The licences expired at {to_text(licences.expires)}: they count as denied.")
            return None
        return licences

    def settle(self, signed: Signed, edition: Brought) -> None:
        """Put the signatures beside the edition, make it the current one, remove licences that were not renewed."""
        write_trust(edition.path, signed.metadata)
        if self._proof is not None:
            write_proof(edition.path, self._proof)
        if edition.is_new:
            self._editions.install(edition.path, signed.sequence)
        else:
            keep_only(self._licence_file, edition.path)
