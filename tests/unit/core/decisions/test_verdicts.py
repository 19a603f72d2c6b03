"""Each row of the verdict table, under both policies, and each case of precedence between its rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

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
)

NOW = 1_000
TARIFF = "c0" * 32


def grant(licence: str = "offer_free", purpose: Purpose = Purpose.ALL, **changes: Any) -> Grant:
    given: dict[str, Any] = {
        "territories": ("world",),
        "valid_from": 0,
        "valid_to": None,
        "concluded_at": 100,
    }
    return Grant(purpose=purpose, licence=licence, **(given | changes))


def match(work: str = "work_a", grade: Grade = Grade.CERTAIN, **terms: Terms) -> MatchedWork:
    return MatchedWork(work, grade, terms.get("terms", Terms()), terms.get("personal", Terms()))


def place(work: str = "work_p", **terms: Terms) -> MatchedWork:
    """Found where a registered work or domain is, and not recognised by itself."""
    return replace(match(work, Grade.MATCH, **terms), by_address=True)


FREE = Terms((grant(),))
MINE = Terms((grant("agreement_mine", tariff=TARIFF),))
UNLICENSED = match()
OPEN = match(terms=FREE)
LICENSED = match(personal=MINE)
DOUBTFUL = match("work_b", Grade.REVIEW)
TRACE = match("work_c", Grade.TRACE)
NO, YES = Signal("tdm-reservation", False), Signal("content-usage", True)
ERROR, UNCHECKED = Gap("error.undecodable"), Gap("unchecked.robots")


@dataclass(frozen=True)
class Row:
    """What was found, and what follows under consent-first and under eu-art4."""

    name: str
    first: tuple[Verdict, str, bool]
    art4: tuple[Verdict, str, bool]
    matches: Sequence[MatchedWork] = ()
    signals: Sequence[Signal] = ()
    gap: Gap | None = None


def same(name: str, verdict: Verdict, reason: str, **found: Any) -> Row:
    """A row on which both policies agree."""
    outcome = (verdict, reason, verdict in (Verdict.ALLOW, Verdict.LICENSED))
    return Row(name, outcome, outcome, **found)


NOTHING = (Verdict.UNKNOWN, "none-found", False), (Verdict.UNKNOWN, "none-found", True)

TABLE = [
    # 0 allow
    same("an open licence", Verdict.ALLOW, "licence.anyone", matches=[OPEN]),
    Row(
        "a yes-signal",
        first=(Verdict.UNKNOWN, "none-found", False),
        art4=(Verdict.ALLOW, "signal.content-usage", True),
        signals=[YES],
    ),
    # 1 deny
    same("registered", Verdict.DENY, "registered.no-licence", matches=[UNLICENSED]),
    same(
        "registered, match grade", Verdict.DENY, "registered.no-licence", matches=[match(grade=Grade.MATCH)]
    ),
    same(
        "contested title",
        Verdict.DENY,
        "title.contested",
        matches=[match(terms=replace(FREE, contested_since=500))],
    ),
    same("a no-signal", Verdict.DENY, "signal.tdm-reservation", signals=[NO]),
    # 2 licensed
    same("my licence", Verdict.LICENSED, "licence.licensee", matches=[LICENSED]),
    # 3 review
    same("a doubtful match", Verdict.REVIEW, "match.review", matches=[DOUBTFUL]),
    # 4 unknown
    Row("nothing found", *NOTHING),
    Row("a trace", *NOTHING, matches=[TRACE]),
    same("undecodable", Verdict.UNKNOWN, "error.undecodable", gap=ERROR),
    same("unchecked", Verdict.UNKNOWN, "unchecked.robots", gap=UNCHECKED),
    # precedence: registered works
    same("mine and a no-signal", Verdict.LICENSED, "licence.licensee", matches=[LICENSED], signals=[NO]),
    same(
        "an open licence and a no-signal",
        Verdict.DENY,
        "signal.tdm-reservation",
        matches=[OPEN],
        signals=[NO],
    ),
    same(
        "registered and a yes-signal",
        Verdict.DENY,
        "registered.no-licence",
        matches=[UNLICENSED],
        signals=[YES],
    ),
    same(
        "one of two works licensed",
        Verdict.DENY,
        "registered.no-licence",
        matches=[LICENSED, match("work_b")],
    ),
    same(
        "one open, one mine",
        Verdict.LICENSED,
        "licence.licensee",
        matches=[OPEN, match("work_b", personal=MINE)],
    ),
    same(
        "one open, one mine, a no-signal",
        Verdict.DENY,
        "signal.tdm-reservation",
        matches=[OPEN, match("work_b", personal=MINE)],
        signals=[NO],
    ),
    same(
        "open and mine: mine is used",
        Verdict.LICENSED,
        "licence.licensee",
        matches=[match(terms=FREE, personal=MINE)],
    ),
    same("open and doubtful", Verdict.ALLOW, "licence.anyone", matches=[OPEN, DOUBTFUL]),
    same("doubtful and a yes-signal", Verdict.REVIEW, "match.review", matches=[DOUBTFUL], signals=[YES]),
    same(
        "doubtful and a no-signal", Verdict.DENY, "signal.tdm-reservation", matches=[DOUBTFUL], signals=[NO]
    ),
    same("yes and no", Verdict.DENY, "signal.tdm-reservation", signals=[YES, NO]),
    # precedence: what could not be checked
    same("registered and a gap", Verdict.DENY, "registered.no-licence", matches=[UNLICENSED], gap=ERROR),
    same("a no-signal and a gap", Verdict.DENY, "signal.tdm-reservation", signals=[NO], gap=UNCHECKED),
    same("an open licence and a gap", Verdict.UNKNOWN, "unchecked.robots", matches=[OPEN], gap=UNCHECKED),
    same("mine and a gap", Verdict.UNKNOWN, "error.undecodable", matches=[LICENSED], gap=ERROR),
    same("doubtful and a gap", Verdict.UNKNOWN, "error.undecodable", matches=[DOUBTFUL], gap=ERROR),
    same("a yes-signal and a gap", Verdict.UNKNOWN, "unchecked.robots", signals=[YES], gap=UNCHECKED),
    # where it was found
    same("a reserved place", Verdict.DENY, "registered.no-licence", matches=[place()]),
    same(
        "a reserved place and a yes-signal",
        Verdict.DENY,
        "registered.no-licence",
        matches=[place()],
        signals=[YES],
    ),
    same(
        "a place that is licensed to me", Verdict.LICENSED, "licence.licensee", matches=[place(personal=MINE)]
    ),
    same(
        "mine by its place, and a no-signal there",
        Verdict.LICENSED,
        "licence.licensee",
        matches=[place(personal=MINE)],
        signals=[NO],
    ),
    same(
        "a place that is open to anyone",
        Verdict.UNKNOWN,
        "unchecked.address-only",
        matches=[place(terms=FREE)],
    ),
    same(
        "an open place and a yes-signal",
        Verdict.UNKNOWN,
        "unchecked.address-only",
        matches=[place(terms=FREE)],
        signals=[YES],
    ),
    same(
        "an open place and a gap",
        Verdict.UNKNOWN,
        "error.undecodable",
        matches=[place(terms=FREE)],
        gap=ERROR,
    ),
    same(
        "a place that is open and mine",
        Verdict.LICENSED,
        "licence.licensee",
        matches=[place(terms=FREE, personal=MINE)],
    ),
    same(
        "two places, one of them reserved",
        Verdict.DENY,
        "registered.no-licence",
        matches=[place(personal=MINE), place("work_q")],
    ),
    same(
        "an open work in a reserved place",
        Verdict.DENY,
        "registered.no-licence",
        matches=[OPEN, place()],
    ),
    same("my work in a reserved place", Verdict.LICENSED, "licence.licensee", matches=[LICENSED, place()]),
    same(
        "my work in a place with a contested title",
        Verdict.LICENSED,
        "licence.licensee",
        matches=[LICENSED, place(terms=Terms(contested_since=900))],
    ),
    same(
        "my work and an open one in a reserved place",
        Verdict.DENY,
        "registered.no-licence",
        matches=[LICENSED, match("work_b", terms=FREE), place()],
    ),
    same(
        "a reserved work in a place that is licensed to me",
        Verdict.DENY,
        "registered.no-licence",
        matches=[UNLICENSED, place(personal=MINE)],
    ),
    same(
        "an open work in an open place",
        Verdict.ALLOW,
        "licence.anyone",
        matches=[OPEN, place(terms=FREE)],
    ),
    same(
        "two places, one open and one mine",
        Verdict.UNKNOWN,
        "unchecked.address-only",
        matches=[place(personal=MINE), place("work_q", terms=FREE)],
    ),
    same(
        "a doubtful match in a reserved place",
        Verdict.DENY,
        "registered.no-licence",
        matches=[DOUBTFUL, place()],
    ),
    same(
        "a doubtful match that is mine sets no place aside",
        Verdict.DENY,
        "registered.no-licence",
        matches=[replace(DOUBTFUL, personal=MINE), place()],
    ),
    # what is no licence
    same(
        "an open offer at a price that I did not accept",
        Verdict.DENY,
        "registered.no-licence",
        matches=[match(terms=Terms((grant(tariff=TARIFF),)))],
    ),
    same(
        "a denial beside an open licence",
        Verdict.DENY,
        "registered.no-licence",
        matches=[match(terms=replace(FREE, denials=(Denial(Purpose.TDM, 0, None),)))],
    ),
    same(
        "a denial to anyone does not undo my agreement",
        Verdict.LICENSED,
        "licence.licensee",
        matches=[match(terms=Terms(denials=(Denial(Purpose.ALL, 0, None),)), personal=MINE)],
    ),
    same(
        "a denial to me undoes the open licence",
        Verdict.DENY,
        "registered.no-licence",
        matches=[match(terms=FREE, personal=Terms(denials=(Denial(Purpose.TRAIN_GENAI, 0, None),)))],
    ),
    same(
        "my file knows of a contest that the public terms do not show yet",
        Verdict.DENY,
        "title.contested",
        matches=[match(terms=FREE, personal=Terms(contested_since=900))],
    ),
]


def check(decision: Decision, expected: tuple[Verdict, str, bool]) -> None:
    assert (decision.verdict, decision.reason, decision.kept) == expected


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_the_table(row: Row, policy: Policy) -> None:
    decision = decide(Request(Purpose.TRAIN_GENAI, policy, NOW), row.matches, row.signals, row.gap)
    check(decision, row.first if policy is Policy.CONSENT_FIRST else row.art4)
    marked = policy is Policy.EU_ART4 and decision.verdict is Verdict.UNKNOWN and decision.kept
    assert decision.mark == ("no-reservation-found" if marked else None)
    if decision.verdict in (Verdict.ALLOW, Verdict.LICENSED) and decision.works:
        assert decision.grants


# -- the vectors of the signal specification -----------------------------------------------------------------
YEAR_2027 = 1_798_761_600
LAB_L = Terms((grant("agreement_l", Purpose.TRAIN_GENAI, valid_to=YEAR_2027, tariff=TARIFF),))
NOAI = Signal("x-robots-tag", False)


@pytest.mark.parametrize("policy", Policy)
class TestCrossProtocolVectors:
    def ask(self, policy: Policy, at: int = YEAR_2027 - 1, **found: Any) -> Decision:
        return decide(Request(Purpose.TRAIN_GENAI, policy, at), **found)

    def test_q1_nothing_found(self, policy: Policy) -> None:
        assert self.ask(policy).kept is (policy is Policy.EU_ART4)

    def test_q2_one_yes_one_no(self, policy: Policy) -> None:
        signals = [Signal("tdm-reservation", True), Signal("content-signal", False)]
        check(self.ask(policy, signals=signals), (Verdict.DENY, "signal.content-signal", False))

    def test_q3_my_licence_goes_before_noai(self, policy: Policy) -> None:
        decision = self.ask(policy, matches=[match(personal=LAB_L)], signals=[NOAI])
        check(decision, (Verdict.LICENSED, "licence.licensee", True))
        assert decision.grants == LAB_L.grants

    def test_q4_another_lab_has_no_licence(self, policy: Policy) -> None:
        decision = self.ask(policy, matches=[match()], signals=[NOAI])
        check(decision, (Verdict.DENY, "registered.no-licence", False))

    def test_q5_expired(self, policy: Policy) -> None:
        decision = self.ask(policy, at=YEAR_2027, matches=[match(personal=LAB_L)])
        check(decision, (Verdict.DENY, "registered.no-licence", False))

    def test_q6_a_site_cannot_free_a_registered_work(self, policy: Policy) -> None:
        decision = self.ask(policy, matches=[match()], signals=[Signal("content-usage", True)])
        check(decision, (Verdict.DENY, "registered.no-licence", False))

    def test_q7_robots_txt_timed_out(self, policy: Policy) -> None:
        check(self.ask(policy, gap=Gap("error.fetch")), (Verdict.UNKNOWN, "error.fetch", False))

    def test_q8_a_disallow_for_other_agents(self, policy: Policy) -> None:
        check(self.ask(policy, signals=[Signal("robots", False)]), (Verdict.DENY, "signal.robots", False))


# -- Q9: two registrants claim the same work, one grants -----------------------------------------------------
CONTEST = 500


def older(concluded_at: int, **changes: Any) -> MatchedWork:
    return match("work_older", terms=Terms((grant("offer_older", concluded_at=concluded_at),), **changes))


YOUNGER = match("work_younger", terms=replace(FREE, contested_since=CONTEST, contested_by="work_older"))


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("turned", [False, True])
class TestTitlesInConflict:
    def ask(
        self, policy: Policy, turned: bool, *matches: MatchedWork, signals: Sequence[Signal] = ()
    ) -> Decision:
        ordered = matches[::-1] if turned else matches
        return decide(Request(Purpose.TRAIN_GENAI, policy, NOW), ordered, signals)

    def test_the_younger_title_does_not_void_the_older_ones_licence(
        self, policy: Policy, turned: bool
    ) -> None:
        decision = self.ask(policy, turned, older(CONTEST - 1), YOUNGER)
        check(decision, (Verdict.ALLOW, "licence.anyone", True))
        assert decision.works == ("work_older", "work_younger")
        assert [g.licence for g in decision.grants] == ["offer_older"]

    def test_a_licence_concluded_during_the_conflict_does_not_count(
        self, policy: Policy, turned: bool
    ) -> None:
        check(self.ask(policy, turned, older(CONTEST), YOUNGER), (Verdict.DENY, "title.contested", False))

    def test_once_a_person_has_upheld_it_the_older_title_licenses_as_if_there_were_no_double(
        self, policy: Policy, turned: bool
    ) -> None:
        upheld = replace(YOUNGER, terms=replace(YOUNGER.terms, upheld=True))
        check(self.ask(policy, turned, older(CONTEST + 100), upheld), (Verdict.ALLOW, "licence.anyone", True))
        alone = self.ask(policy, turned, upheld)
        check(alone, (Verdict.DENY, "title.contested", False))

    def test_it_steps_back_for_no_other_work_however_early_that_ones_licence(
        self, policy: Policy, turned: bool
    ) -> None:
        """A collage of a contested picture and a licensed one does not free the contested one."""
        check(
            self.ask(policy, turned, replace(older(1), work="work_third"), YOUNGER),
            (Verdict.DENY, "title.contested", False),
        )

    def test_whose_double_it_is_must_be_known_without_doubt(self, policy: Policy, turned: bool) -> None:
        """The published terms and the lab's own may be of different age, and the older work may be hidden."""
        hidden = replace(YOUNGER, terms=replace(YOUNGER.terms, contested_by=None))
        torn = replace(YOUNGER, personal=Terms(contested_since=CONTEST, contested_by="work_third"))
        for younger in (hidden, torn):
            check(self.ask(policy, turned, older(1), younger), (Verdict.DENY, "title.contested", False))

    def test_the_younger_ones_licence_never_counts(self, policy: Policy, turned: bool) -> None:
        decision = self.ask(policy, turned, match("work_older"), YOUNGER)
        assert decision.verdict is Verdict.DENY
        assert decision.works == ("work_older", "work_younger")

    def test_two_contested_titles_do_not_lend_each_other_anything(self, policy: Policy, turned: bool) -> None:
        decision = self.ask(policy, turned, older(1, contested_since=CONTEST), YOUNGER)
        check(decision, (Verdict.DENY, "title.contested", False))

    def test_a_doubtful_match_lends_nothing(self, policy: Policy, turned: bool) -> None:
        doubtful = replace(older(1), grade=Grade.REVIEW)
        check(self.ask(policy, turned, doubtful, YOUNGER), (Verdict.DENY, "title.contested", False))

    def test_an_early_open_licence_counts_although_mine_came_too_late(
        self, policy: Policy, turned: bool
    ) -> None:
        both = replace(older(1), personal=Terms((grant("agreement_late", concluded_at=CONTEST + 1),)))
        decision = self.ask(policy, turned, both, YOUNGER)
        assert decision.kept
        assert [g.licence for g in decision.grants] == ["agreement_late", "offer_older"]

    def test_my_agreement_with_the_older_title_still_goes_before_signals(
        self, policy: Policy, turned: bool
    ) -> None:
        mine = match("work_older", personal=MINE)
        check(
            self.ask(policy, turned, mine, YOUNGER, signals=[NO]),
            (Verdict.LICENSED, "licence.licensee", True),
        )


