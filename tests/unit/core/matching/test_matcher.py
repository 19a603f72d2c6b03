"""From real files to the works that they are: copies are found with the right grade, strangers are not."""

import io
import json
import random
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps
from skimage import data

from registry.core.decisions import Grade
from registry.core.errors import Corrupt, InvalidInput
from registry.core.fingerprints import ALGORITHMS, Fingerprint, fingerprint_bytes, fingerprint_url
from registry.core.fingerprints.addresses import domain_code, url_code
from registry.core.matching import KIND_CODES, ListColumns, Match, Matcher
from tests.support.lists import lists_of

SHA256, MD5 = "digest.sha256.v1", "digest.md5.v1"
PHASH, DHASH, COLOUR = "image.phash256.v1", "image.dhash256.v1", "image.colour42.v1"
PHASH64 = "image.phash64.v1"
MINHASH = "text.minhash128.v1"
WINNOW = "text.winnow32.v1"
ANCHORS = "image.anchors256.v1"
Prints = tuple[Fingerprint, ...]


def saved(picture: Image.Image, form: str = "PNG", **options: Any) -> Prints:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return fingerprint_bytes(file.getvalue()).fingerprints


def logo(colour: str, ground: str = "white") -> Image.Image:
    picture = Image.new("RGB", (400, 400), ground)
    draw = ImageDraw.Draw(picture)
    for ring in range(5):
        edge = 20 + 35 * ring
        draw.ellipse((edge, edge, 399 - edge, 399 - edge), fill=colour if ring % 2 == 0 else ground)
    return picture


def photograph(name: str) -> Image.Image:
    return Image.fromarray(getattr(data, name)())


ASTRONAUT, CHELSEA, COFFEE = photograph("astronaut"), photograph("chelsea"), photograph("coffee")
POEM = (
    "Über allen Gipfeln ist Ruh, in allen Wipfeln spürest du kaum einen Hauch; die Vögelein schweigen im Walde. "
    "Warte nur, balde ruhest du auch. "
)
TEXT = (
    POEM
    + "Der du von dem Himmel bist, alles Leid und Schmerzen stillest, den, der doppelt elend ist, doppelt "
    * 2
)


def as_text(text: str) -> Prints:
    return fingerprint_bytes(text.encode()).fingerprints


WORKS: dict[str, Prints] = {}
ROWS = {name: row for row, name in enumerate(("astronaut", "chelsea", "red logo", "poem"))}


@pytest.fixture(scope="module", autouse=True)
def _works() -> None:
    """Fingerprints are made when a test of this file runs, not by everybody who looks for tests."""
    WORKS["astronaut"] = saved(ASTRONAUT)
    WORKS["chelsea"] = saved(CHELSEA)
    WORKS["red logo"] = saved(logo("red"))
    WORKS["poem"] = as_text(TEXT)


@pytest.fixture(scope="module")
def matcher(_works: None) -> Matcher:
    return Matcher(lists_of(list(WORKS.values())))


def only(matches: tuple[Match, ...]) -> Match:
    assert len(matches) == 1
    return matches[0]


def test_the_same_file_is_found_by_its_digest(matcher: Matcher) -> None:
    for name, prints in WORKS.items():
        expected = Match(ROWS[name], Grade.CERTAIN, SHA256, "whole", "whole", 0)
        assert matcher.match([prints]) == [(expected,)]


