"""The offline keys sign again: who must agree, what is refused, and that nothing half-done is ever in force."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner, Key

from registry.core.durable import replace_file
from registry.core.errors import Conflict, Corrupt, InvalidInput, NotFound, NotReady, TrustRefused
from registry.core.snapshots.trust import init_trust, installing
from registry.core.snapshots.trust.installing import install, prepare_key
from registry.core.snapshots.trust.keys import create_key, key_files, load_key, load_offline_keys, read_public
from registry.core.snapshots.trust.offline import OfflinePart, public_key
from registry.core.snapshots.trust.signing import find_key, renew, replace_key
from tests.support.snapshots import NOW, Registry, flip, make_content

LATER = NOW + timedelta(days=300)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry.create(tmp_path / "registry")


@pytest.fixture
def carried(registry: Registry, tmp_path: Path) -> Path:
    """The copy of the metadata that was carried to the offline keys."""
    return shutil.copytree(registry.folder / "online/metadata", tmp_path / "carried")


def keys(registry: Registry, *names: str) -> dict[str, CryptoSigner]:
    """Some of the offline keys: all, unless they are named."""
    places = [registry.folder / f"offline/{name}.pem" for name in names] or [registry.folder / "offline"]
    return load_offline_keys(places, lambda path: pytest.fail(f"{path} is not encrypted"))


def key_id(registry: Registry, name: str) -> str:
    """The id of an offline key."""
    (found,) = keys(registry, name)
    return found


def state(folder: Path) -> dict[str, bytes]:
    """Everything in a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def new_key(tmp_path: Path, name: str = "root-4") -> Key:
    """Another key, made now."""
    return create_key(tmp_path / f"{name}.pem").public_key


def in_force(registry: Registry) -> tuple[int, int]:
    part = OfflinePart.load(registry.folder / "online")
    return part.root.version, part.targets.version


def test_renewed_signatures_hold_another_year(registry: Registry, carried: Path) -> None:
    signed = renew(carried, keys(registry), LATER)
    assert [path.name for path in signed.files] == ["2.targets.json", "2.root.json"]
    part = install(registry.folder / "online", carried, LATER)
    for each in (part.root, part.targets):
        assert (each.version, each.expires) == (2, LATER + timedelta(days=365))
    registry.publish(make_content(), now=NOW + timedelta(days=400))


@pytest.mark.parametrize(
    "names",
    [
        ("root-1", "targets-1", "targets-2"),
        ("root-1", "root-2", "targets-3"),
        ("root-1", "root-2"),
        ("targets-1", "targets-2"),
    ],
)
def test_one_key_alone_renews_nothing(registry: Registry, carried: Path, names: tuple[str, ...]) -> None:
    before = state(carried)
    with pytest.raises(NotReady, match="must agree"):
        renew(carried, keys(registry, *names), LATER)
    assert state(carried) == before


@pytest.mark.parametrize("online", ["snapshot", "timestamp"])
def test_an_online_key_is_replaced_by_two_root_keys(registry: Registry, carried: Path, online: str) -> None:
    home = registry.folder / "online"
    old = load_key(home / f"keys/{online}.pem").public_key.keyid
    shutil.copy(prepare_key(home, online), carried)
    new = read_public(public_key(carried, online))
    with pytest.raises(NotReady, match="must agree"):
        replace_key(carried, keys(registry, "root-2", "targets-1", "targets-2"), NOW, old=old, new=new)
    replace_key(carried, keys(registry, "root-2", "root-3"), NOW, old=old, new=new)
    part = install(home, carried, NOW)
    assert part.key_ids(online) == {new.keyid} == {load_key(home / f"keys/{online}.pem").public_key.keyid}
    assert sorted(p.name for p in (home / "keys").iterdir()) == [
        "publisher.pem",
        "snapshot.pem",
        "timestamp.pem",
    ]
    assert not public_key(home / "metadata", online).exists()
    assert in_force(registry) == (2, 1)


def test_the_publisher_is_replaced_by_two_targets_keys(registry: Registry, carried: Path) -> None:
    home = registry.folder / "online"
    shutil.copy(prepare_key(home, "publisher"), carried)
    (old,) = OfflinePart.load(home).key_ids("publisher")
    new = read_public(public_key(carried, "publisher"))
    with pytest.raises(NotReady, match="2 targets keys"):
        replace_key(carried, keys(registry, "root-1", "root-2", "targets-1"), NOW, old=old, new=new)
    replace_key(carried, keys(registry, "targets-1", "targets-3"), NOW, old=old, new=new)
    install(home, carried, NOW)
    assert in_force(registry) == (1, 2)
    registry.publish(make_content())


