"""Columns that do not belong together are never searched."""

from typing import Any

import numpy as np
import pytest

from registry.core.errors import Corrupt
from registry.core.matching import KIND_CODES, ListColumns


def columns(**changes: Any) -> ListColumns:
    given: dict[str, Any] = {
        "codes": np.zeros((3, 32), np.uint8),
        "work_rows": np.zeros(3, np.uint32),
        "kinds": np.zeros(3, np.uint8),
        "aux": np.zeros(3, np.uint64),
    }
    return ListColumns(**(given | changes))


def test_columns_of_one_length() -> None:
    assert len(columns()) == 3


def test_the_codes_of_kinds_are_fixed() -> None:
    assert dict(KIND_CODES) == {"full": 0, "trimmed": 1, "whole": 2}


@pytest.mark.parametrize(
    "changes",
    [
        {"codes": np.zeros((2, 32), np.uint8)},
        {"codes": np.zeros((3, 32), np.uint16)},
        {"codes": np.zeros(3, np.uint8)},
        {"work_rows": np.zeros(4, np.uint32)},
        {"work_rows": np.zeros(3, np.int64)},
        {"kinds": np.zeros((3, 1), np.uint8)},
        {"kinds": np.array([0, 1, 3], np.uint8)},
        {"aux": np.zeros(3, np.float64)},
    ],
    ids=lambda changes: "-".join(f"{k}{v.dtype}{v.shape}" for k, v in changes.items()),
)
def test_others_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Corrupt):
        columns(**changes)
