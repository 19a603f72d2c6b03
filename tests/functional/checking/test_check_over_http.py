"""`POST /v1/check`: the verdict of each code, what only this server knows, and every refusal."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from registry.base.actor import Role, Scope
from tests.functional.conftest import Account, Client
from tests.support.pictures import png

Make = Callable[..., Account]
PHASH = "image.phash256.v1"


def register(client: Client, maker: Account, data: bytes, **metadata: Any) -> dict[str, Any]:
    parts = {"file": (io.BytesIO(data), "file"), "metadata": json.dumps({"title": "Dunes", **metadata})}
    answer = client.post("/v1/works", data=parts, headers=maker.headers)
    assert answer.status_code == 201, answer.json
    work: dict[str, Any] = answer.json
    return work


def code_of(work: dict[str, Any], algorithm: str = PHASH) -> str:
    (version,) = work["versions"]
    return next(str(f["code"]) for f in version["fingerprints"] if f["algorithm"] == algorithm)


def flipped(code: str, bits: int) -> str:
    """The code with its first bits turned over."""
    return f"{int(code, 16) ^ ((1 << 256) - (1 << (256 - bits)) if bits else 0):064x}"


def check(client: Client, who: Account, *hashes: str, **changes: Any) -> Any:
    body = {"algorithm": PHASH, "hashes": list(hashes), "purpose": "train_genai", "policy": "consent-first"}
    return client.post("/v1/check", json=body | changes, headers=who.headers)


def test_one_digit_for_each_code_and_hits_spelled_out(client: Client, account: Make) -> None:
    work = register(client, account(), png(1))
    code = code_of(work)
    answer = check(
        client, account(Role.LAB), code, flipped(code, 31), flipped(code, 33), flipped(code, 34), "00" * 32
    )
    assert answer.status_code == 200
    assert answer.json["verdicts"] == "11144"
    assert answer.json["kept"] == "00000"
    assert [(m["i"], m["work"], m["distance"], m["grade"]) for m in answer.json["matches"]] == [
        (0, work["id"], 0, "certain"),
        (1, work["id"], 31, "certain"),
        (2, work["id"], 33, "match"),
    ]
    assert {m["reason"] for m in answer.json["matches"]} == {"registered.no-licence"}


def test_what_nobody_knows_is_kept_only_by_the_policy_of_the_directive(client: Client, account: Make) -> None:
    lab = account(Role.LAB)
    assert check(client, lab, "00" * 32).json["kept"] == "0"
    assert check(client, lab, "00" * 32, policy="eu-art4").json["kept"] == "1"


def test_a_registration_counts_from_the_next_request_on(client: Client, account: Make) -> None:
    maker, lab = account(), account(Role.LAB)
    first = register(client, maker, png(1))
    before = check(client, lab, code_of(first)).json["live"]["change_seq"]
    second = register(client, maker, png(2))
    answer = check(client, lab, code_of(second)).json
    assert answer["verdicts"] == "1"
    assert answer["live"]["change_seq"] > before


def test_a_withdrawn_work_is_no_longer_found(client: Client, account: Make) -> None:
    maker, lab = account(), account(Role.LAB)
    work = register(client, maker, png(1))
    assert check(client, lab, code_of(work)).json["verdicts"] == "1"
    assert client.delete(f"/v1/works/{work['id']}", headers=maker.headers).status_code in {200, 204}
    assert check(client, lab, code_of(work)).json["verdicts"] == "4"


def test_what_is_for_this_interface_only_is_found_here(client: Client, account: Make) -> None:
    work = register(client, account(), png(1), disclosure="check-api-only")
    assert check(client, account(Role.LAB), code_of(work)).json["verdicts"] == "1"


@pytest.mark.parametrize(("disclosure", "told"), [("check-api-only", {16}), ("snapshot", {7, 9})])
def test_turning_bit_after_bit_tells_nothing_about_a_hidden_code(
    client: Client, account: Make, disclosure: str, told: set[int]
) -> None:
    """Of a public one it tells each bit; that code is in the snapshot anyway."""
    code = code_of(register(client, account(), png(1), disclosure=disclosure))
    near = bytes.fromhex(flipped(code, 8))
    turned = [
        bytes(b ^ (128 >> n % 8 if i == n // 8 else 0) for i, b in enumerate(near)).hex() for n in range(256)
    ]
    matches = check(client, account(Role.LAB), *turned).json["matches"]
    assert len(matches) == 256
    assert {match["distance"] for match in matches} == told


def test_of_a_digest_only_work_the_picture_is_not_found_but_the_file_is(
    client: Client, account: Make
) -> None:
    work = register(client, account(), png(1), disclosure="digest-only")
    lab = account(Role.LAB)
    assert check(client, lab, code_of(work)).json["verdicts"] == "4"
    digest = code_of(work, "digest.sha256.v1")
    assert check(client, lab, digest, algorithm="digest.sha256.v1").json["verdicts"] == "1"


def offer(client: Client, maker: Account, work: dict[str, Any], **terms: Any) -> dict[str, Any]:
    body = {"works": [work["id"]], "purpose": "train_genai", **terms}
    answer = client.post("/v1/offers", json=body, headers=maker.headers)
    assert answer.status_code == 201, answer.json
    made: dict[str, Any] = answer.json
    return made


def test_an_open_licence_allows_until_it_is_revoked(client: Client, account: Make) -> None:
    maker, lab = account(), account(Role.LAB)
    work = register(client, maker, png(1))
    made = offer(client, maker, work)
    answer = check(client, lab, code_of(work)).json
    assert (answer["verdicts"], answer["kept"]) == ("0", "1")
    assert made["id"] in answer["matches"][0]["licences"][0]
    assert check(client, lab, code_of(work), purpose="tdm").json["verdicts"] == "1", "more than was granted"
    assert client.delete(f"/v1/offers/{made['id']}", headers=maker.headers).status_code in {200, 204}
    assert check(client, lab, code_of(work)).json["verdicts"] == "1"


def test_an_agreement_licenses_its_lab_and_nobody_else(client: Client, account: Make) -> None:
    maker, lab, other = account(), account(Role.LAB), account(Role.LAB, name="Other")
    work = register(client, maker, png(1))
    components = [{"type": "per_unit", "unit": "image", "amount_minor": 40, "per_units": 100}]
    tariff = {"name": "pictures", "currency": "EUR", "components": components}
    made = client.post("/v1/tariffs", json=tariff, headers=maker.headers).json
    priced = offer(client, maker, work, tariff=made["tariff"])
    assert check(client, lab, code_of(work)).json["verdicts"] == "1", "an offer is no permission"
    assert client.post(f"/v1/offers/{priced['id']}/accept", headers=lab.headers).status_code == 201
    answer = check(client, lab, code_of(work)).json
    assert (answer["verdicts"], answer["kept"]) == ("2", "1")
    assert check(client, other, code_of(work)).json["verdicts"] == "1"


def test_a_second_title_to_the_same_file_frees_nothing_and_voids_nothing(
    client: Client, account: Make
) -> None:
    maker, thief, lab = account(), account(name="Thief"), account(Role.LAB)
    work = register(client, maker, png(1))
    offer(client, maker, work)
    later = register(client, thief, png(1))
    assert later["contested"] is not None
    refused = client.post(
        "/v1/offers", json={"works": [later["id"]], "purpose": "all"}, headers=thief.headers
    )
    assert refused.status_code in {403, 409, 422}
    assert check(client, lab, code_of(work)).json["verdicts"] in {"0", "1"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not JSON"),
        (b"[]", "JSON object"),
        (b'{"algorithm": "image.phash256.v1", "hashes": []}', "missing"),
        (
            b'{"algorithm": "image.phash256.v1", "hashes": [], "purpose": "tdm", "policy": "eu-art4", "x": 1}',
            "Unknown field",
        ),
    ],
)
def test_a_malformed_body_is_refused(client: Client, account: Make, body: bytes, says: str) -> None:
    answer = client.post(
        "/v1/check", data=body, content_type="application/json", headers=account(Role.LAB).headers
    )
    assert answer.status_code in {400, 422}
    assert says in answer.json["detail"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"hashes": []}, "empty"),
        ({"hashes": ["zz"]}, "hashes[0]"),
        ({"hashes": ["00" * 31]}, "hashes[0]"),
        ({"hashes": ["00" * 32, "00"]}, "hashes[1]"),
        ({"hashes": [5]}, "list of hexadecimal strings"),
        ({"hashes": "00"}, "list of hexadecimal strings"),
        ({"hashes": ["00" * 32] * 10_001}, "10,000"),
        ({"algorithm": "image.phash999.v1"}, "image.phash999.v1"),
        ({"algorithm": 5}, "strings"),
        ({"purpose": "training"}, "training"),
        ({"policy": "keep-all"}, "keep-all"),
        ({"policy": None}, "strings"),
        ({"territory": "Europe"}, "Europe"),
        ({"algorithm": "source.url.v1"}, "as urls"),
        ({"urls": ["https://example.org/"]}, "do not go together"),
    ],
)
def test_a_wrong_value_is_named(client: Client, account: Make, changes: dict[str, Any], says: str) -> None:
    answer = check(client, account(Role.LAB), "00" * 32, **changes)
    assert answer.status_code in {413, 422}
    if answer.status_code == 422:
        assert says in answer.json["detail"]


def test_nobody_checks_without_a_key_that_may(client: Client, account: Make) -> None:
    assert client.post("/v1/check", json={}).status_code == 401
    assert check(client, account(Role.CREATOR, Scope.WORKS_READ), "00" * 32).status_code == 403


@pytest.mark.parametrize(
    ("urls", "says"),
    [
        ([], "empty"),
        (["https://example.org/", "example.org"], "urls[1]"),
        ([5], "list of addresses"),
        ("https://example.org/", "list of addresses"),
        ({"0": "https://example.org/"}, "list of addresses"),
        (["http://a/"] * 10_001, "10,000"),
    ],
)
def test_a_wrong_address_is_named(client: Client, account: Make, urls: Any, says: str) -> None:
    body = {"urls": urls, "purpose": "train_genai", "policy": "eu-art4"}
    answer = client.post("/v1/check", json=body, headers=account(Role.LAB).headers)
    assert answer.status_code in {413, 422}
    if answer.status_code == 422:
        assert says in answer.json["detail"]


def test_an_address_that_nobody_has_registered(client: Client, account: Make) -> None:
    body = {"urls": ["https://example.org/a"], "purpose": "train_genai", "policy": "eu-art4"}
    answer = client.post("/v1/check", json=body, headers=account(Role.LAB).headers)
    assert (answer.json["verdicts"], answer.json["kept"], answer.json["matches"]) == ("4", "1", [])
