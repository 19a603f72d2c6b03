"""A lab's basket: what is put in stays; offers are read before they are accepted; what has changed is not accepted."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.decisions import Purpose
from registry.core.ids import format_id, parse_id
from registry.licences import basket
from registry.licences import service as licences
from registry.usage import service as usage
from registry.works import service as works
from tests.factories import Clock
from tests.support.browsing import signed_in, text_of
from tests.support.usage import CENTS_PER_100_IMAGES, CENTS_PER_WORK, open_trade, row
from tests.support.works import register

Person = Any
READ = re.compile(r'name="read" value="([^"]+)"')
SHARE = {"type": "revenue_share", "ppm": 50_000, "minimum_minor": 700}


class Market:
    """Anna's pictures and her offers, and a lab with a browser."""

    def __init__(self, anna: Person, lab: Person, database: Database, sources: Sources) -> None:
        self.anna, self.lab, self.database, self.sources = anna, lab, database, sources

    def work(self, name: str) -> str:
        """The number of a new picture."""
        with self.database.writing() as session:
            return format_id("work", register(session, self.anna.actor, self.sources, name).public_id)

    def offer(
        self,
        *numbers: str,
        components: Sequence[Any] = (CENTS_PER_WORK,),
        currency: str = "EUR",
        **more: Any,
    ) -> str:
        """The number of an offer of these works, for training generative AI."""
        with self.database.writing() as session:
            command = licences.CreateTariff(currency, components, "Pictures")
            tariff = licences.create_tariff(session, self.anna.actor, command, self.sources)
            ids = tuple(parse_id("work", number) for number in numbers)
            offer = licences.CreateOffer(
                ids, more.pop("purpose", Purpose.TRAIN_GENAI), tariff=tariff.series.public_id, **more
            )
            made = licences.create_offer(session, self.anna.actor, offer, self.sources)
            return format_id("offer", made.public_id)

    def revoke(self, number: str) -> None:
        """Anna takes an offer back."""
        with self.database.writing() as session:
            licences.revoke_offer(session, self.anna.actor, parse_id("offer", number), self.sources)

    def withdraw(self, number: str) -> None:
        """Anna withdraws a work."""
        with self.database.writing() as session:
            works.withdraw_work(session, self.anna.actor, parse_id("work", number), self.sources)

    def put(self, *numbers: str, **more: Any) -> Any:
        """The lab puts them into its basket."""
        self.lab.browser.open("/en/basket")
        return self.lab.browser.send("/en/basket", {"numbers": "\n".join(numbers), **more})

    def read(self, *offers: str) -> tuple[str, list[str]]:
        """The page on which the lab reads these offers, and what it would send."""
        query = "&".join(f"offer={offer}" for offer in offers)
        page = self.lab.browser.open(f"/en/basket/accept?{query}")
        assert page.status_code == 200
        return text_of(page.text), READ.findall(html.unescape(page.text))

    def agreements(self) -> list[Any]:
        """What the lab has accepted."""
        with self.database.reading() as session:
            return list(licences.list_agreements(session, self.lab.actor).items)

    def inside(self) -> int:
        """How many works are in the basket."""
        with self.database.reading() as session:
            return basket.size(session, self.lab.actor)


@pytest.fixture
def market(person: Callable[..., Person], database: Database, sources: Sources) -> Market:
    """Nothing offered yet."""
    return Market(person(), person(Role.LAB, "Nordlicht"), database, sources)


def test_from_works_to_licences(market: Market) -> None:
    first, second, third = (market.work(name) for name in ("One", "Two", "Three"))
    offer = market.offer(first, second)
    page = market.lab.browser.open(market.put(first, second, third).location)
    text = text_of(page.text)
    assert "3 works were put in." in text
    assert "Unnamed maker" in text
    assert "Anna" not in text
    assert "€0.25 a work" in text
    assert "Together, if all are accepted and used €0.50" in text
    assert "offered by nobody for this 1 Ask for terms" in text
    review = market.lab.browser.send(
        "/en/basket/accept", {"offer": offer, "purpose": "train_genai", "territory": "world"}
    )
    text = text_of(review.text)
    assert "1 licence to accept" in text
    assert "Nothing is accepted yet." in text
    assert market.agreements() == []
    sent = {"read": READ.findall(html.unescape(review.text))}
    done = market.lab.browser.send("/en/basket/conclude", sent)
    assert done.status_code == 303
    text = market.lab.browser.read(done.location)
    assert "1 licence is concluded." in text
    assert "vorbehalt sync" in text
    (agreement,) = market.agreements()
    assert format_id("agreement", agreement.public_id) in text
    assert market.inside() == 1  # the work without an offer
    again = market.lab.browser.read(market.lab.browser.send("/en/basket/conclude", sent).location)
    assert "nothing was done twice" in again
    assert len(market.agreements()) == 1


