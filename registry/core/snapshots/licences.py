"""What one licensee may do beyond what anyone may: a signed file of its own, fetched with the licensee's key.

Licences are trade secrets, so they are not in the public edition, and the file's name is a digest of the licensee's
id. Without a valid, unexpired file there are no personal licences: everything they covered is denied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from registry.core.decisions import Terms
from registry.core.errors import Corrupt, InvalidInput
from registry.core.ids import parse_id
from registry.core.records.canonical import canonical, parse_canonical
from registry.core.snapshots.times import from_text, to_text

FORMAT = "vorbehalt.licences.v1"
PREFIX = "licences/"

_SERVED = re.compile(r"licences/[0-9a-f]{64}\.([0-9a-f]{64})\.json")


def licence_target(licensee: str) -> str:
    """Target name of the file for this party, given as its public id in text."""
    return f"{PREFIX}{sha256(licensee.encode()).hexdigest()}.json"


def may_fetch(served_name: str, licensee: str | None) -> bool:
    """Whether this party may fetch this file below `targets/`: lists are for all, licences for their licensee.

    `served_name` is the name with the digest before it, as clients ask for it. Whoever serves the tree calls this.
    """
    if not served_name.startswith(PREFIX):
        return True
    match = _SERVED.fullmatch(served_name)
    return (
        match is not None and licensee is not None and licence_target(licensee) == f"{PREFIX}{match[1]}.json"
    )


@dataclass(frozen=True, slots=True)
class PersonalLicences:
    """All licences of one licensee in one edition."""

    licensee: str
    """Public id of the party, as text."""
    sequence: int
    """The edition that it belongs to."""
    created: int
    expires: int
    """POSIX seconds; from `expires` on the file permits nothing."""
    terms: Mapping[str, Terms]
    """By public id of the work."""

    @property
    def target(self) -> str:
        """The name under which it is published."""
        return licence_target(self.licensee)

    def to_bytes(self) -> bytes:
        """The file's content, canonical JSON."""
        return canonical(
            {
                "created": to_text(self.created),
                "expires": to_text(self.expires),
                "format": FORMAT,
                "licensee": self.licensee,
                "sequence": self.sequence,
                "terms": {work: terms.as_json() for work, terms in self.terms.items()},
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> PersonalLicences:
        """Inverse of `to_bytes`; `Corrupt` for anything else."""
        try:
            read = parse_canonical(data, "The licence file")
            licences = cls(
                licensee=read["licensee"],
                sequence=read["sequence"],
                created=from_text(read["created"]),
                expires=from_text(read["expires"]),
                terms={work: Terms.from_json(terms) for work, terms in read["terms"].items()},
            )
            for work in licences.terms:
                parse_id("work", work)
            complete = licences.to_bytes() == data
        except (InvalidInput, KeyError, TypeError, ValueError, AttributeError) as problem:
            raise Corrupt(f"The licence file cannot be read ({problem}); run `vorbehalt sync`.") from problem
        if not complete:
            raise Corrupt(f"The licence file is not of the format {FORMAT}; update this program, then sync.")
        return licences
