"""A receipt is judged in the browser as it is by the registry and the command line, whatever is wrong with it."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from registry.core.ids import format_id
from registry.core.records.claims import ClaimRow, How, format_rows, rows_root
from registry.core.records.leaves import Leaf, OptOutLeaf, TariffLeaf, UseLeaf
from registry.core.records.receipts import (
    VerifiedReceipt,
    build_receipt,
    build_row_receipt,
    build_work_receipt,
)
from registry.core.snapshots import Snapshot, write_edition
from registry.core.snapshots.proofs import work_proof
from registry.core.tlog import merkle
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import KeyType, Note, SigningKey
from registry.core.tlog.policies import Policy
from registry.log.receipt_checking import examine
from tests.support.snapshots import make_content, work_id

ORIGIN = "localhost/log"
LOG, OTHER, ELSEWHERE = (SigningKey.generate(name) for name in (ORIGIN, ORIGIN, "else/log"))
WITNESSES = [SigningKey.generate(name, KeyType.COSIGNATURE) for name in ("w1", "w2")]
LOOSE = f"log {LOG.verifier()}\nquorum none\n"
FOREIGN = f"log {ELSEWHERE.verifier()}\nquorum none\n"
Case = tuple[bytes, str]

_JUDGE = """async (cases) => {
  const script = document.querySelector("script[src$='/receipt.js']").src;
  const { Refused, policy, verified } = await import(new URL("verifying.js", script));
  const found = [];
  for (const [data, text] of cases) {
    try {
      await verified(Uint8Array.from(atob(data), (c) => c.charCodeAt(0)), await policy(text));
      found.push("genuine");
    } catch (problem) {
      found.push(problem instanceof Refused ? problem.fault : String(problem));
    }
  }
  return found;
}"""


def _witnessed(threshold: str) -> str:
    lines = [f"witness {key.verifier().name} {key.verifier()}" for key in WITNESSES]
    return "\n".join([f"log {LOG.verifier()}", *lines, f"group all {threshold} w1 w2", "quorum all", ""])


def _rows() -> bytes:
    return format_rows(
        ClaimRow(format_id("work", work_id(n)), f"{format_id('agreement', work_id(9))}@1", How.NEAR, n + 1)
        for n in range(5)
    )


def _bodies(snapshot: Snapshot, rows: bytes) -> list[bytes]:
    """Of a small log: price lists, one claim, one edition."""
    leaves: list[Leaf] = [TariffLeaf(at=n, tariff="t", version=n, terms="0" * 64) for n in range(1, 4)]
    claim = UseLeaf(
        at=9,
        dataset="sha256:" + "1" * 64,
        lab="party_l",
        model="model_m",
        rows=5,
        root=rows_root(rows).hex(),
        who="2" * 64,
    )
    edition = OptOutLeaf(
        at=10,
        sequence=snapshot.sequence,
        works=len(snapshot),
        root=snapshot.works_root.hex(),
        change_seq=snapshot.change_seq,
    )
    return [leaf.body() for leaf in (*leaves, claim, edition)]


def _receipts(snapshot: Snapshot) -> dict[str, str]:
    """Genuine ones of each kind, and the same under heads that others signed."""
    rows = _rows()
    bodies = _bodies(snapshot, rows)
    hashes = [merkle.leaf_hash(body) for body in bodies]
    text = str(Checkpoint(ORIGIN, len(bodies), merkle.root(hashes)))
    heads = {
        "alone": Note(text, (LOG.sign(text),)),
        "seen": Note(text, (LOG.sign(text), WITNESSES[0].cosign(text, 1_700_000_000))),
        "other key": Note(text, (OTHER.sign(text),)),
    }
    proofs = [merkle.inclusion_proof(n, hashes) for n in range(len(bodies))]
    found = {who: build_receipt(bodies[1], 1, proofs[1], head) for who, head in heads.items()}
    found["swapped"] = build_receipt(bodies[2], 1, proofs[1], heads["seen"])
    found["row"] = build_row_receipt(bodies[3], 3, proofs[3], heads["seen"], rows, 2)
    found["work"] = build_work_receipt(bodies[4], 4, proofs[4], heads["seen"], work_proof(snapshot, 3))
    return found


def _cases(receipts: dict[str, str]) -> Iterator[Case]:
    """Each receipt under each policy; then damaged ones, by chance but the same each time."""
    policies = (LOOSE, FOREIGN, _witnessed("any"), _witnessed("1"), _witnessed("all"))
    yield from ((text.encode(), policy) for text in receipts.values() for policy in policies)
    chance = random.Random(7)
    for kind in ("seen", "row", "work"):
        good = receipts[kind].encode()
        yield from ((good[:end], LOOSE) for end in range(0, len(good), 97))
        for _ in range(120):
            data = bytearray(good)
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            yield bytes(data), _witnessed("any")
        for n, line in enumerate(lines := good.split(b"\n")):
            yield b"\n".join([*lines[:n], *lines[n + 1 :]]), LOOSE
            yield b"\n".join([*lines[:n], line, *lines[n:]]), LOOSE
    for old, new in ((b"index 3", b"index 2"), (b"\n\n", b"\n"), (ORIGIN.encode(), b"localhost/lag")):
        yield receipts["row"].encode().replace(old, new, 1), LOOSE


def _as_the_registry_says(data: bytes, policy: str) -> str:
    found = examine(data, Policy.parse(policy))
    return "genuine" if isinstance(found, VerifiedReceipt) else str(found.fault)


def test_browser_and_registry_agree_about_each_receipt(visit: Callable[..., Any], tmp_path: Path) -> None:
    write_edition(tmp_path / "edition", make_content())
    cases = list(_cases(_receipts(Snapshot.open(tmp_path / "edition"))))
    page = visit().open("/en/receipts/check")
    told = page.evaluate(_JUDGE, [[base64.b64encode(data).decode(), policy] for data, policy in cases])
    expected = [_as_the_registry_says(*case) for case in cases]
    assert {"genuine", "unreadable", "other-log", "unsigned", "unwitnessed", "changed"} == set(expected)
    differing = {
        (case, one, other) for case, one, other in zip(cases, told, expected, strict=True) if one != other
    }
    assert differing == set()
    for text in (
        "",
        "quorum none",
        LOOSE.replace("none", "nobody"),
        LOOSE.replace("log ", "lag "),
        LOOSE + LOOSE,
    ):
        assert page.evaluate(_JUDGE, [[base64.b64encode(cases[0][0]).decode(), text]]) != ["genuine"], text


def test_a_policy_of_ones_own_decides_and_nothing_is_sent(
    visit: Callable[..., Any], server: Any, tmp_path: Path
) -> None:
    write_edition(tmp_path / "edition", make_content())
    receipts = _receipts(Snapshot.open(tmp_path / "edition"))
    page = visit().open("/en/receipts/check")
    page.wait_for_selector("#stays:visible")
    page.click("#own summary")
    file, own = tmp_path / "my.tlog-proof", tmp_path / "log.policy"
    for receipt, policy, answer in (
        ("row", _witnessed("1"), "This row is part of that claim, unchanged"),
        ("seen", _witnessed("all"), "Witnesses are missing"),
        ("alone", FOREIGN, "It is of another log"),
        ("alone", "nothing\n", "Your policy cannot be read"),
        ("work", LOOSE, "This is what the edition tells everybody about the work"),
    ):
        file.write_text(receipts[receipt], "utf-8")
        own.write_text(policy, "utf-8")
        page.set_input_files("#receipt", file)
        page.set_input_files("#policy", own)
        page.click("#check button[type=submit]")
        page.wait_for_selector(f"#answer :text('{answer}')")
        assert "the file was not sent" in page.inner_text("#answer")
        genuine = page.locator("#answer :text('This receipt is genuine.')").count()
        assert genuine == (receipt in {"row", "work"})
    assert all(b"tlog-proof" not in body for body in server.heard)


def test_where_signatures_cannot_be_verified_nothing_is_genuine_and_sending_is_the_visitors_choice(
    visit: Callable[..., Any], server: Any, tmp_path: Path
) -> None:
    made = visit()
    made.page.add_init_script("crypto.subtle.generateKey = () => Promise.reject(new Error('none'))")
    page = made.open("/en/receipts/check")
    page.wait_for_load_state()
    assert page.is_visible("#sent")
    assert page.is_hidden("#stays")
    assert page.is_hidden("#own")

    write_edition(tmp_path / "edition", make_content())
    receipt = _receipts(Snapshot.open(tmp_path / "edition"))["alone"].encode()
    made = visit()
    made.page.add_init_script("crypto.subtle.verify = () => Promise.reject(new Error('lost'))")
    page = made.open("/en/receipts/check")
    page.wait_for_selector("#stays:visible")
    page.click("#own summary")
    for field, data in (("#receipt", receipt), ("#policy", LOOSE.encode())):
        page.set_input_files(field, {"name": "a.tlog-proof", "mimeType": "text/plain", "buffer": data})
    page.click("#check button[type=submit]")
    page.wait_for_selector("#answer :text('This browser could not check it.')")
    assert not any(receipt[:30] in body for body in server.heard)
    page.click("#answer button")  # the registry looks at it by its own policy, and says so
    page.wait_for_selector("#result")
    assert "It is of another log" in page.inner_text("main")
    assert any(receipt[:30] in body for body in server.heard)
