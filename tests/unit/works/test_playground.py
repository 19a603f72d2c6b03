"""Changed copies of a picture, held against its codes by the very matcher that labs filter with."""

from __future__ import annotations

import pytest

from registry.core.errors import Undecodable, UnsupportedMedia
from registry.core.fingerprints import fingerprint_bytes
from registry.works.models import StoredFingerprint, WorkVersion
from registry.works.playground import CHANGES, try_changes
from tests.support.pictures import TEXT, blank_png, png


def version(data: bytes) -> WorkVersion:
    """A version on record with the codes of this file."""
    codes = [
        StoredFingerprint(algorithm=f.algorithm, kind=f.kind, code=f.code)
        for f in fingerprint_bytes(data).fingerprints
    ]
    return WorkVersion(number=1, fingerprints=codes)


def test_mild_changes_are_recognised_and_the_hardest_is_not() -> None:
    tried = {one.change: one for one in try_changes(png(1), [version(png(1))])}

    assert list(tried) == list(CHANGES)
    assert [name for name, one in tried.items() if one.state != "recognised"] == ["cropped-40"]
    assert tried["none"].distance == 0
    assert tried["mirrored"].distance is not None
    assert tried["mirrored"].distance <= 31, "the mirrored code is turned back before it is drawn"
    border = tried["bordered"]
    assert border.match is not None
    assert border.match.variant.startswith("trimmed/")
    assert border.distance == border.match.distance == 0
    part = tried["cropped-15"]
    assert part.match is not None
    assert part.match.by_part
    assert part.distance is not None
    assert part.distance > 47


def test_another_picture_leads_to_nothing() -> None:
    assert {one.state for one in try_changes(png(2), [version(png(1))])} == {"missed"}


def test_pictures_without_a_code_are_tried_all_the_same() -> None:
    tried = try_changes(blank_png(), [version(blank_png())])

    assert {(one.code, one.distance) for one in tried} == {(None, None)}
    assert {one.state for one in tried} == {"missed"}, "a copy that was saved anew is another file"


@pytest.mark.parametrize(
    ("data", "refused"), [(TEXT.encode(), UnsupportedMedia), (png(1)[:200], Undecodable)]
)
def test_what_is_no_picture_is_refused(data: bytes, refused: type[Exception]) -> None:
    with pytest.raises(refused):
        try_changes(data, [version(png(1))])
