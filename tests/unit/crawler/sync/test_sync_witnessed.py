"""With a witness policy, a lab takes only what its witnesses have seen in the log: the same as every other lab."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from registry.core.errors import InvalidInput, TrustRefused
from registry.core.records.leaves import OptOutLeaf
from registry.core.records.receipts import build_receipt
from registry.core.snapshots import EditionContent, write_edition
from registry.core.snapshots.witnessed import MAX_PROOF, PROOF
from registry.core.tlog import merkle
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import KeyType, Note, SigningKey
from tests.support.snapshots import SECONDS, Registry, make_content
from tests.unit.crawler.sync.conftest import Lab


@dataclass
class Log:
    """A usage log in memory, and three witnesses of which two must cosign."""

    folder: Path
    key: SigningKey = field(default_factory=lambda: SigningKey.generate("registry.example/usage-log"))
    witnesses: dict[str, SigningKey] = field(
        default_factory=lambda: {
            name: SigningKey.generate(f"{name}.example", KeyType.COSIGNATURE) for name in ("a", "b", "c")
        }
    )
    entries: list[bytes] = field(default_factory=lambda: [b"claim 0", b"claim 1"])

    @property
    def policy(self) -> bytes:
        lines = [f"witness {name} {key.verifier()}" for name, key in self.witnesses.items()]
        return "\n".join([f"log {self.key.verifier()}", *lines, "group two 2 a b c", "quorum two\n"]).encode()

    def log(self, content: EditionContent) -> int:
        """Its entry, and another one after it; the entry's index."""
        files = write_edition(self.folder / str(len(list(self.folder.iterdir()))), content)
        leaf = OptOutLeaf(
            sequence=content.sequence,
            works=len(content.work_ids),
            root=files.works_root.hex(),
            change_seq=content.change_seq,
            at=content.created,
        )
        self.entries += [leaf.body(), b"claim"]
        return len(self.entries) - 2

    def proof(self, index: int, seen_by: str = "ab") -> bytes:
        """The proof of this entry under a checkpoint that these witnesses have cosigned."""
        leaves = [merkle.leaf_hash(entry) for entry in self.entries]
        note = Checkpoint(self.key.name, len(leaves), merkle.root(leaves)).signed(self.key)
        lines = [self.witnesses[name].cosign(note.text, SECONDS) for name in seen_by]
        note = Note(note.text, (*note.signatures, *lines))
        return build_receipt(self.entries[index], index, merkle.inclusion_proof(index, leaves), note).encode()


@pytest.fixture
def log(tmp_path: Path) -> Log:
    (tmp_path / "log").mkdir()
    return Log(tmp_path / "log")


def publish(registry: Registry, log: Log, sequence: int, seen_by: str = "ab") -> None:
    content = make_content(sequence)
    registry.publish(content, more={PROOF: log.proof(log.log(content), seen_by)})


def test_a_witnessed_edition_is_taken_and_the_policy_is_remembered(
    lab: Lab, registry: Registry, log: Log
) -> None:
    publish(registry, log, 2)
    assert lab.sync(witness_policy=log.policy).witnessed == ("a", "b")
    assert lab.open().sequence == 2
    publish(registry, log, 3, "bc")
    result = lab.sync()
    assert (result.sequence, result.witnessed) == (3, ("b", "c"))
    assert lab.sync().changed is False
    assert lab.open().sequence == 3


def test_without_a_policy_nobody_is_asked(lab: Lab, registry: Registry, log: Log) -> None:
    publish(registry, log, 2, "")
    assert lab.sync().witnessed is None
    assert lab.open().sequence == 2


def _missing(registry: Registry, _log: Log) -> None:
    registry.publish(make_content(3))


def _without_a_quorum(registry: Registry, log: Log) -> None:
    publish(registry, log, 3, "a")


def _by_nobody(registry: Registry, log: Log) -> None:
    publish(registry, log, 3, "")


def _of_an_older_edition(registry: Registry, log: Log) -> None:
    registry.publish(make_content(3), more={PROOF: log.proof(log.log(make_content(2)))})


def _of_other_works_with_the_same_number(registry: Registry, log: Log) -> None:
    """The witnesses, and with them the public, see one edition 3; this lab gets another."""
    registry.publish(make_content(3), more={PROOF: log.proof(log.log(make_content(3, works=6)))})


