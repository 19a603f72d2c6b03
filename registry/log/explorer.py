"""What a reader of the log's pages sees: the head and who vouches for it, entries, and the way from one to the root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from registry.core.errors import Corrupt, InvalidInput, NotFound, NotReady, VerificationFailed
from registry.core.records.leaves import AnyLeaf, parse_leaf
from registry.core.tlog import merkle
from registry.core.tlog.policies import NO_QUORUM, Policy
from registry.log import service
from registry.log.models import LogCheckpoint
from registry.log.signing import SignedCheckpoint, satisfies

PAGE = 25


@dataclass(frozen=True, slots=True)
class Statement:
    """A signed head of the log, and what stands behind it."""

    origin: str
    size: int
    root: bytes
    signed_at: datetime
    """By the registry's own clock."""
    witnesses: Sequence[tuple[str, datetime | None]]
    """Those of the policy, by name, and when each says that it saw this head; `None` if it has not."""
    quorum: tuple[int, Sequence[str]] | None
    """How many of which witnesses or groups the policy asks for; `None` if it asks for none."""
    public: bool
    """Whether the policy is satisfied."""
    waiting: int
    """How many further entries are signed, and wait for witnesses."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log."""

    index: int
    body: bytes
    leaf: AnyLeaf | None
    """`None` for a type that this version of the program does not know."""

    @property
    def leaf_hash(self) -> bytes:
        """What the tree is made of."""
        return merkle.leaf_hash(self.body)

    @property
    def at(self) -> datetime | None:
        """When it was entered, by the registry's own clock."""
        return None if self.leaf is None else datetime.fromtimestamp(self.leaf.at, UTC)


@dataclass(frozen=True, slots=True)
class Step:
    """One step from an entry up to the root."""

    left: bool
    """Whether the given hash stands on the left."""
    given: bytes
    computed: bytes


@dataclass(frozen=True, slots=True)
class Consistency:
    """That the log's head continues what it was at an earlier size."""

    old_size: int
    old_root: bytes
    size: int
    root: bytes
    hashes: Sequence[bytes]
    same: bool | None
    """Whether the root that the reader kept is the one that the log had; `None` if none was given."""


def statement(session: Session, policy: Policy) -> Statement:
    """The newest public head; before there is one, the newest signed. `NotReady` before the first."""
    newest = service.latest_signed(session)
    try:
        shown = service.latest_checkpoint(session)
    except NotReady:
        shown = newest
    checkpoint = shown.checkpoint
    return Statement(
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root,
        signed_at=session.get_one(LogCheckpoint, checkpoint.size).published_at,
        witnesses=witnesses(shown, policy),
        quorum=_quorum(policy),
        public=satisfies(shown.note, policy),
        waiting=newest.checkpoint.size - checkpoint.size,
    )


def witnesses(signed: SignedCheckpoint, policy: Policy) -> list[tuple[str, datetime | None]]:
    """The policy's witnesses and when each cosigned this checkpoint."""
    seen = signed.note.verified(policy.witnesses.values())
    times = [(name, seen.get(key)) for name, key in policy.witnesses.items()]
    return [(name, None if at is None else datetime.fromtimestamp(at, UTC)) for name, at in times]


def _quorum(policy: Policy) -> tuple[int, Sequence[str]] | None:
    if policy.quorum == NO_QUORUM:
        return None
    group = policy.groups.get(policy.quorum)
    return (1, (policy.quorum,)) if group is None else (group.threshold, group.members)


def entries_before(session: Session, stop: int) -> list[Entry]:
    """The entries just below index `stop`, the newest first."""
    start = max(0, stop - PAGE)
    bodies = service.entries(session, start, stop)
    return [_entry(start + n, body) for n, body in enumerate(bodies)][::-1]


def entry(session: Session, index: int) -> Entry:
    """One entry; `NotFound` if there is none."""
    if not 0 <= index < service.head(session).size:
        raise NotFound(f"The usage log has no entry {index}.")
    return _entry(index, *service.entries(session, index, index + 1))


def _entry(index: int, body: bytes) -> Entry:
    try:
        return Entry(index, body, parse_leaf(body))
    except InvalidInput:
        return Entry(index, body, None)


def way_to_root(session: Session, found: Entry, signed: SignedCheckpoint) -> list[Step]:
    """The inclusion proof step by step (RFC 9162, 2.1.3.2); `Corrupt` if it does not end at the signed root."""
    hashes = service.receipt_proof(session, found.index, signed.checkpoint.size)
    position, last = found.index, signed.checkpoint.size - 1
    result = found.leaf_hash
    steps = []
    for given in hashes:
        left = bool(position & 1) or position == last
        result = merkle.node_hash(given, result) if left else merkle.node_hash(result, given)
        steps.append(Step(left, given, result))
        while left and position and not position & 1:
            position, last = position >> 1, last >> 1
        position, last = position >> 1, last >> 1
    if result != signed.checkpoint.root:
        raise Corrupt(f"The log's stored hashes do not lead from entry {found.index} to the signed root.")
    return steps


def consistency(session: Session, old_size: int, kept_root: bytes | None) -> Consistency:
    """The proof from an earlier size to the newest public head, checked; `InvalidInput` for a size beyond it."""
    now = service.latest_checkpoint(session).checkpoint
    if not 0 < old_size <= now.size:
        raise InvalidInput(f"The public log has {now.size} entries; name a size from 1 to that.")
    old_root = service.root_at(session, old_size)
    hashes = service.consistency_proof(session, old_size, now.size)
    try:
        merkle.verify_consistency(old_size, now.size, old_root, now.root, hashes)
    except VerificationFailed as problem:
        raise Corrupt(f"The log's stored hashes do not join {old_size} and {now.size} entries.") from problem
    same = None if kept_root is None else kept_root == old_root
    return Consistency(old_size, old_root, now.size, now.root, hashes, same)
