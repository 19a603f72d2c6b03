"""Small pictures for their makers: what is taken, what is left of it, and that the store alone shows nothing."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from registry.base.files import FolderStore
from registry.core.errors import Corrupt, InvalidInput, TooLarge, Undecodable, UnsupportedMedia
from registry.works.models import WorkPreview
from registry.works.previews import (
    LONGEST,
    MOST_BYTES,
    open_preview,
    preview_of,
    read_preview,
    store_preview,
)
from tests.support.pictures import png


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def picture(width: int, height: int) -> Image.Image:
    return Image.open(io.BytesIO(png(1, (width, height)))).convert("RGB")


def noise(side: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8))


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("form", ["WEBP", "JPEG"])
def test_what_a_browser_sends_is_written_anew_without_its_metadata(form: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Wanda at home, 12 Sea Road"
    options: dict[str, Any] = {"exif": exif, "icc_profile": b"a profile with a name"}
    found = read_preview(saved(picture(320, 200), form, **options))
    image = opened(found.data)

    assert (image.format, image.size) == ("WEBP", (320, 200))
    assert (found.width, found.height) == (320, 200)
    assert len(found.data) <= MOST_BYTES
    assert b"Sea Road" not in found.data
    assert {"exif", "icc_profile", "xmp"}.isdisjoint(image.info)
    apart = np.abs(np.asarray(image.convert("RGB"), int) - np.asarray(picture(320, 200), int))
    assert apart.mean() < 6


def appended() -> bytes:
    return saved(picture(200, 200), "JPEG") + b"<script>alert(1)</script>"


def test_what_hangs_on_a_picture_is_gone() -> None:
    assert b"script" not in read_preview(appended()).data


def bomb() -> bytes:
    """A few bytes that say they are 16,383 by 16,383 pixels."""
    data = bytearray(saved(Image.new("RGB", (8, 8)), "WEBP", lossless=True))
    data[21:25] = (0x0FFFFFFF).to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", UnsupportedMedia),
        (b"no picture", UnsupportedMedia),
        (saved(picture(100, 80), "PNG"), UnsupportedMedia),
        (saved(picture(100, 80), "GIF"), UnsupportedMedia),
        (saved(picture(321, 80), "JPEG"), TooLarge),
        (saved(picture(80, 321), "WEBP"), TooLarge),
        (saved(picture(1000, 1000), "WEBP", quality=1), TooLarge),
        (bomb(), TooLarge),
        (saved(noise(300), "JPEG", quality=95), TooLarge),
        (saved(picture(200, 200), "JPEG")[:900], Undecodable),
    ],
    ids=["nothing", "text", "png", "gif", "wide", "high", "large", "bomb", "heavy", "cut"],
)
def test_what_is_no_small_picture_is_refused(data: bytes, error: type[InvalidInput]) -> None:
    with pytest.raises(error):
        read_preview(data)


@pytest.mark.parametrize("size", [(1600, 1200), (300, 2400), (60, 40), (1, 1)])
def test_a_file_is_made_small(size: tuple[int, int]) -> None:
    found = preview_of(saved(Image.new("RGB", size, (200, 30, 30)), "PNG"))

    assert max(found.width, found.height) == min(LONGEST, max(size))
    assert opened(found.data).size == (found.width, found.height)


def test_a_turned_photo_is_upright_and_noise_fits_as_well() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert preview_of(saved(picture(800, 400), "JPEG", exif=exif)).height == LONGEST
    assert len(preview_of(saved(noise(700), "PNG")).data) <= MOST_BYTES
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "Wanda at home")
    assert b"Wanda" not in preview_of(saved(picture(99, 99), "PNG", pnginfo=text)).data


def test_the_store_alone_shows_nothing_and_damage_is_noticed(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    small = preview_of(png())
    one, two = store_preview(store, small), store_preview(store, small)
    row = WorkPreview(path=one.path, key=one.key)

    assert open_preview(store, row) == small.data
    assert one.path != two.path  # equal pictures cannot be told by their names
    assert store.get(one.path) != store.get(two.path)
    assert b"WEBP" not in (store.get(one.path) or b"")
    store.put(one.path, store.get(two.path) or b"")
    with pytest.raises(Corrupt):
        open_preview(store, row)
    store.remove(one.path)
    assert open_preview(store, row) is None
