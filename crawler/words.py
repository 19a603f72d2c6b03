"""Verdicts and reasons in words, for people. One place, so that filter, check and explain say the same."""

from __future__ import annotations

from decimal import Decimal

from registry.core.decisions import Verdict
from registry.core.signals.summary import SITE, Said, purposes_in
from registry.core.tariffs.currencies import decimal_places

VERDICTS = {
    Verdict.ALLOW: "may be used",
    Verdict.DENY: "may not be used",
    Verdict.LICENSED: "may be used under your licence",
    Verdict.REVIEW: "a person has to look",
    Verdict.UNKNOWN: "nothing is known",
}

_REASONS = {
    "registered.no-licence": "on record, and no licence covers this use",
    "title.contested": "on record, and two claim to be its maker",
    "licence.anyone": "on record, and anyone may use it so",
    "licence.licensee": "on record, and your licence covers this use",
    "match.review": "resembles a work on record; a person has to look",
    "none-found": "not on record",
    "error.undecodable": "could not be opened: damaged or cut off",
    "error.unsupported": "of a kind that cannot be compared",
    "error.too-large": "larger than the limits allow",
    "error.unreadable": "could not be read",
    "error.malformed": "does not follow its format: no JSON object, or a damaged archive or table",
    "error.truncated": "cut off: the file ends too early",
    "error.trailing-data": "lies behind the end of an archive or an answer, where readers do not look",
    "error.duplicate-key": "has the name of another or says something twice, so that readers may take either",
    "error.unsafe-name": "has a name that leads out of its folder, or that no file can have",
    "error.no-text": "has no text in the column asked for",
    "error.no-bytes": "has no bytes where its picture should be",
    "error.invalid": "breaks a rule of its format",
    "unchecked.too-short": "a text too short to compare",
    "unchecked.low-quality": "too little in the picture to compare",
    "unchecked.disguised": "letters of other alphabets, or invisible ones, within words: it cannot be compared",
    "unchecked.symlink": "a symbolic link, which is not followed",
    "unchecked.special-file": "no plain file",
    "unchecked.revisit": "stands for an earlier capture, which was not looked up",
    "unchecked.no-content": "a record of a web archive without anything that was captured",
    "unchecked.no-address": "names no address where it should, so nobody can tell where it lies",
    "unchecked.no-site": "lies on a site that was not asked what it reserves",
    "unchecked.stale-site": "lies on a site that was asked too long ago what it reserves",
    "unchecked.address-only": "lies where anyone may use a work, but was not looked at: that is no licence to it",
    "unchecked.no-signature": "shares a phrase with a new work; the run has not its signature, so only filtering again "
    "can tell",
    "unchecked.no-colours": "outlined like a new work; the run has not its colours, so only filtering again can tell",
    "unchecked.no-fingerprint": "had nothing to compare",
}


def reason(code: str) -> str:
    """A reason code in words; a signal by its name; a code that is newer than these words as it is."""
    kind, _, name = code.partition(".")
    if kind == "signal":
        return f"{_who_says(name)} says so ({_family(name)})"
    if kind == "research":
        return f"{_who_says(name)} reserves it ({_family(name)}), which scientific research sets aside"
    if code.startswith("error.signal."):
        name = code.removeprefix("error.signal.")
        return f"what {_who_says(name)} may say could not be read ({_family(name)})"
    return _REASONS.get(code, code)


def said(one: Said) -> str:
    """What a family of signals says, for all uses."""
    parts = [
        f"{verb} {', '.join(purposes_in(bits))}"
        for verb, bits in (("refuses", one.denied), ("permits", one.allowed))
        if bits
    ]
    parts += ["could not be read in full"] if one.unreadable else []
    who = _who_says(one.signal)
    return f"{who[0].upper()}{who[1:]} ({_family(one.signal)}) {' and '.join(parts)}."


def _who_says(signal: str) -> str:
    return "the site on which it was found" if signal.startswith(SITE) else "its source"


def _family(signal: str) -> str:
    return signal.removeprefix(SITE)


def closeness(algorithm: str, distance: int) -> str:
    """How near a match was, in the measure of its algorithm."""
    if algorithm.startswith("digest."):
        return "the same file, bit for bit"
    if algorithm == "source.url.v1":
        return "found at the address where its owner publishes it"
    if algorithm == "source.domain.v1":
        return "found below a domain that its owner has reserved"
    if algorithm == "text.minhash128.v1":
        return (
            f"about {(128 - distance) * 100 // 128} % of the text in common ({128 - distance} of 128 samples)"
        )
    if algorithm == "text.winnow32.v1":
        return "a passage of the text in common"
    if algorithm in ("image.anchors256.v1", "image.deep256.v1"):
        return f"places in both agree, the best of them but for {amount(distance, 'bit')} of 256"
    bits = "bit differs" if distance == 1 else "bits differ"
    return f"{distance} of 256 {bits}"


def passage(shared: int, begin: int, end: int) -> str:
    """How much of a text is shared, and where. A Latin letter is one byte, a Cyrillic one two, a Chinese one three."""
    return f"about {amount(shared, 'word')}, from byte {begin + 1:,} to {end:,} of its letters and digits"


_TURNS = {
    "identity": "",
    "flip_h": "mirrored",
    "flip_v": "upside down and mirrored",
    "rot90": "turned by a quarter",
    "rot180": "turned by a half",
    "rot270": "turned by three quarters",
    "transpose": "turned by a quarter and mirrored",
    "transverse": "turned by three quarters and mirrored",
    "inverted": "as a negative",
    "part": "as a whole or in part",
    "part_mirrored": "as a whole or in part, mirrored",
}
_FRAMES = {"full": "the whole picture", "trimmed": "the picture without its border", "whole": "the whole"}


def variant(text: str) -> str:
    """`trimmed/flip_h` as “the picture without its border, mirrored”."""
    frame, _, turn = text.partition("/")
    parts = [_frame(frame), _TURNS.get(turn, turn)]
    return ", ".join(part for part in parts if part)


def _frame(name: str) -> str:
    if name.startswith(("half-", "third-")):
        return "a part of the picture"
    if name.startswith("as-"):
        return f"the picture stretched to {name.removeprefix('as-').replace('x', ':')}"
    return _FRAMES.get(name, name)


def amount(number: int, noun: str) -> str:
    """`1 work`, `2 works`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def money(minor: int, currency: str) -> str:
    """`8.70 EUR`: an amount in minor units with all the decimal places of its currency."""
    return f"{Decimal(minor).scaleb(-decimal_places(currency)):,} {currency}"


LEAF_MEMBERS = {
    "t": "what",
    "ds": "dataset",
    "n": "rows",
    "root": "root over the rows",
    "ts": "at",
    "who": "commitment to who",
    "lic": "licence",
}
"""Members of a log entry whose names are short, in words."""
