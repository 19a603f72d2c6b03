"""A licensee's own file: who gets it, who may see the key, and that without it everything is denied."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from registry.core.decisions import Terms
from registry.core.errors import Corrupt, InvalidInput, NetworkFailed, TrustRefused
from registry.core.ids import format_id
from registry.core.snapshots import PersonalLicences, write_edition
from registry.core.snapshots.packs import pack_edition
from tests.support.snapshots import (
    KEY,
    LAB,
    NOW,
    SECONDS,
    Registry,
    Served,
    answer,
    flip,
    make_content,
    make_licences,
    redirect,
    serve,
)
from tests.unit.crawler.sync.conftest import Lab

OTHER = format_id("party", bytes(16))


@pytest.fixture(autouse=True)
def _with_licences(registry: Registry) -> None:
    registry.publish(make_content(2), licences=(make_licences(2), make_licences(2, licensee=OTHER)))


def _files(lab: Lab, sequence: int = 2) -> list[Path]:
    return sorted((lab.folder / f"editions/{sequence}/licences").glob("*"))


@pytest.mark.parametrize("licensee", [LAB, None], ids=["named", "asked for"])
def test_with_its_key_a_lab_gets_its_licences(lab: Lab, licensee: str | None) -> None:
    result = lab.sync(api_key=KEY, licensee=licensee)
    assert (result.licensee, result.licences) == (LAB, 1)
    snapshot = lab.open()
    assert snapshot.personal(1) == make_licences().terms[snapshot.work_id(1)]
    assert snapshot.personal(0) == Terms()
    assert len(_files(lab)) == 1


def test_the_key_goes_to_private_addresses_only(lab: Lab, served: Served) -> None:
    lab.sync(api_key=KEY)
    with_key = [path for path, authorization in served.requests if authorization]
    assert with_key[0] == "licensee"
    assert [path.partition("/")[2].partition("/")[0] for path in with_key[1:]] == ["licences"]
    assert len(served.requests) > len(with_key)


def test_the_key_does_not_follow_a_redirect(lab: Lab, registry: Registry, served: Served) -> None:
    name = make_licences().target.removeprefix("licences/")
    with serve(registry.store) as elsewhere:
        served.answers[name] = lambda handler: redirect(handler, elsewhere.url + handler.path)
        with pytest.raises(NetworkFailed):
            lab.sync(api_key=KEY)
        assert elsewhere.requests == []


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "", "ключ"])
def test_what_is_no_key_is_not_sent(lab: Lab, served: Served, key: str) -> None:
    with pytest.raises(InvalidInput, match="copied whole"):
        lab.sync(api_key=key)
    assert served.requests == []


def test_the_key_never_travels_in_the_clear(lab: Lab) -> None:
    lab.served.url = "http://registry.example"
    with pytest.raises(InvalidInput, match="https://"):
        lab.sync(api_key=KEY)


def test_without_a_key_nobody_asks(lab: Lab, served: Served) -> None:
    assert lab.sync().licences is None
    assert not [path for path, _ in served.requests if "licen" in path]
    assert lab.open().personal(1) == Terms()


@pytest.mark.parametrize("licensee", [LAB, None])
def test_a_refused_key_means_denied_not_an_error(lab: Lab, licensee: str | None) -> None:
    result = lab.sync(api_key="vbh_wrong", licensee=licensee)
    assert (result.sequence, result.licences) == (2, None)
    assert "denied" in result.notes[-1]
    assert lab.open().personal(1) == Terms()


def test_another_labs_file_cannot_be_had(lab: Lab) -> None:
    result = lab.sync(api_key=KEY, licensee=OTHER)
    assert result.licences is None
    assert "refused" in result.notes[-1]
    assert lab.open().standing.licences is None


def test_no_licences_at_all_is_said(lab: Lab, registry: Registry) -> None:
    registry.publish(make_content(3))
    result = lab.sync(api_key=KEY)
    assert result.licences is None
    assert "no licences" in result.notes[-1]


def test_licences_end_with_their_file(lab: Lab, registry: Registry) -> None:
    registry.publish(make_content(3), licences=(make_licences(3, expires=SECONDS + 60),))
    assert lab.sync(api_key=KEY).licences == 1
    assert lab.open(NOW + timedelta(seconds=59)).personal(1) != Terms()
    assert lab.open(NOW + timedelta(seconds=60)).personal(1) == Terms()
    result = lab.sync(NOW + timedelta(seconds=60), api_key=KEY)
    assert result.licences is None
    assert "expired" in result.notes[-1]


def test_revoked_licences_go_although_the_edition_stays(lab: Lab, registry: Registry) -> None:
    """The same edition, signed again with another licence file: the old file is not used for a moment longer."""
    lab.sync(api_key=KEY)
    nothing = PersonalLicences(LAB, 2, SECONDS, SECONDS + 3600, {})
    registry.publish(make_content(2), licences=(nothing,))
    result = lab.sync(api_key=KEY)
    assert (result.changed, result.licences) == (False, 0)
    assert lab.open().personal(1) == Terms()
    assert len(_files(lab)) == 1
    registry.publish(make_content(2))
    lab.sync(api_key=KEY)
    assert _files(lab) == []


def test_a_sync_without_the_key_leaves_no_licences_behind(lab: Lab) -> None:
    lab.sync(api_key=KEY)
    lab.sync()
    assert lab.open().personal(1) == Terms()


def test_an_unchanged_file_is_not_fetched_again(lab: Lab, served: Served) -> None:
    lab.sync(api_key=KEY)
    served.requests.clear()
    assert lab.sync(api_key=KEY).licences == 1
    assert not [path for path, _ in served.requests if path.startswith("targets/")]


@pytest.mark.parametrize("position", [0, 40, -5])
def test_a_changed_local_file_is_noticed(lab: Lab, position: int) -> None:
    lab.sync(api_key=KEY)
    flip(_files(lab)[0], position)
    with pytest.raises(Corrupt, match="vorbehalt sync"):
        lab.open()
    assert lab.sync(api_key=KEY).licences == 1
    assert lab.open().personal(1) != Terms()


def test_a_file_changed_on_the_way_is_refused(lab: Lab, served: Served) -> None:
    name = make_licences().target.removeprefix("licences/")
    good = make_licences(2).to_bytes()
    served.answers[name] = lambda handler: answer(handler, good.replace(b"agreement_1", b"agreement_2"))
    with pytest.raises(TrustRefused):
        lab.sync(api_key=KEY)
    assert not (lab.folder / "current").exists()


def test_a_file_made_for_another_party_is_refused(lab: Lab, registry: Registry) -> None:
    target = make_licences().target
    data = {target: make_licences(3, licensee=OTHER).to_bytes()}
    content = make_content(3)
    files = write_edition(registry.folder / "three", content)
    registry.publisher.publish({**pack_edition(files), **data}, files.custom, NOW)
    with pytest.raises(TrustRefused, match="another party"):
        lab.sync(api_key=KEY)


def _busy(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, b"", 500)


@pytest.mark.parametrize(
    "trouble", [_busy, lambda h: answer(h, b"not json"), lambda h: answer(h, b"x" * 9999)]
)
def test_a_server_in_trouble_changes_nothing(
    lab: Lab, served: Served, trouble: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    """Silence is not a refusal: the old copy, with its licences, stays in use."""
    lab.sync(api_key=KEY)
    served.answers["licensee"] = trouble
    with pytest.raises((NetworkFailed, TrustRefused)):
        lab.sync(api_key=KEY)
    assert lab.open().personal(1) != Terms()
