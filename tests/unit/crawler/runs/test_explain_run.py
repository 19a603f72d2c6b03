from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from crawler.runs.explain import explain
from registry.core.errors import NotFound
from tests.unit.crawler import lab


def _words(run: Path, key: str) -> str:
    (found,) = explain(run, key)
    return " ".join(found.sentences)


def test_a_copy_is_explained_by_its_work_its_closeness_and_its_maker(finished_run: Path) -> None:
    said = _words(finished_run, "dataset/photos/mirrored.jpg")
    assert "was left out: on record, and no licence covers this use" in said
    assert f"It matches {lab.WORKS['reserved picture'].id} by the whole picture, mirrored" in said
    assert "of 256 bits differ" in said
    assert "has not opened" in said
    assert "Asked for train_genai in world" in said


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("dataset/photos/licensed.png", f"It is covered by {lab.AGREEMENT}, priced by tariff version"),
        ("dataset/photos/licensed.png", "the same file, bit for bit"),
        ("dataset/photos/open.jpg", f"It is covered by {lab.OPEN_OFFER}, free of charge"),
        ("dataset/photos/open.jpg", "permits: train_genai in world"),
        ("dataset/photos/contested.jpg", "Two claim to be the maker"),
        ("dataset/photos/bordered.png", "the picture without its border"),
        ("dataset/photos/stranger-1.jpg", "it is marked no-reservation-found"),
        ("dataset/broken/bomb.png", "larger than the limits allow"),
        ("licensed", "% of the text in common"),
        ("photos/open.jpg", "dataset/photos/open.jpg was kept"),
    ],
)
def test_every_kind_of_verdict_is_explained(finished_run: Path, key: str, expected: str) -> None:
    assert expected in _words(finished_run, key)


def test_what_was_left_out_in_comparing_a_picture_is_said(finished_run: Path) -> None:
    denied, kept, text = (
        _words(finished_run, key)
        for key in ("dataset/photos/copy.jpg", "dataset/photos/stranger-1.jpg", "dataset/texts/reserved.txt")
    )
    assert "decoded at reduced scale" in denied
    assert "parts were not compared any more" in denied
    assert "decoded at reduced scale" in kept
    assert "parts were not compared" not in kept
    assert "decoded" not in text


def test_the_codes_are_told_for_programs(finished_run: Path) -> None:
    (found,) = explain(finished_run, "dataset/photos/licensed.png")
    digests = [code["code"] for code in found.codes if code["algorithm"] == "digest.sha256.v1"]
    assert digests == [found.row["sha256"]]


def test_a_key_that_occurs_twice_is_explained_twice(finished_run: Path) -> None:
    assert [item.row["row"] for item in explain(finished_run, "7")] == [1, 6]


def test_an_unknown_key_says_what_keys_look_like(finished_run: Path) -> None:
    with pytest.raises(NotFound, match=r"no item nothing\.jpg"):
        explain(finished_run, "nothing.jpg")


def test_without_the_edition_the_papers_still_explain_themselves(tmp_path: Path, finished_run: Path) -> None:
    moved = shutil.copytree(finished_run, tmp_path / "elsewhere" / "run")
    assert "It matches" in _words(moved, "dataset/photos/copy.jpg")
    with pytest.raises(NotFound, match="--snapshot"):
        explain(moved, "dataset/photos/copy.jpg", tmp_path)
