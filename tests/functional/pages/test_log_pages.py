"""The log and its receipts for people: what is stated, what is proved, and what is refused."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import select, text

from registry.base.clock import Sources
from registry.base.context import context
from registry.base.db import Database
from registry.base.settings import Settings
from registry.core.records.receipts import verify_receipt
from registry.core.tlog.encodings import from_base64, to_base64
from registry.core.tlog.notes import KeyType, SigningKey
from registry.log import service as logs
from registry.log.keys import POLICY_FILE, LogKey
from registry.log.signing import add_cosignatures
from registry.usage.models import ClaimBatch
from registry.wiring import log_keys
from tests.factories import Clock
from tests.support.browsing import Browser, text_of
from tests.support.usage import open_trade, row

WITNESS = SigningKey.generate("witness.example/one", KeyType.COSIGNATURE)


@dataclass
class Story:
    """A log with some entries, that has been signed."""

    key: LogKey
    database: Database
    sources: Sources
    size: int
    claim: int
    """The index of a report's entry."""

    def grow(self) -> int:
        """Add an entry and sign; the new size."""
        with self.database.writing() as session:
            logs.key_entries.begin(session, [logs.key_entries.Use("root", "ab" * 32)], self.sources.now())
        return self.sign()

    def sign(self) -> int:
        """Sign what is committed."""
        return logs.sign(self.database, self.key, self.sources.now()).checkpoint.size

    def cosign(self) -> None:
        """The witness sees the newest head."""
        with self.database.writing() as session:
            note = logs.latest_signed(session).note
            line = WITNESS.cosign(note.text, int(self.sources.now().timestamp()))
            size = logs.latest_signed(session).checkpoint.size
            assert add_cosignatures(session, size, [line], self.key.policy)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a key for the log."""
    LogKey.generate(log_keys(settings), "localhost/usage-log")
    return settings


@pytest.fixture
def story(app: Flask, database: Database, sources: Sources, clock: Clock) -> Story:
    """One use is reported, and the log is signed."""
    with app.app_context():
        key = context().parts[LogKey]
    assert isinstance(key, LogKey)
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        work = trade.work()
        licence = trade.agreement(work)
        index = trade.claim(row(work, licence, 300), licences=(licence,)).log_index
    told = Story(key, database, sources, 0, index)
    told.size = told.sign()
    return told


def send(browser: Browser, data: bytes | str, name: str = "my.tlog-proof") -> str:
    """What the registry says of a receipt, without what the page's script could say."""
    browser.open("/en/receipts/check")
    body = data if isinstance(data, bytes) else data.encode()
    page = browser.send("/en/receipts/check", {"receipt": (io.BytesIO(body), name)})
    assert page.status_code == 200, page.text
    return text_of(re.sub(r"(?s)<template.*?</template>", "", page.text))


def receipt_of(browser: Browser, index: int) -> str:
    """The receipt as the page of the entry hands it out."""
    return str(browser.open(f"/en/log/{index}/receipt").text)


# -- the log ------------------------------------------------------------------------------------------------
def test_before_the_first_signature_nothing_is_stated(browser: Browser) -> None:
    assert "Nothing has been signed yet." in browser.read("/en/log")
    assert browser.open("/en/log/0").status_code == 404
    assert browser.open("/en/log/consistency").status_code == 503


