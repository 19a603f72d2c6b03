"""The DNS as the registry asks it: absolute names, a few seconds, and two ways to fail that mean different things."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import cached_property
from typing import Final

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

SECONDS: Final = 5.0
"""For one question, all retries included."""

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_NO_HOSTS: Final = tuple(
    ipaddress.ip_network(block)
    for block in (
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "2001::/23",  # protocol assignments: Teredo and others (RFC 2928)
        "2002::/16",  # 6to4: stands for an IPv4 address (RFC 3056)
        "3fff::/20",  # documentation (RFC 9637)
    )
)
"""What Python 3.11 takes for global, and where nobody's web server is."""


class NoSuchName(Exception):
    """The DNS answered: there is no such name, or nothing of this kind at it."""


class NoAnswer(Exception):
    """The DNS did not answer, or not in a way that tells anything. The message says why."""


class Names:
    """Asks this machine's resolvers, or the given ones. Safe to share between threads."""

    def __init__(self, nameservers: Sequence[str] = (), port: int = 53) -> None:
        self._nameservers = list(nameservers)
        self._port = port

    def addresses(self, host: str) -> tuple[str, ...]:
        """The IPv4 and IPv6 addresses of a host."""
        found: list[str] = []
        for kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
            try:
                found += [record.address for record in self._ask(host, kind)]
            except NoSuchName:
                continue
        if not found:
            raise NoSuchName
        return tuple(found)

    def texts(self, name: str) -> tuple[str, ...]:
        """The TXT records at a name, each with its strings put together (RFC 7208, 3.3)."""
        return tuple(
            b"".join(record.strings).decode("utf-8", "replace")
            for record in self._ask(name, dns.rdatatype.TXT)
        )

    @cached_property
    def _resolver(self) -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=not self._nameservers)
        if self._nameservers:
            resolver.nameservers = self._nameservers
            resolver.port = self._port
        return resolver

    def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> dns.resolver.Answer:
        try:
            absolute = dns.name.from_text(name, dns.name.root)
            return self._resolver.resolve(absolute, kind, lifetime=SECONDS, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            raise NoSuchName from None
        except dns.resolver.LifetimeTimeout:
            raise NoAnswer(f"it did not answer within {SECONDS:.0f} seconds") from None
        except (dns.exception.DNSException, OSError) as error:
            raise NoAnswer(f"it answered with an error ({type(error).__name__})") from error


def is_public(address: str) -> bool:
    """Whether an address belongs to the open internet, so that asking there cannot reach into anybody's network.

    Of IPv6 only global unicast, without the blocks that stand for an IPv4 address, since that may be a private one
    (NAT64 and mapped addresses lie outside of 2000::/3).
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address) and ip not in _GLOBAL_UNICAST:
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in block for block in _NO_HOSTS)
