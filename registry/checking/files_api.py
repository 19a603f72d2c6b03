"""`POST /v1/check/files`: a few files, from which we compute the codes. They are not kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from registry.base.actor import Scope
from registry.base.http import Blueprint, Rate, current_actor, part, reading, require, sources, spend
from registry.checking import hidden, schemas
from registry.checking.service import Checked, LiveIndex, check
from registry.checking.spelled_out import Offers, offers_for, spelled_out
from registry.core.decisions import Gap, Request
from registry.core.decisions.terms import check_territory
from registry.core.errors import InvalidInput, TooLarge, TooShort, Undecodable, UnsupportedMedia
from registry.core.fingerprints import Fingerprint, fingerprint_bytes
from registry.core.fingerprints.digests import digests

MAX_FILES: Final = 20
_MAX_NAME: Final = 200
_NOTES: Final = {"image.low-quality": "unchecked.low-quality", "text.disguised": "unchecked.disguised"}
"""Of a file that cannot be compared by its codes, why."""
"""The note on a picture so worn that not finding it says nothing."""
_GAPS: Final[tuple[tuple[type[InvalidInput], str], ...]] = (
    (Undecodable, "error.undecodable"),
    (UnsupportedMedia, "error.unsupported"),
    (TooLarge, "error.too-large"),
    (TooShort, "unchecked.too-short"),
    (InvalidInput, "error.invalid"),
)

blueprint = Blueprint(
    "check-files",
    __name__,
    url_prefix="/v1/check/files",
    description="Are these files on record?",
    rate=Rate.CHECK,
)

_FILES = {"type": "array", "items": {"type": "string", "format": "binary"}, "maxItems": MAX_FILES}
_FORM = {"type": "object", "properties": {"file": _FILES}, "required": ["file"]}


@dataclass(frozen=True, slots=True)
class _File:
    """A file that was sent: its codes, and if not all could be made, why."""

    name: str
    sha256: str
    codes: tuple[Fingerprint, ...]
    gap: Gap | None = None
    detail: str | None = None


@blueprint.post("")
@require(Scope.CHECK)
@blueprint.arguments(schemas.FilesQuery, location="query")
@blueprint.doc(requestBody={"required": True, "content": {"multipart/form-data": {"schema": _FORM}}})
@blueprint.response(200, schemas.CheckedFilesView)
def check_files(query: dict[str, Any]) -> Any:
    """Decide about up to 20 files, each a part “file”; their codes are computed here, and the files not kept.

    Each counts as a request. See docs/reference/checking.md.
    """
    now = sources().now()
    wanted = Request(
        purpose=query["purpose"],
        policy=query["policy"],
        at=int(now.timestamp()),
        territory=check_territory(query["territory"]),
    )
    budget, files = hidden.budget(), _files()
    gaps = {n: file.gap for n, file in enumerate(files) if file.gap is not None}
    actor = current_actor()
    with reading() as session:
        items = [file.codes for file in files]
        change_seq, found = check(
            session,
            part(LiveIndex),
            actor,
            wanted,
            items,
            now,
            gaps,
            budget=budget,
            min_words=query["min_words"],
        )
        offers = offers_for(session, actor, wanted, found, now)
    answers = [_answer(file, checked, offers) for file, checked in zip(files, found, strict=True)]
    return {"live": {"change_seq": change_seq}, "files": answers}


def _files() -> list[_File]:
    """The files of the request, read one after the other, before any transaction begins."""
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType("Send the files as multipart/form-data, each in a part “file”.")
    try:
        sent, others = request.files.getlist("file"), {*request.form, *request.files} - {"file"}
    except RequestEntityTooLarge:
        raise TooLarge("The files together are larger than what is taken here; send fewer at once.") from None
    if others:
        other = min(name or "" for name in others)  # a part whose name cannot be read has none
        raise InvalidInput(f"The part “{other[:40]}” is not known here: each file is a part “file”.")
    if not 0 < len(sent) <= MAX_FILES:
        raise InvalidInput(f"Send 1 to {MAX_FILES} files, each in a part “file”; there were {len(sent)}.")
    if len(sent) > 1:
        spend(Rate.CHECK, len(sent) - 1)
    return [_read(str(upload.filename)[:_MAX_NAME], upload.read()) for upload in sent]


def _read(name: str, data: bytes) -> _File:
    """Of a file that cannot be understood the digests at least are looked for; it is never kept."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        found = fingerprint_bytes(data)
    except InvalidInput as error:
        gap = next(reason for kind, reason in _GAPS if isinstance(error, kind))
        return _File(name, digest, digests(data), Gap(gap), error.message)
    note = next((note for note in found.notes if note.code in _NOTES), None)
    if note is not None:
        return _File(name, digest, found.fingerprints, Gap(_NOTES[note.code]), note.message)
    return _File(name, digest, found.fingerprints)


def _answer(file: _File, checked: Checked, offers: Offers) -> dict[str, Any]:
    decision = checked.decision
    return {
        "name": file.name,
        "sha256": file.sha256,
        "verdict": int(decision.verdict),
        "kept": decision.kept,
        "reason": decision.reason,
        "detail": file.detail,
        "licences": [grant.licence for grant in decision.grants],
        "matches": spelled_out(checked, offers),
    }
