"""Look for the proof of a claim, where it must be."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from registry.core.hosts import is_public
from registry.domains.fetching import MAX_BODY, Answer, FetchFailed, fetch
from registry.domains.names import Names, NoAnswer, NoSuchName
from registry.domains.rules import WELL_KNOWN, Method, Outcome, Probe, proof_place

_TEMPORARY = frozenset({408, 425, 429})
_MISSING, _UNREACHABLE = Outcome.MISSING, Outcome.UNREACHABLE


@dataclass(frozen=True)
class Prober:
    """Looks for proofs on the internet. Safe to share between threads; raises nothing for what others do wrong."""

    names: Names = field(default_factory=Names)
    may_connect: Callable[[str], bool] = is_public
    """Which addresses may be connected to; only tests know others than the public ones."""
    context: ssl.SSLContext = field(default_factory=cache(ssl.create_default_context))
    port: int = 443

    def probe(self, domain: str, method: Method, line: str) -> Probe:
        """Whether this line is where it must be; takes some seconds at most."""
        return self._in_dns(domain, line) if method is Method.DNS else self._on_host(domain, line)

    def _in_dns(self, domain: str, line: str) -> Probe:
        place = proof_place(domain, Method.DNS)
        try:
            found = self.names.texts(place)
        except NoSuchName:
            return Probe(_MISSING, f"There is no TXT record at {place}.")
        except NoAnswer as error:
            return Probe(_UNREACHABLE, f"The DNS was asked for {place}, but {error}.")
        if line in (text.strip() for text in found):
            return Probe(Outcome.FOUND)
        return Probe(_MISSING, f"None of the TXT records at {place} ({len(found)}) is the line.")

    def _on_host(self, domain: str, line: str) -> Probe:
        place = proof_place(domain, Method.FILE)
        try:
            addresses = self.names.addresses(domain)
        except NoSuchName:
            return Probe(_UNREACHABLE, f"The DNS has no address for {domain}.")
        except NoAnswer as error:
            return Probe(_UNREACHABLE, f"The DNS was asked for the address of {domain}, but {error}.")
        refused = [address for address in addresses if not self.may_connect(address)]
        if refused:
            return Probe(
                _UNREACHABLE, f"{domain} has the address {refused[0]}, which is not on the public internet."
            )
        try:
            answer = fetch(domain, WELL_KNOWN, addresses, self.context, self.port)
        except FetchFailed as error:
            return Probe(_UNREACHABLE, f"{place} was asked for, but {error}.")
        return _judge(answer, place, line)


def _judge(answer: Answer, place: str, line: str) -> Probe:
    if answer.status >= 500 or answer.status in _TEMPORARY:
        return Probe(_UNREACHABLE, f"{place} answered with status {answer.status}.")
    if answer.status != 200:
        to = f" and pointed to {answer.location[:200]!a}" if answer.location else ""
        return Probe(
            _MISSING,
            f"{place} answered with status {answer.status}{to}; the file must lie there itself, without a redirect.",
        )
    if len(answer.body) > MAX_BODY:
        return Probe(_MISSING, f"{place} is longer than {MAX_BODY:,} bytes.")
    lines = answer.body.decode("utf-8-sig", "replace").splitlines()
    if line in (text.strip() for text in lines):
        return Probe(Outcome.FOUND)
    return Probe(_MISSING, f"{place} is there, and the line is not in it ({len(lines)} lines).")
