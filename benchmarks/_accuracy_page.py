"""The page of error rates of pictures: tables and plots from what `image_accuracy.py` counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _plots
from benchmarks._measuring import machine
from benchmarks._peers import Peer

COMMON = 55
_ENOUGH = 95.0
"""Per cent found; edits below it are named in short, that nobody has to search the tables for them."""
_GOALS = (
    ("the 55 common edits", 97.0, ()),
    ("borders, quarter turns, mirrored", 99.5, ("quarters and mirrors", "borders")),
    ("small turns", 99.5, ("turns",)),
    ("random crops, >= 80 % a side", 99.0, ("random crop, >= 90 % a side", "random crop, >= 80 % a side")),
    ("random crops, >= 70 % a side", 97.0, ("random crop, >= 70 % a side",)),
    ("memes", 90.0, ("meme, 18 % bands",)),
    ("img2dataset border", 100.0, ("img2dataset border",)),
    ("img2dataset keep_ratio", 100.0, ("img2dataset keep_ratio", "img2dataset keep_ratio_largest")),
    ("img2dataset center_crop", 97.0, ("img2dataset center_crop",)),
)
"""What was aimed at for photographs: name, per cent found, and the edits or groups of edits."""


@dataclass(frozen=True)
class Result:
    """All about one collection."""

    name: str
    pictures: int
    tallies: Sequence[Any]
    symmetric: Mapping[str, Mapping[str, str]]
    shared: Mapping[str, Mapping[str, str]]
    copies: Sequence[int]
    strangers: Sequence[int]
    deep_strangers: int
    """Pairs of different originals that a deep search takes for copies."""
    anchors: Sequence[str]
    """What anchors of strangers have in common, in sentences."""


def line(tally: Any) -> str:
    """One edit, on the terminal."""
    theirs = "  ".join(f"{name} {tally.peer_recall(name):5.1f}" for name in tally.by_peer)
    deep = "     " if tally.deep is None else f"{tally.deep.recall:5.1f}"
    wrong = tally.ours.strangers | ({} if tally.deep is None else {"deep": tally.deep.strangers})
    return f"{tally.edit.name:42s} {tally.ours.recall:5.1f} {deep}   {theirs}   strangers {wrong}"


def page(results: Sequence[Result], peers: Sequence[Peer], missing: Sequence[str], path: Path | None) -> str:
    """The page as Markdown; written, with its plots, if a path is given."""
    text = [_INTRODUCTION, f"Measured {datetime.now(UTC):%Y-%m-%d} on {machine()}.\n"]
    if missing:
        text.append(f"Not installed when this was written, so not compared: {', '.join(missing)}.\n")
    text += _overview(results, [peer.name for peer in peers])
    for result in results:
        text += _section(result, peers, path)
    whole = "\n".join(text)
    if path is not None:
        path.write_text(whole.rstrip() + "\n", encoding="utf-8")
    return whole


_INTRODUCTION = """# Error rates of picture matching

Written by `python benchmarks/image_accuracy.py --images DIR … --drawn N --page docs/reference/error-rates-images.md`;
run it on pictures of your own. Each original is registered, edited, saved, and looked for through the whole chain.
*Found* means graded match or certain, which keeps a picture out of a dataset without anybody looking; *review* keeps
it out as well. *Deep* is what `--deep` finds; it was measured where the ordinary search may fall short. What the peers
find is what lies within the radius that their makers or users recommend, in the same files.

