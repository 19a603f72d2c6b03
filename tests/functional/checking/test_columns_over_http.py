"""Columns of codes, by Arrow or base64: the same verdicts as by JSON, and every refusal a problem, never an answer."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from registry.base.actor import Role
from tests.functional.checking.test_check_over_http import PHASH, check, code_of, flipped, offer, register
from tests.functional.conftest import Account, Client
from tests.support.arrow_streams import column, stream
from tests.support.pictures import png

Make = Callable[..., Account]
MD5 = "digest.md5.v1"
ARROW = "application/vnd.apache.arrow.stream"
TERMS = {"algorithm": PHASH, "purpose": "train_genai", "policy": "consent-first"}


def check_stream(client: Client, who: Account, body: bytes, terms: dict[str, str] | None = None) -> Any:
    headers = {**who.headers, "Content-Type": ARROW}
    return client.post("/v1/check", data=body, query_string=terms or TERMS, headers=headers)


def test_a_stream_is_answered_as_json_is(client: Client, account: Make) -> None:
    maker, lab = account(), account(Role.LAB)
    denied, free = register(client, maker, png(1)), register(client, maker, png(2))
    offer(client, maker, free)
    hashes = [code_of(denied), "00" * 32, flipped(code_of(denied), 33), code_of(free), "ff" * 32]
    by_json = check(client, lab, *hashes).json
    codes = [bytes.fromhex(code) for code in hashes]
    body = stream(column(codes[:2]), column(codes[2:]))
    answer = check_stream(client, lab, body, {**TERMS, "min_words": "100"})

    assert answer.status_code == 200, answer.data
    assert answer.mimetype == ARROW
    table = pa.ipc.open_stream(answer.data).read_all()
    assert int(table.schema.metadata[b"change_seq"]) == by_json["live"]["change_seq"]
    rows = table.to_pylist()
    assert "".join(str(row["verdict"]) for row in rows) == by_json["verdicts"] == "14104"
    assert "".join("1" if row["kept"] else "0" for row in rows) == by_json["kept"]
    hits = {n: row for n, row in enumerate(rows) if row["work"] is not None}
    assert [
        (n, row["work"], row["distance"], row["grade"], row["reason"], row["licences"])
        for n, row in hits.items()
    ] == [
        (m["i"], m["work"], m["distance"], m["grade"], m["reason"], m["licences"]) for m in by_json["matches"]
    ]
    assert {rows[n]["reason"] for n in (1, 4)} == {"none-found"}


def test_base64_is_answered_as_hexadecimal_is(client: Client, account: Make) -> None:
    work, lab = register(client, account(), png(1)), account(Role.LAB)
    hashes = [code_of(work), "00" * 32, flipped(code_of(work), 5)]
    text = b64encode(bytes.fromhex("".join(hashes))).decode()
    body = {**TERMS, "hashes_base64": text}

    assert client.post("/v1/check", json=body, headers=lab.headers).json == check(client, lab, *hashes).json


BAD_TEXTS: list[tuple[Any, str]] = [
    ("", "hashes is empty"),
    (b64encode(bytes(15)).decode(), "codes of 16 bytes"),
    ("AAA", "codes of 16 bytes"),
    (b64encode(bytes(16)).decode()[:-1] + "!", "codes of 16 bytes"),
    (b64encode(bytes(16)).decode() + "\n", "codes of 16 bytes"),
    ("é", "codes of 16 bytes"),
    (["AAAA"], "codes of 16 bytes"),
    (None, "codes of 16 bytes"),
]


def test_base64_that_is_refused_says_why(client: Client, account: Make) -> None:
    lab = account(Role.LAB)
    for text, said in BAD_TEXTS:
        body = {**TERMS, "algorithm": "digest.md5.v1", "hashes_base64": text}
        answer = client.post("/v1/check", json=body, headers=lab.headers)
        assert (answer.status_code, said in answer.json["detail"]) == (422, True), (text, answer.json)


def test_one_form_of_codes_at_a_time(client: Client, account: Make) -> None:
    lab = account(Role.LAB)
    for forms in ({"hashes": [], "hashes_base64": ""}, {"urls": [], "hashes_base64": ""}, {}):
        answer = client.post("/v1/check", json={**TERMS, **forms}, headers=lab.headers)
        assert answer.status_code == 422
        assert "send one of hashes, hashes_base64, urls" in answer.json["detail"]


ONE = stream(column([bytes(32)]))
BAD_STREAMS: list[tuple[bytes, dict[str, str | None], str]] = [
    (ONE[:-8], {}, "cut off"),
    (b"", {}, "cut off"),
    (b"{}", {}, "cut off"),
    (stream(column([bytes(32)]), compression="zstd"), {}, "compressed"),
    (ONE, {"algorithm": "digest.md5.v1"}, "fixed_size_binary[16]"),
    (ONE, {"algorithm": "text.minhash128.v1"}, "send others as hashes in JSON"),
    (ONE, {"algorithm": "image.phash999.v1"}, "send others as hashes in JSON"),
    (ONE, {"purpose": ""}, "purpose"),
    (ONE, {"policy": "mine"}, "no policy"),
    (ONE, {"territory": "moon"}, "territory"),
    (ONE, {"limit": "1"}, "Unknown field 'limit'"),
    (ONE, {"min_words": "some"}, "min_words is a whole number"),
    (ONE, {"algorithm": None}, "'algorithm' is missing"),
    (ONE, {"purpose": None}, "'purpose' is missing"),
    (ONE, {"policy": None}, "'policy' is missing"),
]


def test_a_stream_that_is_refused_says_why(client: Client, account: Make) -> None:
    lab = account(Role.LAB)
    for body, changes, said in BAD_STREAMS:
        terms = {name: value for name, value in (TERMS | changes).items() if value is not None}
        answer = check_stream(client, lab, body, terms)
        assert answer.mimetype == "application/problem+json"
        assert (answer.status_code, said in answer.json["detail"]) == (422, True), (changes, answer.json)


def test_many_rows_count_as_many_requests(client: Client, account: Make) -> None:
    """A stream of 20,001 rows is as much as three requests of 10,000."""
    lab = account(Role.LAB)
    first = check_stream(client, lab, ONE)
    second = check_stream(client, lab, stream(column([bytes(16)] * 20_001, 16)), TERMS | {"algorithm": MD5})
    assert remaining(first) - remaining(second) == 3


def remaining(answer: Any) -> int:
    """What is left of the quota."""
    return int(re.findall(r'"check";r=(\d+)', answer.headers["RateLimit"])[-1])


def test_a_stream_needs_a_key(client: Client) -> None:
    answer = client.post("/v1/check", data=ONE, query_string=TERMS, headers={"Content-Type": ARROW})
    assert answer.status_code == 401
