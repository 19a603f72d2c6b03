"""The tree against published values, and what its verifiers refuse."""

from __future__ import annotations

from itertools import pairwise

import pytest

from registry.core.errors import Corrupt, InvalidInput, VerificationFailed
from registry.core.tlog import merkle
from registry.core.tlog.encodings import to_base64

LEAVES = [
    "6a3c5affc4f4c86925c0d2439869cfffc1018d693b4fd4dab304795dc6044b97",
    "ebc6de36177808f87bf15e5528ffd60b25cca268330c88ec426d7d1f7b7e9d24",
    "8e0e8fc4df864423da5b95159fc0d9784df73cb6abfeb3d11406ce3bb324e5ec",
    "7aa1fb87ca8ede93f1ad831a0ba095fa4d59d8c64ea1f1bcc73da599b25f8402",
    "aaa0d26706c422f187e0530cf3f7d9bbc9f1840498abcbcf125f53ffdc3a8171",
    "2ee1d4ecf8b20b366c616497ca668c61d5d1e9587361eafc62475e74a7b6a25f",
    "e9c218de377c6868c73ab6264801dde71e2bc5400d6a4c222c1a0eb51f81176d",
]
ROOTS = {
    1: LEAVES[0],
    2: "d540c9dd75d9eb3229fa38f53d1c666af960968ba84cbf4a512feb30c2dbd5c0",
    3: "ef51db1b1975208180ca65ebc81d7f41ad539d07d0ffe07761bc261a469df436",
    4: "af668bb8ea01a11e53c94d4e3b53cd93acf4b828c259af99079a52c01c0286c7",
    5: "44ec028442ffec161a1183fe6e8bd3438034f193bb2b538b8f730938a8365551",
    6: "926db81b43e7ebf9663a4688808eb6e10571cb73e523a3ffaa353af9804bbbe5",
    7: "5890cbe242706b126ae19c3fe2ec8acd39e614dfbe87b21ba53d84fa01325f4b",
}
RIGHT_OF_4 = "dadf12e790ed8903736140bcfdb5fcebdacbf15f1593e5f63b822b43bd772491"
NODE_4_5 = "fe04832e135a78e4229834e9dae8ff8d1465f36437dbf6d4606338054dcba105"

ENTRIES = [b"claim-%d" % i for i in range(7)]
HASHES = [merkle.leaf_hash(entry) for entry in ENTRIES]


def _hex(hashes: list[bytes]) -> list[str]:
    return [h.hex() for h in hashes]


def test_hashes_are_the_published_ones() -> None:
    assert to_base64(merkle.empty_root()) == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert merkle.root([]) == merkle.empty_root()
    assert _hex(HASHES) == LEAVES
    assert merkle.node_hash(HASHES[0], HASHES[1]).hex() == ROOTS[2]
    for size, root in ROOTS.items():
        assert merkle.root(HASHES[:size]).hex() == root
        assert merkle.root_of_leaves(ENTRIES[:size]).hex() == root


def test_proofs_are_the_published_ones() -> None:
    assert _hex(merkle.inclusion_proof(3, HASHES)) == [LEAVES[2], ROOTS[2], RIGHT_OF_4]
    assert _hex(merkle.inclusion_proof(6, HASHES)) == [NODE_4_5, ROOTS[4]]
    assert _hex(merkle.consistency_proof(3, HASHES)) == [LEAVES[2], LEAVES[3], ROOTS[2], RIGHT_OF_4]
    assert _hex(merkle.consistency_proof(4, HASHES)) == [RIGHT_OF_4]
    assert _hex(merkle.consistency_proof(6, HASHES)) == [NODE_4_5, LEAVES[6], ROOTS[4]]
    assert merkle.consistency_proof(7, HASHES) == merkle.consistency_proof(0, HASHES) == []


