"""Commands speak on terminals of any encoding, and to programs in UTF-8."""

from __future__ import annotations

import json
import sys
from io import BytesIO, TextIOWrapper

import pytest

from registry.core.terminal import document, say_everything


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("utf-8", "“ü”".encode()), ("latin-1", b"\\u201c\xfc\\u201d"), ("ascii", b"\\u201c\\xfc\\u201d")],
)
def test_what_an_encoding_lacks_is_written_as_an_escape(
    monkeypatch: pytest.MonkeyPatch, encoding: str, written: bytes
) -> None:
    received = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(received, encoding))
    say_everything()
    print("“ü”", end="", flush=True)
    assert received.getvalue() == written


def test_a_document_is_utf_8() -> None:
    assert json.loads(document({"key": "“ü”"}).decode("utf-8")) == {"key": "“ü”"}
    assert "“ü”".encode() in document("“ü”")
