"""A file with what is said about it, or fingerprints alone: both ways into the registry end in one content.

Fingerprinting takes long, so it happens here, before any transaction begins. The file is not kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import request
from werkzeug.exceptions import UnsupportedMediaType

from registry.base.http import strict_json
from registry.core.errors import InvalidInput
from registry.core.fingerprints import FileFingerprints, Fingerprint, fingerprint_bytes
from registry.works.rules import ClientCodes
from registry.works.schemas import NewFile

_EITHER = (
    "Send either the file as multipart/form-data (parts “file” and “metadata”), or its fingerprints as JSON."
)


def read_upload(schema: type[NewFile]) -> tuple[dict[str, Any], FileFingerprints | ClientCodes]:
    """The statements of the request by this schema, and the content of the version."""
    multipart = request.mimetype == "multipart/form-data"
    if not multipart and not request.is_json:
        raise UnsupportedMediaType(_EITHER)
    data: dict[str, Any] = schema().load(strict_json(_metadata() if multipart else request.get_data()))
    codes = data.pop("fingerprints")
    media_type, size = data.pop("media_type"), data.pop("size")
    sides = {name: data.pop(name) for name in ("width", "height")}
    facts = {name: pixels for name, pixels in sides.items() if pixels is not None}
    if not multipart:
        if codes is None:
            raise InvalidInput(f"There is neither a file nor a fingerprint. {_EITHER}")
        return data, ClientCodes(tuple(Fingerprint(**code) for code in codes), media_type, size, facts)
    if (codes, media_type, size, facts) != (None, None, None, {}):
        raise InvalidInput(f"The file tells its fingerprints, media type and size by itself. {_EITHER}")
    return data, fingerprint_bytes(_file())


def _metadata() -> bytes:
    """The JSON part, sent as a form field or as a file of its own."""
    _refuse_others(request.form, {"metadata"})
    _refuse_others(request.files, {"metadata", "file"})
    fields = [text.encode() for text in request.form.getlist("metadata")]
    fields += [part.read() for part in request.files.getlist("metadata")]
    if len(fields) > 1:
        raise InvalidInput("The part “metadata” was sent more than once.")
    return fields[0] if fields else b"{}"


def _file() -> bytes:
    files = request.files.getlist("file")
    if len(files) != 1:
        raise InvalidInput(f"Send one file in the part “file”; there were {len(files)}.")
    return bytes(files[0].read())


def _refuse_others(names: Iterable[str | None], known: set[str]) -> None:
    """A part whose name cannot be read has none."""
    unknown = sorted(name or "" for name in set(names) - known)
    if unknown:
        raise InvalidInput(f"The part “{unknown[0][:40]}” is not known here. {_EITHER}")
