"""The live check spares what an edition would spare, from the registration on that makes it common; nothing else."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.checking import live
from registry.checking.base_files import BaseFiles
from registry.checking.live import LiveIndex
from registry.core.decisions import Grade
from registry.core.fingerprints import WINNOW32, FileFingerprints, Fingerprint, fingerprint_text
from registry.core.matching import Matcher, lists_of, with_common_marked
from registry.works import service as works
from registry.works.models import Work
from registry.works.rules import Disclosure
from tests.factories import make_actor
from tests.support.works import digests, register
from tests.unit.crawler import lab

SEED = 20261122
PHRASES = [lab.prose(n, 40) for n in range(8)]
POEM = lab.prose(99, 60)


def text_of(text: str) -> FileFingerprints:
    codes = (*digests(text), *item(text))
    return FileFingerprints("text", "text/plain", len(text), codes, facts={})


def item(text: str) -> tuple[Fingerprint, ...]:
    return tuple(f for f in fingerprint_text(text).fingerprints if f.algorithm == WINNOW32)


def accused(index: LiveIndex, session: Session, *codes: Fingerprint) -> list[tuple[int, Grade]]:
    """Works that the live check now finds in this text, and how surely; without traces, which accuse nobody."""
    (found,) = index.current(session)[0].match([codes])
    return sorted((m.work_row, m.grade) for m in found if m.grade > Grade.TRACE)


def made_of(phrases: list[str], seed: int) -> str:
    """These phrases, with own words before, between and behind them."""
    return " ".join(
        [lab.prose(seed, 90), *(f"{p} {lab.prose(seed + 1 + n, 90)}" for n, p in enumerate(phrases))]
    )


@pytest.fixture
def makers(session: Session, sources: Sources) -> list[Actor]:
    return [make_actor(session, sources, Role.CREATOR) for _ in range(5)]


def edition(session: Session) -> Matcher:
    """What would be published now: of the works that editions show."""
    lists = lists_of(works.stored_codes(session))
    owners = works.owners_by_row(session)
    shown = session.scalars(select(Work.row).where(Work.disclosure == Disclosure.SNAPSHOT)).all()
    texts = lists[WINNOW32]
    kept = np.isin(texts.work_rows, np.array(shown, np.uint32))
    public = type(texts)(texts.codes[kept], texts.work_rows[kept], texts.kinds[kept], texts.aux[kept])
    return Matcher(with_common_marked({WINNOW32: public}, owners))


def questions() -> list[tuple[Fingerprint, ...]]:
    return [
        item(f"{lab.prose(500 + n, 60)} {p} {lab.prose(600 + n, 60)}") for n, p in enumerate([*PHRASES, POEM])
    ]


def change(
    session: Session, makers: list[Actor], sources: Sources, own: list[Work], dice: random.Random
) -> None:
    """A text with some of the phrases is registered or added; rarely one goes, or is shown to the server only."""
    act = dice.choice(["register"] * 6 + ["version", "withdraw", "hide", "show"])
    standing = [work for work in own if work.withdrawn_at is None]
    chosen = dice.sample(PHRASES, dice.randrange(1, 5))
    text = POEM if dice.random() < 0.2 else made_of(chosen, 1_000 + 10 * dice.randrange(10_000))
    if act == "register" or not standing:
        hidden = dice.random() < 0.2
        disclosure = Disclosure.CHECK_API_ONLY if hidden else Disclosure.SNAPSHOT
        content = text_of(f"{text} {lab.prose(dice.randrange(10**6), 8)}")
        own.append(register(session, dice.choice(makers), sources, content=content, disclosure=disclosure))
        return
    work = dice.choice(standing)
    owner = next(maker for maker in makers if maker.party_id == work.owner_id)
    if act == "version":
        works.add_version(session, owner, works.AddVersion(work.public_id, text_of(text)), sources)
    elif act == "withdraw":
        works.withdraw_work(session, owner, work.public_id, sources)
    else:
        disclosure = Disclosure.CHECK_API_ONLY if act == "hide" else Disclosure.SNAPSHOT
        opened = works.open_work(session, owner, work.public_id, sources)
        works.change_work(session, opened, {"disclosure": disclosure})


def test_it_spares_what_an_edition_spares_and_nothing_else(
    session: Session,
    sources: Sources,
    makers: list[Actor],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """At first a new base is made only where it must be, then also when there is much that is recent."""
    dice, own = random.Random(SEED), list[Work]()
    alone, shared = LiveIndex(), LiveIndex(BaseFiles(tmp_path, worth=1))
    spared, asked = 0, questions()
    for turn in range(20):
        monkeypatch.setattr(live, "_LEAST", 100_000 if turn < 14 else 400)
        change(session, makers, sources, own, dice)
        published = edition(session).match(asked)
        hidden = {work.row for work in own if work.disclosure != Disclosure.SNAPSHOT}
        fresh = LiveIndex().current(session)[0].match(asked)
        for process in (alone, shared):
            answers = process.current(session)[0].match(asked)
            assert answers == fresh
            visible = [tuple(m for m in found if m.work_row not in hidden) for found in answers]
            assert visible == published
        spared += sum(not found for found in published)
    assert 0 < spared < 20 * len(asked)


def test_a_third_owner_makes_a_phrase_common_without_a_new_base(
    session: Session, sources: Sources, makers: list[Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the two others' works, those in the base are moved; what else is in them is found as before."""
    monkeypatch.setattr(live, "_LEAST", 100_000)
    texts = [made_of([PHRASES[0]], 10 * n) for n in range(4)]
    for maker, text in zip(makers[:2], texts, strict=False):
        register(session, maker, sources, content=text_of(text))
    for n in range(6):
        register(session, makers[3], sources, content=text_of(lab.prose(900 + n, 300)))
    index = LiveIndex()
    before = index.current(session)[0]
    page = item(f"{lab.prose(800, 80)} {PHRASES[0]} {lab.prose(801, 80)}")
    assert accused(index, session, *page) == [(row, Grade.CERTAIN) for row in (0, 1)]
    register(session, makers[0], sources, content=text_of(texts[2]))
    assert accused(index, session, *page) == [(row, Grade.CERTAIN) for row in (0, 1, 8)]
    register(session, makers[2], sources, content=text_of(texts[3]))
    assert accused(index, session, *page) == []
    after = index.current(session)[0]
    assert after.base is before.base
    assert after.superseded == {0, 1, 8, 9}
    for seed in (70, 80, 90):
        register(session, makers[4], sources, content=text_of(made_of([PHRASES[0]], seed)))
        assert accused(index, session, *page) == []
    for row, text in zip((0, 1, 8, 9), texts, strict=True):
        assert {found for found, _ in accused(index, session, *item(" ".join(text.split()[:80])))} == {row}


