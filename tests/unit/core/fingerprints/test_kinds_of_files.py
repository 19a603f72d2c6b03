"""What some bytes are is told by the bytes alone; everything else is refused with a way out."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput, TooShort, Undecodable, UnsupportedMedia
from registry.core.fingerprints import fingerprint_bytes, fingerprint_text
from registry.core.fingerprints.sniff import decode_text, image_format

TEXT = (
    "Der Panther. Sein Blick ist vom Vorübergehn der Stäbe so müd geworden, dass er nichts mehr hält. Ihm ist"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "utf-16-be-bom"])
def test_unicode_texts_with_and_without_byte_order_mark(encoding: str) -> None:
    marks = {"utf-16-le-bom": ("utf-16-le", b"\xff\xfe"), "utf-16-be-bom": ("utf-16-be", b"\xfe\xff")}
    codec, mark = marks.get(encoding, (encoding, b""))
    data = mark + TEXT.encode(codec)
    result = fingerprint_bytes(data)
    assert (result.media, result.media_type, result.size) == ("text", "text/plain", len(data))
    assert result.fingerprints[-1] == fingerprint_text(TEXT).fingerprints[-1]


def test_a_sentence_may_begin_like_a_bitmap() -> None:
    text = "BMW and other makers. " * 6
    assert image_format(text.encode()) is None
    assert fingerprint_bytes(text.encode()).media == "text"


def test_an_empty_file_is_undecodable() -> None:
    with pytest.raises(Undecodable, match="empty"):
        fingerprint_bytes(b"")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{\\rtf1\\ansi " + b"x" * 200, "RTF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(60), "Word"),
        (b"\0\0\0\x20ftypheic" + bytes(60), "HEIC"),
        (b"\0\0\0\x20ftypisom" + bytes(60), "video"),
        (b"fLaC\0" + bytes(60), "FLAC"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>" + b"x" * 100, "SVG"),
        (b"<?xml version='1.0'?>\n<!-- made by -->\n<svg>" + b"x" * 100, "SVG"),
        (TEXT.encode("latin-1"), "UTF-8"),
        (b"\x7fELF" + b"\x02\x01\x01" + b"\x80" * 60, "neither a picture"),
        (b"\x1b[31m" + TEXT.encode(), "U\\+001B"),
    ],
)
def test_other_files_are_unsupported_and_told_by_name(data: bytes, words: str) -> None:
    with pytest.raises(UnsupportedMedia, match=words):
        fingerprint_bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + TEXT.encode("latin-1"),
        b"\xff\xfe" + TEXT.encode("utf-16-le")[:-1],
        b"\xff\xfe\0\xd8" + TEXT.encode("utf-16-le"),
        TEXT.encode() + b"\0" + TEXT.encode(),
        TEXT.encode("utf-16-le"),
    ],
    ids=["utf-8 mark, latin-1 text", "odd length", "half a pair", "NUL", "utf-16 without mark"],
)
def test_damaged_texts_are_refused(data: bytes) -> None:
    with pytest.raises((Undecodable, UnsupportedMedia)) as refusal:
        fingerprint_bytes(data)
    assert "UTF-8" in refusal.value.message


def test_line_ends_tabs_and_form_feeds_are_text() -> None:
    assert decode_text(b"a\tb\r\nc\x0cd\x0b") == "a\tb\r\nc\x0cd\x0b"


@given(st.binary(max_size=400))
def test_any_bytes_are_fingerprinted_or_refused_with_a_message(data: bytes) -> None:
    try:
        result = fingerprint_bytes(data)
    except InvalidInput as error:
        refusal = error.message
    else:
        refusal = ""
        assert result.fingerprints
    assert refusal == "" or refusal.endswith((".", ")"))


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=200))
def test_any_plain_text_comes_back_as_it_was(text: str) -> None:
    data = b" " + text.encode()  # no magic begins with a space
    assume("<svg" not in text)
    assert decode_text(data) == " " + text


def test_a_short_text_says_how_long_it_must_be() -> None:
    with pytest.raises(TooShort, match="63"):
        fingerprint_bytes(b"Too short to be told from others.")
