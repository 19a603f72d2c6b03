"""What the benchmarks share: processor time, the best of some rounds, and the name of the machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Answer = TypeVar("Answer")


def best_of(rounds: int, work: Callable[[], Answer]) -> tuple[float, Answer]:
    """Least seconds of processor time over some rounds, after one that does not count; and the answer."""
    answer = work()
    seconds = []
    for _ in range(rounds):
        begin = time.process_time()
        answer = work()
        seconds.append(time.process_time() - begin)
    return min(seconds), answer


def machine() -> str:
    """The processor, as the kernel names it."""
    with Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as lines:
        names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else 'unknown'}, {os.cpu_count()} cores, of which one is used"
