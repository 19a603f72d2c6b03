"""A picture that was changed until it has another's fingerprint neither collects nor blocks, whoever registers first.

The whole chain is real: files, registration, agreements, the live check, a published edition as a lab reads it, money.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from crawler.filter import Judge, Reading
from registry.base.clock import Sources
from registry.base.db import Database
from registry.checking.service import LiveIndex, check
from registry.core.decisions import Policy, Purpose, Request, Verdict
from registry.core.errors import Conflict
from registry.core.fingerprints import PHASH256, FileFingerprints, fingerprint_bytes
from registry.core.ids import format_id
from registry.core.matching import Matcher
from registry.core.snapshots.snapshot import Standing
from registry.remuneration import service as remuneration
from registry.works import service as works
from registry.works.models import Work
from tests.factories import Clock
from tests.support.likenesses import poisoned
from tests.support.published import Shelf
from tests.support.usage import Trade, name, open_trade, row

CLOSE = 14
HAZE = 12.0


def _sample(name: str) -> Image.Image:
    pixels: Any = getattr(data, name)()
    return Image.fromarray(pixels)


def png(picture: Image.Image) -> FileFingerprints:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return fingerprint_bytes(file.getvalue())


def jpeg(picture: Image.Image) -> FileFingerprints:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=70)
    return fingerprint_bytes(file.getvalue())


def phash(found: FileFingerprints) -> bytes:
    return next(f.code for f in found.fingerprints if (f.algorithm, f.kind) == (PHASH256, "full"))


@pytest.fixture(scope="module")
def original() -> Image.Image:
    return _sample("astronaut")


@pytest.fixture(scope="module")
def poison(original: Image.Image) -> Image.Image:
    """A cat that has the astronaut's fingerprint."""
    return poisoned(_sample("chelsea"), phash(png(original)), rms=HAZE)


def test_it_takes_no_more_than_a_haze(original: Image.Image, poison: Image.Image) -> None:
    """So likeness by fingerprint is a lead, not a title."""
    haze = np.asarray(poison).astype(float) - np.asarray(_sample("chelsea").convert("L"))
    assert np.sqrt((haze**2).mean()) <= HAZE
    wanted, reached = phash(png(original)), phash(png(poison))
    assert (int.from_bytes(wanted, "big") ^ int.from_bytes(reached, "big")).bit_count() <= CLOSE


@dataclasses.dataclass
class Place:
    """A registry with a lab that asks it live, and by what it has published."""

    database: Database
    sources: Sources
    clock: Clock
    shelf: Shelf
    trade: Trade
    live: LiveIndex = dataclasses.field(default_factory=LiveIndex)

    @contextmanager
    def acting(self) -> Iterator[Trade]:
        """A transaction, some time later."""
        self.clock.advance(hours=1)
        with self.database.writing() as session:
            yield dataclasses.replace(self.trade, session=session)

    def register(self, by: str, content: FileFingerprints) -> Work:
        with self.acting() as trade:
            command = works.RegisterWork("A picture", content)
            return works.register_work(trade.session, getattr(trade, by), command, self.sources).work

    def verdict(self, item: FileFingerprints) -> tuple[Verdict, str]:
        """What the lab is told about a file: the same by both ways, at once and after the next edition."""
        request = Request(Purpose.TRAIN_GENAI, Policy.CONSENT_FIRST, int(self.clock.at.timestamp()))
        with self.database.reading() as session:
            asked = (session, self.live, self.trade.lab, request, [item.fingerprints], self.clock.at)
            (checked,) = check(*asked)[1]
        self.shelf.publish(self.database, self.sources)
        edition = self.shelf.open()
        edition.standing = Standing(licences=self.shelf.licences(self.trade.lab.public_id))
        (judged,) = Judge(Matcher(edition.lists), edition, request).judge(
            [Reading("image", None, item.fingerprints)]
        )
        answers = [(d.verdict, d.reason) for d in (checked.decision, judged.decision)]
        assert answers[0] == answers[1]
        return answers[0]

    def agree(self, *covered: Work, by: str) -> str:
        """The lab takes a licence."""
        with self.acting() as trade:
            return trade.agreement(*covered, owner=getattr(trade, by))

    def decide(self, work: Work, outcome: works.Outcome) -> None:
        """A person has looked at it."""
        with self.acting() as trade:
            command = works.DecideTitle(work.public_id, outcome, "The makers were heard.")
            works.decide_title(trade.session, trade.operator, command, self.sources)

    def settled(self, *claimed: tuple[Work, str]) -> dict[str, int]:
        """What 100 uses of each of these works come to, by account."""
        with self.acting() as trade:
            trade.claim(*(row(work, licence, 100) for work, licence in claimed))
        with self.acting() as trade:
            remuneration.settle(trade.session, trade.operator, "2026-Q3", self.sources)
            accounts = [f"Liabilities:Payee:{name(maker)}" for maker in (trade.anna, trade.bert)]
            accounts += [f"Liabilities:Disputed:{format_id('work', work.public_id)}" for work, _ in claimed]
            return {a: -remuneration.balance(trade.session, a).get("EUR", 0) for a in accounts}


