"""What may be registered, what of it is shown, and when a title is in doubt. Pure: time and ids are arguments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from registry.core.errors import Conflict, InvalidInput
from registry.core.fingerprints import ANCHORS256, DEEP256, FileFingerprints, Fingerprint, Note, check_code
from registry.core.fingerprints.addresses import parse_address
from registry.core.ids import format_id

SHA256 = "digest.sha256.v1"
_MAX_TITLE = 500
_MAX_URL = 2_000


class Kind(StrEnum):
    """What sort of work it is; the media of its files must agree."""

    IMAGE = "image"
    TEXT = "text"
    DOMAIN = "domain"
    """Everything at a domain whose control was proved (`registry.domains`). It has no files."""


class MadeBy(StrEnum):
    """How the work came about, as its maker declares it."""

    HUMAN = "human"
    AI_ASSISTED = "ai_assisted"
    AI_GENERATED = "ai_generated"


class Disclosure(StrEnum):
    """Where the codes of a work may appear. A 256-bit hash of a picture is a blurry thumbnail of it."""

    SNAPSHOT = "snapshot"
    """In the published snapshot, for everyone."""
    CHECK_API_ONLY = "check-api-only"
    """On this server only: it answers questions, but hands out no list."""
    DIGEST_ONLY = "digest-only"
    """Only the exact digests are used, anywhere; no copy that differs in one byte is found."""


def default_disclosure(*, persons_depicted: bool) -> Disclosure:
    """The snapshot, except for pictures of persons: their codes stay on the server unless the maker says otherwise."""
    return Disclosure.CHECK_API_ONLY if persons_depicted else Disclosure.SNAPSHOT


def is_shown(disclosure: Disclosure, algorithm: str, *, public: bool) -> bool:
    """Whether a code of this algorithm may be used: in published files (`public`) or in the server's own matching."""
    if public and disclosure is Disclosure.CHECK_API_ONLY:
        return False
    return disclosure is not Disclosure.DIGEST_ONLY or algorithm.startswith("digest.")


def check_title(title: str) -> str:
    """The title without outer blanks; 1 to 500 characters, no control characters."""
    title = title.strip()
    if not title or len(title) > _MAX_TITLE or not title.isprintable():
        raise InvalidInput(
            f"A title has 1 to {_MAX_TITLE} printable characters on one line; this has {len(title)}."
        )
    return title


def check_origin(made_by: MadeBy, tool: str | None, prompt: str | None) -> None:
    """A work that was made with AI names the tool; a human's work names neither tool nor prompt."""
    if made_by is MadeBy.HUMAN and (tool or prompt):
        raise InvalidInput(
            "A tool or prompt was given for a work made by a human; say ai_assisted or leave them out."
        )
    if made_by is not MadeBy.HUMAN and not (tool and tool.strip()):
        raise InvalidInput(
            f"A work that is {made_by} names the tool it was made with, for example “Blender 5”."
        )


def check_source_url(url: str) -> str:
    """An absolute http or https address without credentials, at most 2,000 characters."""
    try:
        parse_address(url)
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.username is None
    except (ValueError, InvalidInput):
        usable = None
    if not usable or len(url) > _MAX_URL or not url.isprintable() or " " in url:
        raise InvalidInput(
            f"“{url[:80]}” is no usable source address; write it out in full, such as https://example.org/picture."
        )
    return url


# -- fingerprints that a client made ------------------------------------------------------------------------
_FRAME = frozenset({"image.phash64.v1", "image.dhash256.v1", "image.colour42.v1"})
"""The codes that every frame of a picture has; `image.phash256.v1` joins them unless the picture is symmetric."""


