"""What a work may be used for, and which use contains which.

`tdm` contains `train_ai` contains `train_genai` (AIPREF's ladder); the others stand alone; `all` is all eight.
"""

from __future__ import annotations

from enum import StrEnum

from registry.core.errors import InvalidInput


class Purpose(StrEnum):
    """A use that a maker grants or denies, and that a lab asks for."""

    TDM = "tdm"
    TRAIN_AI = "train_ai"
    TRAIN_GENAI = "train_genai"
    AI_INPUT = "ai_input"
    AI_INDEX = "ai_index"
    SEARCH = "search"
    VOICE_CLONE = "voice_clone"
    STYLE_IMITATION = "style_imitation"
    ALL = "all"

    @classmethod
    def parse(cls, text: str) -> Purpose:
        """The purpose of this name; `InvalidInput` names the known ones."""
        try:
            return cls(text)
        except ValueError:
            raise InvalidInput(f"“{text[:40]}” is no purpose; choose one of {', '.join(cls)}.") from None


_INSIDE: dict[Purpose, frozenset[Purpose]] = {p: frozenset({p}) for p in Purpose if p is not Purpose.ALL} | {
    Purpose.TDM: frozenset({Purpose.TDM, Purpose.TRAIN_AI, Purpose.TRAIN_GENAI}),
    Purpose.TRAIN_AI: frozenset({Purpose.TRAIN_AI, Purpose.TRAIN_GENAI}),
    Purpose.ALL: frozenset(Purpose) - {Purpose.ALL},
}


def inside(purpose: Purpose) -> frozenset[Purpose]:
    """Every purpose that this one contains, itself included; never `all`, which is a name for the eight."""
    return _INSIDE[purpose]