False hits among so few pictures can only be shown not to be frequent. What is expected at 10 million works, and from
what it is derived, is in `registry/core/matching/grades.py`: one false hit in a thousand queries, all codes and
variants of a query counted together, a deep search included.
"""


def _overview(results: Sequence[Result], names: Sequence[str]) -> list[str]:
    rows = [
        "| collection | pictures | 55 common edits | harder | harder, deep | false hits | "
        + " | ".join(f"{name}, common" for name in names)
        + " |",
        "|---|" + "---|" * (5 + len(names)),
    ]
    for result in results:
        common, harder = result.tallies[:COMMON], result.tallies[COMMON:]
        wrong = sum(t.ours.strangers["certain"] + t.ours.strangers["match"] for t in result.tallies)
        theirs = " | ".join(f"{np.mean([t.peer_recall(n) for t in common]):.1f} %" for n in names)
        rows.append(
            f"| {result.name} | {result.pictures} | **{_mean(common):.1f} %** | {_mean(harder):.1f} % "
            f"| {np.mean([t.deep.recall for t in harder]):.1f} % "
            f"| {wrong} of {sum(t.pairs for t in result.tallies):,} | {theirs} |"
        )
    text = ["## In short\n", *rows]
    if photographs := next((r for r in results if r.name == "photos"), None):
        text += ["\n### Goals for photographs, and what was measured\n", *_goals(photographs)]
    return [*text, "\n### What falls short\n", *(_shortfalls(result) for result in results)]


def _shortfalls(result: Result) -> str:
    """What is found in fewer than 95 of 100 files, by the deeper search where there was one."""
    best = {t.edit.name: t.ours.recall if t.deep is None else t.deep.recall for t in result.tallies}
    names = [f"{name} ({found:.0f} %)" for name, found in best.items() if found < _ENOUGH]
    named = ", ".join(names) or "none"
    return f"- {result.name}, below {_ENOUGH:g} % even by a deep search where one was made: {named}."


def _goals(result: Result) -> list[str]:
    rows = ["| | goal | found | deep |", "|---|---|---|---|"]
    for title, goal, wanted in _GOALS:
        chosen = [t for t in result.tallies if t.edit.name in wanted or t.edit.group in wanted]
        chosen = chosen or list(result.tallies[:COMMON])
        found, deep = _mean(chosen), [t.deep.recall for t in chosen if t.deep is not None]
        mark = "" if found >= goal else " (missed)"
        rows.append(
            f"| {title} | {goal:g} % | **{found:.1f} %**{mark} | {f'{np.mean(deep):.1f} %' if deep else ''} |"
        )
    return rows


def _mean(tallies: Sequence[Any]) -> float:
    return float(np.mean([t.ours.recall for t in tallies]))


def _section(result: Result, peers: Sequence[Peer], path: Path | None) -> list[str]:
    names = [peer.name for peer in peers]
    text = [f"\n## {result.name}: {result.pictures} pictures\n", *_wrong(result, names)]
    text += ["\n### Edit by edit\n", *_table(result.tallies, names)]
    if result.symmetric:
        text += [
            "\n### Symmetric pictures\n",
            *_facts("set, copies at JPEG 75 and half size", result.symmetric),
        ]
    if result.shared:
        text += [
            "\n### Elements in common\n",
            "Works that share an element are registered; other pictures with the same element are looked for.\n",
            *_facts("element", result.shared),
        ]
    far, near = np.array(result.strangers), np.array(result.copies)
    text += [
        (
            f"\n### Distances\n\nphash256 of full frames: the nearest two of {len(far):,} pairs of different pictures "
            f"are {far.min() if len(far) else 'no'} bits apart; {100 * (near <= 31).mean():.1f} % of {len(near):,} "
            "edited copies are within 31 by this code alone.\n"
        ),
        *result.anchors,
    ]
    if path is not None:
        text += _plots_of(result, names, path)
    return text


def _wrong(result: Result, names: Sequence[str]) -> list[str]:
    deep = [t for t in result.tallies if t.deep is not None]
    rows = ["| false hits | pairs of strangers | certain | match | review |", "|---|---|---|---|---|"]
    for title, tallies, found in (
        ("ours", result.tallies, [t.ours for t in result.tallies]),
        ("ours, deep", deep, [t.deep for t in deep]),
    ):
        counts = [sum(f.strangers[grade] for f in found) for grade in ("certain", "match", "review")]
        rows.append(f"| {title} | {sum(t.pairs for t in tallies):,} | {' | '.join(map(str, counts))} |")
    for name in names:
        count = sum(t.peer_strangers[name] for t in result.tallies)
        rows.append(f"| {name} | {sum(t.pairs for t in result.tallies):,} | | {count} | |")
    pairs = result.pictures * (result.pictures - 1)
    rows.append(f"| originals among each other, deep | {pairs:,} | | {result.deep_strangers} | |")
    return rows


def _table(tallies: Sequence[Any], names: Sequence[str]) -> list[str]:
    rows = [
        "| edit | found | of it certain | review | deep | " + " | ".join(names) + " |",
        "|---|" + "---|" * (4 + len(names)),
    ]
    for tally in tallies:
        certain, review = (100 * tally.ours.graded[g] / tally.files for g in ("certain", "review"))
        theirs = " | ".join(f"{tally.peer_recall(name):.1f}" for name in names)
        deep = "" if tally.deep is None else f"**{tally.deep.recall:.1f}**"
        rows.append(
            f"| {tally.edit.name} | **{tally.ours.recall:.1f}** | {certain:.1f} | {review:.1f} | {deep} | {theirs} |"
        )
    return rows


def _facts(title: str, table: Mapping[str, Mapping[str, str]]) -> list[str]:
    columns = list(next(iter(table.values())))
    rows = [f"| {title} | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    return rows + [f"| {name} | " + " | ".join(facts.values()) + " |" for name, facts in table.items()]


def _plots_of(result: Result, names: Sequence[str], path: Path) -> list[str]:
    stem = f"{path.stem}-{result.name.replace(' ', '-')}"
    recall, distances = (path.with_name(f"{stem}-{what}.svg") for what in ("recall", "distances"))
    series = {"ours": [t.ours.recall for t in result.tallies]}
    if names:
        series[names[0]] = [t.peer_recall(names[0]) for t in result.tallies]
    edits = [t.edit.name for t in result.tallies]
    _plots.bars(recall, f"Found, in per cent: {result.name}, {result.pictures} pictures", edits, series)
    _plots.histograms(
        distances,
        f"Bits between full frames (phash256): {result.name}",
        {"edited copies": result.copies, "strangers": result.strangers},
        {31: "certain", 33: "match", 47: "match, if outlines agree"},
    )
    return [f"\n![Found by edit]({recall.name})\n", f"![Distances]({distances.name})\n"]
