"""What people are told of."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from registry.base.actor import Role


class Kind(StrEnum):
    """What happened."""

    USED = "used"
    CONTESTED = "contested"
    REQUEST = "request"
    ANSWER = "answer"
    PAID = "paid"


_OF_MAKERS: Final = (Kind.USED, Kind.CONTESTED, Kind.REQUEST, Kind.PAID)

#: Of what each role can be told: who has no works and asks for none is told of nothing.
KINDS_OF: Final[Mapping[Role, tuple[Kind, ...]]] = {
    Role.CREATOR: _OF_MAKERS,
    Role.SOCIETY: _OF_MAKERS,
    Role.LAB: (Kind.ANSWER,),
    Role.OPERATOR: (),
    Role.AUDITOR: (),
}
