from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crawler import checking
from crawler.checking import Item, check_at_server, check_in_snapshot, code_item, file_item
from crawler.client import Client
from crawler.filter import Reading
from crawler.sync import open_snapshot
from registry.core.decisions import Policy, Purpose, Request, Verdict
from registry.core.errors import InvalidInput, NetworkFailed
from registry.core.fingerprints import ANCHORS256, DHASH256, MD5, PHASH256, SHA256, Limits, fingerprint_bytes
from tests.unit.crawler import lab
from tests.unit.crawler.answering import Answer, Asked, serving

NOW = int(datetime.now(UTC).timestamp())
REQUEST = Request(Purpose.TRAIN_GENAI, Policy.CONSENT_FIRST, NOW)


def _file(tmp_path: Path, data: bytes) -> Item:
    (tmp_path / "file").write_bytes(data)
    return file_item(tmp_path / "file")


# -- items -------------------------------------------------------------------------------------------------
def test_files_that_cannot_be_checked_say_why(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(11))
    assert file_item(tmp_path / "missing").reading.gap == "error.unreadable"
    assert file_item(tmp_path / "large", Limits(max_file_bytes=10)).reading.gap == "error.too-large"
    assert _file(tmp_path, b"").reading.gap == "error.undecodable"


def test_a_code_is_of_the_named_algorithm_or_of_all_it_may_be_of() -> None:
    assert [f.algorithm for f in code_item("ab" * 32, None).reading.fingerprints] == [SHA256, PHASH256]
    assert [f.algorithm for f in code_item("ab" * 16, None).reading.fingerprints] == [MD5]
    assert [f.algorithm for f in code_item("ab" * 32, DHASH256).reading.fingerprints] == [DHASH256]


