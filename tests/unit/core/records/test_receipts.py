"""Receipts verify offline with the file and the policy alone, and not at all once a byte has changed."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from registry.core.decisions import Terms
from registry.core.errors import VerificationFailed
from registry.core.records.canonical import canonical
from registry.core.records.claims import ClaimRow, How, format_rows, parse_rows, rows_root
from registry.core.records.leaves import OptOutLeaf, TariffLeaf, UseLeaf
from registry.core.records.receipts import (
    build_receipt,
    build_row_receipt,
    build_work_receipt,
    verify_receipt,
)
from registry.core.snapshots import WorkProof, works
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


# -- one item of what an entry commits to ------------------------------------------------------------------
ROWS = format_rows(
    ClaimRow(f"work_{format(n, '026d')}", f"agreement_{format(7, '026d')}@1", How.NEAR, n + 1)
    for n in range(5)
)
BATCH = replace(LEAF, rows=5, root=rows_root(ROWS).hex())
BATCH_HASHES = [*HASHES[:2], merkle.leaf_hash(BATCH.body()), *HASHES[3:]]
BATCH_NOTE = Checkpoint(KEY.name, 5, merkle.root(BATCH_HASHES)).signed(KEY)
PLACE = (2, merkle.inclusion_proof(2, BATCH_HASHES), BATCH_NOTE)


def extra_of(receipt: str) -> dict[str, Any]:
    """What its extra line carries."""
    extra = Proof.parse(receipt).extra
    assert extra is not None
    return dict(json.loads(extra))


def with_extra(receipt: str, extra: dict[str, Any]) -> str:
    """The same with another extra line."""
    return str(replace(Proof.parse(receipt), extra=canonical(extra)))


@pytest.mark.parametrize("n", range(5))
def test_a_row_is_proved_without_the_others(n: int) -> None:
    receipt = build_row_receipt(BATCH.body(), *PLACE, ROWS, n)
    verified = verify_receipt(receipt, POLICY)
    assert verified.leaf == BATCH
    assert verified.row == parse_rows(ROWS)[n]
    others = {f"work_{format(m, '026d')}" for m in range(5) if m != n}
    assert not any(other in json.dumps(extra_of(receipt)) for other in others)
    assert len(receipt.encode()) <= 3_000


@pytest.mark.parametrize(
    "change",
    [
        {"row": parse_rows(ROWS)[2].line()},
        {"row": parse_rows(ROWS)[1].line().replace("\t2\t", "\t3\t")},
        {"row": "nothing"},
        {"row": 1},
        {"row_index": 0},
        {"row_index": 5},
        {"row_index": -1},
        {"row_index": True},
        {"row_index": "1"},
        {"row_proof": []},
        {"row_proof": "AA=="},
        {"row_proof": ["AA=="] * 3},
        {"row_proof": ["?"]},
        {"row_proof": [7]},
        {"leaf": OTHERS[0].decode()},
        {"more": 1},
        {"work": {}},
    ],
)
def test_a_row_that_was_changed_proves_nothing(change: dict[str, Any]) -> None:
    receipt = build_row_receipt(BATCH.body(), *PLACE, ROWS, 1)
    assert verify_receipt(with_extra(receipt, extra_of(receipt)), POLICY).row is not None
    with pytest.raises(VerificationFailed):
        verify_receipt(with_extra(receipt, extra_of(receipt) | change), POLICY)


@pytest.mark.parametrize("name", ["row", "row_index", "row_proof"])
def test_a_row_without_its_way_proves_nothing(name: str) -> None:
    receipt = build_row_receipt(BATCH.body(), *PLACE, ROWS, 1)
    extra = extra_of(receipt)
    del extra[name]
    with pytest.raises(VerificationFailed):
        verify_receipt(with_extra(receipt, extra), POLICY)


IDS = [bytes([n]) * 16 for n in range(1, 4)]
CODES = [(b"code-%d" % n,) for n in range(3)]
TERMS = sha256(canonical(Terms().as_json())).digest()
WORK_LEAVES = [works.leaf(i, TERMS, works.codes_digest(c)) for i, c in zip(IDS, CODES, strict=True)]
EDITION = OptOutLeaf(sequence=9, works=3, root=merkle.root(WORK_LEAVES).hex(), change_seq=4, at=5)


def work_receipt(edition: OptOutLeaf = EDITION, **change: Any) -> str:
    """A maker's receipt for the middle work."""
    path = tuple(merkle.inclusion_proof(1, WORK_LEAVES))
    proof = WorkProof(9, 1, 3, IDS[1], Terms(), CODES[1], path)
    note = Checkpoint(KEY.name, 1, merkle.leaf_hash(edition.body())).signed(KEY)
    return build_work_receipt(edition.body(), 0, [], note, replace(proof, **change))


def test_a_maker_proves_what_everybody_was_told_about_a_work() -> None:
    verified = verify_receipt(work_receipt(), POLICY)
    assert verified.leaf == EDITION
    assert verified.work is not None
    assert (verified.work.work_id, verified.work.records) == (IDS[1], CODES[1])


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": 8},
        {"row": 0},
        {"size": 4},
        {"work_id": IDS[0]},
        {"records": CODES[0]},
        {"records": ()},
        {"path": ()},
        {"edition": replace(EDITION, root="ab" * 32)},
        {"edition": replace(EDITION, sequence=10)},
    ],
)
def test_nothing_else_about_it(change: dict[str, Any]) -> None:
    with pytest.raises(VerificationFailed):
        verify_receipt(work_receipt(**change), POLICY)


def test_a_work_is_of_an_edition_and_a_row_of_a_claim() -> None:
    work = extra_of(work_receipt())["work"]
    receipt = build_receipt(BATCH.body(), *PLACE)
    with pytest.raises(VerificationFailed, match="belong"):
        verify_receipt(with_extra(receipt, extra_of(receipt) | {"work": work}), POLICY)
