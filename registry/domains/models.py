"""Table of claims to domains. A claim is never deleted: who controlled a domain when is part of the record."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from registry.base.db import Base, Identified
from registry.domains.rules import Failing, Method, State, scope


class DomainClaim(Identified, Base):
    """One party's claim to one domain by one method, from the claim to its end."""

    __tablename__ = "domain_claim"

    owner_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    claimed_by: Mapped[int] = mapped_column(ForeignKey("party.id"))
    on_behalf_of: Mapped[int | None] = mapped_column(ForeignKey("party.id"))
    """The owner, where an agent claimed the domain under a mandate."""
    domain: Mapped[str] = mapped_column(String(253), index=True)
    """ASCII, in lower case."""
    method: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime]
    work_id: Mapped[int | None] = mapped_column(ForeignKey("work.id"), unique=True)
    """The work that stands for the domain, from the first proof on."""
    holds: Mapped[str | None] = mapped_column(String(254), unique=True)
    """The scope, while the claim is in force: so no scope is ever held twice."""
    proved_at: Mapped[datetime | None]
    """When a proof was found for the first time."""
    checked_at: Mapped[datetime | None]
    next_check_at: Mapped[datetime | None] = mapped_column(index=True)
    """When to look for the proof again; `None` while nobody needs to."""
    failing_since: Mapped[datetime | None]
    missing_since: Mapped[datetime | None]
    failure: Mapped[str | None] = mapped_column(Text)
    """What was found instead of the proof the last time."""
    lapsed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    change_seq: Mapped[int] = mapped_column(BigInteger, index=True)

    @property
    def scope(self) -> str:
        """What it covers, as it is fingerprinted."""
        return scope(self.domain, Method(self.method))

    @property
    def failing(self) -> Failing:
        """Since when the proof has been missing."""
        return Failing(self.failing_since, self.missing_since)

    @property
    def state(self) -> State:
        """Where it is in its life."""
        if self.ended_at is not None:
            return State.ENDED
        if self.holds is not None:
            return State.PROVED
        return State.PENDING if self.proved_at is None else State.LAPSED
