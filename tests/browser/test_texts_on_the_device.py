"""The codes that a browser makes of a text are those that the server makes, bit for bit, whatever the text."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.fingerprints import MD5, fingerprint_bytes
from registry.core.fingerprints.vectors import load_vectors
from registry.web.device import read_codes
from tests.support import manuscripts
from tests.support.pictures import TEXT

Visits = Callable[..., Any]

HASH = """
async ([texts, script]) => {
  const { hashedText } = await import(script);
  const answers = [];
  for (const text of texts) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const { is, why, found, passages } = await hashedText(bytes, () => {});
    const written = Array.from(passages ?? [], (byte) => byte.toString(16).padStart(2, "0")).join("");
    answers.push([is, why ?? "", JSON.stringify(found ?? null), written]);
  }
  return answers;
}
"""


@pytest.fixture(scope="module")
def drawn() -> list[bytes]:
    """Texts of any characters, those that Unicode has not assigned too, some of them far longer than a window."""
    texts: list[bytes] = []
    words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=9)
    sentences = st.lists(words, min_size=8, max_size=40).map(" ".join)

    @settings(
        max_examples=150, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(sentences, st.integers(1, 20), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    def draw(text: str, times: int, encoding: str) -> None:
        texts.append((text * times).encode(encoding))

    draw()
    return texts


def every_character() -> bytes:
    """All code points that a text may have; of the planes that are empty or for private use every hundredth."""
    points = [
        *range(0x40000),
        *range(0x40000, 0xE0000, 100),
        *range(0xE0000, 0xE1000),
        *range(0xE1000, 0x110000, 100),
    ]
    allowed = [
        chr(point)
        for point in points
        if not (0xD800 <= point < 0xE000 or point == 0x7F or (point < 0x20 and point not in range(9, 14)))
    ]
    return "".join(allowed).encode()


def odd() -> list[bytes]:
    """Texts at the limits of the rules: short ones, ties among hashes, what looks like something else."""
    page = b"<p>" + TEXT.encode()
    return [
        b"",
        b"a" * 62,
        b"a" * 63,
        b"a" * 5000,
        b"ab" * 3000,
        ("ﷺ" * 2000).encode(),
        ("한국어 문장 " * 60).encode(),
        codecs.BOM_UTF8 + codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode("utf-16-be"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le")[:-1],
        codecs.BOM_UTF16_LE + b"\x3d\xd8" + TEXT.encode("utf-16-le"),
        TEXT.encode() + "Ü".encode("latin-1"),
        TEXT.encode() + b"\xed\xa0\x80",
        TEXT.encode() + b"\xc0\xaf",
        TEXT.encode() + b"\0",
        TEXT.encode() + b"\x1b[1m",
        TEXT.encode() + b"\x7f",
        b"\x0b\x0c\r\n\t" + TEXT.encode(),
        b"BMW and Saab. " + TEXT.encode(),
        b"%!PS " + TEXT.encode(),
        b"{\\rtf1 " + TEXT.encode(),
        b"ID3\x04" + TEXT.encode(),
        b"<svg xmlns='http://www.w3.org/2000/svg'><text>" + TEXT.encode(),
        b"<!-- a --> <!DOCTYPE svg>\n<svg >" + TEXT.encode(),
        b"\xc2\x85<svg>" + TEXT.encode(),
        b"<svgs>" + TEXT.encode(),
        b"<poem>" + TEXT.encode(),
        b"<!-- a comment that does not end <p> " + TEXT.encode(),
        b"<!-- a -- b --> c --> <p>" + TEXT.encode(),
        b"<psalm>" + TEXT.encode(),
        b"<? no declaration ?><p>" + TEXT.encode(),
        b"# A heading\n\n* " + TEXT.encode() + b"\n\n[a link](https://example.org/)",
        b" " * 4100 + page,
    ]


def documents() -> list[bytes]:
    """What only the server reads."""
    page = b"<p>" + TEXT.encode()
    return [
        page,
        codecs.BOM_UTF8 + b" \n<!-- c --><BODY>" + TEXT.encode(),
        b"\xa0\x85<?xml version='1.0' encoding='latin1'?><html>" + TEXT.encode(),
        codecs.BOM_UTF16_LE + ("\u3000<ſcript>" + TEXT).encode("utf-16-le"),
        codecs.BOM_UTF16_BE + page.decode().encode("utf-16-be"),
        manuscripts.docx(manuscripts.paragraph(TEXT)),
        manuscripts.epub([TEXT]),
        manuscripts.pdf([TEXT]),
    ]


def ask(page: Any, texts: list[bytes]) -> list[tuple[str, str, str, bytes]]:
    """What the script answers for each: state, reason, codes and facts, fingerprints for excerpts."""
    given = [base64.b64encode(text).decode() for text in texts]
    answers = page.evaluate(HASH, [given, "/static/hash/text.js"])
    return [(state, why, found, bytes.fromhex(passages)) for state, why, found, passages in answers]


def test_every_text_has_the_same_codes_or_is_refused_as_on_the_server(
    visit: Visits, drawn: list[bytes]
) -> None:
    vectors = [vector["text"].encode() for vector in load_vectors()["texts"]]
    texts = [*vectors, every_character(), *odd(), *drawn]
    hashed = 0
    for text, (state, _why, found, passages) in zip(texts, ask(visit().open("/en/"), texts), strict=True):
        try:
            here = fingerprint_bytes(text)
        except InvalidInput:
            assert state == "refused", text[:200]
            continue
        assert state == "device", text[:200]
        there = read_codes(found, passages)
        assert there.facts == here.facts
        assert (there.media, there.media_type, there.size) == (here.media, here.media_type, here.size)
        assert set(there.fingerprints) == {f for f in here.fingerprints if f.algorithm != MD5}, text[:200]
        hashed += 1
    assert hashed > 100


def test_documents_are_left_to_the_server(visit: Visits) -> None:
    answers = ask(visit().open("/en/"), documents())

    assert [answer[:2] for answer in answers] == [("send", "document")] * len(answers)
    assert all(fingerprint_bytes(document).media == "text" for document in documents())
