"""Works over HTTP: the two ways in, what is answered, and what is refused."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from registry.base.actor import Role, Scope
from tests.factories import Clock
from tests.functional.conftest import Account, Client
from tests.support.device import said
from tests.support.pictures import TEXT, blank_png, png

Make = Callable[..., Account]
SHA256 = {"algorithm": "digest.sha256.v1", "kind": "whole", "code": hashlib.sha256(b"x").hexdigest()}


def send_file(client: Client, by: Account, data: bytes, path: str = "/v1/works", **metadata: Any) -> Any:
    parts = {"file": (io.BytesIO(data), "whatever.bin"), "metadata": json.dumps(metadata)}
    return client.post(path, data=parts, headers=by.headers)


def send_codes(client: Client, by: Account, **changes: Any) -> Any:
    body = {"title": "Dunes", "kind": "image", "fingerprints": [SHA256]} | changes
    return client.post("/v1/works", json=body, headers=by.headers)


# -- registering --------------------------------------------------------------------------------------------
def test_a_picture_is_registered_by_its_file(client: Client, account: Make) -> None:
    anna = account()
    data = png()
    answer = send_file(client, anna, data, title="Dunes", source_urls=["https://example.org/dunes"])
    assert answer.status_code == 201
    work = answer.json
    assert work["id"].startswith("work_")
    assert (work["title"], work["kind"], work["disclosure"]) == ("Dunes", "image", "snapshot")
    assert (work["owner"], work["registered_by"]) == (anna.id, anna.id)
    assert (work["made_by"], work["tool"], work["contested"], work["withdrawn_at"]) == (
        "human",
        None,
        None,
        None,
    )
    assert work["created_at"] == "2026-08-02T09:30:00Z"
    assert work["source_urls"] == ["https://example.org/dunes"]
    (version,) = work["versions"]
    assert (version["media_type"], version["size"], version["notes"]) == ("image/png", len(data), [])
    codes = {f["algorithm"]: f["code"] for f in version["fingerprints"]}
    assert codes["digest.sha256.v1"] == hashlib.sha256(data).hexdigest()
    assert len(codes["image.phash256.v1"]) == 64
    assert {f["made_by"] for f in version["fingerprints"]} == {"server"}
    assert [(s["party"], s["right"], s["ppm"]) for s in work["shares"]] == [
        (anna.id, "communication", 1_000_000),
        (anna.id, "reproduction", 1_000_000),
    ]
    assert client.get(f"/v1/works/{work['id']}", headers=anna.headers).json == work


def test_a_text_is_registered_by_its_file(client: Client, account: Make) -> None:
    answer = send_file(client, account(), TEXT.encode(), title="Dunes, a text")
    assert answer.status_code == 201
    assert answer.json["kind"] == "text"
    assert "text.minhash128.v1" in {f["algorithm"] for f in answer.json["versions"][0]["fingerprints"]}


def test_the_maker_is_told_why_codes_are_missing(client: Client, account: Make) -> None:
    answer = send_file(client, account(), blank_png(), title="White on white")
    (note,) = answer.json["versions"][0]["notes"]
    assert note["code"] == "image.low-quality"
    assert "only the exact file" in note["message"]


def test_fingerprints_alone_register_a_work(client: Client, account: Make) -> None:
    """The codes that the server made of a file register the same work for somebody who keeps the file."""
    anna = account()
    made = send_file(client, anna, png(), title="Dunes").json["versions"][0]["fingerprints"]
    sent = [{name: code[name] for name in ("algorithm", "kind", "code")} for code in made]
    said = {"media_type": "image/png", "size": 9, "width": 640, "height": 480}
    answer = send_codes(client, account(name="Ben"), fingerprints=sent, **said)
    assert answer.status_code == 201
    (version,) = answer.json["versions"]
    assert (version["size"], version["facts"]) == (9, {"width": 640, "height": 480})
    assert [f["code"] for f in version["fingerprints"]] == [
        f["code"] for f in sorted(made, key=lambda f: (f["algorithm"], f["kind"]))
    ]
    assert {f["made_by"] for f in version["fingerprints"]} == {"client"}
    assert answer.json["contested"] is not None


def test_all_statements_come_back(client: Client, account: Make) -> None:
    anna, ben = account(), account(name="Ben")
    stated = {
        "made_by": "ai_generated",
        "tool": "Some model 2",
        "prompt": "dunes\nat dawn",
        "persons_depicted": True,
        "identifiers": [{"scheme": "isbn", "value": "3-16-148410-X"}],
        "shares": [
            {"party": anna.id, "ppm": 600_000, "territory": "world"},
            {"party": ben.id, "ppm": 400_000},
        ],
    }
    work = send_codes(client, anna, **stated).json
    assert {name: work[name] for name in ("made_by", "tool", "prompt", "persons_depicted", "disclosure")} == {
        "made_by": "ai_generated",
        "tool": "Some model 2",
        "prompt": "dunes\nat dawn",
        "persons_depicted": True,
        "disclosure": "check-api-only",
    }
    assert work["identifiers"] == [{"scheme": "isbn", "value": "9783161484100"}]
    assert {s["party"]: s["ppm"] for s in work["shares"]} == {anna.id: 600_000, ben.id: 400_000}


def test_the_newer_title_is_told_how_to_object(client: Client, account: Make, clock: Clock) -> None:
    older = send_file(client, account(), png(), title="Dunes").json
    clock.advance(days=1)
    newer = send_file(client, account(name="Ben"), png(), title="My dunes").json
    assert newer["contested"]["since"] == "2026-08-03T09:30:00Z"
    assert newer["contested"]["earlier_work"] == older["id"]
    assert "write to the operator" in newer["contested"]["how_to_object"]
    assert newer["id"] in newer["contested"]["how_to_object"]


def test_the_same_file_again_names_the_work(client: Client, account: Make) -> None:
    anna = account()
    first = send_file(client, anna, png(), title="Dunes").json
    again = send_file(client, anna, png(), title="Dunes again")
    assert (again.status_code, again.json["code"]) == (409, "conflict")
    assert again.json["details"] == {"work": first["id"]}


# -- refusals -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "media.undecodable"),
        (b"GIF89a" + bytes(3), 422, "media.undecodable"),
        (png()[:200], 422, "media.undecodable"),
        (b"8BPS\0" + bytes(60), 415, "media.unsupported"),
        (b"too short", 422, "text.too-short"),
    ],
)
def test_files_that_cannot_be_fingerprinted(
    client: Client, account: Make, data: bytes, status: int, code: str
) -> None:
    anna = account()
    answer = send_file(client, anna, data, title="Broken")
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert client.get("/v1/works", headers=anna.headers).json["items"] == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"colour": "blue"}, "colour"),
        ({"title": ""}, "title"),
        ({"title": "two\nlines"}, "title"),
        ({"title": 7}, "title"),
        ({"kind": "video"}, "kind"),
        ({"made_by": "cat"}, "made_by"),
        ({"disclosure": "everywhere"}, "disclosure"),
        ({"identifiers": [{"scheme": "isbn"}]}, "identifiers.0.value"),
        ({"fingerprints": [SHA256 | {"code": "xyz"}]}, "fingerprints.0.code"),
        ({"fingerprints": [SHA256 | {"score": 1}]}, "fingerprints.0.score"),
        ({"fingerprints": []}, "fingerprints"),
        ({"shares": [{"party": "work_0", "ppm": 1}]}, "shares.0.party"),
        ({"shares": [{"party": None, "ppm": 1}]}, "shares.0.party"),
        ({"size": -1}, "size"),
        ({"width": 0, "height": 1}, "width"),
        ({"width": 1, "height": 1_000_001}, "height"),
        ({"width": "640", "height": 480}, "width"),
    ],
)
def test_faults_are_named_by_field(client: Client, account: Make, changes: dict[str, Any], path: str) -> None:
    answer = send_codes(client, account(), **changes)
    assert (answer.status_code, answer.json["code"]) == (422, "input.invalid")
    assert path in [error["path"] for error in answer.json["errors"]]


def test_rules_are_refused_in_words(client: Client, account: Make) -> None:
    anna = account()
    shares = [{"party": anna.id, "ppm": 900_000}]
    refused = send_codes(client, anna, shares=shares)
    assert (refused.status_code, refused.json["code"]) == (422, "shares.sum")
    assert refused.json["details"]["missing"] == 100_000
    assert "names the tool" in send_codes(client, anna, made_by="ai_generated").json["detail"]
    assert (
        "no ISBN" in send_codes(client, anna, identifiers=[{"scheme": "isbn", "value": "1"}]).json["detail"]
    )
    unknown = SHA256 | {"algorithm": "image.ahash.v1"}
    assert "no algorithm" in send_codes(client, anna, fingerprints=[SHA256, unknown]).json["detail"]


def test_a_file_and_fingerprints_are_not_mixed(client: Client, account: Make) -> None:
    anna = account()
    mixed = send_file(client, anna, png(), title="Dunes", fingerprints=[SHA256])
    assert "by itself" in mixed.json["detail"]
    assert "by itself" in send_file(client, anna, png(), title="Dunes", width=1, height=1).json["detail"]
    assert "state both, or neither" in send_codes(client, anna, width=640).json["detail"]
    neither = client.post("/v1/works", json={"title": "Dunes"}, headers=anna.headers)
    assert "neither a file nor a fingerprint" in neither.json["detail"]
    parts = {"metadata": (io.BytesIO(b'{"title": "Dunes"}'), "metadata.json")}
    no_file = client.post("/v1/works", data=parts, headers=anna.headers)
    assert "part “file”" in no_file.json["detail"]
    for answer in (mixed, neither, no_file):
        assert answer.status_code == 422


def test_faults_of_multipart_bodies(client: Client, account: Make) -> None:
    anna = account()

    def send(**parts: Any) -> Any:
        return client.post(
            "/v1/works", data={"file": (io.BytesIO(png()), "a.png")} | parts, headers=anna.headers
        )

    assert send(metadata="{").status_code == 400
    assert send(metadata='{"title": "a", "title": "b"}').status_code == 400
    assert send().status_code == 422
    assert "part “note”" in send(metadata='{"title": "Dunes"}', note="x").json["detail"]
    assert send(metadata="[]").status_code == 422
    part = (io.BytesIO(b'{"title": "Dunes"}'), "metadata.json", "application/json")
    assert send(metadata=part).status_code == 201


@pytest.mark.parametrize("path", ["/v1/works", "/v1/check/files?purpose=train_genai&policy=eu-art4"])
def test_parts_whose_names_cannot_be_read_are_refused(client: Client, account: Make, path: str) -> None:
    """Beside others, too, whose names can."""
    parts = "".join(
        f"--x\r\nContent-Disposition: form-data; {name}\r\n\r\nx\r\n"
        for name in ('name="metadata"', 'name="note"', "name*=utf-8''%ff", "nothing=1")
    )
    headers = account().headers | {"Content-Type": "multipart/form-data; boundary=x"}
    refused = client.post(path, data=f"{parts}--x--\r\n".encode(), headers=headers)
    assert refused.status_code == 422
    assert "is not known here" in refused.json["detail"]


def test_other_bodies_are_refused(client: Client, account: Make) -> None:
    answer = client.post("/v1/works", data=png(), content_type="image/png", headers=account().headers)
    assert (answer.status_code, answer.json["code"]) == (415, "http.content-type")
    assert "multipart/form-data" in answer.json["detail"]


# -- who may ------------------------------------------------------------------------------------------------
def test_nobody_registers_without_a_key_or_scope(client: Client, account: Make) -> None:
    assert client.post("/v1/works", json={}).status_code == 401
    reader = account(Role.CREATOR, Scope.WORKS_READ, name="Reader")
    assert send_codes(client, reader).status_code == 403
    assert send_codes(client, account(Role.LAB, name="Lab")).status_code == 403


@pytest.mark.parametrize("role", [Role.CREATOR, Role.SOCIETY, Role.LAB])
def test_a_work_is_not_found_by_others(client: Client, account: Make, role: Role) -> None:
    work = send_codes(client, account()).json["id"]
    other = account(role, name="Other")
    assert client.get(f"/v1/works/{work}", headers=other.headers).status_code == 404
    if role is not Role.LAB:
        assert client.delete(f"/v1/works/{work}", headers=other.headers).status_code == 404
        body: dict[str, Any] = {"reservations": []}
        assert (
            client.put(f"/v1/works/{work}/reservations", json=body, headers=other.headers).status_code == 404
        )
    assert client.get("/v1/works", headers=other.headers).json == {"items": [], "next": None}


# -- later --------------------------------------------------------------------------------------------------
def test_lists_are_paged(client: Client, account: Make) -> None:
    anna = account()
    ids = []
    for i in range(3):
        code = SHA256 | {"code": hashlib.sha256(b"%d" % i).hexdigest()}
        ids.append(send_codes(client, anna, title=f"No. {i}", fingerprints=[code]).json["id"])
    first = client.get("/v1/works?limit=2", headers=anna.headers).json
    assert [w["id"] for w in first["items"]] == ids[:2]
    rest = client.get(f"/v1/works?limit=2&after={first['next']}", headers=anna.headers).json
    assert ([w["id"] for w in rest["items"]], rest["next"]) == (ids[2:], None)


def test_withdrawing(client: Client, account: Make, clock: Clock) -> None:
    anna = account()
    path = f"/v1/works/{send_codes(client, anna).json['id']}"
    clock.advance(days=1)
    assert client.delete(path, headers=anna.headers).status_code == 204
    assert client.delete(path, headers=anna.headers).status_code == 204
    assert client.get(path, headers=anna.headers).json["withdrawn_at"] == "2026-08-03T09:30:00Z"
    again = client.put(f"{path}/reservations", json={"reservations": []}, headers=anna.headers)
    assert again.status_code == 409


def test_a_further_version(client: Client, account: Make) -> None:
    anna = account()
    work = send_file(client, anna, png(), title="Dunes").json["id"]
    answer = send_file(client, anna, png(2), path=f"/v1/works/{work}/versions")
    assert answer.status_code == 201
    assert [v["number"] for v in answer.json["versions"]] == [1, 2]
    wrong = send_file(client, anna, TEXT.encode(), path=f"/v1/works/{work}/versions")
    assert (wrong.status_code, wrong.json["code"]) == (422, "input.invalid")


def test_a_writer_can_change_without_reading(client: Client, account: Make, clock: Clock) -> None:
    anna, ben = account(Role.CREATOR, Scope.WORKS_WRITE), account(name="Ben")
    work = send_codes(client, anna).json["id"]
    clock.advance(days=1)
    shares = [{"party": ben.id, "ppm": 1_000_000}]
    answer = client.put(f"/v1/works/{work}/shares", json={"shares": shares}, headers=anna.headers)
    held = {
        (s["party"], s["valid_from"], s["valid_to"])
        for s in answer.json["shares"]
        if s["right"] == "reproduction"
    }
    assert held == {
        (anna.id, "2026-08-02T09:30:00Z", "2026-08-03T09:30:00Z"),
        (ben.id, "2026-08-03T09:30:00Z", None),
    }
    stated = [{"purpose": "train_genai", "valid_to": "2027-01-01T00:00:00+01:00"}]
    answer = client.put(f"/v1/works/{work}/reservations", json={"reservations": stated}, headers=anna.headers)
    assert answer.json["reservations"] == [
        {
            "purpose": "train_genai",
            "valid_from": "2026-08-03T09:30:00Z",
            "valid_to": "2026-12-31T23:00:00Z",
            "recorded_at": "2026-08-03T09:30:00Z",
        }
    ]
    assert client.get(f"/v1/works/{work}", headers=anna.headers).status_code == 403


def test_the_description_shows_both_ways_in(client: Client) -> None:
    operation = client.get("/v1/openapi.json").json["paths"]["/v1/works"]["post"]
    content = operation["requestBody"]["content"]
    assert content.keys() == {"application/json", "multipart/form-data"}
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/NewWork"}
    multipart = content["multipart/form-data"]["schema"]["properties"]
    assert multipart["metadata"] == {"$ref": "#/components/schemas/NewWork"}
    assert operation["security"] == [{"apiKey": ["works:write"]}]


# -- the file, shown afterwards ---------------------------------------------------------------------------------
def test_a_picture_registered_by_its_codes_is_completed_by_its_file(client: Client, account: Make) -> None:
    anna, ben = account(), account()
    codes = json.loads(said(png(1)))["codes"]
    work = send_codes(client, anna, fingerprints=codes, width=1, height=1).json["id"]
    path = f"/v1/works/{work}/file"
    assert send_file(client, anna, png(1), path=f"/v1/works/{work}/versions").status_code == 409

    other = send_file(client, anna, png(2), path=path)
    assert (other.status_code, other.json["code"]) == (422, "input.invalid")
    assert "another picture than the one on record" in other.json["detail"]
    assert send_file(client, anna, TEXT.encode(), path=path).status_code == 422
    assert send_file(client, ben, png(1), path=path).status_code == 404

    done = send_file(client, anna, png(1), path=path)
    assert done.status_code == 200
    (version,) = done.json["versions"]
    assert version["facts"]["width"] == 160  # as the file has it, whatever was said before
    made_by = {f["algorithm"]: f["made_by"] for f in version["fingerprints"]}
    assert made_by["image.anchors256.v1"] == "server"
    assert made_by["image.phash256.v1"] == "client"
    assert send_file(client, anna, png(1), path=path).json["versions"] == done.json["versions"]
