"""Tables of works. A work's row in the published tables is assigned once and never reused, withdrawn or not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from registry.base.db import Base, BigId, Identified


class Work(Identified, Base):
    """A registered work. It is never deleted: withdrawing leaves the row, so that old snapshots still make sense."""

    __tablename__ = "work"

    row: Mapped[int] = mapped_column(BigInteger, unique=True)
    """Place in the published works table, u32; assigned under the log-head lock as the last one plus one."""
    owner_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    registered_by: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    on_behalf_of: Mapped[int | None] = mapped_column(ForeignKey("party.id"))
    """The owner, where an agent registered the work under a mandate."""
    kind: Mapped[str] = mapped_column(String(16))
    title: Mapped[str] = mapped_column(String(500))
    made_by: Mapped[str] = mapped_column(String(16))
    tool: Mapped[str | None] = mapped_column(String(200))
    prompt: Mapped[str | None] = mapped_column(Text)
    disclosure: Mapped[str] = mapped_column(String(16))
    persons_depicted: Mapped[bool]
    created_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[int | None] = mapped_column(ForeignKey("party.id"))
    contested_since: Mapped[datetime | None]
    contested_by: Mapped[int | None] = mapped_column(ForeignKey("work.id"))
    """The earlier work of somebody else that puts the title in doubt; how it came to that is in `contest`."""
    upheld_at: Mapped[datetime | None]
    """When a person found for the earlier work."""
    change_seq: Mapped[int] = mapped_column(BigInteger, index=True)

    versions: Mapped[list[WorkVersion]] = relationship(
        order_by="WorkVersion.number", cascade="all", lazy="raise_on_sql"
    )
    identifiers: Mapped[list[Identifier]] = relationship(
        order_by="Identifier.id", cascade="all", lazy="raise_on_sql"
    )
    source_urls: Mapped[list[SourceUrl]] = relationship(
        order_by="SourceUrl.id", cascade="all", lazy="raise_on_sql"
    )


class WorkVersion(Base):
    """One file of a work, which the registry does not keep: only what was computed from it."""

    __tablename__ = "work_version"
    __table_args__ = (UniqueConstraint("work_id", "number"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("work.id"))
    number: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    """Beside its fingerprint row, because titles are compared by it."""
    media_type: Mapped[str | None] = mapped_column(String(100))
    """Unknown, as is the size, where a client sent fingerprints alone and did not say."""
    size: Mapped[int | None] = mapped_column(BigInteger)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    notes: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    """Why codes are missing, in words for the maker: `{"code": …, "message": …}`."""
    created_at: Mapped[datetime]

    fingerprints: Mapped[list[StoredFingerprint]] = relationship(
        order_by="StoredFingerprint.id", cascade="all", lazy="raise_on_sql"
    )


class StoredFingerprint(Base):
    """A code of a version. An algorithm id never changes its meaning, so codes stay valid for ever."""

    __tablename__ = "fingerprint"
    __table_args__ = (UniqueConstraint("version_id", "algorithm", "kind"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("work_version.id"))
    algorithm: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(16))
    code: Mapped[bytes]
    made_by: Mapped[str] = mapped_column(String(8))
    """`server` if we computed it from the file, `client` if it was sent."""
    made_at: Mapped[datetime]


class WorkPreview(Base):
    """A small picture of a work, for its owner's eyes only (`registry.works.previews`)."""

    __tablename__ = "work_preview"

    work_id: Mapped[int] = mapped_column(ForeignKey("work.id"), primary_key=True)
    path: Mapped[str] = mapped_column(String(80))
    """Of the sealed picture in the file store."""
    key: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Opens it, and nothing else; with this row the picture is gone for good."""
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime]


class Identifier(Base):
    """A number that the work has elsewhere, in normal form."""

    __tablename__ = "identifier"
    __table_args__ = (UniqueConstraint("work_id", "scheme", "value"), Index(None, "scheme", "value"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("work.id"))
    scheme: Mapped[str] = mapped_column(String(8))
    value: Mapped[str] = mapped_column(String(200))


class SourceUrl(Base):
    """Where the maker published the work."""

    __tablename__ = "source_url"
    __table_args__ = (UniqueConstraint("work_id", "url"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("work.id"))
    url: Mapped[str] = mapped_column(String(2000))


class History:
    """A fact with two times: when it holds, and when the registry knew. Rows are closed, never changed or deleted."""

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("work.id"), index=True)
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[int] = mapped_column(ForeignKey("party.id"))
    superseded_at: Mapped[datetime | None]


class ShareRow(History, Base):
    """A share of a right in a work (`registry.works.shares`)."""

    __tablename__ = "share"

    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    right: Mapped[str] = mapped_column(String(16))
    territory: Mapped[str] = mapped_column(String(8))
    ppm: Mapped[int] = mapped_column(Integer)


class Reservation(History, Base):
    """An explicit denial of one purpose: it beats every licence to anyone."""

    __tablename__ = "reservation"

    purpose: Mapped[str] = mapped_column(String(16))


class Contest(Base):
    """Two titles in conflict: found by a machine, or by the proof of a domain; what people decided is beside it."""

    __tablename__ = "contest"
    __table_args__ = (UniqueConstraint("work_id", "earlier_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("work.id"))
    """The newer work, whose title is in doubt unless a person has decided otherwise."""
    earlier_id: Mapped[int] = mapped_column(ForeignKey("work.id"), index=True)
    rule: Mapped[str] = mapped_column(String(16))
    """`same-file`, `near-picture`, `near-text` (`registry.works.titles`) or `domain`."""
    distance: Mapped[int] = mapped_column(Integer)
    """Bits of phash256, or values of minhash128 that differ; else 0."""
    mirrored: Mapped[bool]
    """Whether the newer picture is that near only when it is mirrored."""
    began_at: Mapped[datetime]


class TitleDecision(Base):
    """What a person decided about a contest. The newest counts; none is changed or deleted."""

    __tablename__ = "title_decision"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    contest_id: Mapped[int] = mapped_column(ForeignKey("contest.id"), index=True)
    outcome: Mapped[str] = mapped_column(String(8))
    """`uphold`, `release` or `reverse`."""
    reason: Mapped[str] = mapped_column(Text)
    """For both owners to read."""
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Opens the commitment in the log."""
    log_index: Mapped[int] = mapped_column(BigInteger)
    decided_at: Mapped[datetime]
    decided_by: Mapped[int] = mapped_column(ForeignKey("party.id"))


