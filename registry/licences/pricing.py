"""Tariffs on record: new series, new versions of a series, and the one that an offer or agreement names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.paging import DEFAULT_LIMIT, Page, paginate
from registry.base.periods import whole_second
from registry.core.errors import InvalidInput, NotFound
from registry.core.ids import format_id
from registry.core.tariffs import Tariff, parse_components
from registry.core.tariffs.currencies import check_currency
from registry.licences import access, journal
from registry.licences.models import Agreement, TariffSeries, TariffVersion
from registry.log import service as log

_MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class CreateTariff:
    """A price list, or with `series` the next version of one; earlier versions stay in force where agreed."""

    currency: str
    components: Sequence[Mapping[str, Any]]
    name: str | None = None
    """Needed for a new series, and for that only."""
    series: bytes | None = None


def create_tariff(session: Session, actor: Actor, command: CreateTariff, sources: Sources) -> TariffVersion:
    """Record an immutable tariff version of the acting party, and log its digest."""
    access.check_maker(actor)
    components = parse_components(command.components)
    currency = check_currency(command.currency)
    now = whole_second(sources.now())
    log.next_change_seq(session)
    if command.series is None:
        series = TariffSeries(
            public_id=sources.new_id(),
            owner_id=actor.party_id,
            name=_check_name(command.name),
            created_at=now,
            created_by=actor.party_id,
            versions=[],
        )
        session.add(series)
    else:
        if command.name is not None:
            raise InvalidInput("A new version keeps the name of its tariff; leave the name out.")
        series = _own_series(session, actor, command.series)
    number = series.versions[-1].version + 1 if series.versions else 1
    name = format_id("tariff", series.public_id)
    content = Tariff(name, number, currency, components)
    version = TariffVersion(
        version=number,
        currency=currency,
        components=[component.as_json() for component in components],
        digest=content.digest,
        created_at=now,
        created_by=actor.party_id,
    )
    version.log_index = journal.tariff_made(session, version, name, now)
    series.versions.append(version)
    session.flush()
    return version


def list_tariffs(
    session: Session, actor: Actor, after: bytes | None = None, limit: int = DEFAULT_LIMIT
) -> Page[TariffSeries]:
    """The actor's own tariffs with all versions. Those of others are read from their offers."""
    query = select(TariffSeries).where(TariffSeries.owner_id == actor.party_id)
    return paginate(session, query.options(selectinload(TariffSeries.versions)), TariffSeries, after, limit)


def tariff_for_offer(
    session: Session, actor: Actor, series: bytes | None, version: int | None
) -> TariffVersion | None:
    """The tariff version that an offer of this actor names: its principal's, or the agent's own (a society's)."""
    if series is None:
        if version is not None:
            raise InvalidInput("A tariff version was given without a tariff.")
        return None
    versions = _own_series(session, actor, series).versions
    if version is None:
        return versions[-1]
    found = next((v for v in versions if v.version == version), None)
    if found is None:
        raise NotFound(
            f"{format_id('tariff', series)} has no version {version}; the latest is {len(versions)}."
        )
    return found


def priced(version: TariffVersion) -> Tariff:
    """The version as rules compute with it."""
    return Tariff(
        tariff=format_id("tariff", version.series.public_id),
        version=version.version,
        currency=version.currency,
        components=parse_components(version.components),
    )


def tariff_of(session: Session, agreement: Agreement) -> Tariff | None:
    """The tariff that an agreement pinned; `None` if it is free of charge."""
    if agreement.tariff_version_id is None:
        return None
    return priced(session.get_one(TariffVersion, agreement.tariff_version_id))


def _own_series(session: Session, actor: Actor, public_id: bytes) -> TariffSeries:
    mine = {actor.party_id, actor.principal_id}
    query = select(TariffSeries).where(TariffSeries.public_id == public_id, TariffSeries.owner_id.in_(mine))
    found = session.scalar(query)
    if found is None:
        raise NotFound(f"You have no {format_id('tariff', public_id)}.")
    return found


def _check_name(name: str | None) -> str:
    name = (name or "").strip()
    if not name or len(name) > _MAX_NAME or not name.isprintable():
        raise InvalidInput(f"A new tariff has a name of 1 to {_MAX_NAME} characters on one line.")
    return name
