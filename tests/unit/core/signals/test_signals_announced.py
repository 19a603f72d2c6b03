"""Documents that others announce: feeds beside a page, and licences for other AI agents in robots.txt."""

from __future__ import annotations

import io
import zipfile

import pytest

from registry.core.decisions import Purpose
from registry.core.fingerprints.model import Limits
from registry.core.signals import Answer, Evidence, Observation, Subject, combine, embedded, html, rsl
from registry.core.signals.reading import Obtained, read, wanted

PAGE = "https://news.example/a/1.html"
FEED = "https://news.example/feed.xml"
LICENCE = "https://news.example/licence.xml"


def content(url: str, rule: str = '<rsl:prohibits type="usage">ai-train</rsl:prohibits>') -> str:
    return f'<rsl:content url="{url}"><rsl:license>{rule}</rsl:license></rsl:content>'


def rss(*entries: str) -> bytes:
    items = "".join(f"<item><title>a</title><link>{PAGE}</link>{entry}</item>" for entry in entries)
    return (
        '<?xml version="1.0"?><!-- news --><rss version="2.0" xmlns:rsl="https://rslstandard.org/rsl">'
        f"<channel><title>News</title>{items}</channel></rss>"
    ).encode()


def page(*links: str) -> Observation:
    head = "".join(f'<link rel="alternate" type="application/rss+xml" href="{link}">' for link in links)
    body = f"<!doctype html><html><head>{head}</head><body>a</body></html>".encode()
    return Observation(PAGE, 200, (("Content-Type", "text/html"),), body, observed_at=5)


def gathered(item: Observation, answers: dict[str, Observation]) -> list[Evidence]:
    return read(Obtained(item, licences=answers), Subject(PAGE), Limits())


def answer(body: bytes = b"", status: int | None = 200, error: str | None = None) -> Observation:
    return Observation(FEED, status, (), body, error, observed_at=9)


PERMITS = '<rsl:permits type="usage">ai-train</rsl:permits>'


@pytest.mark.parametrize(
    ("feed", "said"),
    [
        (rss(content(PAGE)), Answer.DENY),
        (rss(content("/a/*")), Answer.DENY),
        (rss(content("")), Answer.DENY),
        (rss(content("https://news.example/b/2.html")), Answer.UNKNOWN),
        (rss(content("https://other.example/a/1.html")), Answer.UNKNOWN),
        (rss(content(PAGE, PERMITS)), Answer.ALLOW),
        (rss(content(PAGE, "<rsl:nonsense/>")), Answer.DENY),
        (rss(), Answer.UNKNOWN),
    ],
    ids=["address", "pattern", "entry", "another", "stranger", "permits", "invalid", "silent"],
)
def test_what_a_feed_says_about_the_page_that_announces_it(feed: bytes, said: Answer) -> None:
    evidence = gathered(page("/feed.xml"), {FEED: answer(feed)})
    assert combine(evidence, Purpose.TRAIN_GENAI).answer is said
    assert all(e.observed_at == 9 for e in evidence)


def test_an_entry_of_atom_names_its_address_by_an_attribute() -> None:
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:rsl="https://rslstandard.org/rsl">'
        f'<entry><link href="{PAGE}"/>{content("")}</entry>'
        f'<entry><link href="https://news.example/other"/>{content("", PERMITS)}</entry></feed>'
    ).encode()
    (found,) = gathered(page("/feed.xml"), {FEED: answer(atom)})
    assert found.about(Purpose.TRAIN_AI) is Answer.DENY


def test_feeds_of_the_pages_own_site_are_asked_for_and_no_more_than_two() -> None:
    links = ("https://elsewhere.example/feed", "http://[", "/1.xml", "/1.xml", "/2.xml", "/3.xml")
    asked = list(wanted(Obtained(page(*links)), Subject(PAGE)))
    assert asked == ["https://news.example/1.xml", "https://news.example/2.xml"]


@pytest.mark.parametrize(
    ("given", "gap"),
    [
        (answer(status=404), None),
        (answer(status=503), "error.signal.rsl"),
        (answer(status=None, error="timeout"), "error.signal.rsl"),
        (answer(rss(content(PAGE))[:-20]), "error.signal.rsl"),
        (answer(b"<html>no feed</html>"), None),
    ],
    ids=["missing", "failing", "timeout", "truncated", "page"],
)
def test_a_feed_need_not_exist_but_one_that_cannot_be_read_is_unknown(
    given: Observation, gap: str | None
) -> None:
    found = combine(gathered(page("/feed.xml"), {FEED: given}), Purpose.TRAIN_GENAI).gap
    assert (found.reason if found else None) == gap


