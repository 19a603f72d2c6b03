"""POST /v1/works/cwr: a society's file over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.fingerprints import Fingerprint
from registry.core.ids import format_id
from registry.parties import service as parties
from registry.parties.service import May, Repertoire
from registry.works import service as works
from tests.functional.conftest import Account, Client
from tests.support.cwr import ANNA_IPI, ISWC, Holder, Song, write

ADDRESS = "/v1/works/cwr"


def test_a_file_is_taken_in_or_refused_with_every_record(
    client: Client, account: Callable[..., Account], database: Database, sources: Sources
) -> None:
    society, anna = account(Role.SOCIETY), account(Role.CREATOR)
    with database.writing() as session:
        mandate = parties.CreateMandate(
            society.actor.public_id, frozenset({May.REGISTER}), Repertoire(all=True)
        )
        parties.create_mandate(session, anna.actor, mandate, sources)
        codes = works.ClientCodes((Fingerprint("digest.sha256.v1", "whole", bytes(32)),))
        command = works.RegisterWork(
            "A song", codes, works.Kind.TEXT, identifiers=((works.Scheme.ISWC, ISWC),)
        )
        song = works.register_work(session, anna.actor, command, sources).work
    file = write(Song((Holder(ANNA_IPI, 5000, 10000), Holder("", 5000, 0))))
    body = {
        "cwr": file,
        "members": [{"ipi": ANNA_IPI, "party": anna.id}],
    }
    short = body | {"cwr": file.replace("05000   10000", "05000   09000")}
    wrong = client.post(ADDRESS, json=short, headers=society.headers)
    assert wrong.status_code == 422
    assert "Line 3 (NWR): the mechanical shares sum to 90.00 %" in wrong.json["detail"]
    assert wrong.json["details"]["errors"][0]["line"] == 3
    assert client.post(ADDRESS, json=body, headers=anna.headers).status_code == 403
    assert client.post(ADDRESS, json=body | {"members": []}, headers=society.headers).status_code == 422
    for dry_run, changed in ((True, True), (False, True), (False, False)):
        taken = client.post(ADDRESS, json=body | {"dry_run": dry_run}, headers=society.headers)
        assert taken.json == {
            "works": [
                {
                    "work": format_id("work", song.public_id),
                    "iswc": ISWC,
                    "title": "A song",
                    "changed": changed,
                    "unclaimed_ppm": {"reproduction": 0, "communication": 500_000},
                }
            ],
            "not_registered": [],
        }
