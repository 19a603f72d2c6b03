"""Whatever a server does, an observation comes back; and nobody is asked who should not be."""

from __future__ import annotations

import gzip
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from crawler.fetch.asking import Asker
from crawler.fetch.kept import Kept
from registry.core.errors import Corrupt
from registry.core.signals import Observation
from tests.unit.crawler.fetch.conftest import Site


def test_an_answer_comes_with_all_its_headers(site: Site, asker: Asker) -> None:
    site.answers["/a"] = (200, [("X-Robots-Tag", "noindex"), ("x-robots-tag", "noai")], b"body")
    answer = asker.ask(f"{site.origin}/a")
    assert (answer.status, answer.body, answer.error) == (200, b"body", None)
    assert [value for name, value in answer.headers if name.lower() == "x-robots-tag"] == ["noindex", "noai"]
    assert answer.observed_at == 1_800_000_000
    assert all(agent.startswith("vorbehalt/") for agent in site.agents)


def test_redirects_are_followed_a_few_times(site: Site, asker: Asker) -> None:
    for number in range(6):
        site.says(f"/{number}", b"", 302, Location=f"/{number + 1}")
    site.says("/6", b"there")
    assert asker.ask(f"{site.origin}/1").body == b"there"
    assert asker.ask(f"{site.origin}/0").error == "redirects"


@pytest.mark.parametrize(
    "target",
    ["http://10.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest/meta-data", "http://127.0.0.2/"],
)
def test_no_redirect_leads_into_a_private_network(site: Site, asker: Asker, target: str) -> None:
    site.says("/a", b"", 302, Location=target)
    assert asker.ask(f"{site.origin}/a").error == "private-address"


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/", "http://u:p@127.0.0.1/", "http://a:x/"]
)
def test_no_redirect_leads_out_of_the_web(site: Site, asker: Asker, target: str) -> None:
    site.says("/a", b"", 302, Location=target)
    assert asker.ask(f"{site.origin}/a").error == "address"


def test_by_default_this_machine_is_not_asked(site: Site) -> None:
    assert Asker().ask(f"{site.origin}/a").error == "private-address"
    assert site.asked == []


def test_a_name_with_one_private_address_is_not_asked(site: Site, asker: Asker) -> None:
    asker.resolver = lambda host: ["127.0.0.1", "10.0.0.1"]
    assert asker.ask(f"{site.origin}/a").error == "private-address"
    assert site.asked == []


def test_a_name_without_an_address_is_no_host(asker: Asker) -> None:
    def fails(host: str) -> list[str]:
        raise socket.gaierror

    asker.resolver = fails
    assert asker.ask("http://nowhere.example/").error == "no-such-host"


def test_a_large_answer_is_not_taken_whole_or_in_part(site: Site, asker: Asker) -> None:
    site.says("/large", b"x" * 100_001)
    site.says("/packed", gzip.compress(b"x" * 50_000_000), Content_Encoding="gzip")
    for path in ("/large", "/packed"):
        answer = asker.ask(site.origin + path)
        assert (answer.error, answer.body) == ("too-large", b"")


def test_silence_ends(asker: Asker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        asker.limits = replace(asker.limits, seconds=0.2)
        assert asker.ask(address).error == "timeout"
    assert asker.ask(address).error == "unreachable"


def test_an_answer_that_breaks_off_is_none(site: Site, asker: Asker) -> None:
    site.answers["/a"] = (200, [("Content-Length", "1000"), ("Connection", "close")], b"short")
    assert asker.ask(f"{site.origin}/a").error in ("unreachable", "timeout")


def test_what_has_not_changed_is_not_sent_again(site: Site, asker: Asker) -> None:
    def conditional(headers: dict[str, str]) -> tuple[int, list[tuple[str, str]], bytes]:
        same = headers.get("if-none-match") == '"1"'
        return (304, [], b"") if same else (200, [("ETag", '"1"')], b"body")

    site.answers["/a"] = conditional
    first = replace(asker.ask(f"{site.origin}/a"), observed_at=5)
    again = asker.ask(f"{site.origin}/a", known=first)
    assert again == replace(first, observed_at=1_800_000_000)


def test_between_two_questions_to_a_host_there_is_a_pause(
    site: Site, asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("crawler.fetch.asking.time.sleep", slept.append)
    asker.limits = replace(asker.limits, pause=1.5)
    for _ in range(3):
        asker.ask(f"{site.origin}/a")
    assert len(slept) == 2
    assert all(1 < pause <= 1.5 for pause in slept)


def test_what_is_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "evidence")
    seen = Observation("https://example.org/ä", 200, (("A", "b"), ("a", "c")), bytes(range(256)), None, 7)
    assert kept.read(seen.url) is None
    kept.write(seen)
    assert kept.read(seen.url) == seen
    kept.write(replace(seen, status=None, body=b"", error="timeout"))
    assert kept.read(seen.url) == replace(seen, status=None, body=b"", error="timeout")


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b"\xff"])
def test_damaged_evidence_is_refused_and_not_asked_for_anew(tmp_path: Path, damage: bytes) -> None:
    kept = Kept(tmp_path)
    kept.write(Observation("https://example.org/", 200, (), b"body", None, 7))
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for changed in (
        damage,
        whole.replace(b"Ym9keQ==", b"Ym9keg=="),
        whole.replace(b"example.org", b"example.com"),
    ):
        path.write_bytes(changed)
        with pytest.raises(Corrupt, match="not as it was written"):
            kept.read("https://example.org/")
