"""What is drawn of a run is what its manifest counts; whatever else stands in it draws nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from registry.core.records.runs import AlgorithmUsed, Counts, FileUsed, RunManifest, SnapshotUsed, Tool
from registry.web.run_charts import charts, recognised, steps
from tests.support.quarter import COUNTS, PARAMETERS

DIGEST = "ab" * 32
FILE = FileUsed("file", 10, DIGEST, 1)


def manifest(counts: Counts = COUNTS, parameters: Any = PARAMETERS) -> RunManifest:
    """A run with these counts."""
    return RunManifest(
        tool=Tool("vorbehalt", "0.1.0"),
        decoders={},
        algorithms=(AlgorithmUsed("image.phash256.v1", DIGEST),),
        snapshot=SnapshotUsed(1, 1, 1, DIGEST, 0, DIGEST, {}),
        purpose="train_genai",
        policy="consent-first",
        territory="world",
        at=1,
        parameters=parameters,
        inputs=(FILE,),
        outputs=(FILE,),
        verdicts=FILE,
        codes=FILE,
        counts=counts,
        signals={},
        runtime={},
    )


def test_each_step_is_what_the_one_before_left() -> None:
    found = steps(manifest())
    assert [(step.name, step.left, step.lost) for step in found] == [
        ("seen", 9_400, 0),
        ("checked", 9_279, 121),
        ("not-reserved", 7_739, 1_540),
        ("sure", 7_690, 49),
        ("kept", 7_690, 0),
        ("licensed", 1_550, 0),
    ]


def test_a_run_that_keeps_what_is_reserved_never_falls_below_what_it_kept() -> None:
    kept = Counts(10, 10, 0, {"deny": 6, "review": 4}, {"registered.no-licence": 10}, {"image": 10})
    assert [(step.name, step.left) for step in steps(manifest(kept))] == [("seen", 10), ("kept", 10)]


def test_distances_are_drawn_with_the_thresholds_of_the_run() -> None:
    pictures, texts = charts(manifest())
    assert pictures.histogram.total == 1_206
    assert [grade for _, _, grade in pictures.histogram.thresholds] == ["certain", "", "match"]
    assert texts.algorithm == "text.minhash128.v1"
    assert list(recognised(manifest())) == ["image.phash256.v1", "digest.sha256.v1", "text.minhash128.v1"]
    silent = manifest(replace(COUNTS, by_distance=None))
    assert (charts(silent), recognised(silent)) == ([], {})


@pytest.mark.parametrize(
    "grades",
    [
        None,
        [],
        "certain",
        {"image.phash256.v1/full": 31},
        {"image.phash256.v1/full": [31, "certain"]},
        {"image.phash256.v1/full": [["31", "certain"]]},
        {"image.phash256.v1/full": [[31, ["certain"]]]},
        {"image.phash256.v1/full": [[31, "<script>"]]},
        {"image.phash256.v1/full": [[10**12, "match"]]},
        {"image.phash256.v1/full": [[-1, "match"]]},
        {"image.phash256.v1/full": [[True, "match"]]},
    ],
)
def test_thresholds_that_are_none_are_not_drawn(grades: Any) -> None:
    first = charts(manifest(parameters={} if grades is None else {"grades": grades}))[0]
    assert first.histogram.thresholds == ()
    assert first.histogram.total == 1_206


def test_distances_beyond_any_code_spoil_nothing() -> None:
    odd = {"image.phash256.v1": {"0": 3, "99999": 2, "9" * 100: 1}, "made.up.v1": {"1": 4}}
    (chart,) = charts(manifest(replace(COUNTS, by_distance=odd)))
    assert chart.histogram.total == 5
    assert recognised(manifest(replace(COUNTS, by_distance=odd)))["made.up.v1"] == 4
