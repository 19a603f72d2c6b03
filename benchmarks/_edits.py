"""What happens to pictures: 55 common edits, and what is harder. Every edit is a function of a picture and a number.

`COMMON` are the edits that perceptual hashes are usually measured by. `HARDER` are crops, turns and compositions. The
number (a seed) decides where a random edit cuts or turns, so that a run can be repeated. The file that comes out is
what is hashed: a JPEG of quality 90 unless the edit is about the format.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from benchmarks._pictures import shipped, text_page

BICUBIC, BOX = Image.Resampling.BICUBIC, Image.Resampling.BOX
Change = Callable[[Image.Image, np.random.Generator], Image.Image]


@dataclass(frozen=True)
class Edit:
    """One edit, by the name that tables show."""

    name: str
    group: str
    change: Change
    form: str = "JPEG"
    quality: int = 90

    def apply(self, picture: Image.Image, seed: int) -> bytes:
        """The file of the edited picture."""
        changed = self.change(picture, np.random.default_rng(seed))
        buffer = io.BytesIO()
        if self.form == "GIF":
            changed.quantize(64).save(buffer, "GIF")
        else:
            changed.save(buffer, self.form, quality=self.quality)
        return buffer.getvalue()


def _same(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    return picture


def _scaled(factor: float) -> Change:
    return lambda p, _: p.resize((max(8, int(p.width * factor)), max(8, int(p.height * factor))), BICUBIC)


def _gamma(exponent: float) -> Change:
    table = [round(255 * (v / 255) ** exponent) for v in range(256)] * 3
    return lambda p, _: p.point(table)


def _blurred(radius: int) -> Change:
    return lambda p, _: p.filter(ImageFilter.GaussianBlur(radius))


def _enhanced(what: type[ImageEnhance.Brightness | ImageEnhance.Contrast], factor: float) -> Change:
    return lambda p, _: what(p).enhance(factor)


def _noisy(deviation: float) -> Change:
    def change(picture: Image.Image, random: np.random.Generator) -> Image.Image:
        pixels = np.asarray(picture).astype(np.float64)
        return Image.fromarray(
            np.clip(pixels + random.normal(0, deviation, pixels.shape), 0, 255).astype(np.uint8)
        )

    return change


def _hue(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    hsv = np.asarray(picture.convert("HSV")).copy()
    hsv[..., 0] += 40
    return Image.fromarray(hsv, "HSV").convert("RGB")


def _turned(degrees: float) -> Change:
    return lambda p, _: p.rotate(degrees, BICUBIC)


def _bordered(share: float) -> Change:
    return lambda p, _: ImageOps.expand(p, max(1, int(share * min(p.size))), "white")


def _centre(removed: float) -> Change:
    def change(picture: Image.Image, _: np.random.Generator) -> Image.Image:
        across, down = int(picture.width * removed / 2), int(picture.height * removed / 2)
        return picture.crop((across, down, picture.width - across, picture.height - down))

    return change


def _corner(removed: float) -> Change:
    return lambda p, _: p.crop((int(p.width * removed), int(p.height * removed), p.width, p.height))


def written(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    """A translucent line of text across the middle."""
    layer = Image.new("RGBA", picture.size)
    font = ImageFont.load_default(picture.width // 8)
    ImageDraw.Draw(layer).text(
        (picture.width // 2, picture.height // 2), "© A. N. Other", (255, 255, 255, 150), font, anchor="mm"
    )
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


def captioned(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    """A bar with words over the lowest 15 %."""
    copy, bar = picture.copy(), int(0.15 * picture.height)
    draw = ImageDraw.Draw(copy)
    draw.rectangle((0, copy.height - bar, copy.width, copy.height), "black")
    draw.text(
        (bar // 3, copy.height - bar * 5 // 6),
        "What everybody saw",
        "white",
        ImageFont.load_default(bar // 2),
    )
    return copy


def emblem(side: int) -> Image.Image:
    """A logo: rings and a bar, on white."""
    logo = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(logo)
    draw.ellipse((side * 0.1, side * 0.1, side * 0.9, side * 0.9), "navy")
    draw.ellipse((side * 0.3, side * 0.2, side * 0.7, side * 0.6), "gold")
    draw.rectangle((side * 0.25, side * 0.65, side * 0.85, side * 0.75), "white")
    return logo


def _logo(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    copy, side = picture.copy(), min(picture.size) // 5
    copy.paste(emblem(side), (copy.width - side - 6, copy.height - side - 6))
    return copy


def _screenshot(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    """On the grey ground of a viewer, far from its middle."""
    page = Image.new("RGB", (picture.width * 3 // 2, picture.height * 3 // 2), (43, 43, 43))
    page.paste(picture, (picture.width // 6, picture.height // 3))
    return page


def _several(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """Crop of 3 %, logo, 60 % of the size; saved at quality 40."""
    return _scaled(0.6)(_logo(_centre(0.03)(picture, random), random), random)


COMMON = (
    *(Edit(f"JPEG {q}", "files", _same, quality=q) for q in (10, 20, 30, 50, 70, 90)),
    *(Edit(f"WebP {q}", "files", _same, "WEBP", q) for q in (20, 50, 80)),
    Edit("GIF, 64 colours", "files", _same, "GIF"),
    *(Edit(f"size x {f}", "size", _scaled(f)) for f in (0.25, 0.5, 0.75, 2)),
    Edit("forced to 256 x 256", "size", lambda p, _: p.resize((256, 256), BICUBIC)),
    *(Edit(f"blur {r}", "quality", _blurred(r)) for r in (1, 2, 4)),
    *(Edit(f"noise {d}", "quality", _noisy(d)) for d in (10, 25)),
    *(Edit(f"brightness {f}", "colour", _enhanced(ImageEnhance.Brightness, f)) for f in (0.7, 1.4)),
    *(Edit(f"contrast {f}", "colour", _enhanced(ImageEnhance.Contrast, f)) for f in (0.6, 1.5)),
    *(Edit(f"gamma {g}", "colour", _gamma(g)) for g in (0.6, 1.6)),
    Edit("grey", "colour", lambda p, _: p.convert("L").convert("RGB")),
    Edit("equalised", "colour", lambda p, _: ImageOps.equalize(p)),
    Edit("hue turned", "colour", _hue),
    Edit("colours x 2", "colour", lambda p, _: ImageEnhance.Color(p).enhance(2)),
    Edit("sharpened", "quality", lambda p, _: ImageEnhance.Sharpness(p).enhance(3)),
    Edit("negative", "colour", lambda p, _: ImageOps.invert(p)),
    *(Edit(f"turned by {a}°", "turns", _turned(a)) for a in (1, 2, 3, 5)),
    Edit("turned by 90°", "quarters and mirrors", lambda p, _: p.transpose(Image.Transpose.ROTATE_90)),
    Edit("turned by 180°", "quarters and mirrors", lambda p, _: p.transpose(Image.Transpose.ROTATE_180)),
    Edit("mirrored", "quarters and mirrors", lambda p, _: ImageOps.mirror(p)),
    *(Edit(f"border {round(100 * s)} %", "borders", _bordered(s)) for s in (0.02, 0.05, 0.1)),
    Edit("screenshot, padded", "borders", _screenshot),
    Edit("watermark across", "additions", written),
    Edit("caption bar 15 %", "additions", captioned),
    Edit("logo in the corner", "additions", _logo),
    *(Edit(f"centre, {round(100 * r)} % cut off", "crops", _centre(r)) for r in (0.02, 0.05, 0.1, 0.2, 0.3)),
    *(Edit(f"corner, {round(100 * r)} % cut off", "crops", _corner(r)) for r in (0.05, 0.1, 0.2)),
    Edit("crop, logo, size, JPEG 40", "additions", _several, quality=40),
)


# -- harder ------------------------------------------------------------------------------------------------
def _cropped(least: float, *, exactly: bool = False) -> Change:
    """Width and height each keep at least (or exactly) this share, anywhere in the picture."""

    def change(picture: Image.Image, random: np.random.Generator) -> Image.Image:
        keep = [least if exactly else float(random.uniform(least, 1)) for _ in range(2)]
        width, height = int(picture.width * keep[0]), int(picture.height * keep[1])
        left = int(random.integers(0, picture.width - width + 1))
        top = int(random.integers(0, picture.height - height + 1))
        return picture.crop((left, top, left + width, top + height))

    return change


def _any_turn(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    return picture.rotate(float(random.uniform(0, 360)), BICUBIC, expand=True)


def _filler(random: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """A stranger beside it: soft patches of colour."""
    small = Image.fromarray(random.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    return small.resize(size, BICUBIC)


def _photograph(random: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """A stranger beside it: one of scikit-image's photographs."""
    return ImageOps.fit(shipped()[int(random.integers(len(shipped())))], size)


