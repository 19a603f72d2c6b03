"""What the answer to a checked file says in plain words: state, headline, a few sentences, the numbers behind it."""

from __future__ import annotations

from dataclasses import dataclass

from registry.checking.service import Checked
from registry.core.decisions import Grade, Verdict
from registry.core.errors import InvalidInput, TooLarge, Undecodable, UnsupportedMedia, VorbehaltError
from registry.core.fingerprints import (
    ANCHORS256,
    DHASH256,
    MINHASH128,
    PHASH256,
    TRIMMED,
    WINNOW32,
    FileFingerprints,
)
from registry.core.fingerprints.text_disguises import DISGUISED
from registry.core.matching import MIN_WORDS, Match
from registry.web.fingerprint_svg import Cells, cells
from registry.web.i18n import gettext as _
from registry.web.i18n import ngettext
from registry.web.unreadable import why_unreadable


@dataclass(frozen=True, slots=True)
class Answer:
    """One page's worth of answer."""

    file: str
    media: str
    """`image` or `text`; empty if the file could not be read."""
    chip: str
    word: str
    title: str
    lines: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    cells: Cells | None = None
    by_machine: bool = False
    work: str = ""
    """The number of the registered work that is reserved: a lab can ask for it."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    chip: str
    word: str
    title: str
    line: str


def answer_for(name: str, found: FileFingerprints, checked: Checked) -> Answer:
    """The answer for a picture or text that could be read. What two texts share by chance is not told."""
    is_text = found.media == "text"
    codes = {f.kind: f.code for f in found.fingerprints if f.algorithm == PHASH256}
    matches = [(work, match) for work, match in checked.matches if match.grade > Grade.TRACE]
    if not is_text:
        verdict = _of_picture(checked)
    elif matches and _is_part(matches[0][1], found):
        verdict = _of_part(checked)
    else:
        verdict = _of_text(checked)
    lines: tuple[str, ...] = (verdict.line,)
    if matches:
        lines = (_likeness(matches[0][1]), *lines)
    elif not is_text and not codes:
        lines = (_no_fingerprint(found), *lines)
    elif DISGUISED in found.notes:
        lines = (_disguised(), *lines)
    return Answer(
        file=name,
        media=found.media,
        chip=verdict.chip,
        word=verdict.word,
        title=verdict.title,
        lines=lines,
        facts=_facts(*matches[0], is_text=is_text) if matches else (),
        cells=cells(codes["full"]) if "full" in codes else None,
        by_machine=bool(matches),
        work=matches[0][0] if matches and verdict.chip == "reserved" else "",
    )


def _of_picture(checked: Checked) -> _Verdict:
    return _verdict(
        checked,
        allowed=_("This picture is on record. Its maker allows AI training to anyone."),
        contested=_("This picture is on record, and two parties say it is theirs."),
        reserved=_("This picture is on record. Nobody may train AI with it without its maker’s licence."),
        doubtful=_("This picture resembles one that is on record."),
        unknown=_("This picture is not on record."),
    )


def _of_text(checked: Checked) -> _Verdict:
    return _verdict(
        checked,
        allowed=_("This text is on record. Its maker allows AI training to anyone."),
        contested=_("This text is on record, and two parties say it is theirs."),
        reserved=_("This text is on record. Nobody may train AI with it without its maker’s licence."),
        doubtful=_("This text resembles one that is on record."),
        unknown=_("This text is not on record."),
    )


def _of_part(checked: Checked) -> _Verdict:
    return _verdict(
        checked,
        allowed=_("A part of this text is on record. Its maker allows AI training to anyone."),
        contested=_("A part of this text is on record, and two parties say it is theirs."),
        reserved=_(
            "A part of this text is on record. Nobody may train AI with it without its maker’s licence."
        ),
        doubtful=_("This text resembles one that is on record."),
        unknown=_("This text is not on record."),
    )


def _is_part(match: Match, found: FileFingerprints) -> bool:
    """Whether what a text shares with the registered one is less than half of it."""
    if match.passage is None:
        return False
    return 2 * (match.passage.end - match.passage.begin) < int(found.facts["normalised_bytes"])


def _verdict(
    checked: Checked, *, allowed: str, contested: str, reserved: str, doubtful: str, unknown: str
) -> _Verdict:
    """By the decision: its chip, its word, one of these headlines, and what follows from it."""
    decision = checked.decision
    if decision.verdict is Verdict.ALLOW:
        line = _("The permission is an open licence, free of charge.")
        return _Verdict("licensed", _("Allowed"), allowed, line)
    if decision.reason == "title.contested":
        line = _("While that is open, nobody may train on it.")
        return _Verdict("contested", _("Contested"), contested, line)
    if decision.verdict is Verdict.DENY:
        line = _("A lab that wants to use it has to ask, or accept the terms that the maker offers.")
        return _Verdict("reserved", _("Reserved"), reserved, line)
    if decision.verdict is Verdict.REVIEW:
        line = _(
            "It is not certain that they are the same. Labs leave out such works until somebody has looked."
        )
        return _Verdict("review", _("Doubtful"), doubtful, line)
    line = _("That does not mean that it may be used: nobody has said anything about it here.")
    return _Verdict("none", _("Not on record"), unknown, line)


def _likeness(match: Match) -> str:
    if match.algorithm.startswith("digest."):
        return _("Your file is the registered one, byte for byte.")
    if match.algorithm == WINNOW32:
        return _shared_passage(match)
    if match.algorithm == MINHASH128 and match.distance == 0:
        return _("Your text and the registered one have the same fingerprint.")
    if match.algorithm == MINHASH128:
        return ngettext(
            "Your text is nearly the same: %(num)d of 128 values of the fingerprint differs.",
            "Your text is nearly the same: %(num)d of 128 values of the fingerprint differ.",
            match.distance,
        )
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


def _shared_passage(match: Match) -> str:
    """How much of two texts is the same, word for word."""
    words = match.passage.words if match.passage is not None else 0
    return ngettext(
        "Your text and the registered one share a passage of about %(num)d word.",
        "Your text and the registered one share a passage of about %(num)d words.",
        words,
    )


def _facts(work: str, match: Match, *, is_text: bool) -> tuple[tuple[str, str], ...]:
    return (
        (_("Entry"), work),
        (_("Compared by"), match.algorithm),
        (_("Rule"), _rule(match.algorithm)),
        *(((_("Distance"), _cells(match)),) if match.algorithm in {PHASH256, DHASH256} else ()),
        *(() if is_text else ((_("Your picture is"), how_seen(match.variant)),)),
    )


def _cells(match: Match) -> str:
    """How far apart the two fingerprints are; of works that are not public a round figure, never too small."""
    if match.distance == 0:
        return _("none of 256 cells")
    return _("at most %(count)s of 256 cells", count=match.distance)


def _rule(algorithm: str) -> str:
    """From when on two works count as the same (`registry.core.matching.grades`)."""
    return {
        PHASH256: _(
            "The same picture: at most 33 of 256 cells differ; or at most 47, if the outlines agree as well."
        ),
        DHASH256: _(
            "Regular pictures, by outlines: at most 14 of 256 cells differ, and the colours agree; else doubtful."
        ),
        MINHASH128: _("The same text: at most 64 of 128 values of the fingerprint differ; certain up to 25."),
        WINNOW32: _(
            "Shared wording: three fingerprints in a row are the same, or two that do not overlap, over %(words)s "
            "words or half of the text.",
            words=MIN_WORDS,
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


def _disguised() -> str:
    return _(
        "Within its words stand letters of other alphabets, or invisible ones: that nothing was found says little."
    )


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
        media="",
        chip="bad",
        word=_("Not checked"),
        title=_("This file could not be checked."),
        lines=(why_unreadable(error, otherwise=_("Please choose a file first.")),),
    )
