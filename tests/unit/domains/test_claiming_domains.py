"""Claims: who may, what they prove, what happens when a proof goes away, and when a domain changes hands."""

from __future__ import annotations

from datetime import timedelta

import pytest

from registry.base.actor import Actor, Role, Scope
from registry.core.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NetworkFailed,
    NotFound,
    VerificationFailed,
)
from registry.domains import jobs
from registry.domains import service as domains
from registry.domains.proving import record_proof
from registry.domains.rules import Method, State
from registry.log import service as log
from registry.parties import service as parties
from registry.parties.service import May, Repertoire
from registry.works import service as works
from tests.factories import START, make_actor
from tests.unit.domains.conftest import UNREACHABLE, World


def change_seq(world: World) -> int:
    with world.database.reading() as session:
        return log.current_change_seq(session)


# -- claiming -----------------------------------------------------------------------------------------------
def test_a_claim_is_nothing_until_it_is_proved(world: World) -> None:
    claim = world.claim(" Anna.Example. ")
    assert (claim.domain, claim.method, claim.state) == ("anna.example", "dns", State.PENDING)
    assert world.codes() == []
    assert claim.work_id is None


def test_the_same_claim_again_is_the_same_one(world: World) -> None:
    first = world.claim()
    assert world.claim("ANNA.example").id == first.id
    assert world.claim(method=Method.FILE).id != first.id
    assert world.claim("www.anna.example").id != first.id
    assert world.claim(by=world.ben).id != first.id


@pytest.mark.parametrize("domain", ["example", "co.uk", "https://anna.example", "127.0.0.1"])
def test_what_nobody_can_own_cannot_be_claimed(world: World, domain: str) -> None:
    with pytest.raises(InvalidInput):
        world.claim(domain)


def test_labs_have_no_domains_and_a_key_must_allow_it(world: World) -> None:
    with pytest.raises(Forbidden):
        world.claim(by=world.lab)
    reader = Actor(world.anna.party_id, world.anna.public_id, Role.CREATOR, frozenset({Scope.WORKS_READ}))
    with pytest.raises(Forbidden):
        world.claim(by=reader)


def test_others_do_not_see_a_claim(world: World) -> None:
    claim = world.claim()
    with world.database.writing() as session:
        operator = make_actor(session, world.sources, Role.OPERATOR, "Operator")
        assert domains.own_claim(session, world.anna, claim.public_id, world.sources).id == claim.id
        assert domains.own_claim(session, operator, claim.public_id, world.sources).id == claim.id
        for stranger in (world.ben, world.lab, world.society):
            with pytest.raises(NotFound):
                domains.own_claim(session, stranger, claim.public_id, world.sources)
        assert [c.id for c in domains.list_claims(session, world.anna).items] == [claim.id]
        assert domains.list_claims(session, world.ben).items == []
    for act in (world.prove, world.end):
        with pytest.raises(NotFound):
            act(claim, world.ben)


def test_an_agent_claims_proves_and_gives_up_under_a_mandate(world: World) -> None:
    command = domains.ClaimDomain("anna.example", Method.DNS, on_behalf_of=world.anna.public_id)
    with world.database.writing() as session, pytest.raises(Forbidden):
        domains.claim_domain(session, world.society, command, world.sources)
    with world.database.writing() as session:
        mandate = parties.CreateMandate(
            world.society.public_id, frozenset({May.REGISTER}), Repertoire(all=True)
        )
        parties.create_mandate(session, world.anna, mandate, world.sources)
        claim = domains.claim_domain(session, world.society, command, world.sources)
    world.publish_proof(claim)
    world.prove(claim, world.society)
    work = world.work_of(claim)
    assert (work.owner_id, work.registered_by, work.on_behalf_of) == (
        world.anna.party_id,
        world.society.party_id,
        world.anna.party_id,
    )
    with pytest.raises(Forbidden):  # that would need a mandate to withdraw
        world.end(claim, world.society)
    assert world.end(claim).state is State.ENDED


# -- proving ------------------------------------------------------------------------------------------------
def test_a_proved_domain_is_a_work_that_has_terms_like_any_other(world: World) -> None:
    before = change_seq(world)
    claim = world.hold()
    assert (claim.state, claim.holds, claim.proved_at) == (State.PROVED, ".anna.example", START)
    work = world.work_of(claim)
    assert (work.kind, work.title, work.disclosure) == ("domain", "anna.example", "snapshot")
    assert (work.owner_id, work.withdrawn_at, work.contested_since) == (world.anna.party_id, None, None)
    with world.database.reading() as session:
        shown = works.get_work(session, world.anna, work.public_id, world.sources)
        assert shown.work.versions == []
        assert len(shown.shares) == 2
        (published,) = works.works_for_publishing(session)
    assert (published.public_id, published.fingerprints) == (work.public_id, ())
    assert change_seq(world) > before


