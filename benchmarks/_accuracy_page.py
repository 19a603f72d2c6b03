"""The page of error rates: tables and plots from what `image_accuracy.py` counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _plots
from benchmarks._peers import Peer

COMMON = 55


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


def line(tally: Any) -> str:
    """One edit, on the terminal."""
    theirs = "  ".join(f"{name} {tally.peer_recall(name):5.1f}" for name in tally.by_peer)
    return f"{tally.edit.name:42s} {tally.recall:5.1f}   {theirs}   strangers {tally.strangers}"


def page(results: Sequence[Result], peers: Sequence[Peer], missing: Sequence[str], path: Path | None) -> str:
    """The page as Markdown; written, with its plots, if a path is given."""
    text = [_INTRODUCTION]
    if missing:
        text.append(f"Not installed when this was written, so not compared: {', '.join(missing)}.\n")
    for result in results:
        text += _section(result, peers, path)
    whole = "\n".join(text)
    if path is not None:
        path.write_text(whole, encoding="utf-8")
    return whole


_INTRODUCTION = """# Error rates of picture matching

Written by `python benchmarks/image_accuracy.py --images DIR … --page docs/reference/error-rates.md`; run it on
pictures of your own. Each original is registered, edited, saved, and looked for through the whole chain. *Found* means
graded match or certain, which keeps a picture out of a dataset without anybody looking; *review* keeps it out as well.
What the peers find is what lies within the radius that their makers or users recommend, in the same files.

False hits among so few pictures can only be shown not to be frequent. What is expected at 10 million works, by
extrapolation from 8.5 million pairs, is in `registry/core/matching/grades.py`.
"""


def _section(result: Result, peers: Sequence[Peer], path: Path | None) -> list[str]:
    names = [peer.name for peer in peers]
    text = [f"## {result.name}: {result.pictures} pictures\n"]
    text += _summary(result, names)
    text += ["\n### Edit by edit\n", *_table(result.tallies, names)]
    text += ["\n### Symmetric pictures\n", *_facts("set, copies at JPEG 75 and half size", result.symmetric)]
    if result.shared:
        text += [
            "\n### Elements in common\n",
            "Works that share an element are registered; other pictures with the same element are looked for.\n",
            *_facts("element", result.shared),
        ]
    far, near = np.array(result.strangers), np.array(result.copies)
    text.append(
        f"\n### Distances\n\nphash256 of full frames: the nearest two of {len(far):,} pairs of different pictures are "
        f"{far.min() if len(far) else 'no'} bits apart; {100 * (near <= 31).mean():.1f} % of {len(near):,} edited "
        "copies are within 31 by this code alone.\n"
    )
    if path is not None:
        text += _plots_of(result, names, path)
    return text


def _summary(result: Result, names: Sequence[str]) -> list[str]:
    common, harder = result.tallies[:COMMON], result.tallies[COMMON:]
    rows = ["| | ours | " + " | ".join(names) + " |", "|---|" + "---|" * (1 + len(names))]
    for title, part in (
        ("mean of the 55 common edits", common),
        (f"mean of the {len(harder)} harder ones", harder),
    ):
        ours = np.mean([t.recall for t in part])
        theirs = [f"{np.mean([t.peer_recall(n) for t in part]):.1f} %" for n in names]
        rows.append(f"| {title}, found | **{ours:.1f} %** | " + " | ".join(theirs) + " |")
    pairs = sum(t.pairs for t in result.tallies)
    wrong = {
        grade: sum(t.strangers[grade] for t in result.tallies) for grade in ("certain", "match", "review")
    }
    theirs = [str(sum(t.peer_strangers[n] for t in result.tallies)) for n in names]
    ours = ", ".join(f"{count} {grade}" for grade, count in wrong.items())
    rows.append(f"| false hits in {pairs:,} pairs of strangers | {ours} | " + " | ".join(theirs) + " |")
    return rows


def _table(tallies: Sequence[Any], names: Sequence[str]) -> list[str]:
    rows = [
        "| edit | found | of it certain | review | " + " | ".join(names) + " |",
        "|---|" + "---|" * (3 + len(names)),
    ]
    for tally in tallies:
        certain, review = (100 * tally.graded[g] / tally.files for g in ("certain", "review"))
        theirs = " | ".join(f"{tally.peer_recall(name):.1f}" for name in names)
        rows.append(
            f"| {tally.edit.name} | **{tally.recall:.1f}** | {certain:.1f} | {review:.1f} | {theirs} |"
        )
    return rows


def _facts(title: str, table: Mapping[str, Mapping[str, str]]) -> list[str]:
    columns = list(next(iter(table.values())))
    rows = [f"| {title} | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    return rows + [f"| {name} | " + " | ".join(facts.values()) + " |" for name, facts in table.items()]


def _plots_of(result: Result, names: Sequence[str], path: Path) -> list[str]:
    recall, distances = (
        path.with_name(f"{path.stem}-{result.name}-{what}.svg") for what in ("recall", "distances")
    )
    series = {"ours": [t.recall for t in result.tallies]}
    if names:
        series[names[0]] = [t.peer_recall(names[0]) for t in result.tallies]
    edits = [t.edit.name for t in result.tallies]
    _plots.bars(recall, f"Found, in per cent: {result.name}, {result.pictures} pictures", edits, series)
    _plots.histograms(
        distances,
        f"Bits between full frames (phash256): {result.name}",
        {"edited copies": result.copies, "strangers": result.strangers},
        {31: "certain", 36: "match", 47: "match, if outlines agree"},
    )
    return [f"![Found by edit]({recall.name})\n", f"![Distances]({distances.name})\n"]
