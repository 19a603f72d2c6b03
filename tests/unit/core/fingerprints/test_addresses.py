"""Addresses as browsers read them, the scopes that a host is in, and whatever else people and crawlers write."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.fingerprints import ADDRESSES, SOURCE_DOMAIN, SOURCE_URL, check_code, fingerprint_url
from registry.core.fingerprints.addresses import (
    MAX_CHARACTERS,
    Address,
    domain_code,
    host_scope,
    parse_address,
    parse_domain,
    scopes_of,
    tree_scope,
    url_code,
)

READ_BY_BROWSERS: dict[str, list[list[str | None]]] = json.loads(
    Path(__file__).with_name("addresses.json").read_text("utf-8")
)
"""Groups of [as written, normal form or null]: what Chromium 156 makes of it, less what we remove. Where it departs
from the standard (it keeps `*` and a blank in a host escaped, and escapes `|` in a path), as the standard has it."""


def normal(text: str) -> str | None:
    try:
        return parse_address(text).url
    except InvalidInput:
        return None


@pytest.mark.parametrize("group", READ_BY_BROWSERS)
def test_addresses_are_read_as_browsers_read_them(group: str) -> None:
    for text, expected in READ_BY_BROWSERS[group]:
        assert text is not None
        assert normal(text) == expected, text


def test_what_is_no_part_of_the_target_is_removed_and_nothing_else() -> None:
    """Parameters stay, in their order, tracking ones too: a server may answer differently to each."""
    text = "HTTPS://anna:secret@WWW.Example.org.:443/A/%7ea?utm_source=x&b=&b=1#part"
    assert parse_address(text) == Address(
        "https://www.example.org/A/%7ea?utm_source=x&b=&b=1", "www.example.org"
    )


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("http://WWW.Example.org./a", "www.example.org"),
        ("http://bücher.example/", "xn--bcher-kva.example"),
        ("http://a_b.blog.example/", "a_b.blog.example"),
        (f"http://{'a' * 63}.example/", f"{'a' * 63}.example"),
        (f"http://{'a' * 64}.example/", None),
        (f"http://{'a.' * 125}aaa/", f"{'a.' * 125}aaa"),
        (f"http://{'a.' * 126}aa/", None),
        ("http://example..org/", None),
        ("http://.example.org/", None),
        ("http://example.org../", None),
        ("http://localhost/", None),
        ("http://127.0.0.1/", None),
        ("http://[2001:db8::1]/", None),
    ],
)
def test_only_what_the_dns_could_hold_is_a_domain(text: str, domain: str | None) -> None:
    assert parse_address(text).domain == domain
    assert {f.algorithm for f in fingerprint_url(text)} == (ADDRESSES if domain else {SOURCE_URL})


# -- scopes and codes --------------------------------------------------------------------------------------
def test_a_host_is_in_its_own_scope_and_in_those_of_every_domain_above() -> None:
    assert scopes_of("shop.example.co.uk") == (
        "shop.example.co.uk",
        ".shop.example.co.uk",
        ".example.co.uk",
        ".co.uk",
    )
    assert scopes_of("example.org") == ("example.org", ".example.org")


def test_a_registered_domain_covers_what_is_below_it_and_a_registered_host_does_not() -> None:
    def found(url: str) -> set[bytes]:
        return {f.code for f in fingerprint_url(url) if f.algorithm == SOURCE_DOMAIN}

    tree, host = domain_code(tree_scope("example.org")), domain_code(host_scope("example.org"))
    for url in ("https://example.org/", "http://example.org.:81/x", "https://EXAMPLE.org?"):
        assert {tree, host} <= found(url)
    for url in ("https://www.example.org/", "https://a.b.example.org/"):
        assert found(url) & {tree, host} == {tree}
    for url in ("https://badexample.org/", "https://example.org.evil.example/", "https://org/"):
        assert not found(url) & {tree, host}


def test_codes_can_be_recomputed_with_any_sha256() -> None:
    r"""`printf 'source.url.v1\nhttps://example.org/' | sha256sum`."""
    assert url_code("https://example.org/") == hashlib.sha256(b"source.url.v1\nhttps://example.org/").digest()
    assert domain_code(".example.org") == hashlib.sha256(b"source.domain.v1\n.example.org").digest()
    codes = fingerprint_url("https://example.org")
    assert [f.code for f in codes] == [
        url_code("https://example.org/"),
        domain_code("example.org"),
        domain_code(".example.org"),
    ]
    for fingerprint in codes:
        check_code(fingerprint.algorithm, fingerprint.kind, fingerprint.code)


# -- domains as people write them --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("example.org", "example.org"),
        (" Example.ORG. ", "example.org"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("ｅｘａｍｐｌｅ。org", "example.org"),
        ("1.example", "1.example"),
    ],
)
def test_a_domain_is_written_in_one_way(text: str, domain: str) -> None:
    assert parse_domain(text) == domain


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "org",
        "localhost",
        "https://example.org",
        "example.org/",
        "example.org/a",
        "example.org:443",
        "anna@example.org",
        "example.org?",
        "example.org#",
        "example%2eorg",
        "example..org",
        ".example.org",
        "*.example.org",
        "_dmarc.example.org",
        "-a.example",
        "a-.example",
        "exa mple.org",
        "exa\nmple.org",
        "127.0.0.1",
        "0x7f.1",
        "[::1]",
        "xn--.example",
        "\ud800.example",
        "a" * 64 + ".example",
        "a." * 126 + "aa",
    ],
)
def test_what_is_no_plain_name_is_no_domain(text: str) -> None:
    with pytest.raises(InvalidInput, match="no domain name"):
        parse_domain(text)


# -- hostile input -----------------------------------------------------------------------------------------
_PIECES = st.sampled_from(
    [
        *"htps:/\\@.#?%[]<>|^ \t\n\x00-_*&=+;,",
        "http://",
        "https://",
        "xn--",
        "%2e",
        "。",
        "\u00ad",
        "ß",
        "\ud800",
    ]
)


@given(st.one_of(st.text(), st.lists(_PIECES | st.text(max_size=3)).map("".join)))
def test_no_text_does_worse_than_being_refused(text: str) -> None:
    for prefix in ("", "http://", "https://example.org/"):
        url = normal(prefix + text)
        if url is None:
            continue
        assert url.isascii()
        assert parse_address(url) == parse_address(prefix + text), "the normal form is its own normal form"
        assert all(f.algorithm in ADDRESSES and len(f.code) == 32 for f in fingerprint_url(prefix + text))


@given(st.text())
def test_a_domain_that_is_accepted_is_the_host_of_its_own_address(text: str) -> None:
    try:
        domain = parse_domain(text)
    except InvalidInput:
        return
    assert parse_domain(domain) == domain
    assert parse_address(f"https://{domain}/") == Address(f"https://{domain}/", domain)


def test_an_endless_address_is_refused_unread() -> None:
    fits = "https://example.org/" + "a" * (MAX_CHARACTERS - 20)
    assert normal(fits) == fits
    with pytest.raises(InvalidInput, match="characters"):
        parse_address(fits + "a")


@pytest.mark.parametrize("text", ["x" * 60_000, "\x1b[2J\ud800\x00" * 40])
def test_a_refusal_can_be_shown_anywhere(text: str) -> None:
    for parse in (parse_address, parse_domain):
        with pytest.raises(InvalidInput) as refusal:
            parse(text)
        assert len(refusal.value.message) < 250
        assert refusal.value.message.encode().decode().isprintable()
