"""From a run's papers to a claim, and from the registry's answer to a receipt that is for this very claim."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from crawler.claims import Batch, build_claim, save_receipt, submit
from crawler.client import Client
from crawler.engines.local import run_filter
from crawler.runs.opening import open_manifest
from crawler.runs.signing import sign_run
from registry.core.errors import InvalidInput, NetworkFailed, VerificationFailed
from registry.core.records.leaves import UseLeaf
from registry.core.records.receipts import build_receipt
from registry.core.tlog import merkle
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import SigningKey
from tests.unit.crawler import lab
from tests.unit.crawler.answering import Answer, Asked, serving

MODEL = "model_" + "0" * 26
KEY = SigningKey.generate("registry.example/usage-log")
POLICY = f"log {KEY.verifier()}\nquorum none\n"


def _receipt(batch: Batch, *, index: int = 0, **other: Any) -> str:
    """What a registry whose log has this entry only would answer."""
    members: dict[str, Any] = {
        "dataset": f"sha256:{batch.manifest.run_id}",
        "lab": lab.LICENSEE,
        "model": MODEL,
        "rows": len(batch.rows),
        "root": batch.root,
        "at": 1_800_000_000,
        "who": "00" * 32,
    }
    body = UseLeaf(**members | other).body()
    note = Checkpoint(KEY.name, 1, merkle.leaf_hash(body)).signed(KEY)
    return build_receipt(body, index, [], note)


def _registry(batch: Batch, **other: Any) -> Any:
    answer = {"id": "claim_" + "0" * 26, "log_index": 0, "receipt": _receipt(batch, **other)}
    return lambda asked: Answer(201, answer)


@pytest.fixture(scope="module")
def batch(finished_run: Path) -> Batch:
    return build_claim(finished_run)


def test_a_batch_counts_each_licensed_use_by_work_licence_and_how(batch: Batch) -> None:
    pictures, texts = lab.WORKS["licensed picture"].id, lab.WORKS["licensed text"].id
    assert [row.line() for row in batch.rows] == sorted(
        [
            f"{pictures}\t1\t{lab.AGREEMENT}\t1",
            f"{pictures}\t1\t{lab.AGREEMENT}\t2",
            f"{texts}\t1\t{lab.AGREEMENT}\t2",
        ]
    )
    assert (batch.works, batch.units) == (2, 3)


def test_a_run_without_licensed_uses_has_nothing_to_report(tmp_path: Path, make_job: lab.MakeJob) -> None:
    (tmp_path / "in").mkdir()
    run_filter(make_job(tmp_path / "in", out=tmp_path / "run"), resume=False)
    with pytest.raises(InvalidInput, match="nothing to report"):
        build_claim(tmp_path / "run")


def test_nobody_reports_from_papers_that_were_changed(tmp_path: Path, finished_run: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    (run / "verdicts.parquet").write_bytes((run / "verdicts.parquet").read_bytes() + b" ")
    with pytest.raises(VerificationFailed, match="changed after the run"):
        build_claim(run)


def test_the_manifest_travels_without_what_it_says_of_this_machine(batch: Batch) -> None:
    with serving(_registry(batch)) as server, Client(server.url) as client:
        answer = submit(client, batch, MODEL, POLICY)
    assert answer.log_index == 0
    (asked,) = server.asked
    assert set(asked.json) == {"manifest", "model", "rows"}
    assert asked.json["manifest"]["run_id"] == batch.manifest.run_id
    assert asked.json["manifest"]["runtime"] == {}
    assert asked.json["rows"][0] == {
        "work": batch.rows[0].work,
        "licence": lab.AGREEMENT,
        "units": 1,
        "how": int(batch.rows[0].how),
    }


def test_a_signature_travels_along_and_a_wrong_one_is_not_reported(
    tmp_path: Path, finished_run: Path
) -> None:
    run, key = shutil.copytree(finished_run, tmp_path / "run"), SigningKey.generate("lab.example/runs")
    note = sign_run(run, open_manifest(run).run_id, key).read_text("utf-8")
    batch = build_claim(run)
    with serving(_registry(batch)) as server, Client(server.url) as client:
        submit(client, batch, MODEL, POLICY)
    assert server.asked[0].json["manifest"]["runtime"] == {"signature": note}
    sign_run(run, "00" * 32, key)
    with pytest.raises(VerificationFailed, match="another run"):
        build_claim(run)


def test_the_receipt_may_come_at_an_address_of_its_own(batch: Batch) -> None:
    def answer(asked: Asked) -> Answer:
        if asked.method == "POST":
            return Answer(201, {"id": "claim_x", "log_index": 0})
        assert asked.path == "/v1/claims/claim_x/receipt"
        return Answer(body=_receipt(batch).encode())

    with serving(answer) as server, Client(server.url) as client:
        assert submit(client, batch, MODEL, None).receipt == _receipt(batch)


@pytest.mark.parametrize("policy", [None, POLICY], ids=["unverified", "verified"])
@pytest.mark.parametrize("other", [{"root": "11" * 32}, {"rows": 2}])
def test_a_receipt_for_something_else_is_refused(
    batch: Batch, other: dict[str, Any], policy: str | None
) -> None:
    with (
        serving(_registry(batch, **other)) as server,
        Client(server.url) as client,
        pytest.raises(VerificationFailed, match="other than what was reported"),
    ):
        submit(client, batch, MODEL, policy)


def test_a_receipt_for_another_place_or_by_another_log_is_refused(batch: Batch) -> None:
    stranger = SigningKey.generate(KEY.name)
    with (
        serving(_registry(batch, index=5)) as server,
        Client(server.url) as client,
        pytest.raises(VerificationFailed, match="entry 5"),
    ):
        submit(client, batch, MODEL, None)
    with serving(_registry(batch)) as server, Client(server.url) as client, pytest.raises(VerificationFailed):
        submit(client, batch, MODEL, f"log {stranger.verifier()}\nquorum none\n")


@pytest.mark.parametrize("document", [{}, [], {"id": "claim_x"}, {"id": "claim_x", "log_index": "one"}])
def test_an_answer_that_is_none_is_refused(batch: Batch, document: Any) -> None:
    with (
        serving(lambda asked: Answer(201, document)) as server,
        Client(server.url) as client,
        pytest.raises(NetworkFailed),
    ):
        submit(client, batch, MODEL, None)


def test_receipts_are_kept_one_an_entry(tmp_path: Path, batch: Batch) -> None:
    first, second = _receipt(batch), _receipt(batch, at=1_900_000_000)
    assert save_receipt(tmp_path, first).name == "receipt.tlog-proof"
    assert save_receipt(tmp_path, first).name == "receipt.tlog-proof"
    assert save_receipt(tmp_path, second).name == "receipt-2.tlog-proof"
    assert save_receipt(tmp_path, first).name == "receipt.tlog-proof"
    assert (tmp_path / "receipt.tlog-proof").read_text("utf-8") == first
    assert len(list(tmp_path.iterdir())) == 2
