"""`POST /v1/check/files`: what is decided about each file, above all about those that cannot be read."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

from PIL import Image

from registry.app import create_app
from registry.base.actor import Role, Scope
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.quotas import Quota
from registry.base.settings import Settings
from tests.functional.checking.test_check_over_http import offer, register
from tests.functional.conftest import Account, Client
from tests.support.pictures import png
from tests.unit.crawler import lab

Make = Callable[..., Account]
TERMS = {"purpose": "train_genai", "policy": "consent-first"}
TEXT = ("The dunes move a little every night, and nobody has ever seen them do it. " * 8).encode()


def send(client: Client, who: Account, *files: bytes, part: str = "file", **options: Any) -> Any:
    data = {part: [(io.BytesIO(each), f"{n}.bin") for n, each in enumerate(files)]}
    terms = TERMS | options.pop("terms", {})
    return client.post("/v1/check/files", data=data, query_string=terms, headers=who.headers, **options)


def mirrored(data: bytes) -> bytes:
    out = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(out, "PNG")
    return out.getvalue()


def test_each_file_is_decided_about(client: Client, account: Make) -> None:
    maker, lab = account(), account(Role.LAB)
    denied, free = register(client, maker, png(1)), register(client, maker, png(2))
    offer(client, maker, free)
    answer = send(client, lab, png(1), mirrored(png(1)), png(2), png(3), TEXT)
    assert answer.status_code == 200, answer.json
    files = answer.json["files"]
    assert [file["name"] for file in files] == [f"{n}.bin" for n in range(5)]
    assert [(file["verdict"], file["kept"]) for file in files] == [
        (1, False),
        (1, False),
        (0, True),
        (4, False),
        (4, False),
    ]
    assert [match["work"] for file in files for match in file["matches"][:1]] == [
        denied["id"],
        denied["id"],
        free["id"],
    ]
    assert files[1]["matches"][0]["variant"] == "full/flip_h"
    assert {file["reason"] for file in files[3:]} == {"none-found"}
    assert files[0]["sha256"] == sha256(png(1)).hexdigest()
    assert answer.json["live"]["change_seq"] > 0


def test_what_cannot_be_read_is_never_kept(client: Client, account: Make) -> None:
    """Under neither policy, and although all of its digests were looked for."""
    unreadable = {
        b"": "error.undecodable",
        png(1)[:200]: "error.undecodable",
        b"short": "unchecked.too-short",
        lab.prose(1).replace("a", "а").encode(): "unchecked.disguised",  # Cyrillic
        b"\x00\x01\x02\x03" * 200: "error.",
    }
    answer = send(client, account(Role.LAB), *unreadable, png(4), terms={"policy": "eu-art4"})
    *files, last = answer.json["files"]
    assert (last["verdict"], last["kept"], last["reason"]) == (4, True, "none-found")
    for file, reason in zip(files, unreadable.values(), strict=True):
        assert (file["verdict"], file["kept"]) == (4, False), file
        assert file["reason"].startswith(reason)
        assert file["detail"]


def test_a_file_that_cannot_be_read_is_found_by_its_digest(client: Client, account: Make) -> None:
    broken = png(1)[:200]
    code = {"algorithm": "digest.sha256.v1", "kind": "whole", "code": sha256(broken).hexdigest()}
    body = {"title": "Dunes", "kind": "image", "fingerprints": [code], "disclosure": "digest-only"}
    made = client.post("/v1/works", json=body, headers=account(Role.SOCIETY).headers)
    assert made.status_code == 201, made.json
    (file,) = send(client, account(Role.LAB), broken).json["files"]
    assert (file["verdict"], file["reason"]) == (1, "registered.no-licence")


def test_what_is_refused_as_a_whole(client: Client, account: Make) -> None:
    lab = account(Role.LAB)
    for answer, said in (
        (send(client, lab, content_type="multipart/form-data"), "there were 0"),
        (send(client, lab, *[b"text"] * 21), "there were 21"),
        (send(client, lab, b"text", part="picture"), "“picture” is not known"),
        (send(client, lab, b"text", terms={"policy": "any"}), ""),
        (send(client, lab, b"text", terms={"colour": "red"}), ""),
    ):
        assert (answer.status_code, said in answer.json["detail"]) == (422, True), answer.json
    by_json = client.post("/v1/check/files", json={}, query_string=TERMS, headers=lab.headers)
    assert by_json.status_code == 415
    assert client.post("/v1/check/files", query_string=TERMS).status_code == 401
    reader = account(Role.LAB, Scope.SNAPSHOT_READ)
    assert send(client, reader, b"text").status_code == 403


def test_each_file_counts_as_a_request(
    settings: Settings, database: Database, sources: Sources, account: Make
) -> None:
    app = create_app(replace(settings, rate_check=Quota(3, 60)), sources=sources, database=database)
    client, lab = app.test_client(), account(Role.LAB)
    from_here = {"REMOTE_ADDR": "192.0.2.1"}
    assert send(client, lab, TEXT, TEXT, environ_base=from_here).status_code == 200
    assert send(client, lab, TEXT, TEXT, environ_base=from_here).status_code == 429


def test_files_are_not_kept(client: Client, account: Make, settings: Settings) -> None:
    picture = png(5, (900, 700))
    assert send(client, account(Role.LAB), picture).status_code == 200
    kept = [path.read_bytes() for path in settings.home.rglob("*") if path.is_file()]
    assert not any(picture[:4096] in data for data in kept)
