"""Anchors: the same bits from both engines, the same places in copies, and a record that says where they are."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from registry.core.errors import InvalidInput
from registry.core.fingerprints import ANCHORS256, fingerprint_image
from registry.core.fingerprints import anchors_kernels_patches as patch_kernels
from registry.core.fingerprints import anchors_kernels_scales as scale_kernels
from registry.core.fingerprints import anchors_maths as maths
from registry.core.fingerprints import anchors_scales as scales
from registry.core.fingerprints.anchors import (
    anchors256,
    find,
    find_by_kernels,
    find_by_numpy,
    small_luma,
)
from registry.core.fingerprints.anchors_patches import PATCH, direction, patch
from registry.core.fingerprints.anchors_records import MOST, RECORD, Anchor, geometry, packed, records
from registry.core.fingerprints.anchors_scales import Spot
from registry.core.fingerprints.decode import Plane
from tests.unit.core.fingerprints.pictures import encoded, noise, opened, real, scene, symmetric


def grey(name: str) -> Plane:
    return np.asarray(opened(name).convert("L"))


# -- both engines ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name", ["astronaut.png", "coins.png", "motorcycle_left.png", "page.png", "text.png"]
)
def test_both_engines_find_the_same_anchors_bit_for_bit(name: str) -> None:
    small = small_luma(grey(name))
    found = find_by_numpy(small)
    assert found == find_by_kernels(small)
    assert found


@given(st.integers(24, 90), st.integers(24, 90), st.integers(0, 1000), st.sampled_from([3, 9]))
def test_both_engines_agree_on_any_picture(height: int, width: int, seed: int, grain: int) -> None:
    rough = np.repeat(np.repeat(noise(-(-height // grain), -(-width // grain), seed), grain, 0), grain, 1)
    small = np.ascontiguousarray(rough[:height, :width])
    assert find_by_numpy(small) == find_by_kernels(small)
    blurs = scales.octaves(small)
    buffer, shapes = scale_kernels.octaves(small)
    assert len(shapes) == len(blurs) + 1
    for number, ours in enumerate(blurs):
        assert np.array_equal(ours, scale_kernels.octave(buffer, shapes, number))
    spots = scales.spots(blurs)
    assert np.array_equal(spots, scale_kernels.spots(buffer, shapes))
    square = np.empty((PATCH, PATCH), np.uint8)
    for x, y, scale, rank, octave, step in spots[:4].tolist():
        spot = Spot(x, y, scale, rank, int(octave), int(step))
        size = 2.0**octave
        here, sigma = (x / size, y / size), scales.sigma_of(scale) / size
        turns = direction(blurs[spot.octave][spot.step], spot)
        assert turns == patch_kernels.direction(blurs[spot.octave][spot.step], *here, sigma)
        if spot.octave == 0:  # else the square may come from another octave than its spot
            patch_kernels.patch(blurs[0][0], *here, 12.0 * sigma / PATCH, turns, square)
            assert np.array_equal(patch(blurs[:1], spot, turns), square)


def test_threads_do_not_share_what_they_work_in() -> None:
    """Each in its own time: one picture's blurs may not turn up in another's."""
    smalls = [small_luma(grey(name)) for name in ("astronaut.png", "coins.png", "motorcycle_left.png")]
    expected = [find_by_kernels(small) for small in smalls]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(find_by_kernels, smalls * 20)) == expected * 20


# -- arithmetic of our own ---------------------------------------------------------------------------------
@given(st.floats(0, 1))
def test_angles(turns: float) -> None:
    cosine, sine = maths.cosine_and_sine(turns)
    assert math.isclose(cosine, math.cos(math.tau * turns), abs_tol=1e-12)
    assert math.isclose(sine, math.sin(math.tau * turns), abs_tol=1e-12)


@given(st.floats(0, 16))
def test_powers(x: float) -> None:
    assert math.isclose(maths.power_of_two(x), 2**x, rel_tol=1e-12)
    assert math.isclose(maths.falling(x), math.exp(-x), rel_tol=1e-6)


def test_the_weights_of_a_blur_add_up_to_one() -> None:
    for kernel in scales.KERNELS:
        assert kernel[0] + 2 * sum(kernel[1:]) == 1 << scales.WEIGHT_BITS
    level = np.full((30, 40), 77 << scales.FRACTION, np.int32)
    assert (scales.blur(level, 5) == level).all()


# -- what is found -----------------------------------------------------------------------------------------
def test_a_disc_is_found_where_it_is_and_as_large_as_it_is() -> None:
    y, x = np.mgrid[0:192, 0:256]
    for radius in (8, 11):
        disc = np.where((x - 120) ** 2 + (y - 90) ** 2 <= radius**2, 230, 20).astype(np.uint8)
        (strongest, *_) = sorted(scales.spots(scales.octaves(disc)).tolist(), key=lambda s: -s[3])
        assert (round(strongest[0]), round(strongest[1])) == (120, 90)
        assert 0.6 * radius < scales.sigma_of(strongest[2]) < 0.9 * radius  # radius / sqrt(2)


@pytest.mark.parametrize("degrees", [0, 30, 90, 201])
def test_the_direction_is_that_of_the_slope(degrees: int) -> None:
    """From dark to light, in turns from right to down."""
    y, x = np.mgrid[0:64, 0:64]
    slope = np.cos(math.radians(degrees)) * (x - 32) + np.sin(math.radians(degrees)) * (y - 32)
    blurred = ((slope + 128) * 128).astype(np.int32)
    turns = direction(blurred, Spot(32.0, 32.0, 0.5, 1.0, 0, 1))
    assert math.isclose(turns, degrees / 360, abs_tol=0.006)


def test_there_are_at_most_sixteen_and_the_strongest_come_first() -> None:
    found = records(anchors256(grey("astronaut.png")))
    assert len(found) == MOST
    assert len({code for code, _ in found}) == MOST


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (3000, 2), (24, 24), (200, 300)])
def test_flat_pictures_of_any_shape_have_none(shape: tuple[int, int]) -> None:
    assert anchors256(np.full(shape, 90, np.uint8)) == b""


def test_a_symmetric_picture_has_none_that_is_symmetric_itself() -> None:
    """The centre of an ornament is its strongest place, and its code would be noise."""
    small = small_luma(np.asarray(symmetric(3).convert("L")))
    centre = [a for a in find(small) if abs(a.x - 127.5) < 2 and abs(a.y - 127.5) < 2]
    assert centre == []


def test_they_are_of_the_picture_inside_its_border() -> None:
    plain = Image.fromarray(scene(320, 240))
    framed = Image.new("RGB", (440, 330), "white")
    framed.paste(plain, (60, 40))
    codes = {
        f.kind: f.code for f in fingerprint_image(encoded(framed)).fingerprints if f.algorithm == ANCHORS256
    }
    alone = [f for f in fingerprint_image(encoded(plain)).fingerprints if f.algorithm == ANCHORS256]
    assert codes == {"trimmed": alone[0].code}


def test_what_fails_the_gate_of_quality_has_none() -> None:
    faint = Image.fromarray((noise(200, 200) % 3 + 100).astype(np.uint8))
    assert ANCHORS256 not in {f.algorithm for f in fingerprint_image(encoded(faint)).fingerprints}
    assert ANCHORS256 in {f.algorithm for f in fingerprint_image(real("coffee.png")).fingerprints}


# -- records -----------------------------------------------------------------------------------------------
@given(
    st.floats(0, 255.9),
    st.floats(0, 255.9),
    st.floats(0, 7.9),
    st.floats(0, 1, exclude_max=True),
    st.integers(20, 100),
    st.integers(24, 256),
    st.booleans(),
)
def test_a_record_says_where_an_anchor_is(
    x: float, y: float, scale: float, turns: float, quality: int, shorter: int, upright: bool
) -> None:
    height, width = (256, shorter) if upright else (shorter, 256)
    made = packed([Anchor(bytes(range(32)), x, y, scale, turns, quality)], height, width)
    ((code, place),) = records(made)
    assert code == bytes(range(32))
    got = geometry(np.array([place | 7 << 56], np.uint64))  # whatever the number of the picture
    assert abs(got.x[0] - x) <= 1 / 16
    assert abs(got.y[0] - y) <= 1 / 16
    assert abs(math.log2(got.sigma[0] / 1.6) - scale) <= 1 / 60
    turned = abs(got.turns[0] - turns)
    assert min(turned, 1 - turned) <= 1 / 1000
    assert (got.height[0], got.width[0]) == (height, width)


def test_what_is_no_record_is_refused() -> None:
    good = anchors256(grey("coffee.png"))
    for bad in (b"", good[:-1], good + good[: RECORD.size], good[:32] + b"\x01" + good[33:]):
        with pytest.raises(InvalidInput):
            records(bad)