def test_md5_alone_suffices(matcher: Matcher) -> None:
    md5 = [p for p in WORKS["chelsea"] if p.algorithm == MD5]
    assert only(matcher.match([md5])[0]) == Match(ROWS["chelsea"], Grade.CERTAIN, MD5, "whole", "whole", 0)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: saved(p, "JPEG", quality=30),
        lambda p: saved(p, "WEBP", quality=50),
        lambda p: saved(p.resize((p.width // 2, p.height // 2)), "JPEG", quality=80),
        lambda p: saved(p.convert("L")),
    ],
    ids=["jpeg", "webp", "half", "grey"],
)
def test_copies_are_certain(matcher: Matcher, change: Callable[[Image.Image], Prints]) -> None:
    for name, picture in (("astronaut", ASTRONAUT), ("chelsea", CHELSEA)):
        match = only(matcher.match([change(picture)])[0])
        assert (match.work_row, match.grade, match.algorithm) == (ROWS[name], Grade.CERTAIN, PHASH)
        assert (match.kind, match.variant) == ("full", "full/identity")


@pytest.mark.parametrize(
    ("turn", "variant"),
    [
        (Image.Transpose.FLIP_LEFT_RIGHT, "full/flip_h"),
        (Image.Transpose.FLIP_TOP_BOTTOM, "full/flip_v"),
        (Image.Transpose.ROTATE_180, "full/rot180"),
        (Image.Transpose.ROTATE_90, "full/rot270"),
        (Image.Transpose.ROTATE_270, "full/rot90"),
        (Image.Transpose.TRANSPOSE, "full/transpose"),
        (Image.Transpose.TRANSVERSE, "full/transverse"),
    ],
)
def test_turned_copies_are_found_by_turning_them_back(
    matcher: Matcher, turn: Image.Transpose, variant: str
) -> None:
    match = only(matcher.match([saved(ASTRONAUT.transpose(turn), "JPEG", quality=80)])[0])
    assert (match.work_row, match.grade, match.variant) == (ROWS["astronaut"], Grade.CERTAIN, variant)


def test_a_bordered_and_mirrored_copy_is_found_by_its_trimmed_frame(matcher: Matcher) -> None:
    bordered = ImageOps.expand(ImageOps.mirror(CHELSEA), 60, "white")
    match = only(matcher.match([saved(bordered)])[0])
    assert (match.work_row, match.grade) == (ROWS["chelsea"], Grade.CERTAIN)
    assert (match.kind, match.variant) == ("full", "trimmed/flip_h")


def test_a_registered_border_is_no_hiding_place() -> None:
    bordered = Matcher(lists_of([saved(ImageOps.expand(CHELSEA, 60, "black"))]))
    match = only(bordered.match([saved(CHELSEA, "JPEG")])[0])
    assert (match.kind, match.variant) == ("trimmed", "full/identity")


def test_a_stranger_matches_nothing(matcher: Matcher) -> None:
    strangers = [
        saved(COFFEE),
        saved(photograph("rocket")),
        as_text("Lorem ipsum dolor sit amet. " * 9),
    ]
    assert matcher.match(strangers) == [(), (), ()]


# -- symmetric pictures -----------------------------------------------------------------------------------------
def test_symmetric_pictures_go_by_outline_and_colour(matcher: Matcher) -> None:
    copy = only(matcher.match([saved(logo("red"), "JPEG", quality=90)])[0])
    assert (copy.work_row, copy.grade, copy.algorithm) == (ROWS["red logo"], Grade.MATCH, DHASH)
    assert copy.variant == "full/identity"


def test_the_same_outline_in_another_colour_is_for_a_person_to_judge(matcher: Matcher) -> None:
    assert only(matcher.match([saved(logo("blue"))])[0]).grade is Grade.REVIEW


def test_without_colours_there_is_no_match(matcher: Matcher) -> None:
    colourless = [p for p in saved(logo("red"), "JPEG", quality=90) if p.algorithm != COLOUR]
    assert only(matcher.match([colourless])[0]).grade is Grade.REVIEW


def test_a_frame_that_just_passes_the_gate_goes_to_review_by_outlines_and_colours(matcher: Matcher) -> None:
    """No list can meet its phash256, since the registered logo has none."""
    prints = [p for p in WORKS["red logo"] if p.algorithm in (DHASH, COLOUR)]
    assert only(matcher.match([prints])[0]).grade is Grade.MATCH
    far = Fingerprint(PHASH, "full", bytes(range(32)))
    assert only(matcher.match([[*prints, far]])[0]).grade is Grade.REVIEW
    assert only(matcher.match([[prints[0], far]])[0]).grade is Grade.TRACE  # until its colours are known
    other = Fingerprint(COLOUR, "full", bytes([0] * 7 + [255]))
    assert matcher.match([[prints[0], other, far]]) == [()]


# -- texts --------------------------------------------------------------------------------------------------------
def test_a_reset_text_is_certain_and_a_changed_one_a_match(matcher: Matcher) -> None:
    reset = only(matcher.match([as_text(TEXT.upper().replace(" ", "\n") + "!")])[0])
    assert (reset.work_row, reset.grade, reset.algorithm) == (ROWS["poem"], Grade.CERTAIN, MINHASH)
    longer = as_text(TEXT + "Ach, ich bin des Treibens müde! Was soll all der Schmerz und Lust?")
    changed = only(matcher.match([[f for f in longer if f.algorithm == MINHASH]])[0])
    assert changed.grade is Grade.MATCH
    assert 25 < changed.distance <= 64
    contained = only(matcher.match([longer])[0])
    assert (contained.grade, contained.algorithm, contained.distance) == (Grade.CERTAIN, WINNOW, 0)
    assert matcher.match(
        [as_text("Ich ging im Walde so für mich hin, und nichts zu suchen, das war mein Sinn. " * 3)]
    ) == [()]


# -- batches ------------------------------------------------------------------------------------------------------
def test_a_batch_gives_each_item_what_it_gets_alone(matcher: Matcher) -> None:
    items = [
        *WORKS.values(),
        saved(COFFEE),
        (),
        saved(logo("blue")),
        as_text(TEXT + POEM),
        saved(CHELSEA, "JPEG"),
    ]
    alone = [matcher.match([item])[0] for item in items]
    assert matcher.match(items) == alone
    assert matcher.match(items[::-1]) == alone[::-1]
    assert matcher.match([]) == []


def test_items_without_fingerprints_match_nothing(matcher: Matcher) -> None:
    assert matcher.match([(), []]) == [(), ()]


def test_colours_alone_never_match() -> None:
    exchange = tuple(p for p in WORKS["chelsea"] if p.algorithm == COLOUR)
    assert exchange
    assert Matcher(lists_of([exchange])).match([exchange]) == [()]


def test_a_short_hash_alone_is_for_a_person_to_look_at(tmp_path: Path) -> None:
    (code,) = (p for p in WORKS["chelsea"] if (p.algorithm, p.kind) == (PHASH64, "full"))
    lists = lists_of(list(WORKS.values()))
    row = list(WORKS).index("chelsea")

    def turned(bits: int) -> Fingerprint:
        data = int.from_bytes(code.code, "big") ^ ((1 << bits) - 1)
        return Fingerprint(PHASH64, "full", data.to_bytes(8, "big"))

    for matcher in (Matcher(lists), Matcher(lists, tmp_path), Matcher(lists, tmp_path, verify=False)):
        found = matcher.match([[turned(bits)] for bits in range(4)])
        assert [[(m.work_row, m.grade, m.distance) for m in one] for one in found] == [
            [(row, Grade.REVIEW, 0)], [(row, Grade.REVIEW, 1)], [(row, Grade.REVIEW, 2)], [],
        ]  # fmt: skip
        alone = np.frombuffer(code.code, np.uint8).reshape(1, 8)
        assert [m.grade for m in matcher.match_codes(PHASH64, alone)[0]] == [Grade.REVIEW]


def test_a_short_hash_says_nothing_beside_a_long_one() -> None:
    (code,) = (p for p in WORKS["chelsea"] if (p.algorithm, p.kind) == (PHASH64, "full"))
    matcher = Matcher(lists_of(list(WORKS.values())))
    for name in ("phash256", "dhash256"):
        other = Fingerprint(f"image.{name}.v1", "full", bytes(32))
        assert matcher.match([[code, other]]) == [()]


def test_an_empty_registry_matches_nothing() -> None:
    assert Matcher({}).match(list(WORKS.values())) == [()] * len(WORKS)
    empty = {
        a: ListColumns(
            np.empty((0, ALGORITHMS[a].code_bytes), np.uint8),
            np.empty(0, np.uint32),
            np.empty(0, np.uint8),
            np.empty(0, np.uint64),
        )
        for a in ALGORITHMS
    }
    assert Matcher(empty).match(list(WORKS.values())) == [()] * len(WORKS)


# -- addresses ---------------------------------------------------------------------------------------------
PICTURE = "https://www.example.org/dunes.png"


def registered_places(*places: tuple[str, bytes, int]) -> dict[str, ListColumns]:
    """Lists of (algorithm, code, row of the next wider domain of the same owner or -1); work i has row i."""
    lists = {}
    for algorithm in ("source.url.v1", "source.domain.v1"):
        found = [(row, code, wider) for row, (a, code, wider) in enumerate(places) if a == algorithm]
        lists[algorithm] = ListColumns(
            np.frombuffer(b"".join(code for _, code, _ in found), np.uint8).reshape(len(found), 32),
            np.array([row for row, _, _ in found], np.uint32),
            np.full(len(found), KIND_CODES["whole"], np.uint8),
            np.array([wider + 1 for _, _, wider in found], np.uint64),
        )
    return lists


def at(url: str, wider: int = -1) -> tuple[str, bytes, int]:
    return "source.url.v1", url_code(url), wider


def below(scope: str, wider: int = -1) -> tuple[str, bytes, int]:
    return "source.domain.v1", domain_code(scope), wider


def rows_at(lists: dict[str, ListColumns], url: str) -> list[int]:
    return [m.work_row for m in Matcher(lists).match([fingerprint_url(url)])[0]]


def test_a_registered_address_and_a_registered_domain_are_matches_by_address() -> None:
    found = Matcher(registered_places(at(PICTURE), below(".example.org"))).match([fingerprint_url(PICTURE)])
    assert [(m.work_row, m.grade, m.algorithm, m.variant, m.by_address) for m in found[0]] == [
        (0, Grade.MATCH, "source.url.v1", "whole", True),
        (1, Grade.MATCH, "source.domain.v1", "whole", True),
    ]


def test_a_domain_covers_what_is_below_and_a_host_only_itself() -> None:
    lists = registered_places(below(".example.org"), below("www.example.org"), below(".sub.example.org"))
    assert rows_at(lists, "http://www.example.org/x") == [0, 1]
    assert rows_at(lists, "https://a.www.example.org/") == [0]
    assert rows_at(lists, "https://example.org./") == [0]
    assert rows_at(lists, "https://a.sub.example.org/") == [0, 2]
    assert rows_at(lists, "https://badexample.org/") == []


def test_the_narrower_place_of_an_owner_goes_before_the_wider_ones() -> None:
    """Each names the next wider one only, so that a chain of them is followed to its end."""
    chain = registered_places(below(".example.org"), below("www.example.org", wider=0), at(PICTURE, wider=1))
    assert rows_at(chain, PICTURE) == [2]
    assert rows_at(chain, "https://www.example.org/other.png") == [1]
    assert rows_at(chain, "https://example.org/") == [0]


def test_nobody_can_push_another_owners_domain_aside() -> None:
    lists = registered_places(below(".example.org"), below(".blog.example.org"), at(PICTURE, wider=1))
    assert rows_at(lists, PICTURE) == [0, 2]


def test_a_place_never_pushes_a_recognised_work_aside() -> None:
    """Whatever a list says of wider places, only matches by address step back."""
    picture = WORKS["chelsea"]
    lists = lists_of([picture]) | registered_places(at("https://a.example/"), at(PICTURE, wider=0))
    found = Matcher(lists).match([(*picture, *fingerprint_url(PICTURE))])[0]
    assert [(m.work_row, m.by_address) for m in found] == [(0, False), (1, True)]


def test_of_equal_grades_the_content_is_reported_before_the_place() -> None:
    """A licence to anyone permits what was recognised, and nothing that was only found somewhere."""
    near = crafted(33)
    lists = lists_of([near]) | registered_places(at(PICTURE))
    item = (*fingerprint_url(PICTURE), *crafted(0))
    for order in (item, item[::-1]):
        found = only(Matcher(lists).match([order])[0])
        assert (found.grade, found.by_address) == (Grade.MATCH, False)


def crafted(distance: int) -> Prints:
    code = np.zeros(256, np.uint8)
    code[::2] = 1
    code[:distance] ^= 1
    return (Fingerprint(PHASH, "full", np.packbits(code).tobytes()),)


def test_matches_are_sorted_by_grade_then_distance_then_row() -> None:
    distances = [33, 5, 40, 31, 5, 32]
    found = Matcher(lists_of([crafted(d) for d in distances])).match([crafted(0)])[0]
    assert [(m.work_row, m.distance, m.grade) for m in found] == [
        (1, 5, Grade.CERTAIN),
        (4, 5, Grade.CERTAIN),
        (3, 31, Grade.CERTAIN),
        (5, 32, Grade.MATCH),
        (0, 33, Grade.MATCH),
    ]


def test_of_several_codes_of_one_work_the_best_is_reported() -> None:
    one_work = lists_of([(*crafted(20), Fingerprint(PHASH, "trimmed", crafted(3)[0].code))])
    found = only(Matcher(one_work).match([crafted(0)])[0])
    assert (found.kind, found.distance) == ("trimmed", 3)


def test_the_answer_does_not_depend_on_the_order_of_codes(matcher: Matcher) -> None:
    prints, chance = saved(ImageOps.expand(CHELSEA, 60, "white")), random.Random(997)
    orders = [tuple(chance.sample(prints, len(prints))) for _ in range(200)]
    assert len(set(matcher.match(orders))) == 1


def test_threads_may_share_a_matcher(matcher: Matcher) -> None:
    items = list(WORKS.values())
    expected, answers = matcher.match(items), []
    threads = [threading.Thread(target=lambda: answers.append(matcher.match(items))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 4


# -- what is refused ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("algorithm", "code"),
    [
        (SHA256, bytes(16)),
        (MD5, b""),
        (PHASH, bytes(31)),
        (DHASH, bytes(33)),
        (MINHASH, bytes(524)),
        (MINHASH, bytes(525)),  # the header of another scheme
    ],
)
def test_codes_of_another_length_or_scheme_are_refused(matcher: Matcher, algorithm: str, code: bytes) -> None:
    kind = ALGORITHMS[algorithm].kinds[0]
    with pytest.raises(InvalidInput, match="A code of"):
        matcher.match([(), [Fingerprint(algorithm, kind, code)]])


def damaged(lists: Mapping[str, ListColumns], place: int) -> dict[str, ListColumns]:
    codes = lists[MINHASH].codes.copy()
    codes[0, place] ^= 1
    held = lists[MINHASH]
    return {**lists, MINHASH: ListColumns(codes, held.work_rows, held.kinds, held.aux)}


def test_a_list_of_foreign_text_signatures_is_refused() -> None:
    lists = lists_of(list(WORKS.values()))
    with pytest.raises(Corrupt, match="other parameters"):
        Matcher(damaged(lists, 0))
    held = lists[MINHASH]
    short = ListColumns(held.codes[:, :524], held.work_rows, held.kinds, held.aux)
    with pytest.raises(Corrupt, match="524 bytes"):
        Matcher({MINHASH: short})


# -- the index folder -------------------------------------------------------------------------------------------------
def test_the_index_is_built_once_and_then_opened(matcher: Matcher, tmp_path: Path) -> None:
    lists, items = lists_of(list(WORKS.values())), list(WORKS.values())
    expected = matcher.match(items)
    assert Matcher(lists, tmp_path / "index").match(items) == expected
    built = (tmp_path / "index" / MINHASH / "rows.npy").stat()
    assert Matcher(lists, tmp_path / "index").match(items) == expected
    assert Matcher(lists, tmp_path / "index", verify=False).match(items) == expected
    assert (tmp_path / "index" / MINHASH / "rows.npy").stat() == built


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("name", [MINHASH, WINNOW, PHASH64, PHASH])
def test_an_index_of_another_version_is_built_anew(
    tmp_path: Path, name: str, verify: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.core.matching.opening.KEPT", 1)
    lists = lists_of(list(WORKS.values()))
    works = [*WORKS.values(), [p for p in WORKS["chelsea"] if p.algorithm == PHASH64]]
    expected = Matcher(lists, tmp_path).match(works)
    manifest = tmp_path / name / ("current.json" if name == PHASH else "index.json")
    current = manifest.read_text()
    manifest.write_text(current.replace("-v", "-v9"))
    (manifest.parent / "of-old").write_bytes(b"")
    assert Matcher(lists, tmp_path, verify=verify).match(works) == expected
    assert json.loads(manifest.read_text())["format"] == json.loads(current)["format"]
    assert not (manifest.parent / "of-old").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        {MINHASH, WINNOW, PHASH64, PHASH, DHASH, ANCHORS}
    )


def test_an_index_of_another_version_that_cannot_be_replaced_costs_memory_not_answers(
    matcher: Matcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists, items = lists_of(list(WORKS.values())), list(WORKS.values())
    Matcher(lists, tmp_path)
    manifest = tmp_path / MINHASH / "index.json"
    manifest.write_text(manifest.read_text().replace("-v", "-v9"))

    def read_only(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", read_only)
    assert Matcher(lists, tmp_path).match(items) == matcher.match(items)
    assert "-v9" in manifest.read_text()


def test_a_damaged_index_and_one_of_another_edition_are_refused(tmp_path: Path) -> None:
    lists = lists_of(list(WORKS.values()))
    Matcher(lists, tmp_path)
    with pytest.raises(Corrupt, match="built from other data"):
        Matcher(damaged(lists, 100), tmp_path)
    rows = tmp_path / MINHASH / "rows.npy"
    rows.write_bytes(rows.read_bytes()[:-1] + b"\xff")
    with pytest.raises(Corrupt, match="Delete that folder"):
        Matcher(lists, tmp_path)


def test_where_nothing_can_be_written_the_index_is_held_in_memory(matcher: Matcher, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    items = list(WORKS.values())
    assert Matcher(lists_of(items), tmp_path / "file" / "index").match(items) == matcher.match(items)
