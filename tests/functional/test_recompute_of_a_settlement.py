"""An auditor computes settlements again from published files alone, and names whatever was changed in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner
from werkzeug.serving import make_server

from crawler.cli import cli
from registry.app import create_app
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.settings import Settings
from registry.core.ids import parse_id
from registry.core.settlement.files import File
from registry.core.settlement.periods import Period
from registry.core.settlement.rules import Distribution, distribute
from registry.core.tariffs import Figure
from registry.log.keys import LogKey
from registry.remuneration import service as remuneration
from registry.remuneration import settling
from registry.remuneration.service import Deductions
from registry.usage import service as usage
from registry.wiring import Registry, init_trust, log_keys
from registry.works import service as works
from registry.works.service import NewShare, Outcome
from tests.factories import Clock, make_sources
from tests.support.conflicts import contest, decide, record_shares
from tests.support.usage import CENTS_PER_100_IMAGES, FLAT, Trade, open_trade, row

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)

DEDUCTIONS = Deductions(management_ppm=90_000, social_ppm=10_000)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Books:
    """A registry in which a quarter is settled twice, and its static files."""

    settings: Settings
    sources: Sources
    database: Database
    folder: Path
    period: str

    @property
    def log(self) -> Path:
        """The static files of the log, and of what it settled."""
        return self.settings.home / "files" / "log"

    def file(self, side: str, name: str, settlement: int = 0) -> Path:
        """A published file of the first settlement, or another one."""
        found = sorted(
            self.log.glob(f"settlements/*/{side}/{name}"), key=lambda path: path.stat().st_mtime_ns
        )
        return found[settlement]

    def publish(self) -> None:
        """Sign the log and write the static files."""
        with Registry.open(self.settings, self.sources) as registry:
            registry.publish()
        (self.folder / "policy").write_text(str(LogKey.load(log_keys(self.settings)).policy))

    def recompute(self, url: str, period: str | None = None) -> tuple[int, list[str]]:
        """Exit code of `vorbehalt audit --recompute`, and what it says of the settlements."""
        words = ["audit", url, "--policy", str(self.folder / "policy"), "--json"]
        result = CliRunner().invoke(cli, [*words, "--recompute", period or self.period])
        checks = json.loads(result.stdout)["checks"]
        assert all(check["holds"] is not False for check in checks if check["name"] != "recompute")
        return result.exit_code, [check["text"] for check in checks if check["name"] == "recompute"]

    def recompute_files(self) -> tuple[int, list[str]]:
        """From the static files, as any web server serves them."""
        with served(self.log) as url:
            return self.recompute(url)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder at an address of its own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def clock() -> Clock:
    """Stands at the world's present, because what is signed expires there."""
    return Clock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def trade(database: Database, settings: Settings, clock: Clock, tmp_path: Path) -> Iterator[Trade]:
    """Opened in a transaction that stays open until the test settles."""
    init_trust(settings, tmp_path.with_name(f"{tmp_path.name}-offline"), clock())
    with database.writing() as session:
        yield open_trade(session, make_sources(clock), clock)


def claims_of(trade: Trade) -> str:
    """Two claims of works that are whole, halved, incomplete, contested and free, settled one after the other."""
    halves = [NewShare(trade.anna.public_id, 500_000), NewShare(trade.bert.public_id, 500_000)]
    german = [NewShare(trade.bert.public_id, 1_000_000, territory="DE")]
    works = [trade.work(), trade.work(shares=halves), trade.work(shares=german), trade.work()]
    licence = trade.agreement(*works, components=(CENTS_PER_100_IMAGES, FLAT))
    free = trade.work()
    gift = trade.agreement(free, components=())
    period = str(Period.of(trade.clock()))
    trade.claim(*(row(work, licence, 100 + n) for n, work in enumerate(works)), row(free, gift, 3))
    works[3].contested_since = trade.clock()
    trade.session.flush()
    remuneration.settle(trade.session, trade.operator, period, trade.sources, DEDUCTIONS)
    trade.claim(row(works[1], licence, 17), number=2)
    remuneration.settle(trade.session, trade.operator, period, trade.sources, DEDUCTIONS)
    return period


