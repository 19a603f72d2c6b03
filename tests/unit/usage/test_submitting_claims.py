"""A claim is checked whole, becomes one leaf, and is never changed; every wrong one leaves no trace."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from registry.base.actor import Role
from registry.core.decisions import Purpose
from registry.core.errors import Conflict, Forbidden, InvalidInput, NotFound, VerificationFailed
from registry.core.ids import format_id
from registry.core.records.claims import rows_root
from registry.core.records.leaves import UseLeaf, commitment, parse_leaf
from registry.licences import service as licences
from registry.log import service as log
from registry.usage import service as usage
from registry.usage.models import ClaimBatch, ClaimRow, Run
from registry.works import service as works
from registry.works.service import Kind
from tests.factories import make_actor
from tests.support.usage import CENTS_PER_WORK, Trade, name, row


def codes(error: pytest.ExceptionInfo[InvalidInput]) -> list[tuple[int, str]]:
    """Place and code of each refused row."""
    return [(fault["row"], fault["code"]) for fault in error.value.details["rows"]]


def size(trade: Trade) -> int:
    """How long the log is."""
    return log.head(trade.session).size


def test_a_batch_is_one_leaf_that_commits_to_its_rows(trade: Trade) -> None:
    """The leaf tells lab, model, run and the root over the rows, and nobody's name."""
    first, second = trade.work(), trade.work()
    licence = trade.agreement(first, second)
    before = size(trade)
    batch = trade.claim(row(second, licence, 5, how=1), row(first, licence, 120))
    assert (batch.log_index, size(trade)) == (before, before + 1)
    leaf = parse_leaf(log.entries(trade.session, batch.log_index, batch.log_index + 1)[0])
    assert isinstance(leaf, UseLeaf)
    assert leaf.dataset == "sha256:" + trade.run().run_id
    assert (leaf.lab, leaf.model) == (name(trade.lab), format_id("model", trade.model))
    assert (leaf.rows, leaf.root) == (2, rows_root(batch.rows).hex())
    assert leaf.licence == licence
    assert leaf.at == int(trade.clock().timestamp())
    assert leaf.who == commitment(batch.salt, {"party": name(trade.lab)})


def test_rows_are_stored_sorted_with_agreement_tariff_and_unit(trade: Trade) -> None:
    """Rows of one use are added together; the tariff is the pinned version's digest."""
    picture, text = trade.work(), trade.work(kind=Kind.TEXT)
    licence = trade.agreement(picture, text, components=(CENTS_PER_WORK,))
    batch = trade.claim(row(text, licence, 3), row(picture, licence, 2), row(picture, licence, 4))
    found = usage.rows_of(trade.session, batch)
    assert [r.n for r in found] == [0, 1]
    assert {(r.work_id, r.units, r.unit) for r in found} == {(picture.id, 6, "image"), (text.id, 3, "text")}
    agreement = trade.session.get_one(licences.Agreement, found[0].agreement_id)
    assert {r.tariff for r in found} == {agreement.tariff_digest}
    assert {r.licence for r in found} == {licence}


def test_the_same_batch_again_is_the_same_leaf(trade: Trade) -> None:
    """Also later, in another order, with another runtime; a lost answer can always be asked for again."""
    first, second = trade.work(), trade.work()
    licence = trade.agreement(first, second)
    manifest = trade.manifest()
    rows = [row(first, licence, 3), row(second, licence, 4)]
    command = usage.SubmitClaim(manifest, trade.model, rows)
    batch = usage.submit_claim(trade.session, trade.lab, command, trade.sources)
    after = size(trade)
    trade.clock.advance(days=2)
    again = usage.SubmitClaim({**manifest, "runtime": {"workers": 9}}, trade.model, rows[::-1])
    assert usage.submit_claim(trade.session, trade.lab, again, trade.sources).id == batch.id
    assert size(trade) == after
    assert trade.session.scalar(select(func.count()).select_from(ClaimRow)) == 2


