"""Who is asking. Every service takes an actor; none reads it from a global."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What kind of party somebody is. It bounds what any key of theirs can do."""

    CREATOR = "creator"
    LAB = "lab"
    SOCIETY = "society"
    OPERATOR = "operator"
    AUDITOR = "auditor"

    @property
    def one(self) -> str:
        """As a sentence begins: “A lab”, “An operator”."""
        return f"{'An' if self.value[0] in 'aeiou' else 'A'} {self.value}"


class Scope(StrEnum):
    """What an API key may do; a key has at least one, and never more than its party's role allows."""

    WORKS_READ = "works:read"
    WORKS_WRITE = "works:write"
    LICENCES_WRITE = "licences:write"
    SNAPSHOT_READ = "snapshot:read"
    CHECK = "check"
    CLAIMS_WRITE = "claims:write"
    STATEMENTS_READ = "statements:read"
    ACCOUNT = "account"
    OPERATE = "operate"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Actor:
    """An authenticated party, with what its credential may do, and on whose behalf it acts now."""

    party_id: int
    """Private key of the party that is acting."""
    public_id: bytes
    role: Role
    scopes: frozenset[Scope] = field(default_factory=frozenset)
    on_behalf_of: int | None = None
    """Private key of the principal, where a mandate was checked for this request; else the actor itself."""

    @property
    def principal_id(self) -> int:
        """The party whose rights are used: the principal of the mandate, or the actor."""
        return self.on_behalf_of if self.on_behalf_of is not None else self.party_id

    @property
    def sees_all_usage(self) -> bool:
        """Whether it may read what every lab reported and owes: the operator and auditors."""
        return bool(self.scopes & {Scope.OPERATE, Scope.AUDIT})
