"""Print the codes of all files of a folder, and of pictures in modes that no file has, as one JSON document.

Run by any Python that has Pillow, numpy, numba, datasketch and ada-url, from the root of the source tree:

    python -m tests.support.all_codes FOLDER

Each is computed twice, by numpy and by the compiled kernels; `SystemExit` if the two differ.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from registry.core.errors import Undecodable
from registry.core.fingerprints import fingerprint_bytes, metering, selftest
from registry.core.fingerprints.decode import _pixels
from registry.core.fingerprints.image import hash_frame
from registry.core.fingerprints.vectors import noise

Codes = dict[str, dict[str, str]]
METERS = [value for value in vars(metering).values() if isinstance(value, metering.Meter)]


def codes_of_files(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """By name of the file: code by algorithm and kind."""
    for path in sorted(folder.iterdir()):
        try:
            found = fingerprint_bytes(path.read_bytes())
        except Undecodable as error:
            yield path.name, {"error": error.message}
            continue
        yield path.name, {f"{f.algorithm} {f.kind}": f.code.hex() for f in found.fingerprints}


def codes_of_modes() -> Iterator[tuple[str, dict[str, str]]]:
    """Modes in which Pillow holds pictures, though no format that we read stores them."""
    for mode in ("PA", "RGBa", "RGBX", "HSV", "YCbCr", "I;16B", "I", "F"):
        picture = in_mode(mode)
        frame = hash_frame(_pixels(picture))
        yield f"mode {mode}", {f"{algorithm} full": code.hex() for algorithm, code in frame.codes.items()}


def in_mode(mode: str) -> Image.Image:
    """Soft noise in this mode, from bytes that are the same everywhere."""
    width, height = 90, 70
    bands = {"PA": 2, "RGBa": 4, "RGBX": 4, "HSV": 3, "YCbCr": 3, "I;16B": 2, "I": 4, "F": 4}[mode]
    grey = np.kron(noise(9 * bands, 7).reshape(7, 9, bands), np.ones((10, 10, 1), np.uint8))
    if mode in {"I", "F"}:
        return Image.fromarray(grey[..., 0].astype(np.int32 if mode == "I" else np.float32))
    picture = Image.frombytes(mode, (width, height), grey.tobytes())
    if mode == "PA":
        picture.putpalette(noise(768, 1).tobytes())
    return picture


def main(folder: Path) -> None:
    """Both engines, then the frozen vectors."""
    found = []
    for head_start in (1 << 60, -1):
        for meter in METERS:
            meter._left = head_start
        found.append(dict([*codes_of_files(folder), *codes_of_modes()]))
    for name, codes in found[0].items():
        for code, value in codes.items():
            if found[1][name][code] != value and "anchors" not in code:
                raise SystemExit(f"{name}: {code} differs between numpy and the kernels")
    json.dump({"vectors": selftest(compiled=True), "codes": found[1]}, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
