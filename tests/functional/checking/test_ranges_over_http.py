"""`GET /v1/check/sha256/{prefix}`: the digests that begin alike, among decoys that nobody can tell from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from registry.app import create_app
from registry.base.actor import Role
from registry.base.db import Database
from registry.base.settings import Settings
from registry.checking.ranges import MULTIPLE, DecoySecret, decoys
from registry.core.errors import NotReady, TrustRefused
from tests.functional.checking.test_check_over_http import check, code_of, offer, register
from tests.functional.conftest import Account, Client
from tests.support.pictures import png

Make = Callable[..., Account]
SHA256 = "digest.sha256.v1"
TERMS = {"purpose": "train_genai", "policy": "consent-first"}


def ask(client: Client, prefix: str, **options: Any) -> Any:
    return client.get(f"/v1/check/sha256/{prefix}", query_string=TERMS, **options)


def verdict_of(client: Client, digest: str) -> str | None:
    """As a client does it: the first 5 digits go out, the others are looked for at home."""
    answer = ask(client, digest[:5])
    assert answer.status_code == 200, answer.json
    listed = dict(zip(answer.json["suffixes"], answer.json["verdicts"], strict=True))
    return listed.get(digest[5:])


def test_a_registered_digest_is_listed_with_what_anyone_may_do(client: Client, account: Make) -> None:
    maker = account()
    denied, free = register(client, maker, png(1)), register(client, maker, png(2))
    offer(client, maker, free)
    for work, verdict in ((denied, "1"), (free, "0")):
        digest = code_of(work, SHA256)
        assert verdict_of(client, digest) == verdict
        assert check(client, account(Role.LAB), digest, algorithm=SHA256).json["verdicts"] == verdict
    last = code_of(denied, SHA256)[:-1] + ("0" if code_of(denied, SHA256)[-1] != "0" else "1")
    assert verdict_of(client, last) is None


def test_every_answer_has_the_same_length_and_order(client: Client, account: Make) -> None:
    digest = code_of(register(client, account(), png(1)), SHA256)
    for prefix in (digest[:5], digest[:5].upper(), "00000", "fffff"):
        answer = ask(client, prefix).json
        assert answer["prefix"] == prefix.lower()
        assert len(answer["suffixes"]) == len(answer["verdicts"]) == MULTIPLE
        assert answer["suffixes"] == sorted(set(answer["suffixes"]))
        assert {len(suffix) for suffix in answer["suffixes"]} == {59}


def test_decoys_stay_when_the_registry_changes(client: Client, account: Make) -> None:
    """Else two answers would tell which they are. They are denied, as most works are."""
    maker = account()
    digest = code_of(register(client, maker, png(1)), SHA256)
    before = ask(client, digest[:5]).json
    register(client, maker, png(2))
    after = ask(client, digest[:5]).json
    assert after["live"]["change_seq"] > before["live"]["change_seq"]
    assert (after["suffixes"], after["verdicts"]) == (before["suffixes"], "1" * MULTIPLE)


def test_all_processes_have_the_same_decoys(client: Client, settings: Settings, database: Database) -> None:
    other = create_app(settings, database=database).test_client()
    assert ask(client, "abcde").json == ask(other, "abcde").json


@pytest.mark.parametrize("disclosure", ["check-api-only", "digest-only"])
def test_what_is_not_published_is_not_listed(client: Client, account: Make, disclosure: str) -> None:
    work = register(client, account(), png(1), disclosure=disclosure)
    expected = "1" if disclosure == "digest-only" else None
    assert verdict_of(client, code_of(work, SHA256)) == expected


def test_another_ones_hidden_work_counts_where_the_digest_is_listed(client: Client, account: Make) -> None:
    """As in a check: one owner's licence does not cover what another one reserved."""
    open_maker, other = account(), account()
    free = register(client, open_maker, png(1))
    offer(client, open_maker, free)
    digest = code_of(free, SHA256)
    assert verdict_of(client, digest) == "0"
    register(client, other, png(1), disclosure="check-api-only")
    by_check = check(client, account(Role.LAB), digest, algorithm=SHA256).json["verdicts"]
    assert verdict_of(client, digest) == by_check


def test_a_withdrawn_work_is_no_longer_listed(client: Client, account: Make) -> None:
    maker = account()
    work = register(client, maker, png(1))
    assert verdict_of(client, code_of(work, SHA256)) == "1"
    client.delete(f"/v1/works/{work['id']}", headers=maker.headers)
    assert verdict_of(client, code_of(work, SHA256)) is None


def test_it_may_be_kept_for_a_minute_and_asked_for_again(client: Client) -> None:
    answer = ask(client, "abcde")
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    again = ask(client, "abcde", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_other_prefixes_are_refused(client: Client) -> None:
    for prefix in ("abcd", "abcdef", "abcdg", "%2babcd", "１２３４５", "abcde%0a"):
        answer = ask(client, prefix)
        assert (answer.status_code, answer.json["code"]) == (422, "input.invalid"), prefix
        assert "first 5 hexadecimal digits" in answer.json["detail"]


def test_purpose_and_policy_are_asked_for(client: Client) -> None:
    for left_out in TERMS:
        terms = {name: value for name, value in TERMS.items() if name != left_out}
        assert client.get("/v1/check/sha256/abcde", query_string=terms).status_code == 422


def test_a_secret_that_cannot_be_used_is_no_answer(client: Client, app: Flask, settings: Settings) -> None:
    path = settings.home / "keys" / "decoys.key"
    assert ask(client, "abcde").status_code == 200
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(TrustRefused, match="Others may read"):
        DecoySecret(path).read()
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(NotReady, match="damaged"):
        DecoySecret(path).read()
    assert ask(client, "abcde").status_code == 503
    path.unlink()
    assert len(set(decoys_of(DecoySecret(path))) | set(decoys_of(DecoySecret(path)))) == 3


def decoys_of(secret: DecoySecret) -> list[str]:
    made = decoys(secret.read(), "abcde")
    return [next(made) for _ in range(3)]
