"""Whatever becomes of the works between two editions, refiltering ends with the bytes of a run in full."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawler.engines.local import Job, run_filter
from crawler.runs import papers, refilter
from crawler.runs.plan import Settings
from crawler.runs.verify import verify_run
from crawler.sources import open_sources
from crawler.sync import open_snapshot
from registry.core.decisions import Grant, Policy, Purpose, Request, Terms
from tests.unit.crawler import lab

_OPEN = Terms((Grant(Purpose.TRAIN_GENAI, ("world",), 0, None, 0, lab.OPEN_OFFER, None),))
_AGREED = Terms((Grant(Purpose.TRAIN_GENAI, ("world",), 0, None, 0, lab.AGREEMENT, lab.TARIFF),))
_SHARED = lab.prose(950, 30).removesuffix(".")
"""Common, once three owners' works have it."""
_STORIES = [f"{lab.prose(900 + n, 90)} {_SHARED} {lab.prose(920 + n, 90)}" for n in range(4)]
_TEXTS = [*_STORIES, lab.prose(905, 24), lab.prose(906, 150), lab.prose(907, 150), lab.prose(908, 40)]
_PICTURE = lab.encoded(lab.picture(909), "JPEG", quality=85)


def _words(text: str, begin: int, count: int) -> str:
    """An excerpt in a text of somebody else's."""
    quoted = " ".join(text.split()[begin : begin + count])
    return f"{lab.prose(930 + begin, 60)} {quoted} {lab.prose(931 + begin, 60)}"


def _edited(text: str) -> str:
    """Every ninth word is another one: hardly a fingerprint is left, and much of the signature."""
    words = text.split()
    words[4::9] = lab.prose(940, len(words[4::9])).split()
    return " ".join(words)


def _pages() -> Iterator[str]:
    for text in _TEXTS:
        yield text
        yield _edited(text)
        yield from (_words(text, 3, count) for count in (11, 14, 16, 22))
    yield f"{lab.prose(951, 50)} {_SHARED} {lab.prose(952, 50)}"
    yield f"{_SHARED} {_STORIES[0]} {_TEXTS[5]}"
    yield from (lab.prose(960 + n, 80) for n in range(12))
    yield "Too short."


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Lines in several files, and a picture."""
    folder = tmp_path_factory.mktemp("inputs")
    pages = list(_pages())
    for part in range(4):
        lines = [json.dumps({"id": n, "text": text}) for n, text in enumerate(pages[part::4])]
        (folder / f"{part}.jsonl").write_text("\n".join([*lines, "{"]) + "\n")
    (folder / "loose").mkdir()
    (folder / "loose/picture.jpg").write_bytes(_PICTURE)
    (folder / "loose/page.txt").write_text(_TEXTS[5])
    return [*sorted(folder.glob("*.jsonl")), folder / "loose"]


_STATES: dict[str, Callable[[lab.Work], lab.Work | None]] = {
    "absent": lambda _: None,
    "reserved": lambda work: work,
    "withdrawn": lambda work: replace(work, withdrawn=True),
    "open": lambda work: replace(work, terms=_OPEN),
    "licensed": lambda work: replace(work, personal=_AGREED),
    "contested": lambda work: replace(work, terms=Terms(contested_since=1)),
    "another's": lambda work: replace(work, owner=0),
    "another text": lambda work: replace(work, data=_TEXTS[(work.owner or 0) - 1].encode()),
}
_DATA = [*map(str.encode, _TEXTS), _PICTURE]


@st.composite
def _states(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """What each work is in the old edition and in the new one: mostly the same, else little would be taken over."""
    old = draw(st.lists(st.sampled_from(sorted(_STATES)), min_size=len(_DATA), max_size=len(_DATA)))
    new = [draw(st.sampled_from([*[state] * 12, *sorted(_STATES)])) for state in old]
    return old, new


def _editions(folder: Path, old: Sequence[str], new: Sequence[str]) -> tuple[Path, Path]:
    """A work that comes gets a new row; one that goes leaves none, so that the rows of those behind it are others."""
    works = [lab.Work(f"work {number}", data, owner=number) for number, data in enumerate(_DATA)]
    first = [_STATES[state](work) for state, work in zip(old, works, strict=True)]
    later = [_STATES[state](work) for state, work in zip(new, works, strict=True)]
    stayed = [now for was, now in zip(first, later, strict=True) if was is not None]
    came = [now for was, now in zip(first, later, strict=True) if was is None]
    editions = [list(filter(None, first)), list(filter(None, [*stayed, *came]))]
    one, other = (
        lab.make_snapshot(folder / f"vb-{n}", datetime.now(UTC), sequence=n, works=published)
        for n, published in enumerate(editions, 1)
    )
    return one, other


def _job(inputs: list[Path], out: Path, snapshot: Path, asked: Settings) -> Job:
    opened = open_snapshot(snapshot, now=datetime.now(UTC))
    request = replace(asked.request, at=opened.created)
    return Job(open_sources(inputs), inputs, out, opened, replace(asked, request=request))


def _tree(out: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(out)): p.read_bytes()
        for p in out.rglob("*")
        if p.is_file() and p.name != "run.json"
    }


@given(
    states=_states(),
    min_words=st.sampled_from([0, 12, 18, 100]),
    lazy=st.booleans(),
    policy=st.sampled_from(list(Policy)),
    rows=st.sampled_from([7, 16, 8_192]),
)
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_refiltering_ends_as_a_run_in_full(
    inputs: list[Path],
    states: tuple[list[str], list[str]],
    min_words: int,
    lazy: bool,
    policy: Policy,
    rows: int,
) -> None:
    asked = Settings(
        Request(Purpose.TRAIN_GENAI, policy, 0), min_words=min_words, lazy_signatures=lazy, items_per_shard=2
    )
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(papers, "ROWS_PER_GROUP", rows)
        home = Path(name)
        old, new = _editions(home, *states)
        run_filter(_job(inputs, home / "run", old, asked), resume=False)
        full = run_filter(_job(inputs, home / "full", new, asked), resume=False)
        job = _job(inputs, home / "again", new, asked)
        earlier, found = refilter.compare(
            home / "run", job.sources, old, job.snapshot, at=job.settings.request.at
        )
        again = run_filter(replace(job, settings=found, earlier=earlier), resume=False)
        assert again.run_id == full.run_id
        assert _tree(home / "again") == _tree(home / "full")
        verify_run(home / "again", new)
