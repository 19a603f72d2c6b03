"""Which domains can be claimed, what a proof looks like and covers, and when one that is missing is over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.domains.rules import (
    GRACE_MISSING,
    GRACE_UNREACHABLE,
    RECHECK,
    RETRY,
    Failing,
    Method,
    Outcome,
    check_domain,
    domain_of_site,
    next_check,
    proof_line,
    proof_place,
    scope,
)
from tests.factories import START

FOUND, MISSING, UNREACHABLE = Outcome.FOUND, Outcome.MISSING, Outcome.UNREACHABLE


@pytest.mark.parametrize(
    ("text", "in_dns", "on_host"),
    [
        ("anna.example", "anna.example", "anna.example"),
        (" https://WWW.Anna.example:8443/music?a=b#top ", "anna.example", "www.anna.example"),
        ("www.bücher.example/", "xn--bcher-kva.example", "www.xn--bcher-kva.example"),
        ("http://shop.anna.example", "shop.anna.example", "shop.anna.example"),
        ("www.github.io", "www.github.io", "www.github.io"),
        ("www.ck", "www.ck", "www.ck"),
    ],
)
def test_the_domain_of_a_website_as_people_paste_it(text: str, in_dns: str, on_host: str) -> None:
    assert domain_of_site(text, Method.DNS) == in_dns
    assert domain_of_site(text, Method.FILE) == on_host


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anna",
        "localhost/",
        "https://",
        "ftp://anna.example/",
        "anna@anna.example",
        "https://a@anna.example/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "co.uk",
        "https://github.io/anna",
        "javascript://x",
        "a b.example/",
    ],
)
@pytest.mark.parametrize("method", Method)
def test_what_is_no_website_of_ones_own_is_refused(text: str, method: Method) -> None:
    with pytest.raises(InvalidInput):
        domain_of_site(text, method)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Anna.Example", "anna.example"),
        ("bücher.example.", "xn--bcher-kva.example"),
        ("anna.github.io", "anna.github.io"),
        ("www.anna.co.uk", "www.anna.co.uk"),
        ("www.ck", "www.ck"),
    ],
)
def test_a_domain_of_ones_own_can_be_claimed(text: str, domain: str) -> None:
    assert check_domain(text) == domain


@pytest.mark.parametrize(
    "text", ["org", "co.uk", "github.io", "blogspot.com", "xn--p1ai", "a.ck", "com.", "gov.AU"]
)
def test_what_belongs_to_many_can_not(text: str) -> None:
    """Not even by those who run it: their users' pages are not theirs."""
    with pytest.raises(InvalidInput):
        check_domain(text)


def test_the_refusal_of_a_public_suffix_says_what_to_claim_instead() -> None:
    with pytest.raises(InvalidInput, match="claim your own below it"):
        check_domain("github.io")


def test_there_must_be_room_for_the_dns_entry() -> None:
    longest = "a." * 117 + "example"
    assert check_domain(longest) == longest
    with pytest.raises(InvalidInput, match="242 characters"):
        check_domain("aaa" + longest)


def test_a_dns_entry_covers_the_domain_with_all_below_and_a_file_its_host() -> None:
    assert scope("anna.example", Method.DNS) == ".anna.example"
    assert scope("anna.example", Method.FILE) == "anna.example"


def test_the_proof_names_the_claim() -> None:
    assert proof_line(bytes(16)) == "vorbehalt-domain=domain_" + "0" * 26
    assert proof_place("anna.example", Method.DNS) == "_vorbehalt.anna.example"
    assert proof_place("anna.example", Method.FILE) == "https://anna.example/.well-known/vorbehalt-domain.txt"


# -- over time ----------------------------------------------------------------------------------------------
def test_a_missing_proof_lapses_after_a_week() -> None:
    failing = Failing().after(MISSING, START)
    assert failing.lapses_at == START + GRACE_MISSING
    assert failing.after(MISSING, START + RETRY) == failing


def test_a_server_that_is_down_has_a_month() -> None:
    failing = Failing().after(UNREACHABLE, START)
    assert failing.lapses_at == START + GRACE_UNREACHABLE


def test_the_week_begins_when_the_place_answers_without_the_proof() -> None:
    later = START + timedelta(days=10)
    failing = Failing().after(UNREACHABLE, START).after(MISSING, later)
    assert failing.lapses_at == later + GRACE_MISSING
    last = START + GRACE_UNREACHABLE - timedelta(days=1)
    assert Failing().after(UNREACHABLE, START).after(MISSING, last).lapses_at == START + GRACE_UNREACHABLE


@given(st.lists(st.sampled_from(Outcome)), st.sampled_from(Outcome))
def test_a_found_proof_forgets_every_failure_and_no_failure_buys_time(
    before: list[Outcome], outcome: Outcome
) -> None:
    failing, now = Failing(), START
    for past in before:
        failing, now = failing.after(past, now), now + RETRY
    after = failing.after(outcome, now)
    if outcome is FOUND:
        assert after == Failing()
        assert after.lapses_at is None
    else:
        assert after.lapses_at is not None
        assert failing.lapses_at is None or after.lapses_at <= failing.lapses_at


def test_a_proof_is_looked_for_daily_and_sooner_where_it_was_not_found() -> None:
    assert next_check(FOUND, START) == START + RECHECK
    assert next_check(MISSING, START) == next_check(UNREACHABLE, START) == START + RETRY
