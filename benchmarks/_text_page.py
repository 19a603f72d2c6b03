"""The page of what is found of texts, from what `text_accuracy.py` counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_LANGUAGES = {"de": "German", "en": "English"}


def page(results: Any, peers: Sequence[str], missing: Sequence[str], machine: str) -> str:
    """All of it, as Markdown."""
    text = [_INTRODUCTION]
    if missing:
        text.append(f"Not installed when this was written, so not compared: {', '.join(missing)}.\n")
    text += ["## In short\n", *_summary(results, peers)]
    text.append(_common(results))
    for language, table in results.cells.items():
        books, short, words = results.works[language]
        text.append(
            f"\n## {_LANGUAGES.get(language, language)}: {books} books, {short} short works, {words:,} words\n"
        )
        text += _table(table, peers)
    text += ["\n## How much must be shared\n", *_shared(results.shared)]
    text += ["\n## Unrelated pages\n", _strange(results.strange)]
    text += ["\n## Lazy signatures\n", _lazy(*results.lazy)]
    text += ["\n## Other scripts\n", *_scripts(results.scripts)]
    text.append(f"\nOne run on {machine}: {results.seconds:,.0f} seconds of processor time.\n")
    return "\n".join(text)


_INTRODUCTION = """# Error rates of text matching

Written by `python benchmarks/text_accuracy.py --texts FILE --page docs/reference/error-rates-texts.md`; run it on texts
of your own. Works are registered, edited, put into pages, and looked for through the whole chain. *Found* means graded
match or certain, which keeps a page out of a dataset. What is edited is the excerpt alone:

- *restyled*: every second one in capitals, all with decomposed letters, other quotation marks, dashes and full stops,
  and lines broken with a hyphen inside words;
- *OCR n %*: so many letters taken for others, lost or doubled;
- *words n %*: so many words replaced by others of the language.

*If three were required* counts what would be found if two fingerprints that do not overlap were no match.
Excerpts of books stand inside 2,000 words of another book; whole poems and articles (pieces of 300 words of a book,
registered alone) between 200 words of something else. The peers see the first of the same pages; they are made of words
as they stand, so a line broken inside a word is two other words to them.
"""


def _common(results: Any) -> str:
    """How much of what was missed is nobody's."""
    cells = [
        (edit, c) for table in results.cells.values() for row in table.values() for edit, c in row.items()
    ]
    unchanged = [cell for edit, cell in cells if edit in {"clean", "restyled"}]
    missed = sum(cell.pages - cell.found for cell in unchanged)
    return (
        f"\nOf the {missed} clean or restyled works and excerpts that were not found, "
        f"{sum(cell.common for cell in unchanged)} are common phrases, such as verses\nof the Bible that a novel "
        f"quotes ({sum(cell.common for _, cell in cells)} of all excerpts that were not found). These accuse nobody.\n"
    )


def _percent(found: int, pages: int) -> str:
    """Without rounding up to all."""
    if not pages:
        return "–"
    share = 100 * found / pages
    return (
        "100"
        if found == pages
        else f"{min(share, 99.99 if share > 99.9 else 99.9):.{2 if share > 99.9 else 1}f}"
    )


def _summary(results: Any, peers: Sequence[str]) -> list[str]:
    rows = [f"| | ours | {' | '.join(peers)} |", "|---|" + "---|" * (1 + len(peers))]
    for title, edits in (("clean or restyled", ("clean", "restyled")), ("1 % OCR errors", ("OCR 1 %",))):
        for row in ("50 words of a book", "100 words of a book"):
            cells = [table[row][edit] for table in results.cells.values() if row in table for edit in edits]
            ours = _percent(sum(c.found for c in cells), pages := sum(c.pages for c in cells))
            theirs = [
                _percent(sum(c.peers[p][1] for c in cells), sum(c.peers[p][0] for c in cells)) for p in peers
            ]
            rows.append(f"| {row}, {title}: found, % of {pages:,} | **{ours}** | {' | '.join(theirs)} |")
    strange = results.strange
    wrong = strange.grades["match"] + strange.grades["certain"] + strange.grades["review"]
    theirs = [f"{found} of {pages:,}" for pages, found in (strange.peers[p] for p in peers)]
    rows.append(
        f"| unrelated pages wrongly found | **{wrong} of {strange.pages:,}** | {' | '.join(theirs)} |"
    )
    return rows


