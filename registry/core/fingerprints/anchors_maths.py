"""Powers, angles and a falling curve from +, -, x, / and square roots alone, which IEEE 754 rounds in one way only.

The C library's own functions differ in the last place between machines; anchors are found by comparisons, in which
one bit can decide. Both engines run these very functions: numpy's in Python, numba's compiled.
"""

from __future__ import annotations

import math

_LOG_2 = 0.6931471805599453
_TAU = 6.283185307179586


def power_of_two(x: float) -> float:
    """2**x for 0 <= x < 32."""
    whole = math.floor(x)
    y = (x - whole) * _LOG_2
    series = 1.0
    for i in range(14, 0, -1):
        series = 1.0 + series * y / i
    return series * (1 << int(whole))


def falling(x: float) -> float:
    """exp(-x) for 0 <= x <= 16, by the sixteenth power of a series."""
    y = x / 16.0
    series = 1.0
    for i in range(10, 0, -1):
        series = 1.0 + series * y / i
    series *= series
    series *= series
    series *= series
    series *= series
    return 1.0 / series


def cosine_and_sine(turns: float) -> tuple[float, float]:
    """Of an angle of 0 to 1 turns."""
    quarter = math.floor(4.0 * turns + 0.5)
    x = (turns - quarter / 4.0) * _TAU
    square = x * x
    cosine = 1.0
    sine = 1.0
    for i in range(8, 0, -1):
        cosine = 1.0 - cosine * square / ((2 * i - 1) * (2 * i))
        sine = 1.0 - sine * square / ((2 * i) * (2 * i + 1))
    sine *= x
    if quarter % 4 == 0:
        return cosine, sine
    if quarter % 4 == 1:
        return -sine, cosine
    if quarter % 4 == 2:
        return -cosine, -sine
    return sine, -cosine


ARC = (
    0.15915494309189535,
    -0.05305164769729845,
    0.03183098861837907,
    -0.022736420441699337,
    0.01768388256576615,
    -0.014468631190172304,
    0.012242687930145796,
    -0.010610329539459689,
)
"""1 / (2 pi (2 k + 1)) with alternating signs: the arc tangent's series, in turns."""
TAN_EIGHTH = 0.41421356237309503
"""Above the tangent of an eighth of half a turn, atan(q) = 1/8 turn + atan((q - 1) / (q + 1))."""
