"""PLUS `DataMining`, part of the IPTC Photo Metadata Standard since 2023.1.

One value of a closed vocabulary, as an address or, often, as its last part alone. Permissions must be written in
full; a value that begins like a prohibition is one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from registry.core.decisions import Purpose
from registry.core.signals.model import LONGEST_RAW, MALFORMED, Answer, Evidence, answers

SIGNAL = "iptc"
VERSION = "iptc-pmd-2023.1"
VOCABULARY: Final = "http://ns.useplus.org/ldf/vocab/"
PLUS_NAMESPACES: Final = ("http://ns.useplus.org/ldf/xmp/1.0/", "https://ns.useplus.org/ldf/xmp/1.0/")

_Answers = tuple[tuple[Purpose, Answer], ...]
_NOTHING_BUT_SEARCH: Final = answers(
    deny=[Purpose.TDM, Purpose.AI_INPUT, Purpose.AI_INDEX], allow=[Purpose.SEARCH]
)
_MINING: Final = answers(deny=[Purpose.TDM])

_VALUES: Final[dict[str, _Answers]] = {
    "DMI-UNSPECIFIED": (),
    "DMI-ALLOWED": answers(allow=[Purpose.TDM]),
    "DMI-PROHIBITED-AIMLTRAINING": answers(deny=[Purpose.TRAIN_AI]),
    "DMI-PROHIBITED-GENAIMLTRAINING": answers(deny=[Purpose.TRAIN_GENAI]),
    "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING": _NOTHING_BUT_SEARCH,
    "DMI-PROHIBITED": answers(deny=[Purpose.ALL]),
    "DMI-PROHIBITED-SEECONSTRAINT": _MINING,
    "DMI-PROHIBITED-SEEEMBEDDEDRIGHTSEXPR": _MINING,
    "DMI-PROHIBITED-SEELINKEDRIGHTSEXPR": _MINING,
}
_PROHIBITED: Final = re.compile(rb"DMI-PROHIBITED[A-Z-]*")


def read(value: str, constraints: Sequence[str], where: str, *, broken: bool = False) -> Evidence:
    """What one value says, with the texts that restrict it; `broken` if the packet around it could not be read."""
    word = value.rpartition("/")[2].strip()
    known = _VALUES.get(word.upper())
    said, notes = (known or ()), [MALFORMED] if broken else []
    if known is None:
        said = answers(deny=[Purpose.ALL]) if word.upper().startswith("DMI-PROHIBITED") else ()
        notes.append(MALFORMED)
    elif value != VOCABULARY + word or word != word.upper():
        notes.append("noncanonical")
    if broken:
        said = tuple((purpose, answer) for purpose, answer in said if answer is Answer.DENY)
    details = (("constraint", "; ".join(constraints)),) if constraints else ()
    raw = value.encode("utf-8", "surrogatepass")[:LONGEST_RAW]
    return Evidence(SIGNAL, VERSION, where, raw, said, notes=tuple(dict.fromkeys(notes)), details=details)


def find_refusal(packet: bytes) -> str | None:
    """A prohibition somewhere in bytes that cannot be read as XML."""
    found = _PROHIBITED.search(packet)
    return found[0].decode() if found else None