def test_three_accounts_that_register_anothers_poem_change_nothing_for_it(
    session: Session, sources: Sources, makers: list[Actor]
) -> None:
    register(session, makers[0], sources, content=text_of(POEM))
    index = LiveIndex()
    index.current(session)
    for n, maker in enumerate(makers[1:4]):
        register(session, maker, sources, content=text_of(f"{lab.prose(700 + n, 200)} {POEM}"))
        assert (0, Grade.CERTAIN) in accused(index, session, *item(POEM))


def test_hidden_works_make_nothing_common(session: Session, sources: Sources, makers: list[Actor]) -> None:
    """No edition shows them, so an edition would still accuse; and hiding one takes it back."""
    index, page = LiveIndex(), item(f"{lab.prose(800, 80)} {PHRASES[0]} {lab.prose(801, 80)}")
    own = []
    for n, maker in enumerate(makers[:3]):
        secret = Disclosure.CHECK_API_ONLY if n == 2 else Disclosure.SNAPSHOT
        content = text_of(made_of([PHRASES[0]], 10 * n))
        own.append(register(session, maker, sources, content=content, disclosure=secret))
        assert len(accused(index, session, *page)) == n + 1
    indexes = index, LiveIndex()
    for disclosure, count in ((Disclosure.SNAPSHOT, 0), (Disclosure.CHECK_API_ONLY, 3)):
        opened = works.open_work(session, makers[2], own[2].public_id, sources)
        works.change_work(session, opened, {"disclosure": disclosure})
        assert [len(accused(each, session, *page)) for each in indexes] == [count] * 2
