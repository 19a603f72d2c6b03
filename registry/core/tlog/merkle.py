"""The hash tree of RFC 6962 section 2.1, with the RFC's names; proofs are checked as in RFC 9162 section 2.1.

One tree serves three logs: entries of the usage log, rows of a claim batch, and works of a published edition.
A tree over no leaves has the root SHA-256(""), a leaf is SHA-256(0x00 || bytes), a node SHA-256(0x01 || left ||
right), and a tree of n leaves splits at the largest power of two below n. Hashing level by level and carrying an
odd last node upwards gives the same root without recursion, which is how it is done here.

All hashes are 32 bytes. Building raises `InvalidInput` for a bad position; checking raises `VerificationFailed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from hashlib import sha256

from registry.core.errors import Corrupt, InvalidInput, VerificationFailed

HASH_BYTES = 32

RangeRoot = Callable[[int, int], bytes]
"""`root_of(low, high)`: the root over the leaves [low, high)."""


def empty_root() -> bytes:
    """The root of a tree without leaves."""
    return sha256().digest()


def leaf_hash(body: bytes) -> bytes:
    """The hash of an entry."""
    return sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node over its two children."""
    return sha256(b"\x01" + left + right).digest()


def _next_level(hashes: Sequence[bytes]) -> list[bytes]:
    """The level above: pairs are hashed, an odd last one is carried up as it is."""
    pairs = iter(hashes)
    level = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
    if len(hashes) & 1:
        level.append(hashes[-1])
    return level


def root(hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes (RFC 6962: MTH). A million leaves take about a second."""
    if not hashes:
        return empty_root()
    level = hashes
    while len(level) > 1:
        level = _next_level(level)
    return level[0]


def root_of_leaves(bodies: Iterable[bytes]) -> bytes:
    """The root over entries, which are hashed here first."""
    return root([sha256(b"\x00" + body).digest() for body in bodies])


def split(size: int) -> int:
    """Where a tree of `size` leaves, at least 2, divides: the largest power of two below it (RFC 6962: k)."""
    return 1 << ((size - 1).bit_length() - 1)


def path(index: int, size: int, root_of: RangeRoot) -> list[bytes]:
    """An inclusion proof from the roots of whatever ranges of leaves it needs (RFC 6962: PATH)."""
    if not 0 <= index < size:
        raise InvalidInput(f"A tree of {size} leaves has no leaf {index}.")
    low, high = 0, size
    proof = []
    while high - low > 1:
        middle = low + split(high - low)
        if index < middle:
            proof.append(root_of(middle, high))
            high = middle
        else:
            proof.append(root_of(low, middle))
            low = middle
    return proof[::-1]


def subproof(old_size: int, size: int, root_of: RangeRoot) -> list[bytes]:
    """A consistency proof from the roots of whatever ranges of leaves it needs (RFC 6962: PROOF, SUBPROOF)."""
    if not 0 <= old_size <= size:
        raise InvalidInput(f"A tree of {size} leaves never had {old_size}.")
    if old_size in {0, size}:
        return []
    low, high = 0, size
    proof = []
    while high != old_size:
        middle = low + split(high - low)
        if old_size <= middle:
            proof.append(root_of(middle, high))
            high = middle
        else:
            proof.append(root_of(low, middle))
            low = middle
    if low:
        proof.append(root_of(low, high))
    return proof[::-1]


def inclusion_proof(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """The siblings on the way from a leaf to the root over `hashes`, the leaf's own first."""
    return path(index, len(hashes), lambda low, high: root(hashes[low:high]))


def inclusion_proofs(indices: Iterable[int], hashes: Sequence[bytes]) -> list[list[bytes]]:
    """`inclusion_proof` of several leaves of one tree, each inner hash of which is computed once."""

    @cache
    def root_of(low: int, high: int) -> bytes:
        if high - low == 1:
            return hashes[low]
        middle = low + split(high - low)
        return node_hash(root_of(low, middle), root_of(middle, high))

    return [path(index, len(hashes), root_of) for index in indices]


def consistency_proof(old_size: int, hashes: Sequence[bytes]) -> list[bytes]:
    """What shows that the tree over the first `old_size` hashes is the beginning of the tree over all of them.

    Empty for `old_size` 0 and for the tree itself.
    """
    return subproof(old_size, len(hashes), lambda low, high: root(hashes[low:high]))


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], expected: bytes) -> None:
    """Check that `leaf` is number `index` of the `size` leaves under the root `expected` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise VerificationFailed(f"The proof speaks of leaf {index} in a tree of {size}.")
    position, last = index, size - 1
    result = leaf
    for sibling in proof:
        if last == 0:
            raise VerificationFailed("The inclusion proof is longer than the tree is high.")
        if position & 1 or position == last:
            result = node_hash(sibling, result)
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            result = node_hash(result, sibling)
        position >>= 1
        last >>= 1
    if last or result != expected:
        raise VerificationFailed("The inclusion proof does not lead to the signed root.")


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree under `new_root` begins with the one under `old_root` (RFC 9162, 2.1.4.2)."""
    if not 0 <= old_size <= new_size:
        raise VerificationFailed(f"A tree of {new_size} leaves is no continuation of one of {old_size}.")
    if old_size in {0, new_size}:
        known = new_root if old_size else empty_root()
        if proof or old_root != known:
            raise VerificationFailed("Two roots for the same tree, or a proof where none is needed.")
        return
    if not proof:
        raise VerificationFailed("The consistency proof is empty.")
    path = list(proof)
    if old_size & (old_size - 1) == 0:  # the old tree is a complete subtree of the new one: its root is known
        path.insert(0, old_root)
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise VerificationFailed("The consistency proof is longer than the tree is high.")
        if position & 1 or position == last:
            old = node_hash(sibling, old)
            new = node_hash(sibling, new)
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        position >>= 1
        last >>= 1
    if last or old != old_root or new != new_root:
        raise VerificationFailed("The consistency proof does not join the two roots: history was rewritten.")


class Edge:
    """The right edge of a growing tree: enough to append and to know the root, 32 bytes for each 1-bit of the size.

    >>> edge = Edge()
    >>> edge.push(leaf_hash(b"first")) == [edge.root()]
    True
    """

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: bytes = b"") -> None:
        """Empty, or as it was stored; `Corrupt` if the size and the number of stored hashes disagree."""
        if size < 0 or len(peaks) != HASH_BYTES * size.bit_count():
            raise Corrupt(f"The stored edge of the tree does not fit its size of {size}.")
        self.size = size
        self._peaks = [peaks[i : i + HASH_BYTES] for i in range(0, len(peaks), HASH_BYTES)]

    def push(self, leaf: bytes) -> list[bytes]:
        """Append one leaf hash. Returns the roots of the subtrees that it completed, by height, itself first."""
        completed = [leaf]
        carried = self.size
        while carried & 1:
            completed.append(node_hash(self._peaks.pop(), completed[-1]))
            carried >>= 1
        self._peaks.append(completed[-1])
        self.size += 1
        return completed

    def root(self) -> bytes:
        """The root over all leaves pushed so far."""
        if not self._peaks:
            return empty_root()
        result = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            result = node_hash(peak, result)
        return result

    def __bytes__(self) -> bytes:
        """The roots of the complete subtrees, largest first: what is stored beside the size."""
        return b"".join(self._peaks)