def test_a_feed_that_is_itself_the_item_is_refused_for_any_of_its_entries_and_never_permitted() -> None:
    mixed = rss(content("https://news.example/b", PERMITS), content("https://news.example/c"))
    for subject in (Subject(), Subject(FEED)):
        evidence = embedded.read(mixed, subject, Limits())
        assert combine(evidence, Purpose.TRAIN_GENAI).answer is Answer.DENY
        assert not any(said is Answer.ALLOW for e in evidence for _, said in e.answers)


def site(robots: str, licence: bytes | None) -> Obtained:
    licences = {} if licence is None else {LICENCE: Observation(LICENCE, 200, (), licence)}
    return Obtained(None, {"/robots.txt": Observation("/robots.txt", 200, (), robots.encode())}, licences)


@pytest.mark.parametrize(("rule", "denied"), [("prohibits", True), ("permits", False)])
def test_a_licence_for_another_ai_agent_refuses_and_never_permits(rule: str, denied: bool) -> None:
    document = (
        f'<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license><{rule} type="usage">all</{rule}>'
        "</license></content></rsl>"
    ).encode()
    robots = f"User-agent: GPTBot\nLicense: {LICENCE}\n\nUser-agent: *\nAllow: /\n"
    everybody, alone = Subject(PAGE, agent="mybot"), Subject(PAGE, agent="mybot", any_ai_agent=False)
    assert list(wanted(site(robots, None), everybody)) == [LICENCE]
    assert list(wanted(site(robots, None), alone)) == []

    evidence = [e for e in read(site(robots, document), everybody, Limits()) if e.signal == "rsl"]
    said = Answer.DENY if denied else Answer.UNKNOWN
    assert [(e.about(Purpose.TRAIN_AI), e.notes) for e in evidence] == [(said, ("other-agent",))]


def test_a_licence_for_another_ai_agent_that_cannot_be_had_licenses_nobody() -> None:
    robots = f"User-agent: GPTBot\nLicense: {LICENCE}\n"
    found = combine(read(site(robots, None), Subject(PAGE), Limits()), Purpose.TRAIN_AI)
    assert found.answer is Answer.DENY


def test_an_ebook_carries_its_licence_in_its_package() -> None:
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata><rsl:rsl '
        f'xmlns:rsl="https://rslstandard.org/rsl">{content("https://press.example/book.epub")}</rsl:rsl>'
        "</metadata></package>"
    )
    container = '<container><rootfiles><rootfile full-path="p.opf"/></rootfiles></container>'
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr("META-INF/container.xml", container)
        archive.writestr("p.opf", package)
    (found,) = embedded.read(file.getvalue(), Subject("https://copies.example/b.epub"), Limits())
    assert (found.where, found.about(Purpose.TRAIN_AI)) == ("epub rsl:rsl", Answer.DENY)


def test_an_rsl_document_in_a_page_is_about_the_page_wherever_it_lies() -> None:
    script = (
        '<rsl xmlns="https://rslstandard.org/rsl"><content url="https://first.example/1"><license>'
        '<prohibits type="usage">all</prohibits></license></content></rsl>'
    )
    body = f'<html><script type="application/rsl+xml">{script}</script></html>'.encode()
    (found,) = embedded.read_page(html.parse(body), Subject("https://copy.example/2"))
    assert found.about(Purpose.TRAIN_AI) is Answer.DENY
    assert "elsewhere" in found.notes


@pytest.mark.parametrize(
    ("content_url", "covers"),
    [
        ("https://NEWS.example:443/a/*", True),
        ("http://news.example./a/", True),
        ("https://news.example:8443/a/", False),
        ("https://münchen.example/a/", False),
    ],
)
def test_hosts_are_compared_as_addresses_are(content_url: str, covers: bool) -> None:
    document = f'<rsl xmlns="https://rslstandard.org/rsl">{content(content_url)}</rsl>'.replace("rsl:", "")
    assert bool(rsl.read(document.encode(), Subject(PAGE), "document")) is covers


def test_an_international_host_is_the_same_in_both_spellings() -> None:
    document = f'<rsl xmlns="https://rslstandard.org/rsl">{content("https://münchen.example/")}</rsl>'
    subject = Subject("https://xn--mnchen-3ya.example/a")
    assert rsl.read(document.replace("rsl:", "").encode(), subject, "document")
