"""What a licence permits, for any moment and by any state of the record."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.decisions import Denial, Purpose, Terms, inside
from registry.core.errors import InvalidInput
from registry.core.ids import format_id
from registry.licences.rules import (
    Doubt,
    Licence,
    LicenceTerms,
    check_territories,
    combine,
    licence_name,
    parse_agreement_name,
    permitted,
)

TIMES = st.integers(0, 40)
PURPOSES = st.sampled_from(Purpose)
TERRITORIES = st.sampled_from([("world",), ("DE",), ("AT", "DE")])


@st.composite
def licences(draw: st.DrawFn) -> Licence:
    """An open licence or agreement with all its times; an end is recorded at or before it takes effect."""
    begins, lasts = draw(TIMES), draw(st.none() | st.integers(1, 40))
    concluded = draw(TIMES)
    recorded = draw(st.none() | st.integers(concluded, 60))
    return Licence(
        name=f"agreement_{draw(st.integers(0, 9))}@1",
        terms=LicenceTerms(
            purpose=draw(PURPOSES),
            territories=draw(TERRITORIES),
            valid_from=begins,
            valid_to=None if lasts is None else begins + lasts,
            tariff=None,
        ),
        concluded_at=concluded,
        end_recorded_at=recorded,
        ended_at=None if recorded is None else recorded + draw(st.integers(0, 10)),
    )


@given(licences(), TIMES)
def test_a_grant_stays_within_all_its_limits(licence: Licence, at: int) -> None:
    """Not before it was concluded, not outside its term, not after it was ended, only its purposes and places."""
    grant = licence.grant()
    if grant is None:
        return
    for purpose in set(Purpose) - {Purpose.ALL}:
        if grant.covers(purpose, "DE", at):
            assert at >= licence.concluded_at
            assert at >= licence.terms.valid_from
            assert licence.terms.valid_to is None or at < licence.terms.valid_to
            assert licence.ended_at is None or at < licence.ended_at
            assert purpose in inside(licence.terms.purpose)
    assert not (grant.covers(Purpose.TDM, "FR", at) and "world" not in licence.terms.territories)


@given(licences(), TIMES, TIMES)
def test_the_record_of_that_moment_and_all_of_it_agree_about_the_past(
    licence: Licence, at: int, later: int
) -> None:
    """Nothing is back-dated: what is learned after a moment changes nothing about it."""
    now, then = licence.grant(at), licence.grant(at + later)
    for purpose in inside(licence.terms.purpose):
        held_now = now is not None and now.covers(purpose, "DE", at)
        held_then = then is not None and then.covers(purpose, "DE", at)
        assert held_now == held_then


@given(licences(), TIMES)
def test_before_its_conclusion_nobody_knows_of_it(licence: Licence, as_of: int) -> None:
    assert (licence.grant(as_of) is None) or licence.concluded_at <= as_of


@given(licences(), TIMES)
def test_in_force_means_that_it_covers_its_own_purposes(licence: Licence, at: int) -> None:
    grant = licence.grant()
    place = licence.terms.territories[0]
    covers = grant is not None and all(grant.covers(p, place, at) for p in inside(licence.terms.purpose))
    assert licence.holds(at) == covers


@given(st.lists(licences(), max_size=4), st.lists(licences(), max_size=3), PURPOSES, TIMES)
def test_a_contested_title_permits_nothing(
    public: list[Licence], personal: list[Licence], purpose: Purpose, at: int
) -> None:
    anyone = combine(public, (), doubt=Doubt(3, None, upheld=False), as_of=None)
    licensee = combine(personal, (), doubt=Doubt(3, None, upheld=False), as_of=None)
    assert permitted(anyone, licensee, purpose, "DE", at) == ()


@given(st.lists(licences(), max_size=4), st.lists(licences(), max_size=3), PURPOSES, PURPOSES, TIMES)
def test_a_reservation_never_permits_more(
    public: list[Licence], personal: list[Licence], purpose: Purpose, reserved: Purpose, at: int
) -> None:
    """It beats licences to anyone for what it names, and leaves alone what was agreed in person."""
    agreed = combine(personal, (), None, None)
    free = permitted(combine(public, (), None, None), agreed, purpose, "DE", at)
    held = permitted(combine(public, [Denial(reserved, 0, None)], None, None), agreed, purpose, "DE", at)
    if held:
        assert free
    if inside(purpose) & inside(reserved):
        assert held == agreed.permitting(purpose, "DE", at)
    else:
        assert held == free


@given(st.lists(licences(), max_size=4), licences(), PURPOSES, TIMES)
def test_one_more_licence_never_permits_less(
    held: list[Licence], more: Licence, purpose: Purpose, at: int
) -> None:
    before, after = combine(held, (), None, None), combine([*held, more], (), None, None)
    if before.permitting(purpose, "DE", at):
        assert after.permitting(purpose, "DE", at)


@given(st.lists(licences(), max_size=4), PURPOSES, TIMES)
def test_what_is_relied_on_was_granted(held: list[Licence], purpose: Purpose, at: int) -> None:
    used = permitted(Terms(), combine(held, (), None, None), purpose, "DE", at)
    assert {g.licence for g in used} <= {licence.name for licence in held}
    for part in inside(purpose) if used else ():
        assert any(grant.covers(part, "DE", at) for grant in used)


def test_terms_have_one_digest_whatever_their_order() -> None:
    terms = LicenceTerms(Purpose.TRAIN_AI, ("AT", "DE"), 10, None, "ab" * 32)
    turned = replace(terms, territories=("DE", "AT"))
    assert terms.digest(["work_a", "work_b"]) == turned.digest(["work_b", "work_a"])
    assert terms.digest(["work_a"]) != terms.digest(["work_b"])
    assert terms.digest(["work_a"]) != replace(terms, tariff=None).digest(["work_a"])


def test_names_of_licences() -> None:
    public_id = bytes(range(16))
    assert licence_name("agreement", public_id, 3) == format_id("agreement", public_id) + "@3"
    assert licence_name("offer", public_id, None).endswith("@1")
    assert parse_agreement_name(licence_name("agreement", public_id, 12)) == (public_id, 12)


@pytest.mark.parametrize("version", ["", "@", "@0", "@01", "@-1", "@1.0", "@two", "@1234567890", "@²"])
def test_a_licence_is_named_with_its_version(version: str) -> None:
    with pytest.raises(InvalidInput, match="tariff version last"):
        parse_agreement_name(format_id("agreement", bytes(16)) + version)


def test_an_offer_is_no_agreement() -> None:
    with pytest.raises(InvalidInput, match="not an id of a agreement"):
        parse_agreement_name(licence_name("offer", bytes(16), 1))


def test_territories_are_distinct_and_the_world_is_enough() -> None:
    assert check_territories(["DE", "AT", "DE"]) == ("AT", "DE")
    assert check_territories(["DE", "world"]) == ("world",)
    for wrong in ([], ["de"], ["EU27"]):
        with pytest.raises(InvalidInput):
            check_territories(wrong)
