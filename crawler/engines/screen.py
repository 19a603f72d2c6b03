"""What judges items, as a value that can be sent to any process: it names the edition and carries nothing of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from crawler.editions import licence_path
from crawler.filter import Judge, Judgement, Reading, read_all
from crawler.modes import Mode
from crawler.runs.plan import Settings
from crawler.sites import MAX_AGE_DAYS
from crawler.sites.evidence import Sites, check_sites
from crawler.sites.joining import Hearing, hearing
from crawler.sources.base import Sample
from crawler.sync import open_snapshot
from registry.core.decisions import Policy, Purpose, Request
from registry.core.decisions.terms import WORLD, check_territory
from registry.core.errors import InvalidInput, NotReady
from registry.core.fingerprints import Limits, selftest
from registry.core.matching import MIN_WORDS, Matcher
from registry.core.snapshots import PersonalLicences, Snapshot, Standing
from registry.core.snapshots.manifest import MANIFEST


@dataclass(frozen=True, slots=True)
class Screen:
    """Where the edition lies, which one it is, and by what request and settings it is asked.

    Pickled, it is a few hundred bytes. A process that receives it maps the edition at the first item, once.
    """

    edition: Path
    edition_sha256: str
    """Hex digest of the edition's manifest, which has those of all its files."""
    licences: Path | None
    """The lab's own licences, if it asks in its name."""
    request: Request
    limits: Limits
    deep: bool
    """Whether the parts of pictures are looked for as well."""
    min_words: int
    """See `Settings`."""
    mode: Mode = Mode.DROP
    dry_run: bool = False
    exact_decode: bool = False
    """Whether JPEGs are decoded in full."""
    lazy_signatures: bool = False
    """See `Settings`."""
    sites: Sites | None = None
    """What the sites say on which items were found, if that counts."""
    is_checked: bool = False
    """Whether the digests of the indexes were compared already, by the process that started this one."""

    @classmethod
    def of(cls, snapshot: Snapshot, licences: Path | None, settings: Settings) -> Screen:
        """By an edition that was opened with its signatures; `licences` is a file with those that came with it."""
        return cls(
            snapshot.path,
            sha256((snapshot.path / MANIFEST).read_bytes()).hexdigest(),
            licences,
            settings.request,
            settings.limits,
            settings.deep,
            settings.min_words,
            settings.mode,
            settings.dry_run,
            settings.exact_decode,
            settings.lazy_signatures and not settings.deep,
            settings.sites,
        )

    def read(self, samples: Sequence[Sample]) -> list[Reading]:
        """What can be learnt of items without the edition, and what their sites say."""
        readings = read_all(
            samples,
            self.limits,
            deep=self.deep,
            exact_decode=self.exact_decode,
            lazy_signatures=self.lazy_signatures,
            territory=self.request.territory,
        )
        if (sites := self.hearing()) is None:
            return readings
        return [sites.join(r, s.addresses) for r, s in zip(readings, samples, strict=True)]

    def judge(
        self, items: Iterable[bytes | str], addresses: Iterable[str | Sequence[str] | None] | None = None
    ) -> list[Judgement]:
        """One judgement per item, in order: files as bytes, texts as such. Nothing is raised for bad content.

        `addresses`, one or several per item, say where each was found; if sites count, none is kept without.
        """
        samples = [_sample(row, item) for row, item in enumerate(items)]
        if addresses is not None:
            places = map(_places, addresses)
            samples = [replace(s, addresses=own) for s, own in zip(samples, places, strict=True)]
        return self.open().judge(self.read(samples))

    def hearing(self) -> Hearing | None:
        """What asks the sites, opened once per process; `None` if they do not count."""
        if self.sites is None:
            return None
        return hearing(self.sites, self.request.at, self.request.territory)

    def open(self) -> Judge:
        """The judge over the memory-mapped edition; opened once per process, shared by all processes' memory.

        The parent opens it first and so checks the indexes; its worker processes rely on that. `NotReady` if another
        edition lies there, or none.
        """
        return _open(self)

    def check_files(self) -> None:
        """Compare every file of the edition with its digest: for a machine that may have a copy of its own."""
        self._map(verify=True)
        if self.sites is not None:
            self.sites.check_file()

    def _map(self, *, verify: bool) -> Snapshot:
        try:
            found = sha256((self.edition / MANIFEST).read_bytes()).hexdigest()
            licences = PersonalLicences.parse(self.licences.read_bytes()) if self.licences else None
        except FileNotFoundError as problem:
            raise NotReady(
                f"{problem.filename} is not there. Each machine needs the snapshot at this path; if a sync has "
                "replaced it since, begin again with the newest."
            ) from problem
        if found != self.edition_sha256:
            raise NotReady(
                f"{self.edition} is another edition than the one that was asked for. Each machine needs the same "
                "snapshot at this path."
            )
        return Snapshot.open(self.edition, verify=verify, works_root=False, standing=Standing(licences))