def _table(table: Mapping[str, Mapping[str, Any]], peers: Sequence[str]) -> list[str]:
    edits = list(next(iter(table.values())))
    rows = [f"| found, in % | by | pages | {' | '.join(edits)} |", "|---|---|---|" + "---|" * len(edits)]
    for kind, cells in table.items():
        counts = sorted({cell.pages for cell in cells.values()}, reverse=True)
        found = " | ".join(f"**{_percent(c.found, c.pages)}**" for c in cells.values())
        rows.append(f"| {kind} | ours | {' or '.join(f'{n:,}' for n in counts)} | {found} |")
        certain = " | ".join(_percent(c.certain, c.pages) for c in cells.values())
        rows.append(f"| | of it certain | | {certain} |")
        three = " | ".join(_percent(c.found - c.pairs, c.pages) for c in cells.values())
        rows.append(f"| | if three were required | | {three} |")
        for peer in peers:
            theirs = " | ".join(_percent(c.peers[peer][1], c.peers[peer][0]) for c in cells.values())
            rows.append(f"| | {peer} | {max(c.peers[peer][0] for c in cells.values())} | {theirs} |")
    return rows


_SHARED = """Clean excerpts of 12 to 60 words without a common phrase. By construction a shared run of 63 normalised
bytes (letters and digits in UTF-8; about 14 words) has a fingerprint in common, a trace. One of 127
bytes (about 28 words) has three, a match; one of 223 has six over 160 bytes, which is certain. Only a
text that repeats itself can have fewer.
"""


def _shared(shared: Any) -> list[str]:
    grades = ("nothing", "trace", "match", "certain")
    rows = [_SHARED, f"| shared bytes | pages | {' | '.join(grades)} |", "|---|---|---|---|---|---|"]
    for low, high, count in zip(shared.edges, shared.edges[1:], shared.counts, strict=False):
        name = f"under {high}" if not low else f"{low} to {high - 1}" if high < 10**9 else f"{low} and more"
        shares = " | ".join(_percent(count[grade], count["pages"]) for grade in grades)
        rows.append(f"| {name} | {count['pages']:,} | {shares} |")
    return rows


def _strange(strange: Any) -> str:
    independent = strange.words // 200
    graded = ", ".join(f"{strange.grades[g]} {g}" for g in ("certain", "match", "trace"))
    text = (
        f"{strange.pages:,} pages of 200 words from anywhere in the same {strange.words:,} words; found is any work "
        f"but their own: {graded}. By two fingerprints alone: {strange.pairs}. The pages "
        f"overlap, so they say as much as about {independent:,} independent ones"
    )
    if strange.grades["match"] + strange.grades["certain"]:
        return f"{text}."
    return f"{text}: with 95 % confidence, fewer than one in {independent // 3:,} is taken for another work."


def _lazy(found: int, unsigned: int) -> str:
    return (
        f"Of the {found:,} pages above in which anything was found, `--lazy-signatures` would have missed "
        f"{unsigned or 'none'}: so many share no fingerprint with a work and are recognised by their signature alone."
    )


_SCRIPTS = """Every third excerpt of so many letters of five articles of the Universal Declaration of Human Rights,
between the same letters in another order: met at all (a trace or more) / found / found with one letter
in twenty wrong, in %.

Normalisation keeps letters and digits of every script, and counts in bytes: the 63 of the guarantee are
32 Cyrillic or Arabic letters, or 21 Chinese or Japanese characters; the 127 of a match are 64 or 43.
Arabic vowel marks, ё and е, full-width and half-width forms make no difference. The Arabic tatweel,
traditional and simplified characters, kanji and kana, and transliterations do. How often strangers meet
in these scripts is not measured.
"""


def _scripts(scripts: Sequence[Any]) -> list[str]:
    lengths = list(scripts[0].found)
    names = " | ".join(f"{length} letters" for length in lengths)
    rows = [_SCRIPTS, f"| script | bytes a letter | {names} |", "|---|---|" + "---|" * len(lengths)]
    for script in scripts:
        cells = " | ".join(" / ".join(_share(v) for v in script.found[n].values()) for n in lengths)
        rows.append(f"| {script.name} | {script.bytes_a_letter:.1f} | {cells} |")
    return rows


def _share(share: float) -> str:
    """In per cent, without rounding up to all."""
    return "100" if share == 1 else str(min(99, round(100 * share)))
