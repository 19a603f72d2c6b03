"""What tags of recordings say is read as mutagen, a library of its own, writes it."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import mutagen.aiff
import mutagen.flac
import mutagen.id3
import mutagen.ogg
import mutagen.wave
import pytest
from mutagen._vorbis import VComment
from mutagen.id3 import COMM, GEOB, PRIV, TXXX

from registry.core.decisions import Purpose
from registry.core.fingerprints.model import Limits
from registry.core.signals import Answer, Evidence, Subject, embedded

RSL = (
    '<rsl:rsl xmlns:rsl="https://rslstandard.org/rsl"><rsl:content url="https://label.example/song.mp3"><rsl:license>'
    '<rsl:prohibits type="usage">ai-all</rsl:prohibits></rsl:license></rsl:content></rsl:rsl>'
)
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" '
    'plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-AIMLTRAINING"/></rdf:RDF></x:xmpmeta>'
)
SOUND = b"\xff\xfb\x90\x00" + bytes(413)
ANYWHERE = Subject()


def mp3(*frames: mutagen.id3.Frame, version: int = 4) -> bytes:
    tags = mutagen.id3.ID3()
    for frame in frames:
        tags.add(frame)
    if version == 3:
        tags.update_to_v23()
    file = io.BytesIO(SOUND)
    tags.save(file, v2_version=version)
    return file.getvalue()


def flac(*comments: tuple[str, str]) -> bytes:
    info = bytes.fromhex("1000100000000000000000ac44f000000001") + bytes(16)
    file = io.BytesIO(b"fLaC\x80" + len(info).to_bytes(3, "big") + info)
    sound = mutagen.flac.FLAC(file)
    sound.add_tags()
    for name, value in comments:
        sound[name] = value
    file.seek(0)
    sound.save(file)
    return file.getvalue()


def ogg(head: bytes, start: bytes, *comments: tuple[str, str], padding: int = 0) -> bytes:
    """A stream whose first packet begins with `start`, and whose second is the comments behind `head`."""
    written = VComment()
    written.vendor = "v" * padding
    written.extend(comments)
    framing = head == b"\x03vorbis"
    pages = mutagen.ogg.OggPage.from_packets([start + bytes(22), head + written.write(framing), b"setup"])
    pages[0].first = True
    return b"".join(page.write() for page in pages)


def read(data: bytes, subject: Subject = ANYWHERE) -> list[Evidence]:
    return embedded.read(data, subject, Limits())


def refused(evidence: list[Evidence]) -> set[str]:
    return {purpose.value for e in evidence for purpose, answer in e.answers if answer is Answer.DENY}


TRAINING = {"train_ai", "train_genai", "ai_input", "ai_index"}


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("encoding", [0, 1, 3])
@pytest.mark.parametrize(
    "frame",
    [
        lambda encoding: TXXX(encoding=encoding, desc="RSL", text=[RSL]),
        lambda encoding: COMM(encoding=encoding, lang="eng", desc="licence", text=[RSL]),
        lambda _: PRIV(owner="https://rslstandard.org/rsl", data=RSL.encode()),
        lambda encoding: GEOB(
            encoding=encoding, mime="application/rsl+xml", filename="a.xml", desc="licence", data=RSL.encode()
        ),
    ],
    ids=["TXXX", "COMM", "PRIV", "GEOB"],
)
def test_an_rsl_document_is_found_in_whichever_frame(
    version: int, encoding: int, frame: Callable[[int], mutagen.id3.Frame]
) -> None:
    (found,) = read(mp3(frame(encoding), version=version))
    assert (found.signal, refused([found]), found.error) == ("rsl", TRAINING, None)


def test_an_rsl_document_travels_with_copies_and_then_only_denies() -> None:
    copy = Subject("https://elsewhere.example/copy.mp3")
    tagged = mp3(TXXX(encoding=3, desc="RSL", text=[RSL]))
    assert refused(read(tagged, copy)) == TRAINING
    permits = RSL.replace("prohibits", "permits")
    home = Subject("https://label.example/song.mp3")
    for subject, allowed in ((home, True), (copy, False)):
        (found,) = read(mp3(TXXX(encoding=3, desc="RSL", text=[permits])), subject)
        assert (found.about(Purpose.TRAIN_AI) is Answer.ALLOW) is allowed
        assert ("elsewhere" in found.notes) is not allowed


def test_a_broken_rsl_document_licenses_nothing() -> None:
    (found,) = read(mp3(TXXX(encoding=3, desc="RSL", text=[RSL.replace("</rsl:rsl>", "")])))
    assert "unlicensed" in found.notes
    assert "train_ai" in refused([found])


def test_xmp_is_found_in_its_frame() -> None:
    (found,) = read(mp3(PRIV(owner="XMP", data=XMP.encode())))
    assert (found.signal, found.where) == ("iptc", "id3 PRIV plus:DataMining")
    assert refused([found]) == {"train_ai", "train_genai"}


@pytest.mark.parametrize(
    ("name", "value", "denied"),
    [
        ("TDM-RESERVATION", "1", True),
        ("tdm_reservation", "true", True),
        ("DataMining", "DMI-PROHIBITED", True),
        ("plus:DataMining", "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-GENAIMLTRAINING", True),
        ("TDM-RESERVATION", "0", False),
        ("DATAMINING", "http://ns.useplus.org/ldf/vocab/DMI-ALLOWED", False),
        ("COPYRIGHT", "All rights reserved, no AI training", False),
    ],
)
def test_a_word_of_another_family_refuses_and_never_permits(name: str, value: str, denied: bool) -> None:
    files = [
        mp3(TXXX(encoding=3, desc=name, text=[value])),
        flac((name.replace("=", ""), value)),
        ogg(b"\x03vorbis", b"\x01vorbis", (name, value)),
        ogg(b"OpusTags", b"OpusHead", (name, value), padding=70_000),
    ]
    for file in files:
        found = read(file)
        assert ("train_genai" in refused(found)) is denied
        assert not any(answer is Answer.ALLOW for e in found for _, answer in e.answers)
        assert not refused(read(file, Subject(strict=True)))


def test_comments_hold_whole_documents_too() -> None:
    for file in (flac(("RSL", RSL), ("title", "Lied")), ogg(b"OpusTags", b"OpusHead", ("RSL", RSL))):
        assert refused(read(file)) == TRAINING
    assert refused(read(flac(("XMP", XMP)))) == {"train_ai", "train_genai"}


def test_tags_are_found_in_chunks_of_wav_and_aiff(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(800))
    tagged = mutagen.wave.WAVE(path)
    tagged.add_tags()
    assert tagged.tags is not None
    tagged.tags.add(TXXX(encoding=3, desc="RSL", text=[RSL]))
    tagged.save()
    assert refused(read(path.read_bytes())) == TRAINING

    common = struct.pack(">hLh", 1, 4, 16) + bytes.fromhex("400bfa00000000000000")
    chunks = b"COMM" + struct.pack(">L", 18) + common + b"SSND" + struct.pack(">L", 16) + bytes(16)
    other = tmp_path / "a.aiff"
    other.write_bytes(b"FORM" + struct.pack(">L", 4 + len(chunks)) + b"AIFF" + chunks)
    aiff = mutagen.aiff.AIFF(other)
    aiff.add_tags()
    assert aiff.tags is not None
    aiff.tags.add(PRIV(owner="XMP", data=XMP.encode()))
    aiff.save()
    assert refused(read(other.read_bytes())) == {"train_ai", "train_genai"}


def test_a_tag_before_another_format_hides_nothing() -> None:
    tag = mp3(TXXX(encoding=3, desc="title", text=["a"]))[: -len(SOUND)]
    assert refused(read(tag + flac(("TDM-RESERVATION", "1")))) >= {"train_ai"}


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def test_atoms_of_mp4_are_searched() -> None:
    start = box(b"ftyp", b"M4A \0\0\0\0")
    atom = box(b"\xa9cpy", box(b"data", bytes(8), RSL.encode()))
    with_rsl = start + box(
        b"moov", box(b"mvhd", bytes(100)), box(b"udta", box(b"meta", bytes(4), box(b"ilst", atom)))
    )
    assert refused(read(with_rsl)) == TRAINING
    with_xmp = start + box(b"moov", box(b"udta", box(b"XMP_", XMP.encode())))
    assert refused(read(with_xmp)) == {"train_ai", "train_genai"}


@pytest.mark.parametrize(
    "file",
    [
        mp3(TXXX(encoding=3, desc="TDM-RESERVATION", text=["1"])),
        flac(("TDM-RESERVATION", "1")),
        ogg(b"\x03vorbis", b"\x01vorbis", ("TDM-RESERVATION", "1")),
    ],
    ids=["mp3", "flac", "ogg"],
)
def test_a_file_that_ends_early_is_unknown_and_never_silent(file: bytes) -> None:
    whole = len(refused(read(file)))
    assert whole
    for length in range(16, len(file) - 1, 7):
        found = read(file[:length])
        assert len(refused(found)) == whole or any(e.error == "damaged" for e in found)


def test_a_size_of_eight_bits_in_the_latest_version_is_understood() -> None:
    """As an old iTunes wrote them: 200 bytes as 0xC8, and 256 as 0x0100."""
    for length in (200, 256, 300):
        text = b"\3" + b"TDM-RESERVATION\0" + b"1"
        filler = b"TIT2" + length.to_bytes(4, "big") + b"\0\0" + b"\3" + b"a" * (length - 1)
        frame = b"TXXX" + len(text).to_bytes(4, "big") + b"\0\0" + text
        body = filler + frame
        size = bytes((len(body) >> shift) & 0x7F for shift in (21, 14, 7, 0))
        assert "train_ai" in refused(read(b"ID3\4\0\0" + size + body + SOUND))


def test_a_page_of_ogg_that_promises_more_than_there_is_is_damaged() -> None:
    """Found by fuzzing: a table of 152 sizes in a file that has not so many bytes."""
    (found,) = read(b"OggS\0\2" + bytes(20) + b"\x98OpusTags\0\0\0\0\1\0\0\0\x11\0\0@TDM-RESERVATION=0setup")
    assert found.error == "damaged"
