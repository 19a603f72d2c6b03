"""An edition says what was written, and no change of any file goes unnoticed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from registry.core.decisions import Denial, Purpose, Terms
from registry.core.errors import Corrupt, InvalidInput, OutputExists
from registry.core.ids import format_id
from registry.core.snapshots import NOT_PUBLIC, EditionContent, Snapshot, write_edition
from registry.core.snapshots.manifest import MANIFEST, TERMS, Manifest
from tests.support.snapshots import flip, grant, make_columns, make_content, work_id


@pytest.fixture
def edition(tmp_path: Path) -> Path:
    write_edition(tmp_path / "edition", make_content())
    return tmp_path / "edition"


def test_says_what_was_written(edition: Path) -> None:
    content = make_content()
    snapshot = Snapshot.open(edition)

    assert (snapshot.sequence, snapshot.change_seq, len(snapshot)) == (1, 10, 5)
    assert snapshot.created == content.created
    assert [snapshot.work_id(row) for row in range(5)] == [
        format_id("work", work_id(row)) for row in range(5)
    ]
    assert snapshot.terms(3) == Terms(grants=(grant(),))
    assert snapshot.terms(1) == Terms()
    assert [snapshot.withdrawn(row) for row in range(5)] == [False, False, True, False, False]
    assert set(snapshot.lists) == set(content.lists)
    for name, columns in content.lists.items():
        for part in ("codes", "work_rows", "kinds", "aux"):
            np.testing.assert_array_equal(getattr(snapshot.lists[name], part), getattr(columns, part))


def test_opening_loads_no_library_of_tables(edition: Path) -> None:
    """Arrow loads pandas where it is installed, for some of what it does: 0.2 s in each process that opens a copy."""
    program = (
        "import sys; from pathlib import Path; from registry.core.snapshots import Snapshot\n"
        "snapshot = Snapshot.open(Path(sys.argv[1]), verify=False)\n"
        "print(snapshot.withdrawn(2), 'pandas' in sys.modules)"
    )
    command = [sys.executable, "-c", program, str(edition)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "True False\n"


def test_without_signatures_it_is_expired_and_nobodys(edition: Path) -> None:
    snapshot = Snapshot.open(edition)
    assert snapshot.expires == 0
    assert snapshot.personal(1) == Terms()


def test_equal_contents_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_edition(tmp_path / name, make_content())
    files = sorted(p.name for p in (tmp_path / "a" / "lists").iterdir())
    assert files
    for name in files:
        assert (tmp_path / "a/lists" / name).read_bytes() == (tmp_path / "b/lists" / name).read_bytes()


def test_equal_terms_are_stored_once(tmp_path: Path) -> None:
    one = Terms(denials=(Denial(Purpose.SEARCH, 0, None), Denial(Purpose.TDM, 0, None)))
    other_order = Terms(denials=one.denials[::-1])
    content = replace(make_content(works=3), terms=[one, other_order, Terms()], work_terms=[1, 0, 1])
    write_edition(tmp_path, replace(content, withdrawn=set()))
    assert (tmp_path / TERMS).read_bytes().count(b"\n") == 1
    snapshot = Snapshot.open(tmp_path)
    assert {snapshot.terms(row) for row in range(3)} == {snapshot.terms(0)}
    assert set(snapshot.terms(0).denials) == set(one.denials)


def test_an_empty_registry_is_an_edition(tmp_path: Path) -> None:
    content = replace(
        make_content(works=0),
        lists={"image.phash256.v1": make_columns(32, [])},
        withdrawn=set(),
    )
    write_edition(tmp_path, content)
    snapshot = Snapshot.open(tmp_path)
    assert len(snapshot) == 0
    assert snapshot.lists["image.phash256.v1"].codes.shape == (0, 32)
    assert snapshot.works_root.hex().startswith("e3b0c442")  # RFC 6962: the root of nothing is SHA-256("")


def test_finds_the_row_of_a_work(edition: Path) -> None:
    snapshot = Snapshot.open(edition)
    assert snapshot.row_of(snapshot.work_id(4)) == 4
    with pytest.raises(InvalidInput, match="not in edition 1"):
        snapshot.row_of(format_id("work", b"x" * 16))


def test_a_row_that_was_never_public_cannot_be_asked_for(tmp_path: Path) -> None:
    content = make_content(works=2)
    lists = {"image.phash256.v1": make_columns(32, [0])}
    write_edition(tmp_path, replace(content, work_ids=[work_id(0), NOT_PUBLIC], lists=lists))
    with pytest.raises(InvalidInput):
        Snapshot.open(tmp_path).row_of(format_id("work", NOT_PUBLIC))


def _listed(rows: list[int]) -> dict[str, Any]:
    return {"lists": {"image.phash256.v1": make_columns(32, rows)}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"work_ids": [work_id(0)] * 5}, "twice"),
        ({"work_ids": [b"short"] * 5}, "16 bytes"),
        ({"work_terms": [0]}, "row of its terms"),
        ({"work_terms": [9] * 5}, "not in the terms table"),
        ({"work_terms": [-1] * 5}, "not in the terms table"),
        ({"withdrawn": {7}}, "withdrawn row"),
        ({"log_root": b""}, "32 bytes"),
        (_listed([2]), "withdrawn"),
        (_listed([5]), "5 rows"),
        ({"work_ids": [NOT_PUBLIC] * 5}, "not public"),
        ({"lists": {"../evil": make_columns(32, [])}}, "not the id of an algorithm"),
    ],
)
def test_contradictions_are_refused_before_anything_is_written(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        write_edition(tmp_path / "edition", replace(make_content(), **change))
    assert not (tmp_path / "edition").exists()


def test_never_overwrites_an_edition(edition: Path) -> None:
    with pytest.raises(OutputExists):
        write_edition(edition, make_content(2))
    assert Snapshot.open(edition).sequence == 1


def _files(content: EditionContent) -> list[str]:
    return ["lists/works.arrow", TERMS, *(f"lists/{name}.arrow" for name in content.lists)]


@pytest.mark.parametrize("name", _files(make_content()))
@pytest.mark.parametrize("position", [0, 400, -9])
def test_one_flipped_bit_is_noticed(edition: Path, name: str, position: int) -> None:
    flip(edition / name, position)
    with pytest.raises(Corrupt, match="vorbehalt sync"):
        Snapshot.open(edition)


@pytest.mark.parametrize("name", [*_files(make_content()), MANIFEST])
@pytest.mark.parametrize(
    "damage",
    [Path.unlink, lambda p: p.write_bytes(p.read_bytes()[:-1]), lambda p: p.write_bytes(b"")],
    ids=["missing", "cut off", "empty"],
)
def test_a_missing_or_cut_file_is_noticed_even_without_digests(
    edition: Path, name: str, damage: Callable[[Path], Any]
) -> None:
    damage(edition / name)
    with pytest.raises(Corrupt):
        Snapshot.open(edition, verify=False)


def test_a_link_in_place_of_a_file_is_refused(edition: Path) -> None:
    terms = edition / TERMS
    terms.rename(edition / "elsewhere")
    terms.symlink_to(edition / "elsewhere")
    with pytest.raises(Corrupt):
        Snapshot.open(edition)


def test_another_manifest_than_the_signed_one_is_refused(edition: Path) -> None:
    with pytest.raises(Corrupt, match="signed"):
        Snapshot.open(edition, verify=False, manifest_sha256="00" * 32)


def test_a_wrong_works_root_is_noticed(edition: Path) -> None:
    path = edition / MANIFEST
    manifest = Manifest.parse(path.read_bytes())
    path.write_bytes(replace(manifest, works_root=bytes(32)).to_bytes())
    with pytest.raises(Corrupt, match="add up"):
        Snapshot.open(edition)
    Snapshot.open(edition, works_root=False)


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b.replace(b'"vorbehalt.edition.v1"', b'"vorbehalt.edition.v2"'),
        lambda b: b.replace(b'"sequence":1', b'"sequence":-1'),
        lambda b: b.replace(b'"sequence":1', b'"sequence":"1"'),
        lambda b: b.replace(b'"sequence":1', b'"sequence":1,"sequence":2'),
        lambda b: b.replace(b'"sequence":1', b'"sequence":1,"surprise":2'),
        lambda b: b.replace(b"lists/terms.jsonl", b"lists/../../terms"),
        lambda b: b.replace(b"image.phash256.v1", b"../../../x"),
        lambda b: b.replace(b"2026-08-02T09:30:00Z", b"2026-08-02 09:30:00"),
        lambda b: b" " + b,
        lambda b: b"[]",
        lambda b: b"\xff",
        lambda b: b"",
    ],
)
def test_a_manifest_that_we_would_not_write_is_not_read(
    edition: Path, damage: Callable[[bytes], bytes]
) -> None:
    data = (edition / MANIFEST).read_bytes()
    assert damage(data) != data
    with pytest.raises(Corrupt):
        Manifest.parse(damage(data))


def test_an_edition_of_a_later_format_asks_for_a_newer_program(edition: Path) -> None:
    """To sync again would not help."""
    data = (edition / MANIFEST).read_bytes()
    with pytest.raises(Corrupt, match="Install the newest version") as caught:
        Manifest.parse(data.replace(b'"vorbehalt.edition.v1"', b'"vorbehalt.edition.v2"'))
    assert "sync" not in caught.value.message
