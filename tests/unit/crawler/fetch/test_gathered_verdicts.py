"""One verdict about a target from everything that was gathered, and the same one again from what was kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crawler.fetch.asking import Asker
from crawler.fetch.verdicts import Asked, tell, write_domains
from registry.core.decisions import Policy, Purpose, Request, Verdict
from registry.core.errors import InvalidInput, OutputExists
from registry.core.signals import Evidence, Subject
from registry.core.signals.emit import Declaration
from registry.core.signals.emit.packet import merged
from tests.unit.crawler.fetch.conftest import Site

PICTURE = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xda"


def asked(
    asker: Asker, *, policy: Policy = Policy.EU_ART4, evidence: Path | None = None, **more: object
) -> Asked:
    request = Request(Purpose.TRAIN_GENAI, policy, 1_800_000_000)
    return Asked(request, Subject(**more), evidence, asker=asker)  # type: ignore[arg-type]


def picture(site: Site, **headers: str) -> str:
    site.says("/a.jpg", PICTURE, 200, Content_Type="image/jpeg", **headers)
    return f"{site.origin}/a.jpg"


def test_nothing_found_is_said_with_what_was_looked_at(site: Site, asker: Asker) -> None:
    told = tell(picture(site), asked(asker))
    assert (told.decision.verdict, told.decision.mark) == (Verdict.UNKNOWN, "no-reservation-found")
    assert {"/robots.txt", "/.well-known/tdmrep.json", "/ai.txt", "c2pa", "iptc"} <= set(told.checked)
    assert set(site.asked) == {"/robots.txt", "/.well-known/tdmrep.json", "/ai.txt", "/a.jpg"}


@pytest.mark.parametrize(
    ("path", "body", "signal"),
    [
        ("/robots.txt", "User-agent: GPTBot\nDisallow: /\n", "robots"),
        ("/robots.txt", "User-agent: *\nContent-Usage: train-ai=n\n", "content-usage"),
        ("/robots.txt", "User-agent: *\nContent-Signal: ai-train=no\n", "content-signal"),
        ("/.well-known/tdmrep.json", '[{"location": "/", "tdm-reservation": 1}]', "tdmrep"),
        ("/ai.txt", "User-agent: *\nDisallow: *.jpg\n", "ai.txt"),
    ],
)
def test_each_file_of_a_site_can_refuse(site: Site, asker: Asker, path: str, body: str, signal: str) -> None:
    site.says(path, body)
    assert tell(picture(site), asked(asker)).decision.reason == f"signal.{signal}"


def test_a_licence_that_robots_announces_is_fetched_and_one_that_is_missing_refuses(
    site: Site, asker: Asker
) -> None:
    site.says("/robots.txt", f"License: {site.origin}/l.xml\nUser-agent: *\nAllow: /\n")
    assert tell(picture(site), asked(asker)).decision.verdict is Verdict.DENY
    site.says("/l.xml", site_licence('<permits type="usage">all</permits>'))
    assert tell(picture(site), asked(asker)).decision.verdict is Verdict.ALLOW
    site.says("/l.xml", site_licence('<prohibits type="usage">ai-train</prohibits>'))
    assert tell(picture(site), asked(asker)).decision.reason == "signal.rsl"


def site_licence(terms: str) -> str:
    """An RSL document about a whole site."""
    content = f'<content url="/"><license>{terms}</license></content>'
    return f'<rsl xmlns="https://rslstandard.org/rsl">{content}</rsl>'


def test_what_robots_keeps_us_from_is_not_fetched(site: Site, asker: Asker) -> None:
    site.says("/robots.txt", "User-agent: vorbehalt\nDisallow: /a\n")
    told = tell(picture(site), asked(asker, agent="otherbot", any_ai_agent=False))
    assert "/a.jpg" not in site.asked
    assert (told.decision.verdict, told.decision.kept, told.gap) == (Verdict.UNKNOWN, False, True)


@pytest.mark.parametrize("status", [500, 503, 429])
@pytest.mark.parametrize("path", ["/robots.txt", "/.well-known/tdmrep.json", "/ai.txt", "/a.jpg"])
def test_a_server_in_trouble_is_never_a_permission(site: Site, asker: Asker, path: str, status: int) -> None:
    target = picture(site, TDM_Reservation="0")
    site.says(path, b"", status)
    decision = tell(target, asked(asker)).decision
    assert (decision.verdict, decision.kept) == (Verdict.UNKNOWN, False)


def test_llms_txt_is_not_asked_for(site: Site, asker: Asker) -> None:
    site.says("/llms.txt", "# Take all\n")
    tell(picture(site), asked(asker))
    assert "/llms.txt" not in site.asked


def test_the_same_verdict_again_from_the_kept_evidence_alone(
    site: Site, asker: Asker, tmp_path: Path
) -> None:
    site.says("/robots.txt", f"License: {site.origin}/l.xml\nUser-agent: *\nContent-Signal: search=yes\n")
    target = picture(site, X_Robots_Tag="noai", TDM_Reservation="0")
    first = tell(target, asked(asker, evidence=tmp_path / "e"))
    count = len(site.asked)
    site.answers.clear()
    asker.clock = lambda: 1_900_000_000.0
    assert tell(target, asked(asker, evidence=tmp_path / "e")) == first
    assert len(site.asked) == count
    assert first.finding.conflict


def test_a_file_is_read_with_the_xmp_beside_it(asker: Asker, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(PICTURE)
    assert tell(str(tmp_path / "a.jpg"), asked(asker)).decision.reason == "none-found"
    (tmp_path / "a.xmp").write_bytes(merged(None, Declaration()))
    assert tell(str(tmp_path / "a.jpg"), asked(asker)).decision.reason == "signal.iptc"


def test_what_is_neither_address_nor_file_is_refused(asker: Asker, tmp_path: Path) -> None:
    for target in ("nothing.jpg", "ftp://example.org/a", "https://", str(tmp_path)):
        with pytest.raises(InvalidInput):
            tell(target, asked(asker))


def test_sites_are_written_as_lines_that_are_evidence_again(asker: Asker, tmp_path: Path) -> None:
    asker.resolver = lambda host: []
    (tmp_path / "domains.txt").write_text("b.example\n\na.example\nB.example\n")
    out = tmp_path / "out.jsonl"
    assert write_domains(tmp_path / "domains.txt", out, asked(asker)) == 2
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["domain"] for line in lines] == ["a.example", "b.example"]
    evidence = [Evidence.from_json(e) for line in lines for e in line["evidence"]]
    assert {e.error for e in evidence} == {"fetch.no-such-host"}
    with pytest.raises(OutputExists):
        write_domains(tmp_path / "domains.txt", out, asked(asker))
