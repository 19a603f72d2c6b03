"""What a process of ours settles with Python and its libraries before it begins."""

from __future__ import annotations

import gc
import os
from typing import Final

_IMPORTING: Final = 50_000


def keep_to_one_processor() -> None:
    """For this process, if it has not loaded numpy yet, and for those that it starts; unless the environment says else.

    Each process of a run, and of a server, has a processor to itself. Numpy's library for matrices would start a thread
    for every one that there is, which wait in loops for each other: a run by two workers took nearly twice the
    processor time.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def import_much() -> None:
    """Look for garbage more rarely: importing makes some hundred thousand objects and next to no garbage.

    Of loading the server, looking after every 700 took a quarter.
    """
    gc.set_threshold(_IMPORTING)


def settled() -> None:
    """What is loaded by now stays, so nobody need look for garbage among it again: a tenth of a small request."""
    gc.collect()
    gc.freeze()
