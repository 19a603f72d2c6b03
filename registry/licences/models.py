"""Tables of licences. A row is closed (`superseded_at`) and never changed otherwise, so every past day can be asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import JSON

from registry.base.db import Base, BigId, Identified


class TariffSeries(Identified, Base):
    """A price list through its versions. The public id stays, what it costs is in the versions."""

    __tablename__ = "tariff"

    owner_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    created_by: Mapped[int] = mapped_column(ForeignKey("party.id"))

    versions: Mapped[list[TariffVersion]] = relationship(
        back_populates="series", order_by="TariffVersion.version"
    )


class TariffVersion(Base):
    """One version of a price list, never changed: agreements and the log refer to its digest."""

    __tablename__ = "tariff_version"
    __table_args__ = (
        UniqueConstraint("tariff_id", "version"),
        CheckConstraint("version > 0", name="from_one"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    tariff_id: Mapped[int] = mapped_column(ForeignKey("tariff.id"))
    series: Mapped[TariffSeries] = relationship(back_populates="versions")
    version: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    components: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    """SHA-256 of the canonical JSON of `registry.core.tariffs.Tariff`."""
    created_at: Mapped[datetime]
    created_by: Mapped[int] = mapped_column(ForeignKey("party.id"))
    log_index: Mapped[int] = mapped_column(BigInteger)


class TermsColumns:
    """What an offer proposes and an agreement repeats: for which purpose, where, when, at which price."""

    purpose: Mapped[str] = mapped_column(String(16))
    territories: Mapped[list[str]]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    terms_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    """As in the log: of public terms the SHA-256, of private ones a salted commitment."""
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Opens the commitments that the log holds; only the parties see it."""
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    """When the revocation of the offer, or the end of the agreement, went on record."""
    change_seq: Mapped[int] = mapped_column(BigInteger)


class Offer(Identified, TermsColumns, Base):
    """Terms that an owner proposes for some works, to anyone or to named licensees."""

    __tablename__ = "offer"

    owner_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    offered_by: Mapped[int] = mapped_column(ForeignKey("party.id"))
    to_anyone: Mapped[bool]
    repertoire: Mapped[bool] = mapped_column(server_default=false())
    """Made by a society for works of many makers, all that it might grant then; its owner is the society."""
    tariff_version_id: Mapped[int | None] = mapped_column(ForeignKey("tariff_version.id"))
    """`None`: free of charge. To anyone and free of charge is an open licence: it holds without acceptance."""
    revoked_by: Mapped[int | None] = mapped_column(ForeignKey("party.id"))
    log_index: Mapped[int | None] = mapped_column(BigInteger)
    """Offers to anyone are in the log; what is offered to named licensees is their own business."""

    tariff: Mapped[TariffVersion | None] = relationship()
    works: Mapped[list[OfferWork]] = relationship(
        back_populates="offer", order_by="OfferWork.work_id", lazy="raise_on_sql"
    )
    licensees: Mapped[list[OfferLicensee]] = relationship(
        back_populates="offer", order_by="OfferLicensee.party_id"
    )


class OfferWork(Base):
    """A work that an offer is about."""

    __tablename__ = "offer_work"

    offer_id: Mapped[int] = mapped_column(ForeignKey("offer.id"), primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("work.id"), primary_key=True, index=True)
    offer: Mapped[Offer] = relationship(back_populates="works")


class OfferLicensee(Base):
    """A lab that a named offer is made to."""

    __tablename__ = "offer_licensee"

    offer_id: Mapped[int] = mapped_column(ForeignKey("offer.id"), primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), primary_key=True, index=True)
    offer: Mapped[Offer] = relationship(back_populates="licensees")


class Agreement(Identified, TermsColumns, Base):
    """An offer that a lab accepted, with its terms as they were at that moment.

    It covers those works of the offer that were not withdrawn when it was concluded.
    """

    __tablename__ = "agreement"

    offer_id: Mapped[int] = mapped_column(ForeignKey("offer.id"), index=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    licensee_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    accepted_by: Mapped[int] = mapped_column(ForeignKey("party.id"))
    tariff_version_id: Mapped[int | None] = mapped_column(ForeignKey("tariff_version.id"))
    tariff_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    ends_at: Mapped[datetime | None]
    """From when on it no longer holds, if it was ended before its term; never before that went on record."""
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("party.id"))
    log_index: Mapped[int] = mapped_column(BigInteger)

    offer: Mapped[Offer] = relationship()
    tariff: Mapped[TariffVersion | None] = relationship()


class LicenceRequest(Identified, Base):
    """A lab asks an owner for terms. It grants nothing: the answer is an offer, or a no."""

    __tablename__ = "licence_request"

    licensee_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(16))
    territories: Mapped[list[str]]
    valid_from: Mapped[datetime | None]
    valid_to: Mapped[datetime | None]
    message: Mapped[str | None] = mapped_column(Text)
    made_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[int | None] = mapped_column(ForeignKey("party.id"))
    offer_id: Mapped[int | None] = mapped_column(ForeignKey("offer.id"))
    """What the answer offers; `None` in a request that was answered means that it was declined."""
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it was declined, if the owner says so."""
    withdrawn_at: Mapped[datetime | None]

    offer: Mapped[Offer | None] = relationship()


class LicenceRequestWork(Base):
    """A work that a request is about."""

    __tablename__ = "licence_request_work"

    request_id: Mapped[int] = mapped_column(ForeignKey("licence_request.id"), primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("work.id"), primary_key=True, index=True)


class BasketWork(Base):
    """A work that a lab has put into its basket; see `registry.licences.basket`."""

    __tablename__ = "basket_work"

    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("work.id"), primary_key=True, index=True)
    units: Mapped[int] = mapped_column(BigInteger)
    """How much of it would be used, counted as a claim would count it."""
    put_at: Mapped[datetime]
