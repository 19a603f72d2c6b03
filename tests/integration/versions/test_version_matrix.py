"""The same bits on Pillow 9.5 to 13, numpy 1.26 to 2.4, and processors with and without AVX-512, AVX2 and BMI2.

Environments are made once, in `var/version-matrix`, with what computing fingerprints needs and nothing else. Pillow 9.5
is older than what the package asks for (10): codes that were made with it stay comparable. The files are written once,
by this process, so that every environment reads the same bytes.

Full and trimmed frames, digests and texts must be equal bit by bit. Anchors are found in floating point: of the bits of
those that have the same place at most `ANCHOR_BITS` may differ, and one place in twenty may be another. (Measured: all
are equal.)
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from registry.core.fingerprints.anchors_records import records
from tests.support import every_mode

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "var" / "version-matrix"
ANCHOR_BITS = 4
LEAST_SHARED = 0.95

OLD = {
    "pillow9.5-numpy1.26": ("pillow==9.5.0", "numpy==1.26.4", "numba==0.60.0"),
    "pillow10-numpy2.0": ("pillow==10.4.0", "numpy==2.0.2", "numba==0.60.0"),
    "pillow11-numpy2.2": ("pillow==11.3.0", "numpy==2.2.6", "numba==0.61.2"),
    "pillow12-numpy1.26": ("pillow==12.3.0", "numpy==1.26.4", "numba==0.68.1"),
}
BESIDE = ("datasketch==2.0.0", "ada-url")

Codes = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Reader:
    """Computes codes in a process of its own."""

    files: Path

    def codes(self, python: Path | str, cache: str, **environment: str) -> Codes:
        """The codes of all files and modes; kernels are compiled in a cache of their own."""
        found = subprocess.run(
            [python, "-m", "tests.support.all_codes", self.files],
            cwd=ROOT,
            env=os.environ
            | {"NUMBA_CACHE_DIR": str(FOLDER / f"cache-{cache}"), "PYTHONDONTWRITEBYTECODE": "1"}
            | environment,
            capture_output=True,
            text=True,
        )
        assert found.returncode == 0, found.stderr[-2_000:]
        codes: Codes = json.loads(found.stdout)["codes"]
        return codes


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    folder = tmp_path_factory.mktemp("pictures")
    every_mode.write(folder)
    return Reader(folder)


@pytest.fixture(scope="module")
def here(reader: Reader) -> Codes:
    """With what this environment has, on this processor as it is."""
    return reader.codes(sys.executable, "here")


def environment(name: str) -> Path:
    """The Python of an environment with these releases, made if it is not there yet."""
    python = FOLDER / name / "bin" / "python"
    done = FOLDER / name / "complete"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", FOLDER / name], check=True)
        pip = [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--only-binary=:all:",
        ]
        subprocess.run([*pip, *OLD[name], *BESIDE], check=True)
        done.touch()
    return python


def compare(expected: Codes, found: Codes) -> None:
    assert found.keys() == expected.keys()
    for name, codes in expected.items():
        assert found[name].keys() == codes.keys(), name
        for code, value in codes.items():
            if "anchors" in code:
                compare_anchors(name, value, found[name][code])
            else:
                assert found[name][code] == value, (name, code)


def compare_anchors(name: str, expected: str, found: str) -> None:
    theirs = {place: code for code, place in records(bytes.fromhex(found))}
    ours = {place: code for code, place in records(bytes.fromhex(expected))}
    shared = ours.keys() & theirs.keys()
    assert len(shared) >= LEAST_SHARED * len(ours), name
    for place in shared:
        differing = int.from_bytes(ours[place], "big") ^ int.from_bytes(theirs[place], "big")
        assert differing.bit_count() <= ANCHOR_BITS, name


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", OLD)
def test_older_releases_give_the_same_codes(reader: Reader, here: Codes, name: str) -> None:
    compare(here, reader.codes(environment(name), name))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("processor", ["generic", "haswell"])
def test_lesser_processors_give_the_same_codes(reader: Reader, here: Codes, processor: str) -> None:
    """`generic` has SSE2 alone, `haswell` AVX2 and BMI2 but no AVX-512; numpy is kept from what it could use, too."""
    lesser = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": ""}
    if processor == "generic":
        lesser["NPY_DISABLE_CPU_FEATURES"] = " ".join(switchable())
    compare(here, reader.codes(sys.executable, processor, **lesser))


def switchable() -> list[str]:
    """What numpy uses on this processor and can do without."""
    module = "numpy._core" if int(np.__version__.partition(".")[0]) >= 2 else "numpy.core"
    features = importlib.import_module(f"{module}._multiarray_umath")
    return [name for name in features.__cpu_dispatch__ if features.__cpu_features__[name]]


def test_the_kernels_give_the_frozen_codes_on_any_processor(tmp_path: Path) -> None:
    """The short form: the vectors alone, by kernels that are compiled for a processor without extensions."""
    script = "from registry.core.fingerprints import selftest; print(selftest(compiled=True))"
    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ
        | {
            "NUMBA_CPU_NAME": "generic",
            "NUMBA_CPU_FEATURES": "",
            "NUMBA_CACHE_DIR": str(FOLDER / "cache-generic"),
            "NPY_DISABLE_CPU_FEATURES": " ".join(switchable()),
        },
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr[-2_000:]
    assert int(found.stdout) > 100
