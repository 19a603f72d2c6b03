"""Whose word counts about who calls: the proxies' that the settings name, and nobody else's."""

from __future__ import annotations

import pytest
from flask import Flask, request

from registry.server import behind_proxies

SAID = {
    "X-Forwarded-For": "198.51.100.7, 203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "a.example",
}


def seen(number: int, headers: dict[str, str]) -> tuple[str | None, str]:
    """The caller's address and the address called, as the application sees them."""
    app = Flask("asked")
    app.add_url_rule("/", view_func=lambda: {"from": request.remote_addr, "to": request.host_url})
    answer = behind_proxies(app, number).test_client().get("/", headers=headers)
    return answer.get_json()["from"], answer.get_json()["to"]


@pytest.mark.parametrize(
    ("number", "headers", "expected"),
    [
        (0, SAID, ("127.0.0.1", "http://localhost/")),
        (1, SAID, ("203.0.113.9", "https://a.example/")),
        (1, {}, ("127.0.0.1", "http://localhost/")),
        (
            2,
            {**SAID, "X-Forwarded-Proto": "https, http", "X-Forwarded-Host": "a.example, b.example"},
            ("198.51.100.7", "https://a.example/"),
        ),
        (2, SAID, ("198.51.100.7", "http://localhost/")),
    ],
)
def test_only_as_many_proxies_are_believed(
    number: int, headers: dict[str, str], expected: tuple[str, str]
) -> None:
    assert seen(number, headers) == expected
