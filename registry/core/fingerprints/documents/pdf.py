"""PDF: the text of the pages, read by PDFium in a process of its own.

A PDF is a program for a page, and its readers are large: what makes one crash, loop or take all memory ends that
process, never the filter or the registry.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from registry.core.errors import TooLarge, Undecodable, UnsupportedMedia
from registry.core.fingerprints.documents.model import NO_TEXT, PROTECTED, Document
from registry.core.fingerprints.model import Limits

_CHILD: Final = Path(__file__).with_name("pdf_child.py")
_SECONDS: Final = 60
"""Of processor time: enough for 10,000 pages of text."""
_PATIENCE: Final = 10
"""Times as much on a busy machine."""
_MEMORY: Final = 1 << 30


def read(data: bytes, limits: Limits) -> Document:
    """The text of a PDF, page by page."""
    answer = _ask(data, limits)
    problem = answer.get("problem")
    if problem == "password":
        raise UnsupportedMedia("This PDF is protected by a password; save it without one.", reason=PROTECTED)
    if problem == "too-large":
        raise TooLarge(
            f"The text of this PDF has more than {limits.max_text_bytes:,} bytes. Register its parts one by one."
        )
    if problem is not None:
        raise Undecodable(
            f"The file begins like a PDF but cannot be read; it is damaged or incomplete ({problem})."
        )
    pages, text = int(answer["pages"]), str(answer["text"])
    if not text.strip():
        raise UnsupportedMedia(
            "This PDF contains pictures of pages only. Register the pages as pictures, or have the text recognised "
            "(OCR) and register that.",
            reason=NO_TEXT,
        )
    return Document("pdf", "application/pdf", text, MappingProxyType({"pages": pages}))


def _ask(data: bytes, limits: Limits) -> dict[str, Any]:
    """What the other process says; its end by a limit or a crash is an error like others."""
    bounds = [limits.max_text_bytes, _SECONDS, _MEMORY + 4 * len(data)]
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(_CHILD), *map(str, bounds)],
            input=data,
            capture_output=True,
            timeout=_SECONDS * _PATIENCE,
            check=True,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError, ValueError) as error:
        raise Undecodable(
            f"This PDF could not be read within {_SECONDS} seconds and {bounds[2] >> 20:,} MiB of memory. "
            "Print it into a new PDF, or save it as plain text."
        ) from error
    return answer
