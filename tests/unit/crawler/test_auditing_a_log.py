"""The auditor follows a log, and finds every way in which one can cheat; what it verified it does not forget."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner

from crawler import audit as module
from crawler.audit_memory import EVIDENCE, PROGRESS, VERIFIED
from crawler.cli import cli
from registry.core.records.leaves import KeyLeaf, OptOutLeaf, SettlementLeaf, TariffLeaf
from registry.core.tlog import merkle, tiles
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import KeyType, Note, SigningKey

NOW = 1_780_000_000
ZERO = "0" * 64


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def edition(number: int, at: int = NOW) -> bytes:
    """An entry."""
    return OptOutLeaf(sequence=number, works=1, root=ZERO, change_seq=number, at=at).body()


@dataclass
class Served:
    """A log that a web server serves as files, and that can be made to lie."""

    folder: Path
    url: str = ""
    key: SigningKey = field(default_factory=lambda: SigningKey.generate("registry.example/usage-log"))
    witness: SigningKey = field(default_factory=lambda: SigningKey.generate("w.example", KeyType.COSIGNATURE))
    entries: list[bytes] = field(default_factory=list)

    def publish(self, *entries: bytes, witnessed: bool = True) -> None:
        """Add these and write all files."""
        self.entries += entries
        level, hashes = 0, [merkle.leaf_hash(entry) for entry in self.entries]
        root = merkle.root(hashes)
        for tile in tiles.tiles_of(len(self.entries)):
            if tile.level is None:
                self.write(tile.path, tiles.bundle(self.entries[tile.start : tile.stop]))
                continue
            while level < tile.level:
                hashes = [merkle.root(hashes[i : i + 256]) for i in range(0, len(hashes) - 255, 256)]
                level += 1
            self.write(tile.path, b"".join(hashes[tile.start : tile.stop]))
        note = Checkpoint(self.key.name, len(self.entries), root).signed(self.key)
        lines = (*note.signatures, self.witness.cosign(note.text, NOW)) if witnessed else note.signatures
        self.write("checkpoint", str(Note(note.text, lines)).encode())

    def write(self, path: str, data: bytes) -> None:
        """One file."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def entry(self, act: str, key: SigningKey | None = None) -> bytes:
        """What the log says about its key, or another one."""
        return KeyLeaf(act=act, role="log", key=str((key or self.key).verifier()), at=NOW).body()

    @property
    def policy(self) -> str:
        """Asks for the witness."""
        return f"log {self.key.verifier()}\nwitness w {self.witness.verifier()}\nquorum w\n"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A log of its key's entry and 599 editions, at an address of its own."""
    log = Served(tmp_path / "log")
    log.publish(log.entry("begin"), *(edition(n) for n in range(2, 601)))
    handler = partial(_Quiet, directory=str(log.folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        log.url = f"http://127.0.0.1:{server.server_address[1]}"
        (tmp_path / "policy").write_text(log.policy)
        yield log
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Found:
    """What the command said."""

    code: int
    size: int
    new: int
    checks: dict[str, tuple[bool | None, str]]

    def fails(self, check: str, text: str) -> bool:
        """Whether the audit failed, for this."""
        return self.code == 8 and self.checks[check][0] is False and text in self.checks[check][1]


def run(served: Served, *options: str) -> Found:
    """`vorbehalt audit`, with a state and a policy beside the log."""
    place = served.folder.parent
    words = [
        "audit",
        served.url,
        "--state",
        str(place / "state"),
        "--policy",
        str(place / "policy"),
        "--json",
    ]
    result = CliRunner().invoke(cli, [*words, *options])
    document = json.loads(result.stdout)
    if "error" in document:
        raise AssertionError(document["error"])
    checks = {c["name"]: (c["holds"], c["text"]) for c in document["checks"]}
    return Found(result.exit_code, document["size"], document["new_entries"], checks)


# -- an honest log -----------------------------------------------------------------------------------------
def test_an_honest_log_holds_and_is_followed_from_where_it_was(served: Served) -> None:
    first = run(served)
    assert (first.code, first.size, first.new) == (0, 600, 600), first
    assert all(holds for holds, _ in first.checks.values())
    assert "1 key, 599 optout" in first.checks["kinds"][1]
    served.publish(*(edition(n) for n in range(601, 1030)))
    second = run(served)
    assert (second.code, second.size, second.new) == (0, 1029, 429), second
    assert (run(served).code, run(served).new) == (0, 0)


def test_a_copy_may_lack_partial_tiles_that_are_whole_by_now(served: Served) -> None:
    checkpoint = (served.folder / "checkpoint").read_bytes()
    served.publish(*(edition(n) for n in range(601, 900)))
    served.write("checkpoint", checkpoint)
    for path in served.folder.glob("tile/*/002.p/88"):
        path.unlink()
    assert run(served).code == 0


def test_people_read_a_table(served: Served) -> None:
    result = CliRunner().invoke(cli, ["audit", served.url, "--policy", str(served.folder.parent / "policy")])
    assert result.exit_code == 0
    assert "holds  entries     all 600 hash to the signed root" in result.stdout


def test_the_policy_of_the_first_visit_is_kept(served: Served) -> None:
    """A log that later proposes another key is not followed."""
    served.write("policy", served.policy.encode())
    state = served.folder.parent / "state"
    command = ["audit", served.url, "--state", str(state)]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0
    assert "open   policy" in result.stdout
    served.key = SigningKey.generate(served.key.name)
    served.publish()
    served.write("policy", served.policy.encode())
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 8
    assert "FAILS  checkpoint  No log that the policy lists" in result.stdout


def test_an_interrupted_audit_goes_on(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SAVE_EVERY", 1)
    bundle = served.folder / "tile/entries/001"
    hidden = bundle.rename(bundle.with_name("hidden"))
    (served.folder / "tile/0/001").rename(served.folder / "tile/0/hidden")
    bundle.mkdir()  # answers with a redirect, which is not followed: the network's fault, not the log's
    words = ["audit", served.url, "--state", str(served.folder.parent / "state"), "--policy"]
    result = CliRunner().invoke(cli, [*words, str(served.folder.parent / "policy")])
    assert result.exit_code == 7
    bundle.rmdir()
    hidden.rename(bundle)
    (served.folder / "tile/0/hidden").rename(served.folder / "tile/0/001")
    served.publish(edition(601))
    found = run(served)
    assert (found.code, found.size, found.new) == (0, 601, 345), found
    assert not (served.folder.parent / "state" / PROGRESS).exists()


# -- and one that cheats -----------------------------------------------------------------------------------
def test_a_shorter_log_is_refused_and_kept_as_evidence(served: Served) -> None:
    run(served)
    verified = (served.folder.parent / "state" / VERIFIED).read_bytes()
    del served.entries[500:]
    served.publish()
    found = run(served)
    assert found.fails("checkpoint", "had 600 entries and now shows 500")
    assert (served.folder.parent / "state" / VERIFIED).read_bytes() == verified
    (evidence,) = (served.folder.parent / "state" / EVIDENCE).iterdir()
    assert "\n600\n" in evidence.read_text()
    assert "\n500\n" in evidence.read_text()


def test_another_history_is_refused_however_long(served: Served) -> None:
    """Also with the witness's cosignature, should it have been bribed: the auditor remembers by itself."""
    run(served)
    served.entries[7] = edition(8, NOW - 1)
    served.publish()
    assert run(served).fails("checkpoint", "do not continue them")
    served.publish(*(edition(n) for n in range(601, 700)))
    assert run(served).fails("checkpoint", "History was rewritten: the first 600 entries")
    assert len(list((served.folder.parent / "state" / EVIDENCE).iterdir())) == 2


def test_without_its_quorum_a_checkpoint_is_not_believed(served: Served) -> None:
    served.publish(edition(601), witnessed=False)
    assert run(served).fails("checkpoint", "lacks cosignatures")


@pytest.mark.parametrize(
    "path", ["tile/entries/000", "tile/0/000", "tile/1/000.p/2", "tile/entries/002.p/88"]
)
@pytest.mark.parametrize("change", ["flip", "cut", "longer", "missing"])
def test_files_that_are_not_what_was_signed(served: Served, path: str, change: str) -> None:
    file = served.folder / path
    data = file.read_bytes()
    if change == "missing":
        file.unlink()
    elif change == "flip":
        file.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
    else:
        file.write_bytes(data[:-5] if change == "cut" else data + b"\x00")
    found = run(served)
    assert found.code == 8
    assert "entries" not in found.checks


@pytest.mark.parametrize(
    ("entry", "check", "text"),
    [
        (b"hello", "kinds", "entry 600"),
        (edition(601).replace(b"optout", b"optin?"), "kinds", "does not know"),
        (edition(600), "order", "edition 600 goes behind"),
        (edition(601, at=NOW * 2), "order", "a time that has not come"),
        (
            TariffLeaf(tariff="tariff_x", version=2, terms=ZERO, at=NOW).body(),
            "order",
            "version 2 of tariff_x follows version 0",
        ),
        (
            SettlementLeaf(
                settlement="s",
                period="2026-Q3",
                from_index=0,
                to_index=700,
                inputs=ZERO,
                lines=0,
                root=ZERO,
                at=NOW,
            ).body(),
            "order",
            "entries that come after it",
        ),
    ],
)
def test_entries_that_should_not_be_there(served: Served, entry: bytes, check: str, text: str) -> None:
    served.publish(entry)
    assert run(served).fails(check, text)
    served.publish(edition(900))
    assert run(served).fails(check, text), "a fault stays: the log cannot take it back"


# -- its keys ----------------------------------------------------------------------------------------------
def test_a_key_that_no_entry_names_is_found(served: Served) -> None:
    """Though the policy lists it: whoever has given it out, it was not announced."""
    served.key = SigningKey.generate(served.key.name)
    served.publish(edition(601))
    (served.folder.parent / "policy").write_text(served.policy)
    assert run(served).fails("keys", "no entry names it")


def test_a_key_that_has_ended_is_found(served: Served) -> None:
    served.publish(served.entry("end"))
    assert run(served).fails("keys", "it has ended")


def test_another_key_of_the_log_is_announced_before_it_is_needed(served: Served) -> None:
    new = SigningKey.generate(served.key.name)
    served.publish(served.entry("begin", new))
    between = run(served)
    assert (between.code, between.checks["keys"][0]) == (0, None)
    line = f"“log {new.verifier()}”"
    assert line in between.checks["keys"][1]
    served.publish(served.entry("end"))
    served.key = new
    served.publish(edition(603))
    late = run(served)
    assert late.fails("checkpoint", "No log that the policy lists")
    assert line in late.checks["checkpoint"][1]
    (served.folder.parent / "policy").write_text(served.policy)
    assert run(served).checks["keys"][0] is True


@pytest.mark.parametrize(
    ("acts", "text"),
    [(["end", "end"], "not in force"), (["end", "begin"], "comes back"), (["begin"], "comes back")],
)
def test_a_key_begins_and_ends_once(served: Served, acts: list[str], text: str) -> None:
    served.publish(*(served.entry(act) for act in acts))
    assert run(served).fails("order", text)


def test_what_an_older_program_remembers_is_gone_on_from(served: Served) -> None:
    """It read a log without entries about keys, and the registry has entered its key since."""
    served.entries[0] = edition(1)
    served.publish()
    run(served)
    verified = served.folder.parent / "state" / VERIFIED
    remembered = json.loads(verified.read_text())
    del remembered["facts"]["keys"]
    verified.write_text(json.dumps(remembered))
    assert run(served).fails("keys", "no entry names it")
    served.publish(served.entry("begin"))
    assert run(served).code == 0


def test_a_damaged_memory_is_no_fresh_start(served: Served) -> None:
    run(served)
    (served.folder.parent / "state" / VERIFIED).write_text("{}")
    with pytest.raises(AssertionError, match="damaged"):
        run(served)
