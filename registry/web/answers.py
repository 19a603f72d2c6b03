"""What a checked picture's answer says in plain words: state, headline, a few sentences, the numbers behind it."""

from __future__ import annotations

from dataclasses import dataclass

from registry.checking.service import Checked
from registry.core.decisions import Grade, Verdict
from registry.core.errors import TooLarge, Undecodable, UnsupportedMedia, VorbehaltError
from registry.core.fingerprints import FileFingerprints
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


def answer_for(name: str, found: FileFingerprints, checked: Checked) -> Answer:
    """The answer for a picture that could be read."""
    chip, word, title, lines = _verdict(checked)
    codes = {f.kind: f.code for f in found.fingerprints if f.algorithm == "image.phash256.v1"}
    if not codes and not checked.matches:
        lines = (_no_fingerprint(found), *lines)
    best = checked.matches[0] if checked.matches else None
    return Answer(
        file=name,
        chip=chip,
        word=word,
        title=title,
        lines=lines if best is None else (_likeness(best[1]), *lines),
        facts=() if best is None else _facts(*best),
        cells=cells(codes["full"]) if "full" in codes else None,
        by_machine=best is not None,
    )


def _verdict(checked: Checked) -> tuple[str, str, str, tuple[str, ...]]:
    decision = checked.decision
    if decision.verdict is Verdict.ALLOW:
        return (
            "licensed",
            _("Allowed"),
            _("This picture is on record. Its maker allows AI training to anyone."),
            (_("The permission is an open licence, free of charge."),),
        )
    if decision.reason == "title.contested":
        return (
            "contested",
            _("Contested"),
            _("This picture is on record, and two parties say it is theirs."),
            (_("While that is open, nobody may train on it."),),
        )
    if decision.verdict is Verdict.DENY:
        return (
            "reserved",
            _("Reserved"),
            _("This picture is on record. Nobody may train AI with it without its maker's licence."),
            (_("A lab that wants to use it has to ask, or accept the terms that the maker offers."),),
        )
    if decision.verdict is Verdict.REVIEW:
        return (
            "review",
            _("Doubtful"),
            _("This picture resembles one that is on record."),
            (
                _(
                    "It is not certain that they are the same. Labs leave out such pictures until somebody has looked."
                ),
            ),
        )
    return (
        "none",
        _("Not on record"),
        _("This picture is not on record."),
        (_("That does not mean that it may be used: nobody has said anything about it here."),),
    )


def _likeness(match: Match) -> str:
    if match.algorithm.startswith("digest."):
        return _("Your file is the registered one, byte for byte.")
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
        (_("Seen as"), match.variant),
    )


def _no_fingerprint(found: FileFingerprints) -> str:
    if any(note.code == "image.low-quality" for note in found.notes):
        return _("It has too little structure to be told from others; only the exact file could be found.")
    return _("It is too regular for the finer fingerprint and was compared by the coarser one.")


def refusal(name: str, error: VorbehaltError) -> Answer:
    """The answer for a file that could not be read."""
    if isinstance(error, TooLarge):
        reason = _("It is too large. Please make it smaller and try again.")
    elif isinstance(error, UnsupportedMedia):
        reason = _("We can read JPEG, PNG, WebP, GIF, TIFF and BMP. Please save it as one of these.")
    elif isinstance(error, Undecodable):
        reason = _("The file is damaged or incomplete. Does it open in a picture viewer?")
    else:
        reason = _("Please choose a picture first.")
    return Answer(
        file=name,
        chip="bad",
        word=_("Not checked"),
        title=_("This file could not be checked."),
        lines=(reason,),
    )