def test_without_its_line_a_claim_is_not_proved_and_says_what_was_found(world: World) -> None:
    claim = world.claim()
    with pytest.raises(VerificationFailed, match=r"no TXT record at _vorbehalt\.anna\.example"):
        world.prove(claim)
    world.publish_proof(world.claim(by=world.ben))
    with pytest.raises(VerificationFailed, match="is the line"):
        world.prove(claim)
    now = world.state(claim)
    assert (now.state, now.checked_at) == (State.PENDING, START)
    assert "is the line" in (now.failure or "")


def test_a_place_that_does_not_answer_proves_nothing(world: World) -> None:
    claim = world.claim()
    world.publish_proof(claim)
    world.looking_gives(UNREACHABLE)
    with pytest.raises(NetworkFailed):
        world.prove(claim)
    assert world.state(claim).state is State.PENDING


def test_proving_again_looks_again_and_changes_nothing(world: World) -> None:
    claim = world.hold()
    before = change_seq(world)
    world.clock.advance(hours=1)
    again = world.prove(claim)
    assert (again.proved_at, again.checked_at) == (START, START + timedelta(hours=1))
    assert change_seq(world) == before
    assert len(world.codes()) == 1


def test_a_failed_look_by_hand_lets_nothing_lapse(world: World) -> None:
    claim = world.hold()
    world.remove_proofs()
    with pytest.raises(VerificationFailed):
        world.prove(claim)
    assert world.state(claim).state is State.PROVED
    assert len(world.codes()) == 1


# -- giving up ----------------------------------------------------------------------------------------------
def test_a_claim_that_is_given_up_reserves_nothing(world: World) -> None:
    claim = world.hold()
    before = change_seq(world)
    ended = world.end(claim)
    assert (ended.state, ended.holds) == (State.ENDED, None)
    assert world.codes() == []
    assert change_seq(world) > before
    assert world.work_of(claim).withdrawn_at == START
    assert world.end(claim).ended_at == START
    with pytest.raises(Conflict, match="claim the domain again"):
        world.prove(claim)
    assert world.claim().id != claim.id


def test_a_pending_claim_can_be_given_up(world: World) -> None:
    assert world.end(world.claim()).state is State.ENDED


def test_withdrawing_the_work_gives_the_claim_up(world: World) -> None:
    claim = world.hold()
    world.withdraw(world.work_of(claim))
    assert world.codes() == []
    with pytest.raises(Conflict):
        world.prove(claim)
    second = world.claim()
    assert second.id != claim.id
    world.publish_proof(second)
    assert world.prove(second).state is State.PROVED
    assert world.state(claim).state is State.ENDED
    assert len(world.codes()) == 1


def test_a_withdrawn_work_leaves_room_for_others(world: World) -> None:
    """Although the line of the old claim is still there."""
    claim = world.hold()
    world.withdraw(world.work_of(claim))
    other = world.claim(by=world.ben)
    world.publish_proof(claim, other)
    assert world.prove(other, world.ben).state is State.PROVED
    assert world.work_of(other).contested_since is None


# -- when a proof goes away ---------------------------------------------------------------------------------
def test_a_proof_is_looked_for_every_day(world: World) -> None:
    world.hold()
    assert world.recheck() == {"checked": 0, "found": 0, "missing": 0, "unreachable": 0, "lapsed": 0}
    before = change_seq(world)
    for _ in range(3):
        world.clock.advance(days=1)
        assert world.recheck() == {"checked": 1, "found": 1, "missing": 0, "unreachable": 0, "lapsed": 0}
        assert world.recheck()["checked"] == 0
    assert change_seq(world) == before, "looking publishes nothing"


def test_a_proof_that_stays_away_lapses_after_a_week_and_not_before(world: World) -> None:
    claim = world.hold()
    world.remove_proofs()
    world.clock.advance(days=1)
    missed = world.clock.at
    for hours in (0, 6, 7 * 24 - 1):
        world.clock.at = missed + timedelta(hours=hours)
        assert world.recheck()["missing"] == 1
        now = world.state(claim)
        assert (now.state, now.failing_since) == (State.PROVED, missed)
        assert now.failing.lapses_at == missed + timedelta(days=7)
        assert len(world.codes()) == 1
    before = change_seq(world)
    world.clock.advance(hours=6)
    assert world.recheck()["lapsed"] == 1
    lapsed = world.state(claim)
    assert (lapsed.state, lapsed.lapsed_at, lapsed.next_check_at) == (State.LAPSED, world.clock.at, None)
    assert "no TXT record" in (lapsed.failure or "")
    assert world.codes() == []
    assert change_seq(world) > before
    assert world.work_of(claim).withdrawn_at is None


def test_a_server_that_is_down_for_four_weeks_costs_nothing(world: World) -> None:
    claim = world.hold()
    world.looking_gives(UNREACHABLE)
    for _ in range(4):
        world.clock.advance(days=7)
        assert world.recheck()["unreachable"] == 1
    assert (world.state(claim).state, world.state(claim).failure) == (State.PROVED, "No answer.")
    world.looking_gives(None)
    world.clock.advance(hours=6)
    world.recheck()
    assert world.state(claim).failing_since is None
    assert world.state(claim).failure is None


