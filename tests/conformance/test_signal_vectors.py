"""Every vector of `tests/conformance/signals` holds for our readers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.core.decisions import Purpose
from registry.core.fingerprints.model import Limits
from registry.core.signals import (
    Answer,
    Evidence,
    Media,
    Observation,
    Subject,
    ai_txt,
    c2pa,
    combine,
    content_signal,
    content_usage,
    embedded,
    feeds,
    html,
    payment,
    robots,
    rsl,
    rsl_discovery,
    tdm_ai,
    tdmrep,
    x_robots,
    xmp,
)
from registry.core.signals.headers import Headers

VECTORS = Path(__file__).parent / "signals"

Given = dict[str, Any]
Reader = Callable[[Given, Subject], list[Evidence]]


def headers(given: Given) -> Headers:
    return Headers([(name, value) for name, value in given["headers"]])


def content(given: Given) -> bytes:
    if "base64" in given:
        return base64.b64decode(given["base64"])
    return str(given["text"]).encode()


def signed_file(given: Given) -> bytes | None:
    return base64.b64decode(given["file"]) if "file" in given else None


def parsed(given: Given) -> robots.Robots:
    return robots.Robots.parse(content(given))


def unavailable(given: Given) -> list[Evidence]:
    return robots.unavailable(Observation("/robots.txt", given.get("status"), error=given.get("error")))


def meta_robots(given: Given, subject: Subject) -> list[Evidence]:
    page = html.parse(content(given))
    return [e for name, value in page.metas for e in x_robots.read_meta(name, value, subject)]


def all_of_tdmrep(given: Given, subject: Subject) -> list[Evidence]:
    """Several places at once, what a higher one replaces left out."""
    found: list[Evidence] = []
    if "file" in given:
        found += tdmrep.read_file(str(given["file"]).encode(), subject)
    if "headers" in given:
        found += tdmrep.read_headers(headers(given), subject)
    if "html" in given:
        found += tdmrep.read_page(html.parse(str(given["html"]).encode()), subject)
    if "publication" in given:
        found += tdmrep.read_publication(given["publication"], None, "epub", subject)
    replaced = combine(found, Purpose.TDM).replaced
    return [e for e in found if e not in replaced]


READERS: dict[str, Reader] = {
    "robots": lambda given, subject: robots.read(parsed(given), subject),
    "robots.unavailable": lambda given, _: unavailable(given),
    "content-usage.headers": lambda given, subject: content_usage.read_headers(headers(given), subject),
    "content-usage.robots": lambda given, subject: content_usage.read_robots(parsed(given), subject),
    "content-signal.headers": lambda given, subject: content_signal.read_headers(headers(given), subject),
    "content-signal.robots": lambda given, subject: content_signal.read_robots(parsed(given), subject),
    "tdmrep.file": lambda given, subject: tdmrep.read_file(content(given), subject),
    "tdmrep.headers": lambda given, subject: tdmrep.read_headers(headers(given), subject),
    "tdmrep.page": lambda given, subject: tdmrep.read_page(html.parse(content(given)), subject),
    "tdmrep.all": lambda given, subject: all_of_tdmrep(given, subject),
    "feed": lambda given, subject: feeds.read(content(given), subject, "feed"),
    "file": lambda given, subject: embedded.read(content(given), subject, Limits()),
    "html": lambda given, subject: meta_robots(given, subject),
    "rsl": lambda given, subject: rsl.read(content(given), subject, "document"),
    "rsl.unobtainable": lambda given, _: rsl.unobtainable("document", given["error"]),
    "rsl.page": lambda given, subject: rsl.read_page(html.parse(content(given)), subject),
    "tdm-ai": lambda given, _: tdm_ai.read(given["records"]),
    "payment": lambda given, _: payment.read(given["status"], headers(given)),
    "xmp": lambda given, subject: xmp.read(content(given), subject, "xmp"),
    "c2pa": lambda given, _: c2pa.read(content(given), "c2pa", signed_file(given)),
    "ai.txt": lambda given, subject: ai_txt.read(content(given), subject),
    "x-robots-tag.headers": lambda given, subject: x_robots.read_headers(headers(given), subject),
    "x-robots-tag.meta": lambda given, subject: x_robots.read_meta(given["name"], given["content"], subject),
}

CASES = [
    pytest.param(case, id=f"{path.stem}-{case['id']}")
    for path in sorted(VECTORS.glob("*.json"))
    for case in json.loads(path.read_text("utf-8"))
]


def together(evidence: list[Evidence]) -> dict[str, str]:
    """What several statements say by purpose, a refusal going before a permission."""
    said: dict[str, str] = {}
    for purpose in (p for p in Purpose if p is not Purpose.ALL):
        found = {e.about(purpose) for e in evidence}
        if found & {Answer.DENY, Answer.ALLOW}:
            said[purpose.value] = "deny" if Answer.DENY in found else "allow"
    return said


@pytest.mark.parametrize("case", CASES)
def test_a_vector_holds(case: Given) -> None:
    subject = Subject(
        **{**case.get("subject", {}), "media": Media(case.get("subject", {}).get("media", "other"))}
    )
    evidence = READERS[case["read"]](case["input"], subject)
    expected = case["expect"]
    assert together(evidence) == expected["answers"]
    if "acquire" in expected:
        assert expected["acquire"] in {e.acquire.value for e in evidence} or (
            expected["acquire"] == "unknown" and not any(e.acquire is not Answer.UNKNOWN for e in evidence)
        )
    for note in expected.get("notes", ()):
        assert any(note in e.notes for e in evidence)
    for fact in expected.get("details", {}).items():
        assert any(fact in e.details for e in evidence)
    if "error" in expected:
        assert any(e.error == expected["error"] for e in evidence)


def test_every_vector_has_a_name_of_its_own() -> None:
    names = [str(case.id) for case in CASES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("agent", "announced"),
    [("ExampleBot", "https://example.org/ex.xml"), ("otherbot", "https://example.org/g.xml")],
)
def test_l8_a_licence_in_the_agents_group_replaces_the_one_for_all(agent: str, announced: str) -> None:
    text = (
        b"License: https://example.org/g.xml\nUser-agent: ExampleBot\nLicense: https://example.org/ex.xml\n"
    )
    subject = Subject("https://example.org/a", agent=agent)
    assert rsl_discovery.robots_documents(robots.Robots.parse(text), subject) == (announced,)


def test_documents_are_found_by_header_and_by_link() -> None:
    subject = Subject("https://example.org/a/b.html")
    given = Headers(
        [
            (
                "Link",
                '</style.css>; rel=preload, </l.xml>; rel="license"; type="application/rsl+xml"; title="a, b"',
            )
        ]
    )
    assert rsl_discovery.header_documents(given, subject) == ("https://example.org/l.xml",)
    page = html.parse(
        b'<link rel="license" type="application/rsl+xml" href="l.xml"><link rel=license href=cc>'
    )
    assert rsl_discovery.page_documents(page, subject) == ("https://example.org/a/l.xml",)
