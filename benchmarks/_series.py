"""Works of one series, drawn by code: each shows something of its own, and what all of the series share.

Names in the same letters, icons of one maker, windows of one programme, memes of one template, covers of one series,
maps with one legend, sheets of music, QR codes, certificates on one form. What is shared is drawn from the series' own
random numbers, the rest from those of the work; two series have nothing in common but their kind.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import count
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks._pictures import WORDS

Draw = Callable[[np.random.Generator, np.random.Generator], Image.Image]
"""From the random numbers of the series and those of the work."""
Colour = tuple[int, int, int]
BICUBIC = Image.Resampling.BICUBIC
ROOTS = ("nord", "blau", "stern", "meer", "wald", "berg", "sonn", "feld", "gold", "mond")
ENDINGS = ("licht", "bank", "werk", "haus", "air", "land", "druck", "funk", "mark", "bau", "wind", "netz")
MORE = ("", "", "24", "plus", "online", "nord", "west", "union", "post", "gas")


# -- what pictures are drawn with --------------------------------------------------------------------------
def colour(random: np.random.Generator, least: int = 20, most: int = 235) -> Colour:
    """Any colour, neither too dark nor too light for what lies upon it."""
    red, green, blue = (int(v) for v in random.integers(least, most, 3))
    return red, green, blue


def words(random: np.random.Generator, count: int) -> str:
    """So many words."""
    return " ".join(str(w) for w in random.choice(WORDS, count))


def _ending(random: np.random.Generator) -> str:
    return f"{random.choice(ENDINGS)}{random.choice(MORE)}"


def scene(random: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Sky, hills and things before them, with grain: what a photograph or a painting would be in this place."""
    width, height = size
    rough = random.integers(30, 226, (4, 5, 3), dtype=np.uint8)
    picture = Image.fromarray(rough).resize(size, BICUBIC)
    draw = ImageDraw.Draw(picture)
    for depth in range(3):
        level, wave, phase = random.uniform((0.35, 1, 0), (0.9, 4, 6.3))
        ridge = [
            (x, height * (level + 0.12 * math.sin(wave * x / width * 6.3 + phase) * (1 - 0.2 * depth)))
            for x in range(0, width + 8, 8)
        ]
        draw.polygon([(0, height), *ridge, (width, height)], colour(random))
    for _ in range(int(random.integers(6, 14))):
        x, y, wide, high = random.uniform((0, 0, 0.05, 0.05), (0.9, 0.9, 0.3, 0.3))
        box = (x * width, y * height, (x + wide) * width, (y + high) * height)
        (draw.ellipse, draw.rectangle)[int(random.integers(2))](box, colour(random))
    grain = random.normal(0, 6, (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8))


def lettering(text: str, size: int, ink: Colour, weight: int, stretch: float, slant: float) -> Image.Image:
    """A line of text, cut to its letters, as bold, wide and slanted as it is asked for; RGBA."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text, stroke_width=weight)
    room = int(size * abs(slant)) + 2
    line = Image.new("RGBA", (int(right - left) + 2 * room, int(bottom - top) + 4))
    ImageDraw.Draw(line).text((room - left, 2 - top), text, ink, font, stroke_width=weight)
    leaning = line.transform(
        line.size, Image.Transform.AFFINE, (1, slant, -slant * line.height / 2, 0, 1, 0), BICUBIC
    )
    return leaning.resize((max(8, int(line.width * stretch)), line.height), BICUBIC)


def _put(page: Image.Image, layer: Image.Image, centre: tuple[float, float]) -> None:
    page.paste(layer, (int(centre[0] - layer.width / 2), int(centre[1] - layer.height / 2)), layer)


def _mark(random: np.random.Generator, side: int) -> Image.Image:
    """A flat emblem; RGBA."""
    mark = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(mark)
    for size in (0.48, 0.3, 0.16):
        x, y = random.uniform(0.42, 0.58, 2) * side
        reach = size * side * float(random.uniform(0.75, 1))
        if random.random() < 0.4:
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), colour(random))
        else:
            draw.regular_polygon(
                (x, y, reach), int(random.integers(3, 8)), float(random.uniform(0, 360)), colour(random)
            )
    return mark


# -- the kinds ---------------------------------------------------------------------------------------------
def wordmark(shared: np.random.Generator, own: np.random.Generator) -> Image.Image:
    """A name and nothing else; all names of a series begin alike and stand in the same letters."""
    root, ground = str(shared.choice(ROOTS)), colour(shared, 225, 256)
    weight, stretch, slant = (
        int(shared.integers(0, 4)),
        float(shared.uniform(0.7, 1.3)),
        0.25 * shared.random(),
    )
    page = Image.new("RGB", (640, 240), ground)
    name = lettering(root.title() + _ending(own), 90, colour(shared, 0, 150), weight, stretch, slant)
    name.thumbnail((580, 200))
    _put(page, name, (320, 120))
    return page


def logo_beside(shared: np.random.Generator, own: np.random.Generator) -> Image.Image:
    """A mark of its own beside a name; half of the name, and its letters, are the series'."""
    page = Image.new("RGB", (560, 240), "white")
    style = (int(shared.integers(0, 3)), float(shared.uniform(0.8, 1.2)), 0.2 * float(shared.random()))
    _put(page, _mark(own, 190), (115, 120))
    name = lettering(
        f"{str(shared.choice(ROOTS)).title()} {_ending(own)}", 60, colour(shared, 0, 120), *style
    )
    name.thumbnail((320, 200))
    _put(page, name, (385, 120))
    return page


