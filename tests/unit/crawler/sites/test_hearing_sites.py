"""What is heard of a site does not depend on what else was asked, or on what is still in memory."""

from __future__ import annotations

import random

import pytest

from crawler.filter import Reading
from crawler.sites import DAY
from crawler.sites.evidence import Sites, check_sites
from crawler.sites.joining import Hearing, joined
from crawler.sites.origins import listed_origin, origins, secure
from registry.core.errors import InvalidInput
from registry.core.signals.summary import Said
from tests.unit.crawler.sites.world import ASKED_AT, AT, EXPECTED, SITES, sites_file


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Sites:
    path = tmp_path_factory.mktemp("sites") / "sites.jsonl"
    return check_sites(sites_file(path, *SITES, oldest=ASKED_AT - 40 * DAY), at=AT)


@pytest.mark.parametrize("held", [0, 4_000])
def test_sites_that_were_forgotten_say_the_same_again(
    sites: Sites, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    asked = [url for url in EXPECTED if len(url) < 1_000] * 5
    random.Random(7).shuffle(asked)
    unlimited = Hearing(sites, AT, "world")
    expected = [unlimited.of_text(url) for url in asked]
    monkeypatch.setattr("crawler.sites.joining._HELD_BYTES", held)
    monkeypatch.setattr("crawler.sites.joining._RECENT", 1)
    forgetful = Hearing(sites, AT, "world")
    assert [forgetful.of_text(url) for url in asked] == expected
    assert len(forgetful._held) < len(unlimited._held)


def test_a_gap_of_the_item_goes_before_that_of_its_site_and_a_refusal_counts_all_the_same(
    sites: Sites,
) -> None:
    heard = Hearing(sites, AT, "world").of_item(["https://old.example/no"])
    found = joined(Reading(None, None, gap="error.undecodable", signals=(Said("iptc", allowed=7),)), heard)
    assert found.gap == "error.undecodable"
    assert [said.signal for said in found.signals] == ["iptc", "site.robots"]
    assert joined(Reading(None, None), heard).gap == "unchecked.stale-site"


def test_a_list_of_sites_is_made_of_addresses() -> None:
    urls = [
        "https://A.example/x",
        "http://b.example:8080/",
        "https://a.example./y",
        None,
        "",
        "no",
        "ftp://c.example/",
    ]
    assert origins(urls) == ["http://b.example:8080", "https://a.example"]
    assert [listed_origin(origin) for origin in origins(urls)] == origins(urls)
    assert listed_origin("B\u00fccher.example") == "https://xn--bcher-kva.example"
    with pytest.raises(InvalidInput):
        listed_origin("https://a.example/x")


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("http://a.example/x?y", "https://a.example/x?y"),
        ("http://[2001:db8::1]/", "https://[2001:db8::1]/"),
        ("http://a.example:8080/", None),
        ("http://[2001:db8::1]:8080/", None),
        ("https://a.example/", None),
        ("http://a.example/b:c/[d]:8", "https://a.example/b:c/[d]:8"),
    ],
)
def test_https_stands_in_for_http_at_its_usual_port(url: str, other: str | None) -> None:
    assert secure(url) == other
