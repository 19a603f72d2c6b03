"""Domains over HTTP, with a real name server and a real web server; then from a proof to a lab's decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask

from crawler.filter import Judge, Reading
from crawler.sync import open_snapshot, sync
from registry.base.actor import Role, Scope
from registry.base.clock import Sources
from registry.base.context import Context
from registry.base.db import Database
from registry.base.files import FolderStore
from registry.core.decisions import Decision, Policy, Purpose, Request
from registry.core.fingerprints import fingerprint_url
from registry.core.matching import Matcher
from registry.core.snapshots.trust import Publisher, init_trust
from registry.domains.service import Prober, recheck_domains
from registry.publishing import service as publishing
from tests.factories import Clock
from tests.functional.conftest import Account, Client
from tests.support.internet import HERE, Internet, internet
from tests.support.snapshots import serve
from tests.support.works import digests

Make = Callable[..., Account]
DNS = {"domain": "Anna.Example", "method": "dns"}
FILE = {"domain": "anna.example", "method": "file"}
PAGE = "https://www.anna.example/dunes.png"


@pytest.fixture(scope="module")
def world() -> Iterator[Internet]:
    with internet("anna.example", "www.anna.example") as world:
        yield world


@pytest.fixture
def net(world: Internet, app: Flask) -> Internet:
    """The internet as the application sees it, without any proof in it."""
    world.dns.records = {(host, "A"): [HERE] for host in ("anna.example", "www.anna.example")}
    world.web.files = {}
    context: Context = app.extensions["vorbehalt"]
    cast("dict[type, object]", context.parts)[Prober] = world.prober
    return world


@pytest.fixture
def anna(account: Make) -> Account:
    return account(Role.CREATOR)


def call(client: Client, method: str, path: str, who: Account, body: Any = None) -> Any:
    return getattr(client, method)(f"/v1/domains{path}", json=body, headers=who.headers)


def claimed(client: Client, who: Account, body: Any = DNS) -> dict[str, Any]:
    answer = call(client, "post", "", who, body)
    assert answer.status_code == 201, answer.json
    claim: dict[str, Any] = answer.json
    return claim


def prove(client: Client, who: Account, claim: dict[str, Any]) -> Any:
    return call(client, "post", f"/{claim['id']}/proof", who)


def put_into_dns(net: Internet, claim: dict[str, Any]) -> None:
    net.dns.add(claim["proof"]["place"], "TXT", f'"{claim["proof"]["line"]}"')


# -- claims -------------------------------------------------------------------------------------------------
def test_a_claim_says_what_to_put_where(client: Client, anna: Account) -> None:
    claim = claimed(client, anna)
    assert claim | {"id": "", "proof": {}} == {
        "id": "",
        "domain": "anna.example",
        "method": "dns",
        "covers_subdomains": True,
        "state": "pending",
        "proof": {},
        "work": None,
        "created_at": "2026-08-02T09:30:00Z",
        "proved_at": None,
        "checked_at": None,
        "failing_since": None,
        "lapses_at": None,
        "failure": None,
        "lapsed_at": None,
        "ended_at": None,
    }
    line = f"vorbehalt-domain={claim['id']}"
    assert claim["proof"] == {"place": "_vorbehalt.anna.example", "line": line}
    by_file = claimed(client, anna, FILE)
    assert by_file["proof"]["place"] == "https://anna.example/.well-known/vorbehalt-domain.txt"
    assert by_file["covers_subdomains"] is False
    assert call(client, "get", f"/{claim['id']}", anna).json == claim
    assert [c["id"] for c in call(client, "get", "", anna).json["items"]] == [claim["id"], by_file["id"]]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"domain": "co.uk"},
        {"domain": "https://anna.example/"},
        {"domain": "anna.example", "method": "email"},
        {"domain": "anna.example", "token": "x"},
        {"domain": 7},
        {"domain": "anna.example\n"},
    ],
)
def test_a_bad_claim_is_refused(client: Client, anna: Account, body: Any) -> None:
    answer = call(client, "post", "", anna, body)
    assert (answer.status_code, answer.json["code"]) == (422, "input.invalid")


def test_who_may_not(client: Client, account: Make, anna: Account) -> None:
    claim = claimed(client, anna)
    assert client.post("/v1/domains", json=DNS).status_code == 401
    assert call(client, "post", "", account(Role.LAB), DNS).status_code == 403
    assert call(client, "post", "", account(Role.CREATOR, Scope.WORKS_READ), DNS).status_code == 403
    stranger = account(Role.CREATOR, name="Ben")
    for method, path in (("get", ""), ("post", "/proof"), ("delete", "")):
        assert call(client, method, f"/{claim['id']}{path}", stranger).status_code == 404


# -- proofs -------------------------------------------------------------------------------------------------
def test_a_domain_is_proved_by_its_dns(client: Client, net: Internet, anna: Account) -> None:
    claim = claimed(client, anna)
    refused = prove(client, anna, claim)
    assert (refused.status_code, refused.json["code"]) == (422, "proof.invalid")
    assert "_vorbehalt.anna.example" in refused.json["detail"]
    put_into_dns(net, claim)
    proved = prove(client, anna, claim)
    assert proved.status_code == 200
    assert (proved.json["state"], proved.json["failure"]) == ("proved", None)
    work = client.get(f"/v1/works/{proved.json['work']}", headers=anna.headers).json
    assert (work["kind"], work["title"], work["versions"]) == ("domain", "anna.example", [])


def test_a_host_is_proved_by_a_file(client: Client, net: Internet, anna: Account) -> None:
    claim = claimed(client, anna, FILE)
    assert prove(client, anna, claim).status_code == 422
    net.web.files["anna.example"] = f"# all lines of this site\n{claim['proof']['line']}\n"
    assert prove(client, anna, claim).json["state"] == "proved"


def test_a_place_that_cannot_be_asked_is_another_problem(
    client: Client, net: Internet, anna: Account
) -> None:
    claim = claimed(client, anna, {"domain": "nobody.example", "method": "file"})
    answer = prove(client, anna, claim)
    assert (answer.status_code, answer.json["code"]) == (502, "network.failed")
    assert "no address" in answer.json["detail"]


def test_another_account_with_a_proof_is_a_conflict(
    client: Client, net: Internet, anna: Account, account: Make
) -> None:
    ben = account(Role.CREATOR, name="Ben")
    mine, theirs = claimed(client, anna, FILE), claimed(client, ben, FILE)
    net.web.files["anna.example"] = f"{mine['proof']['line']}\n{theirs['proof']['line']}\n"
    assert prove(client, anna, mine).status_code == 200
    answer = prove(client, ben, theirs)
    assert (answer.status_code, answer.json["code"]) == (409, "conflict")


def test_who_takes_over_is_told_how_to_object(
    client: Client, net: Internet, anna: Account, account: Make
) -> None:
    ben = account(Role.CREATOR, name="Ben")
    mine, theirs = claimed(client, anna), claimed(client, ben)
    put_into_dns(net, mine)
    before = prove(client, anna, mine).json["work"]
    put_into_dns(net, theirs)
    work = prove(client, ben, theirs).json["work"]
    contested = client.get(f"/v1/works/{work}", headers=ben.headers).json["contested"]
    assert contested["earlier_work"] == before
    assert "this domain before" in contested["how_to_object"]
    assert call(client, "get", f"/{mine['id']}", anna).json["state"] == "lapsed"


def test_a_missing_proof_is_announced_before_it_costs_anything(
    client: Client, net: Internet, anna: Account, database: Database, sources: Sources, clock: Clock
) -> None:
    claim = claimed(client, anna)
    put_into_dns(net, claim)
    prove(client, anna, claim)
    net.dns.remove("_vorbehalt.anna.example", "TXT")
    clock.advance(days=1)
    assert recheck_domains(database, {}, sources, net.prober)["missing"] == 1
    shown = call(client, "get", f"/{claim['id']}", anna).json
    assert (shown["state"], shown["failing_since"], shown["lapses_at"]) == (
        "proved",
        "2026-08-03T09:30:00Z",
        "2026-08-10T09:30:00Z",
    )
    assert "no TXT record" in shown["failure"]


def test_a_claim_is_given_up(client: Client, net: Internet, anna: Account) -> None:
    claim = claimed(client, anna)
    put_into_dns(net, claim)
    prove(client, anna, claim)
    for _ in range(2):
        assert call(client, "delete", f"/{claim['id']}", anna).status_code == 204
    assert call(client, "get", f"/{claim['id']}", anna).json["state"] == "ended"
    assert prove(client, anna, claim).status_code == 409


# -- from a proof to a lab's decision -----------------------------------------------------------------------
def register(client: Client, who: Account, *urls: str) -> str:
    prints = [{"algorithm": f.algorithm, "kind": f.kind, "code": f.code.hex()} for f in digests(who.id)]
    body = {"title": "Dunes", "kind": "image", "fingerprints": prints, "source_urls": urls}
    answer = client.post("/v1/works", json=body, headers=who.headers)
    assert answer.status_code == 201, answer.json
    return str(answer.json["id"])


def offer(client: Client, who: Account, work: str, *licensees: Account) -> str:
    body = {"works": [work], "purpose": "train_genai", "licensees": [lab.id for lab in licensees]}
    answer = client.post("/v1/offers", json=body, headers=who.headers)
    assert answer.status_code == 201, answer.json
    return str(answer.json["id"])


def license_to(client: Client, who: Account, work: str, lab: Account) -> None:
    path = f"/v1/offers/{offer(client, who, work, lab)}/accept"
    assert client.post(path, headers=lab.headers).status_code == 201


@pytest.fixture
def decide(
    database: Database, sources: Sources, clock: Clock, tmp_path: Path
) -> Iterator[Callable[[Account, str], Decision]]:
    """Publishes, lets the lab sync, and decides about an address as its filter does."""
    store = FolderStore(tmp_path / "files")
    init_trust(tmp_path / "offline", tmp_path / "online", clock.at)
    publisher = Publisher(tmp_path / "online", store)
    with serve(store) as served:

        def ask(lab: Account, url: str) -> Decision:
            publishing.publish(database, publisher, sources)
            served.keys = {lab.key: lab.id}
            folder = tmp_path / lab.id
            sync(served.url, folder, api_key=lab.key, now=clock.at)
            snapshot = open_snapshot(folder, now=clock.at)
            request = Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, int(clock.at.timestamp()))
            judge = Judge(Matcher(snapshot.lists), snapshot, request)
            (judgement,) = judge.judge([Reading(None, None, fingerprint_url(url))])
            return judgement.decision

        yield ask


def test_a_lab_sees_what_is_proved_and_nothing_that_is_not(
    client: Client,
    net: Internet,
    anna: Account,
    account: Make,
    decide: Callable[[Account, str], Decision],
    database: Database,
    sources: Sources,
    clock: Clock,
) -> None:
    """A squatter's word, a claim, a proof, a licence to the page, one to the domain, and the end of the proof."""
    lab, rival, ben = account(Role.LAB), account(Role.LAB), account(Role.CREATOR, name="Ben")
    squatted = register(client, ben, PAGE)
    offer(client, ben, squatted)
    claim = claimed(client, anna)
    assert decide(lab, PAGE).reason == "none-found"

    put_into_dns(net, claim)
    domain = prove(client, anna, claim).json["work"]
    reserved = decide(lab, PAGE)
    assert (reserved.reason, reserved.kept, reserved.works) == ("registered.no-licence", False, (domain,))
    assert decide(lab, "https://anna.example.evil.example/").kept

    page = register(client, anna, PAGE)
    license_to(client, anna, page, lab)
    licensed = decide(lab, PAGE)
    assert (licensed.reason, licensed.works) == ("licence.licensee", (page,))
    assert decide(lab, "https://www.anna.example/other.png").works == (domain,)
    assert not decide(rival, PAGE).kept

    offer(client, anna, page)  # to anyone: says what may be done with the picture, not that this is it
    assert decide(rival, PAGE).reason == "unchecked.address-only"

    license_to(client, anna, domain, rival)
    assert decide(rival, "http://blog.anna.example/").reason == "licence.licensee"

    net.dns.remove("_vorbehalt.anna.example", "TXT")
    for _ in range(3):
        clock.advance(days=4)
        recheck_domains(database, {}, sources, net.prober)
    assert decide(lab, "https://www.anna.example/other.png").reason == "none-found"


def test_the_live_check_knows_addresses_as_well(
    client: Client, net: Internet, anna: Account, account: Make
) -> None:
    claim = claimed(client, anna)
    put_into_dns(net, claim)
    domain = prove(client, anna, claim).json["work"]
    page = register(client, anna, PAGE)
    lab = account(Role.LAB)
    body = {
        "urls": [PAGE, "https://www.anna.example/other", "https://ben.example/"],
        "purpose": "train_genai",
        "policy": "eu-art4",
    }
    answer = client.post("/v1/check", json=body, headers=lab.headers)
    assert answer.status_code == 200, answer.json
    assert (answer.json["verdicts"], answer.json["kept"]) == ("114", "001")
    assert [(m["i"], m["work"], m["algorithm"]) for m in answer.json["matches"]] == [
        (0, page, "source.url.v1"),
        (1, domain, "source.domain.v1"),
    ]
    call(client, "delete", f"/{claim['id']}", anna)
    assert client.post("/v1/check", json=body, headers=lab.headers).json["verdicts"] == "444"
