"""The compiled kernel is cached beside its file, else in the user's cache folder, and works without any cache."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from registry.core.matching import kernels

PROGRAM = """
import numpy as np, kernels
codes = np.zeros((40, 4), np.uint64)
found = kernels.within_radius(codes, codes[:2], np.uint64(0), 1, np.empty(99, np.uint32),
                              np.empty(99, np.uint32), np.empty(99, np.uint16))
assert found == 80
print(sum(kernels.within_radius.stats.cache_hits.values()))
"""


def run(folder: Path, cache: Path) -> int:
    """Search in a fresh process; the number of kernels that came from the cache."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "PYTHON"))}
    environment |= {"XDG_CACHE_HOME": str(cache), "HOME": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_second_process_does_not_compile_again(tmp_path: Path) -> None:
    package, cache = tmp_path / "package", tmp_path / "cache"
    package.mkdir()
    cache.mkdir()
    shutil.copy(kernels.__file__, package / "kernels.py")
    (package / "__pycache__").write_bytes(b"")  # no folder can be made here, as in a read-only installation
    assert run(package, cache) == 0
    assert list(cache.rglob("*.nbi")), "the user's cache folder holds it"
    assert run(package, cache) == 1


def test_without_a_place_for_a_cache_it_compiles_each_time(tmp_path: Path) -> None:
    shutil.copy(kernels.__file__, tmp_path / "kernels.py")
    (tmp_path / "__pycache__").write_bytes(b"")
    (tmp_path / "cache").write_bytes(b"")
    assert run(tmp_path, tmp_path / "cache") == 0
