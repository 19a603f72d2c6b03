"""An opened registry: database, files and keys put together from the settings, for the application and the commands.

The online keys lie under `<home>/keys`, each in a file of its own: the log's in `log/`, those that sign snapshots
in `trust/`. The offline keys are never here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy.orm import Session

from registry.addresses import service as addresses
from registry.base.actor import Actor, Role, Scope
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.files import Store, open_store
from registry.base.schema import ensure_current
from registry.base.sealing import SealingKey
from registry.base.settings import PUBLIC, Settings
from registry.core.errors import InvalidInput, NotReady, OutputExists
from registry.core.ids import format_id, parse_id
from registry.core.snapshots.trust import Publisher
from registry.core.snapshots.trust import init_trust as make_trust
from registry.core.snapshots.trust.installing import install
from registry.core.snapshots.trust.offline import OfflinePart
from registry.log import service as log
from registry.log.keys import KEY_FILE, LogKey
from registry.models import metadata
from registry.parties import service as parties
from registry.publishing import service as publishing
from registry.publishing.models import Edition
from registry.remuneration import service as remuneration
from registry.remuneration.models import Settlement
from registry.works import service as works

_WAIT_SECONDS = 60
"""How long a publish waits for another one."""


def log_keys(settings: Settings) -> Path:
    """Where the log's signing key lies, and beside it the memory of what it signed."""
    return settings.home / "keys" / "log"


def trust_keys(settings: Settings) -> Path:
    """Where the online keys of the snapshot's trust lie, with the metadata that the offline keys signed."""
    return settings.home / "keys" / "trust"


def open_database(settings: Settings) -> Database:
    """The database, with the key of what is sealed in it; neither is looked at before it is needed."""
    return Database(settings.database_url, sealing_key(settings))


def sealing_key(settings: Settings) -> SealingKey:
    """Of bank details."""
    return SealingKey(settings.bank_key or settings.home / "keys" / "bank.key")


def init_trust(settings: Settings, offline_keys: Path, now: datetime, passphrase: bytes | None = None) -> str:
    """Make every signing key of a new registry; returns the SHA-256 of the root, which labs can pin.

    The offline keys are encrypted if a passphrase is given. `OutputExists` if there are keys already; `InvalidInput` if
    the offline ones would lie in the home folder, where backups and the server's account find them.
    """
    offline, online = offline_keys.resolve(), settings.home.resolve()
    if offline.is_relative_to(online) or online.is_relative_to(offline):
        raise InvalidInput(
            f"{offline_keys} and {settings.home} lie one in the other. The offline keys need a folder of their own, "
            "best on a medium that you can remove."
        )
    if (log_keys(settings) / KEY_FILE).exists():
        raise OutputExists(f"{log_keys(settings)} has a key already; a registry keeps its keys.")
    root = make_trust(offline_keys, trust_keys(settings), now, passphrase=passphrase)
    LogKey.generate(log_keys(settings), f"{settings.origin}/usage-log")
    return sha256(root).hexdigest()


