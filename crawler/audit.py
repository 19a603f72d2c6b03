"""Audit a registry's log: follow it from where it was last verified, and say what holds and what does not.

The auditor believes signatures by the keys of its policy, and its own memory; everything else is recomputed. A log
that is shorter than it was, or that does not continue what it was, is never taken over: the auditor keeps both
signed checkpoints as evidence and stands where it stood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from crawler import words
from crawler.audit_facts import Facts, first_few
from crawler.audit_keys import KeysByRole, not_in_policy, published_keys, unnamed
from crawler.audit_memory import PROGRESS, VERIFIED, Memory, Standing
from crawler.audit_reading import ServedLog
from crawler.audit_samples import Wanted, audit_sample
from crawler.client import Client
from crawler.recompute import recompute
from registry.core.errors import Corrupt, Forbidden, VerificationFailed, VorbehaltError
from registry.core.records.leaves import UseLeaf
from registry.core.records.receipts import verify_receipt
from registry.core.settlement.periods import Period
from registry.core.snapshots.times import to_text
from registry.core.tlog import tiles
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.merkle import Edge, leaf_hash
from registry.core.tlog.notes import Note
from registry.core.tlog.policies import Policy, VerifiedCheckpoint, satisfied
from registry.core.tlog.tiles import Tile

_SAVE_EVERY = 64
"""Bundles between two notes of the progress: 16,384 entries."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    holds: bool | None
    """`None`: it could not be looked at, or was taken on trust."""
    text: str