def _collage(ways: int, beside: Callable[[np.random.Generator, tuple[int, int]], Image.Image]) -> Change:
    """One among strangers on a white page, `ways` in a row and as many rows, at half the size."""

    def change(picture: Image.Image, random: np.random.Generator) -> Image.Image:
        width, height = picture.size
        page = Image.new("RGB", (ways * (width + 8) + 8, ways * (height + 8) + 8), "white")
        mine = int(random.integers(ways * ways))
        for number in range(ways * ways):
            place = (8 + (width + 8) * (number % ways), 8 + (height + 8) * (number // ways))
            page.paste(picture if number == mine else beside(random, picture.size), place)
        return page.resize((page.width // 2, page.height // 2), BICUBIC)

    return change


def _on_a_page(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """Between the lines of a page, at less than half of its width."""
    page = text_page(random).resize((930, 1316), BICUBIC)
    small = picture.resize((400, max(1, 400 * picture.height // picture.width)), BICUBIC)
    most = max(60, page.height - small.height - 60)
    page.paste(small, (int(random.integers(40, 490)), int(random.integers(50, most))))
    return page


def _squared(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """A crop of at least 80 % a side, forced to 256 x 256."""
    return _cropped(0.8)(picture, random).resize((256, 256), BICUBIC)


def viewer(picture: Image.Image) -> Image.Image:
    """In the window of a programme: bars, buttons and words around it."""
    width, height = picture.size
    bar = max(24, height // 10)
    page = Image.new("RGB", (width + 3 * bar, height + 3 * bar), (236, 236, 240))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(bar // 2)
    draw.rectangle((0, 0, page.width, bar), (60, 64, 72))
    draw.text((bar, bar // 4), "Photos   Edit   View   Share   Help", "white", font)
    for number in range(5):
        draw.ellipse((bar // 4, (2 + 1.5 * number) * bar, bar, (2.75 + 1.5 * number) * bar), (90, 120, 200))
    draw.text((2 * bar, page.height - bar), "1 of 24     Saved     Sort by date", (60, 64, 72), font)
    page.paste(picture, (2 * bar, bar + bar // 2))
    return page


def _meme(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    """Bands of 18 % above and below, with words in them."""
    width, height = picture.size
    band = int(0.18 * height)
    page = Image.new("RGB", (width, height + 2 * band), "white")
    page.paste(picture, (0, band))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(band * 6 // 10)
    draw.text((width // 2, band // 2), "NOBODY AT ALL:", "black", font, anchor="mm")
    draw.text((width // 2, height + band + band // 2), "ME ON A MONDAY", "black", font, anchor="mm")
    return page


def _fitted(mode: str) -> Change:
    """img2dataset's modes at 256 pixels, by their geometry."""

    def change(picture: Image.Image, _: np.random.Generator) -> Image.Image:
        width, height = picture.size
        side = max(width, height) if mode in ("border", "keep_ratio_largest") else min(width, height)
        scaled = picture.resize((max(1, round(256 * width / side)), max(1, round(256 * height / side))), BOX)
        if mode == "border":
            return ImageOps.pad(scaled, (256, 256), color="white")
        if mode == "center_crop":
            left, top = (scaled.width - 256) // 2, (scaled.height - 256) // 2
            return scaled.crop((left, top, left + 256, top + 256))
        return scaled

    return change


def _crop_turn(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    return _cropped(0.7)(picture, random).rotate(5, BICUBIC)


HARDER = (
    *(
        Edit(f"random crop, >= {round(100 * c)} % a side", "random crops", _cropped(c))
        for c in (0.9, 0.8, 0.7, 0.5)
    ),
    *(
        Edit(f"random crop, just {round(100 * c)} % a side", "random crops", _cropped(c, exactly=True))
        for c in (0.9, 0.8, 0.7, 0.5)
    ),
    Edit("turned by any angle", "any turn", _any_turn),
    Edit(">= 70 % a side, turned by 5°, JPEG 40", "any turn", _crop_turn, quality=40),
    Edit("one of 4 in a collage", "compositions", _collage(2, _photograph)),
    Edit("one of 4, beside strong patterns", "compositions", _collage(2, _filler)),
    Edit("one of 9 in a collage", "compositions", _collage(3, _photograph)),
    Edit("on a page of text", "compositions", _on_a_page),
    Edit("crop >= 80 %, forced to a square", "compositions", _squared),
    Edit("screenshot of a viewer", "compositions", lambda p, _: viewer(p)),
    Edit("meme, 18 % bands", "compositions", _meme),
    *(
        Edit(f"img2dataset {mode}", "img2dataset", _fitted(mode), quality=95)
        for mode in ("border", "keep_ratio", "keep_ratio_largest", "center_crop")
    ),
)


def symmetric(picture: Image.Image, ways: int) -> Image.Image:
    """Mirrored left to right (2 ways), and top to bottom besides (4 ways)."""
    half = picture.crop((0, 0, picture.width // 2, picture.height))
    whole = Image.new("RGB", (2 * half.width, half.height))
    whole.paste(half, (0, 0))
    whole.paste(ImageOps.mirror(half), (half.width, 0))
    if ways == 4:
        upper = whole.crop((0, 0, whole.width, whole.height // 2))
        whole = Image.new("RGB", (upper.width, 2 * upper.height))
        whole.paste(upper, (0, 0))
        whole.paste(ImageOps.flip(upper), (0, upper.height))
    return whole
