"""`vorbehalt filter --engine spark` on a cluster of several processes, one of which is killed; what a task refuses."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
from click.testing import CliRunner

from crawler.cli import cli
from crawler.engines import spark
from crawler.engines.local import Job, run_filter
from crawler.engines.screen import Screen
from crawler.engines.shard import run_shard
from crawler.runs.partial import Marker, Partial
from crawler.runs.plan import Settings, look, make_plan
from crawler.sites.evidence import check_sites
from crawler.sources import open_sources
from crawler.sync import open_snapshot
from registry.core.decisions import Policy, Purpose, Request
from registry.core.errors import Conflict, InvalidInput, NotReady, VorbehaltError
from tests.support.requirements import missing
from tests.unit.crawler import lab
from tests.unit.crawler.sites.world import REFUSES, site, sites_file

ROOT = Path(__file__).parents[3]
COMMANDS = Path(sysconfig.get_path("scripts"))
ITEMS_PER_SHARD = 4
LEAN = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot, and a dataset of many small files and some lines."""
    folder = tmp_path_factory.mktemp("world")
    lab.make_snapshot(folder / "vb", datetime.now(UTC))
    for number in range(96):
        path = folder / "in" / f"{number % 7}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lab.encoded(lab.picture(number % 5 or number, side=96), "JPEG", quality=70))
    lab.make_lines(folder / "in.jsonl")
    return folder


@pytest.fixture
def job(world: Path, tmp_path: Path) -> Job:
    """The run over all of it, by one process of this machine."""
    snapshot = open_snapshot(world / "vb", now=datetime.now(UTC))
    request = Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, snapshot.created)
    inputs = [world / "in", world / "in.jsonl"]
    settings = Settings(request, items_per_shard=ITEMS_PER_SHARD)
    return Job(open_sources(inputs), inputs, tmp_path / "run", snapshot, settings)


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.name not in {"run.json", "run.note", "report.html"}
    }


# -- on a cluster -------------------------------------------------------------------------------------------
@pytest.mark.timeout(600)
def test_a_run_goes_on_on_a_cluster_that_loses_an_executor_and_ends_as_on_one_machine(
    world: Path, job: Job, tmp_path: Path
) -> None:
    """Two executors, one killed at work. Some shards were finished here before: they stay as they are."""
    if importlib.util.find_spec("pyspark") is None:
        missing("PySpark", "pip install 'vorbehalt[spark]'")
    if shutil.which("java") is None:
        missing("Java", "apt-get install default-jre-headless")
    undisturbed = run_filter(replace(job, out=tmp_path / "undisturbed"), resume=False)
    with pytest.raises(VorbehaltError):
        run_filter(replace(job, engine=_GivesUp(after=3)), resume=False)
    markers = job.out / ".partial"
    before = len(list(markers.glob("shard-*.json")))
    assert before == 3
    with subprocess.Popen(_submitted(world, job), env=_environment(), stdout=subprocess.DEVNULL) as driver:
        try:
            killed = _kill_one_at_work(driver, markers, before)
            assert driver.wait() == 0
        finally:
            driver.kill()
    assert killed
    papers = json.loads((job.out / "run.json").read_text("utf-8"))
    assert papers["run_id"] == undisturbed.run_id
    assert (papers["runtime"]["engine"], papers["runtime"]["resumed"]) == ("spark", True)
    assert _tree(job.out) == _tree(tmp_path / "undisturbed")
    assert not markers.exists()


class _GivesUp:
    """Works off a few shards here, then fails as a network does."""

    name = "brief"

    def __init__(self, after: int) -> None:
        self._after = after

    def work_off(self, tasks: Iterator[Any], screen: Screen, partial: Partial, tell: Any) -> Iterator[Any]:
        for task in islice(tasks, self._after):
            yield task, run_shard(task.number, task.shard, screen, partial, tell)
        raise InvalidInput("Enough for today.")