def test_some_of_several(market: Market) -> None:
    """What is not ticked stays in the basket, at the offer that it had."""
    first, second = market.work("One"), market.work("Two")
    dollars = market.offer(first, currency="USD")
    flat = market.offer(second, components=(CENTS_PER_WORK, SHARE))
    market.put(first, second)
    text = market.lab.browser.read("/en/basket")
    assert "$0.25" in text
    assert "at least €7.00" in text
    assert "and by Net income, at least €7.00" in text
    _, read = market.read(flat)
    market.lab.browser.send("/en/basket/conclude", {"read": read})
    assert market.inside() == 1
    text = market.lab.browser.read("/en/basket")
    assert dollars in text
    assert flat not in text


def test_the_basket_shows_what_is_asked_for(market: Market) -> None:
    one = market.work("One")
    wide = market.offer(one, purpose=Purpose.TRAIN_AI)
    narrow = market.offer(one, components=(CENTS_PER_100_IMAGES,), territories=("DE",))
    market.put(one)
    text = market.lab.browser.read("/en/basket?purpose=train_genai&territory=DE")
    assert wide in text
    assert "1 other offer for the same works" in text
    assert narrow in text
    preferred = market.lab.browser.open(f"/en/basket?territory=DE&prefer={narrow}").text
    assert f'value="{narrow}" checked' in preferred
    assert f'value="{wide}" checked' not in preferred
    both = market.lab.browser.open(f"/en/basket?prefer={narrow}&prefer={wide}").text
    assert f"/de/basket?prefer={narrow}&amp;prefer={wide}" in both  # the other language shows the same
    text = market.lab.browser.read("/en/basket?purpose=search")
    assert "Nothing in your basket is offered to you for this purpose there." in text
    bad = market.lab.browser.open("/en/basket?purpose=nonsense&territory=Nowhere")
    assert bad.status_code == 422
    assert "A country’s two letters, or world." in text_of(bad.text)


def test_by_offer_and_by_maker(market: Market) -> None:
    first, second = market.work("One"), market.work("Two")
    offer = market.offer(first)
    assert market.put(offer).status_code == 303
    assert market.inside() == 1
    market.offer(second)
    assert "put=1&again=1" in market.put(market.anna.id).location
    assert market.inside() == 2
    market.lab.browser.open("/en/basket")
    market.lab.browser.send("/en/basket/out", {"work": [first, "nonsense"]})
    assert market.inside() == 1
    market.lab.browser.send("/en/basket/out", {"act": "all"})
    assert market.inside() == 0


