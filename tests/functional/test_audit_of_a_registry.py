"""An auditor, a lab and a maker at the counter of a running registry: what it serves, shows and publishes is one."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update
from werkzeug.serving import make_server

from crawler.cli import cli
from crawler.client import Client
from crawler.editions import Editions
from registry.app import create_app
from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.settings import Settings
from registry.cli import cli as server_cli
from registry.core.errors import Corrupt, NotFound, NotReady
from registry.core.ids import format_id
from registry.core.records.samples import Place, draw
from registry.core.snapshots.trust import Publisher
from registry.core.snapshots.trust.installing import prepare_key
from registry.core.snapshots.trust.keys import load_offline_keys, read_public
from registry.core.snapshots.trust.offline import OfflinePart
from registry.core.snapshots.trust.signing import replace_key
from registry.log.keys import LogKey
from registry.parties.service import CreateMandate, May, Repertoire, create_mandate
from registry.publishing import keys as publishing_keys
from registry.publishing import service as publishing
from registry.usage import own
from registry.usage.models import ClaimBatch, ClaimRow
from registry.wiring import Registry, init_trust, log_keys, trust_keys
from registry.works.rules import Disclosure
from tests.factories import Clock, make_actor, make_key, make_sources
from tests.support.usage import open_trade, row
from tests.support.works import register

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


class Running(NamedTuple):
    """A registry that answers, with one published edition, one claim of two rows, and what people keep of it."""

    url: str
    folder: Path
    claim: str
    work: str
    api_key: str
    society_key: str
    """Of a society that may collect for the maker of both works."""

    def run(self, *words: str | Path, code: int = 0) -> dict[str, Any]:
        """`vorbehalt … --json`, which ends with this code."""
        result = CliRunner().invoke(cli, [*map(str, words), "--json"])
        assert result.exit_code == code, result.output
        return dict(json.loads(result.stdout))

    def audit(self, *words: str | Path, code: int = 0) -> dict[str, bool | None]:
        """What each check says."""
        found = self.run("audit", self.url, "--policy", self.folder / "policy", *words, code=code)
        return {check["name"]: check["holds"] for check in found["checks"]}


@pytest.fixture
def running(database: Database, settings: Settings, tmp_path: Path) -> Iterator[Running]:
    """Its clock stands at the world's present, because what it signs expires there."""
    clock = Clock(datetime.now(UTC).replace(microsecond=0))
    sources = make_sources(clock)
    init_trust(settings, tmp_path.with_name(f"{tmp_path.name}-offline"), sources.now())
    app = create_app(settings, sources=sources, database=database)
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        pair = [trade.work() for _ in range(2)]
        batch = trade.claim(*(row(work, trade.agreement(work)) for work in pair))
        claim, work = format_id("claim", batch.public_id), format_id("work", pair[0].public_id)
        api_key = make_key(session, sources, trade.lab)
        society = make_actor(session, sources, Role.SOCIETY)
        collects = CreateMandate(society.public_id, frozenset({May.COLLECT}), Repertoire(all=True))
        create_mandate(session, trade.anna, collects, sources)
        society_key = make_key(session, sources, society)
    with Registry.open(settings, sources) as registry:
        registry.publish()
    (tmp_path / "policy").write_text(str(LogKey.load(log_keys(settings)).policy))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Running(f"http://127.0.0.1:{server.port}", tmp_path, claim, work, api_key, society_key)
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_log_the_snapshot_and_the_claims_agree(running: Running) -> None:
    snapshot = running.folder / "snapshot"
    running.run("sync", "--server", running.url, "--snapshot", snapshot)
    found = running.audit("--snapshot", snapshot, "--api-key", running.api_key)
    assert (found.pop("witnesses"), set(found.values())) == (None, {True})
    assert {"snapshot", "claims", "entries", "kinds", "order"} <= set(found)


@pytest.fixture
def registry(settings: Settings) -> Iterator[Registry]:
    """The same one, for its operator."""
    with Registry.open(settings) as opened:
        yield opened