class LikenessHint(Base):
    """A weaker likeness of two works of different owners, for the operator to look at. Nothing follows from it."""

    __tablename__ = "likeness_hint"
    __table_args__ = (UniqueConstraint("work_id", "other_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("work.id"))
    """The newer work."""
    other_id: Mapped[int] = mapped_column(ForeignKey("work.id"))
    algorithm: Mapped[str] = mapped_column(String(40))
    variant: Mapped[str] = mapped_column(String(40))
    grade: Mapped[str] = mapped_column(String(8))
    distance: Mapped[int] = mapped_column(Integer)
    found_at: Mapped[datetime]


class HintReview(Base):
    """What a person did about a hint. The newest counts; none is changed or deleted."""

    __tablename__ = "hint_review"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    hint_id: Mapped[int] = mapped_column(ForeignKey("likeness_hint.id"), index=True)
    act: Mapped[str] = mapped_column(String(8))
    """`dismiss` or `reopen`."""
    reason: Mapped[str] = mapped_column(Text)
    """For both owners to read."""
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Opens the commitment in the log."""
    log_index: Mapped[int] = mapped_column(BigInteger)
    reviewed_at: Mapped[datetime]
    reviewed_by: Mapped[int] = mapped_column(ForeignKey("party.id"))


class HintsLooked(Base):
    """Up to which change works were looked at for hints; one row."""

    __tablename__ = "hints_looked"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    change_seq: Mapped[int] = mapped_column(BigInteger)


class WorkRevision(Base):
    """What was stated about a work until it was changed: what stands now is in `work`, and nothing is forgotten."""

    __tablename__ = "work_revision"
    __table_args__ = (UniqueConstraint("work_id", "number"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("work.id"))
    number: Mapped[int]
    """1 is what was stated when the work was registered."""
    statements: Mapped[dict[str, Any]] = mapped_column(JSON)
    """As in the API: title, made_by, tool, prompt, disclosure, persons_depicted, identifiers, source_urls."""
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime]
    superseded_by: Mapped[int] = mapped_column(ForeignKey("party.id"))


class BulkUpload(Base):
    """A list of works on its way into the registry; its job is the public side of it."""

    __tablename__ = "bulk_upload"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"))
    owner: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    """Public id of the owner of all rows that name none, where an agent sent the list."""
    media_type: Mapped[str] = mapped_column(String(50))
    data: Mapped[bytes | None]
    """The list as it was sent; gone once every row is recorded."""
    rows: Mapped[int]
    done: Mapped[int]
    """So many rows, from the first, have their outcome."""
    registered: Mapped[int]
    created_at: Mapped[datetime]


class BulkRow(Base):
    """What became of one row: a work, or the reason why not."""

    __tablename__ = "bulk_row"

    upload_id: Mapped[int] = mapped_column(ForeignKey("bulk_upload.id"), primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    """Place in the list, from 0."""
    work: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    code: Mapped[str | None] = mapped_column(String(40))
    message: Mapped[str | None] = mapped_column(Text)
