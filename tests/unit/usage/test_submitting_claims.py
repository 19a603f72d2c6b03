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
from tests.support.market import CENTS_PER_WORK, Market, name, row


def codes(error: pytest.ExceptionInfo[InvalidInput]) -> list[tuple[int, str]]:
    """Place and code of each refused row."""
    return [(fault["row"], fault["code"]) for fault in error.value.details["rows"]]


def size(market: Market) -> int:
    """How long the log is."""
    return log.head(market.session).size


def test_a_batch_is_one_leaf_that_commits_to_its_rows(market: Market) -> None:
    """The leaf tells lab, model, run and the root over the rows, and nobody's name."""
    first, second = market.work(), market.work()
    licence = market.agreement(first, second)
    before = size(market)
    batch = market.claim(row(second, licence, 5, how=1), row(first, licence, 120))
    assert (batch.log_index, size(market)) == (before, before + 1)
    leaf = parse_leaf(log.entries(market.session, batch.log_index, batch.log_index + 1)[0])
    assert isinstance(leaf, UseLeaf)
    assert leaf.dataset == "sha256:" + market.run().run_id
    assert (leaf.lab, leaf.model) == (name(market.lab), format_id("model", market.model))
    assert (leaf.rows, leaf.root) == (2, rows_root(batch.rows).hex())
    assert leaf.licence == licence
    assert leaf.at == int(market.clock().timestamp())
    assert leaf.who == commitment(batch.salt, {"party": name(market.lab)})


def test_rows_are_stored_sorted_with_agreement_tariff_and_unit(market: Market) -> None:
    """Rows of one use are added together; the tariff is the pinned version's digest."""
    picture, text = market.work(), market.work(kind=Kind.TEXT)
    licence = market.agreement(picture, text, components=(CENTS_PER_WORK,))
    batch = market.claim(row(text, licence, 3), row(picture, licence, 2), row(picture, licence, 4))
    found = usage.rows_of(market.session, batch)
    assert [r.n for r in found] == [0, 1]
    assert {(r.work_id, r.units, r.unit) for r in found} == {(picture.id, 6, "image"), (text.id, 3, "text")}
    agreement = market.session.get_one(licences.Agreement, found[0].agreement_id)
    assert {r.tariff for r in found} == {agreement.tariff_digest}
    assert {r.licence for r in found} == {licence}


def test_the_same_batch_again_is_the_same_leaf(market: Market) -> None:
    """Also later, in another order, with another runtime; a lost answer can always be asked for again."""
    first, second = market.work(), market.work()
    licence = market.agreement(first, second)
    manifest = market.manifest()
    rows = [row(first, licence, 3), row(second, licence, 4)]
    command = usage.SubmitClaim(manifest, market.model, rows)
    batch = usage.submit_claim(market.session, market.lab, command, market.sources)
    after = size(market)
    market.clock.advance(days=2)
    again = usage.SubmitClaim({**manifest, "runtime": {"workers": 9}}, market.model, rows[::-1])
    assert usage.submit_claim(market.session, market.lab, again, market.sources).id == batch.id
    assert size(market) == after
    assert market.session.scalar(select(func.count()).select_from(ClaimRow)) == 2


def test_other_rows_for_the_same_run_and_model_are_a_conflict(market: Market) -> None:
    """What was reported is not changed in silence; another run or another model is another claim."""
    work = market.work()
    licence = market.agreement(work)
    batch = market.claim(row(work, licence, 3))
    before = size(market)
    with pytest.raises(Conflict, match=format_id("claim", batch.public_id)):
        market.claim(row(work, licence, 4))
    assert size(market) == before
    assert market.claim(row(work, licence, 4), number=2).log_index == before


def test_every_wrong_row_is_named_and_nothing_is_written(market: Market) -> None:
    """One answer for all rows, whatever is wrong with each."""
    work, other = market.work(), market.work(market.bert)
    licence = market.agreement(work)
    searching = market.agreement(work, purpose=Purpose.SEARCH)
    european = market.agreement(work, territories=("DE",))
    rival = make_actor(market.session, market.sources, Role.LAB, "Another lab")
    theirs = market.agreement(work, lab=rival)
    unknown = row(work, licence) | {"work": format_id("work", bytes(16))}
    before = size(market)
    with pytest.raises(InvalidInput, match="Nothing was recorded") as caught:
        market.claim(
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
        (6, "licence.territory"),
        (7, "row.invalid"),
    ]
    assert size(market) == before
    for table in (ClaimBatch, ClaimRow, Run):
        assert market.session.scalar(select(func.count()).select_from(table)) == 0


def test_a_licence_for_another_purpose_does_not_cover_the_run(market: Market) -> None:
    """A licence to index is none to train."""
    work = market.work()
    with pytest.raises(InvalidInput) as caught:
        market.claim(row(work, market.agreement(work, purpose=Purpose.SEARCH)))
    assert codes(caught) == [(0, "licence.purpose")]