def logo_above(shared: np.random.Generator, own: np.random.Generator) -> Image.Image:
    """A mark of its own above the one name of the series."""
    page = Image.new("RGB", (420, 420), "white")
    style = (int(shared.integers(0, 3)), float(shared.uniform(0.8, 1.2)), 0.2 * float(shared.random()))
    _put(page, _mark(own, 280), (210, 155))
    name = lettering(words(shared, 1).title(), 66, colour(shared, 0, 120), *style)
    name.thumbnail((380, 90))
    _put(page, name, (210, 355))
    return page


def app_icon(shared: np.random.Generator, own: np.random.Generator) -> Image.Image:
    """A rounded square in the maker's colours and light, with a sign of its own."""
    above, below = np.array(colour(shared)), np.array(colour(shared))
    ramp = np.linspace(0, 1, 384)[:, None, None]
    ground = Image.fromarray(
        np.broadcast_to(above * (1 - ramp) + below * ramp, (384, 384, 3)).astype(np.uint8)
    )
    mask = Image.new("L", (384, 384))
    ImageDraw.Draw(mask).rounded_rectangle((16, 16, 368, 368), 80, 255)
    page = Image.new("RGB", (384, 384), "white")
    page.paste(ground, (0, 0), mask)
    shine = Image.new("RGBA", (384, 384))
    ImageDraw.Draw(shine).ellipse((-60, -220, 444, 170), (255, 255, 255, 60))
    page.paste(shine, (0, 0), Image.composite(shine.getchannel("A"), Image.new("L", mask.size), mask))
    if own.random() < 0.5:
        sign = lettering(str(own.choice(list("ABDEGKMNPQRSZ&?#"))), 230, (255, 255, 255), 5, 1.0, 0.0)
    else:
        sign = _mark(own, 220)
    _put(page, sign, (192, 192))
    return page


def window(shared: np.random.Generator, own: np.random.Generator) -> Image.Image:
    """The same programme: bars, menu, a list beside; what it shows differs."""
    page = Image.new("RGB", (800, 520), (246, 246, 248))
    draw, font, small = ImageDraw.Draw(page), ImageFont.load_default(17), ImageFont.load_default(14)
    dark = colour(shared, 20, 90)
    draw.rectangle((0, 0, 800, 42), dark)
    draw.text((16, 10), "File   Edit   View   " + words(shared, 3).title() + "   Help", "white", font)
    draw.rectangle((0, 42, 170, 520), (228, 230, 236))
    for line in range(11):
        draw.ellipse((14, 60 + 40 * line, 34, 80 + 40 * line), colour(shared))
        draw.text((44, 61 + 40 * line), words(shared, 1).title(), dark, font)
    draw.rectangle((170, 492, 800, 520), (214, 216, 222))
    draw.text((184, 498), "Ready    100 %    Line 1", dark, small)
    draw.text((190, 60), words(own, 4).title(), (20, 20, 20), ImageFont.load_default(24))
    if own.random() < 0.5:
        page.paste(scene(own, (int(own.integers(260, 420)), int(own.integers(200, 320)))), (200, 110))
    else:
        for line in range(15):
            draw.text((190, 104 + 25 * line), words(own, int(own.integers(4, 9)))[:66], (40, 40, 44), font)
    return page


