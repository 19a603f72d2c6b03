"""What proves control of a domain, how far a proof reaches, and when it is over. Pure: times are arguments.

A file at a host shows that somebody controls that host. It shows nothing about its subdomains, which may belong to
others; only an entry in the domain's own DNS does. Authorities that issue certificates draw the same line (CA/Browser
Forum, Baseline Requirements 3.2.2.4.18: no wildcard on the strength of a file).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final

from publicsuffixlist import PublicSuffixList

from registry.core.errors import InvalidInput
from registry.core.fingerprints.addresses import host_scope, parse_address, parse_domain, tree_scope
from registry.core.ids import format_id

NOUN: Final = "domain"
WELL_KNOWN: Final = "/.well-known/vorbehalt-domain.txt"
DNS_LABEL: Final = "_vorbehalt"
_LONGEST = 253 - len(DNS_LABEL) - 1

RECHECK: Final = timedelta(days=1)
"""How long a proof that was found is taken to hold."""
RETRY: Final = timedelta(hours=6)
"""How soon one that was not found is looked for again."""
GRACE_MISSING: Final = timedelta(days=7)
"""How long it may be missing, while its place answers, before the claim lapses."""
GRACE_UNREACHABLE: Final = timedelta(days=30)
"""How long its place may not answer: a broken server or an unpaid bill is no change of owner."""


class Method(StrEnum):
    """Where the proof lies, and with that, how far it reaches."""

    DNS = "dns"
    """A TXT record: the domain and all below it."""
    FILE = "file"
    """A file on the web server: this host alone."""


class State(StrEnum):
    """Where a claim is in its life."""

    PENDING = "pending"
    PROVED = "proved"
    LAPSED = "lapsed"
    ENDED = "ended"


class Outcome(StrEnum):
    """What came of looking for a proof."""

    FOUND = "found"
    MISSING = "missing"
    """The place answered, and the proof was not there."""
    UNREACHABLE = "unreachable"
    """The place did not answer, or not in a way that tells anything."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One look for a proof; `detail` says what was found instead, for the claimant."""

    outcome: Outcome
    detail: str = ""


class ManyOwners(InvalidInput):
    """Anybody can have a name below this one, so nobody can reserve all of it."""


def check_domain(text: str) -> str:
    """The domain in ASCII; `InvalidInput` for what is no name, or has many owners below it, such as github.io."""
    domain = parse_domain(text)
    if len(domain) > _LONGEST:
        raise InvalidInput(f"A domain that is claimed has at most {_LONGEST} characters.")
    if _public_suffixes().is_public(domain):
        raise ManyOwners(
            f"Under {domain} anybody can have a domain, so nobody can reserve all of it; claim your own below it."
        )
    return domain


def domain_of_site(text: str, method: Method) -> str:
    """The domain of a website as somebody pastes it: an address with or without https:// and path, or its name.

    An entry in the DNS covers what is below it, so there the `www.` that most people type with it is dropped.
    `InvalidInput` for what `check_domain` refuses, and for a mail address.
    """
    typed = text.strip()
    if "/" in typed and "@" not in typed:
        address = typed if "://" in typed else f"https://{typed}"
        typed = parse_address(address).domain or typed
    domain = check_domain(typed)
    bare = domain.removeprefix("www.")
    narrow = method is Method.FILE or "." not in bare or _public_suffixes().is_public(bare)
    return domain if narrow else bare


@cache
def _public_suffixes() -> PublicSuffixList:
    """The list that its package brought along; it only ever refuses, so another version changes no code."""
    return PublicSuffixList()


def scope(domain: str, method: Method) -> str:
    """What a proof by this method covers, as it is fingerprinted."""
    return tree_scope(domain) if method is Method.DNS else host_scope(domain)


def proof_line(claim: bytes) -> str:
    """The line that must be found. It names the claim, which is of one account: it need not be a secret."""
    return f"vorbehalt-domain={format_id(NOUN, claim)}"


def proof_place(domain: str, method: Method) -> str:
    """Where the line must be: a name in the DNS, or an address."""
    return f"{DNS_LABEL}.{domain}" if method is Method.DNS else f"https://{domain}{WELL_KNOWN}"


# -- over time ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Failing:
    """Since when a proof that once was there has not been found; both `None` while it is."""

    since: datetime | None = None
    missing_since: datetime | None = None
    """Of that, since when its place answers without it."""

    def after(self, outcome: Outcome, now: datetime) -> Failing:
        """The same after one more look."""
        if outcome is Outcome.FOUND:
            return Failing()
        missing = self.missing_since or (now if outcome is Outcome.MISSING else None)
        return Failing(self.since or now, missing)

    @property
    def lapses_at(self) -> datetime | None:
        """When the claim lapses unless the proof is found before."""
        ends = [
            start + grace
            for start, grace in ((self.since, GRACE_UNREACHABLE), (self.missing_since, GRACE_MISSING))
            if start is not None
        ]
        return min(ends, default=None)


def next_check(outcome: Outcome, now: datetime) -> datetime:
    """When to look again."""
    return now + (RECHECK if outcome is Outcome.FOUND else RETRY)