def test_seventy_thousand_entries_have_the_published_root_and_proof_lengths() -> None:
    hashes = [merkle.leaf_hash(b"claim-%d" % i) for i in range(70_000)]
    root = merkle.root(hashes)
    assert root.hex() == "f04f5fb662a42777ea4870e2d3eede586d09f21061cccf7316cd9c621a271c60"
    inclusion = merkle.inclusion_proof(1_000, hashes)
    consistency = merkle.consistency_proof(65_537, hashes)
    assert (len(inclusion), len(consistency)) == (17, 15)
    merkle.verify_inclusion(1_000, 70_000, hashes[1_000], inclusion, root)
    merkle.verify_consistency(65_537, 70_000, merkle.root(hashes[:65_537]), root, consistency)


@pytest.mark.parametrize("index", [-1, 7, 8])
def test_a_leaf_outside_the_tree_has_no_proof(index: int) -> None:
    with pytest.raises(InvalidInput):
        merkle.inclusion_proof(index, HASHES)
    with pytest.raises(VerificationFailed):
        merkle.verify_inclusion(index, 7, HASHES[0], merkle.inclusion_proof(0, HASHES), merkle.root(HASHES))


def test_a_size_that_never_was_has_no_proof() -> None:
    with pytest.raises(InvalidInput):
        merkle.consistency_proof(8, HASHES)
    with pytest.raises(VerificationFailed):
        merkle.verify_consistency(8, 7, merkle.root(HASHES), merkle.root(HASHES), [])


def test_inclusion_refuses_every_altered_proof() -> None:
    root = merkle.root(HASHES)
    proof = merkle.inclusion_proof(3, HASHES)
    altered = [proof[:-1], [*proof, proof[0]], proof[::-1], [bytes(32), *proof[1:]], []]
    for wrong in altered:
        with pytest.raises(VerificationFailed):
            merkle.verify_inclusion(3, 7, HASHES[3], wrong, root)
    for index, size in ((2, 7), (4, 7), (3, 9), (3, 4)):
        with pytest.raises(VerificationFailed):
            merkle.verify_inclusion(index, size, HASHES[3], proof, root)
    with pytest.raises(VerificationFailed):
        merkle.verify_inclusion(3, 7, HASHES[2], proof, root)


def test_consistency_refuses_every_altered_proof() -> None:
    old, new = merkle.root(HASHES[:3]), merkle.root(HASHES)
    proof = merkle.consistency_proof(3, HASHES)
    for wrong in (proof[:-1], [*proof, proof[0]], proof[::-1], [bytes(32), *proof[1:]], []):
        with pytest.raises(VerificationFailed):
            merkle.verify_consistency(3, 7, old, new, wrong)
    with pytest.raises(VerificationFailed):
        merkle.verify_consistency(3, 7, merkle.root(HASHES[:2]), new, proof)
    with pytest.raises(VerificationFailed):
        merkle.verify_consistency(7, 7, old, new, [])
    with pytest.raises(VerificationFailed):
        merkle.verify_consistency(0, 7, old, new, [])
    with pytest.raises(VerificationFailed):
        merkle.verify_consistency(7, 7, new, new, proof)
    merkle.verify_consistency(0, 7, merkle.empty_root(), new, [])


def test_the_edge_knows_every_root_and_what_each_leaf_completes() -> None:
    edge = merkle.Edge()
    assert edge.root() == merkle.empty_root()
    completed = [edge.push(leaf) for leaf in HASHES]
    assert [len(c) for c in completed] == [1, 2, 1, 3, 1, 2, 1]
    assert completed[3][-1].hex() == ROOTS[4]
    assert edge.root().hex() == ROOTS[7]


def test_the_edge_survives_storage() -> None:
    stored = [(0, b"")]
    for leaf in HASHES:
        edge = merkle.Edge(*stored[-1])
        edge.push(leaf)
        stored.append((edge.size, bytes(edge)))
        assert edge.root().hex() == ROOTS[edge.size]
    assert all(after[0] == before[0] + 1 for before, after in pairwise(stored))


@pytest.mark.parametrize(
    ("size", "peaks"), [(1, b""), (0, bytes(32)), (3, bytes(32)), (2, bytes(31)), (-1, b"")]
)
def test_an_edge_that_does_not_fit_its_size_is_refused(size: int, peaks: bytes) -> None:
    with pytest.raises(Corrupt):
        merkle.Edge(size, peaks)