def _submitted(world: Path, job: Job) -> list[str]:
    at = datetime.fromtimestamp(job.settings.request.at, UTC).isoformat()
    spark_options = ["--master", "local-cluster[2,1,1024]", "--driver-java-options", LEAN]
    for setting in (
        "spark.ui.enabled=false",
        f"spark.executor.extraJavaOptions={LEAN}",
        "spark.sql.codegen.wholeStage=false",
    ):
        spark_options += ["--conf", setting]
    asked = ["--purpose", "train_genai", "--policy", "eu-art4", "--at", at, "--resume"]
    return [
        *(str(COMMANDS / "spark-submit"), *spark_options, str(ROOT / "deploy/spark/filter.py")),
        *(str(world / "in"), str(world / "in.jsonl"), "--out", str(job.out), "--snapshot", str(world / "vb")),
        *(*asked, "--shard-size", str(ITEMS_PER_SHARD)),
    ]


def _environment() -> dict[str, str]:
    return os.environ | {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}


def _kill_one_at_work(driver: subprocess.Popen[bytes], markers: Path, before: int) -> bool:
    """Kill an executor as soon as a further shard is finished; whether there was one."""
    while driver.poll() is None:
        if len(list(markers.glob("shard-*.json"))) > before and (executor := _executor(driver.pid)):
            executor.kill()
            return True
        time.sleep(0.02)
    return False


def _executor(driver: int) -> psutil.Process | None:
    """One of those that this driver has started."""
    for process in psutil.Process(driver).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # others come and go
            if any("CoarseGrainedExecutorBackend" in word for word in process.cmdline()):
                return process
    return None


# -- what a task does, without a cluster ---------------------------------------------------------------------
@pytest.fixture
def orders(job: Job) -> Iterator[spark._Orders]:
    """What the tasks of a run that has begun are told."""
    plan = make_plan(look(job.sources, job.settings), job.snapshot, job.settings)
    partial = Partial(job.out)
    with partial.held(plan, resume=False):
        wave = list(islice(job.tasks(), 3))
        screen = Screen.of(job.snapshot, None, job.settings)
        with spark._written(wave, partial) as tasks:
            yield spark._Orders(screen, partial, plan.sha256, tasks, spark._tools())


def _answer(orders: spark._Orders, position: int = 1) -> Any:
    batch = pa.record_batch([pa.array([position])], ["id"])
    (answer,) = spark._in_executor(pickle.loads(pickle.dumps(orders)), iter([batch]))
    assert answer.column(0).to_pylist() == [position]
    return pickle.loads(answer.column(1)[0].as_py())


def test_a_task_that_is_repeated_finds_its_work_done(orders: spark._Orders) -> None:
    first = _answer(orders)
    assert isinstance(first, Marker)
    written = orders.partial.verdicts(1).stat().st_mtime_ns
    assert _answer(orders) == first
    assert orders.partial.verdicts(1).stat().st_mtime_ns == written
    assert not orders.partial.marker(0).exists()


def test_a_task_whose_work_was_damaged_does_it_again(orders: spark._Orders) -> None:
    first = _answer(orders)
    orders.partial.verdicts(1).write_bytes(b"")
    assert _answer(orders) == first
    assert sha256(orders.partial.verdicts(1).read_bytes()).hexdigest() == first.verdicts_sha256


def test_a_machine_that_does_not_share_the_folder_is_refused(orders: spark._Orders, tmp_path: Path) -> None:
    elsewhere = replace(orders, partial=Partial(tmp_path / "elsewhere"))
    assert isinstance(_answer(elsewhere), InvalidInput)
    assert not (tmp_path / "elsewhere").exists()


def test_a_task_that_comes_after_the_run_has_ended_writes_nothing(orders: spark._Orders) -> None:
    orders.partial.plan.unlink()
    assert isinstance(_answer(orders), InvalidInput)
    assert not list(orders.partial.folder.glob("shard-*"))


def test_a_machine_with_other_decoders_is_refused(orders: spark._Orders) -> None:
    """Its codes might differ, and the papers name only one version."""
    other = replace(orders, tools={**orders.tools, "Pillow": "9.0"})
    found = _answer(other)
    assert isinstance(found, Conflict)
    assert "Pillow" in found.message


