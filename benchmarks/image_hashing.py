"""Claim: we hash a decoded picture faster than imagehash, with the same bits; decoding is what remains.

    python benchmarks/image_hashing.py [--small 60] [--large 4] [--rounds 5]

The peer is imagehash: `phash(hash_size=16)` alone, and with the three others that we keep (`phash`,
`dhash(hash_size=16)`, `colorhash`). Pictures are crops of those in scikit-image, at 500x375 and enlarged to
4000x3000, as JPEG. All are wider than high, where every release of Pillow resizes as our frozen resize does,
so the bits of phash256 must be equal; otherwise the speed does not count.
"""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Callable, Sequence
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import imagehash
import numpy as np
import PIL
from PIL import Image
from skimage.data import astronaut, chelsea, coffee, rocket

from benchmarks._measuring import best_of, machine
from registry.core.fingerprints import metering
from registry.core.fingerprints.decode import Picture, decode, luma_of
from registry.core.fingerprints.frequencies import code_of, coefficients256
from registry.core.fingerprints.image import hash_frame
from registry.core.fingerprints.model import DEFAULT_LIMITS
from registry.core.fingerprints.resize import resize
from registry.core.fingerprints.sniff import image_format

Colours = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def crops(count: int, width: int, height: int) -> list[bytes]:
    """JPEG files (quality 90) of random crops, scaled to one size."""
    random = np.random.default_rng(1)
    shipped: Sequence[Callable[[], Any]] = (astronaut, coffee, rocket, chelsea)
    sources = [Image.fromarray(picture()) for picture in shipped]
    files = []
    for number in range(count):
        source = sources[number % len(sources)]
        w = int(random.integers(200, source.width))
        h = w * height // width
        while h > source.height:
            w, h = w * 3 // 4, h * 3 // 4
        left, top = (
            int(random.integers(0, source.width - w + 1)),
            int(random.integers(0, source.height - h + 1)),
        )
        crop = source.crop((left, top, left + w, top + h)).resize((width, height))
        buffer = io.BytesIO()
        crop.save(buffer, "JPEG", quality=90)
        files.append(buffer.getvalue())
    return files


def ours_decoded(colours: Colours) -> str:
    return code_of(coefficients256(resize(luma_of(colours), 64, 64))).hex()


def decoded(file: bytes) -> Picture:
    form = image_format(file)
    assert form is not None
    return decode(file, form, DEFAULT_LIMITS)


def theirs(picture: Image.Image) -> str:
    return str(imagehash.phash(picture, hash_size=16))


def all_theirs(picture: Image.Image) -> tuple[imagehash.ImageHash, ...]:
    return (
        imagehash.phash(picture, hash_size=16),
        imagehash.phash(picture),
        imagehash.dhash(picture, hash_size=16),
        imagehash.colorhash(picture),
    )


def all_ours(colours: Colours) -> object:
    return hash_frame(Picture(luma_of(colours), colours)).codes


def compare(name: str, files: Sequence[bytes], rounds: int) -> int:
    """Print four comparisons; the number of bits in which the two phash256 differ."""
    pictures = [Image.open(io.BytesIO(file)).convert("RGB") for file in files]
    arrays = [np.asarray(picture) for picture in pictures]
    n = len(files)

    def measure(
        title: str, our_work: Callable[[], list[object]], their_work: Callable[[], list[object]]
    ) -> None:
        our_seconds, _ = best_of(rounds, our_work)
        their_seconds, _ = best_of(rounds, their_work)
        ratio = their_seconds / our_seconds
        print(
            f"  {title:<34}{our_seconds / n * 1e3:>9.3f} ms {their_seconds / n * 1e3:>9.3f} ms   ratio {ratio:5.1f}"
        )

    print(
        f"{name}, {n} pictures, {sum(map(len, files)) // n:,} bytes each on average      ours       imagehash"
    )
    measure(
        "phash256 of decoded pixels",
        lambda: [ours_decoded(a) for a in arrays],
        lambda: [theirs(p) for p in pictures],
    )
    measure(
        "all four codes of decoded pixels",
        lambda: [all_ours(a) for a in arrays],
        lambda: [all_theirs(p) for p in pictures],
    )
    measure(
        "phash256 from the file",
        lambda: [code_of(coefficients256(resize(decoded(f).luma, 64, 64))) for f in files],
        lambda: [theirs(Image.open(io.BytesIO(f))) for f in files],
    )
    measure(
        "all four codes from the file",
        lambda: [hash_frame(decoded(f)).codes for f in files],
        lambda: [all_theirs(Image.open(io.BytesIO(f))) for f in files],
    )
    pairs = [(ours_decoded(a), theirs(p)) for a, p in zip(arrays, pictures, strict=True)]
    return sum((int(a, 16) ^ int(b, 16)).bit_count() for a, b in pairs)


def main() -> None:
    """Print our figures, the peer's and the ratios, for small and large pictures."""
    options = argparse.ArgumentParser(description="Hashing pictures: ours against imagehash, one core")
    options.add_argument("--small", type=int, default=60)
    options.add_argument("--large", type=int, default=4)
    options.add_argument("--rounds", type=int, default=5)
    asked = options.parse_args()
    metering.PIXELS = metering.Meter(-1)  # compiled kernels from the first picture on, as in a long run
    print(f"machine    {machine()}")
    print(f"versions   imagehash {imagehash.__version__}, Pillow {PIL.__version__}, numpy {np.__version__}")
    bits = compare("500 x 375", crops(asked.small, 500, 375), asked.rounds)
    bits += compare("4000 x 3000", crops(asked.large, 4000, 3000), asked.rounds)
    print(f"bits of phash256 that differ from imagehash: {bits} of {256 * (asked.small + asked.large):,}")
    if bits:
        raise SystemExit("The bits differ; the speed does not count.")


if __name__ == "__main__":
    main()