@dataclass(frozen=True, slots=True)
class Registry:
    """What the operator's commands act on. Each method is one transaction, or several in a safe order."""

    settings: Settings
    database: Database
    files: Store
    sources: Sources

    @classmethod
    def open(cls, settings: Settings, sources: Sources | None = None) -> Self:
        """Open what the settings name; `NotReady` if the database has another release's schema."""
        database = open_database(settings)
        ensure_current(database, metadata)
        return cls(settings, database, open_store(settings.files_url), sources or Sources())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.database.dispose()

    def publish(self, *, recreate: bool = False) -> Edition:
        """Publish an edition, and sign the log's new head. Waits a while for another publish to end."""
        publisher, key = self._publishing()
        return publishing.publish(
            self.database,
            publisher,
            self.sources,
            key=key,
            show_log=partial(self._publish_log, recreate=recreate),
            wait_seconds=_WAIT_SECONDS,
            recreate=recreate,
        )

    def keep_fresh(self) -> Edition | None:
        """Publish if there is anything new; else (`None`) only say in the timestamp that there is not."""
        publisher, key = self._publishing()
        return publishing.keep_fresh(
            self.database,
            publisher,
            self.sources,
            key=key,
            show_log=partial(self._publish_log, recreate=False),
            wait_seconds=_WAIT_SECONDS,
        )

    def install_trust(self, folder: Path) -> tuple[OfflinePart, Edition]:
        """Take over what the offline keys have signed, and publish under it, all from the database."""
        part = install(trust_keys(self.settings), folder, self.sources.now())
        return part, self.publish()

    def rotate_log_key(self, *, finish: bool) -> log.rotation.Change:
        """Begin to change the log's key, or finish it, and publish the log's files."""
        key = LogKey.load(log_keys(self.settings))
        change = log.rotation.finish if finish else log.rotation.begin
        changed = change(self.database, key, self.sources.now())
        with suppress(NotReady):
            log.project(self.database, self.files)
        return changed

    def _publishing(self) -> tuple[Publisher, LogKey]:
        """All keys are there before anything is done with one of them."""
        key = LogKey.load(log_keys(self.settings))
        publisher = Publisher(trust_keys(self.settings), self.files)
        self._sign_log(key)  # refused on a database older than the log: then nothing of it may be published
        return publisher, key

    def settle(self, period: str) -> Settlement:
        """Settle a quarter, with the deductions that the settings say, and sign the log's new head."""
        deductions = remuneration.Deductions(
            self.settings.deduct_management_ppm, self.settings.deduct_social_ppm
        )
        with self.operating() as (session, actor):
            return remuneration.settle(session, actor, period, self.sources, deductions)

    @contextmanager
    def operating(self) -> Iterator[tuple[Session, Actor]]:
        """One transaction of whoever runs a command on this server, and the log's new head signed after it."""
        key = LogKey.load(log_keys(self.settings))
        self._sign_log(key)  # refused on a database older than the log: then nothing of it may be published
        with self.database.writing() as session:
            log.hold(session)  # of two commands at once, only one makes the account of the command line
            yield session, parties.command_line(session, self.sources)
        log.sign_head(self.database, key, self.sources.now())

    def decide_title(self, work: str, outcome: str, reason: str, earlier: str | None) -> int:
        """What a person decides about a contested title, logged; the entry's index."""
        key = LogKey.load(log_keys(self.settings))
        self._sign_log(key)  # as above
        command = works.DecideTitle(
            parse_id("work", work),
            works.Outcome(outcome),
            reason,
            None if earlier is None else parse_id("work", earlier),
        )
        with self.database.writing() as session:
            log.hold(session)
            actor = parties.command_line(session, self.sources)
            index = works.decide_title(session, actor, command, self.sources).log_index
        self._sign_log(key)
        return index

    def undecided_titles(self, limit: int) -> list[dict[str, str | int]]:
        """Contests that wait for a person, oldest first, as the command prints them."""
        with self.database.reading() as session:
            return [
                {
                    "newer": format_id("work", contest.newer),
                    "earlier": format_id("work", contest.earlier),
                    "rule": contest.rule.value,
                    "distance": contest.distance,
                    "since": f"{contest.began_at:%Y-%m-%dT%H:%M:%SZ}",
                }
                for contest in works.undecided(session, limit)
            ]

    def hints(self, limit: int) -> list[dict[str, str | int]]:
        """Weaker likenesses of works of different owners, newest first, as the command prints them."""
        with self.database.reading() as session:
            return [
                {
                    "newer": format_id("work", hint.newer),
                    "other": format_id("work", hint.other),
                    "algorithm": hint.algorithm,
                    "variant": hint.variant,
                    "grade": hint.grade,
                    "distance": hint.distance,
                    "found": f"{hint.found_at:%Y-%m-%dT%H:%M:%SZ}",
                }
                for hint in works.hints(session, limit)
            ]

    def _sign_log(self, key: LogKey) -> None:
        log.sign(self.database, key, self.sources.now())

    def _publish_log(self, *, recreate: bool) -> None:
        """Bring the files of the log, and of what it settled, up to its newest public checkpoint, if there is one."""
        if self.settings.settlement_readers == PUBLIC:
            remuneration.project_settlements(self.database, self.files, recreate=recreate)
        with suppress(NotReady):
            log.project(self.database, self.files, recreate=recreate)

    def create_account(self, role: Role, name: str, email: str | None, password: str | None) -> str:
        """Open an account, an operator's or an auditor's too; returns its public id."""
        command = parties.RegisterParty(role, name, email, password)
        with self.database.writing() as session:
            make = parties.register_party if role in parties.OPEN_ROLES else parties.register_on_server
            return format_id("party", make(session, command, self.sources).public_id)

    def ask_for_confirmations(self) -> int:
        """Write to all who have not confirmed their address and were not asked lately; how many."""
        with self.database.writing() as session:
            return addresses.ask_everybody(session, self.sources)

    def create_api_key(self, party: str, name: str, scopes: frozenset[Scope]) -> tuple[str, str]:
        """A key for this account, with all its role allows unless scopes are named; its id and its text."""
        with self.database.writing() as session:
            owner = parties.actor_of(parties.party_by_public_id(session, parse_id("party", party)))
            command = parties.CreateApiKey(name, scopes or owner.scopes)
            key, secret = parties.create_api_key(session, owner, command, self.sources)
            return format_id("key", key.public_id), secret
