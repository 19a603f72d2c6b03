"""What a checked picture's answer says in plain words: state, headline, a few sentences, the numbers behind it."""

from __future__ import annotations

from dataclasses import dataclass

from registry.checking.service import Checked
from registry.core.decisions import Grade, Verdict
from registry.core.errors import InvalidInput, TooLarge, Undecodable, UnsupportedMedia, VorbehaltError
from registry.core.fingerprints import ANCHORS256, DHASH256, PHASH256, TRIMMED, FileFingerprints
from registry.core.matching import Match
from registry.web.fingerprint_svg import Cells, cells
from registry.web.i18n import gettext as _
from registry.web.i18n import ngettext


@dataclass(frozen=True, slots=True)
class Answer:
    """One page's worth of answer."""

    file: str
    chip: str
    word: str
    title: str
    lines: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    cells: Cells | None = None
    by_machine: bool = False


@dataclass(frozen=True, slots=True)
class _Verdict:
    chip: str
    word: str
    title: str
    line: str


def answer_for(name: str, found: FileFingerprints, checked: Checked) -> Answer:
    """The answer for a picture that could be read."""
    verdict = _verdict(checked)
    codes = {f.kind: f.code for f in found.fingerprints if f.algorithm == PHASH256}
    lines: tuple[str, ...] = (verdict.line,)
    if checked.matches:
        lines = (_likeness(checked.matches[0][1]), *lines)
    elif not codes:
        lines = (_no_fingerprint(found), *lines)
    return Answer(
        file=name,
        chip=verdict.chip,
        word=verdict.word,
        title=verdict.title,
        lines=lines,
        facts=_facts(*checked.matches[0]) if checked.matches else (),
        cells=cells(codes["full"]) if "full" in codes else None,
        by_machine=bool(checked.matches),
    )


def _verdict(checked: Checked) -> _Verdict:
    decision = checked.decision
    if decision.verdict is Verdict.ALLOW:
        return _Verdict(
            "licensed",
            _("Allowed"),
            _("This picture is on record. Its maker allows AI training to anyone."),
            _("The permission is an open licence, free of charge."),
        )
    if decision.reason == "title.contested":
        return _Verdict(
            "contested",
            _("Contested"),
            _("This picture is on record, and two parties say it is theirs."),
            _("While that is open, nobody may train on it."),
        )
    if decision.verdict is Verdict.DENY:
        return _Verdict(
            "reserved",
            _("Reserved"),
            _("This picture is on record. Nobody may train AI with it without its maker’s licence."),
            _("A lab that wants to use it has to ask, or accept the terms that the maker offers."),
        )
    if decision.verdict is Verdict.REVIEW:
        return _Verdict(
            "review",
            _("Doubtful"),
            _("This picture resembles one that is on record."),
            _(
                "It is not certain that they are the same. Labs leave out such pictures until somebody has looked."
            ),
        )
    return _Verdict(
        "none",
        _("Not on record"),
        _("This picture is not on record."),
        _("That does not mean that it may be used: nobody has said anything about it here."),
    )


def _likeness(match: Match) -> str:
    if match.algorithm.startswith("digest."):
        return _("Your file is the registered one, byte for byte.")
    if match.algorithm == ANCHORS256:
        return _("Your file and the registered picture have places in common that lie alike in both.")
    if match.grade is Grade.REVIEW:
        return _("The colours differ, or the form is too regular to be sure.")
    if match.distance == 0:
        return _("Your picture and the registered one have the same fingerprint.")
    return ngettext(
        "Your file shows the same picture: %(num)d of 256 cells differs.",
        "Your file shows the same picture: %(num)d of 256 cells differ.",
        match.distance,
    )


def _facts(work: str, match: Match) -> tuple[tuple[str, str], ...]:
    return (
        (_("Entry"), work),
        (_("Compared by"), match.algorithm),
        (_("Rule"), _rule(match.algorithm)),
        *(((_("Distance"), _cells(match)),) if match.algorithm in {PHASH256, DHASH256} else ()),
        (_("Your picture is"), how_seen(match.variant)),
    )


def _cells(match: Match) -> str:
    """How far apart the two fingerprints are; of works that are not public a round figure, never too small."""
    if match.distance == 0:
        return _("none of 256 cells")
    return _("at most %(count)s of 256 cells", count=match.distance)


def _rule(algorithm: str) -> str:
    """From when on two pictures count as the same (`registry.core.matching.grades`)."""
    return {
        PHASH256: _(
            "The same picture: at most 33 of 256 cells differ; or at most 47, if the outlines agree as well."
        ),
        DHASH256: _(
            "Regular pictures, by outlines: at most 14 of 256 cells differ, and the colours agree; else doubtful."
        ),
        ANCHORS256: _("A part: two or more places look alike and lie alike in both pictures."),
    }.get(algorithm, _("The same file: its SHA-256 is equal."))


def how_seen(variant: str) -> str:
    """A variant such as `trimmed/flip_h` in words: what your picture is, compared with the registered one."""
    frame, _slash, change = variant.partition("/")
    words = {
        "": _("the same file"),
        "identity": _("upright, as registered"),
        "flip_h": _("mirrored left to right"),
        "flip_v": _("mirrored top to bottom"),
        "rot180": _("turned upside down"),
        "transpose": _("mirrored and turned on its side"),
        "transverse": _("mirrored and turned on its side"),
        # The variant says what to do with the picture that was sent, so that picture is turned the other way.
        "rot90": _("turned to the right"),
        "rot270": _("turned to the left"),
        "inverted": _("a negative"),
        "part": _("a part of it, or turned, or part of something larger"),
        "part_mirrored": _("a mirrored part of it, or turned, or part of something larger"),
    }[change]
    return _("%(turned)s, compared without its border", turned=words) if frame == TRIMMED else words


def _no_fingerprint(found: FileFingerprints) -> str:
    if any(note.code == "image.low-quality" for note in found.notes):
        return _("It has too little structure to be told from others; only the exact file could be found.")
    return _("It is too regular for the finer fingerprint and was compared by the coarser one.")


def why_not(error: VorbehaltError) -> str:
    """Why a file could not be read, and what to do."""
    if isinstance(error, TooLarge):
        return _("It is too large. Please make it smaller and try again.")
    if isinstance(error, UnsupportedMedia):
        return _("We can read JPEG, PNG, WebP, GIF, TIFF and BMP. Please save it as one of these.")
    if isinstance(error, Undecodable):
        return _("The file is damaged or incomplete. Does it open in a picture viewer?")
    return _("Please choose a picture first.")


def refusal(name: str, error: VorbehaltError) -> Answer:
    """The answer for a file that could not be read; every other failure is passed on."""
    if not isinstance(error, InvalidInput):
        raise error
    return Answer(
        file=name,
        chip="bad",
        word=_("Not checked"),
        title=_("This file could not be checked."),
        lines=(why_not(error),),
    )