# -- parts of one request from different grants ---------------------------------------------------------------
def test_a_contested_title_steps_back_for_its_double_and_for_no_place() -> None:
    """Else whoever licenses their site could free what somebody else contests."""
    younger = match("work_y", terms=Terms(contested_since=900, contested_by="work_old"))
    by_place = replace(match("work_old", personal=MINE), by_address=True)
    for policy in Policy:
        request = Request(Purpose.TRAIN_GENAI, policy, NOW)
        assert decide(request, [younger, replace(by_place, by_address=False)]).kept
        assert decide(request, [younger, by_place]).reason == "title.contested"


def test_a_place_that_is_set_aside_is_not_among_the_works_that_decided() -> None:
    decision = decide(Request(Purpose.TRAIN_GENAI, Policy.CONSENT_FIRST, NOW), [LICENSED, place()])
    assert decision.works == ("work_a",)


def test_open_and_personal_grants_together_cover_a_wide_request() -> None:
    terms = Terms((grant(purpose=Purpose.TDM),), (Denial(Purpose.TRAIN_GENAI, 0, None),))
    mine = Terms((grant("agreement_mine", Purpose.TRAIN_GENAI, tariff=TARIFF),))
    request = Request(Purpose.TDM, Policy.CONSENT_FIRST, NOW)
    decision = decide(request, [match(terms=terms, personal=mine)])
    check(decision, (Verdict.LICENSED, "licence.licensee", True))
    assert [g.licence for g in decision.grants] == ["agreement_mine", "offer_free"]
    check(decide(request, [match(terms=terms)]), (Verdict.DENY, "registered.no-licence", False))