@pytest.fixture
def place(database: Database, sources: Sources, clock: Clock, tmp_path: Path) -> Place:
    """Anna is the maker, Bert the one who poisons; the lab has a licence for another work of Anna's."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        trade.agreement(trade.work(title="Another"))
    return Place(database, sources, clock, Shelf.create(tmp_path, clock.at, None), trade)


LICENSED = (Verdict.LICENSED, "licence.licensee")
CONTESTED = (Verdict.DENY, "title.contested")


def test_a_poison_beside_an_older_work_changes_nothing_for_it(
    place: Place, original: Image.Image, poison: Image.Image
) -> None:
    work = place.register("anna", png(original))
    licence = place.agree(work, by="anna")
    copy = jpeg(original)
    assert place.verdict(copy) == LICENSED

    bad = place.register("bert", png(poison))
    assert bad.contested_by == work.id
    assert place.verdict(copy) == LICENSED
    with place.acting() as trade, pytest.raises(Conflict, match="contested"):
        trade.agreement(bad, owner=trade.bert)
    payee = f"Liabilities:Payee:{name(place.trade.anna)}"
    assert {a: m for a, m in place.settled((work, licence)).items() if m} == {payee: 40}


def test_once_a_person_has_upheld_it_new_licences_are_as_good_as_old_ones(
    place: Place, original: Image.Image, poison: Image.Image
) -> None:
    work, bad = place.register("anna", png(original)), place.register("bert", png(poison))
    place.agree(work, by="anna")
    assert place.verdict(jpeg(original)) == CONTESTED  # until somebody has looked at it
    place.decide(bad, works.Outcome.UPHOLD)
    assert place.verdict(jpeg(original)) == LICENSED


def test_a_poison_that_was_there_first_is_denied_and_a_person_turns_it_round(
    place: Place, original: Image.Image, poison: Image.Image
) -> None:
    """The maker's title is in doubt then, which denies. What the other one has sold is owed to the maker."""
    bad, work = place.register("bert", png(poison)), place.register("anna", png(original))
    assert (bad.contested_by, work.contested_by) == (None, bad.id)
    sold = place.agree(bad, by="bert")
    assert place.verdict(jpeg(original)) == CONTESTED

    place.decide(work, works.Outcome.REVERSE)
    assert place.verdict(jpeg(original)) != LICENSED
    maker = f"Liabilities:Payee:{name(place.trade.anna)}"
    assert {a: m for a, m in place.settled((bad, sold)).items() if m} == {maker: 40}

    place.agree(work, by="anna")
    assert place.verdict(jpeg(original)) == LICENSED
