"""What holds for every decision, whatever was found: nothing that speaks against a use ever helps it."""

import random
from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from registry.core.decisions import (
    Decision,
    Denial,
    Gap,
    Grade,
    Grant,
    MatchedWork,
    Policy,
    Purpose,
    Request,
    Signal,
    Terms,
    Verdict,
    decide,
    denied_for_good,
    inside,
)

# small ranges, so that the cases meet each other often
instants = st.integers(0, 8)
works = st.sampled_from(["work_a", "work_b", "work_c"])
purposes = st.sampled_from(Purpose)
territories = st.lists(st.sampled_from(["world", "DE", "FR"]), max_size=2, unique=True).map(tuple)
grants = st.builds(
    Grant,
    purpose=st.sampled_from([*Purpose, Purpose.ALL, Purpose.ALL, Purpose.ALL]),
    territories=st.one_of(st.just(("world",)), territories),
    valid_from=st.just(0) | instants,
    valid_to=st.none() | instants,
    concluded_at=instants,
    licence=st.sampled_from(["offer_a", "offer_b", "agreement_c"]),
    tariff=st.none() | st.just("ab" * 32),
)
denials = st.builds(Denial, purposes, instants, st.none() | instants)
terms = st.builds(
    Terms,
    st.lists(grants, max_size=3).map(tuple),
    st.lists(denials, max_size=1).map(tuple),
    st.none() | st.none() | instants,
    st.none() | works,
    st.booleans(),
)
matches = st.builds(MatchedWork, works, st.sampled_from(Grade), terms, terms, st.booleans())
recognised = matches.map(lambda match: replace(match, by_address=False))
signals = st.builds(Signal, st.sampled_from(["robots", "tdmrep", "c2pa"]), st.booleans())
gaps = st.builds(Gap, st.sampled_from(["error.undecodable", "error.fetch", "unchecked.robots"]))
requests = st.builds(
    Request,
    st.sampled_from([Purpose.TRAIN_GENAI, *Purpose]),
    st.sampled_from(Policy),
    instants,
    st.sampled_from(["world", "DE"]),
)
cases = st.tuples(requests, st.lists(matches, max_size=3), st.lists(signals, max_size=2), st.none() | gaps)

Case = tuple[Request, list[MatchedWork], list[Signal], Gap | None]


def with_terms(match: MatchedWork, in_person: bool, change: Callable[[Terms], Terms]) -> MatchedWork:
    """The match with its personal or its open terms changed."""
    if in_person:
        return replace(match, personal=change(match.personal))
    return replace(match, terms=change(match.terms))


@given(cases, st.lists(matches, max_size=3))
def test_what_is_denied_for_good_stays_denied_whatever_else_is_found(
    case: Case, further: list[MatchedWork]
) -> None:
    request, found, stated, gap = case
    if denied_for_good(request, found):
        assert decide(request, found).verdict is Verdict.DENY
        assert decide(request, [*found, *further], stated, gap).verdict is Verdict.DENY


@given(cases, recognised)
def test_a_further_match_that_denies_denies(case: Case, further: MatchedWork) -> None:
    request, found, stated, gap = case
    alone = decide(request, [replace(further, grade=Grade.CERTAIN)])
    if alone.verdict is Verdict.DENY and further.contested_since is None:
        denied = decide(request, [*found, replace(further, grade=Grade.MATCH)], stated, gap)
        assert denied.verdict is Verdict.DENY


@given(cases, matches)
def test_a_further_address_frees_nothing(case: Case, further: MatchedWork) -> None:
    request, found, stated, gap = case
    if decide(request, [*found, replace(further, by_address=True)], stated, gap).kept:
        alone = decide(request, found, stated, gap)
        licensed = decide(request, [replace(further, by_address=True)], stated, gap)
        assert alone.kept or licensed.verdict is Verdict.LICENSED


@given(cases)
def test_by_addresses_alone_nothing_is_allowed_to_anyone(case: Case) -> None:
    request, found, _, gap = case
    placed = [replace(match, by_address=True) for match in found]
    assert decide(request, placed, gap=gap).verdict is not Verdict.ALLOW


@given(cases)
def test_an_address_permits_no_more_than_the_work_itself_would(case: Case) -> None:
    request, found, stated, gap = case
    placed = [replace(match, by_address=True) for match in found]
    seen = [replace(match, by_address=False) for match in found]
    if decide(request, placed, stated, gap).kept:
        assert decide(request, seen, stated, gap).kept


@given(cases, signals)
def test_a_further_no_signal_frees_nothing(case: Case, further: Signal) -> None:
    request, found, stated, gap = case
    if decide(request, found, [*stated, replace(further, permits=False)], gap).kept:
        assert decide(request, found, stated, gap).kept


