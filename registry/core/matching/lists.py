"""The registered codes as columns, as they lie in a snapshot and as the indexes take them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import Corrupt
from registry.core.fingerprints import FULL, TRIMMED, WHOLE

KIND_CODES: Final[Mapping[str, int]] = MappingProxyType({FULL: 0, TRIMMED: 1, WHOLE: 2})
KIND_NAMES: Final = tuple(KIND_CODES)


@dataclass(frozen=True, slots=True)
class ListColumns:
    """All registered codes of one algorithm; entry i of each column belongs together. Never copied."""

    codes: NDArray[np.uint8]
    """(N, w) bytes."""
    work_rows: NDArray[np.uint32]
    """(N,) row of the work in the works table."""
    kinds: NDArray[np.uint8]
    """(N,) one of `KIND_CODES`."""
    aux: NDArray[np.uint64]
    """(N,) for `image.dhash256.v1` the colour code (`image.colour42.v1`) of the same frame. For addresses, one more
    than the work row of the next wider domain of the same owner, 0 if there is none. For `text.winnow32.v1` see
    `listing`. Else 0."""

    def __post_init__(self) -> None:
        """Columns that do not fit each other would pair codes with the wrong works: `Corrupt`."""
        count = len(self.codes)
        for name, column, dtype in (
            ("work_rows", self.work_rows, np.uint32),
            ("kinds", self.kinds, np.uint8),
            ("aux", self.aux, np.uint64),
        ):
            if column.shape != (count,) or column.dtype != dtype:
                raise Corrupt(
                    f"A list of {count} codes needs as many {name} of type {np.dtype(dtype)}, "
                    f"not {column.dtype} of shape {column.shape}."
                )
        if self.codes.ndim != 2 or self.codes.dtype != np.uint8:
            raise Corrupt(f"Codes are rows of bytes, not {self.codes.dtype} of shape {self.codes.shape}.")
        if count and int(self.kinds.max()) >= len(KIND_NAMES):
            raise Corrupt(f"Kind {int(self.kinds.max())} is unknown; a newer version may read this list.")

    def __len__(self) -> int:
        return len(self.codes)
