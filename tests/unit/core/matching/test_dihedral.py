"""The code of a turned or mirrored picture, derived from the code, against the code of the picture really turned."""

import imagehash
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from registry.core.matching import DIHEDRAL, dihedral

TURNS = {
    "flip_h": Image.Transpose.FLIP_LEFT_RIGHT,
    "flip_v": Image.Transpose.FLIP_TOP_BOTTOM,
    "rot180": Image.Transpose.ROTATE_180,
    "transpose": Image.Transpose.TRANSPOSE,
    "rot90": Image.Transpose.ROTATE_90,
    "rot270": Image.Transpose.ROTATE_270,
    "transverse": Image.Transpose.TRANSVERSE,
}
PICTURES = {name: getattr(data, name) for name in ("astronaut", "camera", "chelsea", "coffee", "rocket")}


def phash256(picture: Image.Image) -> NDArray[np.uint8]:
    """The peer's own code: imagehash, 16 x 16."""
    return np.packbits(imagehash.phash(picture, hash_size=16).hash)


@pytest.fixture(scope="module", params=PICTURES)
def picture(request: pytest.FixtureRequest) -> Image.Image:
    return Image.fromarray(PICTURES[request.param]())


def test_there_are_eight() -> None:
    assert len(DIHEDRAL) == len(set(DIHEDRAL)) == 8
    assert set(DIHEDRAL) == {"identity", *TURNS}


def test_each_variant_is_the_code_of_the_picture_so_turned(picture: Image.Image) -> None:
    code = phash256(picture)
    variants = dict(zip(DIHEDRAL, dihedral(code[None])[0], strict=True))
    assert np.array_equal(variants["identity"], code)
    for name, turn in TURNS.items():
        difference = np.bitwise_xor(variants[name], phash256(picture.transpose(turn)))
        assert np.unpackbits(difference).sum() <= 28, name
        nearest = min(
            DIHEDRAL, key=lambda v: int(np.unpackbits(variants[v] ^ phash256(picture.transpose(turn))).sum())
        )
        assert nearest == name


def test_variants_of_many_codes_at_once() -> None:
    codes = np.random.default_rng(0).integers(0, 256, (5, 32), dtype=np.uint8)
    variants = dihedral(codes)
    assert variants.shape == (5, 8, 32)
    assert variants.dtype == np.uint8
    for row, code in enumerate(codes):
        assert np.array_equal(variants[row], dihedral(code[None])[0])
    assert dihedral(codes[:0]).shape == (0, 8, 32)


def test_turning_back_gives_the_code_again() -> None:
    codes = np.random.default_rng(1).integers(0, 256, (3, 32), dtype=np.uint8)
    for name, inverse in [
        ("flip_h", "flip_h"),
        ("rot180", "rot180"),
        ("rot90", "rot270"),
        ("transverse", "transverse"),
    ]:
        turned = dihedral(codes)[:, DIHEDRAL.index(name)]
        assert np.array_equal(dihedral(turned)[:, DIHEDRAL.index(inverse)], codes)
