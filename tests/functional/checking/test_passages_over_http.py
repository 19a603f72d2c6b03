"""Texts by the live check: excerpts are found by their fingerprints, with how much and where, and what refuses."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

from registry.base.actor import Role
from registry.core.fingerprints import WINNOW32, fingerprint_text
from tests.functional.conftest import Account, Client
from tests.unit.crawler import lab

Make = Callable[..., Account]

NOVEL = lab.prose(700, 900).split()


def code(text: str) -> str:
    (found,) = (f.code for f in fingerprint_text(text).fingerprints if f.algorithm == WINNOW32)
    return found.hex()


def register(client: Client, maker: Account, text: str, **metadata: Any) -> dict[str, Any]:
    parts = {
        "file": (io.BytesIO(text.encode()), "novel.txt"),
        "metadata": json.dumps({"title": "A novel", **metadata}),
    }
    answer = client.post("/v1/works", data=parts, headers=maker.headers)
    assert answer.status_code == 201, answer.json
    work: dict[str, Any] = answer.json
    return work


def check(client: Client, who: Account, *texts: str, **terms: int) -> Any:
    body = {"algorithm": WINNOW32, "purpose": "train_genai", "policy": "eu-art4", **terms}
    return client.post("/v1/check", json=body | {"hashes": [code(t) for t in texts]}, headers=who.headers)


def page(words: list[str]) -> str:
    return f"{lab.prose(701, 100)} {' '.join(words)} {lab.prose(702, 100)}"


def test_an_excerpt_is_found_with_its_place_and_a_trace_decides_nothing(
    client: Client, account: Make
) -> None:
    work = register(client, account(), " ".join(NOVEL), disclosure="check-api-only")
    algorithms = {f["algorithm"] for f in work["versions"][0]["fingerprints"]}
    assert WINNOW32 in algorithms
    buyer = account(Role.LAB)
    answer = check(client, buyer, page(NOVEL[300:350]), page(NOVEL[500:514]), lab.prose(703, 200)).json
    assert answer["verdicts"] == "144"
    assert answer["kept"] == "011"
    found = {m["i"]: m for m in answer["matches"]}
    assert set(found) <= {0, 1}
    assert (found[0]["work"], found[0]["grade"], found[0]["algorithm"]) == (work["id"], "certain", WINNOW32)
    begin = len(lab.prose(701, 100).replace(" ", "").replace(".", ""))
    assert begin <= found[0]["passage"]["begin"] < begin + 32
    assert found[0]["passage"]["words"] >= 40
    assert 1 not in found or found[1]["grade"] == "trace"
    spared = check(client, buyer, page(NOVEL[300:350]), min_words=100).json
    assert (spared["verdicts"], [m["grade"] for m in spared["matches"]]) == ("4", ["trace"])
    for words, verdict in (("100", 4), ("12", 1)):
        line = json.dumps({"hash": code(page(NOVEL[300:350]))}).encode() + b"\n"
        query = {"algorithm": WINNOW32, "purpose": "train_genai", "policy": "eu-art4", "min_words": words}
        headers = {**buyer.headers, "Content-Type": "application/jsonl"}
        lines = client.post("/v1/check", data=line, query_string=query, headers=headers)
        assert json.loads(lines.data.splitlines()[0])["verdict"] == verdict
        sent = {"file": (io.BytesIO(page(NOVEL[300:350]).encode()), "page.txt")}
        del query["algorithm"]
        files = client.post("/v1/check/files", data=sent, query_string=query, headers=buyer.headers)
        assert files.json["files"][0]["verdict"] == verdict


def test_a_code_that_no_text_has_is_refused(client: Client, account: Make) -> None:
    buyer = account(Role.LAB)
    body = {"algorithm": WINNOW32, "hashes": ["00" * 13], "purpose": "train_genai", "policy": "eu-art4"}
    refused = client.post("/v1/check", json=body, headers=buyer.headers)
    assert refused.status_code in {400, 422}
    assert "hashes[0]" in refused.json["detail"]


def test_a_text_is_withdrawn_with_its_fingerprints(client: Client, account: Make) -> None:
    maker, buyer = account(), account(Role.LAB)
    work = register(client, maker, " ".join(NOVEL))
    assert check(client, buyer, page(NOVEL[300:350])).json["verdicts"] == "1"
    assert client.delete(f"/v1/works/{work['id']}", headers=maker.headers).status_code in {200, 204}
    assert check(client, buyer, page(NOVEL[300:350])).json["verdicts"] == "4"


def test_what_three_makers_share_is_common(client: Client, account: Make) -> None:
    shared = NOVEL[:60]
    for n in range(3):
        own = " ".join([lab.prose(710 + n, 200), *shared, lab.prose(720 + n, 200)])
        register(client, account(), own)
    assert check(client, account(Role.LAB), page(shared)).json["verdicts"] == "4"
