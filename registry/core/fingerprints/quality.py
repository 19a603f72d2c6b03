"""How much there is to see in a 64x64 luma."""

from __future__ import annotations

import numpy as np

from registry.core.fingerprints.decode import Plane


def quality_of(luma64: Plane) -> int:
    """0..100: PDQ's measure, in integers.

    The sum of `|difference| * 100 // 255` over all vertical and horizontal neighbours, divided by 90
    (ThreatExchange, `pdqhashing.cpp`, `pdqImageDomainQualityMetric`).
    """
    grey = luma64.astype(np.int32)
    total = sum(int((np.abs(np.diff(grey, axis=axis)) * 100 // 255).sum()) for axis in (0, 1))
    return min(100, total // 90)
