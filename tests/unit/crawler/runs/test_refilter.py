"""A run that applies only what changed in the registry ends as a run in full does, whatever changed."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import ImageOps

from crawler.engines.local import Job, run_filter
from crawler.runs import papers, refilter
from crawler.runs.denied import changes_since
from crawler.runs.plan import Settings
from crawler.runs.verify import verify_run
from crawler.sources import open_sources
from crawler.sync import open_snapshot
from registry.core.decisions import Grant, Policy, Purpose, Request, Terms
from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.records.runs import RunManifest
from tests.unit.crawler import lab, shards

_OPEN = Terms((Grant(Purpose.TRAIN_GENAI, ("world",), 0, None, 0, lab.OPEN_OFFER, None),))
_AGREED = Terms((Grant(Purpose.TRAIN_GENAI, ("world",), 0, None, 0, lab.AGREEMENT, lab.TARIFF),))
_POOL = [
    *lab.WORKS.values(),
    lab.Work("a stranger's picture", lab.encoded(lab.picture(101))),
    lab.Work("a part of another's", lab.encoded(lab.picture(102).crop((40, 30, 220, 170)))),
    lab.Work("mirrored", lab.encoded(ImageOps.mirror(lab.picture(203)))),
    lab.Work("a stranger's text", lab.prose(103).encode()),
    lab.Work("a passage", (lab.prose(900) + " " + lab.prose(202)[:260] + " " + lab.prose(901)).encode()),
    lab.Work("nothing to do with it", lab.encoded(lab.picture(777))),
]


def _edition(folder: Path, works: Sequence[lab.Work], sequence: int) -> Path:
    return lab.make_snapshot(folder, datetime.now(UTC), sequence=sequence, works=works)


def _changed(rng: random.Random, work: lab.Work) -> lab.Work:
    return rng.choice(
        [
            replace(work, terms=_OPEN, personal=lab.NOTHING),
            replace(work, terms=lab.NOTHING, personal=_AGREED),
            replace(work, terms=Terms(contested_since=1), personal=lab.NOTHING),
            replace(work, terms=lab.NOTHING, personal=lab.NOTHING),
            replace(work, data=lab.encoded(lab.picture(rng.randrange(301, 309)))),
        ]
    )


def _job(inputs: Sequence[Path], out: Path, snapshot: Path, at: int | None = None, **settings: bool) -> Job:
    opened = open_snapshot(snapshot, now=datetime.now(UTC))
    request = Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, at or opened.created)
    asked = Settings(request, items_per_shard=3, **settings)  # type: ignore[arg-type]  # of this test alone
    return Job(open_sources(inputs), inputs, out, opened, asked)


def _again(inputs: Sequence[Path], run: Path, old: Path, new: Path, out: Path) -> tuple[RunManifest, int]:
    opened = open_snapshot(new, now=datetime.now(UTC))
    sources = open_sources(inputs)
    earlier, settings = refilter.compare(run, sources, old, opened, at=opened.created)
    manifest = run_filter(Job(sources, inputs, out, opened, settings, earlier=earlier), resume=False)
    return manifest, len(earlier.taken)


def _denied(run: Path, old: Path, new: Path) -> set[tuple[int, int]]:
    opened = open_snapshot(new, now=datetime.now(UTC))
    found = changes_since(run, old, opened, at=opened.created)
    assert (
        changes_since(run, new, opened, at=opened.created).denied == found.denied
    )  # without the old edition
    return {(item.shard, item.row) for item in found.denied}


def _kept(run: Path) -> set[tuple[int, int]]:
    rows = papers.read_parquet(run / "verdicts.parquet", papers.VERDICTS)
    return {(row["shard"], row["row"]) for row in rows if row["kept"]}


def _tree(out: Path) -> dict[str, bytes]:
    found = {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    del found["run.json"]
    return found


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A folder, lines, and two tars with pictures of which one lies upon a registered one in part."""
    folder = tmp_path_factory.mktemp("refilter")
    tars = [
        shards.write(
            folder / f"{number}.tar",
            shards.tar(
                shards.samples({f"{n:04}": lab.encoded(lab.picture(n), "JPEG", quality=80) for n in seeds})
            ),
        )
        for number, seeds in enumerate([(301, 302, 203), (303, 1, 304), (305, 306)])
    ]
    return [lab.make_dataset(folder / "dataset"), lab.make_lines(folder / "pages.jsonl"), *tars]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_changes_the_result_is_that_of_a_run_in_full(
    seed: int, inputs: list[Path], tmp_path: Path
) -> None:
    rng = random.Random(seed)
    before = _POOL[:4] + rng.sample(_POOL[4:], rng.randrange(1, 5))
    after = [_changed(rng, work) if rng.random() < 0.2 else work for work in before]
    if seed % 2:
        after.pop(rng.randrange(len(after)))
    after += [work for work in _POOL if work not in before and rng.random() < 0.4]
    old, new = _edition(tmp_path / "old", before, 1), _edition(tmp_path / "new", after, 2)
    run_filter(_job(inputs, tmp_path / "run", old), resume=False)
    full = run_filter(_job(inputs, tmp_path / "full", new), resume=False)
    assert _denied(tmp_path / "run", old, new) == _kept(tmp_path / "run") - _kept(tmp_path / "full")
    again, _ = _again(inputs, tmp_path / "run", old, new, tmp_path / "again")
    assert again.run_id == full.run_id
    assert _tree(tmp_path / "again") == _tree(tmp_path / "full")
    verify_run(tmp_path / "again", new)