def test_the_head_and_its_entries_are_stated(
    browser: Browser, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = browser.read("/en/log")

    with story.database.reading() as session:
        assert logs.root_at(session, story.size).hex() in text
    assert "By the registry’s own clock." in text
    assert "No witness is asked for" in text
    assert "Quorum" not in text
    assert "vorbehalt audit http://localhost --policy log.policy" in text

    monkeypatch.setattr("registry.log.explorer.PAGE", 2)
    seen: list[int] = []
    address: str | None = "/en/log"
    while address:
        page = browser.open(address).text
        seen += [int(n) for n in re.findall(r'href="/en/log/(\d+)"', page)]
        older = re.search(r'href="(/en/log\?before=\d+)#entries" rel="next"', page)
        address = older[1] if older else None

    assert seen == list(range(story.size))[::-1]

    assert browser.open(f"/en/log?entry={story.claim}").location == f"/en/log/{story.claim}"
    for wrong in (str(story.size), "-1", "1.5", "x"):
        refused = browser.open(f"/en/log?entry={wrong}")
        assert refused.status_code == 400
        assert f"Write a whole number from 0 to {story.size - 1}" in text_of(refused.text)
    assert browser.open(f"/en/log/{story.size}").status_code == 404
    assert browser.open(f"/en/log?before={10**30}").status_code == 200


def test_an_entrys_proof_ends_at_the_signed_root_and_its_receipt_verifies(
    browser: Browser, story: Story
) -> None:
    with story.database.reading() as session:
        root = logs.root_at(session, story.size)
    for index in range(story.size):
        page = browser.open(f"/en/log/{index}").text
        computed = re.findall(r'data-l="Computed">([0-9a-f]{64})<', page)
        assert computed[-1] == root.hex()
        verified = verify_receipt(receipt_of(browser, index), story.key.policy)
        assert (verified.index, verified.root) == (index, root)
        body = browser.open(f"/en/log/{index}/entry.json").data
        assert body == verified.leaf.body()
    assert "1 row of works that were used" in browser.read(f"/en/log/{story.claim}")


def test_a_damaged_tree_is_no_proof(browser: Browser, story: Story) -> None:
    with story.database.writing() as session:
        session.execute(text("UPDATE log_entry SET leaf = :leaf WHERE idx = 0"), {"leaf": bytes(32)})

    assert browser.open("/en/log/1").status_code == 500


# -- growth -------------------------------------------------------------------------------------------------
def test_the_log_has_grown_from_what_was_kept_or_it_is_another_history(
    browser: Browser, story: Story
) -> None:
    with story.database.reading() as session:
        old_root = to_base64(logs.root_at(session, story.size))
    size = story.grow()
    assert size > story.size
    address = f"/en/log/consistency?size={story.size}"

    without = browser.read(address)
    assert "Compare the earlier root below with the one that you kept." in without
    assert old_root in without
    for written in (old_root, from_base64(old_root).hex()):
        kept = {"size": str(story.size), "root": written}
        page = browser.open("/en/log/consistency", query_string=kept)
        assert "The root that you kept is the one that this log had." in text_of(page.text)

    kept = {"size": str(story.size), "root": to_base64(bytes(32))}
    text = text_of(browser.open("/en/log/consistency", query_string=kept).text)
    assert "This is not the root that this log had." in text
    assert "only grew since then" not in text


def test_a_size_or_root_that_cannot_be_is_said_at_its_field(browser: Browser, story: Story) -> None:
    roots = [{"size": "1", "root": "AAAA"}, {"size": "1", "root": "?"}, {"size": "1", "root": "g" * 64}]
    for kept in [{"size": "0"}, {"size": "999"}, {"size": ""}, *roots]:
        page = browser.open("/en/log/consistency", query_string=kept)

        assert page.status_code == 400
        assert 'aria-invalid="true"' in page.text
        assert "only grew since then" not in page.text


# -- witnesses ----------------------------------------------------------------------------------------------
def test_the_quorum_of_witnesses_is_missing_and_then_met(
    browser: Browser, settings: Settings, story: Story
) -> None:
    earlier = receipt_of(browser, story.claim)
    policy = f"log {story.key.verifier}\nwitness one {WITNESS.verifier()}\nquorum one\n"
    (log_keys(settings) / POLICY_FILE).write_text(policy)
    story.size = story.grow()

    assert "further entry is signed and waits for witnesses." in browser.read("/en/log")
    assert "Witnesses are missing" in send(browser, earlier)
    story.cosign()
    text = browser.read("/en/log")
    assert "Quorum met" in text
    assert "by its own clock" in text
    said = send(browser, receipt_of(browser, story.claim))
    assert "Seen by the witness one" in said
    assert "Only a witness or a time-stamp proves a time." not in said


# -- receipts -----------------------------------------------------------------------------------------------
def test_a_receipt_and_one_of_a_row_are_told_in_plain_words(browser: Browser, story: Story) -> None:
    text = send(browser, receipt_of(browser, story.claim))

    assert "This receipt is genuine." in text
    assert f"Entry {story.claim} is in the log" in text
    assert "No witness has seen it" in text
    assert "When it happened. Only a witness or a time-stamp proves a time." in text
    assert "It proves what the lab said." in text

    with story.database.reading() as session:
        rows = session.scalars(select(ClaimBatch.rows)).one()
        said = send(browser, logs.row_receipt(session, story.claim, rows, 0))

    assert "This row is part of that claim, unchanged" in said
    assert "300" in said
    assert re.search(r"work_[0-9a-z]{26}", said)


def test_what_does_not_verify_is_refused_with_its_reason_and_what_is_no_file_too(
    browser: Browser, story: Story
) -> None:
    good, other = receipt_of(browser, story.claim), receipt_of(browser, 0)
    head = good.index("\nindex ")
    swapped = other[: other.index("\nindex ")] + good[head:]
    stranger = good.replace("localhost/usage-log", "elsewhere/log")
    unsigned = good[: good.index("— ")] + other[other.index("— ") :].replace("localhost", "nobody")
    cases = {
        swapped: "The content does not lead to the signed root",
        stranger: "It is of another log",
        unsigned: "The registry has not signed this head",
        good[:-20]: "This is no receipt, or it is damaged",
        "hello": "This is no receipt, or it is damaged",
    }
    for data, reason in cases.items():
        said = send(browser, data)
        assert "Do not rely on this receipt." in said
        assert reason in said
        assert "genuine" not in said
    assert "no receipt" in send(browser, b"\xff\x00")

    browser.open("/en/receipts/check")

    missing = browser.send("/en/receipts/check")
    assert missing.status_code == 400
    assert "Choose the file of a receipt" in text_of(missing.text)
    large = {"receipt": (io.BytesIO(bytes(300_000)), "large")}
    assert browser.send("/en/receipts/check", large).status_code == 413
    browser.token = "0" * 64
    assert browser.send("/en/receipts/check").status_code == 403
