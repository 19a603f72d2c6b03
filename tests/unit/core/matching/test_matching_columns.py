"""A column of codes matches what the same codes match one by one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from registry.core.errors import InvalidInput
from registry.core.fingerprints import COLOUR42, DHASH256, FULL, MD5, PHASH256, SHA256, WHOLE, Fingerprint
from registry.core.matching import Matcher, by_algorithm, dihedral, lists_of

RNG = np.random.default_rng(20261122)


def codes_of(number: int, width: int = 32) -> NDArray[np.uint8]:
    return RNG.integers(0, 256, (number, width), dtype=np.uint8)


PICTURES, SYMMETRIC, FILES, OLD_FILES = codes_of(40), codes_of(20), codes_of(30), codes_of(30, 16)


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    """Works with several pictures each, symmetric ones among them, and works that share a file."""
    rows = [(n // 3, n, PHASH256, FULL, code.tobytes(), 0) for n, code in enumerate(PICTURES)]
    for n, code in enumerate(SYMMETRIC):
        rows.append((50 + n, 100 + n, DHASH256, FULL, code.tobytes(), 0))
        rows.append((50 + n, 100 + n, COLOUR42, FULL, bytes(8), 0))
    for n in range(60):
        rows.append((80 + n, 200 + n, SHA256, WHOLE, FILES[n % 30].tobytes(), 0))
        rows.append((80 + n, 200 + n, MD5, WHOLE, OLD_FILES[n % 30].tobytes(), 0))
    return Matcher(lists_of(by_algorithm(rows)))


def near(code: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    changed = np.unpackbits(code)
    changed[RNG.choice(len(changed), bits, replace=False)] ^= 1
    return np.packbits(changed)


@pytest.mark.parametrize(
    ("algorithm", "kind", "known"),
    [
        (PHASH256, FULL, PICTURES),
        (DHASH256, FULL, SYMMETRIC),
        (SHA256, WHOLE, FILES),
        (MD5, WHOLE, OLD_FILES),
    ],
)
def test_a_column_matches_as_its_codes_do(
    matcher: Matcher, algorithm: str, kind: str, known: NDArray[np.uint8]
) -> None:
    asked = [
        near(known[n % len(known)], bits) for n, bits in enumerate([0, 1, 12, 14, 20, 31, 33, 40, 47, 60])
    ]
    if algorithm == PHASH256:
        asked += list(dihedral(PICTURES[7][None])[0])
    codes = np.stack([*asked, *codes_of(50, known.shape[1])])
    single = matcher.match([(Fingerprint(algorithm, kind, code.tobytes()),) for code in codes])
    found = matcher.match_codes(algorithm, codes)

    assert found == {n: matches for n, matches in enumerate(single) if matches}
    assert list(found) == sorted(found)
    assert 0 < len(found) < len(codes)


def test_nothing_registered_matches_nothing() -> None:
    assert Matcher({}).match_codes(PHASH256, PICTURES) == {}


def test_a_column_of_another_width_is_refused(matcher: Matcher) -> None:
    with pytest.raises(InvalidInput, match="has 32 bytes"):
        matcher.match_codes(SHA256, OLD_FILES)