@dataclass
class _Lazy:
    """Pages, signed only if they meet a work: one shares a phrase with a work that goes, one with one that comes."""

    folder: Path
    pages: Path
    old: Path
    new: Path

    @classmethod
    def of(cls, folder: Path) -> _Lazy:
        gone, came, stays = (lab.prose(seed, 60).split() for seed in (610, 611, 612))
        pages = folder / "pages.jsonl"
        with pages.open("w") as file:
            for key, words in (("gone", gone), ("came", came), ("none", [])):
                quoted = " ".join(words[20:36])
                text = f"{lab.prose(613, 100)} {quoted} {lab.prose(614, 100)}"
                file.write(json.dumps({"id": key, "text": text}) + "\n")
        works = [
            lab.Work(name, " ".join(words).encode()) for name, words in (("gone", gone), ("stays", stays))
        ]
        old = _edition(folder / "old", works, 1)
        new = _edition(folder / "new", [works[1], lab.Work("came", " ".join(came).encode())], 2)
        return cls(folder, pages, old, new)

    def run(self, name: str, snapshot: Path) -> RunManifest:
        job = _job([self.pages], self.folder / name, snapshot)
        lazy = replace(job.settings, min_words=25, lazy_signatures=True, items_per_shard=1)
        return run_filter(replace(job, settings=lazy), resume=False)

    def again(self) -> RunManifest:
        return _again([self.pages], self.folder / "run", self.old, self.new, self.folder / "again")[0]

    def signed(self, name: str) -> set[str]:
        rows = pq.read_table(self.folder / name / "codes.parquet").to_pylist()
        return {row["key"] for row in rows if row["algorithm"] == "text.minhash128.v1"}


def test_a_lazy_run_signs_anew_what_meets_other_works(tmp_path: Path) -> None:
    """A page that shared a phrase with a work that is gone loses its signature, one that meets a new work gets one."""
    lazy = _Lazy.of(tmp_path)
    lazy.run("run", lazy.old)
    full = lazy.run("full", lazy.new)
    assert lazy.again().run_id == full.run_id
    assert _tree(tmp_path / "again") == _tree(tmp_path / "full")
    assert lazy.signed("run") == {"gone"}
    assert lazy.signed("again") == lazy.signed("full") == {"came"}
    verify_run(tmp_path / "again", lazy.new)