def test_other_rows_for_the_same_run_and_model_are_a_conflict(trade: Trade) -> None:
    """What was reported is not changed in silence; another run or another model is another claim."""
    work = trade.work()
    licence = trade.agreement(work)
    batch = trade.claim(row(work, licence, 3))
    before = size(trade)
    with pytest.raises(Conflict, match=format_id("claim", batch.public_id)):
        trade.claim(row(work, licence, 4))
    assert size(trade) == before
    assert trade.claim(row(work, licence, 4), number=2).log_index == before


def test_every_wrong_row_is_named_and_nothing_is_written(trade: Trade) -> None:
    """One answer for all rows, whatever is wrong with each."""
    work, other = trade.work(), trade.work(trade.bert)
    licence = trade.agreement(work)
    searching = trade.agreement(work, purpose=Purpose.SEARCH)
    european = trade.agreement(work, territories=("DE",))
    rival = make_actor(trade.session, trade.sources, Role.LAB, "Another lab")
    theirs = trade.agreement(work, lab=rival)
    unknown = row(work, licence) | {"work": format_id("work", bytes(16))}
    before = size(trade)
    with pytest.raises(InvalidInput, match="Nothing was recorded") as caught:
        trade.claim(
            row(work, licence),
            row(other, licence),
            unknown,
            row(work, theirs),
            row(work, licence[:-1] + "2"),
            row(work, searching),
            row(work, european),
            row(work, licence, units=0),
        )
    assert codes(caught) == [
        (1, "licence.other-work"),
        (2, "work.unknown"),
        (3, "licence.unknown"),
        (4, "licence.not-in-force"),
        (5, "licence.purpose"),
        (6, "licence.territory"),
        (7, "row.invalid"),
    ]
    assert size(trade) == before
    for table in (ClaimBatch, ClaimRow, Run):
        assert trade.session.scalar(select(func.count()).select_from(table)) == 0


def test_a_licence_for_another_purpose_does_not_cover_the_run(trade: Trade) -> None:
    """A licence to index is none to train."""
    work = trade.work()
    with pytest.raises(InvalidInput) as caught:
        trade.claim(row(work, trade.agreement(work, purpose=Purpose.SEARCH)))
    assert codes(caught) == [(0, "licence.purpose")]


def test_an_open_offer_is_no_agreement(trade: Trade) -> None:
    """What anyone may do needs no report, and has no price to be settled by."""
    work = trade.work()
    offer = licences.create_offer(
        trade.session, trade.anna, licences.CreateOffer((work.public_id,), Purpose.ALL), trade.sources
    )
    with pytest.raises(InvalidInput) as caught:
        trade.claim(row(work, format_id("offer", offer.public_id) + "@1"))
    assert codes(caught) == [(0, "licence.not-in-force")]


def test_an_agreement_counts_at_the_time_of_the_snapshot(trade: Trade) -> None:
    """Ended afterwards: what was used before is reported. Ended before, or concluded after: refused."""
    work = trade.work()
    early = trade.run(1)
    trade.clock.advance(hours=1)
    licence = trade.agreement(work)
    during = trade.run(2)
    trade.clock.advance(hours=1)
    public_id = licence.partition("@")[0]
    agreement = next(
        a
        for a in licences.list_agreements(trade.session, trade.lab).items
        if format_id("agreement", a.public_id) == public_id
    )
    licences.end_agreement(
        trade.session, trade.lab, licences.EndAgreement(agreement.public_id), trade.sources
    )
    trade.clock.advance(hours=1)
    for manifest in (early, trade.run(3)):
        with pytest.raises(InvalidInput) as caught:
            submit(trade, json.loads(manifest.to_bytes()), [row(work, licence)])
        assert codes(caught) == [(0, "licence.not-in-force")]
    assert submit(trade, json.loads(during.to_bytes()), [row(work, licence)]).row_count == 1


def submit(trade: Trade, manifest: dict[str, Any], rows: list[dict[str, Any]]) -> ClaimBatch:
    """Report with this manifest."""
    command = usage.SubmitClaim(manifest, trade.model, rows)
    return usage.submit_claim(trade.session, trade.lab, command, trade.sources)