def test_a_work_matched_twice_denies_if_either_match_does() -> None:
    request = Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, NOW)
    for matches in ([OPEN, UNLICENSED], [UNLICENSED, OPEN]):
        assert decide(request, matches).verdict is Verdict.DENY
        assert decide(request, matches).works == ("work_a",)


def test_the_territory_of_the_request_counts() -> None:
    german = match(terms=Terms((grant(territories=("DE",)),)))
    request = Request(Purpose.SEARCH, Policy.CONSENT_FIRST, NOW, territory="DE")
    assert decide(request, [german]).verdict is Verdict.ALLOW
    assert decide(replace(request, territory="FR"), [german]).verdict is Verdict.DENY
    assert decide(replace(request, territory="world"), [german]).verdict is Verdict.DENY


def test_the_codes_of_the_verdicts_are_fixed() -> None:
    assert [(v.name, int(v)) for v in Verdict] == [
        ("ALLOW", 0),
        ("DENY", 1),
        ("LICENSED", 2),
        ("REVIEW", 3),
        ("UNKNOWN", 4),
    ]


def test_only_a_recognised_work_of_an_uncontested_title_denies_for_good() -> None:
    request = Request(Purpose.TRAIN_GENAI, Policy.CONSENT_FIRST, NOW)
    contested = match(terms=Terms(contested_since=500, contested_by="work_b"))
    for found in ([], [OPEN], [LICENSED], [DOUBTFUL], [TRACE], [place()], [contested]):
        assert not denied_for_good(request, found)
    for found in ([UNLICENSED], [OPEN, replace(UNLICENSED, grade=Grade.MATCH)]):
        assert denied_for_good(request, found)
