"""Policies: what they demand of a checkpoint, and that a mistake in one is told with its line."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.merkle import empty_root
from registry.core.tlog.notes import KeyType, Note, Signature, SigningKey, VerifierKey
from registry.core.tlog.policies import Policy, satisfied

LOG = SigningKey("log.example", bytes(range(32)))
CHECKPOINT = Checkpoint("log.example", 0, empty_root())
NOTE = CHECKPOINT.signed(LOG)


class Witness:
    """A cosigner (https://c2sp.org/tlog-cosignature)."""

    def __init__(self, number: int) -> None:
        self.secret = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        public = self.secret.public_key().public_bytes_raw()
        self.key = VerifierKey(f"w{number}.example", KeyType.COSIGNATURE, public)

    def cosign(self, note: Note, time: int) -> Note:
        value = self.secret.sign(f"cosignature/v1\ntime {time}\n{note.text}".encode())
        line = Signature(self.key.name, self.key.id, time.to_bytes(8, "big") + value)
        return Note(note.text, (*note.signatures, line))


W = [Witness(number) for number in range(1, 6)]
WITNESSES = "".join(f"witness w{i} {witness.key}\n" for i, witness in enumerate(W, start=1))


def _cosigned(*numbers: int) -> Note:
    note = NOTE
    for number in numbers:
        note = W[number - 1].cosign(note, 1_000 + number)
    return note


def test_a_log_alone() -> None:
    policy = Policy.parse(f"log {LOG.verifier()}\nquorum none\n")
    assert policy == Policy.of_log(LOG.verifier())
    verified = satisfied(NOTE, policy)
    assert (verified.checkpoint, verified.log, verified.witnessed) == (CHECKPOINT, LOG.verifier(), {})


def test_comments_blanks_tabs_and_urls() -> None:
    text = f"# trust\n\n \tlog\t{LOG.verifier()}  https://log.example/ \n\t# more\nquorum none"
    policy = Policy.parse(text)
    assert policy.urls == {LOG.verifier(): "https://log.example/"}
    assert Policy.parse(str(policy)) == policy


@pytest.mark.parametrize(
    ("rule", "enough", "too_few"),
    [
        ("quorum w2\n", [(2,), (1, 2)], [(), (1,), (1, 3)]),
        ("group g 2 w1 w2 w3\nquorum g\n", [(1, 2), (2, 3), (1, 2, 3)], [(), (1,), (3,), (4, 5)]),
        ("group g all w1 w2\nquorum g\n", [(1, 2)], [(1,), (2,), (3, 4)]),
        ("group g any w1 w2\nquorum g\n", [(1,), (2,)], [(), (3,)]),
        (
            "group x 2 w1 w2 w3\ngroup y any w4 w5\ngroup both all x y\nquorum both\n",
            [(1, 2, 4), (2, 3, 5), (1, 2, 3, 4, 5)],
            [(1, 2, 3), (4, 5), (1, 4), ()],
        ),
    ],
)
def test_quorums(rule: str, enough: list[tuple[int, ...]], too_few: list[tuple[int, ...]]) -> None:
    policy = Policy.parse(f"log {LOG.verifier()}\n{WITNESSES}{rule}")
    assert Policy.parse(str(policy)) == policy
    for numbers in enough:
        verified = satisfied(_cosigned(*numbers), policy)
        assert verified.witnessed == {f"w{n}": 1_000 + n for n in numbers}
    for numbers in too_few:
        with pytest.raises(VerificationFailed, match="lacks cosignatures"):
            satisfied(_cosigned(*numbers), policy)


def test_one_witness_that_signs_twice_counts_once() -> None:
    policy = Policy.parse(f"log {LOG.verifier()}\n{WITNESSES}group g 2 w1 w2\nquorum g\n")
    with pytest.raises(VerificationFailed):
        satisfied(_cosigned(1, 1), policy)


def test_a_false_cosignature_spoils_even_what_would_suffice_without_it() -> None:
    policy = Policy.parse(f"log {LOG.verifier()}\n{WITNESSES}group g any w1 w2\nquorum g\n")
    other = Checkpoint("log.example", 1, bytes(32)).signed(LOG)
    stolen = W[1].cosign(other, 5).signatures[-1]
    note = _cosigned(1)
    with pytest.raises(VerificationFailed, match="w2"):
        satisfied(Note(note.text, (*note.signatures, stolen)), policy)


def test_a_cosignature_s_time_cannot_be_changed() -> None:
    policy = Policy.parse(f"log {LOG.verifier()}\n{WITNESSES}quorum w1\n")
    note = _cosigned(1)
    line = note.signatures[-1]
    later = Signature(line.name, line.key_id, (9_999).to_bytes(8, "big") + line.value[8:])
    with pytest.raises(VerificationFailed):
        satisfied(Note(note.text, (note.signatures[0], later)), policy)


def test_a_time_that_no_clock_can_show_is_refused() -> None:
    policy = Policy.parse(f"log {LOG.verifier()}\n{WITNESSES}quorum w1\n")
    with pytest.raises(VerificationFailed, match="impossible time"):
        satisfied(W[0].cosign(NOTE, 2**63), policy)


def test_witnesses_do_not_replace_the_log() -> None:
    policy = Policy.parse(f"log {LOG.verifier()}\n{WITNESSES}quorum w1\n")
    with pytest.raises(VerificationFailed, match="No log"):
        satisfied(Note(NOTE.text, _cosigned(1).signatures[1:]), policy)


def test_one_listed_log_cannot_speak_for_another() -> None:
    other = SigningKey("other.example", bytes(32))
    policy = Policy.parse(f"log {LOG.verifier()}\nlog {other.verifier()}\nquorum none\n")
    assert satisfied(NOTE, policy).log == LOG.verifier()
    with pytest.raises(VerificationFailed, match="No log"):
        satisfied(CHECKPOINT.signed(other), policy)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no quorum"),
        (f"log {LOG.verifier()}\n", "no quorum"),
        ("quorum none\nquorum none\n", "Line 2"),
        ("\n\nquorum w1\n", "Line 3.*not defined"),
        (f"log {LOG.verifier()} a b\nquorum none\n", "Line 1"),
        ("log\nquorum none\n", "Line 1"),
        ("log nonsense\nquorum none\n", "Line 1.*verifier key"),
        (f"log {LOG.verifier()}\nlog {LOG.verifier()}\nquorum none\n", "Line 2.*twice"),
        (f"log {W[0].key}\nquorum none\n", "Line 1.*type"),
        (f"witness a {LOG.verifier()}\nquorum none\n", "Line 1.*type"),
        (f"witness a {W[0].key}\nwitness b {W[0].key}\nquorum a\n", "Line 2.*twice"),
        (f"witness a {W[0].key}\nwitness a {W[1].key}\nquorum a\n", "Line 2.*taken"),
        (f"witness none {W[0].key}\nquorum none\n", "Line 1.*taken"),
        (f"{WITNESSES}group g 3 w1 w2\nquorum g\n", "Line 6.*never"),
        (f"{WITNESSES}group g 0 w1 w2\nquorum g\n", "Line 6.*never"),
        (f"{WITNESSES}group g 02 w1 w2\nquorum g\n", "Line 6.*number"),
        (f"{WITNESSES}group g most w1 w2\nquorum g\n", "Line 6.*number"),
        (f"{WITNESSES}group g all\nquorum g\n", "Line 6.*no members"),
        (f"{WITNESSES}group g any none\nquorum g\n", "Line 6.*not defined"),
        (f"{WITNESSES}group g any w1 w1\nquorum g\n", "Line 6.*already"),
        (f"{WITNESSES}group g any w1\ngroup h any w1\nquorum g\n", "Line 7.*already"),
        (f"{WITNESSES}group g any g\nquorum g\n", "Line 6.*not defined"),
        (f"{WITNESSES}group w1 any w2\nquorum w1\n", "Line 6.*taken"),
        ("quorum\xa0none\n", "Line 1"),
        ("quorum none\r\n", "Line 1.*control"),
        ("trust everybody\n", "Line 1.*write"),
    ],
)
def test_mistakes_are_told_with_their_line(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Policy.parse(text)
