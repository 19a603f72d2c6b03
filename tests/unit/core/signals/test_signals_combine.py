"""Evidence about one item becomes signals, a gap and a list of contradictions."""

from __future__ import annotations

import itertools

import pytest

from registry.core.decisions import Gap, Policy, Purpose, Request, Signal, Verdict, decide
from registry.core.signals import Answer, Evidence, answers, combine, unreadable


def said(
    signal: str, *, deny: tuple[Purpose, ...] = (), allow: tuple[Purpose, ...] = (), rank: int = 0
) -> Evidence:
    return Evidence(signal, "test.1", "somewhere", b"raw", answers(deny=deny, allow=allow), rank=rank)


def test_nothing_found_says_nothing() -> None:
    finding = combine([], Purpose.TDM)
    assert (finding.signals, finding.gap, finding.answer) == ((), None, Answer.UNKNOWN)


def test_a_refusal_outweighs_a_permission_and_the_contradiction_is_reported() -> None:
    yes = said("tdmrep", allow=(Purpose.TDM,))
    no = said("content-signal", deny=(Purpose.TRAIN_AI,))
    for order in itertools.permutations([yes, no]):
        finding = combine(order, Purpose.TDM)
        assert finding.signals == (Signal("content-signal", False),)
        assert finding.conflict
        assert finding.answer is Answer.DENY


def test_a_refusal_of_something_inside_refuses_the_whole_and_one_of_the_whole_what_is_inside() -> None:
    inner = combine([said("c2pa", deny=(Purpose.TRAIN_GENAI,))], Purpose.TDM)
    outer = combine([said("c2pa", deny=(Purpose.TDM,))], Purpose.TRAIN_GENAI)
    beside = combine([said("c2pa", deny=(Purpose.TDM,))], Purpose.SEARCH)
    assert [f.answer for f in (inner, outer, beside)] == [Answer.DENY, Answer.DENY, Answer.UNKNOWN]


def test_a_permission_must_cover_everything_inside() -> None:
    narrow = said("content-usage", allow=(Purpose.TRAIN_GENAI,))
    assert combine([narrow], Purpose.TRAIN_GENAI).signals == (Signal("content-usage", True),)
    assert combine([narrow], Purpose.TDM).signals == ()


def test_a_statement_of_higher_rank_replaces_those_below_it_in_its_family_only() -> None:
    low, high = said("tdmrep", deny=(Purpose.TDM,), rank=1), said("tdmrep", allow=(Purpose.TDM,), rank=2)
    other = said("x-robots-tag", deny=(Purpose.TDM,))
    alone = combine([low, high], Purpose.TDM)
    assert alone.signals == (Signal("tdmrep", True),)
    assert alone.replaced == (low,)
    assert combine([low, high, other], Purpose.TDM).signals == (Signal("x-robots-tag", False),)


def test_a_statement_without_an_answer_replaces_nothing() -> None:
    low = said("tdmrep", deny=(Purpose.TDM,), rank=1)
    broken = Evidence("tdmrep", "test.1", "header", b"2", rank=2, notes=("malformed",))
    assert combine([low, broken], Purpose.TDM).answer is Answer.DENY


def test_what_could_not_be_read_is_never_a_permission() -> None:
    yes = said("tdmrep", allow=(Purpose.TDM,))
    finding = combine([yes, unreadable("robots", "rfc9309", "/robots.txt", "fetch.timeout")], Purpose.TDM)
    assert finding.gap == Gap("error.signal.robots")
    for policy in Policy:
        decision = decide(Request(Purpose.TDM, policy, 0), signals=finding.signals, gap=finding.gap)
        assert (decision.verdict, decision.kept) == (Verdict.UNKNOWN, False)


def test_a_refusal_beside_an_error_is_a_refusal() -> None:
    finding = combine(
        [said("c2pa", deny=(Purpose.TDM,)), unreadable("xmp", "xmp.1", "packet", "damaged")], Purpose.TDM
    )
    decision = decide(Request(Purpose.TDM, Policy.EU_ART4, 0), signals=finding.signals, gap=finding.gap)
    assert decision.reason == "signal.c2pa"


@pytest.mark.parametrize(
    ("policy", "research", "purpose", "verdict", "kept"),
    [
        (Policy.CONSENT_FIRST, True, Purpose.TDM, Verdict.DENY, False),
        (Policy.EU_ART4, True, Purpose.TDM, Verdict.ALLOW, True),
        (Policy.EU_ART4, True, Purpose.VOICE_CLONE, Verdict.DENY, False),
        (Policy.EU_ART4, False, Purpose.TDM, Verdict.DENY, False),
    ],
)
def test_research_sets_a_signal_aside_under_eu_art4_only_and_says_so(
    policy: Policy, research: bool, purpose: Purpose, verdict: Verdict, kept: bool
) -> None:
    finding = combine([said("tdmrep", deny=(Purpose.ALL,))], purpose)
    decision = decide(
        Request(purpose, policy, 0, research=research), signals=finding.signals, gap=finding.gap
    )
    assert (decision.verdict, decision.kept) == (verdict, kept)
    if kept:
        assert (decision.reason, decision.mark) == ("research.tdmrep", "research")


def test_research_does_not_free_what_could_not_be_checked() -> None:
    request = Request(Purpose.TDM, Policy.EU_ART4, 0, research=True)
    decision = decide(request, signals=[Signal("tdmrep", False)], gap=Gap("error.undecodable"))
    assert not decision.kept
