"""The form about terms, step by step: nothing holds before it was read, back and forth loses nothing, No is easy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.fingerprints import fingerprint_image
from registry.core.ids import format_id
from registry.licences import service as licences
from tests.support.browsing import text_of
from tests.support.pictures import png
from tests.support.works import register

Person = Any
PURPOSES = ("train_genai", "train_ai", "ai_input", "ai_index", "search", "style_imitation")
HIDDEN = re.compile(r'<input type="hidden" name="([a-z_-]+)" value="([^"]*)">')


@pytest.fixture
def work(person: Callable[..., Person], database: Database, sources: Sources) -> tuple[Person, str]:
    """Anna, signed in, and a picture of hers."""
    anna = person()
    with database.writing() as session:
        made = register(session, anna.actor, sources, "Clouds", content=fingerprint_image(png(1)))
    return anna, format_id("work", made.public_id)


def send(anna: Person, number: str, step: str, said: Mapping[str, str]) -> Any:
    anna.browser.open(f"/en/works/terms?work={number}")
    data = dict.fromkeys(PURPOSES, "no") | {"work": number, "step": step} | dict(said)
    return anna.browser.send("/en/works/terms", data)


def offers(anna: Person, database: Database, sources: Sources) -> list[Any]:
    with database.reading() as session:
        return list(licences.list_offers(session, anna.actor, sources).items)


def test_nothing_holds_before_it_was_read(
    work: tuple[Person, str], database: Database, sources: Sources
) -> None:
    anna, number = work
    paid = {"train_genai": "paid", "train_genai-work": "0,35", "train_genai-quarter": "60", "search": "free"}
    review = send(anna, number, "review", paid)
    assert review.status_code == 200
    text = text_of(review.text)
    assert "Nothing has changed yet." in text
    assert "trains one model on this picture" in text
    assert "The lab pays €60.35 You get €60.35" in text
    assert text.index("You permit") < text.index("Being found in a search") < text.index("You deny")
    assert text.index("You deny") < text.index("Imitating its style")
    assert send(anna, number, "", paid).status_code == 200  # without a step that says so, neither
    assert offers(anna, database, sources) == []

    anna.browser.open(f"/en/works/terms?work={number}")
    kept = MultiDict([("step", "record"), *HIDDEN.findall(review.text)])
    kept["csrf"] = anna.browser.token
    done = anna.browser.client.post("/en/works/terms", data=kept)
    assert done.status_code == 303
    assert len(offers(anna, database, sources)) == 2


def test_going_back_loses_nothing(work: tuple[Person, str]) -> None:
    anna, number = work
    paid = {"search": "paid", "search-work": "1,20", "search-until": "2030-12-31"}
    review = send(anna, number, "review", paid)
    assert "Until 31 December 2030" in text_of(review.text)
    back = send(
        anna, number, "back", dict(HIDDEN.findall(review.text)) | {"csrf": anna.browser.token, "step": "back"}
    )
    assert back.status_code == 200
    assert 'name="search-work" inputmode="decimal" maxlength="10" value="1,20"' in back.text
    assert re.search(r'name="search" value="paid" checked', back.text)


def test_no_to_everything_is_two_presses(
    work: tuple[Person, str], database: Database, sources: Sources
) -> None:
    anna, number = work
    said = {"search": "free", "ai_input": "never"}
    assert send(anna, number, "record", said).status_code == 303
    review = send(anna, number, "deny", {"search": "keep"})
    text = text_of(review.text)
    assert "Everything. Nobody may use it for any of these." in text
    assert "What was open ends: Offered to anyone: free of charge." in text
    assert dict(HIDDEN.findall(review.text))["ai_input"] == "never"  # what was expressly No stays so
    anna.browser.open(f"/en/works/terms?work={number}")
    fields = {name: value for name, value in HIDDEN.findall(review.text) if name != "csrf"}
    assert anna.browser.send("/en/works/terms", fields | {"step": "record"}).status_code == 303
    assert all(offer.superseded_at is not None for offer in offers(anna, database, sources))


def test_one_lab_only(
    app: Flask, work: tuple[Person, str], person: Callable[..., Person], database: Database, sources: Sources
) -> None:
    anna, number = work
    lab, other = person(Role.LAB, "Nordlicht"), person(Role.LAB, "Ohneland")
    said = {
        "search": "free",
        "search-lab-free": lab.id,
        "train_genai": "paid",
        "train_genai-work": "2",
        "train_genai-lab-paid": lab.id,
    }
    review = text_of(send(anna, number, "review", said).text)
    assert "Nordlicht may, free of charge, once it has agreed. Nobody else may." in review
    assert "Nordlicht may, once it has agreed to your price. Nobody else may." in review
    assert send(anna, number, "record", said).status_code == 303
    with database.reading() as session:
        for who, seen in ((lab, 2), (other, 0)):
            assert len(licences.list_offers(session, who.actor, sources).items) == seen
    asked = anna.browser.read(f"/en/works/terms?work={number}")
    assert "Offered to a lab: free of charge." in asked


@pytest.mark.parametrize("number", ["nordlicht", "party_00000000000000000000000000", "creator"])
def test_a_lab_that_is_none_is_refused(work: tuple[Person, str], number: str) -> None:
    anna, mine = work
    given = anna.id if number == "creator" else number
    refused = send(anna, mine, "review", {"search": "free", "search-lab-free": given})
    assert refused.status_code == 422
    assert "search-lab-free-error" in refused.text


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ({"train_ai": "paid", "train_ai-work": "1"}, False),
        ({"train_ai": "paid", "train_ai-work": "1", "train_genai": "never"}, False),
        ({"train_ai": "free"}, False),
        ({"train_ai": "free", "train_genai": "never"}, False),
        ({"train_ai": "free", "train_genai": "free"}, True),
        ({"train_ai": "paid", "train_ai-work": "1", "train_genai": "free"}, True),
        ({"train_genai": "free"}, True),
    ],
)
def test_a_no_that_would_not_hold_is_not_taken(
    work: tuple[Person, str], database: Database, sources: Sources, said: dict[str, str], taken: bool
) -> None:
    """Training any AI contains training generators: who permits the one has not denied the other."""
    anna, number = work
    for step in ("review", "record"):
        answer = send(anna, number, step, said)
        assert (answer.status_code < 400) is taken
        if not taken:
            assert "which includes this" in text_of(answer.text)
    assert bool(offers(anna, database, sources)) is taken
