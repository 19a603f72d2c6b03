"""ZIP archives with a document inside.

Nothing is written to disk: names in the archive are only looked up.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from registry.core.errors import TooLarge, Undecodable, UnsupportedMedia
from registry.core.fingerprints.documents.model import PROTECTED, Document
from registry.core.fingerprints.model import Limits

_CHUNK: Final = 1 << 16
_CENTRAL: Final = b"PK\x01\x02"
_MAX_MEMBERS: Final = 20_000
_MAX_RATIO: Final = 250
"""Inflated size to size of the file. Text shrinks to a third, a table of zeros to a hundredth, a bomb further."""
_FREE: Final = 1 << 20
"""Inflated bytes that are never too many."""
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""All that EPUB and DOCX may use; others inflate more than they are asked for at once."""
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    ValueError,
    OSError,
    struct.error,
)


class Archive:
    """A ZIP archive of which no more than the limit is ever inflated, whatever its members claim."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        if data.count(_CENTRAL) > _MAX_MEMBERS:  # before anything is made of each
            raise TooLarge(
                f"The file is an archive of more than {_MAX_MEMBERS:,} files; no text needs so many."
            )
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except _BROKEN as error:
            raise Undecodable(
                f"The file begins like a ZIP archive but is damaged or incomplete ({error})."
            ) from error
        self._left = self._most = min(limits.max_unpacked_bytes, _MAX_RATIO * len(data) + _FREE)
        self._names = frozenset(self._zip.namelist())

    def __contains__(self, name: str) -> bool:
        """Whether there is a member of this name."""
        return name in self._names

    def chunks(self, name: str) -> Iterator[bytes]:
        """The member's bytes. `Undecodable` if it is missing or broken, `TooLarge` before too much is inflated."""
        try:
            member = self._zip.getinfo(name)
        except KeyError:
            raise Undecodable(f"The file is incomplete: there is no “{name[:100]}” in it.") from None
        if member.flag_bits & 1:
            raise UnsupportedMedia("It is protected by a password; save it without one.", reason=PROTECTED)
        if member.compress_type not in _METHODS:
            raise Undecodable("The file is packed in a way that such documents must not be; save it again.")
        self._reckon(member.file_size, take=False)
        try:
            with self._zip.open(member) as file:
                while chunk := file.read(_CHUNK):
                    self._reckon(len(chunk), take=True)
                    yield chunk
        except _BROKEN as error:
            raise Undecodable(f"“{name[:100]}” in the file is damaged ({error}).") from error

    def read(self, name: str) -> bytes:
        """All of a member at once."""
        return b"".join(self.chunks(name))

    def _reckon(self, size: int, *, take: bool) -> None:
        if size > self._left:
            raise TooLarge(
                f"Unpacked, the texts in this file have more than {self._most:,} bytes. "
                "Register the volumes or chapters one by one, as plain text."
            )
        self._left -= size if take else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()


def read(data: bytes, limits: Limits) -> Document:
    """The document that the archive is; `UnsupportedMedia` if it is none that we know."""
    from registry.core.fingerprints.documents import epub, word

    with Archive(data, limits) as archive:
        if epub.MARK in archive:
            return epub.read(archive)
        if word.MARK in archive:
            return word.read(archive)
    raise UnsupportedMedia(
        "This is a ZIP archive, but neither an e-book (EPUB) nor a Word document (DOCX). "
        "Extract the texts and pictures in it, or save the document as DOCX or PDF."
    )
