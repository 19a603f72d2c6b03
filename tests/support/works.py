"""Works for tests of the rooms: contents without a picture behind them, and registered works to build on."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.core.fingerprints import FileFingerprints, Fingerprint
from registry.works import service as works
from registry.works.models import Work


def frame(name: str, kind: str = "full") -> tuple[Fingerprint, ...]:
    """All codes of one frame of a picture that does not exist."""
    seed = hashlib.sha256(f"{name} {kind}".encode()).digest()
    widths = {"phash256": 32, "dhash256": 32, "phash64": 8, "colour42": 8}
    return tuple(Fingerprint(f"image.{a}.v1", kind, seed[:width]) for a, width in widths.items())


def digests(name: str) -> tuple[Fingerprint, ...]:
    """The digests of a file that consists of this name."""
    data = name.encode()
    return (
        Fingerprint("digest.sha256.v1", "whole", hashlib.sha256(data).digest()),
        Fingerprint("digest.md5.v1", "whole", hashlib.md5(data).digest()),
    )


def image(name: str) -> FileFingerprints:
    """What fingerprinting a picture gives; equal names are equal files."""
    codes = digests(name) + frame(name)
    return FileFingerprints("image", "image/png", len(name), codes, facts={"width": 640, "height": 480})


def register(session: Session, actor: Actor, sources: Sources, name: str = "Dunes", **more: Any) -> Work:
    """A registered picture; equal names are equal files."""
    command = works.RegisterWork(title=name, content=more.pop("content", image(name)), **more)
    return works.register_work(session, actor, command, sources).work
