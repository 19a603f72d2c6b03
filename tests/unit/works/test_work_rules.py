"""What may be registered: origins, titles, addresses, codes without a file; and which title is in doubt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import Conflict, InvalidInput
from registry.core.fingerprints import FileFingerprints, Fingerprint
from registry.works.rules import (
    ClientCodes,
    Disclosure,
    Doubt,
    Kind,
    MadeBy,
    Registered,
    Rule,
    check_client_codes,
    check_origin,
    check_source_url,
    check_title,
    default_disclosure,
    doubt_about,
    how_to_object,
    is_shown,
    read_content,
)
from tests.support.works import digests, frame, image

SHA = digests("Dunes")[:1]


# -- disclosure ---------------------------------------------------------------------------------------------
def test_pictures_of_persons_stay_on_the_server_by_default() -> None:
    assert default_disclosure(persons_depicted=True) is Disclosure.CHECK_API_ONLY
    assert default_disclosure(persons_depicted=False) is Disclosure.SNAPSHOT


@pytest.mark.parametrize(
    ("disclosure", "algorithm", "public", "live"),
    [
        (Disclosure.SNAPSHOT, "image.phash256.v1", True, True),
        (Disclosure.SNAPSHOT, "digest.sha256.v1", True, True),
        (Disclosure.CHECK_API_ONLY, "image.phash256.v1", False, True),
        (Disclosure.CHECK_API_ONLY, "digest.sha256.v1", False, True),
        (Disclosure.DIGEST_ONLY, "image.phash256.v1", False, False),
        (Disclosure.DIGEST_ONLY, "text.minhash128.v1", False, False),
        (Disclosure.DIGEST_ONLY, "digest.md5.v1", True, True),
    ],
)
def test_where_codes_may_be_used(disclosure: Disclosure, algorithm: str, public: bool, live: bool) -> None:
    assert is_shown(disclosure, algorithm, public=True) is public
    assert is_shown(disclosure, algorithm, public=False) is live


# -- statements ---------------------------------------------------------------------------------------------
def test_works_made_with_ai_name_the_tool() -> None:
    check_origin(MadeBy.HUMAN, None, None)
    check_origin(MadeBy.AI_ASSISTED, "Blender 5", None)
    check_origin(MadeBy.AI_GENERATED, "Some model 2", "dunes at dawn")
    for made_by in (MadeBy.AI_ASSISTED, MadeBy.AI_GENERATED):
        for tool in (None, "", "  "):
            with pytest.raises(InvalidInput, match="names the tool"):
                check_origin(made_by, tool, "dunes at dawn")
    with pytest.raises(InvalidInput, match="made by a human"):
        check_origin(MadeBy.HUMAN, "Some model 2", None)


@pytest.mark.parametrize("title", ["", "   ", "two\nlines", "x" * 501, "bell\x07"])
def test_a_title_is_one_line(title: str) -> None:
    with pytest.raises(InvalidInput, match="printable"):
        check_title(title)


def test_a_title_loses_outer_blanks() -> None:
    assert check_title("  Dünen, 1911 ") == "Dünen, 1911"


@pytest.mark.parametrize("url", ["https://example.org/dunes?a=b", "http://xn--dnen-0ra.example/"])
def test_addresses_in_full_are_taken(url: str) -> None:
    assert check_source_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "example.org/dunes",
        "ftp://example.org/",
        "javascript:alert(1)",
        "https://",
        "https://me:secret@example.org/",
        "https://exa mple.org/",
        "https://[broken/",
        "https://example.org/" + "x" * 2_000,
        "",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="source address"):
        check_source_url(url)


# -- codes without a file -----------------------------------------------------------------------------------
def test_complete_codes_are_taken_in_a_fixed_order() -> None:
    codes = (*frame("Dunes"), *frame("Dunes", "trimmed"), *digests("Dunes"))
    taken = check_client_codes(Kind.IMAGE, codes)
    assert taken == check_client_codes(Kind.IMAGE, codes[::-1])
    assert set(taken) == set(codes)


def test_digests_alone_are_enough() -> None:
    assert check_client_codes(Kind.IMAGE, SHA) == SHA
    assert check_client_codes(Kind.TEXT, SHA) == SHA


def test_a_symmetric_picture_lacks_only_its_phash() -> None:
    codes = [c for c in frame("Ornament") if c.algorithm != "image.phash256.v1"]
    assert len(check_client_codes(Kind.IMAGE, (*codes, *SHA))) == 4


@pytest.mark.parametrize("left_out", ["image.dhash256.v1", "image.phash64.v1", "image.colour42.v1"])
def test_a_frame_without_one_of_its_codes_is_refused(left_out: str) -> None:
    """Such a frame would be matched by the rule for symmetric pictures, or by none."""
    codes = [c for c in frame("Dunes") if c.algorithm != left_out]
    with pytest.raises(InvalidInput, match=f"full frame lacks {left_out}"):
        check_client_codes(Kind.IMAGE, (*codes, *SHA))


def test_other_faults_of_codes_are_refused() -> None:
    with pytest.raises(InvalidInput, match="sha256"):
        check_client_codes(Kind.IMAGE, frame("Dunes"))
    with pytest.raises(InvalidInput, match="sha256"):
        check_client_codes(Kind.IMAGE, ())
    with pytest.raises(InvalidInput, match="need those of the full frame"):
        check_client_codes(Kind.IMAGE, (*frame("Dunes", "trimmed"), *SHA))
    with pytest.raises(InvalidInput, match="given twice"):
        check_client_codes(Kind.IMAGE, (*SHA, *SHA))
    part = Fingerprint("image.deep256.v1", "whole", bytes(40))
    with pytest.raises(InvalidInput, match="looking only"):
        check_client_codes(Kind.IMAGE, (*SHA, part))
    with pytest.raises(InvalidInput, match="no algorithm"):
        check_client_codes(Kind.IMAGE, (*SHA, Fingerprint("image.ahash.v1", "full", bytes(8))))
    with pytest.raises(InvalidInput, match="32 bytes"):
        check_client_codes(Kind.IMAGE, (Fingerprint("digest.sha256.v1", "whole", bytes(31)),))
    with pytest.raises(InvalidInput, match="of kind"):
        check_client_codes(Kind.IMAGE, (Fingerprint("digest.sha256.v1", "full", bytes(32)),))
    with pytest.raises(InvalidInput, match="not a code of a work of kind text"):
        check_client_codes(Kind.TEXT, (*frame("Dunes"), *SHA))


def test_a_file_tells_its_kind() -> None:
    assert read_content(None, image("Dunes")).kind is Kind.IMAGE
    assert read_content(Kind.IMAGE, image("Dunes")).made_by == "server"
    with pytest.raises(InvalidInput, match="is of kind image"):
        read_content(Kind.TEXT, image("Dunes"))


def test_codes_alone_do_not() -> None:
    content = read_content(Kind.TEXT, ClientCodes(SHA, "text/plain", 1_200))
    assert (content.made_by, content.sha256, content.size) == ("client", SHA[0].code, 1_200)
    with pytest.raises(InvalidInput, match="do not tell"):
        read_content(None, ClientCodes(SHA))
    with pytest.raises(InvalidInput, match="media type"):
        read_content(Kind.TEXT, ClientCodes(SHA, "plain text"))
    with pytest.raises(InvalidInput, match="number of bytes"):
        read_content(Kind.TEXT, ClientCodes(SHA, size=0))


def test_who_keeps_a_picture_may_say_how_large_it_is() -> None:
    sides = {"width": 640, "height": 480}
    assert read_content(Kind.IMAGE, ClientCodes(SHA, facts=sides)).facts == sides
    assert read_content(Kind.IMAGE, ClientCodes(SHA)).facts == {}
    for kind, facts in (
        (Kind.IMAGE, {"width": 640}),
        (Kind.IMAGE, sides | {"quality": 99}),
        (Kind.TEXT, sides),
    ):
        with pytest.raises(InvalidInput, match="state both, or neither"):
            read_content(kind, ClientCodes(SHA, facts=facts))
    for wrong in (0, -1, 1_000_001, 6.5, True, "640"):
        with pytest.raises(InvalidInput, match="The height is a whole number from 1 to 1,000,000"):
            read_content(Kind.IMAGE, ClientCodes(SHA, facts={"width": 1, "height": wrong}))  # type: ignore[dict-item]


def test_a_file_of_an_unknown_kind_is_no_work() -> None:
    with pytest.raises(ValueError, match="video"):
        read_content(None, FileFingerprints("video", "video/mp4", 1, SHA))


# -- titles -------------------------------------------------------------------------------------------------
OWNERS = st.integers(1, 4)


CANDIDATES = st.lists(st.tuples(OWNERS, st.sampled_from(Rule), st.booleans()), max_size=5)


@given(OWNERS, CANDIDATES)
def test_only_somebody_elses_older_title_contests(owner: int, others: list[tuple[int, Rule, bool]]) -> None:
    """One's own file again is a conflict; else the oldest title without a doubt decides, and one's own contests not."""
    found = [
        Doubt(Registered(i, bytes([i]) * 16, other, row=i, version=i, contested=contested), rule)
        for i, (other, rule, contested) in enumerate(others)
    ]
    if any(rule is Rule.SAME_FILE and other == owner for other, rule, _ in others):
        with pytest.raises(Conflict, match="already registered as work_"):
            doubt_about(owner, reversed(found))
        return
    oldest = next((doubt for doubt in found if not doubt.earlier.contested), None)
    expected = None if oldest is None or oldest.earlier.owner_id == owner else oldest
    assert doubt_about(owner, reversed(found)) == expected


@pytest.mark.parametrize("rule", Rule)
def test_who_is_contested_is_told_why_and_what_to_do(rule: Rule) -> None:
    told = how_to_object("work_new", "work_old", rule, 12, mirrored=True)
    assert "work_new" in told
    assert "work_old" in told
    assert "write to the operator" in told
    assert ("12 of" in told) is (rule in {Rule.NEAR_PICTURE, Rule.NEAR_TEXT})
    assert ("A machine noticed this" in told) is (rule is not Rule.DOMAIN)
