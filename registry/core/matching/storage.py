"""Arrays in a folder, written completely or not at all, opened in place.

The folder holds one `.npy` file an array and `index.json` with their digests. It is derived data: when in doubt it
is deleted and built again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import Corrupt

_MANIFEST = "index.json"

Arrays = dict[str, NDArray[Any]]


def write(folder: Path, form: str, source: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write the arrays under a temporary name and move them into place when they are safely on disk.

    `form` names the format, `source` the data they were derived from. If another process has put the same index
    there in the meantime, that one stays. `OSError` if the place cannot be written to; nothing is left then.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        digests = {}
        for name, array in arrays.items():
            with (building / f"{name}.npy").open("wb") as file:
                np.save(file, array)
                file.flush()
                os.fsync(file.fileno())
            digests[name] = _sha256(building / f"{name}.npy")
        with (building / _MANIFEST).open("w", encoding="utf-8") as text:
            json.dump({"format": form, "source": source, "sha256": digests}, text, indent=1, sort_keys=True)
            text.flush()
            os.fsync(text.fileno())
        building.chmod(0o755)  # mkdtemp makes it private; others on this machine shall share the pages
        try:
            building.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def read(folder: Path, form: str, source: str | None, names: tuple[str, ...]) -> Arrays:
    """Map the named arrays read-only. With a `source`, check it and all digests; without, rely on an earlier check.

    `Corrupt` if anything is missing, changed, of another format or derived from other data.
    """
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        if manifest["format"] != form:
            raise _corrupt(folder, f"has the format {manifest['format']}, not {form}")
        if source is not None:
            _check(folder, manifest, source, names)
        return {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in names}
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise _corrupt(folder, f"cannot be read ({type(error).__name__}: {error})") from error


def _check(folder: Path, manifest: Mapping[str, Any], source: str, names: tuple[str, ...]) -> None:
    if manifest["source"] != source:
        raise _corrupt(folder, "was built from other data")
    for name in names:
        if _sha256(folder / f"{name}.npy") != manifest["sha256"][name]:
            raise _corrupt(folder, f"has a damaged file {name}.npy")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _corrupt(folder: Path, what: str) -> Corrupt:
    return Corrupt(f"The index {folder} {what}. Delete that folder; it is built again from the snapshot.")