def replace_keys(registry: Registry, folder: Path, *roles: str) -> None:
    """The ceremony: successors are made, named by two holders of offline keys, and taken over."""
    now, online = datetime.now(UTC), trust_keys(registry.settings)
    carried = folder / "carried"
    for role in roles:
        prepare_key(online, role)
    shutil.copytree(online / "metadata", carried)
    for role in roles:
        (old,) = OfflinePart.read(carried).key_ids(role)
        new = read_public(carried / f"{role}.next.pub")
        replace_key(
            carried,
            load_offline_keys([folder.with_name(f"{folder.name}-offline")], lambda _: b""),
            now,
            old=old,
            new=new,
        )
    registry.install_trust(carried)


def test_keys_that_a_ceremony_replaced_are_followed(running: Running, registry: Registry) -> None:
    state = ("--state", running.folder / "state")
    assert running.audit(*state)["keys"] is True
    replace_keys(registry, running.folder, "publisher", "timestamp")
    assert running.audit(*state)["keys"] is True
    registry.keep_fresh()  # the ends of the old keys are under a checkpoint now
    assert running.audit(*state)["keys"] is True
    facts = json.loads((running.folder / "state" / "verified.json").read_text())["facts"]
    assert {role: sorted(named.values()) for role, named in facts["keys"].items()} == {
        "log": [True],
        "root": [True, True, True],
        "targets": [True, True, True],
        "publisher": [False, True],
        "snapshot": [True],
        "timestamp": [False, True],
    }


