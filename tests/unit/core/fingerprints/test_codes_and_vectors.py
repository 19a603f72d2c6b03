"""Codes from outside are checked, the shipped vectors hold, and nothing waits for a compiler."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from typing import Any

import pytest

from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.fingerprints import (
    ALGORITHMS,
    ANCHORS256,
    MINHASH128,
    PHASH256,
    SHA256,
    WINNOW32,
    check_code,
    fingerprint_bytes,
    fingerprint_text,
    selftest,
    vectors,
)
from registry.core.fingerprints.deep import VIEWS
from registry.core.fingerprints.metering import Meter
from tests.unit.core.fingerprints.pictures import real

SIGNATURE = fingerprint_text(
    "All human beings are born free and equal in dignity and rights. They are endowed"
)


# -- codes from outside ------------------------------------------------------------------------------------
def test_what_we_make_we_accept() -> None:
    for made in (*fingerprint_bytes(real("coffee.png")).fingerprints, *SIGNATURE.fingerprints):
        check_code(made.algorithm, made.kind, made.code)


def test_sizes_of_codes_are_part_of_the_format() -> None:
    assert {a.id: (a.code_bytes, a.kinds) for a in ALGORITHMS.values()} == {
        "digest.sha256.v1": (32, ("whole",)),
        "digest.md5.v1": (16, ("whole",)),
        "image.phash256.v1": (32, ("full", "trimmed")),
        "image.dhash256.v1": (32, ("full", "trimmed")),
        "image.phash64.v1": (8, ("full", "trimmed")),
        "image.colour42.v1": (8, ("full", "trimmed")),
        "image.anchors256.v1": (32, ("full", "trimmed")),
        "image.deep256.v1": (32, VIEWS),
        "text.minhash128.v1": (525, ("whole",)),
        "text.winnow32.v1": (8, ("whole",)),
        "source.url.v1": (32, ("whole",)),
        "source.domain.v1": (32, ("whole",)),
    }


@pytest.mark.parametrize(
    ("algorithm", "kind", "code", "words"),
    [
        ("image.phash256.v2", "full", bytes(32), "no algorithm"),
        ("", "", b"", "no algorithm"),
        (PHASH256, "whole", bytes(32), "full or trimmed"),
        (SHA256, "full", bytes(32), "whole"),
        (PHASH256, "full", bytes(31), "32 bytes; this one has 31"),
        (PHASH256, "full", bytes(33), "32 bytes; this one has 33"),
        (MINHASH128, "whole", bytes(524), "525 bytes"),
        (ANCHORS256, "full", b"", "1 to 16 records of 40 bytes, not 0"),
        (ANCHORS256, "full", bytes(79), "not 79 bytes"),
        (ANCHORS256, "full", bytes(17 * 40), "not 680 bytes"),
        (ANCHORS256, "full", bytes(72) + b"\x01" + bytes(7), "first byte"),
        (ANCHORS256, "whole", bytes(40), "full or trimmed"),
        (WINNOW32, "full", bytes(12), "whole"),
        (WINNOW32, "whole", b"", "at least one; these are 0"),
        (WINNOW32, "whole", bytes(13), "records of 12 bytes"),
        (WINNOW32, "whole", b"\x20" + bytes(11), "number 1 of this code lies 33 behind"),
        (WINNOW32, "whole", bytes(24), "number 2 of this code lies 0 behind"),
        (WINNOW32, "whole", bytes(12) + b"\x21" + bytes(11), "number 2 of this code lies 33 behind"),
        (WINNOW32, "whole", b"\x05" + bytes(11) + b"\x04" + bytes(11), "lies -1 behind"),
    ],
)
def test_impossible_codes_are_refused(algorithm: str, kind: str, code: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        check_code(algorithm, kind, code)


@pytest.mark.parametrize(
    "header",
    [(2, -128, 1), (1, 128, 1), (1, -127, 1), (1, -128, 2), (1, -128, 0)],
    ids=["other seed", "legacy scheme", "other size", "affine64", "unknown scheme"],
)
def test_signatures_with_other_parameters_are_refused(header: tuple[int, int, int]) -> None:
    (good,) = (f.code for f in SIGNATURE.fingerprints if f.algorithm == MINHASH128)
    with pytest.raises(InvalidInput, match="affine32"):
        check_code(MINHASH128, "whole", struct.pack("<qiB", *header) + good[13:])


def test_the_empty_signature_is_refused() -> None:
    """It would equal that of every other empty text."""
    with pytest.raises(InvalidInput, match="empty"):
        check_code(MINHASH128, "whole", struct.pack("<qiB", 1, -128, 1) + b"\xff" * 512)


# -- vectors -----------------------------------------------------------------------------------------------
def test_all_shipped_vectors_hold_for_both_engines() -> None:
    assert selftest() >= 140
    assert selftest(compiled=True) > selftest()


def test_the_noise_of_the_vectors_is_splitmix64() -> None:
    assert vectors.noise(3, 1).tolist() == [[0xE2, 0x91, 0x97]]


@pytest.mark.parametrize("part", ["planes", "pictures", "terrains", "texts", "passages", "addresses"])
def test_a_changed_vector_fails_the_self_test(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changed: dict[str, Any] = json.loads(json.dumps(vectors.load_vectors()))
    first = changed["texts" if part == "passages" else part][-1]
    if part == "planes":
        first["resized_sha256"]["64x64"] = "00" * 32
    elif part == "pictures":
        first["facts"]["quality"] += 1
    elif part == "terrains":
        first["anchors_sha256"] = "00" * 32
    elif part == "addresses":
        first["url"] = "https://example.org/"
    elif part == "passages":
        first["fingerprints"][0][0] += 1
    else:
        first["code_sha256"] = "00" * 32
    monkeypatch.setattr(vectors, "load_vectors", lambda: changed)
    with pytest.raises(VerificationFailed, match="frozen") as failure:
        selftest()
    assert failure.value.details["expected"] != failure.value.details["got"]


# -- the start ---------------------------------------------------------------------------------------------
def test_a_meter_gives_numpy_a_head_start() -> None:
    meter = Meter(100)
    assert [meter.compiled_pays(amount) for amount in (60, 40, 1, 0)] == [False, False, True, True]
    assert Meter(100).compiled_pays(101)


def test_a_picture_and_a_page_of_text_do_not_load_the_compiler() -> None:
    program = (
        "import sys, io\n"
        "import numpy as np\n"
        "from PIL import Image\n"
        "from registry.core.fingerprints import fingerprint_bytes\n"
        "pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8).repeat(20, 0).repeat(20, 1)\n"
        "buffer = io.BytesIO()\n"
        "Image.fromarray(pixels).save(buffer, 'PNG')\n"
        "fingerprint_bytes(buffer.getvalue())\n"
        "fingerprint_bytes(b'All human beings are born free and equal in dignity and rights. ' * 9)\n"
        "print('numba' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False"]


def test_both_engines_give_the_same_picture_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint_bytes(real("rocket.jpg"))
    monkeypatch.setattr("registry.core.fingerprints.metering.PIXELS", Meter(-1))
    assert fingerprint_bytes(real("rocket.jpg")) == before
