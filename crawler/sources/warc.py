"""WARC and WET, as Common Crawl and web archives publish them: a capture is an item. Kept records are copied raw.

A capture is a response with the request and the metadata that belong to it, or a record that stands alone (a resource,
WET's `conversion`). Its key is the record id of what was captured. Compared are its address with the domains that it
lies under, the picture, page or text in it, and whatever else its records carry. A `revisit` says that an
earlier capture had the same content, and carries none: it is never kept, since it would bring back what was dropped.
`warcinfo`, which describes the file, stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from crawler.sources.base import Part, Sample, Sink, Written
from crawler.sources.http_message import Payload, payload_of
from crawler.sources.metadata import MALFORMED, METADATA, NO_ADDRESS
from crawler.sources.places import Output, Place, Watch, codec_of, reading, state_of
from crawler.sources.unpacking import NotUnpacked
from crawler.sources.warc_records import Damaged, Record, bare, records
from registry.core.errors import InvalidInput
from registry.core.fingerprints import fingerprint_url
from registry.core.fingerprints.documents.markup import html_text
from registry.core.fingerprints.documents.web_pages import decode_page, encoding_named
from registry.core.fingerprints.sniff import document_format, image_format
from registry.core.signals import Observation

_CAPTURED: Final = frozenset({"response", "resource", "conversion"})
_BESIDE: Final = frozenset({"request", "metadata"})
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
_MOST_INFO = 1 << 16
"""Bytes of a `warcinfo` that stays unread."""
_MOST_RECORDS = 100
"""Of one capture."""


@dataclass(frozen=True, slots=True)
class WarcShard:
    """One WARC file."""

    place: Place
    name: str
    """Where it goes below the data folder."""
    metadata_only: bool = False
    """Compare the addresses, and open nothing."""
    whole_file: bool = True

    @property
    def size(self) -> int:
        """Of the file."""
        return self.place.size

    def state(self) -> str:
        """Digest over name, size and time."""
        return state_of(self.place, self.name, *([METADATA] if self.metadata_only else []))

    def read(self, max_bytes: int, watch: Watch) -> Iterator[Sample]:
        """Capture by capture; what cannot be read any further is one broken item."""
        captures = _Captures(self.name, max_bytes, metadata_only=self.metadata_only)
        with reading(self.place, watch) as file:
            try:
                for record in records(file, max_bytes, packed=codec_of(self.name) is not None):
                    yield from captures.add(record)
            except Damaged as damage:
                yield from captures.close()
                yield captures.broken(damage.gap)
            else:
                yield from captures.close()

    def sink(self, data: Path) -> Sink:
        """Kept captures go to a file of the same name."""
        return WarcSink(data, self.name)

    def kept_path(self, data: Path, row: int) -> Path:
        """One file for all captures."""
        del row
        return data / self.name


@dataclass(slots=True)
class _Capture:
    """Records that belong together, while they come in."""

    before: bytes
    records: list[Record] = field(default_factory=list)
    linked: set[str] = field(default_factory=set)
    """Ids of its records, and those that they name."""


class _Captures:
    """Records in, samples out."""

    def __init__(self, name: str, max_bytes: int, *, metadata_only: bool) -> None:
        self._name = name
        self._max_bytes = max_bytes
        self._metadata_only = metadata_only
        self._row = 0
        self._seen: set[str] = set()
        self._open: _Capture | None = None
        self._before = b""

    def add(self, record: Record) -> Iterator[Sample]:
        """The next record; gives the capture that it ends."""
        if record.kind == "warcinfo" and record.raw and len(record.block or b"") <= _MOST_INFO:
            yield from self.close()
            self._before += record.raw
            return
        links = {record.identity, *map(bare, record.fields.get("warc-concurrent-to", "").split())} - {""}
        if not self._belongs(record, links):
            yield from self.close()
            self._open, self._before = _Capture(self._before), b""
        assert self._open is not None
        self._open.records.append(record)
        self._open.linked |= links

    def _belongs(self, record: Record, links: set[str]) -> bool:
        """Whether a record is of the open capture, which has one response at most."""
        if self._open is None or links.isdisjoint(self._open.linked):
            return False
        kinds = [record.kind, *(other.kind for other in self._open.records)]
        return sum(kind not in _BESIDE for kind in kinds) <= 1 and len(kinds) <= _MOST_RECORDS

    def close(self) -> Iterator[Sample]:
        """The open capture, complete."""
        capture, self._open = self._open, None
        if capture is not None:
            yield self._sample(capture)
            self._row += 1

    def broken(self, gap: str) -> Sample:
        """The rest of a file that cannot be read any further."""
        return Sample(self._row, f"{self._name}/…", b"", 0, gap=gap, before=self._before)

    def _sample(self, capture: _Capture) -> Sample:
        main = next((r for r in capture.records if r.kind not in _BESIDE), capture.records[0])
        key = main.identity or f"{self._name}#{self._row}"
        size = sum(record.size for record in capture.records)
        gap = self._refusal(capture, main)
        known = not self._seen.isdisjoint({r.identity for r in capture.records if r.identity})
        self._seen.update(record.identity for record in capture.records)
        if known:
            gap = "error.duplicate-key"
        if gap is not None:
            return Sample(self._row, key, b"", size, gap=gap, before=capture.before)
        contents = [] if self._metadata_only else list(self._contents(capture))
        parts = [*(part for _, _, part in contents), *_address(main)]
        if self._metadata_only and not parts:
            parts = [Part(b"", gap=NO_ADDRESS)]
        raw = b"".join(record.raw for record in capture.records)
        answer = next(
            (_answer(main, found) for record, found, _ in contents if record is main and found), None
        )
        return Sample(
            self._row,
            key,
            raw,
            size,
            parts=tuple(parts),
            answer=answer,
            addresses=_web_addresses(main),
            before=capture.before,
        )

    def _refusal(self, capture: _Capture, main: Record) -> str | None:
        """Why a capture is not kept, whatever is in it."""
        if any(record.block is None for record in capture.records):
            return "error.too-large"
        if not main.identity:
            return MALFORMED
        if main.kind == "revisit":
            return "unchecked.revisit"
        if main.kind not in _CAPTURED and not self._metadata_only:
            return "unchecked.no-content"
        if any("warc-segment-number" in record.fields for record in capture.records):
            return (
                "unchecked.no-content"  # a part of what was captured; the others are `continuation` records
            )
        return None

    def _contents(self, capture: _Capture) -> Iterator[tuple[Record, Payload | None, Part]]:
        """What is compared, what was captured first: all records with their payloads, if these can be had."""
        for record in sorted(capture.records, key=lambda r: r.kind in _BESIDE):
            try:
                payload = self._payload(record)
                if payload.data or record.kind in _CAPTURED:
                    yield record, payload, _part(payload, self._max_bytes)
            except NotUnpacked as problem:
                yield record, None, Part(b"", gap=problem.gap)
            except InvalidInput:
                yield record, None, Part(b"", gap="error.undecodable")

    def _payload(self, record: Record) -> Payload:
        """A record's content without the protocol that it was fetched by."""
        assert record.block is not None
        said = record.fields.get("content-type", "")
        if said.lower().startswith("application/http") or record.block.startswith(b"HTTP/"):
            return payload_of(record.block, self._max_bytes)
        return Payload.of(record.block, said)


