"""A lab's world in small: pictures and texts made by code, a signed snapshot of a few works, a dataset with copies.

Nothing is served: the snapshot folder is put together as a sync leaves it.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageOps

from crawler.editions import licence_path, write_trust
from crawler.engines.local import Job
from registry.core.decisions import Grant, Purpose, Terms
from registry.core.fingerprints import Fingerprint, fingerprint_bytes
from registry.core.ids import format_id
from registry.core.matching import ListColumns
from registry.core.matching.passages_common import with_common_marked
from registry.core.snapshots import EditionContent, PersonalLicences, metadata_path, write_edition
from registry.core.snapshots.trust import ROLES, Publisher, init_trust
from tests.support import manuscripts
from tests.support.lists import lists_of

LICENSEE = format_id("party", sha256(b"lab").digest()[:16])
OPEN_OFFER = format_id("offer", sha256(b"open").digest()[:16]) + "@1"
AGREEMENT = format_id("agreement", sha256(b"agreed").digest()[:16]) + "@1"
TARIFF = sha256(b"tariff").hexdigest()

NOTHING = Terms()

MakeJob = Callable[..., Job]
"""Makes a job by the tests' snapshot, from inputs and what else differs."""


def picture(seed: int, *, side: int = 192) -> Image.Image:
    """A picture like no other: smooth colours with edges in them."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    return small.resize((side * 4 // 3, side), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str = "PNG", **options: int) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def prose(seed: int, words: int = 120) -> str:
    """A text like no other."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghilmnoprstuvwz"))
    return " ".join("".join(rng.choice(letters, int(rng.integers(3, 9)))) for _ in range(words)) + "."


@dataclass(frozen=True)
class Work:
    """A registered work: its file, and what may be done with it."""

    name: str
    data: bytes
    terms: Terms = NOTHING
    personal: Terms = NOTHING
    owner: int | None = None
    """Whose it is, where the phrases are to be marked that works of several owners share."""
    withdrawn: bool = False

    @property
    def id16(self) -> bytes:
        """Its id's bytes."""
        return sha256(self.name.encode()).digest()[:16]

    @property
    def id(self) -> str:
        """Its public id."""
        return format_id("work", self.id16)


def _grant(licence: str, tariff: str | None) -> Terms:
    return Terms(grants=(Grant(Purpose.TRAIN_GENAI, ("world",), 0, None, 0, licence, tariff),))


WORKS = {
    work.name: work
    for work in (
        Work("reserved picture", encoded(picture(1))),
        Work("open picture", encoded(picture(2)), _grant(OPEN_OFFER, None)),
        Work("licensed picture", encoded(picture(3)), personal=_grant(AGREEMENT, TARIFF)),
        Work("contested picture", encoded(picture(4)), Terms(contested_since=1)),
        Work("reserved text", prose(5).encode()),
        Work("licensed text", prose(6).encode(), personal=_grant(AGREEMENT, TARIFF)),
    )
}


class Memory(dict[str, bytes]):
    """A store of published files that nobody fetches."""

    def put(self, path: str, data: bytes | Path) -> None:
        """Keep it."""
        self[path] = data.read_bytes() if isinstance(data, Path) else data

    def exists(self, path: str) -> bool:
        """Whether it is kept."""
        return path in self

    def paths(self, folder: str) -> list[str]:
        """What is kept below this folder."""
        return [path for path in self if path.startswith(folder)]

    def remove(self, path: str) -> None:
        """Keep it no longer."""
        self.pop(path, None)


def make_snapshot(
    folder: Path,
    now: datetime,
    *,
    sequence: int = 1,
    works: Iterable[Work] = WORKS.values(),
    licensed: bool = True,
    addresses: Mapping[str, ListColumns] = MappingProxyType({}),
) -> Path:
    """A snapshot folder as a sync leaves it, signed at `now`; with these lists of addresses beside those of files."""
    works = list(works)
    edition = folder / "editions" / str(sequence)
    created = int(now.timestamp())
    files = write_edition(
        edition,
        EditionContent(
            sequence=sequence,
            created=created,
            change_seq=sequence,
            log_size=0,
            log_root=sha256().digest(),
            work_ids=[work.id16 for work in works],
            work_terms=list(range(len(works))),
            terms=[work.terms for work in works],
            withdrawn={row for row, work in enumerate(works) if work.withdrawn},
            lists=_lists(works) | dict(addresses),
        ),
    )
    targets: dict[str, bytes | Path] = dict(files.paths)
    if licensed:
        personal = {work.id: work.personal for work in works if work.personal.grants}
        until = created + int(timedelta(days=1).total_seconds())
        licences = PersonalLicences(LICENSEE, sequence, created, until, personal)
        data = licences.to_bytes()
        targets[licences.target] = data
        place = licence_path(edition, licences.target, sha256(data).hexdigest())
        place.parent.mkdir()
        place.write_bytes(data)
    store, keys = Memory(), folder / "keys"
    init_trust(keys / "offline", keys / "online", now)
    published = Publisher(keys / "online", store).publish(targets, files.custom, now)
    write_trust(edition, {role: _metadata(store, role, published.versions[role]) for role in ROLES})
    (folder / "current").unlink(missing_ok=True)
    (folder / "current").symlink_to(f"editions/{sequence}")
    return folder