def check_client_codes(kind: Kind, codes: Sequence[Fingerprint]) -> tuple[Fingerprint, ...]:
    """Codes without a file: known, well formed, of this kind of work, none twice, complete for every frame.

    A frame lacks `image.phash256.v1` exactly if it failed the symmetry gate, so a frame that lacks any other code
    would be matched by the wrong rule. Returns the codes in a fixed order.
    """
    if kind is Kind.DOMAIN:
        raise InvalidInput("A domain has no files: claim it at /v1/domains, and prove that you control it.")
    seen: dict[str, set[str]] = {}
    for code in codes:
        check_code(code.algorithm, code.kind, code.code)
        if code.algorithm == DEEP256:
            raise InvalidInput(f"{DEEP256} is for looking only; leave it out, {ANCHORS256} is what it meets.")
        algorithms = seen.setdefault(code.kind, set())
        if code.algorithm in algorithms:
            raise InvalidInput(
                f"{code.algorithm} ({code.kind}) was given twice; a version has one code of each."
            )
        algorithms.add(code.algorithm)
    _check_media(kind, codes)
    _check_frames({k: frozenset(v) for k, v in seen.items()})
    if SHA256 not in seen.get("whole", set()):
        raise InvalidInput(f"{SHA256} of the file's bytes is missing; it is what a title is compared by.")
    return tuple(sorted(codes, key=lambda c: (c.algorithm, c.kind)))


def _check_media(kind: Kind, codes: Iterable[Fingerprint]) -> None:
    for code in codes:
        media = code.algorithm.split(".", 1)[0]
        if media not in {"digest", kind.value}:
            raise InvalidInput(f"{code.algorithm} is not a code of a work of kind {kind}.")


def _check_frames(seen: Mapping[str, frozenset[str]]) -> None:
    frames = {kind: algorithms for kind, algorithms in seen.items() if kind != "whole"}
    if frames and "full" not in frames:
        raise InvalidInput("Codes of the trimmed frame need those of the full frame beside them.")
    for kind, algorithms in frames.items():
        missing = sorted(_FRAME - algorithms)
        if missing:
            raise InvalidInput(
                f"The {kind} frame lacks {', '.join(missing)}: a frame's codes belong together. Send those of "
                "“vorbehalt hash --json”, or the digests alone."
            )


# -- titles in doubt ----------------------------------------------------------------------------------------
class Rule(StrEnum):
    """By what two titles were found to be in conflict. The first three are decided by a machine."""

    SAME_FILE = "same-file"
    """Equal SHA-256."""
    NEAR_PICTURE = "near-picture"
    NEAR_TEXT = "near-text"
    """See `registry.works.likeness`."""
    DOMAIN = "domain"
    """Control of one domain was proved by both."""


@dataclass(frozen=True, slots=True)
class Registered:
    """An unwithdrawn work, by one of its versions that was registered earlier."""

    work_id: int
    public_id: bytes
    owner_id: int
    row: int
    version: int
    """Versions are numbered in the order in which they were recorded, whatever work they belong to."""
    contested: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """An earlier work that puts a new title in doubt, by which rule, and how near the two are."""

    earlier: Registered
    rule: Rule
    distance: int = 0
    """Bits of phash256, or values of minhash128 (of 128) that differ."""
    mirrored: bool = False


def doubt_about(owner_id: int, candidates: Iterable[Doubt]) -> Doubt | None:
    """Which earlier version puts the title of a new one by this owner in doubt; `None` if none does.

    The oldest one decides. Is it somebody else's, the *newer* title is contested, never the older one, so that
    registering another's work once more harms nobody but oneself; is it one's own, nothing is. A contested title
    contests nobody. One's own very file again: `Conflict`, with the work that is already there.
    """
    found = list(candidates)
    for doubt in found:
        if doubt.rule is Rule.SAME_FILE and doubt.earlier.owner_id == owner_id:
            name = format_id("work", doubt.earlier.public_id)
            raise Conflict(f"This file is already registered as {name}; use that work.", work=name)
    standing = (doubt for doubt in found if not doubt.earlier.contested)
    order = list(Rule)
    oldest = min(standing, key=lambda d: (d.earlier.version, order.index(d.rule)), default=None)
    return None if oldest is None or oldest.earlier.owner_id == owner_id else oldest


def how_found(rule: Rule, distance: int, *, mirrored: bool = False) -> str:
    """What the two works have in common, as a sentence begins."""
    match rule:
        case Rule.SAME_FILE:
            return "Somebody else registered a file with the same SHA-256 before"
        case Rule.NEAR_PICTURE:
            mirror = "mirrored, " if mirrored else ""
            return (
                "Somebody else registered a picture before that looks the same "
                f"({mirror}{distance} of 256 bits of the fingerprint differ)"
            )
        case Rule.NEAR_TEXT:
            return (
                "Somebody else registered a text before that reads nearly the same "
                f"({distance} of 128 values of the fingerprint differ)"
            )
        case Rule.DOMAIN:
            return "Somebody else proved control of this domain before, and never gave it up"


