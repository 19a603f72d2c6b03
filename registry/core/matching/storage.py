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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import Corrupt

_MANIFEST = "index.json"

Arrays = dict[str, NDArray[Any]]

Create = Callable[[str, Any, tuple[int, ...]], NDArray[Any]]
"""Makes an array of zeros of this name, type and shape."""


class OtherFormat(Corrupt):
    """An index that another version of this program wrote."""


def discard(folder: Path) -> None:
    """Take an index away, in one step; who has it mapped keeps it. `OSError` if the place cannot be written to."""
    place = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        with suppress(FileNotFoundError):  # another process was faster
            folder.rename(place / folder.name)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def write(folder: Path, form: str, source: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write the arrays under a temporary name and move them into place when they are safely on disk.

    `form` names the format, `source` the data they were derived from. If another process has put the same index
    there in the meantime, that one stays. `OSError` if the place cannot be written to; nothing is left then.
    """
    with building(folder, form, source) as create:
        for name, array in arrays.items():
            create(name, array.dtype, array.shape)[...] = array


@contextmanager
def building(
    folder: Path, form: str, source: str, facts: Mapping[str, int] | None = None
) -> Iterator[Create]:
    """The same for arrays that are filled in their files, mapped into memory, and need not fit into it.

    `facts` are kept in the manifest besides; like the arrays they are written when the block ends without an error.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    made: Arrays = {}

    def create(name: str, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
        path = place / f"{name}.npy"
        if 0 in shape:  # nothing to map
            np.save(path, np.empty(shape, dtype))
            made[name] = np.empty(shape, dtype)
        else:
            made[name] = np.lib.format.open_memmap(path, "w+", dtype, shape)
            _reserve(path)
        return made[name]

    try:
        yield create
        digests = {}
        for name, array in made.items():
            if isinstance(array, np.memmap):
                array.flush()
            _sync(place / f"{name}.npy")
            digests[name] = _sha256(place / f"{name}.npy")
        manifest = {"format": form, "source": source, "facts": dict(facts or {}), "sha256": digests}
        (place / _MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
        _sync(place / _MANIFEST)
        place.chmod(0o755)  # mkdtemp makes it private; others on this machine shall share the pages
        try:
            place.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(place, ignore_errors=True)


def fact(folder: Path, name: str) -> int:
    """One of the facts that `building` was given; `Corrupt` if it cannot be read."""
    try:
        return int(json.loads((folder / _MANIFEST).read_bytes())["facts"][name])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _corrupt(folder, f"cannot be read ({type(error).__name__}: {error})") from error


def names(folder: Path) -> tuple[str, ...]:
    """The arrays in the folder; `Corrupt` if that cannot be read."""
    try:
        return tuple(sorted(json.loads((folder / _MANIFEST).read_bytes())["sha256"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _corrupt(folder, f"cannot be read ({type(error).__name__}: {error})") from error


def seal(folder: Path) -> str:
    """SHA-256 of the manifest and with it of everything in the folder; `Corrupt` if there is none."""
    try:
        return _sha256(folder / _MANIFEST)
    except OSError as error:
        raise _corrupt(folder, f"cannot be read ({type(error).__name__}: {error})") from error


def read(
    folder: Path, form: str, source: str | None, names: tuple[str, ...], *, verify: bool | None = None
) -> Arrays:
    """Map the named arrays read-only. With a `source`, check it and all digests; without, rely on an earlier check.

    With `verify` the digests are checked also without a source. `Corrupt` if anything is missing, changed, of
    another format (`OtherFormat`) or derived from other data.
    """
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        if manifest["format"] != form:
            other = OtherFormat if isinstance(manifest["format"], str) else Corrupt
            raise _corrupt(folder, f"has the format {manifest['format']}, not {form}", other)
        if source is not None and manifest["source"] != source:
            raise _corrupt(folder, "was built from other data")
        if source is not None if verify is None else verify:
            _check(folder, manifest, names)
        return {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in names}
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise _corrupt(folder, f"cannot be read ({type(error).__name__}: {error})") from error


def _check(folder: Path, manifest: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if _sha256(folder / f"{name}.npy") != manifest["sha256"][name]:
            raise _corrupt(folder, f"has a damaged file {name}.npy")


def _reserve(path: Path) -> None:
    """Have the disk's space for all of a mapped file; `OSError` if it is full, which would else end the process."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _corrupt(folder: Path, what: str, kind: type[Corrupt] = Corrupt) -> Corrupt:
    return kind(f"The index {folder} {what}. Delete that folder; it is built again from the snapshot.")
