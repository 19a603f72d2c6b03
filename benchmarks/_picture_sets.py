"""Sets of pictures that are made to be hard: symmetric ones, and works that share an element."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from PIL import Image

from benchmarks._edits import captioned, emblem, symmetric, viewer, written
from benchmarks._pictures import as_file, matcher_of, shallow
from registry.core.decisions import Grade
from registry.core.fingerprints import Fingerprint, fingerprint_bytes

Change = Callable[[Image.Image], Image.Image]
Facts = dict[str, str]
OTHERS = 40
"""Pictures with the element that are looked for."""


def symmetric_set(originals: Sequence[Image.Image], ways: int) -> Facts:
    """Mirrored pictures, registered; copies at JPEG 75 and at half size."""
    made = [symmetric(p, ways) for p in originals]
    matcher = matcher_of(_prints(as_file(p)) for p in made)
    copies = [as_file(p, 75) for p in made] + [as_file(p.resize((p.width // 2, p.height // 2))) for p in made]
    grades, strangers = dict.fromkeys(("certain", "match", "review", "none"), 0), 0
    for number, matches in enumerate(matcher.match([_prints(file) for file in copies])):
        mine = [m for m in matches if m.work_row == number % len(made)]
        grades[mine[0].grade.name.lower() if mine else "none"] += 1
        strangers += sum(m.grade >= Grade.MATCH for m in matches) - sum(m.grade >= Grade.MATCH for m in mine)
    total = len(copies)
    shares = {name: f"{100 * count / total:.1f} %" for name, count in grades.items()}
    return {**shares, "strangers": f"{strangers} of {total * (len(made) - 1):,}"}


def branded(picture: Image.Image) -> Image.Image:
    """With a logo of a quarter of its shorter side."""
    copy, side = picture.copy(), min(picture.size) // 4
    copy.paste(emblem(side), (copy.width - side - 6, copy.height - side - 6))
    return copy


_ANY = np.random.default_rng(0)
ELEMENTS: Mapping[str, Change] = MappingProxyType(
    {
        "logo in the corner": branded,
        "watermark across": lambda p: written(p, _ANY),
        "caption of the same words": lambda p: captioned(p, _ANY),
        "window of a viewer": viewer,
    }
)


def shared_set(originals: Sequence[Image.Image], change: Change, sharers: int) -> Facts:
    """Works that share an element, and other pictures that have it too: how many accuse a work wrongly."""
    works = [change(p) for p in originals[:sharers]]
    others = [change(p) for p in originals[sharers : sharers + OTHERS]]
    matcher = matcher_of(_prints(as_file(p)) for p in works)
    items = [_prints(as_file(p, 85), deep=True) for p in others]
    facts = {"works": str(len(works)), "others": str(len(others))}
    for how, asked in (("", [shallow(item) for item in items]), (", deep", items)):
        found = matcher.match(asked)
        accused = sum(any(m.grade >= Grade.MATCH for m in matches) for matches in found)
        review = sum(bool(matches) and all(m.grade < Grade.MATCH for m in matches) for matches in found)
        facts[f"accused{how}"] = f"{100 * accused / max(1, len(others)):.1f} %"
        facts[f"to review{how}"] = f"{100 * review / max(1, len(others)):.1f} %"
    return facts


def _prints(file: bytes, *, deep: bool = False) -> tuple[Fingerprint, ...]:
    return fingerprint_bytes(file, deep=deep).fingerprints
