"""POST /v1/works/bulk: a list is taken, a job registers it row by row, and says what became of each."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select

from registry.base.actor import Role, Scope
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.jobs import Worker
from registry.works import bulk, bulk_rows
from registry.works.models import BulkUpload, ShareRow, Work
from tests.functional.conftest import Account, Client
from tests.support.bulk import code as as_json
from tests.support.bulk import digest_row, json_lines, picture
from tests.support.likenesses import near

Make = Callable[..., Account]
JSON_LINES = "application/jsonl"
PARQUET = "application/vnd.apache.parquet"


def upload(client: Client, by: Account, data: bytes, media_type: str = JSON_LINES, **query: str) -> Any:
    return client.post(
        "/v1/works/bulk", data=data, content_type=media_type, headers=by.headers, query_string=query
    )


@pytest.fixture
def work_off(database: Database, sources: Sources) -> Callable[[], None]:
    """Runs the jobs that are due."""
    worker = Worker(database, {bulk.KIND: bulk.register_bulk}, sources=sources)

    def run() -> None:
        while worker.run_one():
            pass

    return run


def test_a_list_becomes_works(client: Client, account: Make, work_off: Callable[[], None]) -> None:
    society = account(Role.SOCIETY, name="Bildkunst")
    answer = upload(client, society, json_lines(*(picture(str(n)) for n in range(5))))
    assert answer.status_code == 202
    url = answer.headers["Location"]
    assert url == f"/v1/jobs/{answer.json['id']}"
    assert (answer.json["state"], answer.json["rows"], answer.json["done"]) == ("queued", 5, 0)
    work_off()
    job = client.get(url, headers=society.headers).json
    assert (job["state"], job["done"], job["registered"], job["refused"]) == ("done", 5, 5, 0)
    assert job["errors"] == []
    listed = client.get("/v1/works", headers=society.headers).json["items"]
    assert [work["title"] for work in listed] == [f"Picture {n}" for n in range(5)]
    rows = list(csv.DictReader(io.StringIO(client.get(f"{url}/rows.csv", headers=society.headers).text)))
    assert [row["work"] for row in rows] == [work["id"] for work in listed]


def test_a_work_of_a_list_is_a_work_like_any_other(
    client: Client, account: Make, work_off: Callable[[], None]
) -> None:
    """The same document comes out as if it had been registered alone."""
    anna, ben = account(), account(name="Ben")
    row = picture(
        "x",
        made_by="ai_assisted",
        tool="Blender 5",
        prompt="dunes\nat dawn",
        persons_depicted=True,
        media_type="image/png",
        identifiers=[{"scheme": "isbn", "value": "3-16-148410-X"}],
        source_urls=["https://example.org/x"],
    )
    upload(client, anna, json_lines(row))
    work_off()
    ((listed),) = client.get("/v1/works", headers=anna.headers).json["items"]
    ours = client.get(f"/v1/works/{listed['id']}", headers=anna.headers).json
    client.delete(f"/v1/works/{listed['id']}", headers=anna.headers)
    single = client.post("/v1/works", json=row, headers=ben.headers).json
    personal = {"id", "owner", "registered_by", "shares", "withdrawn_at"}
    assert {k: v for k, v in ours.items() if k not in personal} == {
        k: v for k, v in single.items() if k not in personal
    }
    assert ours["disclosure"] == "check-api-only"
    assert [(s["right"], s["ppm"], s["party"]) for s in ours["shares"]] == [
        ("communication", 1_000_000, anna.id),
        ("reproduction", 1_000_000, anna.id),
    ]


BAD: tuple[tuple[Any, str, str], ...] = (
    (b"{not json", "input.invalid", "not JSON"),
    (b"[]", "input.invalid", "JSON object"),
    (b"", "input.invalid", "not JSON"),
    (picture("bad", title=" "), "input.invalid", "title"),
    (picture("bad", title="a\u2028b"), "input.invalid", "title"),
    (picture("bad", tools="x"), "input.invalid", "“tools”"),
    (picture("bad", kind=None), "input.invalid", "image or a text"),
    (picture("bad", kind="video"), "input.invalid", "kind"),
    (picture("bad", fingerprints=[]), "input.invalid", "digest.sha256.v1"),
    (picture("bad", fingerprints=[{"algorithm": "x"}]), "input.invalid", "exactly"),
    (picture("bad", prompt="\0"), "input.invalid", "prompt"),
    (picture("bad", made_by="ai_generated"), "input.invalid", "tool"),
    (picture("bad", persons_depicted="no"), "input.invalid", "persons_depicted"),
    (picture("bad", size=0), "input.invalid", "size"),
    (picture("bad", shares=[]), "input.invalid", "“shares”"),
    (picture("bad", source_urls=["nowhere"]), "input.invalid", "address"),
    (picture("bad", identifiers=[{"scheme": "isbn", "value": "1"}]), "input.invalid", "ISBN"),
    (picture("bad", on_behalf_of="party_" + "0" * 26), "auth.forbidden", "mandate"),
)


def test_bad_rows_are_named_and_the_others_registered(
    client: Client, account: Make, work_off: Callable[[], None]
) -> None:
    anna = account()
    rows = [picture("first"), *(row for row, _, _ in BAD), picture("last")]
    url = upload(client, anna, json_lines(*rows)).headers["Location"]
    work_off()
    job = client.get(url, headers=anna.headers).json
    assert (job["state"], job["registered"], job["refused"]) == ("done", 2, len(BAD))
    for n, (error, (_, code, message)) in enumerate(zip(job["errors"], BAD, strict=True), start=1):
        assert (error["row"], error["code"]) == (n, code), error
        assert message in error["message"], error


def test_the_same_file_twice(client: Client, account: Make, work_off: Callable[[], None]) -> None:
    """One's own is refused, in the list or before it; somebody else's is registered with a contested title."""
    anna, ben = account(), account(name="Ben")
    client.post("/v1/works", json=digest_row("old"), headers=ben.headers)
    own = client.post("/v1/works", json=digest_row("own"), headers=anna.headers).json["id"]
    rows = json_lines(
        digest_row("new"), digest_row("own"), digest_row("old"), digest_row("new", title="Again")
    )
    url = upload(client, anna, rows).headers["Location"]
    work_off()
    job = client.get(url, headers=anna.headers).json
    assert [(e["row"], e["code"]) for e in job["errors"]] == [(1, "conflict"), (3, "conflict")]
    assert own in job["errors"][0]["message"]
    contested = {
        w["title"]: w["contested_since"] is not None
        for w in client.get("/v1/works", headers=anna.headers).json["items"]
    }
    assert contested == {"own": False, "new": False, "old": True}


def test_near_duplicates_of_others_are_contested(
    client: Client, account: Make, work_off: Callable[[], None], mandate: Any
) -> None:
    """Of what is on record, and of earlier rows for another owner; the rules are those of a single registration."""
    society, anna, ben = account(Role.SOCIETY), account(), account(name="Ben")
    for principal in (anna, ben):
        mandate(principal, society)

    def row(name: str, bits: int, owner: Account, title: str) -> dict[str, Any]:
        codes = [as_json(f) for f in near(name, bits, file=title).fingerprints]
        return {"title": title, "kind": "image", "fingerprints": codes, "on_behalf_of": owner.id}

    old = client.post("/v1/works", json=picture("Dunes"), headers=anna.headers).json["id"]
    rows = json_lines(
        row("Dunes", 9, ben, "like old"),
        row("Sea", 0, ben, "first"),
        row("Sea", 20, anna, "like first"),
        row("Sea", 21, ben, "own variant"),
        row("Dunes", 4, anna, "variant of old"),
    )
    upload(client, society, rows)
    work_off()

    def contests(owner: Account) -> dict[str, Any]:
        works = client.get("/v1/works", headers=owner.headers).json["items"]
        seen = [client.get(f"/v1/works/{w['id']}", headers=owner.headers).json for w in works]
        return {w["title"]: w["contested"] and w["contested"] | {"id": w["id"]} for w in seen}

    bens, annas = contests(ben), contests(anna)
    assert (bens["first"], bens["own variant"], annas["variant of old"]) == (None, None, None)
    assert (bens["like old"]["earlier_work"], bens["like old"]["rule"]) == (old, "near-picture")
    assert annas["like first"]["distance"] == 20
    assert annas["like first"]["decided_by"] == "machine"
    doubles = client.get(f"/v1/works/{old}", headers=anna.headers).json["doubles"]
    assert [d["newer_work"] for d in doubles] == [bens["like old"]["id"]]


@pytest.fixture
def mandate(client: Client) -> Callable[[Account, Account], None]:
    def give(principal: Account, agent: Account) -> None:
        body = {"agent": agent.id, "may": ["register"], "repertoire": {"media": ["image"]}}
        assert client.post("/v1/mandates", json=body, headers=principal.headers).status_code == 201

    return give


def test_a_society_registers_for_its_members(
    client: Client, account: Make, work_off: Callable[[], None], mandate: Any, database: Database
) -> None:
    """For one by the address, for others by their rows; only as far as each mandate reaches."""
    society, anna, ben = account(Role.SOCIETY), account(), account(name="Ben")
    mandate(anna, society)
    rows = json_lines(
        picture("a"),
        picture("b", on_behalf_of=ben.id),
        digest_row("c"),
        picture("a", on_behalf_of=society.id),
    )
    url = upload(client, society, rows, on_behalf_of=anna.id).headers["Location"]
    work_off()
    job = client.get(url, headers=society.headers).json
    assert [(e["row"], e["code"]) for e in job["errors"]] == [(1, "auth.forbidden"), (2, "auth.forbidden")]
    with database.reading() as session:
        found = session.scalars(select(Work).order_by(Work.row)).all()
        assert [w.owner_id for w in found] == [anna.actor.party_id, society.actor.party_id]
        assert [w.on_behalf_of for w in found] == [anna.actor.party_id, None]
        assert [w.contested_by for w in found] == [None, found[0].id]
        held = set(session.execute(select(ShareRow.work_id, ShareRow.party_id, ShareRow.recorded_by)))
        assert held == {(w.id, w.owner_id, society.actor.party_id) for w in found}


def test_parquet_is_the_same_list(client: Client, account: Make, work_off: Callable[[], None]) -> None:
    anna = account()
    rows = [picture("a", source_urls=["https://example.org/a"]), picture("b"), digest_row("c")]
    for row in rows:
        row["fingerprints"] = [f | {"code": bytes.fromhex(f["code"])} for f in row["fingerprints"]]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file)
    answer = upload(client, anna, file.getvalue(), PARQUET)
    assert (answer.status_code, answer.json["rows"]) == (202, 3)
    work_off()
    job = client.get(answer.headers["Location"], headers=anna.headers).json
    assert (job["registered"], job["errors"]) == (3, [])


@pytest.mark.parametrize(
    ("data", "media_type", "status"),
    [
        (b"", JSON_LINES, 422),
        (b"PAR1", PARQUET, 422),
        (b"{}\n" * 100_001, JSON_LINES, 422),
        (b"{}", "application/json", 415),
        (b"{}", "text/plain", 415),
    ],
)
def test_what_is_no_list_is_refused_at_once(
    client: Client, account: Make, data: bytes, media_type: str, status: int
) -> None:
    assert upload(client, account(), data, media_type).status_code == status


def test_unknown_columns_are_refused_at_once(client: Client, account: Make) -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"titel": ["x"]}), file)
    answer = upload(client, account(), file.getvalue(), PARQUET)
    assert (answer.status_code, "titel" in answer.json["detail"]) == (422, True)


def test_who_may_send_and_see_lists(client: Client, account: Make) -> None:
    anna, ben = account(), account(name="Ben")
    url = upload(client, anna, json_lines(digest_row("a"))).headers["Location"]
    assert client.get(url, headers=ben.headers).status_code == 404
    assert client.get(f"{url}/rows.csv", headers=ben.headers).status_code == 404
    assert upload(client, account(Role.LAB), json_lines(digest_row("a"))).status_code == 403
    assert upload(client, account(Role.CREATOR, Scope.WORKS_READ), b"{}").status_code == 403
    assert upload(client, anna, b"{}", on_behalf_of="party_" + "0" * 26).status_code == 404


# -- interruptions ------------------------------------------------------------------------------------------
def payload(database: Database) -> Iterator[dict[str, Any]]:
    with database.reading() as session:
        for key in session.scalars(select(BulkUpload.id)):
            yield {"upload": key}


def count(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Work)) or 0


def test_a_job_goes_on_where_it_stopped_and_may_run_twice(
    client: Client, account: Make, database: Database, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BATCH", 3)
    anna = account()
    url = upload(client, anna, json_lines(*(digest_row(str(n)) for n in range(8)))).headers["Location"]
    (job,) = payload(database)
    record, calls = bulk._record_batch, iter(range(9))

    def dies(*args: Any) -> None:
        record(*args)
        if next(calls) == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bulk, "_record_batch", dies)
        with pytest.raises(KeyboardInterrupt):
            bulk.register_bulk(database, job, sources)
    assert count(database) == 3
    assert client.get(url, headers=anna.headers).json["done"] == 3
    for _ in range(2):
        assert bulk.register_bulk(database, job, sources) == {"rows": 8, "registered": 8, "refused": 0}
    assert count(database) == 8


def test_two_workers_at_one_list_register_each_row_once(
    client: Client, account: Make, database: Database, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second overtakes the first half-way, as when a lease ran out."""
    monkeypatch.setattr(bulk, "BATCH", 2)
    upload(client, account(), json_lines(*(digest_row(str(n)) for n in range(6))))
    (job,) = payload(database)
    batches = bulk_rows.batches

    def overtaken(*args: Any) -> Iterator[Any]:
        for n, batch in enumerate(batches(*args)):
            if n == 1:
                monkeypatch.setattr(bulk, "batches", batches)
                bulk.register_bulk(database, job, sources)
            yield batch

    monkeypatch.setattr(bulk, "batches", overtaken)
    assert bulk.register_bulk(database, job, sources) == {"rows": 6, "registered": 6, "refused": 0}
    assert count(database) == 6
