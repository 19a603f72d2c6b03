"""Hold a claim against what is on record: who reports, for which run, under which of its agreements."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.auth import check_scopes
from registry.core.decisions import Purpose
from registry.core.errors import Forbidden, InvalidInput, NotFound, VerificationFailed
from registry.core.ids import format_id, parse_id
from registry.core.records import run_signatures
from registry.core.records.canonical import canonical
from registry.core.records.claims import ClaimRow
from registry.core.records.runs import RunManifest
from registry.licences import service as licences
from registry.licences.service import Agreement
from registry.usage import rules
from registry.usage.rules import AgreedTerms, RowFault


def check_lab(actor: Actor) -> None:
    """Only labs use works under licence, so only they report."""
    if actor.role is not Role.LAB:
        raise Forbidden(f"{actor.role.one} cannot report use; only labs can.")
    check_scopes(actor, frozenset({Scope.CLAIMS_WRITE}))


def read_manifest(data: Mapping[str, Any], actor: Actor, now: datetime) -> RunManifest:
    """The run, if it is the actor's own.

    `VerificationFailed` if its id is not the digest of what it says, or its signature, if it has one, is none of it.
    """
    manifest = RunManifest.parse(canonical(dict(data)))
    _check_signature(manifest)
    lab = format_id("party", actor.public_id)
    if manifest.licensee != lab:
        raise InvalidInput(
            f"This run was filtered as {manifest.licensee or 'nobody in particular'}, not as {lab}; only a run "
            "in your own name can rest on your licences."
        )
    if manifest.snapshot.created > now.timestamp():
        raise InvalidInput(
            "The run's snapshot is from the future; check the clock of the machine that filtered."
        )
    return manifest


def _check_signature(manifest: RunManifest) -> None:
    """A lab may sign its runs; the note travels in `runtime`, which is not part of what is signed."""
    note = manifest.runtime.get("signature")
    if isinstance(note, str):
        run_signatures.verify(note, manifest.run_id)
    elif note is not None:
        raise VerificationFailed("The run's signature is a note, that is a text.")


def check_rows(
    session: Session,
    actor: Actor,
    manifest: RunManifest,
    rows: Sequence[tuple[int, ClaimRow]],
    work_ids: Mapping[bytes, int],
    faults: Sequence[RowFault],
) -> Mapping[str, Agreement]:
    """The agreements that the rows name, by licence; `InvalidInput` with everything that is wrong with any row."""
    found = list(faults)
    agreements, reasons = _agreements(session, actor, manifest, {row.licence for _, row in rows})
    sound = []
    for place, row in rows:
        if parse_id("work", row.work) not in work_ids:
            found.append(RowFault(place, "work.unknown", f"There is no {row.work}."))
        elif row.licence in reasons:
            found.append(RowFault(place, *reasons[row.licence]))
        else:
            sound.append((place, row))
    agreed = {name: _terms(session, name, held, work_ids) for name, held in agreements.items()}
    found += rules.faults_against(sound, agreed, Purpose(manifest.purpose), manifest.territory)
    rules.refuse(found)
    return agreements


def _agreements(
    session: Session, actor: Actor, manifest: RunManifest, named: Collection[str]
) -> tuple[dict[str, Agreement], dict[str, tuple[str, str]]]:
    """The lab's agreements by licence, and (code, message) for those that cannot be relied on.

    An agreement counts if it held when the snapshot was made, which a run may rely on, or at the moment for which
    the run asked, for one that began in between.
    """
    moments = [datetime.fromtimestamp(at, UTC) for at in sorted({manifest.snapshot.created, manifest.at})]
    found: dict[str, Agreement] = {}
    reasons: dict[str, tuple[str, str]] = {}
    for licence in sorted(named):
        for moment in moments:
            try:
                found[licence] = licences.agreement_for_claim(session, actor.party_id, licence, moment)
            except NotFound as error:
                reasons[licence] = ("licence.unknown", error.message)
            except InvalidInput as error:
                reasons[licence] = ("licence.not-in-force", error.message)
            else:
                reasons.pop(licence, None)
                break
    return found, reasons


def _terms(
    session: Session, licence: str, agreement: Agreement, work_ids: Mapping[bytes, int]
) -> AgreedTerms:
    covered = licences.works_covered(session, agreement, work_ids.values())
    works = frozenset(format_id("work", public_id) for public_id, key in work_ids.items() if key in covered)
    return AgreedTerms(licence, Purpose(agreement.purpose), tuple(agreement.territories), works)
