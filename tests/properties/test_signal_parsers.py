"""No bytes make a reader of opt-out signals fail, and none of garbage makes it permit."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.fingerprints.model import Limits
from registry.core.signals import (
    Answer,
    Evidence,
    Observation,
    Subject,
    ai_txt,
    c2pa,
    content_signal,
    content_usage,
    embedded,
    feeds,
    html,
    robots,
    rsl,
    tdmrep,
    x_robots,
    xmp,
)
from registry.core.signals.headers import Headers
from registry.core.signals.reading import SITE_FILES, Obtained, read

VECTORS = Path(__file__).parents[1] / "conformance" / "signals"
SUBJECT = Subject("https://example.org/a/b.jpg?c=d", agent="mybot")

Reader = Callable[[bytes], list[Evidence]]


def by_robots(body: bytes) -> list[Evidence]:
    parsed = robots.Robots.parse(body)
    found = robots.read(parsed, SUBJECT) + content_usage.read_robots(parsed, SUBJECT)
    return found + content_signal.read_robots(parsed, SUBJECT)


def by_headers(body: bytes) -> list[Evidence]:
    value = body.decode("latin-1")
    names = ("X-Robots-Tag", "TDM-Reservation", "Content-Usage", "Content-Signal", "Link", "crawler-price")
    item = Observation(SUBJECT.url, 200, tuple((name, value) for name in names), body)
    return read(
        Obtained(item, {path: Observation(path, 200, (), body) for path in SITE_FILES}), SUBJECT, Limits()
    )


def by_page(body: bytes) -> list[Evidence]:
    page = html.parse(body)
    found = [e for name, content in page.metas for e in x_robots.read_meta(name, content, SUBJECT)]
    return found + tdmrep.read_page(page, SUBJECT) + rsl.read_page(page, SUBJECT)


READERS: dict[str, Reader] = {
    "robots.txt": by_robots,
    "headers": by_headers,
    "page": by_page,
    "tdmrep.json": lambda body: tdmrep.read_file(body, SUBJECT),
    "ai.txt": lambda body: ai_txt.read(body, SUBJECT),
    "rsl": lambda body: rsl.read(body, SUBJECT, "document"),
    "xmp": lambda body: xmp.read(body, SUBJECT, "xmp"),
    "c2pa": lambda body: c2pa.read(body, "c2pa", body),
    "feed": lambda body: feeds.read(body, SUBJECT, "feed") + feeds.read(body, SUBJECT, "feed", inside=True),
    "file": lambda body: embedded.read(body, SUBJECT, Limits()),
    "x-robots-tag": lambda body: x_robots.read_headers(
        Headers([("x-robots-tag", body.decode("latin-1"))]), SUBJECT
    ),
}

MAGIC = (
    b"\xff\xd8\xff\xe1",
    b"\xff\xd8\xff\xeb\0\x20JP\0\1\0\0\0\1",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF\x40\0\0\0WEBP",
    b"II*\0\x08\0\0\0",
    b"MM\0+\0\x08\0\0",
    b"GIF89a",
    b"\0\0\0\x18ftypavif",
    b"%PDF-1.7\n",
    b"PK\3\4",
    b"<x:xmpmeta",
    b"ID3\4\0\0\0\0\0\x20TXXX\0\0\0\x10",
    b"ID3\2\0\x80\0\0\0\x20TXX\0\0\x10",
    b"fLaC\4\0\0\x20",
    b"OggS\0\2" + bytes(20) + b"\2\x08\x10",
    b"FORM\0\0\0\x40AIFF",
    b'<rss xmlns:rsl="https://rslstandard.org/rsl"><rsl:content',
)
WORDS = (
    b"User-agent: *\n",
    b"Disallow: ",
    b"Content-Usage: ",
    b"train-ai=",
    b"<rsl ",
    b'[{"location":',
    b"jumb",
    b"\n",
    b"y",
)
pieces = st.one_of(st.sampled_from(MAGIC + WORDS), st.binary(max_size=40))
garbage = st.lists(pieces, max_size=12).map(b"".join)


@pytest.mark.parametrize("name", list(READERS))
@given(data=st.data())
def test_no_bytes_make_a_reader_fail(name: str, data: st.DataObject) -> None:
    body = data.draw(garbage)
    for evidence in READERS[name](body):
        assert isinstance(evidence, Evidence)
        assert len(evidence.raw) <= 4096


@pytest.mark.parametrize("name", list(READERS))
@given(body=st.binary(max_size=400))
def test_noise_never_permits(name: str, body: bytes) -> None:
    assert not any(answer is Answer.ALLOW for e in READERS[name](body) for _, answer in e.answers)


def refusals() -> list[Any]:
    """Vectors of whole files that refuse and permit nothing."""
    found = []
    for path in sorted(VECTORS.glob("*.json")):
        for case in json.loads(path.read_text("utf-8")):
            answers = set(case["expect"]["answers"].values())
            whole = {
                "robots": "robots.txt",
                "tdmrep.file": "tdmrep.json",
                "rsl": "rsl",
                "xmp": "xmp",
                "c2pa": "c2pa",
            }
            given_ = case["input"]
            if case["read"] in whole and answers == {"deny"} and ("text" in given_ or "base64" in given_):
                body = base64.b64decode(given_["base64"]) if "base64" in given_ else given_["text"].encode()
                found.append(pytest.param(whole[case["read"]], body, id=f"{path.stem}-{case['id']}"))
    return found


@pytest.mark.parametrize(("name", "body"), refusals())
def test_a_refusal_that_is_cut_off_anywhere_does_not_become_a_permission(name: str, body: bytes) -> None:
    for end in range(len(body)):
        evidence = READERS[name](body[:end])
        assert not any(answer is Answer.ALLOW for e in evidence for _, answer in e.answers)