def test_a_server_that_never_comes_back_lapses_after_a_month(world: World) -> None:
    claim = world.hold()
    world.looking_gives(UNREACHABLE)
    for days in (1, 15, 14):
        world.clock.advance(days=days)
        assert world.recheck()["lapsed"] == 0
    world.clock.advance(days=1)
    assert world.recheck()["lapsed"] == 1
    assert world.state(claim).state is State.LAPSED


def test_one_look_after_a_long_silence_of_the_registry_is_not_enough(world: World) -> None:
    """If the worker stood still for a year, the first missing proof is the first."""
    claim = world.hold()
    world.remove_proofs()
    world.clock.advance(days=365)
    world.recheck()
    assert world.state(claim).state is State.PROVED


def test_a_lapsed_claim_is_proved_again_with_the_same_work(world: World) -> None:
    claim = world.hold()
    work = world.work_of(claim)
    world.lapse()
    assert world.codes() == []
    world.publish_proof(claim)
    again = world.prove(claim)
    assert (again.state, again.proved_at, again.lapsed_at) == (State.PROVED, START, None)
    assert world.work_of(claim).id == work.id
    assert [c.work_row for c in world.codes()] == [work.row]


def test_a_claim_that_ends_while_it_is_looked_for_stays_ended(world: World) -> None:
    claim = world.hold()
    world.clock.advance(days=1)
    world.withdraw(world.work_of(claim))
    world.recheck()
    assert world.state(claim).state is State.ENDED
    assert world.recheck()["checked"] == 0


def test_a_run_is_bounded_and_takes_those_that_wait_longest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MOST", 2)
    claims = []
    for name in ("a", "b", "c"):
        claims.append(world.hold(f"{name}.anna.example"))
        world.clock.advance(minutes=1)
    world.clock.advance(days=1)
    assert world.recheck()["checked"] == 2
    assert [world.state(c).checked_at == world.clock.at for c in claims] == [True, True, False]
    assert world.recheck()["checked"] == 1


# -- when a domain changes hands ----------------------------------------------------------------------------
def test_two_accounts_with_a_line_each_do_not_share_a_domain(world: World) -> None:
    claim = world.hold()
    rival = world.claim(by=world.ben)
    world.publish_proof(claim, rival)
    with pytest.raises(Conflict, match="Another account shows a proof"):
        world.prove(rival, world.ben)
    assert world.state(claim).state is State.PROVED
    assert world.state(rival).state is State.PENDING


def test_a_rival_whose_place_does_not_answer_is_not_beaten(world: World) -> None:
    claim = world.hold()
    rival = world.claim(by=world.ben)
    world.publish_proof(rival)
    world.looking_gives(UNREACHABLE, claim)
    with pytest.raises(Conflict):
        world.prove(rival, world.ben)
    assert world.state(claim).state is State.PROVED


def test_who_takes_a_domain_over_takes_it_at_once_and_with_a_contested_title(world: World) -> None:
    """Nobody buys a name that was let go, and with it the right to license what was published there."""
    claim = world.hold()
    rival = world.claim(by=world.ben)
    world.publish_proof(rival)
    assert world.prove(rival, world.ben).state is State.PROVED
    lost = world.state(claim)
    assert (lost.state, lost.holds) == (State.LAPSED, None)
    assert "Another account" in (lost.failure or "")
    work = world.work_of(rival)
    assert (work.contested_since, work.contested_by) == (START, world.work_of(claim).id)
    assert [c.work_row for c in world.codes()] == [work.row]
    with pytest.raises(Conflict, match="contested"):
        world.offer(work, by=world.ben)


def test_a_lapsed_claim_of_somebody_else_contests_too_by_whatever_method(world: World) -> None:
    world.hold()
    world.lapse()
    rival = world.claim(by=world.ben)
    world.publish_proof(rival)
    world.prove(rival, world.ben)
    assert world.work_of(rival).contested_since is not None


def test_a_domain_that_was_given_up_is_free(world: World) -> None:
    claim = world.hold()
    world.end(claim)
    rival = world.claim(by=world.ben)
    world.publish_proof(rival)
    world.prove(rival, world.ben)
    assert world.work_of(rival).contested_since is None


def test_who_gets_a_domain_back_has_the_old_title(world: World) -> None:
    claim = world.hold()
    rival = world.claim(by=world.ben)
    world.publish_proof(rival)
    world.prove(rival, world.ben)
    world.publish_proof(claim)
    assert world.prove(claim).state is State.PROVED
    assert world.work_of(claim).contested_since is None
    assert world.state(rival).state is State.LAPSED


def test_a_proof_that_nobody_has_seen_beats_nothing(world: World) -> None:
    """A third account proves between our look and our record."""
    claim, third = world.claim(by=world.ben), world.hold()
    with pytest.raises(Conflict, match="just now"), world.database.writing() as session:
        record_proof(session, world.ben, claim.public_id, None, world.sources)
    assert world.state(third).state is State.PROVED


def test_a_host_below_is_somebody_elses_to_claim(world: World) -> None:
    claim = world.hold()
    below = world.hold("blog.anna.example", by=world.ben)
    assert {world.state(claim).state, world.state(below).state} == {State.PROVED}
    assert world.work_of(below).contested_since is None
    assert len(world.codes()) == 2