def _of_another_entry(registry: Registry, log: Log) -> None:
    content = make_content(3)
    log.log(content)
    registry.publish(content, more={PROOF: log.proof(0)})


def _by_strangers(registry: Registry, log: Log) -> None:
    other = Log(log.folder, key=log.key)
    publish(registry, other, 3, "abc")


def _from_another_log(registry: Registry, log: Log) -> None:
    other = Log(log.folder, witnesses=log.witnesses)
    publish(registry, other, 3, "abc")


def _with_a_wrong_path(registry: Registry, log: Log) -> None:
    content = make_content(3)
    index = log.log(content)
    text = log.proof(index).decode().split("\n")
    text[3], text[4] = text[4], text[3]
    registry.publish(content, more={PROOF: "\n".join(text).encode()})


def _endless(registry: Registry, log: Log) -> None:
    content = make_content(3)
    proof = log.proof(log.log(content))
    registry.publish(content, more={PROOF: proof + b"\n" * MAX_PROOF})


REFUSED = [
    _missing,
    _without_a_quorum,
    _by_nobody,
    _of_an_older_edition,
    _of_other_works_with_the_same_number,
    _of_another_entry,
    _by_strangers,
    _from_another_log,
    _with_a_wrong_path,
    _endless,
]


@pytest.mark.parametrize("harm", REFUSED)
def test_what_is_not_proved_is_not_taken(lab: Lab, registry: Registry, log: Log, harm: object) -> None:
    assert callable(harm)
    publish(registry, log, 2)
    lab.sync(witness_policy=log.policy)
    harm(registry, log)
    with pytest.raises(TrustRefused):
        lab.sync()
    assert lab.open().sequence == 2
    assert sorted(p.name for p in (lab.folder / "editions").iterdir()) == ["2"]


def test_a_better_proof_of_the_same_edition_is_taken(lab: Lab, registry: Registry, log: Log) -> None:
    content = make_content(2)
    index = log.log(content)
    registry.publish(content, more={PROOF: log.proof(index, "a")})
    with pytest.raises(TrustRefused, match="witnessed by a"):
        lab.sync(witness_policy=log.policy)
    registry.publish(content, more={PROOF: log.proof(index, "ac")})
    assert lab.sync().witnessed == ("a", "c")
    assert lab.open().sequence == 2


def test_what_was_taken_before_there_was_a_policy_is_used_no_more(
    lab: Lab, registry: Registry, log: Log
) -> None:
    lab.sync()
    with pytest.raises(TrustRefused, match="publishes no proof"):
        lab.sync(witness_policy=log.policy)
    with pytest.raises(TrustRefused, match="vorbehalt sync"):
        lab.open()
    publish(registry, log, 2)
    lab.sync()
    assert lab.open().sequence == 2


def test_a_stricter_policy_counts_at_once_for_what_is_here(lab: Lab, registry: Registry, log: Log) -> None:
    publish(registry, log, 2)
    lab.sync(witness_policy=log.policy)
    with pytest.raises(TrustRefused):
        lab.sync(witness_policy=log.policy.replace(b"group two 2", b"group two all"))
    with pytest.raises(TrustRefused, match="witnessed by a, b"):
        lab.open()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (b"quorum none\n", "asks for none"),
        (b"", "quorum"),
        (b"\xff", "UTF-8"),
        (b"witness a nonsense\n", "Line 1"),
    ],
)
def test_a_policy_that_asks_for_nobody_is_none(lab: Lab, text: bytes, match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        lab.sync(witness_policy=text)
    assert lab.sync().sequence == 1  # and it was not remembered


def test_a_damaged_policy_is_not_taken_for_none(lab: Lab, registry: Registry, log: Log) -> None:
    publish(registry, log, 2)
    lab.sync(witness_policy=log.policy)
    (lab.folder / "witness.policy").write_bytes(b"")
    for use in (lab.sync, lab.open):
        with pytest.raises(InvalidInput, match=r"witness\.policy"):
            use()


def test_a_proof_that_was_changed_on_the_disk_is_noticed(lab: Lab, registry: Registry, log: Log) -> None:
    publish(registry, log, 2)
    lab.sync(witness_policy=log.policy)
    path = lab.folder / "editions/2/edition.tlog-proof"
    path.write_bytes(path.read_bytes().replace(b"index 2", b"index 1"))
    with pytest.raises(TrustRefused):
        lab.open()
    lab.sync()
    assert lab.open().sequence == 2
