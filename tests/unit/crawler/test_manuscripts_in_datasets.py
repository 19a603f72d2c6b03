"""An e-book, a PDF or a page in a dataset meets the same text that was registered as something else."""

from __future__ import annotations

import hashlib

import pytest

from crawler.filter import read
from crawler.sources.base import Part, Sample
from registry.core.fingerprints import MD5, SHA256, Fingerprint, Limits
from registry.core.fingerprints.model import DEFAULT_LIMITS
from tests.support import manuscripts as made

TEXT = f"{made.POEM} {made.SECOND}"


def _reading(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[str | None, set[Fingerprint], str | None]:
    """Media, codes of the text, gap; the digests are checked here."""
    found = read(Sample(0, "key", raw, len(raw)), limits)
    assert found.sha256 == hashlib.sha256(raw).hexdigest()
    digests = {f.code.hex() for f in found.fingerprints if f.algorithm == SHA256}
    assert digests <= {found.sha256}
    return found.media, {f for f in found.fingerprints if f.algorithm not in (SHA256, MD5)}, found.gap


REGISTERED = _reading(TEXT.encode())[1]


@pytest.mark.parametrize(
    "raw",
    [
        made.chapter(TEXT).encode(),
        made.epub([made.POEM, made.SECOND]),
        made.pdf([made.POEM, made.SECOND]),
        made.docx(made.paragraph(made.POEM) + made.paragraph(made.SECOND)),
    ],
    ids=["html", "epub", "pdf", "docx"],
)
def test_a_document_has_the_codes_of_its_text(raw: bytes) -> None:
    assert _reading(raw) == ("text", REGISTERED, None)
    as_part = read(Sample(0, "key", b"", 0, parts=(Part(b"too short"), Part(raw))), DEFAULT_LIMITS)
    assert set(as_part.fingerprints) >= REGISTERED


@pytest.mark.parametrize(
    ("raw", "gap"),
    [
        (made.pdf([""], picture=True), "error.unsupported"),
        (made.pdf([TEXT], encrypted=True), "error.unsupported"),
        (made.pdf([TEXT])[:200], "error.undecodable"),
        (made.epub([TEXT])[:-9], "error.undecodable"),
        (made.docx(" " * (8 << 20)), "error.too-large"),
        (b"<html><p>Too short.", "unchecked.too-short"),
    ],
    ids=["scan", "locked", "broken", "cut", "bomb", "short"],
)
def test_what_cannot_be_read_is_never_taken_as_checked(raw: bytes, gap: str) -> None:
    media, codes, found = _reading(raw, Limits(max_unpacked_bytes=1 << 20))
    assert (media, codes, found) == (None, set(), gap)
