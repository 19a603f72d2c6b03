"""The DNS as the registry asks it: absolute names, a few seconds, and two ways to fail that mean different things."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

SECONDS: Final = 5.0
"""For one question, all retries included."""


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
