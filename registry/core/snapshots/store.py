"""Where published files go: five operations, and the two names under which a client asks for them.

The whole tree is static. A server may hand it out under `/v1/snapshot/`, and so may any web server or CDN that
sees the same files, since everything in it is verified by its reader.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

METADATA = "snapshot/metadata/"
TARGETS = "snapshot/targets/"


class Store(Protocol):
    """A place for files that are written whole or not at all."""

    def put(self, path: str, data: bytes | Path) -> None:
        """Store these bytes, or this file's, under this path; whoever reads sees all of it or what was there before."""

    def get(self, path: str) -> bytes | None:
        """What is stored there, or `None`."""

    def exists(self, path: str) -> bool:
        """Whether something is stored there."""

    def paths(self, folder: str) -> Iterable[str]:
        """The path of everything stored below this folder."""

    def remove(self, path: str) -> None:
        """Remove what is stored there, if anything is."""


def metadata_path(name: str) -> str:
    """Store path of `/v1/snapshot/metadata/<name>`."""
    return METADATA + name


def target_path(name: str) -> str:
    """Store path of `/v1/snapshot/targets/<name>`."""
    return TARGETS + name
