"""What is declared and read back gives the same verdict, format by format, and never a permission that nobody gave."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from registry.core.decisions import Purpose
from registry.core.errors import InvalidInput, Undecodable, UnsupportedMedia, VorbehaltError
from registry.core.fingerprints.model import Limits
from registry.core.signals import (
    Answer,
    Evidence,
    Media,
    Observation,
    Subject,
    combine,
    content_signal,
    content_usage,
    embedded,
    html,
    iptc,
    robots,
    rsl,
    tdmrep,
    xmp,
)
from registry.core.signals.emit import Declaration, site
from registry.core.signals.emit.packet import data_mining, merged
from registry.core.signals.emit.stamp import sidecar, stamp
from registry.core.signals.reading import Obtained, read

EACH = [p for p in Purpose if p is not Purpose.ALL]
LADDER = [Purpose.TDM, Purpose.TRAIN_AI, Purpose.TRAIN_GENAI]
SUBJECT = Subject("https://example.org/works/a.jpg", Media.IMAGE)
NOTHING = Declaration(policy="https://vorbehalt.example/offers")
EVERYTHING = Declaration(frozenset({Purpose.ALL}))

wills = st.frozensets(st.sampled_from(EACH)).map(Declaration)


def all_formats(declaration: Declaration) -> dict[str, list[Evidence]]:
    """What each format says when it is read again."""
    lines = robots.Robots.parse(site.robots_txt(declaration).encode())
    page = f"<html><head>{site.meta_tags(declaration)}</head></html>".encode()
    answer = Observation(SUBJECT.url, 200, tuple(site.headers(declaration)))
    return {
        "robots": robots.read(lines, SUBJECT),
        "content-usage": content_usage.read_robots(lines, SUBJECT),
        "content-signal": content_signal.read_robots(lines, SUBJECT),
        "tdmrep": tdmrep.read_file(site.tdmrep_json(declaration), SUBJECT),
        "rsl": rsl.read(site.rsl_document(declaration), SUBJECT, "document"),
        "headers": read(Obtained(item=answer), SUBJECT, Limits()),
        "page": embedded.read_page(html.parse(page), SUBJECT),
        "xmp": xmp.read(merged(None, declaration), SUBJECT, "xmp"),
    }


@given(wills)
def test_no_format_permits_what_is_refused(declaration: Declaration) -> None:
    for name, evidence in all_formats(declaration).items():
        for purpose in EACH:
            if any(e.about(purpose) is Answer.ALLOW for e in evidence):
                assert not declaration.refuses(purpose), name
        assert all(e.error is None and "malformed" not in e.notes for e in evidence), name


@given(wills.filter(lambda d: d.free.issuperset(LADDER) or d.free.isdisjoint(LADDER)))
def test_no_format_refuses_what_is_free_where_mining_is_all_free_or_all_refused(
    declaration: Declaration,
) -> None:
    for name, evidence in all_formats(declaration).items():
        for purpose in EACH:
            if any(e.about(purpose) is Answer.DENY for e in evidence):
                assert declaration.refuses(purpose), name


@pytest.mark.parametrize("name", list(all_formats(NOTHING)))
def test_each_format_alone_refuses_training_by_default(name: str) -> None:
    assert combine(all_formats(NOTHING)[name], Purpose.TRAIN_GENAI).answer is Answer.DENY


@pytest.mark.parametrize(
    "name", ["content-usage", "content-signal", "tdmrep", "rsl", "headers", "page", "xmp"]
)
def test_each_format_that_can_permit_permits_what_is_free(name: str) -> None:
    assert combine(all_formats(EVERYTHING)[name], Purpose.TRAIN_GENAI).answer is Answer.ALLOW


def test_a_part_of_a_site_is_declared_and_the_rest_is_left_alone() -> None:
    declaration = Declaration(path="/works/")
    lines = robots.Robots.parse(site.robots_txt(declaration).encode())
    elsewhere = Subject("https://example.org/blog/")
    for subject, expected in ((SUBJECT, Answer.DENY), (elsewhere, Answer.UNKNOWN)):
        found = robots.read(lines, subject) + content_usage.read_robots(lines, subject)
        found += tdmrep.read_file(site.tdmrep_json(declaration), subject)
        assert combine(found, Purpose.TDM).answer is expected


@pytest.mark.parametrize("path", ["works", "/a b", "/a\nAllow: /", "/a#b", ""])
def test_a_path_that_would_break_the_file_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput):
        site.robots_txt(Declaration(path=path))
    with pytest.raises(InvalidInput):
        site.tdmrep_json(Declaration(path=path))


def test_an_address_cannot_smuggle_a_header_or_an_element() -> None:
    with pytest.raises(InvalidInput):
        site.headers(Declaration(policy="https://a.example/\r\nSet-Cookie: b"))
    assert "<b>" not in site.meta_tags(Declaration(policy='"><b>'))
    assert rsl.read(site.rsl_document(Declaration(policy="</terms><b/>")), SUBJECT, "document")[0].notes == ()


def picture(kind: str, **options: object) -> bytes:
    pixels = np.random.default_rng(7).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def document() -> bytes:
    out = io.BytesIO()
    with pikepdf.new() as made:
        made.add_blank_page()
        made.save(out)
    return out.getvalue()


FILES = {
    "jpeg": lambda: picture("JPEG"),
    "jpeg with exif": lambda: picture("JPEG", exif=Image.Exif(), comment=b"mine"),
    "png": lambda: picture("PNG"),
    "webp": lambda: picture("WEBP"),
    "webp lossless": lambda: picture("WEBP", lossless=True),
    "pdf": document,
}
KEPT = Declaration(policy="https://vorbehalt.example/offers", work="work_x", registry="vorbehalt.example")


@pytest.mark.parametrize("name", list(FILES))
def test_a_stamped_file_says_it_and_shows_the_same(name: str) -> None:
    plain = FILES[name]()
    stamped = stamp(plain, KEPT)
    found = embedded.read(stamped, SUBJECT, Limits())
    assert combine(found, Purpose.TRAIN_GENAI).answer is Answer.DENY
    assert iptc.SIGNAL in {e.signal for e in found}
    if name != "pdf":
        with Image.open(io.BytesIO(plain)) as before, Image.open(io.BytesIO(stamped)) as after:
            assert np.array_equal(np.asarray(before), np.asarray(after))


@pytest.mark.parametrize("name", list(FILES))
def test_stamping_again_replaces_and_adds_nothing(name: str) -> None:
    once = stamp(FILES[name](), KEPT)
    twice = stamp(once, KEPT)
    assert len(twice) <= len(once) + 200
    freed = embedded.read(stamp(twice, EVERYTHING), SUBJECT, Limits())
    assert combine(freed, Purpose.TDM).answer is Answer.ALLOW


@pytest.fixture(scope="module")
def exiftool(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """exiftool, with the word that its older editions do not know."""
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    config = tmp_path_factory.mktemp("exiftool") / "config"
    config.write_text(
        "%Image::ExifTool::UserDefined = ('Image::ExifTool::PLUS::XMP' => { DataMining => {} });\n1;\n"
    )
    return ["exiftool", "-config", str(config), "-n"]


@pytest.mark.parametrize("name", list(FILES))
def test_exiftool_reads_what_was_stamped(name: str, tmp_path: Path, exiftool: list[str]) -> None:
    path = tmp_path / "stamped"
    path.write_bytes(stamp(FILES[name](), KEPT))
    command = [*exiftool, "-json", "-G1", "-struct", str(path)]
    (said,) = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    assert said["XMP-plus:DataMining"] == iptc.VOCABULARY + "DMI-PROHIBITED"
    assert said["XMP-iptcExt:RegistryID"] == [{"RegOrgId": "vorbehalt.example", "RegItemId": "work_x"}]
    assert "ExifTool:Warning" not in said


def test_what_exiftool_wrote_is_read_and_kept(tmp_path: Path, exiftool: list[str]) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(picture("JPEG"))
    words = [
        "-XMP-plus:DataMining=DMI-PROHIBITED-AIMLTRAINING",
        "-XMP-dc:Creator=Ada",
        "-XMP-iptcExt:RegistryID={RegOrgId=o,RegItemId=i}",
    ]
    subprocess.run([*exiftool, "-q", "-overwrite_original", *words, str(path)], check=True, timeout=60)
    (found,) = embedded.read(path.read_bytes(), SUBJECT, Limits())
    assert (found.about(Purpose.TRAIN_AI), found.about(Purpose.TDM)) == (Answer.DENY, Answer.UNKNOWN)
    stamped = stamp(path.read_bytes(), KEPT)
    assert b"Ada" in stamped
    assert b"work_x" in stamped
    assert b">o<" in stamped


def test_damaged_files_are_refused_and_others_get_a_sidecar() -> None:
    for name in ("jpeg", "png", "webp", "pdf"):
        plain = FILES[name]()
        with pytest.raises(VorbehaltError):
            stamp(plain[: len(plain) // 3] if name != "jpeg" else plain[:40], KEPT)
    with pytest.raises(UnsupportedMedia, match="sidecar"):
        stamp(picture("BMP"), KEPT)
    found = embedded.read(sidecar(KEPT), SUBJECT, Limits())
    assert combine(found, Purpose.TDM).answer is Answer.DENY
    with pytest.raises(Undecodable):
        sidecar(KEPT, b"<broken")


def test_the_word_for_pictures_is_the_narrowest_that_refuses_enough() -> None:
    words = {
        frozenset({Purpose.ALL}): "DMI-ALLOWED",
        frozenset[Purpose](): "DMI-PROHIBITED",
        frozenset({Purpose.SEARCH}): "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING",
        frozenset({Purpose.SEARCH, Purpose.AI_INPUT}): "DMI-PROHIBITED-SEECONSTRAINT",
        frozenset({Purpose.TDM}): "DMI-UNSPECIFIED",
    }
    assert {allowed: data_mining(Declaration(allowed)).rpartition("/")[2] for allowed in words} == words