def meme(shared: np.random.Generator, own: np.random.Generator) -> Image.Image:
    """The template's bands, words above and mark; picture and punch line differ."""
    page = Image.new("RGB", (500, 560), "black")
    page.paste(scene(own, (460, 360)), (20, 90))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(36)
    draw.rectangle((15, 85, 484, 454), outline="white", width=2)
    draw.text((250, 45), words(shared, 3).upper(), "white", font, anchor="mm")
    draw.text((250, 500), words(own, 2).upper(), "white", font, anchor="mm")
    _put(page, _mark(shared, 40), (465, 530))
    return page


def cover(shared: np.random.Generator, own: np.random.Generator) -> Image.Image:
    """A volume of a series: bands, publisher's mark and type are the same; title, number and picture differ."""
    page = Image.new("RGB", (400, 600), colour(shared))
    draw, ink = ImageDraw.Draw(page), colour(shared, 200, 256)
    draw.rectangle((0, 0, 400, 110), colour(shared, 0, 110))
    draw.text((200, 40), words(shared, 2).title(), ink, ImageFont.load_default(34), anchor="mm")
    draw.text((200, 84), f"Volume {int(own.integers(1, 99))}", ink, ImageFont.load_default(22), anchor="mm")
    page.paste(scene(own, (300, 280)), (50, 150))
    draw.rectangle((48, 148, 351, 431), outline=ink, width=3)
    draw.text((200, 480), words(own, 1).upper(), ink, ImageFont.load_default(44), anchor="mm")
    _put(page, _mark(shared, 56), (200, 555))
    return page


def town(shared: np.random.Generator, own: np.random.Generator) -> Image.Image:
    """A map: legend, arrow, scale and colours of the series; streets and waters of its own."""
    land, road, water, park = ((242, 239, 233), (255, 255, 255), colour(shared, 150, 220), (200, 226, 190))
    page = Image.new("RGB", (600, 600), land)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    for _ in range(5):
        x, y, reach = own.uniform((0, 0, 30), (600, 600, 90))
        draw.regular_polygon((x, y, reach), int(own.integers(4, 9)), float(own.uniform(0, 360)), park)
    river = [(x, 300 + 250 * (own.random() - 0.5)) for x in range(-50, 700, 110)]
    draw.line(river, water, int(own.integers(18, 40)), joint="curve")
    for _ in range(26):
        x, y, turn, reach = own.uniform((0, 0, 0, 150), (600, 600, 3.2, 700))
        ends = [(x + s * reach * math.cos(turn), y + s * reach * math.sin(turn)) for s in (-1, 1)]
        wide = int(own.choice([5, 7, 12]))
        draw.line(ends, (200, 190, 170), wide + 3)
        draw.line(ends, road, wide)
    for _ in range(9):
        draw.text(tuple(own.uniform(10, 520, 2)), words(own, 1).title(), (90, 80, 70), font)
    draw.rectangle((430, 400, 590, 590), "white", (120, 120, 120), 2)
    for line in range(6):
        draw.rectangle((442, 414 + 25 * line, 466, 428 + 25 * line), colour(shared))
        draw.text((476, 413 + 25 * line), words(shared, 1).title(), "black", font)
    draw.line((445, 576, 575, 576), "black", 3)
    draw.polygon(((560, 20), (545, 70), (560, 58), (575, 70)), "black")
    return page