def test_what_cannot_be_put_in_is_said(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """Together with a good number: then that is not put in either."""
    good = market.work("One")
    nobody, nothing = format_id("party", bytes(16)), format_id("offer", bytes(16))
    for numbers, says in (
        ((), "Write a number here"),
        ((good, "nonsense"), "“nonsense” is no number"),
        ((good, "work_xyz"), "“work_xyz” is no number"),
        ((good, nobody), "nothing is offered to you there now"),
        ((good, nothing), "nothing is offered to you there now"),
        ((good, format_id("work", bytes(16))), "Not on record: work_00000000000000000000000000"),
    ):
        refused = market.put(*numbers)
        assert refused.status_code == 422
        assert says in text_of(refused.text)
    monkeypatch.setattr(basket, "MAX_BASKET", 1)
    second = market.work("Two")
    both = market.offer(good, second)
    for many, says in (
        ([good, second], "A basket holds 1 works."),
        ([both, second], "is about more works than a basket holds"),
        ([market.anna.id], "is about more works than a basket holds"),
    ):
        refused = market.put(*many)
        assert refused.status_code == 422
        assert says in text_of(refused.text)
    assert market.put(both).location.endswith(f"/en/basket/accept?offer={both}")  # read by itself
    assert market.inside() == 0


def test_tables(market: Market) -> None:
    first, second = market.work("One"), market.work("Two")
    market.offer(first, second)

    def bring(text: str) -> Any:
        market.lab.browser.open("/en/basket")
        return market.lab.browser.send("/en/basket", {"table": (io.BytesIO(text.encode()), "t")})

    assert bring(f"work,units\n{first},3\n{first},4\n").status_code == 303
    assert "€0.25" in market.lab.browser.read("/en/basket")
    costs = {"licences": [], "totals": {}, "works": [{"work": second, "units": 9, "reason": None}]}
    costs["works"].append({"work": format_id("work", bytes(16)), "units": 1, "reason": "unknown"})  # type: ignore[attr-defined]
    assert bring(json.dumps(costs)).status_code == 303
    with market.database.reading() as session:
        assert list(basket.contents(session, market.lab.actor).values()) == [7, 9]
    for wrong in (f"work,units\n{first},none\n", "work\nnonsense\n", '{"works": 3}'):
        refused = bring(wrong)
        assert refused.status_code == 422
        assert "This is no table with a column work" in text_of(refused.text)


def _withdrawn(market: Market, offer: str, numbers: Sequence[str], clock: Clock) -> None:
    market.withdraw(numbers[0])


def _revoked(market: Market, offer: str, numbers: Sequence[str], clock: Clock) -> None:
    market.revoke(offer)


def _ended(market: Market, offer: str, numbers: Sequence[str], clock: Clock) -> None:
    clock.advance(days=2)


def _revoked_and_dearer(market: Market, offer: str, numbers: Sequence[str], clock: Clock) -> None:
    market.revoke(offer)
    market.offer(*numbers, components=({**CENTS_PER_WORK, "amount_minor": 9_900},))


def test_what_has_changed_since_it_was_read_is_not_accepted(market: Market, clock: Clock) -> None:
    """Neither is what stands beside it in the same form: all or nothing."""
    for happens, says in (
        (_withdrawn, "Below is the present state."),
        (_revoked, "Its maker has taken it back."),
        (_revoked_and_dearer, "Its maker has taken it back."),
        (_ended, "It was open until a day that is over."),
    ):
        accepted = len(market.agreements())
        numbers = [market.work(f"{happens} {n}") for n in range(3)]
        offer = market.offer(*numbers[:2], valid_to=clock() + timedelta(days=1))
        _, read = market.read(offer, market.offer(numbers[2]))
        happens(market, offer, numbers[:2], clock)
        refused = market.lab.browser.send("/en/basket/conclude", {"read": read})
        text = text_of(refused.text)
        assert refused.status_code == 409
        assert "1 offer has changed since you looked. Nothing was accepted." in text
        assert says in text
        assert len(market.agreements()) == accepted
        fresh = READ.findall(html.unescape(refused.text))
        assert len(fresh) == (2 if happens is _withdrawn else 1)
        assert market.lab.browser.send("/en/basket/conclude", {"read": fresh}).status_code == 303
        assert len(market.agreements()) == accepted + len(fresh)


def test_a_digest_that_was_not_shown_is_refused(market: Market) -> None:
    offer = market.offer(market.work("One"))
    market.read(offer)
    for digest in ("", "0" * 64):
        refused = market.lab.browser.send("/en/basket/conclude", {"read": f"{offer}@{digest}"})
        assert refused.status_code == 409
    assert market.lab.browser.send("/en/basket/conclude", {}).status_code == 422
    assert market.agreements() == []


def test_nobody_reads_what_was_offered_to_another(market: Market, person: Callable[..., Person]) -> None:
    other = person(Role.LAB, "Ohneland")
    one = market.work("One")
    offer = market.offer(one, licensees=(other.actor.public_id,))
    assert market.lab.browser.open(f"/en/basket/accept?offer={offer}").status_code == 404
    assert market.put(offer).status_code == 422
    assert other.browser.open(f"/en/basket/accept?offer={offer}").status_code == 200
    market.put(one)
    assert offer not in market.lab.browser.read("/en/basket")
    assert other.browser.read("/en/basket").count("Your basket is empty.") == 1


def test_only_labs_have_baskets_and_forms_are_not_forged(market: Market) -> None:
    for page in ("basket", "basket/accept", "licences", "requests/new"):
        assert market.anna.browser.open(f"/en/{page}").status_code == 403
    one = market.work("One")
    offer = market.offer(one)
    _, read = market.read(offer)
    market.lab.browser.token = "0" * 64
    for page, data in (("", {"numbers": one}), ("/out", {"act": "all"}), ("/conclude", {"read": read})):
        assert market.lab.browser.send(f"/en/basket{page}", data).status_code == 403
    assert (market.inside(), market.agreements()) == (0, [])


def test_nothing_ticked_and_nothing_left(market: Market) -> None:
    one = market.work("One")
    offer = market.offer(one)
    market.put(one)
    sent = market.lab.browser.send("/en/basket/accept", {"purpose": "train_genai", "territory": "world"})
    assert "No offer was chosen." in market.lab.browser.read(sent.location)
    market.withdraw(one)
    page, read = market.read(offer)
    assert "Nothing to accept" in page
    assert read == []
    assert "withdrawn by its maker" in market.lab.browser.read("/en/basket")


def test_what_is_denied_of_a_run(
    app: Flask, database: Database, sources: Sources, clock: Clock, person: Callable[..., Person]
) -> None:
    """As often as it was reported, and looked at for what the run was filtered for."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        heron = trade.work()
        licence = trade.agreement(heron, territories=("DE",))
        trade.claim(row(heron, licence, 7), licences=(licence,), territory="DE")
        number = usage.newest_runs(session, trade.lab, 1)[0].run_id
        ended = licences.EndAgreement(parse_id("agreement", licence.partition("@")[0]))
        licences.end_agreement(session, trade.lab, ended, sources)
    clock.advance(hours=1)
    lab = signed_in(app, database, sources, trade.lab)
    page = lab.open(f"/en/runs/{number}")
    assert "What would be allowed for a price" in text_of(page.text)
    put = lab.send("/en/basket", {"run": number})
    assert "purpose=train_genai&territory=DE" in put.location
    with database.reading() as session:
        assert basket.contents(session, trade.lab) == {heron.public_id: 7}
    assert "€0.40 per 100 images" in lab.read(put.location)  # the offer is still open to it
    other = person(Role.LAB, "Ohneland").browser
    other.open("/en/basket")
    assert other.send("/en/basket", {"run": number}).status_code == 422
