"""The process that reads one PDF: `python pdf_child.py MOST_TEXT SECONDS MEMORY < file`, answers in JSON.

It imports nothing of this project, so that it starts in a tenth of a second.
"""

from __future__ import annotations

import json
import resource
import sys
from contextlib import suppress
from typing import Any


def main() -> None:
    """Read standard input and print `{"pages", "text"}` or `{"problem"}`."""
    most, seconds, memory = map(int, sys.argv[1:])
    for what, limit in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
    ):
        _bound(what, limit)
    json.dump(answer(sys.stdin.buffer.read(), most), sys.stdout)


def _bound(what: int, limit: int) -> None:
    """Never above what this process is allowed already. macOS refuses a limit of memory; that of time remains."""
    _, allowed = resource.getrlimit(what)
    if allowed != resource.RLIM_INFINITY:
        limit = min(limit, allowed)
    with suppress(ValueError):
        resource.setrlimit(what, (limit, limit))


def answer(data: bytes, most: int) -> dict[str, Any]:
    """The text of all pages, parted by form feeds; or why there is none."""
    import pypdfium2
    from pypdfium2.raw import FPDF_ERR_PASSWORD

    try:
        with pypdfium2.PdfDocument(data) as document:
            return _text(document, most)
    except pypdfium2.PdfiumError as error:
        return {"problem": "password" if error.err_code == FPDF_ERR_PASSWORD else str(error)}


def _text(document: Any, most: int) -> dict[str, Any]:
    texts: list[str] = []
    size = 0
    for page in document:
        text = page.get_textpage().get_text_bounded()
        page.close()
        size += len(text.encode("utf-8", "replace"))
        if size > most:
            return {"problem": "too-large"}
        texts.append(text)
    return {"pages": len(texts), "text": "\f".join(texts)}


if __name__ == "__main__":
    main()
