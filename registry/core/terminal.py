"""What commands say has quotation marks and signs that not every terminal's encoding knows."""

from __future__ import annotations

import codecs
import json
import sys
from io import TextIOWrapper
from typing import Any


def say_everything() -> None:
    """Have standard output and error write as an escape what their encoding lacks, where it would end the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
            stream.reconfigure(errors="backslashreplace")


def document(value: Any) -> bytes:
    """A JSON document for programs: in UTF-8 wherever it goes (RFC 8259, section 8.1)."""
    return json.dumps(value, indent=2, ensure_ascii=False).encode()
