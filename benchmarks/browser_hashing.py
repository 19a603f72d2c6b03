"""Claim: a browser makes the codes of 12 megapixels in about as long as it takes to decode them, and the page goes on.

    python benchmarks/browser_hashing.py [--rounds 8] [--chromium /usr/bin/chromium]

Two tables. *In Chromium*, milliseconds by the clock in a worker: decoding by the browser alone, then what `static/hash`
takes beyond it, pixels and codes (a PNG is decoded by our own script, so its pixels are that, too); the first round,
which compiles the script, and the best of the others: run it on a quiet machine. The preview that the page of works
shows is made after that. Beside it how long the page was kept
from its own work at most. Codes that differ from the server's do not count. No other library that makes such codes in
a browser could be installed to compare with (pdq-wasm is in no package index), so the peer is the browser's decoder.

*Other decoders*, bits by which the codes of a JPEG differ if it is decoded less exactly than libjpeg-turbo does,
as a browser with a decoder of its own may: the server's pixels against those of plain upsampling and of the fast
transform.
"""

from __future__ import annotations

import argparse
import base64
import functools
import http.server
import io
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import sync_playwright
from skimage.data import astronaut, chelsea, coffee, rocket

from benchmarks._measuring import machine
from registry.core.fingerprints import COLOUR42, DHASH256, PHASH64, PHASH256, fingerprint_image
from registry.core.fingerprints.decode import Picture, luma_of
from registry.core.fingerprints.image import hash_frame

CODES = (PHASH256, DHASH256, PHASH64, COLOUR42)
Pixels = NDArray[np.uint8]

MEASURE = """
async ([text, format, rounds]) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const source = `
    import { pixelsOf } from "${location.origin}/hash/pixels.js";
    import { codesOf } from "${location.origin}/hash/image.js";
    import { previewOf } from "${location.origin}/hash/preview.js";
    onmessage = async ({ data: [bytes, format, rounds] }) => {
      const times = [];
      let codes;
      for (let n = 0; n < rounds; n++) {
        const begin = performance.now();
        const bitmap = await createImageBitmap(new Blob([bytes]), { colorSpaceConversion: "none" });
        bitmap.close();
        const decoded = performance.now();
        const { data, width, height } = await pixelsOf(format, bytes, true);
        const read = performance.now();
        codes = codesOf(data, width, height);
        const hashed = performance.now();
        await previewOf(data, width, height);
        const parts = [decoded - begin, read - decoded - (decoded - begin), hashed - read];
        times.push([...parts, performance.now() - hashed]);
      }
      postMessage({ times, codes });
    };`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  let stall = 0, last = performance.now();
  const clock = setInterval(() => {
    const now = performance.now();
    stall = Math.max(stall, now - last);
    last = now;
  }, 4);
  const found = await new Promise((done, fail) => {
    worker.onmessage = (event) => done(event.data);
    worker.onerror = (event) => fail(new Error(event.message));
    worker.postMessage([bytes, format, rounds]);
  });
  clearInterval(clock);
  worker.terminate();
  return { ...found, stall };
}
"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def scripts() -> Iterator[str]:
    """The address of our scripts, as files."""
    with as_file(files("registry.web").joinpath("static")) as folder:
        handler = functools.partial(_Quiet, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


SHIPPED: Sequence[Callable[[], Pixels]] = (astronaut, chelsea, coffee, rocket)


def large() -> Pixels:
    """4000x3000 with film grain, so that it is no easier to decode than a photograph."""
    picture = Image.fromarray(SHIPPED[0]()).resize((4000, 3000), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(1).integers(-12, 13, (3000, 4000, 1))
    return np.asarray(np.clip(np.asarray(picture, np.int16) + grain, 0, 255), np.uint8)


def saved(pixels: Pixels, form: str, **options: Any) -> bytes:
    """As a file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def in_chromium(chromium: str, rounds: int) -> None:
    """The first table."""
    pixels = large()
    pictures = {"jpeg": saved(pixels, "JPEG", quality=90), "png": saved(pixels, "PNG", compress_level=3)}
    with scripts() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(address + "/hash/")
        print(
            f"Chromium {browser.version}, 12 megapixels      decode  + pixels  + codes  beyond decoding   preview"
        )
        for form, data in pictures.items():
            found = page.evaluate(MEASURE, [base64.b64encode(data).decode(), form, rounds])
            known = {(f.algorithm, f.kind): f.code.hex() for f in fingerprint_image(data).fingerprints}
            if any(known[c["algorithm"], c["kind"]] != c["code"] for c in found["codes"]):
                raise SystemExit(f"{form}: the codes are not the server's")
            first, *others = found["times"]
            for which, (decode, read, codes, preview) in (("first", first), ("best", min(others, key=sum))):
                told = f"{form}, {len(data) / 1e6:.1f} MB, {which}"
                print(
                    f"{told:42} {decode:7.0f} {read:8.0f} {codes:8.0f} {read + codes:8.0f} ms {preview:10.0f}"
                )
            print(f"{'':4}the page waited at most {found['stall']:.0f} ms")
        browser.close()


def crops() -> list[Pixels]:
    """Twenty-four parts of each of four photographs."""
    random = np.random.default_rng(0)
    found = []
    for picture in (load() for load in SHIPPED):
        height, width = picture.shape[0] // 2, picture.shape[1] // 2
        for _ in range(24):
            y, x = random.integers(0, height), random.integers(0, width)
            found.append(picture[y : y + height, x : x + width])
    return found


def by_other_decoders() -> None:
    """The second table."""
    print(f"\nbits that differ, of {len(crops())} JPEGs (quality 85): mean, greatest")
    print(f"{'':30}" + "".join(f"{code:>20}" for code in CODES))
    for name, options in {
        "plain upsampling": {"fastupsample": True},
        "the same, fast transform": {"fastupsample": True, "fastdct": True},
    }.items():
        rows = [_bits(saved(np.ascontiguousarray(crop), "JPEG", quality=85), options) for crop in crops()]
        bits = np.array([row for row in rows if row])
        told = [f"{mean:.2f}, {most}" for mean, most in zip(bits.mean(0), bits.max(0), strict=True)]
        print(f"{name + f' (N={len(bits)})':30}" + "".join(f"{text:>20}" for text in told))


def _bits(data: bytes, options: dict[str, bool]) -> list[int]:
    """By how much each code differs; empty for what has no usable code."""
    ours = _codes(np.asarray(Image.open(io.BytesIO(data))))
    theirs = _codes(simplejpeg.decode_jpeg(data, **options))
    if any(code not in ours or code not in theirs for code in CODES):
        return []
    return [(int.from_bytes(ours[code]) ^ int.from_bytes(theirs[code])).bit_count() for code in CODES]


def _codes(pixels: Pixels) -> dict[str, bytes]:
    return dict(hash_frame(Picture(luma_of(pixels), pixels)).codes)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    print(machine())
    in_chromium(given.chromium, given.rounds)
    by_other_decoders()


if __name__ == "__main__":
    main()