@pytest.fixture
def books(trade: Trade, settings: Settings, database: Database, tmp_path: Path) -> Books:
    """Both settlements are published."""
    period = claims_of(trade)
    trade.session.commit()
    made = Books(settings, trade.sources, database, tmp_path, period)
    made.publish()
    return made


def test_static_files_and_the_registry_agree_with_the_log(books: Books) -> None:
    """Each settlement is found to follow, from either; a quarter that was not settled is none."""
    code, said = books.recompute_files()
    assert (code, len(said)) == (0, 2)
    assert "1 claim in 5 lines, every byte as published; owed: 11.62 EUR" in said[0]
    assert "1 claim in 2 lines, every byte as published; owed: 0.07 EUR" in said[1]
    app = create_app(books.settings, sources=books.sources, database=books.database)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.port}"
        assert books.recompute(url) == (code, said)
        assert books.recompute(url, "2020-Q1") == (8, ["the log has no settlement of 2020-Q1"])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_every_file_that_is_changed_or_missing_is_named(books: Books) -> None:
    """A digit in any line of any file, a file cut off, and a file that is not there."""
    with served(books.log) as url:
        for path in sorted(books.log.glob("settlements/*/*/*")):
            name, data = f"{path.parent.name}/{path.name}", path.read_bytes()
            digit = max(data.rfind(b"%d" % n) for n in range(10))
            changed = data[:digit] + b"%d" % ((data[digit] - ord("0") + 1) % 10) + data[digit + 1 :]
            for wrong in (changed, data[:-1], None):
                if wrong is None:
                    path.unlink()
                else:
                    path.write_bytes(wrong)
                code, (said,) = books.recompute(url)
                assert (code, name in said) == (8, True), (name, said)
            path.write_bytes(data)
        assert books.recompute(url)[0] == 0


def test_a_share_that_is_changed_with_its_listing_is_found(books: Books) -> None:
    """Whoever changes a file and the listing, too, cannot change the log."""
    uses, listing = books.file("inputs", "uses-000001-0001.tsv"), books.file("inputs", "listing.tsv")
    data = uses.read_bytes()
    changed = data.replace(b":500000", b":500001", 1)
    entry, forged = File(uses.name, data).entry, File(uses.name, changed).entry
    uses.write_bytes(changed)
    listing.write_text(listing.read_text().replace(entry, forged))
    code, (said,) = books.recompute_files()
    assert code == 8
    assert "inputs/listing.tsv is not the one that was logged" in said


def one_unit_off(pool: Any, deductions: Deductions) -> Distribution:
    """As it should be, but a cent goes from the first line to the last."""
    split = distribute(pool, deductions)
    first, *middle, last = split.lines
    moved = [
        first._replace(amount_minor=first.amount_minor - 1),
        *middle,
        last._replace(amount_minor=last.amount_minor + 1),
    ]
    return replace(split, lines=moved)


