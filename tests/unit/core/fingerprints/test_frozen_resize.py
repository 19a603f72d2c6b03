"""The frozen resize gives Pillow's pixels of before release 13, by both engines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from registry.core.fingerprints.decode import Plane
from registry.core.fingerprints.resize import resize_by_kernel, resize_by_matrices, weights
from tests.unit.core.fingerprints.pictures import noise

SIZES = ((64, 64), (32, 32), (17, 16))
SHAPES = (
    (1, 1),
    (3, 5),
    (64, 64),
    (16, 17),
    (321, 481),
    (481, 321),
    (63, 65),
    (700, 31),
    (31, 700),
    (1200, 900),
)


def by_pillow(plane: Plane, width: int, height: int) -> Plane:
    """Rows first, then columns, whatever the order of the installed Pillow."""
    image = Image.fromarray(plane)
    narrow = image.resize((width, image.height), Image.Resampling.LANCZOS)
    return np.asarray(narrow.resize((width, height), Image.Resampling.LANCZOS))


@pytest.mark.parametrize("shape", SHAPES)
def test_equals_pillow_pass_by_pass(shape: tuple[int, int]) -> None:
    plane = noise(*shape)
    for width, height in SIZES:
        got = resize_by_matrices(plane, weights(shape[1], width), weights(shape[0], height))
        assert np.array_equal(got, by_pillow(plane, width, height))


@pytest.mark.parametrize("shape", [(300, 400), (64, 900), (512, 512)])
def test_equals_pillow_in_one_call_where_all_releases_take_rows_first(shape: tuple[int, int]) -> None:
    plane = noise(*shape)
    expected = np.asarray(Image.fromarray(plane).resize((64, 64), Image.Resampling.LANCZOS))
    assert np.array_equal(resize_by_matrices(plane, weights(shape[1], 64), weights(shape[0], 64)), expected)


@settings(max_examples=60)
@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from(SIZES), st.integers(0, 2**32 - 1))
def test_both_engines_agree(width: int, height: int, size: tuple[int, int], seed: int) -> None:
    plane = noise(height, width, seed)
    across, down = weights(width, size[0]), weights(height, size[1])
    assert np.array_equal(resize_by_matrices(plane, across, down), resize_by_kernel(plane, across, down))


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
def test_a_flat_plane_stays_flat(level: int) -> None:
    plane = np.full((123, 457), level, np.uint8)
    for width, height in SIZES:
        assert set(resize_by_matrices(plane, weights(457, width), weights(123, height)).flat) == {level}


def test_overshoot_is_clipped_at_both_ends() -> None:
    """Lanczos overshoots at a hard edge; a wrapped byte would show as a speck of the opposite colour."""
    plane = np.zeros((40, 40), np.uint8)
    plane[:, 20:] = 255
    resized = resize_by_matrices(plane, weights(40, 64), weights(40, 64))
    assert set(resized[:, :28].flat) <= set(range(30))
    assert set(resized[:, 36:].flat) <= set(range(225, 256))


def test_weights_sum_to_one_up_to_rounding() -> None:
    for inputs in (1, 2, 63, 64, 65, 500, 4001):
        for outputs in (17, 32, 64):
            frozen = weights(inputs, outputs)
            assert np.abs(frozen.values.sum(axis=1) - (1 << 22)).max() <= frozen.values.shape[1]
            assert (frozen.first >= 0).all()
            assert (frozen.first + frozen.taps <= inputs).all()
