"""One root over all works; each work can be proved, and nothing else can."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.decisions import Terms
from registry.core.errors import Corrupt, InvalidInput, VerificationFailed
from registry.core.matching import ListColumns
from registry.core.snapshots import Snapshot, WorkProof, work_proof, works, works_root, write_edition
from registry.core.snapshots.book import Book
from tests.support.snapshots import make_content, work_id


def test_root_of_two_works_by_hand() -> None:
    """Recomputed from the description alone, so that the description stays true."""
    terms = sha256(
        b'{"contested_by":null,"contested_since":null,"denials":[],"grants":[],"upheld":false}'
    ).digest()
    code = bytes(range(32))
    record = b"image.phash256.v1\x00\x01" + code + (7).to_bytes(8, "big")
    leaf_0 = sha256(b"\x00" + work_id(0) + terms + sha256(record).digest()).digest()
    leaf_1 = sha256(b"\x00" + work_id(1) + terms + sha256(b"").digest()).digest()
    expected = sha256(b"\x01" + leaf_0 + leaf_1).digest()

    columns = ListColumns(
        codes=np.frombuffer(code, np.uint8).reshape(1, 32),
        work_rows=np.zeros(1, np.uint32),
        kinds=np.ones(1, np.uint8),
        aux=np.array([7], np.uint64),
    )
    codes = works.codes_digests({"image.phash256.v1": columns}, 2)
    assert works_root([work_id(0), work_id(1)], [terms, terms], codes) == expected


@given(st.permutations(range(12)), st.integers(0, 3))
def test_the_order_of_codes_does_not_matter(order: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = ListColumns(
        codes=rng.integers(0, 256, (12, 8), dtype=np.uint8),
        work_rows=rng.integers(0, 5, 12).astype(np.uint32),
        kinds=rng.integers(0, 3, 12).astype(np.uint8),
        aux=rng.integers(0, 9, 12).astype(np.uint64),
    )
    shuffled = ListColumns(
        codes=columns.codes[order],
        work_rows=columns.work_rows[order],
        kinds=columns.kinds[order],
        aux=columns.aux[order],
    )
    lists = {"digest.md5.v1": columns, "image.phash64.v1": shuffled}
    backwards = {"image.phash64.v1": columns, "digest.md5.v1": shuffled}
    assert list(works.codes_digests(lists, 6)) == list(works.codes_digests(backwards, 6))
    assert list(works.codes_digests(lists, 6)) == [
        works.codes_digest(works.records_of(lists, row)) for row in range(6)
    ]


def test_the_fingerprints_of_a_text_are_one_record() -> None:
    """As the page of the snapshot says, whatever the order of the list; each mark of a common phrase counts."""
    head = b"text.winnow32.v1\x00\x02"
    # work 1 has texts 0 and 1; value, position, is it common
    texts = {0: [(5, 3, False), (9, 20, True), (5, 41, False)], 1: [(7, 0, False)]}
    rows = [
        (value, position | text << 32 | common << 63)
        for text, own in texts.items()
        for value, position, common in own
    ]

    def listed(order: list[int]) -> ListColumns:
        return ListColumns(
            codes=np.array([rows[n][0] for n in order], "<u8").view(np.uint8).reshape(-1, 8),
            work_rows=np.ones(4, np.uint32),
            kinds=np.full(4, 2, np.uint8),
            aux=np.array([rows[n][1] for n in order], np.uint64),
        )

    def expected(text: int, marks: int) -> bytes:
        own = texts[text]
        data = b"".join(v.to_bytes(8, "little") + p.to_bytes(4, "big") for v, p, _ in own)
        numbers = (text, len(own), sum(common for _, _, common in own))
        written = b"".join(number.to_bytes(4, "big") for number in numbers)
        return head + written + sha256(data).digest() + sha256(bytes([marks])).digest()

    records = [expected(0, 0b01000000), expected(1, 0)]
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        lists = {"text.winnow32.v1": listed(order)}
        assert works.records_of(lists, 1) == sorted(records)
        assert works.records_of(lists, 0) == []
        assert list(works.codes_digests(lists, 3)) == [works.codes_digest(own) for own in ([], records, [])]
    rows[0], rows[1] = (5, rows[0][1] | 1 << 63), (9, rows[1][1] & ~(1 << 63))
    assert works.records_of({"text.winnow32.v1": listed([0, 1, 2, 3])}, 1) != sorted(records)


def test_digests_do_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = make_content(works=9).lists
    whole = list(works.codes_digests(lists, 9))
    monkeypatch.setattr(works, "_BLOCK", 2)
    assert list(works.codes_digests(lists, 9)) == whole


def _open(tmp_path: Path, count: int) -> Snapshot:
    write_edition(tmp_path / str(count), make_content(works=count))
    return Snapshot.open(tmp_path / str(count))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9])
def test_every_work_can_be_proved(tmp_path: Path, count: int) -> None:
    snapshot = _open(tmp_path, count)
    for row in range(count):
        proof = WorkProof.from_json(json.loads(json.dumps(work_proof(snapshot, row).as_json())))
        proof.verify(snapshot.works_root)
        assert proof.work_id == work_id(row)
        assert proof.terms == snapshot.terms(row)


@pytest.mark.parametrize("count", [1, 5, 255, 256, 257, 1100])
def test_the_book_proves_what_the_edition_proves(tmp_path: Path, count: int) -> None:
    files = write_edition(tmp_path / "edition", make_content(works=count))
    snapshot = Snapshot.open(tmp_path / "edition")
    with files.book.open("rb") as file:
        reads = []

        def read(start: int, length: int) -> bytes:
            reads.append(length)
            file.seek(start)
            return file.read(length)

        for row in sorted({0, count // 2, count - 1}):
            reads.clear()
            assert Book(read, 1).proof(row) == work_proof(snapshot, row)
            assert len(reads) <= 8
            assert max(reads) <= 8192
        for row in (-1, count):
            with pytest.raises(InvalidInput, match="no work row"):
                Book(read, 1).proof(row)


def test_a_damaged_book_proves_nothing(tmp_path: Path) -> None:
    files = write_edition(tmp_path / "edition", make_content(works=5))
    data = files.book.read_bytes()
    expected = work_proof(Snapshot.open(tmp_path / "edition"), 3)
    for position in range(len(data)):
        damaged = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        try:
            proof = Book(lambda start, length, data=damaged: data[start : start + length], 1).proof(3)  # type: ignore[misc]
            proof.verify(files.works_root)
        except (Corrupt, InvalidInput, VerificationFailed):
            continue
        assert proof == expected
    for length in range(0, len(data), 7):
        cut = data[:length]
        with pytest.raises(Corrupt):
            Book(lambda start, length, data=cut: data[start : start + length], 1).proof(4)  # type: ignore[misc]


@pytest.mark.parametrize(
    "change",
    [
        {"row": 2},
        {"size": 4},
        {"work_id": bytes(16)},
        {"terms": Terms()},
        {"terms": Terms(contested_since=1)},
        {"terms": Terms(contested_by="work_x")},
        {"terms": Terms(upheld=True)},
        {"records": ()},
        {"path": ()},
        {"path": (bytes(32),)},
    ],
)
def test_a_proof_of_anything_else_fails(tmp_path: Path, change: dict[str, Any]) -> None:
    snapshot = _open(tmp_path, 5)
    proof = work_proof(snapshot, 3)
    proof.verify(snapshot.works_root)
    with pytest.raises(VerificationFailed):
        replace(proof, **change).verify(snapshot.works_root)
    with pytest.raises(VerificationFailed):
        proof.verify(bytes(32))


@pytest.mark.parametrize("change", [{"format": "x"}, {"work": "party_1"}, {"extra": 1}, {"path": ["zz"]}])
def test_what_is_no_proof_is_not_read(tmp_path: Path, change: dict[str, Any]) -> None:
    data = work_proof(_open(tmp_path, 2), 0).as_json()
    with pytest.raises(VerificationFailed):
        WorkProof.from_json(data | change)
    with pytest.raises(VerificationFailed):
        WorkProof.from_json({})


def test_there_is_no_proof_for_a_row_that_does_not_exist(tmp_path: Path) -> None:
    for row in (-1, 2):
        with pytest.raises(InvalidInput):
            work_proof(_open(tmp_path / str(row), 2), row)