def music(shared: np.random.Generator, own: np.random.Generator) -> Image.Image:
    """A sheet: the same staves, clefs and signature, other notes."""
    page = Image.new("RGB", (620, 860), (253, 252, 247))
    draw = ImageDraw.Draw(page)
    sharps = int(shared.integers(0, 5))
    draw.text((310, 45), words(own, 2).title(), "black", ImageFont.load_default(30), anchor="mm")
    for top in range(100, 800, 82):
        for line in range(5):
            draw.line((40, top + 9 * line, 580, top + 9 * line), "black", 1)
        draw.arc((46, top - 10, 66, top + 40), 60, 360, "black", 3)
        draw.line((56, top - 16, 56, top + 50), "black", 2)
        for sharp in range(sharps):
            draw.text((72 + 9 * sharp, top + 4 * (sharp % 3)), "#", "black", ImageFont.load_default(16))
        for bar in range(4):
            draw.line((100 + 120 * (bar + 1), top, 100 + 120 * (bar + 1), top + 36), "black", 1)
        x = 112.0
        while x < 565:
            y = top + 4.5 * int(own.integers(-1, 10))
            draw.ellipse((x, y - 4, x + 11, y + 4), "black")
            stem = -28 if y > top + 18 else 28
            draw.line((x + (11 if stem < 0 else 0), y, x + (11 if stem < 0 else 0), y + stem), "black", 2)
            x += float(own.choice([17, 24, 36]))
    return page


def squares(_: np.random.Generator, own: np.random.Generator) -> Image.Image:
    """Modules as of a QR code of version 4: finders, timing and alignment where they belong, the rest by chance."""
    cells = own.random((33, 33)) < 0.5
    for row, column in ((0, 0), (0, 26), (26, 0)):
        around = np.zeros((9, 9), bool)
        around[1:8, 1:8] = True
        around[2:7, 2:7] = False
        around[3:6, 3:6] = True
        top, left = max(0, row - 1), max(0, column - 1)
        inner = around[top - row + 1 :, left - column + 1 :][: 33 - top, : 33 - left]
        cells[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    cells[6, 8:25] = cells[8:25, 6] = np.arange(17) % 2 == 0
    cells[24:29, 24:29] = True
    cells[25:28, 25:28] = False
    cells[26, 26] = True
    small = Image.fromarray(np.where(np.pad(cells, 4), 0, 255).astype(np.uint8))
    return small.resize((410, 410), Image.Resampling.NEAREST).convert("RGB")


def certificate(shared: np.random.Generator, own: np.random.Generator) -> Image.Image:
    """The same form, filled in for somebody else: name, words and date differ, and nothing more."""
    page, ink = Image.new("RGB", (760, 540), colour(shared, 235, 256)), colour(shared, 0, 120)
    draw = ImageDraw.Draw(page)
    for inset, wide in ((18, 6), (32, 2)):
        draw.rectangle((inset, inset, 760 - inset, 540 - inset), outline=ink, width=wide)
    draw.text(
        (380, 100), "Certificate of " + words(shared, 1).title(), ink, ImageFont.load_default(48), anchor="mm"
    )
    draw.text((380, 165), "This is to certify that", "black", ImageFont.load_default(20), anchor="mm")
    draw.text((380, 235), words(own, 2).title(), "black", ImageFont.load_default(44), anchor="mm")
    for line in range(3):
        text = words(own, 5)
        draw.text((380, 300 + 28 * line), text, "black", ImageFont.load_default(20), anchor="mm")
    _put(page, _mark(shared, 90), (620, 440))
    draw.text(
        (130, 440),
        f"{int(own.integers(1, 29))} May {int(own.integers(1990, 2026))}",
        "black",
        ImageFont.load_default(20),
    )
    draw.line((120, 468, 330, 468), "black", 2)
    return page


KINDS: Mapping[str, Draw] = MappingProxyType(
    {
        "wordmarks": wordmark,
        "logos, name beside": logo_beside,
        "logos, name below": logo_above,
        "app icons": app_icon,
        "windows of a programme": window,
        "memes of a template": meme,
        "covers of a series": cover,
        "maps": town,
        "sheets of music": music,
        "QR codes": squares,
        "certificates": certificate,
    }
)


def series(kind: str, number: int, works: int) -> list[Image.Image]:
    """So many different works of one series, always the same."""
    shared = [list(KINDS).index(kind), number]
    found: dict[bytes, Image.Image] = {}
    for own in count(1):
        work = KINDS[kind](np.random.default_rng(shared), np.random.default_rng([*shared, own]))
        found.setdefault(work.tobytes(), work)
        if len(found) == works:
            break
    return [*found.values()]
