"""Several sites are asked at the same time, each host by one question at a time; the file is the same, however many."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Lock

import pytest
from click.testing import CliRunner

from crawler.cli import cli
from crawler.fetch.asking import Asker, Limits
from crawler.fetch.several import in_order
from crawler.fetch.verdicts import Asked, write_sites
from crawler.sites.lines import parse_site
from registry.core.decisions import Policy, Purpose, Request
from registry.core.errors import Corrupt
from registry.core.signals import Subject
from tests.unit.crawler.fetch.conftest import Answer, Site


def listed(tmp_path: Path, site: Site, asker: Asker, number: int) -> Path:
    """A list of hosts that all lie on the one site."""
    asker.resolver = lambda _host: ["127.0.0.1"]
    port = site.origin.rpartition(":")[2]
    path = tmp_path / "hosts.txt"
    path.write_text("".join(f"http://h{n:02}.example:{port}\n" for n in range(number)))
    return path


def write(
    hosts: Path,
    asker: Asker,
    at_once: int,
    told: Callable[[int, int], None] | None = None,
    evidence: Path | None = None,
) -> bytes:
    """The file of these sites."""
    out = hosts.with_name(f"sites-{at_once}.jsonl")
    request = Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, 1_800_000_000)
    write_sites(hosts, out, Asked(request, Subject(), evidence, asker=asker), at_once, told)
    return out.read_bytes()


def robots(headers: dict[str, str]) -> Answer:
    """Says which host it is of; those of the first hosts take longest, so that answers overtake each other."""
    host = headers["host"]
    if host < "h04":
        time.sleep(0.03)
    return 200, [], f"User-agent: {host.partition('.')[0]}\nDisallow: /\n".encode()


def test_the_file_is_the_same_however_many_are_asked_at_once(
    site: Site, asker: Asker, tmp_path: Path
) -> None:
    site.answers["/robots.txt"] = robots
    hosts = listed(tmp_path, site, asker, 20)
    heard: list[tuple[int, int]] = []
    alone, together = write(hosts, asker, 1), write(hosts, asker, 6, lambda *said: heard.append(said))
    assert alone == together
    _head, *lines, _tail = together.splitlines(keepends=True)
    for n, line in enumerate(lines):
        assert parse_site(line)[1].site["/robots.txt"].body.startswith(b"User-agent: h%02d\n" % n)
    assert heard == [(n, 20) for n in range(1, 21)]


def test_sites_are_asked_at_the_same_time(site: Site, asker: Asker, tmp_path: Path) -> None:
    together = Barrier(3)

    def answer(_headers: dict[str, str]) -> Answer:
        together.wait(timeout=1.5)  # broken if the three are not there at once
        return 404, [], b""

    site.answers["/robots.txt"] = answer
    lines = write(listed(tmp_path, site, asker, 3), asker, 3).splitlines(keepends=True)[1:-1]
    assert [parse_site(line)[1].site["/robots.txt"].status for line in lines] == [404] * 3


def test_what_many_sites_announce_is_asked_for_once(site: Site, asker: Asker, tmp_path: Path) -> None:
    port = site.origin.rpartition(":")[2]
    site.says("/robots.txt", f"License: http://licences.example:{port}/l.xml\nUser-agent: *\nAllow: /\n")
    write(listed(tmp_path, site, asker, 40), asker, 4)  # more answers than are held in memory
    assert Counter(site.asked)["/l.xml"] == 1


def test_a_host_is_asked_one_question_at_a_time(site: Site, asker: Asker) -> None:
    counting, now, most = Lock(), 0, 0

    def answer(_headers: dict[str, str]) -> Answer:
        nonlocal now, most
        with counting:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with counting:
            now -= 1
        return 200, [], b""

    site.answers |= {f"/{n}": answer for n in range(6)}
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(asker.ask, (f"{site.origin}/{n}" for n in range(6))))
    assert [each.status for each in answers] == [200] * 6
    assert most == 1


def test_waiting_for_ones_turn_is_not_the_hosts_fault(site: Site, asker: Asker) -> None:
    asker.limits = Limits(seconds=0.5, pause=0)
    begun, over = Event(), Event()

    def never(_headers: dict[str, str]) -> Answer:
        begun.set()
        over.wait(5)
        return 200, [], b""

    site.answers["/slow"] = never
    site.says("/quick", "here")
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(asker.ask, f"{site.origin}/slow")
        assert begun.wait(5)
        quick = pool.submit(asker.ask, f"{site.origin}/quick")
        assert slow.result().error == "timeout"
        assert quick.result().status == 200
    over.set()


def test_evidence_that_is_damaged_ends_it_without_a_file(site: Site, asker: Asker, tmp_path: Path) -> None:
    hosts, evidence = listed(tmp_path, site, asker, 6), tmp_path / "evidence"
    write(hosts, asker, 1, evidence=evidence)
    asked = len(site.asked)
    damaged = sorted(path for path in evidence.rglob("*") if path.is_file())[3]
    damaged.write_bytes(b"{}")
    with pytest.raises(Corrupt, match=r"is not as it was written"):
        write(hosts, asker, 4, evidence=evidence)
    assert not (tmp_path / "sites-4.jsonl").exists()
    assert len(site.asked) == asked


# -- in order ------------------------------------------------------------------------------------------------
def test_results_come_in_the_order_of_the_things() -> None:
    def late(n: int) -> int:
        time.sleep((n % 3) / 500)
        return n * n

    assert list(in_order(late, range(50), 4)) == [n * n for n in range(50)]
    assert list(in_order(late, [], 4)) == []


def test_a_failure_comes_at_its_turn_and_nothing_more_is_taken_up() -> None:
    taken: list[int] = []

    def work(n: int) -> int:
        taken.append(n)
        if n == 5:
            raise ValueError("five")
        return n

    results = in_order(work, range(10_000), 2)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="five"):
        next(results)
    assert len(taken) < 100


def test_things_are_taken_up_a_few_ahead_only() -> None:
    """So a list of any length takes no memory."""
    drawn: list[int] = []

    def things() -> Iterator[int]:
        for n in range(10_000):
            drawn.append(n)
            yield n

    results = in_order(abs, things(), 2)
    next(results)
    assert len(drawn) == 16
    results.close()  # type: ignore[attr-defined]


# -- the command ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["https://a.example/a.jpg", "--workers", "2"], "--workers is for --domains"),
        (["--domains", "hosts.txt", "--out", "out.jsonl", "--workers", "0"], "1<=x<=64"),
        (["--domains", "hosts.txt", "--out", "out.jsonl", "--workers", "65"], "1<=x<=64"),
    ],
)
def test_how_many_at_once_is_bounded(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(cli, ["signals", *arguments])
    assert result.exit_code != 0
    assert said in result.output


def test_without_a_terminal_there_is_no_live_line(tmp_path: Path) -> None:
    (tmp_path / "hosts.txt").write_text("\n")
    arguments = ["--domains", str(tmp_path / "hosts.txt"), "--out", str(tmp_path / "sites.jsonl")]
    result = CliRunner().invoke(cli, ["signals", *arguments])
    assert result.exit_code == 0, result.output
    assert result.stderr == f"0 sites in {tmp_path / 'sites.jsonl'}.\n"