def test_a_registry_that_pays_one_cent_to_another_is_found(
    trade: Trade, settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although it publishes and logs just what it pays."""
    monkeypatch.setattr(settling, "distribute", one_unit_off)
    period = claims_of(trade)
    trade.session.commit()
    made = Books(settings, trade.sources, database, tmp_path, period)
    made.publish()
    code, (said,) = made.recompute_files()
    assert code == 8
    assert "outputs/lines-000001-0001.tsv, line 1: published " in said


def test_a_registry_that_leaves_out_a_claim_is_found(
    trade: Trade, settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log says which claims were due."""
    real = usage.claims_between
    work = trade.work()
    licence = trade.agreement(work)
    for number in (1, 2):
        trade.claim(row(work, licence, 100), number=number)
    monkeypatch.setattr(usage, "claims_between", lambda *given, **named: real(*given, **named)[:1])
    period = str(Period.of(trade.clock()))
    remuneration.settle(trade.session, trade.operator, period, trade.sources)
    trade.session.commit()
    made = Books(settings, trade.sources, database, tmp_path, period)
    made.publish()
    code, (said,) = made.recompute_files()
    assert code == 8
    assert "are not those that were claimed" in said


def test_what_a_lab_declared_is_recomputed_from_the_log(
    trade: Trade, settings: Settings, database: Database, tmp_path: Path
) -> None:
    """A share of income: held at first, charged when it is declared, corrected by the difference."""
    trade.clock.advance(days=-100)
    work = trade.work()
    share = {"type": "revenue_share", "ppm": 300_000, "minimum_minor": 1000}
    licence = trade.agreement(work, components=(CENTS_PER_100_IMAGES, share))
    period = str(Period.of(trade.clock()))
    trade.claim(row(work, licence, 100))
    trade.clock.advance(days=100)
    declared = None
    for income in (None, 10_000, 5_000):
        if income is not None:
            command = usage.Declare(
                parse_id("agreement", licence.partition("@")[0]),
                period,
                Figure.NET_INCOME,
                income,
                corrects=declared,
            )
            declared = usage.declare(trade.session, trade.lab, command, trade.sources).public_id
        remuneration.settle(trade.session, trade.operator, period, trade.sources)
    trade.session.commit()
    made = Books(settings, trade.sources, database, tmp_path, period)
    made.publish()
    code, said = made.recompute_files()
    assert code == 0
    assert [text.rpartition(": ")[2] for text in said] == ["0.40 EUR", "30.00 EUR", "-15.00 EUR"]


def test_a_quarter_without_claims_is_recomputed(
    trade: Trade, settings: Settings, database: Database, tmp_path: Path
) -> None:
    """Nothing follows from nothing, and that is what was logged."""
    period = str(Period.of(trade.clock()))
    remuneration.settle(trade.session, trade.operator, period, trade.sources)
    trade.session.commit()
    made = Books(settings, trade.sources, database, tmp_path, period)
    made.publish()
    code, (said,) = made.recompute_files()
    assert (code, said.partition(": ")[2]) == (0, "0 claims in 0 lines, every byte as published")


@pytest.fixture
def released(trade: Trade, settings: Settings, database: Database, tmp_path: Path) -> Books:
    """A contested work, one with too many shares, one that is a quarter Anna's; resolved, the last in two steps."""
    newer, overclaimed, quarter = trade.work(trade.bert), trade.work(), trade.work()
    halves = [NewShare(actor.public_id, 500_000) for actor in (trade.anna, trade.bert)]
    record_shares(trade, overclaimed, [(actor, 600_000) for actor in (trade.anna, trade.bert)])
    record_shares(trade, quarter, [(trade.anna, 250_000)])
    theirs = trade.agreement(newer, owner=trade.bert, components=(CENTS_PER_100_IMAGES, FLAT))
    contest(trade, newer, trade.work())
    hers = trade.agreement(overclaimed, quarter, components=(CENTS_PER_100_IMAGES,))
    trade.claim(*(row(work, hers, 333) for work in (overclaimed, quarter)), row(newer, theirs, 7))
    period = str(Period.of(trade.clock()))
    remuneration.settle(trade.session, trade.operator, period, trade.sources, DEDUCTIONS)
    decide(trade, newer, Outcome.UPHOLD)
    trade.clock.advance(seconds=1)
    works.set_shares(trade.session, trade.anna, overclaimed.public_id, halves, trade.sources)
    record_shares(trade, quarter, [(trade.anna, 250_000), (trade.bert, 500_000)])
    remuneration.settle(trade.session, trade.operator, period, trade.sources)
    trade.clock.advance(seconds=1)
    record_shares(trade, quarter, [(trade.anna, 250_000), (trade.bert, 750_000)])
    remuneration.settle(trade.session, trade.operator, period, trade.sources)
    trade.session.commit()
    made = Books(settings, trade.sources, database, tmp_path, period)
    made.publish()
    return made


def test_what_is_released_is_recomputed_and_held_against_earlier_settlements(released: Books) -> None:
    """A changed line of any settlement is found; what was held is given once, and its rest once more."""
    code, said = released.recompute_files()
    assert code == 0
    assert ["released" in text for text in said] == [False, True, True]
    assert "0 claims in 5 lines, every byte as published; 3 held rows released" in said[1]
    assert "0 claims in 1 line, every byte as published; 1 held row released" in said[2]
    with served(released.log) as url:
        for name in ("inputs/releases-0001.tsv", "outputs/released-0001.tsv"):
            for path in released.log.glob(f"settlements/*/{name}"):
                data = path.read_bytes()
                path.write_bytes(data.replace(b"\t1\t", b"\t2\t", 1))
                code, (text,) = released.recompute(url)
                assert (code, name in text) == (8, True), text
                path.write_bytes(data)
