"""Claim: looking a picture up costs little more than decoding it; peers pay for all pixels, then for a slow hash.

    python benchmarks/image_hashing.py [--small 40] [--large 4] [--rounds 5]

Three tables. *From the file*, as a dataset is filtered: our full frame's code, beside our decoder alone (the same JPEG
at the same reduced scale in grey; another format as it is) and beside the path of Meta's Hasher-Matcher-Actioner (all
pixels by Pillow, then pdqhash; skipped if that is not installed); then everything that is looked up at once, the
anchors, which are made only where they can matter, and all that is made at registration. *Of decoded pixels*: our
codes beside imagehash's, where the bits of phash256 must be equal (all pictures are wider than high, which every
release of Pillow resizes as our frozen resize does) or the speed does not count. *Anchors*, stage by stage.

Pictures are crops of those in scikit-image, with film grain, at three sizes.
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
from registry.core.fingerprints import (
    FileFingerprints,
    anchors_kernels,
    anchors_kernels_scales,
    fingerprint_bytes,
    frame_kernels,
    look_up_bytes,
    metering,
)
from registry.core.fingerprints.anchors import find, small_luma
from registry.core.fingerprints.decode import Picture, Plane, decode, luma_of
from registry.core.fingerprints.frequencies import code_of, coefficients256
from registry.core.fingerprints.image import hash_frame
from registry.core.fingerprints.model import DEFAULT_LIMITS
from registry.core.fingerprints.resize import resize
from registry.core.fingerprints.sniff import image_format

try:
    import pdqhash
except ImportError:
    pdqhash = None

Colours = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]

SIZES = ((500, 375), (2000, 1500), (4000, 3000))
GRAIN = 6
"""Standard deviation of the grain, in grey levels: enlarged crops alone would compress to next to nothing."""


def crops(count: int, width: int, height: int, form: str = "JPEG", grain: int = 0) -> list[bytes]:
    """Files (quality 90) of random crops, scaled to one size."""
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
        if grain:
            noisy = np.asarray(crop) + random.normal(0, grain, (height, width, 1))
            crop = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
        buffer = io.BytesIO()
        crop.save(buffer, form, **({} if form == "PNG" else {"quality": 90}))
        files.append(buffer.getvalue())
    return files


# -- from the file -------------------------------------------------------------------------------------------------
def looked_at(file: bytes) -> Plane:
    """What a look-up decodes: of a JPEG, the reduced grey picture."""
    form = image_format(file)
    assert form is not None
    return decode(file, form, DEFAULT_LIMITS, "L" if form.pillow == "JPEG" else None).luma


def full_frame(file: bytes) -> bytes:
    """phash256 of the full frame, from 64x64 pixels as at registration."""
    code = np.empty(32, np.uint8)
    frame_kernels.code256(resize(looked_at(file), 64, 64), code)
    return code.tobytes()


def anchors(found: FileFingerprints) -> object:
    return found.later.anchors() if found.later else None


def by_pdq(file: bytes) -> Any:
    """As `threatexchange.signal_type.pdq.pdq_hasher`: all pixels in colours, then the hash."""
    return pdqhash.compute(np.asarray(Image.open(io.BytesIO(file)).convert("RGB")))


def from_files(name: str, files: Sequence[bytes], rounds: int) -> None:
    """One row of the table: milliseconds a picture, and the ratios that are claimed."""
    n = len(files)
    found = [look_up_bytes(file) for file in files]

    def cost(work: Callable[[], list[Any]]) -> float:
        return best_of(rounds, work)[0] / n * 1e3

    decoding = cost(lambda: [looked_at(f) for f in files])
    frame = cost(lambda: [full_frame(f) for f in files])
    all_at_once = cost(lambda: [look_up_bytes(f) for f in files])
    dear = cost(lambda: [anchors(f) for f in found])
    registering = cost(lambda: [fingerprint_bytes(f) for f in files])
    pdq = cost(lambda: [by_pdq(f) for f in files]) if pdqhash else float("nan")
    print(
        f"  {name:<17}{sum(map(len, files)) // n // 1000:>6,}{decoding:>10.2f}{frame:>10.2f}"
        f"{frame / decoding:>7.2f}x{pdq:>10.2f}{pdq / frame:>7.1f}x{all_at_once:>10.2f}{dear:>9.2f}{registering:>12.2f}"
    )


# -- of decoded pixels ---------------------------------------------------------------------------------------------
def ours_decoded(colours: Colours) -> str:
    return code_of(coefficients256(resize(luma_of(colours), 64, 64))).hex()


def all_ours(colours: Colours) -> object:
    return hash_frame(Picture(luma_of(colours), colours)).codes


def theirs(picture: Image.Image) -> str:
    return str(imagehash.phash(picture, hash_size=16))


def all_theirs(picture: Image.Image) -> tuple[imagehash.ImageHash, ...]:
    return (
        imagehash.phash(picture, hash_size=16),
        imagehash.phash(picture),
        imagehash.dhash(picture, hash_size=16),
        imagehash.colorhash(picture),
    )


def of_pixels(name: str, files: Sequence[bytes], rounds: int) -> int:
    """Two comparisons with imagehash; the number of bits in which the two phash256 differ."""
    pictures = [Image.open(io.BytesIO(file)).convert("RGB") for file in files]
    arrays = [np.asarray(picture) for picture in pictures]
    for title, our_work, their_work in (
        ("phash256", ours_decoded, theirs),
        ("four codes", all_ours, all_theirs),
    ):
        ours = best_of(rounds, lambda: [our_work(a) for a in arrays])[0] / len(files) * 1e3  # noqa: B023
        peer = best_of(rounds, lambda: [their_work(p) for p in pictures])[0] / len(files) * 1e3  # noqa: B023
        print(f"  {name:<17}{title:<12}{ours:>9.3f} ms {peer:>9.3f} ms {peer / ours:>7.1f}x")
    pairs = [(ours_decoded(a), theirs(p)) for a, p in zip(arrays, pictures, strict=True)]
    return sum((int(a, 16) ^ int(b, 16)).bit_count() for a, b in pairs)


# -- anchors -------------------------------------------------------------------------------------------------------
def stages(lumas: Sequence[Plane], rounds: int) -> None:
    """Milliseconds a picture, each stage with those before it."""
    smalls = [small_luma(luma) for luma in lumas]

    def places(small: Plane) -> object:
        return anchors_kernels_scales.spots(*anchors_kernels_scales.octaves(small))

    before = 0.0
    for title, work in (
        ("blurs", lambda: [anchors_kernels_scales.octaves(s) for s in smalls]),
        ("extremes", lambda: [places(s) for s in smalls]),
        ("directions, squares, codes", lambda: [anchors_kernels.find(s) for s in smalls]),
        ("small luma, and all of these", lambda: [find(small_luma(luma)) for luma in lumas]),
    ):
        seconds = best_of(rounds, work)[0] / len(lumas) * 1e3
        print(f"  {title:<30}{seconds - (0 if 'all' in title else before):>8.2f} ms")
        before = seconds


def main() -> None:
    """Print our figures, the peers' and the ratios."""
    options = argparse.ArgumentParser(
        description="Hashing pictures: ours against HMA and imagehash, one core"
    )
    options.add_argument("--small", type=int, default=40)
    options.add_argument("--large", type=int, default=4)
    options.add_argument("--rounds", type=int, default=5)
    asked = options.parse_args()
    for name in ("PIXELS", "FRAMES", "ANCHORS"):  # compiled from the first picture on, as in a long run
        setattr(metering, name, metering.Meter(-1))
    print(f"machine    {machine()}")
    print(
        f"versions   imagehash {imagehash.__version__}, Pillow {PIL.__version__}, numpy {np.__version__}, "
        f"pdqhash {'installed' if pdqhash else 'not installed (pip install pdqhash): its columns are empty'}"
    )
    print("\nfrom the file, ms of processor time a picture")
    print(
        f"  {'':<17}{'kB':>6}{'decoding':>10}{'+ phash':>10}{'':>8}{'HMA path':>10}{'':>8}{'at once':>10}"
        f"{'anchors':>9}{'registering':>12}"
    )
    counts = {size: asked.small if size[0] < 1000 else asked.large for size in SIZES}
    for form in ("JPEG", "PNG", "WEBP"):
        for (width, height), count in counts.items():
            if form == "JPEG" or width < 4000:
                files = crops(count, width, height, form, GRAIN)
                from_files(f"{form} {width}x{height}", files, asked.rounds)
    print("\nof decoded pixels: ours, imagehash")
    bits = sum(
        of_pixels(f"{w}x{h}", crops(n, w, h, grain=GRAIN), asked.rounds) for (w, h), n in counts.items()
    )
    print("\nanchors of 500x375, compiled")
    stages([looked_at(file) for file in crops(asked.small, 500, 375, grain=GRAIN)], asked.rounds)
    print(f"\nbits of phash256 that differ from imagehash: {bits} of {256 * sum(counts.values()):,}")
    if bits:
        raise SystemExit("The bits differ; the speed does not count.")


if __name__ == "__main__":
    main()
