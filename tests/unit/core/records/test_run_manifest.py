"""The run manifest: its id is the digest of what decides the outcome, and of nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.records.canonical import canonical
from registry.core.records.runs import AlgorithmUsed, Counts, FileUsed, RunManifest, SnapshotUsed, Tool

DIGEST = "ab" * 32


def _file(uri: str, rows: int = 3) -> FileUsed:
    return FileUsed(uri=uri, bytes=10, sha256=DIGEST, rows=rows)


def manifest() -> RunManifest:
    """A small run: three items, one kept."""
    return RunManifest(
        tool=Tool("vorbehalt", "0.1.0"),
        decoders={"Pillow": "12.0.0"},
        algorithms=(AlgorithmUsed("image.phash256.v1", DIGEST),),
        snapshot=SnapshotUsed(
            sequence=4,
            created=1_800_000_000,
            change_seq=9,
            works_root=DIGEST,
            log_size=12,
            log_root=DIGEST,
            lists={"image.phash256.v1": DIGEST},
        ),
        purpose="train_genai",
        policy="consent-first",
        territory="world",
        at=1_800_000_100,
        parameters={"radius": {"image.phash256.v1": 36}, "trim": True},
        inputs=(_file("images/000.jpg"),),
        outputs=(_file("kept/000.jpg", rows=1),),
        verdicts=_file("verdicts.parquet"),
        codes=_file("codes.parquet"),
        counts=Counts(
            seen=3,
            kept=1,
            dropped=2,
            by_verdict={"licensed": 1, "deny": 1, "unknown": 1},
            by_reason={"licence.licensee": 1, "registered.no-licence": 1, "error.undecodable": 1},
            by_media={"image": 2, "none": 1},
        ),
        signals={},
        licensee="party_x",
        licences=("agreement_x@3",),
        runtime={"workers": 4, "host_class": "x86_64", "started": "2027-01-15T08:00:00Z"},
    )


def test_it_is_read_back() -> None:
    run = manifest()
    assert RunManifest.parse(run.to_bytes()) == run
    assert RunManifest.parse(run.to_bytes()).to_bytes() == run.to_bytes()


def test_the_id_can_be_computed_by_anyone_from_the_file() -> None:
    members = json.loads(manifest().to_bytes())
    run_id = members.pop("run_id")
    del members["runtime"]
    assert sha256(canonical(members)).hexdigest() == run_id == manifest().run_id


def test_the_id_does_not_depend_on_where_and_how_fast_it_ran() -> None:
    run = manifest()
    assert replace(run, runtime={"workers": 16, "resumed_from": "part-3"}).run_id == run.run_id
    assert RunManifest.parse(json.dumps(json.loads(run.to_bytes()), indent=2).encode()).run_id == run.run_id


@pytest.mark.parametrize(
    "change",
    [
        {"at": 1},
        {"policy": "eu-art4"},
        {"territory": "DE"},
        {"licensee": None},
        {"licences": ()},
        {"parameters": {}},
        {"decoders": {"Pillow": "13.0.0"}},
        {"tool": Tool("vorbehalt", "0.1.1")},
        {"previous_run": DIGEST},
        {"outputs": ()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_id_depends_on_whatever_decides(change: dict[str, Any]) -> None:
    assert replace(manifest(), **change).run_id != manifest().run_id


Edit = Callable[[dict[str, Any]], None]


def _edited(edit: Edit) -> bytes:
    members = json.loads(manifest().to_bytes())
    edit(members)
    return json.dumps(members).encode()


@pytest.mark.parametrize(
    "edit",
    [
        lambda m: m.update(at=1),
        lambda m: m.update(run_id="00" * 32),
        lambda m: m.pop("run_id"),
        lambda m: m.pop("licensee"),
        lambda m: m["verdicts"].update(sha256="00" * 32),
        lambda m: m["snapshot"].update(sequence=5),
    ],
)
def test_what_was_changed_afterwards_does_not_verify(edit: Edit) -> None:
    with pytest.raises(VerificationFailed, match="run_id"):
        RunManifest.parse(_edited(edit))


@pytest.mark.parametrize(
    "edit",
    [
        lambda m: m.update(extra=1),
        lambda m: m["snapshot"].update(extra=1),
        lambda m: m["inputs"][0].update(extra=1),
        lambda m: m.pop("counts"),
        lambda m: m.pop("runtime"),
        lambda m: m.update(schema_version=2),
        lambda m: m.pop("schema_version"),
        lambda m: m.update(purpose="anything"),
        lambda m: m.update(policy="keep-all"),
        lambda m: m.update(territory="Germany"),
        lambda m: m.update(inputs={}),
        lambda m: m.update(at="now"),
        lambda m: m.update(at=1.5),
        lambda m: m.update(licensee=None),
        lambda m: m["runtime"].update(seconds=1.5),
        lambda m: m["inputs"][0].update(uri="/home/me/000.jpg"),
        lambda m: m["inputs"][0].update(uri="../000.jpg"),
        lambda m: m["inputs"][0].update(uri="a/../../b"),
        lambda m: m["inputs"][0].update(uri="https://host/000.jpg"),
        lambda m: m["inputs"][0].update(uri="C:\\000.jpg"),
        lambda m: m["inputs"][0].update(uri=""),
        lambda m: m["inputs"][0].update(bytes=-1),
        lambda m: m["inputs"][0].update(sha256=DIGEST.upper()),
        lambda m: m["counts"].update(seen=4),
        lambda m: m["counts"].update(dropped=1),
        lambda m: m["counts"]["by_verdict"].update(deny=2),
        lambda m: m["counts"]["by_reason"].pop("error.undecodable"),
        lambda m: m["counts"]["by_verdict"].update(maybe=0),
        lambda m: m["counts"].update(by_distance={"image.phash256.v1": {"near": 1}}),
        lambda m: m["counts"].update(by_distance={"image.phash256.v1": {"0": 4}}),
        lambda m: m["counts"].update(by_distance={"image.phash256.v1": 1}),
    ],
)
def test_a_malformed_manifest_is_refused(edit: Edit) -> None:
    with pytest.raises(InvalidInput):
        RunManifest.parse(_edited(edit))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", manifest().to_bytes()[:-1]])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        RunManifest.parse(data)


def test_distances_are_counted_where_a_run_says_them() -> None:
    run = manifest()
    assert (
        "by_distance" not in run.counts.as_json()
    )  # as in runs of earlier releases, whose ids stay what they are
    told = replace(run, counts=replace(run.counts, by_distance={"image.phash256.v1": {"0": 1, "30": 1}}))
    assert RunManifest.parse(told.to_bytes()) == told
    assert told.run_id != run.run_id


def test_counts_that_do_not_add_up_are_refused_when_made() -> None:
    with pytest.raises(InvalidInput, match=r"kept \+ dropped is 2"):
        replace(manifest().counts, dropped=1)
