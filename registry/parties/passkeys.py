"""Passkeys (W3C Web Authentication): keys that a person's device keeps and unlocks, and that cannot be phished.

Each question to a device is a challenge that is stored, answered within minutes, and taken away by its answer.
Signatures are checked by py_webauthn; user verification (a PIN, a finger) is demanded, because a passkey replaces
the password.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import webauthn
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload
from webauthn.helpers import base64url_to_bytes, parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.core.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from registry.core.ids import format_id
from registry.parties.accounts import actor_of, own_party
from registry.parties.models import Passkey, PasskeyChallenge
from registry.parties.rules import check_name

_ANSWER_WITHIN = timedelta(minutes=5)
_REFUSED = "This passkey was not accepted. Try again, or use your password."


@dataclass(frozen=True, slots=True)
class Site:
    """Where the browser is: the relying party of Web Authentication."""

    host: str
    """Host name without port: the id that a passkey is bound to."""
    origin: str
    """`https://registry.example`, as the browser states it."""


def ask_for_passkey(session: Session, actor: Actor, site: Site, now: datetime) -> dict[str, Any]:
    """What a browser needs to make a passkey for this party: the argument of `navigator.credentials.create`."""
    party = own_party(session, actor)
    options = webauthn.generate_registration_options(
        rp_id=site.host,
        rp_name="Vorbehalt",
        user_id=party.public_id,
        user_name=party.email or party.name,
        user_display_name=party.name,
        challenge=_challenge(session, actor.party_id, now),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=known.credential_id) for known in list_passkeys(session, actor)
        ],
    )
    return _as_json(options)


def add_passkey(
    session: Session, actor: Actor, name: str, answer: Mapping[str, Any], site: Site, sources: Sources
) -> Passkey:
    """Record the passkey that a browser made; `InvalidInput` if the answer does not fit what was asked."""
    now = sources.now()
    challenge = _answered(session, answer, actor.party_id, now)
    try:
        made = webauthn.verify_registration_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise InvalidInput("The device’s answer could not be verified; try again.") from None
    if session.scalar(select(Passkey.id).where(Passkey.credential_id == made.credential_id)) is not None:
        raise Conflict("This passkey is on record already.")
    row = Passkey(
        public_id=sources.new_id(),
        party_id=actor.party_id,
        name=check_name(name, longest=100),
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        created_at=now,
        used_at=None,
    )
    session.add(row)
    session.flush()
    return row


def ask_who(session: Session, site: Site, now: datetime) -> dict[str, Any]:
    """What a browser needs to sign somebody in: the argument of `navigator.credentials.get`. It names nobody."""
    options = webauthn.generate_authentication_options(
        rp_id=site.host,
        challenge=_challenge(session, None, now),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return _as_json(options)


def log_in_by_passkey(session: Session, answer: Mapping[str, Any], site: Site, now: datetime) -> Actor:
    """The party whose passkey signed the challenge; one `Unauthenticated` for all that can be wrong."""
    try:
        challenge = _answered(session, answer, None, now)
        wanted = select(Passkey).where(Passkey.credential_id == base64url_to_bytes(str(answer.get("rawId"))))
        row = session.scalar(wanted.options(joinedload(Passkey.party)))
        if row is None:
            raise Unauthenticated(_REFUSED)
        verified = webauthn.verify_authentication_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=row.public_key,
            credential_current_sign_count=row.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, InvalidInput, ValueError, KeyError, TypeError):
        raise Unauthenticated(_REFUSED) from None
    row.sign_count = verified.new_sign_count
    row.used_at = now
    return actor_of(row.party)


def list_passkeys(session: Session, actor: Actor) -> Sequence[Passkey]:
    """The actor's passkeys, oldest first."""
    return session.scalars(
        select(Passkey).where(Passkey.party_id == actor.party_id).order_by(Passkey.id)
    ).all()


def remove_passkey(session: Session, actor: Actor, public_id: bytes) -> None:
    """Forget one of the actor's passkeys; `NotFound` for others'."""
    own = (Passkey.public_id == public_id, Passkey.party_id == actor.party_id)
    row = session.scalar(select(Passkey).where(*own))
    if row is None:
        raise NotFound(f"You have no {format_id('passkey', public_id)}.")
    session.delete(row)


def _challenge(session: Session, party_id: int | None, now: datetime) -> bytes:
    session.execute(delete(PasskeyChallenge).where(PasskeyChallenge.expires_at <= now))
    challenge = secrets.token_bytes(32)
    session.add(PasskeyChallenge(challenge=challenge, party_id=party_id, expires_at=now + _ANSWER_WITHIN))
    session.flush()
    return challenge


def _answered(session: Session, answer: Mapping[str, Any], party_id: int | None, now: datetime) -> bytes:
    """The open challenge that this answers, which is closed by it."""
    try:
        stated = parse_client_data_json(base64url_to_bytes(answer["response"]["clientDataJSON"])).challenge
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise InvalidInput("This is no answer to a passkey question.") from None
    asked = (
        PasskeyChallenge.challenge == stated,
        PasskeyChallenge.expires_at > now,
        PasskeyChallenge.party_id.is_(None) if party_id is None else PasskeyChallenge.party_id == party_id,
    )
    if session.execute(delete(PasskeyChallenge).where(*asked)).rowcount != 1:  # type: ignore[attr-defined]
        raise InvalidInput("This question was answered already, or too long ago; try again.")
    return bytes(stated)


def _as_json(options: Any) -> dict[str, Any]:
    return dict(json.loads(webauthn.options_to_json(options)))