@pytest.mark.parametrize("role", ["root", "targets"])
def test_an_offline_key_is_replaced_without_its_help(
    registry: Registry, carried: Path, tmp_path: Path, role: str
) -> None:
    """Two of the others sign, even if the stolen one is at hand: as it is afterwards, so it must be before."""
    stolen = key_id(registry, f"{role}-1")
    new = new_key(tmp_path, f"{role}-4")
    others = {keyid: key for keyid, key in keys(registry).items() if keyid != key_id(registry, f"{role}-2")}
    with pytest.raises(NotReady, match="must agree"):
        replace_key(carried, others, NOW, old=stolen, new=new)
    signed = replace_key(carried, keys(registry), NOW, old=stolen, new=new)
    assert stolen not in signed.part.key_ids(role)
    assert new.keyid in signed.part.key_ids(role)
    install(registry.folder / "online", carried, NOW)
    registry.publish(make_content())
    # and from now on the new one counts, and the stolen one does not
    after = load_offline_keys([tmp_path / f"{role}-4.pem"], lambda _: b"")
    together = keys(registry, f"{role}-3") | after
    rest = {k: s for k, s in keys(registry).items() if k not in OfflinePart.read(carried).key_ids(role)}
    renew(carried, together | rest, NOW)
    with pytest.raises(NotReady, match="must agree"):
        renew(carried, keys(registry, f"{role}-1", f"{role}-3") | rest, NOW)


def test_a_key_does_not_come_back(registry: Registry, carried: Path, tmp_path: Path) -> None:
    first = keys(registry, "root-1")
    (old,) = first
    replace_key(carried, keys(registry), NOW, old=old, new=new_key(tmp_path))
    before = state(carried)
    with pytest.raises(Conflict, match="does not come back"):
        replace_key(carried, keys(registry), NOW, old=key_id(registry, "root-2"), new=first[old].public_key)
    with pytest.raises(Conflict):
        replace_key(
            carried,
            keys(registry),
            NOW,
            old=key_id(registry, "root-2"),
            new=keys(registry, "targets-1")[key_id(registry, "targets-1")].public_key,
        )
    assert state(carried) == before


def test_keys_are_found_by_the_beginning_of_their_ids(registry: Registry, carried: Path) -> None:
    part, wanted = OfflinePart.read(carried), key_id(registry, "targets-2")
    assert find_key(part, wanted[:12].upper()) == ("targets", wanted)
    with pytest.raises(InvalidInput, match="8 digits"):
        find_key(part, wanted[:7])
    with pytest.raises(NotFound):
        find_key(part, "0" * 64)


def test_each_holder_is_asked_for_the_passphrase_of_their_own_key(tmp_path: Path) -> None:
    secrets = {"root-1.pem": b"one", "root-2.pem": b"two"}
    for name, secret in secrets.items():
        create_key(tmp_path / name, secret)
    create_key(tmp_path / "root-3.pem")
    asked: list[str] = []

    def ask(path: Path) -> bytes:
        asked.append(path.name)
        return secrets[path.name]

    assert len(key_files([tmp_path], ask)) == 3
    assert asked == ["root-1.pem", "root-2.pem"]
    with pytest.raises(Corrupt):
        key_files([tmp_path], lambda _: b"wrong")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="no key"):
        key_files([tmp_path / "empty"], ask)


# -- taking it over -------------------------------------------------------------------------------------------
def _replace_all(registry: Registry, carried: Path, tmp_path: Path) -> None:
    """Every key that can be replaced is, one ceremony after the other, before anything is carried back."""
    home = registry.folder / "online"
    for role in ("publisher", "snapshot", "timestamp"):
        shutil.copy(prepare_key(home, role), carried)
        (old,) = OfflinePart.read(carried).key_ids(role)
        new = read_public(public_key(carried, role))
        replace_key(carried, keys(registry), NOW, old=old, new=new)
    (tmp_path / "new").mkdir()
    for number, role in enumerate(("targets", "root", "targets"), start=4):
        old = min(OfflinePart.read(carried).key_ids(role) & set(keys(registry)))
        new = create_key(tmp_path / f"new/{role}-{number}.pem").public_key
        every = keys(registry) | load_offline_keys([tmp_path / "new"], lambda _: b"")
        replace_key(carried, every, NOW, old=old, new=new)


def test_several_ceremonies_are_taken_over_at_once(registry: Registry, carried: Path, tmp_path: Path) -> None:
    _replace_all(registry, carried, tmp_path)
    install(registry.folder / "online", carried, NOW)
    assert in_force(registry) == (6, 4)
    registry.publish(make_content())
    assert "metadata/5.root.json" in registry.published_files()


class _PowerCut(Exception):
    pass


