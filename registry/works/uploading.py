"""Register files from the page: one result for each file, good or bad, in words of the page's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from registry.base.actor import Actor
from registry.base.context import files, sources, writing
from registry.base.ratelimits import Rate, spend
from registry.core.errors import Conflict, InvalidInput, RateLimited
from registry.core.fingerprints import DHASH256, FULL, PHASH256, FileFingerprints, fingerprint_bytes
from registry.core.ids import parse_id
from registry.web import device
from registry.web.forms import Form
from registry.web.i18n import gettext as _
from registry.web.unreadable import why_unreadable
from registry.works import previews, rules, service
from registry.works.rules import Disclosure, MadeBy

MOST_AT_ONCE = 20
"""Works that a browser registers in one request: few enough that the answer comes soon."""


@dataclass(frozen=True, slots=True)
class About:
    """What a maker states about all files of one form."""

    made_by: MadeBy = MadeBy.HUMAN
    tool: str | None = None
    prompt: str | None = None
    disclosure: Disclosure | None = None
    persons_depicted: bool = False
    shares: tuple[service.NewShare, ...] = ()
    keep_previews: bool = False
    """Whether small pictures are kept, by which their maker recognises them."""


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file."""

    file: str
    state: str
    """`reserved`, `contested`, `yours` or `refused`."""
    sentence: str = ""
    title: str = ""
    work: bytes | None = None
    code: bytes | None = None
    """256 bits to draw."""
    facts: Mapping[str, int | str] = field(default_factory=dict)
    size: int = 0
    media: str = ""
    on_device: bool = False
    """Whether its maker's browser made the fingerprints, so that the file never came here."""
    has_preview: bool = False

    @property
    def is_new(self) -> bool:
        """Whether a work was registered."""
        return self.state in {"reserved", "contested"}


@dataclass(slots=True)
class _Ready:
    """A file whose fingerprints are there, and its preview, if it is to have one, in the store."""

    name: str
    title: str
    content: FileFingerprints | rules.ClientCodes
    """What is registered."""
    found: FileFingerprints
    """What the answer tells of it."""
    preview: previews.StoredPreview | None = None


def register_file(actor: Actor, upload: FileStorage, title: str, about: About) -> FileResult:
    """Fingerprint a file, register it in a transaction of its own, and forget the file."""
    name = PurePath(upload.filename or "").name
    if (refused := _too_many(actor, name)) is not None:
        return refused
    data = upload.read()
    try:
        found = fingerprint_bytes(data)
    except InvalidInput as error:
        return FileResult(
            name, "refused", why_unreadable(error, otherwise=_("This file cannot be registered."))
        )
    ready = _Ready(name, title, found, found)
    if about.keep_previews and found.media == "image":
        ready.preview = _stored_preview(previews.preview_of, data)
    (result,) = _register_all(actor, [ready], about)
    return result


def register_codes(
    actor: Actor, form: Form, about: About, parts: Mapping[str, FileStorage]
) -> list[FileResult]:
    """Register works by the fingerprints that their maker's browser made, in one transaction; the files did not come.

    Names, titles and codes stand in the form one after the other, in the order of the answers; the preview of the
    n-th, from 0, is the part `preview-<n>`, and of a text there is `passages-<n>`.
    """
    names, titles = form.values.getlist(device.NAME), form.values.getlist("title")
    codes = form.values.getlist(device.CODES)
    if not len(names) == len(titles) == len(codes) <= MOST_AT_ONCE:
        raise InvalidInput(f"Each of up to {MOST_AT_ONCE} works has a name, a title and its codes.")
    allowed = [_too_many(actor, PurePath(name).name) for name in names]
    ready: list[_Ready | FileResult] = []
    for n, refused in enumerate(allowed):
        passages = device.passages_of(parts, n)
        one = refused or _read_codes(PurePath(names[n]).name, titles[n], codes[n], passages)
        if isinstance(one, _Ready) and about.keep_previews and f"preview-{n}" in parts:
            one.preview = _stored_preview(previews.read_preview, parts[f"preview-{n}"].read())
        ready.append(one)
    return [
        replace(result, on_device=True) if isinstance(one, _Ready) else result
        for one, result in zip(ready, _register_all(actor, ready, about), strict=True)
    ]


