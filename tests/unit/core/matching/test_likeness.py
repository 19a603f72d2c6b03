"""How alike two pictures are where they overlap, told from the codes of their frames."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from registry.core.fingerprints.image import hash_luma
from registry.core.matching.likeness import aside, centres, likeness, taken

FRAME = centres(16)


@cache
def grey(name: str) -> NDArray[np.uint8]:
    """A photograph of scikit-image."""
    pixels = np.asarray(getattr(data, name)())
    return pixels if pixels.ndim == 2 else pixels[..., :3].mean(axis=2).astype(np.uint8)


def code(luma: NDArray[np.uint8]) -> bytes:
    return hash_luma(np.ascontiguousarray(luma)).codes["image.phash256.v1"]


def table(*codes: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(codes), np.uint8).reshape(-1, 32)


PAIRS = [("camera", "coins"), ("chelsea", "coffee"), ("rocket", "astronaut"), ("brick", "camera")]


@pytest.mark.parametrize(("name", "other"), PAIRS)
def test_a_picture_is_like_itself_and_not_like_another(name: str, other: str) -> None:
    own = code(grey(name))
    assert likeness(own, table(own), FRAME) == pytest.approx(1)
    found = likeness(own, table(code(grey(other))), FRAME)
    assert found is not None
    assert found < 0.4


@pytest.mark.parametrize(("name", "other"), PAIRS)
def test_a_crop_is_like_its_place_in_the_original(name: str, other: str) -> None:
    luma = grey(name)
    height, width = luma.shape
    crop = luma[height // 5 :, : width * 3 // 4]
    places = FRAME.real * 4 / 3 + 1j * (FRAME.imag * 5 / 4 - 1 / 4)
    right = likeness(code(crop), table(code(luma)), places)
    wrong = likeness(code(crop), table(code(grey(other))), places)
    elsewhere = likeness(code(crop), table(code(luma)), FRAME)
    assert right is not None
    assert wrong is not None
    assert elsewhere is not None
    assert right > 0.4
    assert right > wrong + 0.2
    assert right > elsewhere + 0.1


def test_the_best_of_several_counts() -> None:
    own, other = code(grey("camera")), code(grey("coins"))
    assert likeness(own, table(other, own, other), FRAME) == pytest.approx(1)


def test_without_codes_or_overlap_nothing_is_said() -> None:
    own = code(grey("camera"))
    assert likeness(own, np.empty((0, 32), np.uint8), FRAME) is None
    assert likeness(own, table(own), FRAME + 1) is None
    assert likeness(own, table(own), FRAME + 0.8 * (1 + 1j)) is None  # 9 of 256 cells


def test_flat_codes_divide_nothing_by_nothing() -> None:
    for flat in (bytes(32), b"\xff" * 32):
        found = likeness(flat, table(flat), FRAME)
        assert found is not None
        assert -1 <= found <= 1 + 1e-9


@pytest.mark.parametrize(("width", "height"), [(1, 1), (0.5, 0.25), (2, 1.5)])
def test_how_much_of_an_item_a_frame_takes_up(width: float, height: float) -> None:
    """Upright, mirrored and turned; beyond the edges as well as within."""
    places = 0.4 + width * FRAME.real + 1j * height * FRAME.imag
    for lying in (places, 1 - places.conj(), places * np.exp(0.7j)):
        assert taken(lying) == pytest.approx(width * height)


@pytest.mark.parametrize("turned", [1, 1j, -1, -1j])
def test_how_far_two_frames_lie_from_corner_to_corner(turned: complex) -> None:
    """In quarter turns and mirrored; moved by a tenth, and made smaller from one corner."""
    places = 0.5 + 0.5j + turned * (FRAME - 0.5 - 0.5j)
    for lying in (places, 1 - places.conj()):
        assert aside(lying) == pytest.approx(0, abs=1e-9)
        assert aside(lying + 0.1) == pytest.approx(0.1)
        assert aside(0.9 * lying) == pytest.approx(0.1 * 2**0.5)