@pytest.mark.parametrize("act", ["begin", "end"])
def test_a_key_that_signs_without_an_entry_in_force_is_found(
    running: Running, registry: Registry, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    if act == "begin":
        monkeypatch.setattr(publishing_keys, "begin", lambda *_: None)
        replace_keys(registry, running.folder, "snapshot")
    else:
        monkeypatch.setattr(Publisher, "former_keys", property(lambda publisher: publisher.keys))
        registry.publish()
        registry.keep_fresh()
    found = running.audit(code=8)
    assert (found["keys"], found["entries"]) == (False, True)


def test_a_snapshot_whose_signatures_do_not_hold_is_found(running: Running, settings: Settings) -> None:
    (path,) = Path(settings.home, "files/snapshot/metadata").glob("*.publisher.json")
    path.write_bytes(path.read_bytes().replace(b'"sequence":1', b'"sequence":2'))
    assert running.audit(code=8) == {"keys": False}


def test_the_key_of_the_log_is_changed_by_command(running: Running, settings: Settings) -> None:
    def rotate(*words: str) -> dict[str, Any]:
        command = ["log", "rotate-key", "--home", str(settings.home), "--json", *words]
        result = CliRunner().invoke(
            server_cli, command, env={"VORBEHALT_DATABASE_URL": settings.database_url}
        )
        assert result.exit_code == 0, result.output
        return dict(json.loads(result.stdout))

    begun = rotate()
    assert running.audit()["keys"] is None
    policy = running.folder / "policy"
    policy.write_text(f"log {begun['new']}\n{policy.read_text()}")
    assert running.audit()["keys"] is True
    finished = rotate("--finish")
    assert (finished["new"], finished["until"] >= begun["since"]) == (begun["new"], True)
    assert running.audit()["keys"] is True


def test_who_may_see_no_claims_audits_the_rest(running: Running, database: Database) -> None:
    with database.writing() as session:
        stranger = make_key(session, Sources(), make_actor(session, Sources(), Role.CREATOR))
    found = running.audit("--api-key", stranger)
    assert (found["claims"], found["entries"]) == (None, True)


def test_a_claim_that_is_shown_otherwise_than_it_was_logged_is_found(
    running: Running, database: Database
) -> None:
    with database.writing() as session:
        session.execute(update(ClaimBatch).values(row_count=1))
    found = running.audit("--api-key", running.api_key, code=8)
    assert found["claims"] is False
    assert found["entries"] is True


def test_a_snapshot_that_the_log_does_not_name_is_found(
    running: Running, settings: Settings, database: Database
) -> None:
    """The log's checkpoint is one from before the edition that the lab has."""
    snapshot = running.folder / "snapshot"
    running.run("sync", "--server", running.url, "--snapshot", snapshot)
    edition = Editions(snapshot).require_current()
    assert edition.is_dir()
    state = running.folder / "state"
    assert running.audit("--snapshot", snapshot, "--state", state)["snapshot"] is True
    verified = state / "verified.json"
    remembered = json.loads(verified.read_text())
    remembered["facts"]["editions"] = [[n, "ab" * 32] for n, _ in remembered["facts"]["editions"]]
    verified.write_text(json.dumps(remembered))
    assert running.audit("--snapshot", snapshot, "--state", state, code=8)["snapshot"] is False
    remembered["facts"]["editions"] = []
    verified.write_text(json.dumps(remembered))
    assert running.audit("--snapshot", snapshot, "--state", state, code=8)["snapshot"] is False


def test_a_maker_takes_a_receipt_from_public_files(running: Running) -> None:
    snapshot, out = running.folder / "snapshot", running.folder / "my.tlog-proof"
    running.run("sync", "--server", running.url, "--snapshot", snapshot)
    words = ("--server", running.url, "--snapshot", snapshot, "--out", out)
    made = running.run("receipt", "work", running.work, *words)
    assert made["bytes"] == len(out.read_bytes())
    verified = running.run("receipt", "verify", out, "--policy", running.folder / "policy")
    assert (verified["leaf"]["t"], verified["work"]["work"]) == ("optout", running.work)
    running.run("receipt", "work", "work_" + "0" * 26, *words, code=1)
    out.write_bytes(out.read_bytes().replace(b"index ", b"index 1"))
    running.run("receipt", "verify", out, "--policy", running.folder / "policy", code=8)


def test_a_maker_takes_the_same_receipt_from_the_counter(running: Running, registry: Registry) -> None:
    """Verified with the file and the policy alone; it proves what the one from public files proves."""
    out, policy = running.folder / "my.tlog-proof", running.folder / "policy"
    with Client(running.url) as client:
        out.write_bytes(client.content(f"/v1/works/{running.work}/receipt"))
        verified = running.run("receipt", "verify", out, "--policy", policy)
        snapshot, other = running.folder / "snapshot", running.folder / "other.tlog-proof"
        running.run("sync", "--server", running.url, "--snapshot", snapshot)
        words = ("--server", running.url, "--snapshot", snapshot, "--out", other)
        running.run("receipt", "work", running.work, *words)
        assert running.run("receipt", "verify", other, "--policy", policy)["work"] == verified["work"]
        assert verified["work"]["work"] == running.work
        with pytest.raises(NotFound):
            client.content("/v1/works/work_00000000000000000000000000/receipt")
        for _ in range(3):
            registry.publish()
        assert len(list(registry.files.paths("books/"))) == 2
        out.write_bytes(client.content(f"/v1/works/{running.work}/receipt"))
        again = running.run("receipt", "verify", out, "--policy", policy)
        assert again["leaf"]["seq"] == verified["leaf"]["seq"] + 3


def test_a_receipt_needs_a_published_edition_and_its_book(
    running: Running, registry: Registry, database: Database
) -> None:
    with database.writing() as session:
        maker = make_actor(session, Sources(), Role.CREATOR)
        new = register(session, maker, Sources(), "new").public_id
        hidden = register(session, maker, Sources(), "hidden", disclosure=Disclosure.CHECK_API_ONLY).public_id
    with database.reading() as session, pytest.raises(NotReady, match="not in a published edition yet"):
        publishing.receipt_of_work(session, registry.files, new)
    registry.publish()
    with database.reading() as session:
        assert publishing.receipt_of_work(session, registry.files, new)
        with pytest.raises(NotFound, match="No published edition tells of"):
            publishing.receipt_of_work(session, registry.files, hidden)
    *_, path = registry.files.paths("books/")
    book = registry.files.get(path) or b""
    registry.files.put(path, book.replace(b"image.phash64.v1", b"image.phash65.v1"))
    with database.reading() as session, pytest.raises(Corrupt, match="damaged"):
        publishing.receipt_of_work(session, registry.files, new)
    registry.files.remove(path)
    with database.reading() as session, pytest.raises(NotReady):
        publishing.receipt_of_work(session, registry.files, new)


def test_a_lab_fetches_the_receipt_of_a_row(running: Running) -> None:
    out = running.folder / "row.tlog-proof"
    words = ("--server", running.url, "--api-key", running.api_key, "--out", out)
    for options, has_row in (((), False), (("--row", "1"), True)):
        running.run("receipt", "fetch", running.claim, *words, *options)
        verified = running.run("receipt", "verify", out, "--policy", running.folder / "policy")
        assert (verified["leaf"]["t"], verified["row"] is not None) == ("use", has_row)
    kept = out.read_bytes()
    running.run("receipt", "fetch", running.claim, *words, "--row", "2", code=1)
    running.run("receipt", "fetch", running.work, *words, code=1)
    assert out.read_bytes() == kept


def test_a_society_proves_a_sample_that_its_seed_draws(running: Running) -> None:
    """A larger sample than there are rows is all of them; without a seed one is thrown, and told."""
    for words in (("--sample", "1", "--seed", "dice 3 1 4"), ("--sample", "100")):
        found = running.audit("--api-key", running.society_key, *words)
        assert (found["sample"], found["claims"], found["entries"]) == (True, None, True)
    policy = ("--policy", running.folder / "policy")
    shown = running.run("audit", running.url, *policy, "--api-key", running.society_key, "--sample", "7")
    (text,) = (check["text"] for check in shown["checks"] if check["name"] == "sample")
    assert re.search(r"2 of 2 rows .* \(seed [0-9a-f]{32}\)", text)
    assert running.audit("--api-key", running.api_key, "--sample", "1")["sample"] is None


def test_a_row_that_is_shown_otherwise_than_it_was_logged_is_found(
    running: Running, database: Database
) -> None:
    """Also one that is shown as another claim's, or at another place."""
    sample = ("--api-key", running.society_key, "--sample", "5")
    for wrong, right in (({"units": 2}, {"units": 1}), ({"how": 1}, {"how": 2})):
        with database.writing() as session:
            session.execute(update(ClaimRow).where(ClaimRow.n == 1).values(wrong))
        assert running.audit(*sample, code=8)["sample"] is False
        with database.writing() as session:
            session.execute(update(ClaimRow).where(ClaimRow.n == 1).values(right))
    assert running.audit(*sample)["sample"] is True


@pytest.mark.parametrize(
    "chosen",
    [
        lambda seed, places, count: sorted(places)[:count],
        lambda seed, places, count: draw(seed + "!", places, count),
        lambda seed, places, count: draw(seed, places, count - 1),
        lambda seed, places, count: draw(seed, places, count)[::-1],
    ],
    ids=["its own choice", "another seed", "fewer", "another order"],
)
def test_a_sample_that_the_registry_chose_is_found(
    running: Running, database: Database, monkeypatch: pytest.MonkeyPatch, chosen: Any
) -> None:
    """Each row of it is proved, and still it is not the seed's."""
    with database.reading() as session:
        places = [Place(session.scalars(select(ClaimBatch.log_index)).one(), n) for n in range(2)]
    seeds = (f"seed {n}" for n in range(99))
    seed = next(s for s in seeds if places != draw(s, places, 2) != draw(s + "!", places, 2))
    sample = ("--api-key", running.society_key, "--sample", "2", "--seed", seed)
    assert running.audit(*sample)["sample"] is True
    monkeypatch.setattr(own, "draw", chosen)
    found = running.audit(*sample, code=8)
    assert (found["sample"], found["entries"]) == (False, True)


def test_a_sample_without_a_key_and_a_seed_without_a_sample_are_mistakes(running: Running) -> None:
    for words in (("--sample", "1"), ("--seed", "a"), ("--api-key", running.society_key, "--sample", "0")):
        result = CliRunner().invoke(cli, ["audit", running.url, *words])
        assert result.exit_code not in {0, 8}
        assert "--sample" in result.output