def _lists(works: Sequence[Work]) -> dict[str, ListColumns]:
    """What is published of their files; the codes of one are made once."""
    lists = lists_of([() if work.withdrawn else _fingerprints(work.data) for work in works])
    owners = [work.owner for work in works if work.owner is not None]
    return with_common_marked(lists, np.array(owners)) if len(owners) == len(works) else lists


@cache
def _fingerprints(data: bytes) -> tuple[Fingerprint, ...]:
    return fingerprint_bytes(data).fingerprints


def _metadata(store: Mapping[str, bytes], role: str, version: int) -> bytes:
    names = (f"{role}.json", f"{version}.{role}.json")
    return next(store[metadata_path(name)] for name in names if metadata_path(name) in store)


def make_dataset(folder: Path) -> Path:
    """A folder with copies of the works among strangers, and everything that can be wrong with a file."""
    files = {
        "photos/copy.jpg": encoded(picture(1).resize((170, 128)), "JPEG", quality=80),
        "photos/mirrored.jpg": encoded(ImageOps.mirror(picture(1)), "JPEG", quality=90),
        "photos/bordered.png": encoded(ImageOps.expand(picture(1), 20, "white")),
        "photos/open.jpg": encoded(picture(2), "JPEG", quality=75),
        "photos/licensed.jpg": encoded(picture(3), "JPEG", quality=75),
        "photos/licensed.png": WORKS["licensed picture"].data,
        "photos/contested.jpg": encoded(picture(4), "JPEG", quality=75),
        "photos/stranger-1.jpg": encoded(picture(101), "JPEG", quality=75),
        "photos/stranger-2.png": encoded(picture(102)),
        "photos/blank.png": encoded(Image.new("RGB", (64, 64), "white")),
        "texts/reserved.txt": WORKS["reserved text"].data,
        "texts/stranger.txt": prose(103).encode(),
        "texts/short.txt": b"Too short.",
        "broken/cut.png": encoded(picture(104))[:400],
        "broken/empty.jpg": b"",
        "broken/archive.jpg": manuscripts.archive({"picture.png": encoded(picture(1))}),
        "broken/noise.bin": bytes(range(256)) * 4,
        "broken/bomb.png": pixel_bomb(),
        ".hidden.png": encoded(picture(105)),
        "photos.txt": prose(106).encode(),
    }
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "link.png").symlink_to(folder / "photos" / "stranger-2.png")
    return folder


def pixel_bomb() -> bytes:
    """A PNG of a few hundred bytes that announces 60,000 by 60,000 pixels."""
    data = bytearray(encoded(Image.new("L", (8, 8))))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


def make_lines(path: Path) -> Path:
    """JSON lines with a reserved text among strangers, and everything that can be wrong with a line."""
    lines = [
        json.dumps(
            {"id": "reserved", "text": WORKS["reserved text"].data.decode(), "url": "https://a.example/"}
        ).encode(),
        b'{ "text" : ' + json.dumps(prose(201)).encode() + b' , "id": 7}',
        json.dumps({"id": "licensed", "text": WORKS["licensed text"].data.decode().upper()}).encode(),
        b'{"id": "broken", "text": "no end',
        b'{"id": "none"}',
        b'{"id": "null", "text": null}',
        b'["a", "list"]',
        b"",
        b'{"id": "nan", "text": NaN}',
        b'{"id": "utf8", "text": "\xff\xfe"}',
        b'{"id": "short", "text": "Hello."}',
        json.dumps({"text": prose(202)}, ensure_ascii=False).encode(),
    ]
    path.write_bytes(b"\n".join(lines))
    return path
