"""The recipes of docs/reference/pipelines.md do what they say, as they stand there."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import io
import json
import re
import shlex
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from crawler.cli import cli
from crawler.engines.screen import Screen, open_screen
from crawler.fetch.kept import Kept
from registry.core.signals import Observation
from registry.core.signals.reading import SITE_FILES
from tests.unit.crawler import lab

PAGE = Path(__file__).parents[3] / "docs/reference/pipelines.md"
RESERVED, STRANGER = lab.WORKS["reserved text"].data.decode(), lab.prose(401)


def _recipe(heading: str) -> str:
    """The program of a section."""
    section = PAGE.read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (program,) = re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return str(program)


def _commands(heading: str) -> list[list[str]]:
    """What a section tells to type at `vorbehalt`, each as its arguments."""
    section = PAGE.read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [
        shlex.split(line.removeprefix("$ vorbehalt ")) for line in lines if line.startswith("$ vorbehalt ")
    ]


def _play(heading: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "recipe"}
    exec(compile(_recipe(heading), str(PAGE), "exec"), names)
    return names


@pytest.fixture
def at_the_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a snapshot and small datasets, to which the recipes' paths lead."""
    lab.make_snapshot(tmp_path / "vb", datetime.now(UTC))
    reserved = lab.encoded(lab.picture(1), "JPEG", quality=80)
    stranger = lab.encoded(lab.picture(402), "JPEG", quality=80)
    (tmp_path / "picture.jpg").write_bytes(reserved)
    for folder in ("pages", "shards"):
        (tmp_path / folder).mkdir()
    rows = [{"id": "reserved", "text": RESERVED}, {"id": "stranger", "text": STRANGER}]
    (tmp_path / "pages/pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for number in (0, 1):
        with tarfile.open(tmp_path / f"shards/{number:03}.tar", "w") as tar:
            for key, data in (("a", reserved), ("b", stranger)):
                member = tarfile.TarInfo(f"{key}{number}.jpg")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_asking_for_items(at_the_lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _play("Asking for items")
    assert capsys.readouterr().out.splitlines() == [
        "False DENY registered.no-licence",
        "False UNKNOWN unchecked.too-short",
    ]


@pytest.mark.filterwarnings("default")  # the library warns of its own
def test_datatrove(at_the_lab: Path) -> None:
    _play("datatrove")
    assert list((at_the_lab / "kept").iterdir())
    assert list((at_the_lab / "dropped").iterdir())


@pytest.mark.filterwarnings("default")
def test_hugging_face_datasets(at_the_lab: Path) -> None:
    _play("Hugging Face datasets")
    (line,) = (at_the_lab / "kept.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line) == {"id": "stranger", "text": STRANGER}


@pytest.mark.filterwarnings("default")
def test_webdataset(at_the_lab: Path) -> None:
    kept = list(_play("WebDataset")["kept"])
    assert [sample["__key__"] for sample in kept] == ["b0", "b1"]
    assert kept[0]["jpg"].size == lab.picture(402).size


def test_what_ray_s_recipe_calls_of_ours_is_there() -> None:
    """Ray itself is not installed for tests; so the program is read, and our part of it compared with the code."""
    program = ast.parse(_recipe("Ray"))
    calls = [node for node in ast.walk(program) if isinstance(node, ast.Call)]
    (opened,) = (c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "open_screen")
    inspect.signature(open_screen).bind(*opened.args, **{str(k.arg): k.value for k in opened.keywords})
    ours = {
        c.func.attr
        for c in calls
        if isinstance(c.func, ast.Attribute) and ast.unparse(c.func.value) == "screen"
    }
    assert ours == {"judge"}
    assert callable(Screen.judge)
    assert importlib.util.find_spec("crawler.engines.screen")


def test_img2dataset(at_the_lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the download, in whose place stands what img2dataset writes; sites have answered before."""
    monkeypatch.setenv("VORBEHALT_RUN_KEY", str(at_the_lab / "run.key"))
    urls = [
        "https://silent.example/a.jpg",
        "https://refusing.example/b.jpg",
        "http://silent.example/c.jpg",
        None,
    ]
    pq.write_table(pa.table({"url": urls}), "urls.parquet")
    _play("img2dataset")
    hosts = Path("hosts.txt").read_text("utf-8").split()
    assert hosts == ["http://silent.example", "https://refusing.example", "https://silent.example"]
    kept = Kept(at_the_lab / "evidence")
    at = int(datetime.now(UTC).timestamp())
    for origin in hosts:
        for path in SITE_FILES:
            refuses = path == "/robots.txt" and "refusing" in origin
            body = b"User-agent: CCBot\nDisallow: /\n" if refuses else b""
            kept.write(Observation(origin + path, 200 if refuses else 404, (), body, None, at))
    ask, wanted, filtered = _commands("img2dataset")
    for command in (ask, wanted):
        _vorbehalt(command)
    assert pq.read_table("wanted/data/urls.parquet").column("url").to_pylist() == [urls[0], urls[2]]
    Path("downloaded").mkdir()
    with tarfile.open("downloaded/00000.tar", "w") as tar:
        for key, url in enumerate(urls[:3]):
            picture = lab.encoded(lab.picture(410 + key), "JPEG", quality=80)
            for extension, data in (("jpg", picture), ("json", json.dumps({"url": url}).encode())):
                member = tarfile.TarInfo(f"{key:09}.{extension}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    _vorbehalt(filtered)
    with tarfile.open("filtered/data/00000.tar") as tar:
        assert [name for name in tar.getnames() if name.endswith(".jpg")] == [
            "000000000.jpg",
            "000000002.jpg",
        ]


def _vorbehalt(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, (arguments, result.output)
