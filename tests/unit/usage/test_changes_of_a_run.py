"""What a lab may use no longer of what it reported for a run: only its own, page by page, as a check would decide."""

from __future__ import annotations

from datetime import timedelta

import pytest

from registry.base.actor import Actor, Role
from registry.core.decisions import Purpose
from registry.core.errors import Forbidden, InvalidInput, NotFound
from registry.core.ids import parse_id
from registry.licences import service as licences
from registry.licences.terms import agreement_name
from registry.usage import service as usage
from registry.works import service as works
from tests.factories import make_actor
from tests.support.usage import Trade, row


def changes(
    trade: Trade, run: str, actor: Actor | None = None, after: bytes | None = None, limit: int = 100
) -> usage.ChangesPage:
    asker = actor or trade.lab
    return usage.changes_of_run(trade.session, asker, run, trade.clock(), after, limit)


def end(trade: Trade, licence: str) -> None:
    agreement = parse_id("agreement", licence.partition("@")[0])
    licences.end_agreement(trade.session, trade.anna, licences.EndAgreement(agreement), trade.sources)


def test_what_is_denied_since_is_named_and_nothing_else(trade: Trade) -> None:
    kept, ended, withdrawn, free = sold = [trade.work() for _ in range(4)]
    licence = {work.id: trade.agreement(work) for work in sold}
    run = trade.run().run_id
    trade.claim(*(row(work, licence[work.id]) for work in sold))
    trade.clock.advance(hours=1)
    assert changes(trade, run).items == []
    works.withdraw_work(
        trade.session, trade.anna, kept.public_id, trade.sources
    )  # what was agreed stays agreed
    for work in (ended, withdrawn, free):
        end(trade, licence[work.id])
    works.withdraw_work(trade.session, trade.anna, withdrawn.public_id, trade.sources)
    offer = licences.CreateOffer((free.public_id,), Purpose.TRAIN_GENAI)
    licences.create_offer(trade.session, trade.anna, offer, trade.sources)
    found = {item.work: item for item in changes(trade, run).items}
    assert set(found) == {ended.public_id, withdrawn.public_id}
    assert found[ended.public_id].withdrawn_at is None
    assert found[withdrawn.public_id].withdrawn_at == trade.clock()
    assert {item.reason for item in found.values()} == {"registered.no-licence"}
    assert found[ended.public_id].licences == [licence[ended.id]]


def test_what_ends_by_itself_is_named_as_well(trade: Trade) -> None:
    work = trade.work()
    offer = licences.CreateOffer(
        (work.public_id,),
        Purpose.TRAIN_GENAI,
        valid_to=trade.clock() + timedelta(days=30),
        licensees=(trade.lab.public_id,),
    )
    made = licences.create_offer(trade.session, trade.anna, offer, trade.sources)
    accept = licences.AcceptOffer(made.public_id)
    agreement = licences.accept_offer(trade.session, trade.lab, accept, trade.sources)
    run = trade.run().run_id
    trade.claim(row(work, agreement_name(agreement)))
    trade.clock.advance(days=29)
    assert changes(trade, run).items == []
    trade.clock.advance(days=1)
    assert [item.work for item in changes(trade, run).items] == [work.public_id]


def test_pages_go_on_where_they_ended(trade: Trade) -> None:
    sold = [trade.work() for _ in range(5)]
    licence = trade.agreement(*sold)
    run = trade.run().run_id
    trade.claim(*(row(work, licence) for work in sold))
    end(trade, licence)
    seen: list[bytes] = []
    after = None
    for size in (2, 2, 1):
        page = changes(trade, run, after=after, limit=2)
        assert len(page.items) == size
        seen += [item.work for item in page.items]
        after = page.next
    assert after is None
    assert seen == [work.public_id for work in sold]
    for cursor in (trade.work().public_id, bytes(16)):
        with pytest.raises(InvalidInput, match="begin it again"):
            changes(trade, run, after=cursor)
    with pytest.raises(InvalidInput, match="1 to"):
        changes(trade, run, limit=0)


def test_a_run_is_its_labs_business(trade: Trade) -> None:
    work = trade.work()
    licence = trade.agreement(work)
    run = trade.run().run_id
    trade.claim(row(work, licence))
    end(trade, licence)
    rival = make_actor(trade.session, trade.sources, Role.LAB, "Rival")
    with pytest.raises(NotFound):
        changes(trade, run, rival)
    with pytest.raises(Forbidden):
        changes(trade, run, trade.anna)
    assert changes(trade, run, trade.operator) == changes(trade, run)