def how_to_object(work: str, earlier: str, rule: Rule, distance: int = 0, *, mirrored: bool = False) -> str:
    """What the maker of a contested title is told."""
    found = f"{how_found(rule, distance, mirrored=mirrored)}, as {earlier}."
    if rule is Rule.DOMAIN:
        return (
            f"{found} Until that is settled, what lies at the domain is reserved by {work} as well, but it cannot be "
            "licensed. If you took the domain over, write to the operator of this registry, name both works, and say "
            "since when it is yours."
        )
    return (
        f"{found} A machine noticed this, by comparing what was registered. Until a person has looked at it, {work} is "
        "protected like any other work, but it cannot be licensed. If it is yours, write to the operator of this "
        "registry, name both works, and add what shows it: the original file with its date, a contract, or the page "
        "where you published it first."
    )


# -- what a version consists of -----------------------------------------------------------------------------
MOST_PIXELS = 10**6
_DECLARED: Mapping[Kind, Mapping[str, int]] = {
    Kind.IMAGE: {"width": MOST_PIXELS, "height": MOST_PIXELS},
    Kind.TEXT: {"characters": 2**53 - 1, "normalised_bytes": 2**53 - 1},
}
"""What may be said of a file that was not sent, and the most that it may be; pixels as it is looked at, upright."""
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,60}")


@dataclass(frozen=True, slots=True)
class ClientCodes:
    """Fingerprints that the maker computed; the file stays where it is. All else is as declared."""

    fingerprints: tuple[Fingerprint, ...]
    media_type: str | None = None
    size: int | None = None
    facts: Mapping[str, int | str] = field(default_factory=dict)
    """Some of what the server says of such a file, or nothing: see `_DECLARED`."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is stored of a version, whoever computed it."""

    kind: Kind
    made_by: str
    fingerprints: tuple[Fingerprint, ...]
    media_type: str | None
    size: int | None
    facts: Mapping[str, int | str]
    notes: tuple[Note, ...]

    @property
    def sha256(self) -> bytes:
        """The digest that titles are compared by."""
        return next(f.code for f in self.fingerprints if f.algorithm == SHA256)


def read_content(kind: Kind | None, content: FileFingerprints | ClientCodes) -> Content:
    """The content of a version of a work of this kind; a file tells its kind by itself."""
    if isinstance(content, FileFingerprints):
        found = Kind(content.media)
        if kind not in {None, found}:
            raise InvalidInput(f"The work is called a work of kind {kind}, but the file is of kind {found}.")
        return Content(
            kind=found,
            made_by="server",
            fingerprints=content.fingerprints,
            media_type=content.media_type,
            size=content.size,
            facts=content.facts,
            notes=content.notes,
        )
    if kind is None:
        raise InvalidInput(
            "Fingerprints alone do not tell what they are of; say whether it is an image or a text."
        )
    if content.media_type is not None and not _MEDIA_TYPE.fullmatch(content.media_type):
        raise InvalidInput(f"“{content.media_type[:80]}” is no media type; one looks like image/jpeg.")
    if content.size is not None and content.size <= 0:
        raise InvalidInput("The size is the number of bytes of the file; leave it out if it is not known.")
    return Content(
        kind=kind,
        made_by="client",
        fingerprints=check_client_codes(kind, content.fingerprints),
        media_type=content.media_type,
        size=content.size,
        facts=_declared_facts(kind, content.facts),
        notes=(),
    )


def _declared_facts(kind: Kind, facts: Mapping[str, int | str]) -> dict[str, int | str]:
    """All that can be said of this kind, or nothing."""
    most = _DECLARED.get(kind, {})
    if facts and facts.keys() != most.keys():
        raise InvalidInput("A picture has a width and a height, nothing else has: state both, or neither.")
    for name, value in facts.items():
        if type(value) is not int or not 0 < value <= most[name]:
            raise InvalidInput(f"The {name} is a whole number from 1 to {most[name]:,}.")
    return dict(facts)