def test_a_work_that_was_contested_or_withdrawn_since_can_still_be_reported(trade: Trade) -> None:
    """Whoever used it under licence owes for it, to whomever."""
    work = trade.work()
    licence = trade.agreement(work)
    manifest = trade.manifest()
    trade.clock.advance(hours=1)
    work.contested_since = trade.clock()
    works.withdraw_work(trade.session, trade.anna, work.public_id, trade.sources)
    assert submit(trade, manifest, [row(work, licence)]).row_count == 1


def _tampered(manifest: dict[str, Any]) -> dict[str, Any]:
    return {**manifest, "purpose": "search"}


def _without_id(manifest: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in manifest.items() if k != "run_id"}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (_tampered, VerificationFailed),
        (_without_id, VerificationFailed),
        (lambda m: {**m, "further": 1}, InvalidInput),
        (lambda m: {**m, "schema_version": 2}, InvalidInput),
        (lambda m: {**m, "at": 1.5}, InvalidInput),
        (lambda _: {}, InvalidInput),
    ],
)
def test_a_manifest_that_is_not_what_the_run_wrote_is_refused(
    trade: Trade, change: Callable[[dict[str, Any]], dict[str, Any]], error: type[Exception]
) -> None:
    """Its id is the digest of what it says; unknown members and floats are not skipped."""
    work = trade.work()
    licence = trade.agreement(work)
    before = size(trade)
    with pytest.raises(error):
        submit(trade, change(trade.manifest()), [row(work, licence)])
    assert size(trade) == before


@pytest.mark.parametrize("licensee", [None, "party_somebody-else"])
def test_a_run_in_nobodys_or_anothers_name_is_refused(trade: Trade, licensee: str | None) -> None:
    """Only a run that was filtered with the lab's own licences can rest on them."""
    work = trade.work()
    with pytest.raises(InvalidInput, match=name(trade.lab)):
        trade.claim(row(work, trade.agreement(work)), licensee=licensee)


def test_a_snapshot_from_the_future_is_refused(trade: Trade) -> None:
    """Somebody's clock is wrong, and the licence's period could not be checked."""
    work = trade.work()
    licence = trade.agreement(work)
    manifest = trade.manifest()
    trade.clock.advance(hours=-1)
    with pytest.raises(InvalidInput, match="future"):
        submit(trade, manifest, [row(work, licence)])


def test_the_model_is_the_labs_own(trade: Trade) -> None:
    """Another lab's model does not exist for this one."""
    work = trade.work()
    command = usage.SubmitClaim(trade.manifest(), bytes(16), [row(work, trade.agreement(work))])
    with pytest.raises(NotFound, match="model"):
        usage.submit_claim(trade.session, trade.lab, command, trade.sources)


@pytest.mark.parametrize("who", ["anna", "operator"])
def test_only_labs_report_use(trade: Trade, who: str) -> None:
    """A maker could otherwise bill for what nobody used."""
    command = usage.SubmitClaim(trade.manifest(), trade.model, [])
    with pytest.raises(Forbidden, match="only labs"):
        usage.submit_claim(trade.session, getattr(trade, who), command, trade.sources)


def test_who_sees_a_claim(trade: Trade) -> None:
    """The lab itself and the operator; another lab finds nothing, a maker is told that this is not for it."""
    work = trade.work()
    batch = trade.claim(row(work, trade.agreement(work)))
    rival = make_actor(trade.session, trade.sources, Role.LAB, "Another lab")
    for actor in (trade.lab, trade.operator):
        assert usage.get_claim(trade.session, actor, batch.public_id) is batch
        assert [b.id for b in usage.list_claims(trade.session, actor).items] == [batch.id]
    with pytest.raises(NotFound):
        usage.get_claim(trade.session, rival, batch.public_id)
    assert not usage.list_claims(trade.session, rival).items
    for actor in (trade.anna, trade.bert):
        with pytest.raises(Forbidden):
            usage.get_claim(trade.session, actor, batch.public_id)
        with pytest.raises(Forbidden):
            usage.list_claims(trade.session, actor)
