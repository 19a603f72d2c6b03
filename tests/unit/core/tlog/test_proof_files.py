"""Proof files against the published one; a misplaced byte anywhere is refused."""

from __future__ import annotations

import pytest

from registry.core.errors import VerificationFailed
from registry.core.tlog import merkle
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import SigningKey
from registry.core.tlog.policies import Policy
from registry.core.tlog.proofs import Proof

PUBLISHED = """\
c2sp.org/tlog-proof@v1
index 3
jg6PxN+GRCPaW5UVn8DZeE33PLar/rPRFAbOO7Mk5ew=
1UDJ3XXZ6zIp+jj1PRxmavlglouoTL9KUS/rMMLb1cA=
2t8S55DtiQNzYUC8/bX869rL8V8Vk+X2O4IrQ713JJE=

registry.example/usage-log
7
WJDL4kJwaxJq4Zw/4uyKzTnmFN++h7IbpT2E+gEyX0s=

— registry.example/usage-log y/R4wNWteOT+uHRi8hgJIFU/6gxVk15/DGQreLASucnbeFPemUfCoAAn\
9Jl83Pg7Bbpj7UBZemXEBeFFnoFRa01rQw0=
— witness.example/cmo1 j4yMqQAAAABrSdIAN4Oa7E94We4I8RiOxp/n7l+N0hDVlkKVgOa4\
QQgTTfA9IMuH+RCmJroNYG52JXq3ccuCAwGCwIOEfiiY1nloDQ==
"""
POLICY = Policy.parse(
    """\
log registry.example/usage-log+cbf478c0+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4
witness cmo1 witness.example/cmo1+8f8c8ca9+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X
quorum cmo1
"""
)


def test_the_published_proof_verifies_and_is_rebuilt_byte_for_byte() -> None:
    proof = Proof.parse(PUBLISHED)
    verified = proof.verify(b"claim-3", POLICY)
    assert verified.checkpoint.size == 7
    assert verified.witnessed == {"cmo1": 1_800_000_000}
    assert str(proof) == PUBLISHED

    hashes = [merkle.leaf_hash(b"claim-%d" % i) for i in range(7)]
    assert str(Proof(3, tuple(merkle.inclusion_proof(3, hashes)), proof.checkpoint)) == PUBLISHED


def test_every_single_changed_byte_is_refused() -> None:
    """With the witness in the quorum there is no byte left that nobody vouches for."""
    data = PUBLISHED.encode()
    for position in range(len(data)):
        for bit in (0, 5):
            tampered = bytearray(data)
            tampered[position] ^= 1 << bit
            with pytest.raises(VerificationFailed):
                Proof.parse(bytes(tampered)).verify(b"claim-3", POLICY)


def test_another_entry_is_refused() -> None:
    with pytest.raises(VerificationFailed, match="does not lead"):
        Proof.parse(PUBLISHED).verify(b"claim-4", POLICY)


def test_extra_is_carried_and_comes_back() -> None:
    key = SigningKey("log.example", bytes(32))
    note = Checkpoint(key.name, 1, merkle.leaf_hash(b"only")).signed(key)
    proof = Proof(0, (), note, b"\x00anything\xff")
    assert Proof.parse(str(proof)) == proof
    proof.verify(b"only", Policy.of_log(key.verifier()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tlog-proof@v1", "tlog-proof@v2"),
        ("index 3", "index 03"),
        ("index 3", "index three"),
        ("index 3\n", ""),
        ("index 3\n", "index 3\nextra AA==\n"),
        ("index 3\n", "extra AA==\nextra AA==\nindex 3\n"),
        ("index 3\n", "extra AB==\nindex 3\n"),
        ("\n\nregistry", "\nregistry"),
        ("\n\nregistry", "\n\n\nregistry"),
        ("jg6PxN+G", "jg6PxN+"),
        ("\n", "\r\n"),
        ("5ew=\n", "5ew=\n" * 64),
    ],
)
def test_malformed_files_are_refused(old: str, new: str) -> None:
    with pytest.raises(VerificationFailed):
        Proof.parse(PUBLISHED.replace(old, new)).verify(b"claim-3", POLICY)


@pytest.mark.parametrize(
    "data", ["", "\n\n", "c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v1\n\n", b"\xff"]
)
def test_what_is_no_proof_file_is_refused(data: str | bytes) -> None:
    with pytest.raises(VerificationFailed):
        Proof.parse(data)