def _answer(record: Record, payload: Payload) -> Observation:
    """The captured answer, for what its headers and its content say about its use.

    It counts as a good one whatever its status was: the item is what was captured.
    """
    headers = payload.headers or (("content-type", payload.media_type),)
    return Observation(bare(record.fields.get("warc-target-uri", "")), 200, headers, payload.data)


def _part(payload: Payload, max_bytes: int) -> Part:
    """A payload as what is compared of it. What it is, is read from its bytes; what is stated only helps with texts."""
    data = payload.data
    if not data:
        return Part(b"", gap="error.no-bytes")
    if len(data) > max_bytes:
        return Part(b"", gap="error.too-large")
    known = image_format(data) is not None or document_format(data) is not None
    if not known and payload.media_type in _PAGES:
        return _of_text(html_text(decode_page(_in_utf8(payload))))
    if payload.media_type.startswith("text/") or payload.media_type in _PAGES:
        return Part(_in_utf8(payload))
    return Part(data)


def _in_utf8(payload: Payload) -> bytes:
    """A text in the encoding that its server states, unless it is UTF-8 anyway."""
    codec = encoding_named(payload.charset) if payload.charset else None
    if codec is None:
        return payload.data
    try:
        payload.data.decode("utf-8")
    except UnicodeDecodeError:
        return payload.data.decode(codec, "replace").encode("utf-8")
    return payload.data


def _of_text(text: str) -> Part:
    return Part(text.encode("utf-8"), text)


def _address(record: Record) -> Iterator[Part]:
    """Where it was captured, as what is compared."""
    for uri in _web_addresses(record):
        try:
            yield Part(b"", stated=fingerprint_url(uri))
        except InvalidInput:
            yield Part(b"", gap=MALFORMED)


def _web_addresses(record: Record) -> tuple[str, ...]:
    """Where it was captured. What has no address on the web (a name in the DNS, a part of the file) has none."""
    uri = bare(record.fields.get("warc-target-uri", ""))
    return (uri,) if uri.lower().startswith(("http:", "https:")) else ()


# -- writing -------------------------------------------------------------------------------------------------
class WarcSink:
    """Writes kept records as they were, each packed one with its own packing; see `JsonLinesSink` for the rest."""

    def __init__(self, data: Path, name: str) -> None:
        self._data = data
        self._name = name
        self.written: tuple[Written, ...] = ()

    def write(self, sample: Sample) -> None:
        """All records of the capture."""
        self._file.write(sample.before)
        self._file.write(sample.raw)

    def skip(self, sample: Sample) -> None:
        """Only what describes the file."""
        self._file.write(sample.before)

    def __enter__(self) -> Self:
        self._file = Output(self._data, self._name, packed=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; only a complete file has a digest."""
        if error is not None:
            self._file.abandon()
        else:
            self.written = (self._file.close(),)
