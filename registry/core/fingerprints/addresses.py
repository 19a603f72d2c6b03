r"""Where something was found, as a fingerprint: the address of a page or file, and the domain that it lies under.

An address is read as browsers read it (the URL Standard, https://url.spec.whatwg.org, in the Ada parser), so that
two ways to write one address give one code. Beyond the standard, only what is not part of a request's target is
removed (fragment, user name and password), and the dot that may end a host name. Nothing else: no parameter is
dropped, no percent-encoding is undone, `http` and `https` stay different.

    source.url.v1     SHA-256("source.url.v1\n" || the serialised address)
    source.domain.v1  SHA-256("source.domain.v1\n" || scope)

A scope is a host name (`www.example.org`: this host) or a dot and a name (`.example.org`: that name and all below
it). Both are ASCII in lower case, internationalised names as Punycode. An item has the code of its host and of every
scope that its host is in; which of them anybody registered is a matter of the lists.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

import ada_url

from registry.core.errors import InvalidInput
from registry.core.fingerprints.algorithms import SOURCE_DOMAIN, SOURCE_URL
from registry.core.fingerprints.model import WHOLE, Fingerprint

MAX_CHARACTERS: Final = 65_536
"""Longer addresses are refused unread; no browser or crawler that we know of fetches any."""

_SCHEMES = frozenset({"http:", "https:"})
_LONGEST_NAME, _LONGEST_LABEL = 253, 63
_HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Address:
    """An address in its normal form."""

    url: str
    domain: str | None
    """The host's name without a final dot; `None` for IP addresses and what cannot be a name in the DNS."""


def parse_address(text: str) -> Address:
    """The normal form of an absolute http or https address; `InvalidInput` for anything else."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidInput(f"An address has at most {MAX_CHARACTERS:,} characters; this has {len(text):,}.")
    try:
        url = ada_url.URL(text)
    except ValueError:
        raise _unusable(text) from None
    if url.protocol not in _SCHEMES:
        raise _unusable(text)
    url.username = url.password = url.hash = ""
    host = url.hostname
    name = host.removesuffix(".")
    if name != host and name and not name.endswith("."):
        url.hostname = name
    named = url.host_type == ada_url.HostType.DEFAULT and _can_be_a_name(name)
    return Address(url.href, name if named else None)


def parse_domain(text: str) -> str:
    """A domain as somebody writes it (`Bücher.example`), in ASCII; `InvalidInput` unless it is a plain host name."""
    typed = text.strip()
    try:
        address = parse_address(f"https://{typed}/")
    except InvalidInput:
        address = Address("", None)
    domain = address.domain
    bare = typed.isprintable() and not set("/\\?#@:%") & set(typed)
    if not bare or domain is None or not all(map(_HOST_LABEL.fullmatch, domain.split("."))):
        raise InvalidInput(
            f"“{_shown(text)}” is no domain name; write it without https:// and without a path, such as example.org."
        )
    return domain


def host_scope(domain: str) -> str:
    """The scope of this host alone."""
    return domain


def tree_scope(domain: str) -> str:
    """The scope of this domain and all below it."""
    return f".{domain}"


def scopes_of(domain: str) -> tuple[str, ...]:
    """Every scope that a host is in, the narrowest first. A name without a dot is none: nobody can own it."""
    labels = domain.split(".")
    return (
        host_scope(domain),
        *(tree_scope(".".join(labels[start:])) for start in range(len(labels) - 1)),
    )


def url_code(normal: str) -> bytes:
    """The code of an address in its normal form."""
    return _tagged(SOURCE_URL, normal)


def domain_code(scope: str) -> bytes:
    """The code of a scope."""
    return _tagged(SOURCE_DOMAIN, scope)


def fingerprint_url(text: str) -> tuple[Fingerprint, ...]:
    """The code of an address, then those of the scopes that it is in; `InvalidInput` if it is no address."""
    return fingerprint_address(parse_address(text))


def fingerprint_address(address: Address) -> tuple[Fingerprint, ...]:
    """The same of an address that was parsed."""
    scopes = scopes_of(address.domain) if address.domain is not None else ()
    return (
        Fingerprint(SOURCE_URL, WHOLE, url_code(address.url)),
        *(Fingerprint(SOURCE_DOMAIN, WHOLE, domain_code(scope)) for scope in scopes),
    )


def _tagged(algorithm: str, text: str) -> bytes:
    """Tagged, so that no code of one kind is a code of another, or the digest of a file."""
    return hashlib.sha256(f"{algorithm}\n{text}".encode()).digest()


def _can_be_a_name(host: str) -> bool:
    """Whether the DNS could hold it (RFC 1035, 2.3.4), with at least two labels; any characters, as in the wild."""
    labels = host.split(".")
    fits = len(host) <= _LONGEST_NAME and all(0 < len(label) <= _LONGEST_LABEL for label in labels)
    return fits and len(labels) > 1


def _unusable(text: str) -> InvalidInput:
    return InvalidInput(
        f"“{_shown(text)}” is no usable address; write it out in full, such as https://example.org/picture."
    )


def _shown(text: str) -> str:
    """Its beginning, safe to print and to send: control characters and lone surrogates become U+FFFD."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:80])