@lru_cache(maxsize=2)
def _open(screen: Screen) -> Judge:
    snapshot = screen._map(verify=False)
    matcher = Matcher(
        snapshot.lists,
        screen.edition / "index",
        verify=not screen.is_checked,
        min_words=screen.min_words,
    )
    return Judge(matcher, snapshot, screen.request, screen.mode)


def open_screen(
    folder: Path | str,
    *,
    purpose: str,
    policy: str,
    territory: str = WORLD,
    at: int | None = None,
    allow_stale: str | None = None,
    deep: bool = False,
    min_words: int = MIN_WORDS,
    exact_decode: bool = False,
    lazy_signatures: bool = False,
    mode: str = Mode.DROP.value,
    domain_signals: Path | str | None = None,
    domain_signals_max_age: int = MAX_AGE_DAYS,
) -> Screen:
    """For a pipeline of one's own: a screen by the snapshot in `folder`, whose signatures and age are checked now.

    The options are those of `vorbehalt filter`; `at` is POSIX seconds, now if nothing is said. Raises what
    `crawler.sync.open_snapshot` and `crawler.sites.evidence.check_sites` raise, and `InvalidInput` for an option that
    is none.
    """
    now = datetime.now(UTC)
    snapshot = open_snapshot(Path(folder), now=now, allow_stale=allow_stale)
    moment = int(now.timestamp()) if at is None else at
    try:
        asked = Request(Purpose.parse(purpose), Policy(policy), moment, check_territory(territory))
        how = Mode(mode)
    except ValueError as problem:
        raise InvalidInput(f"{problem}; the options are those of `vorbehalt filter`.") from problem
    selftest()
    sites = None
    if domain_signals is not None:
        sites = check_sites(Path(domain_signals), at=moment, max_age_days=domain_signals_max_age)
    screen = Screen.of(
        snapshot,
        _licences_in(snapshot),
        Settings(
            asked,
            deep=deep,
            mode=how,
            exact_decode=exact_decode,
            min_words=min_words,
            lazy_signatures=lazy_signatures,
            sites=sites,
        ),
    )
    screen.open()
    return screen


def _licences_in(snapshot: Snapshot) -> Path | None:
    """Where the licences by which it was opened lie in it."""
    licences = snapshot.standing.licences
    if licences is None:
        return None
    return licence_path(snapshot.path, licences.target, sha256(licences.to_bytes()).hexdigest())


def _places(addresses: str | Sequence[str] | None) -> tuple[str, ...]:
    return ((addresses,) if isinstance(addresses, str) else tuple(addresses)) if addresses else ()


def _sample(row: int, item: bytes | str) -> Sample:
    if isinstance(item, bytes):
        return Sample(row, str(row), item, len(item))
    try:
        return Sample(row, str(row), b"", len(item.encode()), text=item)
    except UnicodeEncodeError:  # half of a pair of surrogates
        return Sample(row, str(row), b"", len(item), gap="error.malformed")