@given(cases, denials, st.integers(0, 2), st.booleans())
def test_a_further_denial_in_the_terms_frees_nothing(
    case: Case, denial: Denial, which: int, in_person: bool
) -> None:
    request, found, stated, gap = case
    if which < len(found):
        changed = list(found)
        changed[which] = with_terms(
            found[which], in_person, lambda t: replace(t, denials=(*t.denials, denial))
        )
        if decide(request, changed, stated, gap).kept:
            assert decide(request, found, stated, gap).kept


@given(cases, instants, st.integers(0, 2), st.booleans())
def test_a_contested_title_helps_no_more_than_an_absent_one(
    case: Case, since: int, which: int, in_person: bool
) -> None:
    """It may step back for an older licence, so that double registration is no weapon; it never adds a permission."""
    request, found, stated, gap = case
    if which < len(found) and found[which].grade >= Grade.MATCH:
        contested = with_terms(found[which], in_person, lambda t: replace(t, contested_since=since))
        others = [*found[:which], *found[which + 1 :]]
        decision = decide(request, [*others, contested], stated, gap)
        if decision.kept:
            assert decide(request, others, stated, gap).kept
            personal = {grant for match in others for grant in match.personal.grants}
            if contested.by_address and personal.issuperset(decision.grants):
                return  # the item itself is licensed in person: where it was found does not count
            older = [m for m in others if m.work == contested.contested_by]
            held = [g for m in older for g in (*m.terms.grants, *m.personal.grants)]
            before = [g for g in held if contested.upheld or g.concluded_at < since]
            assert any(g in before for g in decision.grants)


@given(requests, matches, instants, st.lists(signals, max_size=2), st.none() | gaps)
def test_a_contested_title_alone_is_never_kept(
    request: Request, match: MatchedWork, since: int, stated: list[Signal], gap: Gap | None
) -> None:
    contested = replace(match, grade=Grade.CERTAIN, terms=replace(match.terms, contested_since=since))
    assert decide(request, [contested], stated, gap).verdict is Verdict.DENY


@given(cases, gaps)
def test_a_gap_frees_nothing(case: Case, gap: Gap) -> None:
    request, found, stated, _ = case
    assert not decide(request, found, stated, gap).kept


@given(cases)
def test_an_error_is_never_kept(case: Case) -> None:
    decision = decide(*case)
    if decision.reason.startswith(("error.", "unchecked.")):
        assert decision.verdict is Verdict.UNKNOWN
        assert not decision.kept


@given(cases, st.randoms(use_true_random=False))
def test_the_order_of_what_was_found_does_not_matter(case: Case, dice: random.Random) -> None:
    request, found, stated, gap = case
    shuffled_grants = [
        replace(m, terms=replace(m.terms, grants=m.terms.grants[::-1], denials=m.terms.denials[::-1]))
        for m in found
    ]
    shuffled, turned = dice.sample(shuffled_grants, len(found)), dice.sample(stated, len(stated))
    assert decide(request, shuffled, turned, gap) == decide(request, found, stated, gap)


@given(cases)
def test_eu_art4_keeps_all_that_consent_first_keeps(case: Case) -> None:
    request, found, stated, gap = case
    strict, wide = (decide(replace(request, policy=policy), found, stated, gap) for policy in Policy)
    if strict.kept:
        assert wide == strict
    if wide.kept and not strict.kept:
        assert not strict.works


def kept_by_table(decision: Decision, policy: Policy) -> bool:
    """The two right columns of the verdict table."""
    if decision.verdict is Verdict.UNKNOWN:
        return policy is Policy.EU_ART4 and decision.reason == "none-found"
    return decision.verdict in (Verdict.ALLOW, Verdict.LICENSED)


@given(cases)
def test_what_is_kept_follows_from_verdict_reason_and_policy(case: Case) -> None:
    decision = decide(*case)
    assert decision.kept is kept_by_table(decision, case[0].policy)
    assert (decision.mark is not None) is (decision.kept and decision.verdict is Verdict.UNKNOWN)


@given(cases)
def test_a_licence_is_named_for_every_registered_work_that_is_kept(case: Case) -> None:
    found = case[1]
    decision = decide(*case)
    if decision.kept and decision.works:
        assert decision.grants
        held = {g for m in found for t in (m.terms, m.personal) for g in t.grants}
        assert held.issuperset(decision.grants)
        if decision.verdict is Verdict.ALLOW:
            assert all(g.tariff is None for g in decision.grants)


@given(terms, requests)
def test_terms_mean_the_same_after_their_canonical_form(held: Terms, request: Request) -> None:
    read = Terms.from_json(held.as_json())
    assert read.as_json() == held.as_json()
    match, again = (MatchedWork("work_a", Grade.MATCH, t) for t in (held, read))
    assert decide(request, [again]).verdict is decide(request, [match]).verdict


@given(terms, purposes, st.sampled_from(["world", "DE"]), instants)
def test_a_permission_covers_all_that_is_inside(held: Terms, purpose: Purpose, place: str, at: int) -> None:
    whole = bool(held.permitting(purpose, place, at))
    assert whole is all(held.permitting(part, place, at) for part in inside(purpose))
