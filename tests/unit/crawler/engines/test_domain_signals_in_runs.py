"""What whole sites say decides with the registry about every item that names its address, in every format."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from crawler import durable
from crawler.cli import cli
from crawler.engines.local import Job, run_filter
from crawler.modes import Mode
from crawler.report.facts import gather
from crawler.report.page import write_report
from crawler.report.signals import signal_rows, site_sentences
from crawler.report.texts import LANGUAGES, Texts
from crawler.runs import papers, refilter
from crawler.runs.explain import explain
from crawler.runs.verify import verify_run
from crawler.sites import DAY
from crawler.sites.evidence import Sites, check_sites
from crawler.sites.joining import Hearing
from crawler.sources import open_sources
from registry.core.decisions import Policy
from registry.core.errors import InvalidInput, NotReady, VerificationFailed
from registry.core.records.runs import RunManifest
from tests.unit.crawler import lab
from tests.unit.crawler.archives import packed, record, response, urn
from tests.unit.crawler.shards import jpeg, tar, write
from tests.unit.crawler.sites.world import (
    AI,
    ASKED_AT,
    AT,
    EXPECTED,
    NO_SITE,
    NONE,
    SITES,
    URLS,
    site,
    sites_file,
)

Outcome = list[tuple[str, bool]]


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Sites:
    path = tmp_path_factory.mktemp("sites") / "sites.jsonl"
    return check_sites(sites_file(path, *SITES, oldest=ASKED_AT - 40 * DAY), at=AT)


@pytest.fixture
def job_for(make_job: lab.MakeJob, tmp_path: Path, sites: Sites) -> Callable[..., Job]:
    """A job over inputs, by the sites."""

    def job(*inputs: Path, out: str = "run", metadata_only: bool = False, **settings: Any) -> Job:
        made = make_job(out=tmp_path / out)
        sources = open_sources(inputs, metadata_only=metadata_only)
        request = replace(made.settings.request, at=AT)
        asked = replace(made.settings, request=request, sites=sites, metadata_only=metadata_only, **settings)
        return replace(made, sources=sources, inputs=list(inputs), settings=asked)

    return job


def run(job: Job) -> Outcome:
    """Filter and verify; reason and fate of each item."""
    run_filter(job, resume=False)
    verify_run(job.out)
    rows = pq.read_table(job.out / "verdicts.parquet", columns=["reason", "kept"]).to_pylist()
    return [(row["reason"], row["kept"]) for row in rows]


def told(found: Outcome, urls: Sequence[str] = URLS) -> Mapping[str, tuple[str, bool]]:
    return dict(zip(urls, found, strict=True))


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [lab.prose(7_000 + n, words=30) for n in range(len(URLS))]


# -- formats ---------------------------------------------------------------------------------------------------
def test_tables_of_addresses(tmp_path: Path, job_for: Callable[..., Job]) -> None:
    path = write(tmp_path / "t.parquet", pa.table({"URL": URLS}))
    job = job_for(path, metadata_only=True)
    assert told(run(job)) == EXPECTED
    kept = pq.read_table(tmp_path / "run/data/t.parquet").column("URL").to_pylist()
    assert kept == [url for url, (_, stays) in EXPECTED.items() if stays]


def test_rows_are_judged_alike_one_by_one_and_as_columns(tmp_path: Path, job_for: Callable[..., Job]) -> None:
    digests = [lab.Work("", str(n).encode()).id16.hex() * 2 for n in range(len(URLS))]
    path = write(tmp_path / "t.parquet", pa.table({"url": URLS, "sha256": digests}), row_group_size=7)
    one = job_for(path, metadata_only=True)
    other = job_for(path, metadata_only=True, out="rows", mode=Mode.ANNOTATE)
    assert told(run(one)) == told(run(other)) == EXPECTED
    for table in ("verdicts.parquet", "codes.parquet"):
        assert (one.out / table).read_bytes() == (other.out / table).read_bytes()


def test_lines_of_text(tmp_path: Path, job_for: Callable[..., Job], texts: list[str]) -> None:
    lines: list[dict[str, Any]] = [{"text": text, "url": url} for text, url in zip(texts, URLS, strict=True)]
    nested: list[dict[str, Any]] = [
        {"text": text, "meta": {"url": url}} for text, url in zip(texts, URLS, strict=True)
    ]
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path, rows in zip(paths, (lines, nested), strict=True):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert told(run(job_for(*paths)), [*URLS, *(f"{url} again" for url in URLS)]) == EXPECTED | {
        f"{url} again": found for url, found in EXPECTED.items()
    }


def test_lines_that_state_addresses(tmp_path: Path, job_for: Callable[..., Job]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"url": url}) + "\n" for url in URLS))
    assert told(run(job_for(path, metadata_only=True))) == EXPECTED


def test_tables_of_texts(tmp_path: Path, job_for: Callable[..., Job], texts: list[str]) -> None:
    plain = write(tmp_path / "a.parquet", pa.table({"text": texts, "url": URLS}))
    inner = pa.StructArray.from_arrays([pa.array(URLS).dictionary_encode()], ["source_url"])
    nested = write(tmp_path / "b.parquet", pa.table({"text": texts, "metadata": inner}))
    found = run(job_for(plain, nested))
    assert told(found[: len(URLS)]) == told(found[len(URLS) :]) == EXPECTED


MEMBERS = {
    "https://ai.example/ai/a": ("signal.site.robots", False),
    "https://open.example/a": ("signal.site.tdmrep", True),
    "https://nowhere.example/a": NO_SITE,
}


def test_samples_of_img2dataset(tmp_path: Path, job_for: Callable[..., Job]) -> None:
    picture = jpeg(611)
    members = [
        member
        for n, url in enumerate(MEMBERS)
        for member in ((f"{n:09}.jpg", picture), (f"{n:09}.json", json.dumps({"url": url}).encode()))
    ]
    broken = [("8.jpg", picture), ("8.json", b'{"url": '), ("9.jpg", picture)]
    path = write(tmp_path / "00000.tar", tar([*members, *broken]))
    nowhere = ("unchecked.no-address", False)
    job = job_for(path, column="jpg")
    sources = open_sources([path], column="jpg")
    assert run(replace(job, sources=sources)) == [*MEMBERS.values(), nowhere, nowhere]
    folder = tmp_path / "files/00000"
    for name, data in members:
        write(folder / name, data)
    write(tmp_path / "files/00000.parquet", pa.table({"key": ["0"], "status": ["success"]}))
    sources = open_sources([tmp_path / "files"], column="jpg")
    assert run(replace(job_for(out="files-run"), sources=sources)) == [*MEMBERS.values()]


def test_captures(tmp_path: Path, job_for: Callable[..., Job]) -> None:
    picture = jpeg(612)
    head = ["Content-Type: image/jpeg"]
    records = [
        response(1, picture, "https://ai.example/ai/a", head=head),
        response(2, picture, "https://open.example/a", head=[*head, "X-Robots-Tag: noai"]),
        response(3, picture, "https://files.example/a", head=[*head, "TDM-Reservation: 0"]),
        response(4, picture, "https://files.example/a", head=head),
        response(5, picture, "https://open.example/a", head=[*head, "TDM-Reservation: 1"]),
        record("resource", 6, picture, "urn:example:a", Content_Type="image/jpeg"),
        record("resource", 7, picture, "https://a b/", Content_Type="image/jpeg"),
        response(8, picture, "https://silent.example/a", head=head),
    ]
    expected = [
        ("signal.site.robots", False),
        ("signal.x-robots-tag", False),
        ("signal.tdmrep", True),  # the answer's own word goes before the file of its site
        ("signal.site.tdmrep", False),
        ("signal.tdmrep", False),
        ("unchecked.no-address", False),
        ("error.malformed", False),
        ("none-found", True),
    ]
    path = write(tmp_path / "a.warc.gz", packed(*records))
    assert run(job_for(path)) == expected
    only = run(job_for(path, metadata_only=True, out="only"))
    assert only[:2] == [("signal.site.robots", False), ("signal.site.tdmrep", True)]


# -- what decides ----------------------------------------------------------------------------------------------
def test_a_licence_goes_before_what_a_site_says_and_nothing_before_the_registry(
    tmp_path: Path, job_for: Callable[..., Job]
) -> None:
    works = ["licensed text", "reserved text"]
    urls = ["https://ai.example/ai/a", "https://open.example/a"]
    rows = [
        {"text": lab.WORKS[work].data.decode(), "url": url} for work, url in zip(works, urls, strict=True)
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(job_for(path)) == [("licence.licensee", True), ("registered.no-licence", False)]


def test_an_item_at_two_places_needs_both(tmp_path: Path, job_for: Callable[..., Job]) -> None:
    pairs: list[tuple[str, str | None, tuple[str, bool]]] = [
        ("https://open.example/a", "https://ai.example/ai/a", ("signal.site.robots", False)),
        ("https://open.example/a", "https://silent.example/a", NONE),
        ("https://open.example/a", "https://open.example/b", ("signal.site.tdmrep", True)),
        ("https://open.example/a", "https://nowhere.example/a", NO_SITE),
        ("https://open.example/a", None, ("signal.site.tdmrep", True)),
    ]
    table = pa.table({"url": [pair[0] for pair in pairs], "image_url": [pair[1] for pair in pairs]})
    path = write(tmp_path / "t.parquet", table)
    assert run(job_for(path, metadata_only=True)) == [pair[2] for pair in pairs]


def test_an_item_is_explained_with_all_that_was_said_of_it(
    tmp_path: Path, job_for: Callable[..., Job]
) -> None:
    head = ["Content-Type: image/jpeg", "X-Robots-Tag: noai"]
    urls = ["https://open.example/a", "https://slow.example/a", "https://old.example/a"]
    records = [response(n, jpeg(620 + n), url, head=head) for n, url in enumerate(urls)]
    job = job_for(write(tmp_path / "a.warc.gz", packed(*records)))
    assert run(job) == [("signal.x-robots-tag", False)] * 3
    said = [" ".join(explain(job.out, urn(n))[0].sentences) for n in range(3)]
    noai = "Its source (x-robots-tag) refuses tdm, train_ai, train_genai."
    assert all(noai in one for one in said)
    assert "The site on which it was found (tdmrep) permits tdm, train_ai, train_genai." in said[0]
    assert "They contradict each other" in said[0]
    assert "The site on which it was found (robots) could not be read in full." in said[1]
    assert "contradict" not in said[1] + said[2]
    assert "asked too long ago" in said[2]


def test_where_consent_is_asked_no_site_gives_it(tmp_path: Path, job_for: Callable[..., Job]) -> None:
    path = write(tmp_path / "t.parquet", pa.table({"url": URLS}))
    job = job_for(path, metadata_only=True)
    request = replace(job.settings.request, policy=Policy.CONSENT_FIRST)
    assert not any(kept for _, kept in run(replace(job, settings=replace(job.settings, request=request))))


def test_the_papers_name_the_file_and_count_what_sites_said(
    tmp_path: Path, job_for: Callable[..., Job], sites: Sites
) -> None:
    path = write(tmp_path / "t.parquet", pa.table({"url": URLS}))
    job = job_for(path, metadata_only=True)
    run(job)
    manifest = RunManifest.parse((job.out / "run.json").read_bytes())
    assert manifest.parameters["sites"] == sites.as_json()
    reasons = [reason for reason, _ in EXPECTED.values()]
    assert manifest.counts.by_reason["unchecked.no-site"] == reasons.count("unchecked.no-site")
    assert manifest.signals["site.robots"] == sum("site.robots" in reason for reason in reasons)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_counts_which_signals_of_items_and_sites_decided(
    tmp_path: Path, job_for: Callable[..., Job], language: str
) -> None:
    job = job_for(write(tmp_path / "t.parquet", pa.table({"url": URLS})), metadata_only=True)
    run(job)
    reasons = Counter(EXPECTED.values())
    facts = gather(job.out)
    rows = {(row.family, row.of_site): row for row in signal_rows(facts)}
    robots, tdmrep = rows["robots", True], rows["tdmrep", True]
    assert robots.refused == reasons["signal.site.robots", False]
    assert robots.unreadable == reasons["error.signal.site.robots", False] == 1
    assert (tdmrep.refused, tdmrep.permitted) == (
        reasons["signal.site.tdmrep", False],
        reasons["signal.site.tdmrep", True],
    )
    assert tdmrep.carried == facts.manifest.signals["site.tdmrep"] >= tdmrep.decided
    texts = Texts(language)
    page = write_report(job.out, language=language).read_text("utf-8")
    for sentence in site_sentences(facts, texts):
        assert sentence in page
    assert texts("sites-not-asked", n=reasons[NO_SITE]) in page
    assert f'robots <span class="code">{texts("of-site")}</span>' in page


def test_the_number_of_workers_changes_nothing(tmp_path: Path, job_for: Callable[..., Job]) -> None:
    parts = ("ai", "n", "x", "y")
    tables = {
        n: pa.table({"url": [f"https://ai.example/{part}/{n}" for part in parts] * 50}) for n in range(4)
    }
    paths = [write(tmp_path / f"{n}.parquet", table) for n, table in tables.items()]
    one, two = (replace(job_for(*paths, metadata_only=True, out=f"run-{n}"), workers=n) for n in (1, 2))
    assert run(one) == run(two)
    for name in ("verdicts.parquet", "codes.parquet"):
        assert (one.out / name).read_bytes() == (two.out / name).read_bytes()
    ids = {RunManifest.parse((job.out / "run.json").read_bytes()).run_id for job in (one, two)}
    assert len(ids) == 1


def test_many_addresses_of_one_site_are_as_many_answers_as_its_patterns_tell_apart(sites: Sites) -> None:
    asked = Hearing(sites, AT, "world")
    heard = [asked.of_address(f"https://ai.example/{'ai' if n % 2 else 'other'}/{n}") for n in range(20_000)]
    assert len(set(map(id, heard))) == 2


# -- what is not as it was ---------------------------------------------------------------------------------------
def test_a_run_stops_if_the_file_is_no_longer_there_or_changes(
    tmp_path: Path, job_for: Callable[..., Job], sites: Sites
) -> None:
    copy = Path(shutil.copy(sites.path, tmp_path / "copy.jsonl"))
    own = check_sites(copy, at=AT)
    path = write(tmp_path / "t.parquet", pa.table({"url": URLS}))
    job = job_for(path, metadata_only=True)
    job = replace(job, settings=replace(job.settings, sites=own))
    copy.with_name("copy.jsonl.index").unlink()
    with pytest.raises(NotReady):
        run_filter(job, resume=False)
    assert not (job.out / "run.json").exists()


@pytest.mark.parametrize("name", ["signal.site.robots.v1", "signal.site.tdmrep.v1"])
def test_what_sites_said_cannot_be_taken_out_of_the_papers(
    tmp_path: Path, job_for: Callable[..., Job], name: str
) -> None:
    job = job_for(write(tmp_path / "t.parquet", pa.table({"url": URLS})), metadata_only=True)
    run(job)
    codes = job.out / "codes.parquet"
    rows = [row for row in pq.read_table(codes).to_pylist() if row["algorithm"] != name]
    count = papers.write_parquet(codes, papers.CODES, [pa.RecordBatch.from_pylist(rows, papers.CODES)])
    manifest = RunManifest.parse((job.out / "run.json").read_bytes())
    used = replace(manifest.codes, sha256=durable.sha256_of(codes), bytes=codes.stat().st_size, rows=count)
    signals = {family: n for family, n in manifest.signals.items() if f"signal.{family}.v1" != name}
    forged = replace(manifest, codes=used, signals=signals)
    (job.out / "run.json").write_bytes(forged.to_bytes())
    with pytest.raises(VerificationFailed, match="papers say"):
        verify_run(job.out)


# -- again by a newer edition ------------------------------------------------------------------------------------
def _again(job: Job, at: int, sites: Sites | None, out: Path, make_job: lab.MakeJob) -> RunManifest:
    new = make_job(out=out).snapshot
    folder = new.path.parents[1]
    earlier, settings = refilter.compare(job.out, job.sources, folder, new, at=at, sites=sites)
    return run_filter(Job(job.sources, job.inputs, out, new, settings, earlier=earlier), resume=False)


def test_refiltering_takes_over_what_sites_said(
    tmp_path: Path, job_for: Callable[..., Job], make_job: lab.MakeJob, sites: Sites
) -> None:
    path = write(tmp_path / "t.parquet", pa.table({"url": URLS}))
    fresh = replace(sites, max_age=3_650 * DAY)
    job = job_for(path, metadata_only=True)
    job = replace(job, settings=replace(job.settings, sites=fresh))
    run(job)
    at = job.settings.request.at + 3_600
    again = _again(job, at, fresh, tmp_path / "again", make_job)
    full = replace(
        job,
        out=tmp_path / "full",
        settings=replace(job.settings, request=replace(job.settings.request, at=at)),
    )
    assert again.run_id == run_filter(full, resume=False).run_id
    for wrong in (None, sites, replace(fresh, sha256="0" * 64)):
        with pytest.raises(InvalidInput, match="domain-signals"):
            _again(job, at, wrong, tmp_path / "wrong", make_job)


def test_refiltering_is_refused_where_a_site_has_become_too_old(
    tmp_path: Path, job_for: Callable[..., Job], make_job: lab.MakeJob, sites: Sites
) -> None:
    path = write(tmp_path / "t.parquet", pa.table({"url": URLS}))
    job = job_for(path, metadata_only=True)
    run(job)
    _again(job, job.settings.request.at, sites, tmp_path / "same", make_job)
    with pytest.raises(InvalidInput, match="too old"):
        _again(job, job.settings.request.at + 1, sites, tmp_path / "later", make_job)


# -- the commands ------------------------------------------------------------------------------------------------
def test_the_commands_take_the_file_and_say_what_is_wrong_with_it(
    tmp_path: Path, snapshot_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VORBEHALT_RUN_KEY", str(tmp_path / "key"))
    table = write(
        tmp_path / "t.parquet", pa.table({"url": ["https://ai.example/a", "https://ai.example/n/a"]})
    )
    at = int(datetime.now(UTC).timestamp()) - 60
    sites = sites_file(
        tmp_path / "sites.jsonl", site("https://ai.example", {"/robots.txt": AI}, at=at), at=at
    )
    asked = ["--snapshot", str(snapshot_folder), "--purpose", "train_genai", "--policy", "eu-art4"]

    def filtered(source: Path, out: str, *more: str) -> Result:
        heed = ["--domain-signals", str(sites), *more]
        return CliRunner().invoke(cli, ["filter", str(source), "--out", str(tmp_path / out), *asked, *heed])

    assert filtered(table, "run", "--metadata-only").exit_code == 0
    verdicts = pq.read_table(tmp_path / "run/verdicts.parquet").column("reason").to_pylist()
    assert verdicts == ["none-found", "signal.site.content-usage"]
    again = ["refilter", str(tmp_path / "run"), str(table), "--out", str(tmp_path / "again")]
    again += ["--snapshot", str(snapshot_folder)]
    refused = CliRunner().invoke(cli, again)
    assert (refused.exit_code, "--domain-signals" in refused.stderr) == (1, True)
    assert CliRunner().invoke(cli, [*again, "--domain-signals", str(sites)]).exit_code == 0

    folder = write(tmp_path / "files/a.jpg", jpeg(631)).parent
    found = filtered(folder, "of-files")
    assert (found.exit_code, "name no address" in found.stderr) == (1, True)
    sites.write_bytes(sites.read_bytes()[:-1])
    found = filtered(table, "cut", "--metadata-only")
    assert (found.exit_code, "Make the file again" in found.stderr) == (4, True)
    assert not (tmp_path / "cut").exists()
