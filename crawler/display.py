"""A run as people see it: a live line while it goes on, and at its end what was left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from crawler import words
from crawler.modes import Mode, mode_of
from crawler.runs.layout import CODES, DATA, REPORT, RUN, VERDICTS
from crawler.watching import Done
from registry.core.records.runs import RunManifest

if TYPE_CHECKING:
    from crawler.runs.denied import Changes

_BAR = 16


def console() -> Console:
    """Standard error: what is printed there is for people."""
    return Console(stderr=True, highlight=False, markup=False)


class Progress:
    """The live line: what is being done, its share, counts, time left. Silent without a terminal."""

    def __init__(self, doing: str = "filtering") -> None:
        out = console()
        self._bar = Bar(
            TextColumn(doing),
            BarColumn(_BAR),
            TaskProgressColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeRemainingColumn(compact=True),
            console=out,
            transient=True,
            disable=not out.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, counts="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, total_bytes: int) -> None:
        """The size of what lies ahead."""
        self._bar.update(self._task, total=max(1, total_bytes))

    def count(self, done: int, total: int, what: str) -> None:
        """How many are behind, and of how many."""
        self._bar.update(
            self._task, total=max(1, total), completed=done, counts=f"{done:,} of {total:,} {what}"
        )

    def update(self, done: Done) -> None:
        """Which bytes are behind, items a second, kept, left out."""
        elapsed = self._bar.tasks[0].elapsed or 0.0
        rate = f"{done.seen / elapsed:,.0f}/s" if elapsed > 1 else ""
        counts = f"{done.seen:,} seen  {done.kept:,} kept  {done.seen - done.kept:,} left out  {rate}"
        self._bar.update(self._task, completed=done.bytes, counts=counts)


def summary(manifest: RunManifest, out: Path) -> None:
    """The headline, the funnel's end, why the rest was left out, and where everything is."""
    screen = console()
    counts, mode, dry_run = manifest.counts, mode_of(manifest), bool(manifest.parameters.get("dry_run"))
    screen.print()
    fate = "would be kept" if dry_run else "may be used" if mode is Mode.ANNOTATE else "kept"
    screen.print(Text(f"{counts.kept:,} of {counts.seen:,} items {fate}", style="bold"))
    screen.print(
        f"for {manifest.purpose} by policy {manifest.policy}, edition {manifest.snapshot.sequence} of the registry"
    )
    if manifest.snapshot.stale_override:
        screen.print(
            Text(f"The edition had expired; used because: {manifest.snapshot.stale_override}", style="yellow")
        )
    licensed = counts.by_verdict.get("licensed", 0)
    if licensed and not dry_run and mode is not Mode.DROP_LICENSED_TOO:
        screen.print(f"{licensed:,} of them under your licences: report them with `vorbehalt claim {out}`")
    if counts.dropped:
        screen.print()
        screen.print(_reasons(manifest))
    screen.print()
    screen.print(Text(f"In {out}", style="cyan"), soft_wrap=True)
    screen.print(_places(out, mode, dry_run=dry_run))
    screen.print(Text(f"run {manifest.run_id}", style="dim"))


def newly_denied(found: Changes) -> None:
    """How many items that a run kept are denied now, and why."""
    screen = console()
    heading = f"{len(found.denied):,} of {words.amount(found.kept, 'kept item')} may not be used any more"
    screen.print(Text(heading, style="bold"))
    screen.print(
        f"by edition {found.edition} of the registry; the run was judged by {found.manifest.snapshot.sequence}. "
        f"Judged again: {words.amount(found.judged, 'item')}."
    )
    if found.denied:
        screen.print()
        screen.print(_bars("Why", Counter(item.reason for item in found.denied)))
        screen.print()
        screen.print("Leave them out, or make the run again by `vorbehalt refilter`.")


def _reasons(manifest: RunManifest) -> Table:
    """Why items were left out."""
    kept = _kept_reasons(manifest)
    left = {reason: n for reason, n in manifest.counts.by_reason.items() if reason not in kept}
    return _bars(f"Why {manifest.counts.dropped:,} were left out", left)


def _bars(title: str, counts: Mapping[str, int]) -> Table:
    """Reasons, most frequent first, with a bar drawn to the largest and the share of all.

    Where there is little room, reasons take two lines: a number that is cut off would be another one.
    """
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("reason")
    for name, justify in (("", "left"), ("items", "right"), ("share", "right")):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]  # rich's literal type
    largest, total = max(counts.values(), default=1), sum(counts.values())
    for reason, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        drawn = Text(
            "█" * max(1, round(_BAR * n / largest)), style="red" if "." in reason else "bright_black"
        )
        table.add_row(words.reason(reason), drawn, f"{n:,}", f"{100 * n / total:.1f} %")
    return table


def _kept_reasons(manifest: RunManifest) -> set[str]:
    """The reasons for which this run keeps an item; a signal's yes and no have one reason code, told by verdict."""
    mode, kept = mode_of(manifest), {"licence.anyone"}
    if mode is not Mode.DROP_LICENSED_TOO:
        kept.add("licence.licensee")
    if mode is not Mode.ALLOWLIST and manifest.policy == "eu-art4":
        kept.add("none-found")
    return kept


def _places(out: Path, mode: Mode, *, dry_run: bool) -> Table:
    """What is in the run's folder. Names are short, so that none is cut off."""
    table = Table(box=None, show_header=False)
    table.add_column(no_wrap=True)
    data = (
        "which items of each file may be used" if mode is Mode.ANNOTATE else "what may be used, byte for byte"
    )
    for name, what in (
        (DATA, "nothing: this was a dry run" if dry_run else data),
        (VERDICTS, "each item, its verdict and the reason"),
        (CODES, "the fingerprints of all items, for verification"),
        (RUN, "what was done, by which its id is made"),
        *([(REPORT, "all of this to read and to print")] if (out / REPORT).is_file() else []),
    ):
        table.add_row(Text(name, style="cyan"), what)
    return table
