"""Checking and registering texts by fingerprints made in the browser: no byte of a text leaves the device."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Route, expect
from sqlalchemy import select

from crawler.filter import Judge, Reading
from registry.core.decisions import Policy, Purpose, Request, Verdict
from registry.core.fingerprints import MD5, WINNOW32, fingerprint_bytes
from registry.core.matching import Matcher
from registry.works.models import StoredFingerprint, Work, WorkVersion
from tests.support import manuscripts
from tests.support.axe import objections
from tests.support.pictures import TEXT, png
from tests.support.published import Shelf

Visits = Callable[..., Any]


def story(seed: int, words: int) -> str:
    """A text of words that nobody else uses."""
    drawn = random.Random(seed)
    letters = "aeioubdfgklmnprst"
    return " ".join("".join(drawn.choices(letters, k=drawn.randint(2, 9))) for _ in range(words))


def heard_of(made: Any, contents: dict[str, bytes], begin: int = 0) -> list[str]:
    """Those of these files of which any request brought sixteen bytes from the middle."""
    bodies = made.server.heard[begin:]
    middles = {name: data[len(data) // 2 :][:16] for name, data in contents.items()}
    return [name for name, part in middles.items() if any(part in body for body in bodies)]


def written(folder: Path, contents: dict[str, bytes]) -> list[str]:
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return [str(folder / name) for name in contents]


def stored(made: Any, title: str) -> set[tuple[str, str, bytes, str]]:
    """What is on record of the work of this title."""
    query = select(StoredFingerprint).join(WorkVersion).join(Work).where(Work.title == title)
    with made.server.database.reading() as session:
        return {(f.algorithm, f.kind, f.code, f.made_by) for f in session.scalars(query)}


def test_only_fingerprints_of_texts_are_sent(visit: Visits, tmp_path: Path) -> None:
    novel = story(1, 20_000)
    contents = {
        "poem.txt": TEXT.encode(),
        "novel.md": f"# A novel\n\n{novel}".encode(),
        "exported.txt": ("Käse, Öl und Straße. " + story(2, 80)).encode("utf-16"),
        "photo.png": png(7),
        "again.txt": TEXT.encode(),
        "note.txt": b"Too few words.",
        "old.txt": ("Käse und Öl. " + story(3, 80)).encode("latin-1"),
        "letter.rtf": b"{\\rtf1 " + story(4, 80).encode() + b"}",
        "page.html": b"<!doctype html><p>" + story(5, 80).encode(),
    }
    made = visit()
    page = made.sign_up("creator", "Thea")
    made.open("/en/works/register")
    page.set_input_files("#files", written(tmp_path, contents))
    for name, said in {
        "note.txt": "about 14 words are needed",
        "old.txt": "not stored as UTF-8",
        "letter.rtf": "Please save it as one of these",
        "again.txt": "byte for byte",
    }.items():
        row = page.locator("[data-state=refused], [data-state=twice]", has=page.get_by_text(name, exact=True))
        expect(row).to_contain_text(said)
        expect(row).to_contain_text("This file did not leave your device")
    row = page.locator("#rows li", has=page.get_by_text("page.html"))
    expect(row).to_contain_text("not by your browser. It is not sent unless you say so.")
    assert objections(page) == []
    page.get_by_role("button", name="Yes, send them").click()
    expect(row).to_contain_text("not by your browser. This file will be sent.")
    page.check("#send")  # is for pictures: of texts there are no parts that would be missed
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("9 of 9 done")).to_be_visible()

    expect(page.locator("[data-state=reserved]")).to_have_count(5)
    expect(page.locator("[data-state=reserved] .badge-device")).to_have_count(3)
    assert heard_of(made, contents) == ["photo.png", "page.html"]  # so this test would notice
    for title, name in {"poem": "poem.txt", "novel": "novel.md", "exported": "exported.txt"}.items():
        here = fingerprint_bytes(contents[name]).fingerprints
        assert stored(made, title) == {
            (f.algorithm, f.kind, f.code, "client") for f in here if f.algorithm != MD5
        }

    # Whoever asks for a part of the novel learns it, without sending the part.
    begin = len(made.server.heard)
    page = made.open("/en/")
    excerpt = {"excerpt.txt": " ".join(novel.split()[10_000:10_100]).encode()}
    page.set_input_files("#pick", written(tmp_path, excerpt))
    expect(page.get_by_role("heading", name="This text is on record.")).to_be_visible()
    told = page.get_by_text("share a passage of about").inner_text()
    expect(page.get_by_text("This file did not leave your device")).to_be_visible()
    assert objections(page) == []
    whole = {"novel.md": contents["novel.md"]}
    page.set_input_files("#pick", written(tmp_path, whole))
    expect(page.get_by_text("Your file is the registered one, byte for byte.")).to_be_visible()
    assert heard_of(made, excerpt | whole, begin) == []

    # A lab that filters by the next edition leaves the part out, for the same reason.
    shelf = Shelf.create(tmp_path, made.server.sources.now())
    shelf.publish(made.server.database, made.server.sources)
    edition = shelf.open()
    wanted = Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, int(made.server.sources.now().timestamp()))
    codes = fingerprint_bytes(excerpt["excerpt.txt"]).fingerprints
    (judged,) = Judge(Matcher(edition.lists), edition, wanted).judge([Reading("text", None, codes)])
    assert (judged.decision.verdict, judged.decision.reason) == (Verdict.DENY, "registered.no-licence")
    assert judged.deciding is not None
    (_, match) = judged.deciding
    assert match.algorithm == WINNOW32
    assert match.passage is not None
    assert f"about {match.passage.words} words" in told


def test_documents_are_registered_only_by_who_sends_them(visit: Visits, tmp_path: Path) -> None:
    """Each kind that the browser does not read; whoever says no registers the others, and sends nothing."""
    documents = {
        "page.html": b"<!doctype html><p>" + story(9, 60).encode(),
        "book.epub": manuscripts.epub([story(10, 60)]),
        "paper.pdf": manuscripts.pdf([story(11, 60)]),
        "letter.docx": manuscripts.docx(manuscripts.paragraph(story(12, 60))),
    }
    contents = documents | {"poem.txt": story(13, 60).encode()}
    made = visit()
    page = made.sign_up("creator", "Theo")
    made.open("/en/works/register")
    page.set_input_files("#files", written(tmp_path, contents))
    expect(page.get_by_text("It is not sent unless you say so.")).to_have_count(4)
    expect(page.locator("#asks")).to_contain_text("your browser cannot read 4.")
    page.get_by_role("button", name="No, leave them out").click()
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("1 of 1 done")).to_be_visible()
    assert heard_of(made, contents) == []


def test_documents_are_checked_only_by_who_sends_them(visit: Visits, tmp_path: Path) -> None:
    contents = {"page.html": b"<!doctype html><p>" + story(6, 60).encode()}
    made = visit()
    page = made.open("/en/")
    page.set_input_files("#pick", written(tmp_path, contents))
    expect(page.get_by_text("web pages are read by us, not by your browser.")).to_be_visible()
    assert heard_of(made, contents) == []
    page.check("#send")
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_role("heading", name="This text is not on record.")).to_be_visible()
    assert heard_of(made, contents) == ["page.html"]


def test_a_table_of_letters_with_one_wrong_byte_makes_no_fingerprint(visit: Visits, tmp_path: Path) -> None:
    contents = {"story.txt": story(8, 60).encode()}
    made = visit()

    def damaged(route: Route) -> None:
        answer = route.fetch()
        body = bytearray(answer.body())
        body[len(body) // 2] ^= 1
        route.fulfill(response=answer, body=bytes(body))

    made.context.route("**/text_table.v1.bin", damaged)
    page = made.open("/en/")
    page.set_input_files("#pick", written(tmp_path, contents))
    expect(page.get_by_text("A part of this page could not be loaded.")).to_be_visible()
    assert heard_of(made, contents) == []