def _read_codes(name: str, title: str, codes: str, passages: bytes | None) -> _Ready | FileResult:
    try:
        found = device.read_codes(codes, passages)
        content = rules.ClientCodes(found.fingerprints, found.media_type, found.size, found.facts)
        rules.check_client_codes(rules.Kind(found.media), content.fingerprints)
    except InvalidInput:
        sentence = _("Your browser sent no complete fingerprint. Open the page again and repeat it.")
        return FileResult(name, "refused", sentence)
    return _Ready(name, title.strip(), content, found)


def _stored_preview(make: Callable[[bytes], previews.Preview], data: bytes) -> previews.StoredPreview | None:
    """A work is registered also where no preview of it can be made."""
    try:
        return previews.store_preview(files(), make(data))
    except InvalidInput:
        return None


def _too_many(actor: Actor, name: str) -> FileResult | None:
    """The refusal of a file by an account that has used up its registrations."""
    try:
        spend(Rate.REGISTER, account=actor.public_id)
    except RateLimited:
        return FileResult(
            name, "refused", _("You have registered very many files just now. Go on in an hour.")
        )
    return None


def _register_all(actor: Actor, ready: Sequence[_Ready | FileResult], about: About) -> list[FileResult]:
    """Each that is ready, in one transaction; what one of them is refused for does not touch the others."""
    results: list[FileResult] = []
    try:
        with writing() as session:
            for one in ready:
                result = one if isinstance(one, FileResult) else _register(session, actor, one, about)
                results.append(result)
    finally:  # also where nothing was registered because another request has done it already
        kept = [result.is_new for result in results] if len(results) == len(ready) else [False] * len(ready)
        for one, is_kept in zip(ready, kept, strict=True):
            if isinstance(one, _Ready) and one.preview is not None and not is_kept:
                files().remove(one.preview.path)
    return results


def _register(session: Session, actor: Actor, ready: _Ready, about: About) -> FileResult:
    name, found = ready.name, ready.found
    try:
        command = service.RegisterWork(
            title=rules.check_title(ready.title or title_from(name)),
            content=ready.content,
            kind=rules.Kind(found.media),
            made_by=about.made_by,
            tool=about.tool,
            prompt=about.prompt,
            disclosure=about.disclosure,
            persons_depicted=about.persons_depicted,
            shares=about.shares,
            preview=ready.preview,
        )
        with session.begin_nested():
            done = service.register_work(session, actor, command, sources())
    except Conflict as error:
        return _result(
            name,
            "yours",
            _("You have registered this very file before. There is nothing to do."),
            found,
            parse_id("work", str(error.details["work"])),
        )
    except InvalidInput:
        sentence = _("The title cannot be taken: up to 500 characters, on one line.")
        return FileResult(name, "refused", sentence)
    work = done.work
    state = "contested" if work.contested_since is not None else "reserved"
    result = _result(name, state, sentence_for(state, found), found, work.public_id, work.title)
    return replace(result, has_preview=ready.preview is not None)


def _result(
    name: str, state: str, sentence: str, found: FileFingerprints, work: bytes, title: str = ""
) -> FileResult:
    codes = {f.algorithm: f.code for f in found.fingerprints if f.kind == FULL}
    code = codes.get(PHASH256, codes.get(DHASH256))
    return FileResult(name, state, sentence, title, work, code, found.facts, found.size, found.media)


def sentence_for(state: str, found: FileFingerprints) -> str:
    """What the maker of a registered file should know."""
    if state == "contested":
        return _(
            "Somebody else has registered this file before, or nearly the same. Yours is on record too; while that is "
            "open, nobody may train on it, and it cannot be licensed."
        )
    return " ".join(note_in_words(note.code) for note in found.notes)


def note_in_words(code: str) -> str:
    """Why a work lacks some fingerprints."""
    return {
        "image.low-quality": _(
            "There is too little in this picture for a fingerprint of its own. Only the exact file is recognised."
        ),
        "image.symmetric": _(
            "This picture is very regular. It is compared by outlines and colours; strongly altered copies may be "
            "missed."
        ),
        "text.disguised": _(
            "Within its words stand letters of other alphabets, or invisible ones. Copies with the usual letters will "
            "not be recognised."
        ),
    }.get(code, _("Some fingerprints could not be made of this file."))


def title_from(name: str) -> str:
    """A title for a file that was given none: its name, as people write."""
    return " ".join(PurePath(name).stem.replace("_", " ").split()) or name or "–"
