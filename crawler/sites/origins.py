"""Which site an address lies on: its origin (scheme, host, port; RFC 6454), as robots.txt and TDMRep count sites.

Addresses are read as everywhere here (`parse_address`): upper case, a dot behind the host, a usual port, a user's name
and international names make no difference.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from registry.core.errors import InvalidInput
from registry.core.fingerprints.addresses import parse_address

_HTTP: Final = "http://"
_LONGEST_SCHEME: Final = len("https://")


def origin_of(url: str) -> str:
    """The origin of an address in normal form, without a slash at its end."""
    return url[: url.index("/", _LONGEST_SCHEME)]


def origins(addresses: Iterable[str | None]) -> list[str]:
    """The sites on which these addresses lie, each once, sorted: a list to ask. What is no address has none."""
    found = set()
    for address in addresses:
        with suppress(InvalidInput):
            found.add(origin_of(parse_address(address or "").url))
    return sorted(found)


def secure(url: str) -> str | None:
    """The same address by https; `None` if it is that already, or names a port.

    Hardly any host answers both ways differently, and most lists name only the host.
    """
    if not url.startswith(_HTTP):
        return None
    host = origin_of(url).removeprefix(_HTTP)
    has_port = ":" in host.rpartition("]")[2]  # behind an IPv6 address, if it is one
    return None if has_port else "https://" + url.removeprefix(_HTTP)


def listed_origin(text: str) -> str:
    """A line of a list of sites: a host, which is asked by https, or an origin; `InvalidInput` for anything else."""
    written = text if "://" in text else f"https://{text}"
    try:
        url = parse_address(written).url
    except InvalidInput:
        url = ""
    if not url or url != origin_of(url) + "/" or "@" in written:
        raise InvalidInput(
            f"“{text[:80]}” is no site; write a host such as example.org, or http://example.org:8080."
        )
    return origin_of(url)
