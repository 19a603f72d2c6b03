"""Named texts of recordings (ID3, Vorbis comments): no standard says how mining is reserved in them.

Some write the words of other families under their own names, as `TDM-RESERVATION=1` or `DATAMINING=DMI-PROHIBITED`.
Such a refusal is plainly meant and counts, unless the letter is asked for; a permission counts for nothing.
"""

from __future__ import annotations

from registry.core.signals import iptc, tdmrep
from registry.core.signals.model import Evidence, Subject

_NOTE = "noncanonical"


def read(name: str, value: str, subject: Subject, where: str) -> list[Evidence]:
    """What one named text says."""
    key = name.strip().lower().replace("_", "-").replace(" ", "-")
    place = f"{where} {name.strip()}"
    if subject.strict:
        return []
    if key == "tdm-reservation":
        return [e.only_refusing(_NOTE) for e in tdmrep.read_publication([value], None, place, subject)]
    if key.rpartition(":")[2] in ("datamining", "data-mining"):
        return [iptc.read(value, [], place).only_refusing(_NOTE)]
    return []
