"""A file of sites is believed line by line as it was written, or not at all; and what is in it is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from crawler.sites.evidence import OpenSites, check_sites
from crawler.sites.lines import LONGEST_BODY, Head, Tail, parse_site, site_line
from registry.core.errors import Corrupt, InvalidInput, NotReady
from registry.core.signals import Observation, Subject
from registry.core.signals.reading import SITE_FILES, Obtained
from registry.core.signals.site import Site
from tests.unit.crawler.sites.world import ASKED_AT, REFUSES, head, site, sites_file

A, B, C = (f"https://{name}.example" for name in "abc")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    robots = {"/robots.txt": REFUSES}
    return sites_file(
        tmp_path / "sites.jsonl",
        site(A, robots),
        site(B, {}),
        site(C, robots, at=ASKED_AT - 5),
        oldest=ASKED_AT - 5,
    )


def opened(path: Path) -> OpenSites:
    return OpenSites(check_sites(path, at=ASKED_AT))


def test_each_site_is_found_and_no_other(path: Path) -> None:
    sites = opened(path)
    found = {origin: sites.find(origin) for origin in (A, B, C)}
    assert {o: f and f[1].site["/robots.txt"].body for o, f in found.items()} == {
        A: REFUSES.encode(), B: b"", C: REFUSES.encode(),
    }  # fmt: skip
    others = ("https://aa.example", "http://a.example", "https://a.example:8443", "", "https://z.example")
    assert [sites.find(other) for other in others] == [None] * 5


def test_the_papers_say_which_file_it_was_and_when_it_was_made(path: Path) -> None:
    said = check_sites(path, at=ASKED_AT).as_json()
    assert said["sha256"] == sha256(path.read_bytes()).hexdigest()
    assert (said["sites"], said["oldest"], said["ended"]) == (3, ASKED_AT - 5, ASKED_AT)
    assert said["rules"]["robots"].startswith("rfc9309")


def test_sites_are_told_apart_where_their_digests_meet(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.sites.evidence._key", lambda origin: 7)
    sites = opened(path)
    assert sites.find(C)[1].site["/robots.txt"].observed_at == ASKED_AT - 5  # type: ignore[index]
    assert sites.find("https://d.example") is None


def test_many_sites_are_found_and_the_index_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = sorted(f"https://{n}.example" for n in range(500))
    path = sites_file(tmp_path / "s", *(site(name, {"/ai.txt": name}) for name in names))
    sites = opened(path)
    for name in names:
        assert sites.find(name)[1].site["/ai.txt"].body.decode() == name  # type: ignore[index]
    assert path.with_name("s.index").stat().st_size == 64 + 16 * 500
    monkeypatch.setattr("crawler.sites.evidence.parse_site", None)
    check_sites(path, at=ASKED_AT)


def test_a_file_without_any_site_has_none(tmp_path: Path) -> None:
    assert opened(sites_file(tmp_path / "s", oldest=0)).find(A) is None


bodies = [b"", b"User-agent: *", "\ufeffä\u2028\r\n".encode(), bytes(range(256)), b"\x00" * 1000, b"\xff\xfe"]


@pytest.mark.parametrize("body", bodies)
@pytest.mark.parametrize("status", [200, 404, 503])
def test_an_answer_comes_back_as_it_was(body: bytes, status: int) -> None:
    files = {path: Observation(A + path, status, (), body, None, 5) for path in SITE_FILES}
    licences = {"https://x.example/l": Observation("https://x.example/l", None, (), b"", "timeout", 6)}
    line = site_line(A, Obtained(site=files, licences=licences))
    assert line.count(b"\n") == 1
    origin, again = parse_site(line)
    assert (origin, dict(again.site), dict(again.licences)) == (A, files, licences)


def test_of_a_huge_answer_so_much_is_kept_that_it_counts_as_unreadable() -> None:
    huge = Observation(A + "/robots.txt", 200, (), b"x" * (LONGEST_BODY + 9), None, 5)
    _, again = parse_site(site_line(A, Obtained(site={"/robots.txt": huge})))
    assert len(again.site["/robots.txt"].body) == LONGEST_BODY
    site = Site(again, Subject(), lambda: again)
    assert {said.signal: said.unreadable for said in site.said(f"{A}/a")}["site.robots"]


def test_a_file_that_an_earlier_program_did_not_ask_for_was_not_asked_for() -> None:
    robots = Observation(A + "/robots.txt", 404, observed_at=5)
    _, again = parse_site(site_line(A, Obtained(site={"/robots.txt": robots})))
    assert [answer.error for answer in again.site.values()] == [None, "not-asked", "not-asked"]


# -- what is not as it was written -----------------------------------------------------------------------------
def resealed(line: bytes, **changes: object) -> bytes:
    """A line with other content and the digest of that."""
    document = json.loads(line)
    del document["sha256"]
    text = json.dumps(document | changes, separators=(",", ":")).encode()
    return b'{"sha256":"' + sha256(text).hexdigest().encode() + b'",' + text[1:] + b"\n"


Lines = list[bytes]


def answered(lines: Lines, **answer: object) -> Lines:
    """With another answer for the first site's robots.txt."""
    said = {"status": 200, "error": None, "at": 1} | answer
    return [lines[0], resealed(lines[1], files={"/robots.txt": said}), *lines[2:]]


