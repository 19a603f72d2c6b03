"""Receipts verify offline with the file and the policy alone, and not at all once a byte has changed."""

from __future__ import annotations

import pytest

from registry.core.errors import VerificationFailed
from registry.core.records.canonical import canonical
from registry.core.records.leaves import TariffLeaf, UseLeaf
from registry.core.records.receipts import build_receipt, verify_receipt
from registry.core.tlog import merkle
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import SigningKey
from registry.core.tlog.policies import Policy
from registry.core.tlog.proofs import Proof

KEY = SigningKey("registry.example/usage-log", bytes(range(32)))
POLICY = Policy.of_log(KEY.verifier())
LEAF = UseLeaf(
    dataset="sha256:" + "11" * 32,
    lab="party_lab",
    model="model_x",
    rows=2,
    root="22" * 32,
    at=1_800_000_000,
    who="33" * 32,
)
OTHERS = [TariffLeaf(tariff="tariff_x", version=n, terms="ab" * 32, at=5).body() for n in range(1, 5)]
BODIES = [*OTHERS[:2], LEAF.body(), *OTHERS[2:]]
HASHES = [merkle.leaf_hash(body) for body in BODIES]
NOTE = Checkpoint(KEY.name, len(BODIES), merkle.root(HASHES)).signed(KEY)
RECEIPT = build_receipt(BODIES[2], 2, merkle.inclusion_proof(2, HASHES), NOTE)


def test_it_tells_what_it_proves() -> None:
    verified = verify_receipt(RECEIPT, POLICY)
    assert (verified.origin, verified.index, verified.size) == (KEY.name, 2, 5)
    assert verified.leaf == LEAF
    assert verified.root == merkle.root(HASHES)
    assert verified.witnessed == {}
    assert verify_receipt(RECEIPT.encode(), POLICY) == verified


def test_it_is_small() -> None:
    assert len(RECEIPT.encode()) <= 3_000


def test_it_is_a_plain_c2sp_proof_for_other_programs() -> None:
    Proof.parse(RECEIPT).verify(LEAF.body(), POLICY)


def test_no_changed_byte_is_accepted_anywhere() -> None:
    """Every byte of the file: magic line, extra, index, hashes, name, size, root, signature, line feeds."""
    data = RECEIPT.encode()
    for position in range(len(data)):
        for mask in (0x01, 0x20, 0x80):
            tampered = bytearray(data)
            tampered[position] ^= mask
            with pytest.raises(VerificationFailed):
                verify_receipt(bytes(tampered), POLICY)


def test_nothing_can_be_cut_off_or_put_in() -> None:
    data = RECEIPT.encode()
    for position in range(len(data)):
        with pytest.raises(VerificationFailed):
            verify_receipt(data[:position], POLICY)
    for position in range(len(data) + 1):
        with pytest.raises(VerificationFailed):
            verify_receipt(data[:position] + b"A" + data[position:], POLICY)
    with pytest.raises(VerificationFailed):
        verify_receipt(RECEIPT + "\n", POLICY)


def test_another_log_s_signature_is_not_enough() -> None:
    stranger = SigningKey(KEY.name, bytes(32))
    forged = build_receipt(
        BODIES[2],
        2,
        merkle.inclusion_proof(2, HASHES),
        Checkpoint(KEY.name, 5, merkle.root(HASHES)).signed(stranger),
    )
    with pytest.raises(VerificationFailed, match="No log"):
        verify_receipt(forged, POLICY)
    verify_receipt(forged, Policy.of_log(stranger.verifier()))


def test_another_entry_of_the_same_log_cannot_take_its_place() -> None:
    with pytest.raises(VerificationFailed):
        verify_receipt(build_receipt(BODIES[1], 2, merkle.inclusion_proof(2, HASHES), NOTE), POLICY)
    with pytest.raises(VerificationFailed):
        verify_receipt(build_receipt(BODIES[1], 1, merkle.inclusion_proof(2, HASHES), NOTE), POLICY)


@pytest.mark.parametrize(
    "extra",
    [
        None,
        b"",
        b"{}",
        b"[]",
        LEAF.body(),
        canonical({"leaf": 1}),
        canonical({"leaf": LEAF.body().decode(), "more": 1}),
        b'{"leaf": ""}',
        canonical({"leaf": "{}"}),
        b'{"leaf":"\\ud800"}',
    ],
)
def test_an_extra_line_that_carries_no_entry_is_refused(extra: bytes | None) -> None:
    proof = Proof.parse(RECEIPT)
    other = str(Proof(proof.index, proof.hashes, proof.checkpoint, extra))
    with pytest.raises(VerificationFailed):
        verify_receipt(other, POLICY)
