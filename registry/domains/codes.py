"""The address codes that are in force: of every domain that is held, and of works published below one of the owner's.

A source address by itself proves nothing: anybody can name anybody's page. It becomes a code only below a domain
whose control the *same owner* has proved, with a title that nobody contests; else it stays a note in the record.
So nobody can reserve, license or free a page of somebody else's, and what is listed can be taken at its word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.core.errors import InvalidInput
from registry.core.fingerprints import SOURCE_DOMAIN, SOURCE_URL, WHOLE
from registry.core.fingerprints.addresses import (
    Address,
    domain_code,
    parse_address,
    scopes_of,
    url_code,
)
from registry.domains.models import DomainClaim
from registry.works import service as works

_NO_VERSION = 0


@dataclass(frozen=True, slots=True)
class _Held:
    """A scope in force: the row of its work, and whether nobody contests the title."""

    row: int
    domain: str
    sure: bool


def address_codes(session: Session, *, public: bool) -> Iterator[works.FingerprintRow]:
    """Every address code that may be published (`public`) or that the server matches by, with what it goes before.

    `aux` is one more than the row of the next wider domain of the same owner, 0 if there is none.
    """
    held = _held_by_owner(session)
    for own in held.values():
        for scope, place in own.items():
            wider = _wider(own, place.domain, narrower_than=scope)
            yield _code(place.row, SOURCE_DOMAIN, domain_code(scope), wider)
    seen: set[tuple[int, bytes]] = set()
    for published in works.published_urls(session, held.keys()):
        if not works.is_shown(published.disclosure, SOURCE_URL, public=public):
            continue
        address = _address(published.url)
        below = _below(held[published.owner_id], address)
        if address is None or below is None:
            continue
        code = url_code(address.url)
        if (published.work_row, code) not in seen:
            seen.add((published.work_row, code))
            yield _code(published.work_row, SOURCE_URL, code, below)


def _held_by_owner(session: Session) -> Mapping[int, Mapping[str, _Held]]:
    """The scopes in force, by owner, in the order of claims."""
    claims = session.scalars(
        select(DomainClaim).where(DomainClaim.holds.is_not(None)).order_by(DomainClaim.id)
    ).all()
    standing = works.standing(session, [c.work_id for c in claims if c.work_id is not None])
    held: dict[int, dict[str, _Held]] = defaultdict(dict)
    for claim in claims:
        work = standing.get(claim.work_id or 0)
        if claim.holds is not None and work is not None and work.withdrawn_at is None:
            held[claim.owner_id][claim.holds] = _Held(work.row, claim.domain, work.contested_since is None)
    return held


def _wider(own: Mapping[str, _Held], domain: str, *, narrower_than: str) -> _Held | None:
    """The narrowest sure scope of the same owner that contains all of this one."""
    scopes = scopes_of(domain)
    return _first_sure(own, scopes[scopes.index(narrower_than) + 1 :])


def _below(own: Mapping[str, _Held], address: Address | None) -> _Held | None:
    """The narrowest of the owner's sure scopes that this address lies in."""
    if address is None or address.domain is None:
        return None
    return _first_sure(own, scopes_of(address.domain))


def _first_sure(own: Mapping[str, _Held], scopes: Sequence[str]) -> _Held | None:
    """A contested domain goes before nothing and steps back for nothing."""
    return next((own[s] for s in scopes if s in own and own[s].sure), None)


def _address(url: str) -> Address | None:
    """`None` for what was registered before addresses were read as browsers do."""
    try:
        return parse_address(url)
    except InvalidInput:
        return None


def _code(row: int, algorithm: str, code: bytes, wider: _Held | None) -> works.FingerprintRow:
    aux = 0 if wider is None else wider.row + 1
    return works.FingerprintRow(row, _NO_VERSION, algorithm, WHOLE, code, aux)