def test_an_open_offer_is_no_agreement(market: Market) -> None:
    """What anyone may do needs no report, and has no price to be settled by."""
    work = market.work()
    offer = licences.create_offer(
        market.session, market.anna, licences.CreateOffer((work.public_id,), Purpose.ALL), market.sources
    )
    with pytest.raises(InvalidInput) as caught:
        market.claim(row(work, format_id("offer", offer.public_id) + "@1"))
    assert codes(caught) == [(0, "licence.not-in-force")]


def test_an_agreement_counts_at_the_time_of_the_snapshot(market: Market) -> None:
    """Ended afterwards: what was used before is reported. Ended before, or concluded after: refused."""
    work = market.work()
    early = market.run(1)
    market.clock.advance(hours=1)
    licence = market.agreement(work)
    during = market.run(2)
    market.clock.advance(hours=1)
    public_id = licence.partition("@")[0]
    agreement = next(
        a
        for a in licences.list_agreements(market.session, market.lab).items
        if format_id("agreement", a.public_id) == public_id
    )
    licences.end_agreement(
        market.session, market.lab, licences.EndAgreement(agreement.public_id), market.sources
    )
    market.clock.advance(hours=1)
    for manifest in (early, market.run(3)):
        with pytest.raises(InvalidInput) as caught:
            submit(market, json.loads(manifest.to_bytes()), [row(work, licence)])
        assert codes(caught) == [(0, "licence.not-in-force")]
    assert submit(market, json.loads(during.to_bytes()), [row(work, licence)]).row_count == 1


def submit(market: Market, manifest: dict[str, Any], rows: list[dict[str, Any]]) -> ClaimBatch:
    """Report with this manifest."""
    command = usage.SubmitClaim(manifest, market.model, rows)
    return usage.submit_claim(market.session, market.lab, command, market.sources)


def test_a_work_that_was_contested_or_withdrawn_since_can_still_be_reported(market: Market) -> None:
    """Whoever used it under licence owes for it, to whomever."""
    work = market.work()
    licence = market.agreement(work)
    manifest = market.manifest()
    market.clock.advance(hours=1)
    work.contested_since = market.clock()
    works.withdraw_work(market.session, market.anna, work.public_id, market.sources)
    assert submit(market, manifest, [row(work, licence)]).row_count == 1


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
    market: Market, change: Callable[[dict[str, Any]], dict[str, Any]], error: type[Exception]
) -> None:
    """Its id is the digest of what it says; unknown members and floats are not skipped."""
    work = market.work()
    licence = market.agreement(work)
    before = size(market)
    with pytest.raises(error):
        submit(market, change(market.manifest()), [row(work, licence)])
    assert size(market) == before


@pytest.mark.parametrize("licensee", [None, "party_somebody-else"])
def test_a_run_in_nobodys_or_anothers_name_is_refused(market: Market, licensee: str | None) -> None:
    """Only a run that was filtered with the lab's own licences can rest on them."""
    work = market.work()
    with pytest.raises(InvalidInput, match=name(market.lab)):
        market.claim(row(work, market.agreement(work)), licensee=licensee)


def test_a_snapshot_from_the_future_is_refused(market: Market) -> None:
    """Somebody's clock is wrong, and the licence's period could not be checked."""
    work = market.work()
    licence = market.agreement(work)
    manifest = market.manifest()
    market.clock.advance(hours=-1)
    with pytest.raises(InvalidInput, match="future"):
        submit(market, manifest, [row(work, licence)])


def test_the_model_is_the_labs_own(market: Market) -> None:
    """Another lab's model does not exist for this one."""
    work = market.work()
    command = usage.SubmitClaim(market.manifest(), bytes(16), [row(work, market.agreement(work))])
    with pytest.raises(NotFound, match="model"):
        usage.submit_claim(market.session, market.lab, command, market.sources)


@pytest.mark.parametrize("who", ["anna", "operator"])
def test_only_labs_report_use(market: Market, who: str) -> None:
    """A maker could otherwise bill for what nobody used."""
    command = usage.SubmitClaim(market.manifest(), market.model, [])
    with pytest.raises(Forbidden, match="only labs"):
        usage.submit_claim(market.session, getattr(market, who), command, market.sources)


def test_who_sees_a_claim(market: Market) -> None:
    """The lab itself and the operator; another lab finds nothing, a maker is told that this is not for it."""
    work = market.work()
    batch = market.claim(row(work, market.agreement(work)))
    rival = make_actor(market.session, market.sources, Role.LAB, "Another lab")
    for actor in (market.lab, market.operator):
        assert usage.get_claim(market.session, actor, batch.public_id) is batch
        assert [b.id for b in usage.list_claims(market.session, actor).items] == [batch.id]
    with pytest.raises(NotFound):
        usage.get_claim(market.session, rival, batch.public_id)
    assert not usage.list_claims(market.session, rival).items
    for actor in (market.anna, market.bert):
        with pytest.raises(Forbidden):
            usage.get_claim(market.session, actor, batch.public_id)
        with pytest.raises(Forbidden):
            usage.list_claims(market.session, actor)