def test_changed_codes_do_not_get_into_other_papers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a page that no change comes near are not read to find that out, but before they are written again."""
    monkeypatch.setattr("crawler.runs.papers.ROWS_PER_GROUP", 1)
    lazy = _Lazy.of(tmp_path)
    lazy.run("run", lazy.old)
    codes = tmp_path / "run/codes.parquet"
    data, metadata = bytearray(codes.read_bytes()), pq.read_metadata(codes)
    data[metadata.row_group(metadata.num_row_groups - 1).column(5).data_page_offset + 40] ^= 1
    codes.write_bytes(data)
    with pytest.raises(VerificationFailed, match=r"codes\.parquet was changed after the run"):
        lazy.again()
    assert not (tmp_path / "again/run.json").exists()


def test_what_the_changes_cannot_touch_is_not_opened(
    inputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (
        _edition(tmp_path / "old", _POOL[:6], 1),
        _edition(tmp_path / "new", [*_POOL[:6], _POOL[-1]], 2),
    )
    run_filter(_job(inputs, tmp_path / "run", old), resume=False)
    full = run_filter(_job(inputs, tmp_path / "full", new), resume=False)
    monkeypatch.setattr("crawler.engines.local.run_shard", None)
    again, taken = _again(inputs, tmp_path / "run", old, new, tmp_path / "again")
    assert (again.run_id, _tree(tmp_path / "again")) == (full.run_id, _tree(tmp_path / "full"))
    assert taken == 11
    assert again.runtime["refiltered"] == RunManifest.parse((tmp_path / "run/run.json").read_bytes()).run_id


def test_a_licence_that_ends_between_the_two_dates_counts_as_a_change(
    inputs: list[Path], tmp_path: Path
) -> None:
    until = int(datetime.now(UTC).timestamp()) + 500
    ending = Terms((replace(_OPEN.grants[0], valid_to=until),))
    works = [replace(lab.WORKS["open picture"], terms=ending)]
    snapshot = _edition(tmp_path / "snapshot", works, 1)
    run_filter(_job(inputs, tmp_path / "run", snapshot), resume=False)
    full = run_filter(_job(inputs, tmp_path / "full", snapshot, at=until), resume=False)
    opened = open_snapshot(snapshot, now=datetime.now(UTC))
    sources = open_sources(inputs)
    earlier, settings = refilter.compare(tmp_path / "run", sources, snapshot, opened, at=until)
    again = run_filter(
        Job(sources, inputs, tmp_path / "again", opened, settings, earlier=earlier), resume=False
    )
    assert again.run_id == full.run_id
    assert again.counts.by_verdict["deny"] > earlier.manifest.counts.by_verdict.get("deny", 0)


def test_whatever_is_not_as_it_was_is_refused(inputs: list[Path], tmp_path: Path) -> None:
    snapshot = _edition(tmp_path / "snapshot", _POOL[:2], 1)
    copies = [Path(shutil.copy2(inputs[1], tmp_path / "pages.jsonl"))]
    run = tmp_path / "run"
    manifest = run_filter(_job(copies, run, snapshot), resume=False)

    def refused(match: str, problem: type[Exception] = InvalidInput) -> None:
        with pytest.raises(problem, match=match):
            _again(copies, run, snapshot, snapshot, tmp_path / "again")
        assert not (tmp_path / "again").exists()

    papers = (run / "run.json").read_bytes()
    for other, match in (
        (replace(manifest, tool=replace(manifest.tool, version="0.0")), "another version"),
        (replace(manifest, decoders={**manifest.decoders, "Pillow": "9.0"}), "another version"),
        (replace(manifest, parameters={**manifest.parameters, "mode": "annotate"}), "annotates"),
        (replace(manifest, parameters={**manifest.parameters, "min_words": 3}), "not the inputs"),
        (replace(manifest, licensee=None), "another licensee"),
        (
            replace(manifest, snapshot=replace(manifest.snapshot, works_root="00" * 32)),
            "other works or terms",
        ),
    ):
        (run / "run.json").write_bytes(other.to_bytes())
        refused(match, VerificationFailed if "other works" in match else InvalidInput)
    (run / "run.json").write_bytes(papers)
    codes = (run / "codes.parquet").read_bytes()
    (run / "codes.parquet").write_bytes(codes[:-1])
    refused("changed after the run", VerificationFailed)
    (run / "codes.parquet").write_bytes(codes)
    copies[0].write_bytes(copies[0].read_bytes() + b"\n")
    refused("not the inputs")


def test_without_its_index_a_run_is_read_and_with_a_damaged_one_refused(
    inputs: list[Path], tmp_path: Path
) -> None:
    old = _edition(tmp_path / "old", _POOL[:2], 1)
    new = _edition(tmp_path / "new", [*_POOL[:2], lab.WORKS["reserved text"]], 2)
    run_filter(_job(inputs, tmp_path / "run", old), resume=False)
    full = run_filter(_job(inputs, tmp_path / "full", new), resume=False)
    index = tmp_path / "run/codes.index"
    data = index.read_bytes()
    index.write_bytes(data[: len(data) // 2])
    with pytest.raises(VerificationFailed, match=r"codes\.index is damaged.*Delete it"):
        _again(inputs, tmp_path / "run", old, new, tmp_path / "again")
    index.unlink()
    again, _ = _again(inputs, tmp_path / "run", old, new, tmp_path / "again")
    assert again.run_id == full.run_id
    assert _tree(tmp_path / "again") == _tree(tmp_path / "full")


def test_kept_data_that_is_gone_or_cut_off_is_not_taken_over(inputs: list[Path], tmp_path: Path) -> None:
    snapshot = _edition(tmp_path / "snapshot", _POOL[:2], 1)
    run_filter(_job(inputs, tmp_path / "run", snapshot), resume=False)
    kept = tmp_path / "run/data/pages.jsonl"
    kept.write_bytes(kept.read_bytes()[:-1])
    with pytest.raises(VerificationFailed, match=r"pages\.jsonl is missing or was changed"):
        _again(inputs, tmp_path / "run", snapshot, snapshot, tmp_path / "again")
    assert not (tmp_path / "again/run.json").exists()
