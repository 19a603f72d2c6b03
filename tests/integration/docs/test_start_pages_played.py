"""The pages of docs/start, typed in as they stand, by four people one after the other, against a registry that runs.

Placeholders stand for what the reader has seen last: `work_…` for the last work, `vbk_…` for the last key. Nothing else
is changed but the addresses, the folders, and the quarter, which is the present one.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from registry.core.settlement.periods import Period
from tests.support.consoles import ROOT, Line, lines
from tests.support.pictures import png
from tests.support.requirements import missing

START = ROOT / "docs/start"
SCRIPTS = sysconfig.get_path("scripts")
_STRICT = 'set -euo pipefail; curl() { command curl --fail-with-body "$@"; }'
_ID = re.compile(r"\b([a-z]+)_[0-9a-z]{26}\b")
_KEY = re.compile(r"\bvbk_[A-Za-z0-9_-]{20,}")
_ROOT_DIGEST = re.compile(r"begins with root ([0-9a-f]{64})")


@dataclass
class Reader:
    """Somebody who types the commands of a page into a terminal."""

    folder: Path
    replaced: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """A folder of one's own."""
        self.folder.mkdir()

    def type(self, text: str) -> str:
        """One command; what it printed. It must succeed, and so must every part of a pipe."""
        text = self._filled_in(text)
        script = f"{_STRICT}\n{text}\nexport -p >.environment\n"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self._surroundings(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"$ {text}\n{done.stdout}{done.stderr}"
        declared = re.findall(
            r'^declare -x (VORBEHALT_\w+)="(.*)"$', (self.folder / ".environment").read_text(), re.MULTILINE
        )
        self.environment |= dict(declared)
        self._remember(done.stdout)
        return done.stdout

    def play(self, page: str) -> Iterator[Line]:
        """Every command of a page that is not about installing: first handed out, then typed."""
        for line in lines(START / page):
            if not line.text.startswith("pip install"):
                yield line
                self.type(line.text)

    def _surroundings(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("VORBEHALT_")}
        return {**kept, "PATH": f"{SCRIPTS}:{kept['PATH']}", **self.environment}

    def _filled_in(self, text: str) -> str:
        for name, value in self.replaced.items():
            text = text.replace(name, value)
        for noun, value in self.seen.items():
            text = text.replace(f"{noun}_…", value)
        assert "…" not in text, text
        return text

    def _remember(self, printed: str) -> None:
        self.seen |= {m[1]: m[0] for m in _ID.finditer(printed)}
        if key := _KEY.search(printed):
            self.seen["vbk"] = key[0]
        if root := _ROOT_DIGEST.search(printed):
            self.seen["root"] = root[1]


@contextmanager
def serving(operator: Reader, command: str) -> Iterator[str]:
    """The operator's `serve`, on a free port; yields the address."""
    command = re.sub(r"--port \d+", "--port 0", command)
    with (operator.folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command.split(),
            cwd=operator.folder,
            env=operator._surroundings(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert server.stdout is not None
    try:
        address = next(line for line in server.stdout if line.startswith("Serving on "))
        yield address.removeprefix("Serving on ").strip()
    finally:
        server.terminate()
        server.wait(timeout=60)
        server.stdout.close()


def pictures(folder: Path) -> None:
    """What the pages' readers have on their disks: two works of the maker, and a lab's dataset with a copy of one."""
    crest, harbour, other, songbook = (Image.open(io.BytesIO(png(seed, (480, 360)))) for seed in (1, 2, 3, 4))
    maker, lab, society = (folder / name for name in ("maker", "lab", "society"))
    crest.save(maker / "crest.jpg", quality=92)
    harbour.save(maker / "harbour.png")
    crest.resize((240, 180)).save(maker / "copy-from-the-web.jpg", quality=80)
    (lab / "dataset/pictures").mkdir(parents=True)
    crest.resize((300, 225)).save(lab / "dataset/pictures/0042.jpg", quality=85)
    other.save(lab / "dataset/pictures/0043.jpg")
    songbook.save(society / "songbook.jpg")


@pytest.mark.timeout(900)
def test_the_start_pages_can_be_followed(tmp_path: Path) -> None:
    """Operator, maker, lab, society; at the end money is owed to the maker for what the lab used."""
    if shutil.which("curl") is None:
        missing("curl", "apt-get install curl")
    replaced = {
        "2026-Q4": _quarter(),
        "/srv/vorbehalt": str(tmp_path / "home"),
        '"…"': '"seven quiet herons"',
    }
    replaced["/media/stick/vorbehalt-keys"] = str(tmp_path / "offline")

    operator = Reader(tmp_path / "operator", replaced)
    page = operator.play("operator.md")
    serve = next(line for line in page if " serve " in line.text)
    operator.type("vorbehalt-server db check")
    with serving(operator, serve.text) as address:
        replaced["https://registry.example"] = address
        _follow(tmp_path, operator, replaced)


def _quarter() -> str:
    return str(Period.of(datetime.now(UTC)))


def _follow(folder: Path, operator: Reader, replaced: dict[str, str]) -> None:
    rest = list(lines(START / "operator.md"))
    served = next(n for n, line in enumerate(rest) if " serve " in line.text)
    for line in rest[served + 1 :]:
        operator.type(line.text)

    maker, lab, society = (Reader(folder / name, replaced) for name in ("maker", "lab", "society"))
    pictures(folder)
    for _ in maker.play("creator.md"):
        pass

    replaced["4f0c…"] = operator.seen["root"]
    for line in lab.play("lab.md"):
        if line.text.startswith("vorbehalt sync"):
            operator.type("vorbehalt-server publish")  # what the server does every hour
    assert "was kept" in lab.type("vorbehalt explain licensed-run pictures/0042.jpg --snapshot vb")

    shutil.copy(folder / "lab/licensed-run/receipt.tlog-proof", folder / "society")
    society.environment |= {
        "MEMBER": maker.seen["party"],
        "MEMBER_KEY": maker.environment["VORBEHALT_API_KEY"],
    }
    for _ in society.play("society.md"):
        if "party" in society.seen:
            society.environment.setdefault("SOCIETY", society.seen["party"])

    replaced["2026-Q4"] = _quarter()  # another one may have begun meanwhile
    operator.type("vorbehalt-server settle --period 2026-Q4")
    statement = maker.type(list(lines(START / "creator.md"))[-1].text)
    assert maker.seen["work"] in statement
    assert f",{lab.seen['party']}," in statement
