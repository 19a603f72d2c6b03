"""Which addresses are listed: those that their owner has proved, and nobody else's, however they are registered."""

from __future__ import annotations

import pytest

from registry.core.decisions import Grade
from registry.core.errors import InvalidInput
from registry.core.fingerprints import SOURCE_DOMAIN, SOURCE_URL, Fingerprint, fingerprint_url
from registry.core.fingerprints.addresses import domain_code, url_code
from registry.core.matching import Matcher, by_algorithm, lists_of
from registry.domains.rules import Method
from registry.works import service as works
from registry.works.service import Disclosure
from tests.support.works import digests
from tests.unit.domains.conftest import FOUND, World

PAGE = "https://www.anna.example/dunes"


def found(world: World, url: str = PAGE, *, public: bool = True) -> dict[int, Grade]:
    """The rows that an address matches, as a lab finds them."""
    matches = Matcher(lists_of(by_algorithm(world.codes(public=public)))).match([fingerprint_url(url)])[0]
    return {m.work_row: m.grade for m in matches}


# -- what is listed -----------------------------------------------------------------------------------------
def test_a_source_address_is_listed_below_a_domain_of_the_same_owner(world: World) -> None:
    work = world.work(PAGE)
    assert world.codes() == []
    domain = world.work_of(world.hold())
    assert [(c.work_row, c.algorithm, c.kind, c.code, c.aux) for c in world.codes()] == [
        (domain.row, SOURCE_DOMAIN, "whole", domain_code(".anna.example"), 0),
        (work.row, SOURCE_URL, "whole", url_code(PAGE), domain.row + 1),
    ]


def test_an_address_is_listed_in_its_normal_form_and_once(world: World) -> None:
    world.hold()
    work = world.work("HTTPS://WWW.Anna.example:443/dunes#top", "https://www.anna.example./dunes")
    assert [c.code for c in world.codes() if c.work_row == work.row] == [url_code(PAGE)]


def test_an_ip_address_or_another_domain_is_not_listed(world: World) -> None:
    world.hold()
    world.work("https://127.0.0.1/dunes", "https://other.example/dunes", "https://example/x")
    assert [c.algorithm for c in world.codes()] == [SOURCE_DOMAIN]


@pytest.mark.parametrize(
    ("disclosure", "public", "live"),
    [
        (Disclosure.SNAPSHOT, True, True),
        (Disclosure.CHECK_API_ONLY, False, True),
        (Disclosure.DIGEST_ONLY, False, False),
    ],
)
def test_an_address_is_disclosed_as_far_as_its_work_is(
    world: World, disclosure: Disclosure, public: bool, live: bool
) -> None:
    world.hold()
    work = world.work(PAGE, disclosure=disclosure)
    for shown, listed in ((True, public), (False, live)):
        assert (work.row in {c.work_row for c in world.codes(public=shown)}) is listed


def test_a_withdrawn_work_is_not_listed(world: World) -> None:
    world.hold()
    work = world.work(PAGE)
    world.withdraw(work)
    assert work.row not in found(world)


# -- whose word counts --------------------------------------------------------------------------------------
def test_a_squatter_lists_nothing_of_somebody_elses(world: World) -> None:
    """Neither blocked nor freed: an address without a proof is a note in the record."""
    squatted = world.work(PAGE, by=world.ben)
    world.offer(squatted, by=world.ben)
    assert found(world) == {}
    domain = world.work_of(world.hold())
    assert found(world) == {domain.row: Grade.MATCH}


def test_a_proof_for_one_domain_says_nothing_about_others(world: World) -> None:
    world.hold("ben.example", by=world.ben)
    world.work(PAGE, by=world.ben)
    assert found(world) == {}


def test_a_file_at_the_main_host_says_nothing_about_the_hosts_below(world: World) -> None:
    world.looking_gives(FOUND)
    domain = world.work_of(world.prove(world.claim(method=Method.FILE)))
    world.work(PAGE)
    assert found(world) == {}
    assert found(world, "https://anna.example/dunes") == {domain.row: Grade.MATCH}


def test_the_narrowest_statement_of_an_owner_counts(world: World) -> None:
    domain = world.work_of(world.hold())
    shop = world.work_of(world.hold("shop.anna.example"))
    sold = world.work("https://shop.anna.example/dunes")
    assert found(world, "https://shop.anna.example/dunes") == {sold.row: Grade.MATCH}
    assert found(world, "https://shop.anna.example/other") == {shop.row: Grade.MATCH}
    assert found(world, "https://anna.example/") == {domain.row: Grade.MATCH}


def test_what_an_owner_says_sets_no_other_owners_domain_aside(world: World) -> None:
    domain = world.work_of(world.hold())
    blog = world.work_of(world.hold("blog.anna.example", by=world.ben))
    post = world.work("https://blog.anna.example/post", by=world.ben)
    assert set(found(world, "https://blog.anna.example/post")) == {domain.row, post.row}
    assert set(found(world, "https://blog.anna.example/")) == {domain.row, blog.row}


def test_below_a_contested_domain_nothing_is_listed_and_nothing_steps_back(world: World) -> None:
    """Else a bought name could be licensed page by page."""
    world.hold()
    rival = world.claim(by=world.ben)
    world.publish_proof(rival)
    contested = world.work_of(world.prove(rival, world.ben))
    world.work(PAGE, by=world.ben)
    assert found(world) == {contested.row: Grade.MATCH}
    sure = world.work_of(world.hold("www.anna.example", by=world.ben))
    assert set(found(world, "https://www.anna.example/x")) == {sure.row, contested.row}
    assert [c.aux for c in world.codes() if c.algorithm == SOURCE_DOMAIN] == [0, 0]


def test_when_the_claim_lapses_its_addresses_go_with_it(world: World) -> None:
    world.hold()
    world.work(PAGE)
    world.lapse()
    assert world.codes() == []


# -- what a domain is not -----------------------------------------------------------------------------------
def test_a_domain_is_not_registered_as_a_file(world: World) -> None:
    codes = works.ClientCodes(digests("anna.example"))
    with pytest.raises(InvalidInput, match="/v1/domains"), world.database.writing() as session:
        works.register_work(
            session,
            world.anna,
            works.RegisterWork("anna.example", codes, works.Kind.DOMAIN),
            world.sources,
        )
    work = world.work_of(world.hold())
    with pytest.raises(InvalidInput), world.database.writing() as session:
        works.add_version(session, world.anna, works.AddVersion(work.public_id, codes), world.sources)


@pytest.mark.parametrize("algorithm", [SOURCE_URL, SOURCE_DOMAIN])
def test_nobody_sends_an_address_code(world: World, algorithm: str) -> None:
    codes = works.ClientCodes((*digests("Dunes"), Fingerprint(algorithm, "whole", bytes(32))))
    with pytest.raises(InvalidInput, match="not a code of a work"), world.database.writing() as session:
        works.register_work(
            session, world.anna, works.RegisterWork("Dunes", codes, works.Kind.IMAGE), world.sources
        )


def test_a_domain_is_licensed_in_person_only(world: World) -> None:
    """To anyone it would permit nothing, so it is not offered as if it did."""
    domain = world.work_of(world.hold())
    with pytest.raises(InvalidInput, match="in person"):
        world.offer(domain)
    with pytest.raises(InvalidInput, match="in person"):
        world.offer(world.work(PAGE), domain)
    assert not world.offer(domain, licensees=(world.lab.public_id,)).to_anyone