UNSEALED = b'{"origin":"https://a.example","files":{},"licences":{}}\n'
DAMAGES: dict[str, Callable[[Lines], Lines]] = {
    "empty": lambda lines: [],
    "only the first line": lambda lines: lines[:1],
    "no last line": lambda lines: lines[:-1],
    "the last line is cut": lambda lines: [*lines[:-1], lines[-1][:-1]],
    "a line is cut": lambda lines: [lines[0], lines[1][:-20]],
    "a line is missing": lambda lines: [lines[0], *lines[2:]],
    "a line comes twice": lambda lines: [lines[0], lines[1], *lines[1:]],
    "another order": lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
    "no first line": lambda lines: lines[1:],
    "something behind the end": lambda lines: [*lines, b"\n"],
    "a second file behind it": lambda lines: [*lines, *lines],
    "an edited line": lambda lines: [lines[0], lines[1].replace(b"Disallow", b"Allow"), *lines[2:]],
    "a line without digest": lambda lines: [lines[0], UNSEALED, *lines[2:]],
    "another digest": lambda lines: [lines[0], lines[1][:11] + b"0" * 64 + lines[1][75:], *lines[2:]],
    "another version": lambda lines: [resealed(lines[0], format="vorbehalt-sites-v2"), *lines[1:]],
    "a first line of other things": lambda lines: [resealed(lines[0], begun="today"), *lines[1:]],
    "a first line without sense": lambda lines: [resealed(lines[0], strict=1), *lines[1:]],
    "another end": lambda lines: [*lines[:-1], resealed(lines[-1], end="x")],
    "fewer sites are counted": lambda lines: [*lines[:-1], resealed(lines[-1], sites=2)],
    "a younger oldest": lambda lines: [*lines[:-1], resealed(lines[-1], oldest=ASKED_AT)],
    "a negative time": lambda lines: [*lines[:-1], resealed(lines[-1], ended=-1)],
    "a line of no site": lambda lines: [lines[0], resealed(lines[1], origin=None, files=3), *lines[2:]],
    "no answers": lambda lines: [lines[0], resealed(lines[1], files={"/robots.txt": {}}), *lines[2:]],
    "an answer that is none": lambda lines: answered(lines, status="200"),
    "an answer from before time": lambda lines: answered(lines, at=-1),
    "no base64": lambda lines: answered(lines, base64="???"),
    "a list": lambda lines: [b"[1]\n"],
    "binary": lambda lines: [bytes(range(256)) * 10],
    "CR LF": lambda lines: [line.replace(b"\n", b"\r\n") for line in lines],
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_not_as_it_was_written_is_refused(path: Path, damage: str) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    changed = DAMAGES[damage](lines)
    assert changed != lines
    path.write_bytes(b"".join(changed))
    with pytest.raises(Corrupt):
        check_sites(path, at=ASKED_AT)
    assert not path.with_name("sites.jsonl.index").exists()


def test_a_line_without_end_is_not_read_into_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.sites.evidence.LONGEST", 1_000)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"x" * 100_000, *lines[3:]]))
    with pytest.raises(Corrupt, match="line 4"):
        check_sites(path, at=ASKED_AT)


def test_a_file_that_is_changed_later_is_noticed(path: Path) -> None:
    sites = check_sites(path, at=ASKED_AT)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"Disallow", b"allowDis"))
    open_ = OpenSites(sites)
    with pytest.raises(Corrupt, match="changed since"):
        open_.find(A)
    with pytest.raises(NotReady):
        sites.check_file()
    again = path.with_name("other.jsonl")
    again.write_bytes(whole)
    with pytest.raises(NotReady, match="index"):
        OpenSites(replace(sites, path=again))


@pytest.mark.parametrize("damage", [b"", b"x" * 64, b"vorbehalt-sites1"])
def test_an_index_that_is_none_is_made_anew(path: Path, damage: bytes) -> None:
    opened(path)
    path.with_name("sites.jsonl.index").write_bytes(damage)
    assert opened(path).find(A) is not None


def test_another_file_in_the_place_of_the_first_has_an_index_of_its_own(path: Path) -> None:
    first = check_sites(path, at=ASKED_AT)
    sites_file(path, site(B, {}))
    assert opened(path).find(A) is None
    with pytest.raises(NotReady):
        OpenSites(first)


def test_a_file_that_is_younger_than_the_question_is_refused(path: Path) -> None:
    with pytest.raises(InvalidInput, match="after the moment"):
        check_sites(path, at=ASKED_AT - 1)


def test_a_file_that_is_not_there_is_said_how_to_make(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--domains"):
        check_sites(tmp_path / "nothing", at=ASKED_AT)


def test_the_first_line_says_in_whose_name_was_asked(tmp_path: Path) -> None:
    path = tmp_path / "s"
    asked = Head(5, "mybot", any_ai_agent=False, strict=True, rules={})
    path.write_bytes(asked.to_line() + Tail(0, 0, 9).to_line())
    sites = check_sites(path, at=10)
    assert (sites.begun, sites.agent, sites.any_ai_agent, sites.strict) == (5, "mybot", False, True)
    assert head() != asked.to_line()