def test_an_interruption_anywhere_leaves_what_works_and_can_be_gone_on_with(
    registry: Registry, carried: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _replace_all(registry, carried, tmp_path)
    home, write = registry.folder / "online", replace_file
    versions = []
    for stop in range(9):

        def cut(path: Path, data: bytes, left: list[int] = [stop]) -> None:  # noqa: B006
            if left[0] == 0:
                raise _PowerCut
            left[0] -= 1
            write(path, data)

        copy = tmp_path / f"copy-{stop}"
        shutil.copytree(home, copy)
        monkeypatch.setattr(installing, "replace_file", cut)
        interrupted = False
        try:
            install(copy, carried, NOW)
        except _PowerCut:
            interrupted = True
        monkeypatch.setattr(installing, "replace_file", write)
        part = OfflinePart.load(copy)
        versions.append((part.root.version, part.targets.version))
        if interrupted:
            install(copy, carried, NOW)
        final = OfflinePart.load(copy)
        assert (final.root.version, final.targets.version) == (6, 4)
        final.load_signers(copy)
    assert versions[0] == (1, 1)
    assert versions[-1] == (6, 4)
    assert len(set(versions)) == 9


def test_a_cut_before_the_new_key_took_its_place_does_no_harm(registry: Registry, carried: Path) -> None:
    home = registry.folder / "online"
    shutil.copy(prepare_key(home, "timestamp"), carried)
    (old,) = OfflinePart.read(carried).key_ids("timestamp")
    replace_key(carried, keys(registry), NOW, old=old, new=read_public(public_key(carried, "timestamp")))
    shutil.copy(carried / "2.root.json", home / "metadata")
    registry.publish(make_content())
    install(home, carried, NOW)
    assert not (home / "keys/timestamp.next.pem").exists()
    registry.publish(make_content(2))


def _without_the_new_key(registry: Registry, carried: Path, tmp_path: Path) -> None:
    """Named a key that is somewhere else."""
    (old,) = OfflinePart.read(carried).key_ids("timestamp")
    replace_key(carried, keys(registry), NOW, old=old, new=new_key(tmp_path))


def _of_another_registry(registry: Registry, carried: Path, tmp_path: Path) -> None:
    shutil.rmtree(carried)
    init_trust(tmp_path / "offline", tmp_path / "other", NOW)
    shutil.copytree(tmp_path / "other/metadata", carried)
    renew(carried, load_offline_keys([tmp_path / "offline"], lambda _: b""), NOW)


def _damaged(registry: Registry, carried: Path, _tmp_path: Path) -> None:
    renew(carried, keys(registry), NOW)
    flip(carried / "2.root.json", 300)


def _with_a_gap(registry: Registry, carried: Path, _tmp_path: Path) -> None:
    for _ in range(2):
        renew(carried, keys(registry), NOW)
    (carried / "2.root.json").unlink()


def _forked(registry: Registry, carried: Path, tmp_path: Path) -> None:
    """The same numbers were signed twice; one of them is in force already."""
    other = shutil.copytree(carried, tmp_path / "fork")
    renew(other, keys(registry), NOW + timedelta(days=1))
    install(registry.folder / "online", other, NOW)
    renew(carried, keys(registry), NOW)
    renew(carried, keys(registry), NOW)


@pytest.mark.parametrize("harm", [_without_the_new_key, _of_another_registry, _damaged, _with_a_gap, _forked])
def test_what_does_not_continue_is_refused_and_changes_nothing(
    registry: Registry, carried: Path, tmp_path: Path, harm: object
) -> None:
    assert callable(harm)
    harm(registry, carried, tmp_path)
    before = state(registry.folder / "online")
    with pytest.raises(TrustRefused):
        install(registry.folder / "online", carried, NOW)
    assert state(registry.folder / "online") == before | {"lock": b""}
    registry.publish(make_content())


def test_what_is_old_expired_or_there_already_is_refused(
    registry: Registry, carried: Path, tmp_path: Path
) -> None:
    home, old = registry.folder / "online", shutil.copytree(carried, tmp_path / "old")
    with pytest.raises(InvalidInput, match="nothing"):
        install(home, carried, NOW)
    renew(carried, keys(registry), NOW)
    with pytest.raises(NotReady, match="expired"):
        install(home, carried, NOW + timedelta(days=365))
    install(home, carried, NOW)
    with pytest.raises(InvalidInput, match="older"):
        install(home, old, NOW)


def test_a_successor_that_waits_is_kept(registry: Registry) -> None:
    home = registry.folder / "online"
    first = prepare_key(home, "publisher").read_bytes()
    assert prepare_key(home, "publisher").read_bytes() == first
    registry.publish(make_content())  # it waits; the old one signs
    with pytest.raises(InvalidInput, match="online role"):
        prepare_key(home, "root")