@dataclass
class Report:
    """What was found, in the order in which it was looked at."""

    origin: str = ""
    size: int = 0
    entries: int = 0
    """Read in this audit."""
    checks: list[Check] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing failed."""
        return all(check.holds is not False for check in self.checks)

    def add(self, name: str, holds: bool | None, text: str) -> None:
        """One more check."""
        self.checks.append(Check(name, holds, text))


class Auditor:
    """One audit of one log."""

    def __init__(
        self, client: Client, memory: Memory, now: int, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """`now` in POSIX seconds; `progress(done, size)` is told how far it is. `Corrupt` for a damaged memory."""
        self._client = client
        self._log = ServedLog(client)
        self._memory = memory
        self._now = now
        self._tell = progress or (lambda _done, _size: None)
        self._standing = memory.standing(VERIFIED) or Standing()
        self._interrupted = memory.standing(PROGRESS) or Standing()
        self.report = Report()

    def run(
        self,
        given: str | None,
        *,
        snapshot: Path | None = None,
        claims: bool = False,
        sample: Wanted | None = None,
        period: Period | None = None,
    ) -> Report:
        """Look at everything. `given`: the policy; without one, the one kept before, or that of the first visit.

        `snapshot`: a synced registry to compare with its entry. `claims`: also what the client's API key may see.
        `sample`: and of the rows that name its owner's works, these. `period`: its settlements, computed again.
        """
        # Keys are fetched before the log, which names a key before it is used and ends it afterwards.
        with self._failing("keys"):
            published = published_keys(self._client)
        if not self.report.holds:
            return self.report
        data = self._log.checkpoint()
        policy = self._policy(given)
        with self._failing("checkpoint"):
            verified = self._satisfied(data, policy)
            self._signed(policy, verified)
            standing = self._follow(data.decode(), verified.checkpoint, policy)
            self._compare_keys(data, policy, standing.facts, published)
            if snapshot is not None:
                self._compare_snapshot(snapshot, standing.facts)
        if claims and self.report.holds:
            try:
                self._compare_claims(policy)
            except Forbidden:
                self.report.add("claims", None, "this API key may see none")
        if sample is not None and self.report.holds:
            with self._failing("sample"):
                self._compare_sample(policy, sample)
        if period is not None and self.report.holds:
            with self._failing("recompute"):
                self._recompute(verified.checkpoint, period)
        return self.report

    def _satisfied(self, data: bytes, policy: Policy) -> VerifiedCheckpoint:
        try:
            return satisfied(Note.parse(data), policy)
        except VerificationFailed as problem:
            raise VerificationFailed(
                problem.message + self._announced(policy, self._standing.facts)
            ) from problem

    @contextmanager
    def _failing(self, name: str) -> Iterator[None]:
        """What does not verify is a finding, not an end in mid-sentence."""
        try:
            yield
        except (VerificationFailed, Corrupt) as problem:
            self.report.add(name, False, problem.message)

    def _policy(self, given: str | None) -> Policy:
        kept = self._memory.policy()
        if given is None and kept is None:
            text = self._log.policy()
            self._memory.keep_policy(text)
            self.report.add(
                "policy", None, "taken from the log itself on this first visit; nobody vouches for it"
            )
            return Policy.parse(text)
        return Policy.parse(given if given is not None else str(kept))

    def _signed(self, policy: Policy, found: VerifiedCheckpoint) -> None:
        self.report.origin, self.report.size = found.checkpoint.origin, found.checkpoint.size
        self.report.add("checkpoint", True, f"{found.checkpoint.size:,} entries, signed by {found.log.name}")
        seen = ", ".join(f"{name} at {to_text(time)}" for name, time in sorted(found.witnessed.items()))
        if policy.witnesses:
            self.report.add("witnesses", True, f"the quorum is reached: {seen or 'none is asked for'}")
        else:
            self.report.add("witnesses", None, "the policy names none: others may be shown another history")

    # -- the entries --------------------------------------------------------------------------------------
    def _follow(self, note: str, new: Checkpoint, policy: Policy) -> Standing:
        """Go on to the new checkpoint; by way of the one that an interrupted audit was on its way to."""
        standing, interrupted = self._standing, self._interrupted
        for seen in (standing, interrupted):
            self._refuse_shorter(seen, note, new)
        if interrupted.note and interrupted.edge.size >= standing.edge.size:
            target = satisfied(Note.parse(interrupted.note), policy).checkpoint
            standing = self._reach(standing, interrupted, target)
        start = Standing(note, Edge(standing.edge.size, bytes(standing.edge)), standing.facts)
        standing = self._reach(standing, start, new)
        self._sum_up(standing)
        return standing

    def _refuse_shorter(self, seen: Standing, note: str, new: Checkpoint) -> None:
        old = seen.checkpoint
        if old is None or new.size > old.size or new == old:
            return
        raise VerificationFailed(
            f"The log had {old.size:,} entries and now shows {new.size:,} that do not continue them."
            + self._keep(seen.note, note)
        )

    def _reach(self, before: Standing, at: Standing, target: Checkpoint) -> Standing:
        """Read all entries up to the target and compare the root; what does not fit is not taken over."""
        try:
            self._read_to(at, target, before)
        except (VerificationFailed, Corrupt) as problem:
            self._memory.drop_progress()
            where = self._keep(before.note, at.note)
            raise VerificationFailed(problem.message + where) from problem
        self._memory.keep(VERIFIED, at)
        self._memory.drop_progress()
        return at

    def _read_to(self, at: Standing, target: Checkpoint, before: Standing) -> None:
        nodes: dict[tuple[int, int], bytes] = {}
        begin = at.edge.size // tiles.WIDTH * tiles.WIDTH
        for count, start in enumerate(range(begin, target.size, tiles.WIDTH), start=1):
            self._read_bundle(at, start, min(start + tiles.WIDTH, target.size), nodes)
            if count % _SAVE_EVERY == 0:
                self._compare_nodes(nodes, target.size)
                self._memory.keep(PROGRESS, at)
                self._tell(at.edge.size, target.size)
        if at.edge.root() != target.root:
            raise VerificationFailed(self._why(before, target))
        self._compare_nodes(nodes, target.size)

    def _read_bundle(self, at: Standing, start: int, stop: int, nodes: dict[tuple[int, int], bytes]) -> None:
        """Hash and read what is new in the entries [start, stop), and compare all of them with the tile."""
        entries = self._log.entries(start, stop)
        leaves = [leaf_hash(entry) for entry in entries]
        served = self._log.hashes(Tile(0, start // tiles.WIDTH, stop - start))
        if served != leaves:
            index = start + next(i for i, leaf in enumerate(leaves) if leaf != served[i])
            raise VerificationFailed(
                f"Entry {index} is served in two versions: as an entry, and in the tree."
            )
        for index in range(at.edge.size, stop):
            completed = at.edge.push(leaves[index - start])
            for height in range(tiles.HEIGHT, len(completed), tiles.HEIGHT):
                nodes[height // tiles.HEIGHT, index >> height] = completed[height]
            at.facts.read(index, entries[index - start], self._now)
            self.report.entries += 1

    def _compare_nodes(self, nodes: dict[tuple[int, int], bytes], size: int) -> None:
        """The higher tiles, by which others make their proofs, hold what the entries hash to."""
        served = self._log.stored(size)
        for (level, index), node in nodes.items():
            if served(level, index, index + 1) != [node]:
                raise VerificationFailed(f"Hash {index} of level {level} is not that of its entries.")
        nodes.clear()

    def _why(self, before: Standing, target: Checkpoint) -> str:
        """In what way the entries that are served are not those that were signed."""
        served = self._log.stored(target.size)
        old = before.checkpoint
        if tiles.subtree_root(served, 0, target.size) != target.root:
            return f"The entries and hashes that are served are not those under the signed root of {target.size:,}."
        if old is not None and tiles.subtree_root(served, 0, old.size) != old.root:
            return f"History was rewritten: the first {old.size:,} entries are not those that were signed before."
        return f"The entries that are served are not those under the signed root of {target.size:,}."

    def _keep(self, *notes: str) -> str:
        """The end of a sentence that says where the evidence is."""
        if not all(notes):
            return ""
        try:
            return f" Both signed checkpoints are kept in {self._memory.keep_evidence(*notes)}."
        except VorbehaltError:
            return ""

    def _sum_up(self, standing: Standing) -> None:
        facts = standing.facts
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(facts.kinds.items()))
        read = self.report.entries
        grown = (
            f"nothing was verified before; all {read:,} entries are new"
            if read == standing.edge.size
            else f"continues all that was verified before; {read:,} entries are new"
        )
        self.report.add("history", True, grown)
        self.report.add("entries", True, f"all {standing.edge.size:,} hash to the signed root")
        self.report.add(
            "kinds",
            not facts.unreadable,
            first_few(facts.unreadable) or f"all can be read: {kinds or 'none'}",
        )
        self.report.add("order", not facts.faults, first_few(facts.faults) or "nothing goes back or ahead")

    # -- the keys -----------------------------------------------------------------------------------------
    def _compare_keys(self, data: bytes, policy: Policy, facts: Facts, published: KeysByRole | None) -> None:
        """Whatever signs has been named, and has not ended."""
        if not self.report.size:
            return
        faults = unnamed(facts, Note.parse(data), policy, published)
        where = "the log" if published is None else "the log and the published snapshot"
        announced = self._announced(policy, facts)
        text = f"those that sign {where} are in force by its entries.{announced}".removesuffix(".")
        self.report.add("keys", False if faults else None if announced else True, first_few(faults) or text)

    @staticmethod
    def _announced(policy: Policy, facts: Facts) -> str:
        """What to do about keys of the log that the policy does not know yet."""
        lines = ", ".join(f"“log {key}”" for key in not_in_policy(facts, policy))
        return (
            f" The log has announced another key: to follow it, add {lines} to your policy." if lines else ""
        )

    # -- what the log is about ----------------------------------------------------------------------------
    def _compare_snapshot(self, folder: Path, facts: Facts) -> None:
        """The edition that a lab uses is the one that the log names."""
        from crawler.sync import open_snapshot

        opened = open_snapshot(folder, now=datetime.fromtimestamp(self._now, UTC), allow_stale="audit")
        logged = facts.editions.get(opened.sequence)
        text = f"edition {opened.sequence} has the works root that the log names"
        if logged is None:
            text = f"edition {opened.sequence} is not among those that the log names"
        elif logged != opened.works_root.hex():
            text = f"edition {opened.sequence} has another works root than the log names"
        self.report.add("snapshot", logged == opened.works_root.hex(), text)

    def _compare_claims(self, policy: Policy) -> None:
        """Each claim that this API key may see is in the log as the registry shows it."""
        faults: list[str] = []
        count = 0
        for claim in self._claims():
            count += 1
            try:
                proved = verify_receipt(self._client.content(f"/v1/claims/{claim['id']}/receipt"), policy)
            except VerificationFailed as problem:
                faults.append(f"{claim['id']}: {problem.message}")
                continue
            leaf = proved.leaf
            same = isinstance(leaf, UseLeaf) and (proved.index, leaf.rows, leaf.root, leaf.lab, leaf.model) == (
                claim["log_index"], claim["rows"], claim["rows_root"], claim["lab"], claim["model"],
            )  # fmt: skip
            if not same:
                faults.append(f"{claim['id']}: the registry shows another claim than it logged")
        self.report.add(
            "claims", not faults, first_few(faults) or f"{count:,} claims are logged as they are shown"
        )

    def _compare_sample(self, policy: Policy, wanted: Wanted) -> None:
        """The rows that the seed draws are in the log as the registry shows them."""
        try:
            found = audit_sample(self._client, policy, self.report.size, wanted)
        except Forbidden:
            self.report.add("sample", None, "this API key may see no uses of works")
            return
        text = f"{found.drawn:,} of {found.rows:,} rows that name your works are logged as they are shown"
        self.report.add("sample", not found.faults, first_few(found.faults) or f"{text} (seed {wanted.seed})")

    def _recompute(self, signed: Checkpoint, period: Period) -> None:
        """The settlements of a quarter follow from what is published."""
        found = recompute(self._log, signed, period)
        for each in found:
            owed = ", ".join(
                words.money(amount, currency) for currency, amount in sorted(each.totals.items())
            )
            self.report.add(
                "recompute",
                True,
                f"{each.settlement}: {words.amount(each.claims, 'claim')} in {words.amount(each.lines, 'line')}, "
                "every byte as published"
                + (f"; {words.amount(each.released, 'held row')} released" if each.released else "")
                + (f"; owed: {owed}" if owed else ""),
            )
        if not found:
            self.report.add("recompute", False, f"the log has no settlement of {period}")

    def _claims(self) -> Iterator[dict[str, object]]:
        after = None
        while True:
            page = self._client.get("/v1/claims", {"after": after} if after else None)
            yield from page["items"]
            after = page["next"]
            if after is None:
                return
