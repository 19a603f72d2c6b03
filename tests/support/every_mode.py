"""Pictures in every mode, orientation and with a colour profile, as files; written once and read by many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from registry.core.fingerprints.vectors import noise

TEXT = (
    "Whoever reads this sentence aloud at the sea will hear the dunes answer with a wind that has read it. "
)


def write(folder: Path) -> None:
    """Every mode that a file can have, EXIF orientations 1 to 8, a profile, a border, a text."""
    folder.mkdir(parents=True, exist_ok=True)
    rgb = soft(3)
    grey, rgba = rgb.convert("L"), soft(4)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        picture = sixteen_bits(grey) if mode == "I;16" else (rgba if mode == "RGBA" else rgb.convert(mode))
        picture.save(folder / f"{mode.replace(';', '')}.png")
    rgb.convert("P").save(folder / "P-transparent.png", transparency=3)
    for mode in ("CMYK", "LAB", "1", "I;16", "RGBA"):
        picture = {"LAB": lab(rgb), "I;16": sixteen_bits(grey), "RGBA": rgba}.get(mode) or rgb.convert(mode)
        picture.save(folder / f"{mode.replace(';', '')}.tiff")
    rgb.convert("YCbCr").save(folder / "YCbCr.tiff", compression="jpeg")
    for mode in ("L", "RGB", "CMYK"):
        rgb.convert(mode).save(folder / f"{mode}.jpg", quality=85)
    rgb.save(folder / "RGB-422.jpg", quality=70, subsampling="4:2:2", progressive=True)
    rgb.save(folder / "RGB.webp", quality=80)
    rgb.save(folder / "RGB-lossless.webp", lossless=True)
    rgb.save(folder / "RGB.bmp")
    rgb.convert("P").save(folder / "P.gif")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    rgb.save(folder / "profile.png", icc_profile=profile)
    rgb.save(folder / "profile.jpg", icc_profile=profile, quality=90)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        rgb.save(folder / f"exif-{orientation}.jpg", exif=exif, quality=92)
        rgb.save(folder / f"exif-{orientation}.png", exif=exif)
    framed = Image.new("RGB", (rgb.width + 80, rgb.height + 60), "white")
    framed.paste(rgb, (40, 30))
    framed.save(folder / "border.png")
    (folder / "text.txt").write_text(TEXT * 3 + TEXT.upper(), "utf-8")


def soft(bands: int) -> Image.Image:
    """Noise enlarged, so that there is something to see at every scale: (360, 270)."""
    coarse = np.stack([noise(24, 18 * (band + 1))[-18:] for band in range(bands)], axis=2)
    fine = np.stack([noise(360, 270 * (band + 1))[-270:] for band in range(bands)], axis=2)
    large = np.asarray(
        Image.fromarray(np.ascontiguousarray(coarse)).resize((360, 270), Image.Resampling.BICUBIC)
    )
    return Image.fromarray((large.astype(np.uint16) * 7 // 8 + fine // 8).astype(np.uint8))


def sixteen_bits(grey: Image.Image) -> Image.Image:
    """Grey levels of 16 bits."""
    return Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)


def lab(rgb: Image.Image) -> Image.Image:
    """In CIE L*a*b*, by Pillow's own conversion."""
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    converted = ImageCms.applyTransform(rgb, ImageCms.buildTransform(*profiles, "RGB", "LAB"))
    assert converted is not None
    return converted