def test_a_machine_with_a_damaged_copy_of_the_snapshot_is_refused(
    orders: spark._Orders, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(orders.screen.edition, copy)
    damaged = max((copy / "lists").glob("*.arrow*"), key=lambda path: path.stat().st_size)
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.chmod(0o600)
    damaged.write_bytes(content)
    found = _answer(replace(orders, screen=replace(orders.screen, edition=copy)))
    assert isinstance(found, VorbehaltError)
    assert found.code == "file.corrupt"


@pytest.fixture
def by_sites(orders: spark._Orders, tmp_path: Path) -> spark._Orders:
    """The same, heeding a file of sites."""
    at = orders.screen.request.at - 60
    lines = site("https://a.example", {"/robots.txt": REFUSES}, at=at)
    checked = check_sites(sites_file(tmp_path / "sites.jsonl", lines, at=at), at=at)
    return replace(orders, screen=replace(orders.screen, sites=checked))


def test_a_task_heeds_what_sites_say(by_sites: spark._Orders) -> None:
    assert isinstance(_answer(by_sites), Marker)
    reasons = {row["reason"] for row in by_sites.partial.rows(by_sites.partial.verdicts(1))}
    assert reasons & {"unchecked.no-address", "registered.no-licence"}
    assert "none-found" not in reasons


@pytest.mark.parametrize("name", ["sites.jsonl", "sites.jsonl.index"])
def test_a_machine_with_another_file_of_sites_or_without_its_index_is_refused(
    by_sites: spark._Orders, tmp_path: Path, name: str
) -> None:
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:-1])
    assert isinstance(_answer(by_sites), NotReady)


# -- what stands in the way ----------------------------------------------------------------------------------
def test_without_java_it_says_what_to_install_and_begins_nothing(
    world: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if importlib.util.find_spec("pyspark") is None:
        missing("PySpark", "pip install 'vorbehalt[spark]'")
    for name in ("JAVA_HOME", "PYSPARK_GATEWAY_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(cli, _asked(world, tmp_path / "run"))
    assert result.exit_code == 1
    assert "apt-get install default-jre-headless" in result.stderr
    assert not (tmp_path / "run").exists()


def test_without_pyspark_it_says_what_to_install_and_begins_nothing(
    world: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("pyspark", "pyspark.errors", "pyspark.sql"):
        monkeypatch.setitem(sys.modules, name, None)
    result = CliRunner().invoke(cli, _asked(world, tmp_path / "run"))
    assert result.exit_code == 1
    assert "pip install 'vorbehalt[spark]'" in result.stderr
    assert not (tmp_path / "run").exists()


def test_workers_are_for_this_machine(world: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, [*_asked(world, tmp_path / "run"), "--workers", "2"])
    assert result.exit_code == 1
    assert "--workers is for this machine" in result.stderr


def _asked(world: Path, out: Path) -> list[str]:
    use = ["--purpose", "train_genai", "--policy", "eu-art4", "--engine", "spark"]
    return ["filter", str(world / "in"), "--out", str(out), "--snapshot", str(world / "vb"), *use]


def test_the_last_words_of_a_task_are_found_between_two_languages() -> None:
    text = (
        "Job aborted: Traceback (most recent call last):\n"
        '  File "x.py", line 1, in work\n'
        "OSError: [Errno 28] No space left on device: 'shard'\n"
        "\n\tat org.apache.spark.api.python.BasePythonRunner(PythonRunner.scala:572)\n"
    )
    assert spark._last_words(text) == "OSError: [Errno 28] No space left on device: 'shard'"
    assert spark._last_words("Connection refused\n  more") == "Connection refused"
    assert spark._last_words("") == "it does not say why."


def test_inputs_are_named_alike_on_all_machines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert spark.for_all_machines(["in/{0..3}.tar", "s3://corpus/a", "/data"]) == (
        f"{tmp_path}/in/{{0..3}}.tar",
        "s3://corpus/a",
        "/data",
    )
