"""One verdict about a target from everything that was gathered, and the same one again from what was kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawler.fetch.asking import Asker
from crawler.fetch.verdicts import Asked, tell, write_sites
from crawler.sites.lines import parse_head, parse_site, parse_tail
from registry.core.decisions import Policy, Purpose, Request, Verdict
from registry.core.errors import InvalidInput, OutputExists
from registry.core.signals import Subject
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


# -- whole sites ---------------------------------------------------------------------------------------------
def sites_file(tmp_path: Path, asker: Asker, *lines: str, **more: object) -> Path:
    """What `vorbehalt signals --domains` writes for these lines."""
    (tmp_path / "list.txt").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    out = tmp_path / "sites.jsonl"
    assert write_sites(tmp_path / "list.txt", out, asked(asker, **more)) > 0  # type: ignore[arg-type]
    return out


def test_sites_are_written_in_order_each_once_and_never_over_another_file(
    asker: Asker, tmp_path: Path
) -> None:
    asker.resolver = lambda host: []
    out = sites_file(
        tmp_path, asker, "b.example", "", "A.example.", "B.example", "http://bücher.example:8080/"
    )
    head, *sites, tail = out.read_bytes().splitlines(keepends=True)
    assert [parse_site(line)[0] for line in sites] == [
        "http://xn--bcher-kva.example:8080",
        "https://a.example",
        "https://b.example",
    ]
    answers = [answer for line in sites for answer in parse_site(line)[1].site.values()]
    assert {answer.error for answer in answers} == {"no-such-host"}
    assert parse_head(head).begun == parse_tail(tail).ended == 1_800_000_000  # type: ignore[union-attr]
    with pytest.raises(OutputExists):
        sites_file(tmp_path, asker, "b.example")


def test_a_site_is_kept_with_what_it_announces(site: Site, asker: Asker, tmp_path: Path) -> None:
    site.says("/robots.txt", "License: l.xml\nUser-agent: *\nDisallow: /b\n")
    site.says("/l.xml", site_licence('<prohibits type="usage">ai-train</prohibits>'))
    out = sites_file(tmp_path, asker, site.origin, agent="mybot")
    head, line, _ = out.read_bytes().splitlines(keepends=True)
    origin, obtained = parse_site(line)
    assert (origin, list(obtained.licences)) == (site.origin, [f"{site.origin}/l.xml"])
    assert obtained.site["/robots.txt"].body == site.answers["/robots.txt"][2]  # type: ignore[index]
    assert "/" not in site.asked
    assert parse_head(head).agent == "mybot"


def test_a_site_that_announces_no_end_of_licences_is_asked_for_some(
    site: Site, asker: Asker, tmp_path: Path
) -> None:
    site.says("/robots.txt", "".join(f"License: /{n}.xml\n" for n in range(100)))
    sites_file(tmp_path, asker, site.origin)
    assert len(site.asked) == 3 + 16


@pytest.mark.parametrize(
    "line",
    [
        "a.example/path",
        "user@a.example",
        "ftp://a.example",
        "https://",
        "a b.example",
        "a.example:x",
        "?",
        "a.example?x",
    ],
)
def test_a_line_that_is_no_site_is_refused_before_anybody_is_asked(
    site: Site, asker: Asker, tmp_path: Path, line: str
) -> None:
    with pytest.raises(InvalidInput, match="line 2"):
        sites_file(tmp_path, asker, site.origin, line)
    assert site.asked == []
    assert not (tmp_path / "sites.jsonl").exists()