@pytest.mark.parametrize(
    ("text", "algorithm", "message"),
    [
        ("xyz", None, "not hexadecimal"),
        ("ab" * 8, None, "--algorithm"),
        ("ab" * 8, "image.phash64.v1", "exchange only"),
        ("ab" * 8, PHASH256, "32 bytes"),
        ("ab" * 32, "image.unheard-of.v1", "no algorithm"),
    ],
)
def test_what_is_no_code_is_refused(text: str, algorithm: str | None, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        code_item(text, algorithm)


# -- by snapshot ---------------------------------------------------------------------------------------------
def test_a_snapshot_answers_for_files_and_codes(tmp_path: Path, snapshot_folder: Path) -> None:
    snapshot = open_snapshot(snapshot_folder, now=datetime.now(UTC))
    work = lab.WORKS["reserved picture"]
    codes = {f.algorithm: f.code.hex() for f in fingerprint_bytes(work.data).fingerprints}
    items = [
        _file(tmp_path, lab.encoded(lab.picture(1), "JPEG", quality=60)),
        code_item(codes[PHASH256], None),
        code_item(codes[SHA256], SHA256),
        _file(tmp_path, lab.encoded(lab.picture(99))),
        _file(tmp_path, b""),
    ]
    denied, *by_code, stranger, broken = check_in_snapshot(items, snapshot, REQUEST)
    for answer in (denied, *by_code):
        assert (answer.verdict, answer.kept, answer.failed) == (Verdict.DENY, False, False)
        assert [found.work for found in answer.found] == [work.id]
    assert (stranger.verdict, stranger.reason, stranger.failed) == (Verdict.UNKNOWN, "none-found", False)
    assert (broken.reason, broken.failed) == ("error.undecodable", True)


# -- by server -----------------------------------------------------------------------------------------------
def _registry(hits: dict[str, tuple[int, str]]) -> Any:
    """A server that knows these codes: verdict and work."""

    def answer(asked: Asked) -> Answer:
        body = asked.json
        found = [hits.get(h) for h in body["hashes"]]
        return Answer(
            document={
                "live": {"change_seq": 1},
                "verdicts": "".join(str(f[0]) if f else "4" for f in found),
                "kept": "".join("1" if f and f[0] in (0, 2) else "0" for f in found),
                "matches": [
                    {
                        "i": i,
                        "work": f[1],
                        "algorithm": body["algorithm"],
                        "distance": 0,
                        "grade": "certain",
                        "variant": "full/identity",
                        "reason": "registered.no-licence" if f[0] == 1 else "licence.anyone",
                        "licences": [] if f[0] == 1 else [lab.OPEN_OFFER],
                    }
                    for i, f in enumerate(found)
                    if f
                ],
            }
        )

    return answer


def test_a_server_is_asked_for_each_kind_of_code_and_the_strongest_answer_holds(tmp_path: Path) -> None:
    item = _file(tmp_path, lab.encoded(lab.picture(1)))
    codes = {f.algorithm: f.code.hex() for f in item.reading.fingerprints}
    hits = {codes[SHA256]: (0, "work_a"), codes[PHASH256]: (1, "work_b")}
    with serving(_registry(hits)) as server, Client(server.url) as client:
        (answer,) = check_at_server([item], client, REQUEST)
    assert (answer.verdict, answer.reason, answer.kept) == (Verdict.DENY, "registered.no-licence", False)
    assert {found.work for found in answer.found} == {"work_a", "work_b"}
    sent = {asked.json["algorithm"]: asked.json for asked in server.asked}
    assert set(sent) == {SHA256, PHASH256, ANCHORS256}
    assert sent[SHA256]["purpose"] == "train_genai"
    assert sent[SHA256]["policy"] == "consent-first"


def test_only_codes_travel_and_only_those_that_say_something(tmp_path: Path) -> None:
    with serving(_registry({})) as server, Client(server.url) as client:
        (text, broken, md5) = check_at_server(
            [_file(tmp_path, lab.prose(1).encode()), _file(tmp_path, b""), code_item("ab" * 16, None)],
            client,
            REQUEST,
        )
    assert (text.reason, broken.reason, md5.reason) == ("none-found", "error.undecodable", "none-found")
    assert sorted(a.json["algorithm"] for a in server.asked) == [
        MD5,
        SHA256,
        "text.minhash128.v1",
        "text.winnow32.v1",
    ]
    assert all(lab.prose(1)[:20].encode() not in a.body for a in server.asked)


def test_codes_are_sent_in_portions_by_number_and_by_size() -> None:
    """The fingerprints of one novel fill a request; ten thousand digests do as well."""
    small, large = (0, bytes(32)), (1, bytes(300_000))
    assert [len(p) for p in checking._portions([small] * 20_001)] == [10_000, 10_000, 1]
    assert [len(p) for p in checking._portions([large, large, small, large])] == [1, 2, 1]
    assert [len(p) for p in checking._portions([(0, bytes(500_000))] * 2)] == [1, 1]
    assert list(checking._portions([])) == []


def test_a_picture_too_faint_to_compare_is_not_called_unknown_to_the_registry(tmp_path: Path) -> None:
    blank = lab.encoded(lab.picture(1).resize((1, 1)).resize((64, 64)))
    with serving(_registry({})) as server, Client(server.url) as client:
        (answer,) = check_at_server([_file(tmp_path, blank)], client, REQUEST)
    assert (answer.reason, answer.failed) == ("unchecked.low-quality", True)


@pytest.mark.parametrize(
    "document",
    [{}, [], {"verdicts": "9", "kept": "0", "matches": []}, {"verdicts": "44", "kept": "00", "matches": []},
     {"verdicts": "4", "kept": "0", "matches": [{"i": 7}]}, {"verdicts": "4", "kept": "", "matches": []}],
)  # fmt: skip
def test_an_answer_that_does_not_fit_the_question_is_refused(document: Any) -> None:
    item = Item("x", Reading(None, None, code_item("ab" * 16, None).reading.fingerprints))
    with (
        serving(lambda asked: Answer(document=document)) as server,
        Client(server.url) as client,
        pytest.raises(NetworkFailed, match="cannot be understood"),
    ):
        check_at_server([item], client, REQUEST)
