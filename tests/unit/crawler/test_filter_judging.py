from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import pytest
from numpy.typing import NDArray

from crawler.filter import Judge, Judgement, Reading, read, read_all, split_parts
from crawler.sources.base import Part, Sample
from registry.core.decisions import Grade, Grant, Policy, Purpose, Request, Terms, Verdict
from registry.core.fingerprints import Fingerprint, Limits, fingerprint_text
from registry.core.matching import Match
from registry.core.records.claims import How
from tests.unit.crawler import lab

LIMITS = Limits(max_file_bytes=1_000_000, max_pixels=1_000_000, max_text_bytes=1_000_000)
REQUEST = Request(Purpose.TRAIN_GENAI, Policy.CONSENT_FIRST, at=1_000)


def _sample(raw: bytes, text: str | None = None, gap: str | None = None) -> Sample:
    return Sample(0, "key", raw, len(raw), text=text, gap=gap)


@pytest.mark.parametrize(
    ("raw", "gap"),
    [
        (b"", "error.undecodable"),
        (lab.encoded(lab.picture(1))[:300], "error.undecodable"),
        (b"PK\x03\x04" + bytes(50), "error.undecodable"),
        (b"8BPS\0" + bytes(50), "error.unsupported"),
        (b"\x00\x01\x02" * 50, "error.undecodable"),
        (lab.pixel_bomb(), "error.too-large"),
        (b"Too short.", "unchecked.too-short"),
        (lab.prose(1).replace("a", "а").encode(), "unchecked.disguised"),  # Cyrillic
        (lab.encoded(lab.picture(1).resize((1, 1)).resize((64, 64))), "unchecked.low-quality"),
        (lab.encoded(lab.picture(1)), None),
        (lab.prose(1).encode(), None),
    ],
)
def test_whatever_is_wrong_with_an_item_becomes_its_gap(raw: bytes, gap: str | None) -> None:
    reading = read(_sample(raw), LIMITS)
    assert reading.gap == gap
    assert reading.sha256 == sha256(raw).hexdigest()


def test_an_item_that_its_source_could_not_read_has_nothing_but_its_gap() -> None:
    assert read(_sample(b"", gap="error.unreadable"), LIMITS) == Reading(None, None, gap="error.unreadable")


def test_of_a_line_only_the_text_counts() -> None:
    text = lab.prose(1)
    reading = read(_sample(b'{"text": ...}', text=text), LIMITS)
    assert reading.sha256 == sha256(text.encode()).hexdigest()
    assert reading.fingerprints == read(_sample(text.encode()), LIMITS).fingerprints


def test_items_read_together_are_what_each_is_alone() -> None:
    """Texts are coded in one go, and each code must come back to its own item, whatever lies between."""
    prose = [lab.prose(seed) for seed in range(4)]
    picture = lab.encoded(lab.picture(1))
    samples = [
        _sample(b"{}", text=prose[0]),
        _sample(picture),
        _sample(b"{}", text="Too short."),
        _sample(b"{}", text="x" * (LIMITS.max_text_bytes + 1)),
        _sample(b"unread", text=prose[1], gap="error.invalid"),
        Sample(0, "key", b"both", 4, parts=(Part(picture), Part(prose[1].encode(), prose[1]))),
        Sample(0, "key", b"", 0, parts=(Part(b"", gap="error.no-text"), Part(b"Brief.", "Brief."))),
        Sample(0, "key", b"", 0, stated=(Fingerprint("digest.sha256.v1", "whole", bytes(32)),)),
        _sample(prose[2].encode()),
        _sample(b"{}", text="\ufeff" + prose[3]),
    ]
    alone = [read(sample, LIMITS) for sample in samples]
    assert read_all(samples, LIMITS) == alone
    assert [reading.gap for reading in alone] == [
        None,
        None,
        "unchecked.too-short",
        "error.too-large",
        "error.invalid",
        None,
        "error.no-text",
        None,
        None,
        None,
    ]
    assert alone[0].sha256 == sha256(prose[0].encode()).hexdigest()
    assert list(alone[8].fingerprints) == [
        f for f in fingerprint_text(prose[2]).fingerprints if f.algorithm != "digest.md5.v1"
    ]
    assert read_all([], LIMITS) == []


# -- items of several parts --------------------------------------------------------------------------------
def _parts(*parts: Part) -> Reading:
    return read(Sample(0, "key", b"blocks", 6, parts=parts), LIMITS)


PICTURE = Part(lab.encoded(lab.picture(1)))
OTHER = Part(lab.encoded(lab.picture(2)))
PROSE = Part(lab.prose(1).encode())


def test_parts_keep_their_codes_apart_and_the_first_picture_names_the_item() -> None:
    reading = _parts(PROSE, PICTURE, OTHER)
    assert (reading.media, reading.gap) == ("image", None)
    assert reading.sha256 == sha256(PICTURE.data).hexdigest()
    codes = split_parts(reading.fingerprints)
    assert codes == [read(_sample(part.data), LIMITS).fingerprints for part in (PROSE, PICTURE, OTHER)]
    assert split_parts(()) == [()]


@pytest.mark.parametrize(
    ("parts", "gap"),
    [
        ((PICTURE, Part(b"A caption.")), None),  # no text so short can be registered
        ((Part(b"A caption."), Part(b"{}")), "unchecked.too-short"),
        ((PICTURE, Part(b"8BPS\0" + bytes(50))), "error.unsupported"),
        ((PICTURE, Part(b"")), "error.undecodable"),
        ((PICTURE, Part(b"x", gap="error.too-large")), "error.too-large"),
        ((Part(lab.encoded(lab.picture(1).resize((1, 1)).resize((64, 64)))), PROSE), "unchecked.low-quality"),
        (
            (
                Part(lab.encoded(lab.picture(1).resize((1, 1)).resize((64, 64)))),
                Part(b"", gap="error.no-text"),
            ),
            "error.no-text",
        ),
    ],
)
def test_an_item_is_checked_in_full_only_if_all_its_parts_are(
    parts: tuple[Part, ...], gap: str | None
) -> None:
    assert _parts(*parts).gap == gap


