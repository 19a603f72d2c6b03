"""The account, a lab's models, mandates: what is made, shown once, ended."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from registry.base.actor import Role

Person = Any


# -- keys -----------------------------------------------------------------------------------------------------
def test_a_key_is_shown_once_and_works_until_it_is_revoked(person: Callable[..., Person]) -> None:
    anna = person()
    anna.browser.open("/en/account")
    made = anna.browser.send("/en/account/keys", {"name": "Laptop", "scope": ["works:read", "check"]})
    key = re.search(r"vbk_[\w-]{47}", made.text)
    assert key is not None
    headers = {"Authorization": f"Bearer {key[0]}"}
    assert anna.browser.client.get("/v1/works", headers=headers).status_code == 200
    assert anna.browser.client.get("/v1/accounts/me", headers=headers).status_code == 403

    page = anna.browser.open("/en/account").text
    assert key[0] not in page
    assert "read works, check items" in page
    revoke = re.search(r'action="(/en/account/keys/key_\w+/revoke)"', page)
    assert revoke is not None
    assert anna.browser.send(revoke[1]).status_code == 303
    assert anna.browser.client.get("/v1/works", headers=headers).status_code == 401
    assert "Revoked" in anna.browser.read("/en/account")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"name": "", "scope": "check"}, "Geben Sie dem Schlüssel einen Namen."),
        ({"name": "x"}, "Wählen Sie mindestens eines"),
        ({"name": "x", "scope": "operate"}, "Wählen Sie mindestens eines"),
        ({"name": "x", "scope": "claims:write"}, "Wählen Sie mindestens eines"),
    ],
)
def test_a_key_needs_a_name_and_something_to_do(
    person: Callable[..., Person], data: dict[str, str], sentence: str
) -> None:
    anna = person()
    anna.browser.open("/de/account")
    answer = anna.browser.send("/de/account/keys", data)

    assert answer.status_code == 422
    assert sentence in answer.text
    assert "Sie haben noch keine Schlüssel." in answer.text


# -- models ---------------------------------------------------------------------------------------------------
def test_models_are_named_once(person: Callable[..., Person]) -> None:
    lab = person(Role.LAB)
    assert "No model yet." in lab.browser.read("/en/models")
    lab.browser.open("/en/models")
    heron = {"name": "heron", "version": "1"}
    assert lab.browser.send("/en/models", heron).status_code == 303
    again = lab.browser.send("/en/models", heron)

    assert again.status_code == 422
    assert "You have named this version already." in again.text
    assert lab.browser.send("/en/models", {"name": "", "version": "2"}).status_code == 422
    assert "model_" in lab.browser.read("/en/models")


# -- mandates -------------------------------------------------------------------------------------------------
def test_a_mandate_is_given_seen_by_both_and_ended(person: Callable[..., Person]) -> None:
    anna, society = person(), person(Role.SOCIETY, "VG Musterkunst")
    anna.browser.open("/en/mandates")
    data = {"agent": society.id, "repertoire": "image", "may": ["grant", "collect"]}
    assert anna.browser.send("/en/mandates", data).status_code == 303
    assert "VG Musterkunst" in anna.browser.read("/en/mandates")
    assert "all pictures" in society.browser.read("/en/mandates")

    page = society.browser.open("/en/mandates").text
    end = re.search(r'action="(/en/mandates/mandate_\w+/end)"', page)
    assert end is not None
    assert society.browser.send(end[1]).status_code == 303
    assert "Ended" in anna.browser.read("/en/mandates")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"agent": "VG", "may": "grant"}, "Kopieren Sie die Nummer"),
        ({"agent": "LAB", "may": "grant"}, "Unter dieser Nummer gibt es keine Gesellschaft"),
        ({"agent": "party_00000000000000000000000000", "may": "grant"}, "Unter dieser Nummer"),
        ({"agent": "SELF", "may": "grant"}, "Unter dieser Nummer"),
        ({"agent": "LAB"}, "Wählen Sie mindestens eines"),
    ],
)
def test_a_mandate_needs_somebody_and_something(
    person: Callable[..., Person], data: dict[str, str], sentence: str
) -> None:
    anna, lab = person(), person(Role.LAB)
    agent = {"LAB": lab.id, "SELF": anna.id}.get(data["agent"], data["agent"])
    anna.browser.open("/de/mandates")
    answer = anna.browser.send("/de/mandates", data | {"agent": agent})

    assert answer.status_code == 422
    assert sentence in answer.text
