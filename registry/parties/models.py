"""Tables: party, api_key, mandate with its versions, model."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from registry.base.actor import Role
from registry.base.db import Base, BigId, Identified


class Party(Identified, Base):
    """Somebody with an account: a person or an organisation in one role."""

    __tablename__ = "party"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint(f"role IN ({', '.join(repr(r.value) for r in Role)})", name="role_known"),
        Index(
            "uq_party_email_confirmed",
            "email",
            unique=True,
            sqlite_where=text("email_confirmed_at IS NOT NULL"),
            postgresql_where=text("email_confirmed_at IS NOT NULL"),
        ),
    )

    role: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(254), index=True)
    """Private. Lower case; `None` for parties that never log in. Confirmed, it belongs to one party alone."""
    email_confirmed_at: Mapped[datetime | None]
    """When it was proved that mails to this address are read by whoever has the account."""
    password: Mapped[str | None] = mapped_column(String(200))
    """Private. An argon2id hash in its encoded form; `None` for parties that never log in."""
    language: Mapped[str] = mapped_column(String(2), server_default="en")
    """In which mails are written."""
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    """When the account was deleted: what is left is the number, which records of others refer to."""


class ApiKey(Identified, Base):
    """A key for programs. Of the key itself only its SHA-256 is kept: it was shown once."""

    __tablename__ = "api_key"

    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    scope_names: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Mandate(Identified, Base):
    """A principal lets an agent act for it. What it says is in its versions."""

    __tablename__ = "mandate"
    __table_args__ = (CheckConstraint("principal_id <> agent_id", name="two_parties"),)

    principal_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    created_at: Mapped[datetime]
    principal: Mapped[Party] = relationship(foreign_keys=[principal_id], lazy="joined")
    agent: Mapped[Party] = relationship(foreign_keys=[agent_id], lazy="joined")
    versions: Mapped[list[MandateVersion]] = relationship(
        back_populates="mandate", order_by="MandateVersion.id", lazy="selectin"
    )

    @property
    def current(self) -> MandateVersion:
        """What is recorded now."""
        return self.versions[-1]


class MandateVersion(Base):
    """What was recorded about a mandate from `recorded_at` until `superseded_at`; never changed otherwise."""

    __tablename__ = "mandate_version"
    __table_args__ = (
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="period"),
        Index(
            "uq_mandate_version_current",
            "mandate_id",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    mandate_id: Mapped[int] = mapped_column(ForeignKey("mandate.id"), index=True)
    mandate: Mapped[Mandate] = relationship(back_populates="versions")
    may: Mapped[list[str]]
    repertoire: Mapped[dict[str, Any]]
    """`{"all": true}`, `{"media": ["image"]}` or `{"works": ["work_…"]}`; see `rules.Repertoire`."""
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[int] = mapped_column(ForeignKey("party.id"))
    superseded_at: Mapped[datetime | None]


class Model(Identified, Base):
    """A model of a lab, in one version: what usage claims point to."""

    __tablename__ = "model"
    __table_args__ = (UniqueConstraint("lab_id", "name", "version"),)

    lab_id: Mapped[int] = mapped_column(ForeignKey("party.id"))
    lab: Mapped[Party] = relationship()
    name: Mapped[str] = mapped_column(String(100))
    version: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime]


class LoginSession(Identified, Base):
    """Somebody signed in in a browser. Of the cookie only its SHA-256 is kept."""

    __tablename__ = "login_session"

    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    party: Mapped[Party] = relationship()
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    device: Mapped[str] = mapped_column(String(200))
    """What the browser calls itself, so that its owner can tell sessions apart."""
    how: Mapped[str] = mapped_column(String(8))
    """`password` or `passkey`."""
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class LoginAttempts(Base):
    """How often signing in to one account, or from one address, was tried without success."""

    __tablename__ = "login_attempts"

    subject: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """SHA-256 of what is counted: an e-mail address or a network address; neither is kept."""
    count: Mapped[int]
    last_at: Mapped[datetime]


class Passkey(Identified, Base):
    """A public key of an authenticator (W3C Web Authentication)."""

    __tablename__ = "passkey"

    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    party: Mapped[Party] = relationship()
    name: Mapped[str] = mapped_column(String(100))
    credential_id: Mapped[bytes] = mapped_column(LargeBinary(1023), unique=True)
    public_key: Mapped[bytes]
    """COSE."""
    sign_count: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class PasskeyChallenge(Base):
    """A question to an authenticator: answered once, soon, or never."""

    __tablename__ = "passkey_challenge"

    challenge: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"))
    """Who adds a passkey; `None` for signing in."""
    expires_at: Mapped[datetime] = mapped_column(index=True)
