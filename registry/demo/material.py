"""The demo's files: works as their makers have them, and a lab's dataset with copies among strangers.

The pictures ship inside scikit-image's wheel and are CC0 or in the public domain (see `skimage/data/_fetchers.py`);
the poems are in the public domain. The people, the lab and the prices are invented.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import orjson
from PIL import Image, ImageOps

PICTURES = ("chelsea.png", "coffee.png", "camera.png", "rocket.jpg", "logo.png")
POEMS = (
    "heine-meergruss.txt",
    "herwegh-morgenruf.txt",
    "brentano-schlacht-bei-sempach.txt",
    "liliencron-herzog-knut.txt",
)
STRANGERS = (
    "astronaut.png",
    "coins.png",
    "moon.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "grass.png",
)
STRANGE_POEMS = (
    "hagedorn-die-land-lust.txt",
    "brentano-die-ausgleichung.txt",
    "liliencron-der-rote-mantel.txt",
)


def skimage_data() -> Path:
    """Where scikit-image keeps its pictures."""
    import skimage

    return Path(skimage.__file__).parent / "data"


def poem(name: str) -> str:
    """One of the poems that ship with this package."""
    return resources.files("registry.demo").joinpath("texts", name).read_text("utf-8")


def write_works(folder: Path) -> None:
    """The makers' own files."""
    folder.mkdir(parents=True)
    for name in PICTURES:
        shutil.copyfile(skimage_data() / name, folder / name)
    for name in POEMS:
        (folder / name).write_text(poem(name), "utf-8")


@dataclass(frozen=True, slots=True)
class Copy:
    """A file of the dataset that was made from a work, and what was done to it, in words."""

    name: str
    source: str
    done: str
    change: Callable[[Image.Image], Image.Image]
    quality: int = 80


def _scaled(factor: float) -> Callable[[Image.Image], Image.Image]:
    return lambda im: im.resize(
        (round(im.width * factor), round(im.height * factor)), Image.Resampling.BICUBIC
    )


def _bordered(im: Image.Image) -> Image.Image:
    return ImageOps.expand(im.resize((256, 256 * im.height // im.width)), 24, "white")


COPIES = (
    Copy("cat-small.jpg", "chelsea.png", "half the size, re-encoded", _scaled(0.5), 70),
    Copy("cat-mirrored.jpg", "chelsea.png", "mirrored", ImageOps.mirror),
    Copy("cat-grey.jpg", "chelsea.png", "without colour", ImageOps.grayscale),
    Copy("photographer-bordered.jpg", "camera.png", "scaled down on a white border", _bordered),
    Copy(
        "photographer-turned.jpg", "camera.png", "turned by 90 degrees", lambda im: im.rotate(90, expand=True)
    ),
    Copy("launch-thumbnail.jpg", "rocket.jpg", "thumbnail of 256 pixels", _scaled(0.4), 60),
    Copy("espresso-1.jpg", "coffee.png", "re-encoded", lambda im: im, 60),
    Copy("espresso-2.jpg", "coffee.png", "two thirds of the size", _scaled(0.66)),
    Copy("espresso-3.webp", "coffee.png", "as WebP", lambda im: im),
    Copy("emblem.jpg", "logo.png", "flattened on white", lambda im: im, 90),
)


def write_dataset(folder: Path) -> None:
    """A lab's mixed dataset: pictures in a folder, one broken file, texts as files and as JSON lines."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    for copy in COPIES:
        with Image.open(skimage_data() / copy.source) as im:
            on_white = Image.new("RGBA", im.size, "white")
            on_white.alpha_composite(im.convert("RGBA"))
            copy.change(on_white.convert("RGB")).save(pictures / copy.name, quality=copy.quality)
    for name in STRANGERS:
        shutil.copyfile(skimage_data() / name, pictures / name)
    whole = (skimage_data() / "coins.png").read_bytes()
    (pictures / "broken.png").write_bytes(whole[: len(whole) // 3])

    texts = folder / "texts"
    texts.mkdir()
    (texts / "an-old-ballad.txt").write_text(poem("brentano-schlacht-bei-sempach.txt").upper(), "utf-8")
    (texts / "country-life.txt").write_text(poem("hagedorn-die-land-lust.txt"), "utf-8")
    with (folder / "web.jsonl").open("wb") as lines:
        for number, text in enumerate(_web_pages()):
            lines.write(orjson.dumps({"id": f"page-{number}", "text": text}) + b"\n")


def _web_pages() -> list[str]:
    """Documents as a crawler finds them: poems set without line breaks, with a little around them, and strangers."""
    return [
        " ".join(poem("liliencron-herzog-knut.txt").split()),
        "Gedicht des Tages\n\n" + poem("heine-meergruss.txt") + "\nQuelle: Buch der Lieder",
        poem("herwegh-morgenruf.txt").replace("ä", "ae"),
        *(poem(name) for name in STRANGE_POEMS[1:]),
        _essay(),
    ]


def _essay() -> str:
    """A page that is no copy of anything, but quotes eight lines of a poem that is on record."""
    lines = "\n".join(poem("liliencron-herzog-knut.txt").splitlines()[:8])
    return (
        "Was mich an Liliencrons Balladen noch immer hält, ist ihr Tempo. Kaum hat man den Hof gesehen, ist der Bote "
        f"schon da, und mit ihm das Unheil:\n\n{lines}\n\nAcht Zeilen, und alles ist gesagt, was für das Ende nötig "
        "ist. Man vergleiche damit, wie lange andere brauchen, bis der erste Reiter das Tor erreicht."
    )
