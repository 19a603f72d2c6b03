"""Every pair of sizes, every index: both ways of building a proof agree, and the verifiers accept only the truth."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.errors import VerificationFailed
from registry.core.tlog import merkle, tiles

HASHES = [merkle.leaf_hash(b"%d" % i) for i in range(1_500)]
ROOTS = [merkle.root(HASHES[:n]) for n in range(301)]


def _stored(level: int, start: int, stop: int) -> Sequence[bytes]:
    """What a tile store answers for the first 1,500 entries."""
    span = tiles.WIDTH**level
    assert stop * span <= len(HASHES)
    return [merkle.root(HASHES[i * span : (i + 1) * span]) for i in range(start, stop)]


def _recursive_root(hashes: list[bytes]) -> bytes:
    """The definition of RFC 6962 section 2.1, word for word."""
    if len(hashes) == 1:
        return hashes[0]
    k = merkle.split(len(hashes))
    return merkle.node_hash(_recursive_root(hashes[:k]), _recursive_root(hashes[k:]))


def test_root_and_edge_follow_the_definition() -> None:
    edge = merkle.Edge()
    for size in range(1, 301):
        edge.push(HASHES[size - 1])
        assert ROOTS[size] == edge.root() == _recursive_root(HASHES[:size])


def test_every_leaf_of_every_tree_up_to_100_is_provable() -> None:
    for size in range(1, 101):
        for index in range(size):
            proof = merkle.inclusion_proof(index, HASHES[:size])
            merkle.verify_inclusion(index, size, HASHES[index], proof, ROOTS[size])


def test_every_pair_of_trees_up_to_100_is_consistent() -> None:
    for new in range(101):
        for old in range(new + 1):
            proof = merkle.consistency_proof(old, HASHES[:new])
            merkle.verify_consistency(old, new, ROOTS[old], ROOTS[new], proof)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_proofs_from_tiles_are_the_proofs_from_leaves(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(HASHES)))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(0, size))
    assert tiles.inclusion_proof(_stored, index, size) == merkle.inclusion_proof(index, HASHES[:size])
    assert tiles.consistency_proof(_stored, old, size) == merkle.consistency_proof(old, HASHES[:size])
    assert tiles.subtree_root(_stored, 0, size) == merkle.root(HASHES[:size])


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_one_flipped_bit_anywhere_spoils_an_inclusion_proof(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 300))
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(index, HASHES[:size])
    parts = [HASHES[index], ROOTS[size], *proof]
    which = data.draw(st.integers(0, len(parts) - 1))
    bit = data.draw(st.integers(0, 255))
    parts[which] = (int.from_bytes(parts[which], "big") ^ (1 << bit)).to_bytes(32, "big")
    with pytest.raises(VerificationFailed):
        merkle.verify_inclusion(index, size, parts[0], parts[2:], parts[1])


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_rewritten_history_has_no_consistency_proof(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 120))
    old = data.draw(st.integers(1, new - 1))
    changed = data.draw(st.integers(0, old - 1))
    rewritten = HASHES[:new]
    rewritten[changed] = bytes(32)
    for proof in (merkle.consistency_proof(old, rewritten), merkle.consistency_proof(old, HASHES[:new])):
        with pytest.raises(VerificationFailed):
            merkle.verify_consistency(old, new, ROOTS[old], merkle.root(rewritten), proof)


@given(
    st.integers(0, 40),
    st.integers(0, 40),
    st.binary(min_size=32, max_size=32),
    st.lists(st.binary(min_size=32, max_size=32), max_size=8),
)
@settings(max_examples=300, deadline=None)
def test_noise_is_never_a_proof(index: int, size: int, leaf: bytes, proof: list[bytes]) -> None:
    with pytest.raises(VerificationFailed):
        merkle.verify_inclusion(index, size, leaf, proof, ROOTS[40])
    with pytest.raises(VerificationFailed):
        merkle.verify_consistency(min(index, size) + 1, size + 2, leaf, ROOTS[40], proof)
