"""The codes that a browser makes of a picture are those that the server makes, bit for bit."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from registry.core.fingerprints import Fingerprint, fingerprint_image
from registry.core.fingerprints.vectors import load_vectors

Visits = Callable[..., Any]

HASH = """
async ([files, script]) => {
  const worker = new Worker(script, { type: "module" });
  const answers = files.map(() => null);
  await new Promise((done, fail) => {
    let open = files.length;
    worker.onerror = (event) => fail(new Error(event.message));
    worker.onmessage = ({ data }) => {
      if (data.step) return;
      answers[data.id] = data;
      if (--open === 0) done();
    };
    files.forEach(([name, text], id) => {
      const file = new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name);
      worker.postMessage({ id, file });
    });
  });
  worker.terminate();
  return answers;
}
"""


def saved(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def turned(image: Image.Image, orientation: int, form: str) -> bytes:
    """A picture with an EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(image, form, exif=exif)


def clouds(width: int, height: int, seed: int = 1) -> Image.Image:
    """Soft colours, with enough in them to be told from others."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def ask(page: Any, files: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    """What the worker answers for each file."""
    given = [[name, base64.b64encode(data).decode()] for name, data in files.items()]
    answers: list[dict[str, Any]] = page.evaluate(HASH, [given, "/static/hash/worker.js"])
    return dict(zip(files, answers, strict=True))


def codes_here(data: bytes) -> dict[str, str]:
    """What the server keeps of a file and a browser is to make as well."""
    left_out = {"digest.md5.v1", "image.anchors256.v1"}
    kept = [f for f in fingerprint_image(data).fingerprints if f.algorithm not in left_out]
    return {_name(f): f.code.hex() for f in kept}


def _name(code: Fingerprint) -> str:
    return f"{code.kind}/{code.algorithm}"


def codes_there(answer: dict[str, Any]) -> dict[str, str]:
    """The same of an answer of the worker."""
    assert answer.get("is") == "device", answer
    return {f"{c['kind']}/{c['algorithm']}": c["code"] for c in answer["found"]["codes"]}


def lossless() -> dict[str, bytes]:
    """Every kind of PNG, and other formats that keep all pixels."""
    picture = clouds(161, 123)
    grey, alpha = picture.convert("L"), clouds(161, 123, 2).convert("L")
    holes = alpha.point(lambda value: 255 if value > 90 else 0)
    see_through = Image.merge("RGBA", (*picture.split(), alpha))
    with_holes = Image.merge("RGBA", (*picture.split(), holes))
    framed = Image.new("RGB", (221, 190), (250, 250, 249))
    framed.paste(picture, (30, 33))
    mirrored = Image.new("RGB", (322, 123))
    mirrored.paste(picture)
    mirrored.paste(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (161, 0))
    deep = Image.fromarray((np.asarray(grey).astype(np.uint16) * 257) ^ 0x5A)
    files = {f"turned-{n}.png": turned(picture, n, "PNG") for n in range(1, 9)}
    files |= {
        f"{width}x{height}.png": saved(clouds(width, height, width))
        for width, height in ((1, 1), (7, 5), (64, 64), (333, 2), (97, 801), (1203, 701))
    }
    files |= {
        "alpha.png": saved(see_through),
        "grey-alpha.png": saved(Image.merge("LA", (grey, alpha))),
        "grey.png": saved(grey),
        "grey16.png": saved(deep),
        "one-bit.png": saved(grey.convert("1")),
        "palette.png": saved(picture.quantize(200)),
        "palette-4-bits.png": saved(picture.quantize(13), bits=4),
        "palette-alpha.png": saved(see_through.quantize(60)),
        "colour-key.png": saved(picture, transparency=picture.getpixel((80, 60))),
        "grey-key.png": saved(grey, transparency=grey.getpixel((80, 60))),
        "framed.png": saved(framed),
        "symmetric.png": saved(mirrored),
        "blank.png": saved(Image.new("RGB", (64, 64), (200, 200, 200))),
        "lossless.webp": saved(picture, "WEBP", lossless=True),
        "lossless-holes.webp": saved(with_holes, "WEBP", lossless=True, exact=True),
        "palette.gif": saved(picture.quantize(256), "GIF"),
        "holes.gif": saved(with_holes, "GIF"),
    }
    return files | {
        f"vector-{n}.png": base64.b64decode(vector["png"])
        for n, vector in enumerate(load_vectors()["pictures"])
        if "png" in vector
    }


def test_lossless_pictures_have_the_same_codes(visit: Visits) -> None:
    files = lossless()
    answers = ask(visit().open("/en/"), files)

    for name, data in files.items():
        assert codes_there(answers[name]) == codes_here(data), name
    assert "trimmed/image.phash256.v1" in codes_there(answers["framed.png"])
    assert "full/image.phash256.v1" not in codes_there(answers["symmetric.png"])
    assert list(codes_there(answers["blank.png"])) == ["whole/digest.sha256.v1"]


def interlaced(image: Image.Image) -> bytes:
    """An Adam7 PNG, which Pillow reads but does not write."""
    pixels = np.asarray(image.convert("RGB"))
    height, width, _ = pixels.shape
    raw = b""
    for x, y, dx, dy in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        raw += b"".join(b"\0" + row.tobytes() for row in pixels[y::dy, x::dx] if row.size)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


def strange_profile() -> bytes:
    """A profile for sRGB with red and blue exchanged: whoever applies it gets other colours."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")


def lossy() -> dict[str, bytes]:
    """JPEG and lossy WebP, of which the decoders of this browser and of the server are relatives."""
    picture, large = clouds(321, 243), clouds(1501, 1103, 4)
    files = {f"turned-{n}.jpg": turned(picture, n, "JPEG") for n in range(1, 9)}
    return files | {
        "q30.jpg": saved(large, "JPEG", quality=30),
        "q95-444.jpg": saved(large, "JPEG", quality=95, subsampling=0),
        "q80-progressive.jpg": saved(large, "JPEG", quality=80, progressive=True),
        "grey.jpg": saved(large.convert("L"), "JPEG"),
        "profile.jpg": saved(picture, "JPEG", icc_profile=strange_profile()),
        "profile.png": saved(picture, icc_profile=strange_profile()),
        "interlaced.png": interlaced(picture),
        "lossy.webp": saved(large, "WEBP", quality=75),
    }


def test_lossy_pictures_too_in_this_browser(visit: Visits) -> None:
    files = lossy()
    answers = ask(visit().open("/en/"), files)

    for name, data in files.items():
        assert codes_there(answers[name]) == codes_here(data), name