# -- judging -----------------------------------------------------------------------------------------------
def _grant(licence: str, concluded_at: int = 0) -> Terms:
    return Terms(grants=(Grant(Purpose.TRAIN_GENAI, ("world",), 0, None, concluded_at, licence, None),))


class _Registry:
    """Works by row, with stated matches for every item."""

    def __init__(
        self, matches: Sequence[Match], public: dict[int, Terms], personal: dict[int, Terms]
    ) -> None:
        self._matches, self._public, self._personal = tuple(matches), public, personal

    def match(self, items: Sequence[Sequence[Fingerprint]], only: object = None) -> list[tuple[Match, ...]]:
        return [self._matches for _ in items]

    def match_codes(self, algorithm: str, codes: NDArray[np.uint8]) -> dict[int, tuple[Match, ...]]:
        return dict.fromkeys(range(len(codes)), self._matches)

    def work_id(self, row: int) -> str:
        return f"work_{row}"

    def terms(self, row: int) -> Terms:
        return self._public.get(row, Terms())

    def personal(self, row: int) -> Terms:
        return self._personal.get(row, Terms())

    def judge(self, gap: str | None = None) -> Judgement:
        return Judge(self, self, REQUEST).judge([Reading("image", "00", gap=gap)])[0]


def _match(row: int, grade: Grade = Grade.CERTAIN, algorithm: str = "image.phash256.v1") -> Match:
    return Match(row, grade, algorithm, "full", "full/identity", 3)


def test_the_deciding_match_is_the_surest_of_those_that_decided() -> None:
    judged = _Registry([_match(1), _match(2)], {1: _grant("open")}, {}).judge()
    assert judged.decision.verdict is Verdict.DENY
    assert judged.deciding == ("work_2", _match(2))
    assert judged.uses == ()


def test_every_personal_licence_relied_on_is_a_use_with_its_work() -> None:
    matches = [_match(1, algorithm="digest.sha256.v1"), _match(2), _match(3), _match(4, Grade.REVIEW)]
    judged = _Registry(matches, {2: _grant("open")}, {1: _grant("a"), 3: _grant("b"), 4: _grant("c")}).judge()
    assert judged.decision.verdict is Verdict.LICENSED
    assert [(u.work, u.licence, u.how) for u in judged.uses] == [
        ("work_1", "a", How.EXACT),
        ("work_3", "b", How.NEAR),
    ]


def test_a_contested_title_that_steps_back_is_no_use_of_its_own() -> None:
    contested = Terms(contested_since=500, contested_by="work_1")
    judged = _Registry([_match(1), _match(2)], {2: contested}, {1: _grant("a", concluded_at=100)}).judge()
    assert judged.decision.verdict is Verdict.LICENSED
    assert [u.work for u in judged.uses] == ["work_1"]


def test_a_gap_is_unknown_and_dropped_but_never_hides_a_denial() -> None:
    assert _Registry([], {}, {}).judge("error.undecodable").decision.kept is False
    licensed = _Registry([_match(1)], {}, {1: _grant("a")}).judge("unchecked.low-quality")
    assert (licensed.decision.verdict, licensed.uses) == (Verdict.UNKNOWN, ())
    assert _Registry([_match(1)], {}, {}).judge("unchecked.low-quality").decision.verdict is Verdict.DENY


def test_a_work_that_two_parts_match_is_named_once_as_surely_as_the_surer_does() -> None:
    class Matching(_Registry):
        """Knows the two parts' matches."""

        def match(
            self, items: Sequence[Sequence[Fingerprint]], only: object = None
        ) -> list[tuple[Match, ...]]:
            """One list per part."""
            assert len(items) == 2
            return [(_match(1, Grade.REVIEW), _match(2, Grade.MATCH)), (_match(1),)]

    registry = _Registry([], {}, {})
    (judged,) = Judge(Matching([], {}, {}), registry, REQUEST).judge([_parts(PICTURE, OTHER)])
    assert [(work, match.grade) for work, match in judged.matches] == [
        (registry.work_id(1), Grade.CERTAIN),
        (registry.work_id(2), Grade.MATCH),
    ]
    assert judged.decision.verdict is Verdict.DENY


# -- lazy signatures ---------------------------------------------------------------------------------------
def test_a_text_with_a_lazy_signature_has_all_its_codes_in_the_end() -> None:
    """Whether its text was given or read from its bytes, and as part of an item."""
    prose = [lab.prose(seed) for seed in range(3)]
    both = Sample(0, "key", b"both", 4, parts=(PICTURE, Part(prose[2].encode(), prose[2])))
    samples = [_sample(b"{}", text=prose[0]), _sample(prose[1].encode()), both]
    for every, lazy in zip(
        read_all(samples, LIMITS), read_all(samples, LIMITS, lazy_signatures=True), strict=True
    ):
        signatures = {f for f in every.fingerprints if f.algorithm == "text.minhash128.v1"}
        assert len(signatures) == 1
        assert set(lazy.fingerprints) == set(every.fingerprints) - signatures
        unsigned, signed = lazy.completed(), lazy.completed(signature=True)
        assert set(signed.fingerprints) == set(every.completed().fingerprints)
        assert set(unsigned.fingerprints) == set(signed.fingerprints) - signatures
