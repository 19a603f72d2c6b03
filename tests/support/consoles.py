"""The commands in the documentation's console blocks, as a shell would read them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Z_]+=.*")
_SEPARATORS = {"&&", "||", ";", "|"}


@dataclass(frozen=True)
class Line:
    """One command with its prompt: `$` of a user or `#` of root. `text` may go over several lines."""

    page: Path
    prompt: str
    text: str

    def __str__(self) -> str:
        """For the report."""
        return f"{self.page.relative_to(ROOT)}: {self.prompt} {self.text}"

    def commands(self) -> Iterator[list[str]]:
        """Its simple commands, without assignments in front and without redirections behind."""
        reader = shlex.shlex(self.text, posix=True, punctuation_chars=";|&")
        reader.whitespace_split = True
        reader.commenters = "#"
        words: list[str] = []
        for word in [*reader, ";"]:
            if word not in _SEPARATORS:
                words.append(word)
                continue
            while words and _ASSIGNMENT.fullmatch(words[0]):
                words.pop(0)
            if words[:1] == ["runuser"]:
                words = words[words.index("--") + 1 :]
            if words:
                yield words
            words = []


def lines(page: Path) -> Iterator[Line]:
    """Every command of a page. What does not begin with a prompt, and continues no command, is what was printed."""
    for block in _BLOCK.findall(page.read_text("utf-8")):
        waiting = block.splitlines()
        while waiting:
            line = waiting.pop(0)
            if line[:2] not in {"$ ", "# "}:
                continue
            text = line[2:]
            while waiting and not _complete(text):
                text += "\n" + waiting.pop(0)
            yield Line(page, line[0], text)


def _complete(text: str) -> bool:
    if text.endswith("\\"):
        return False
    try:
        shlex.split(text, comments=True)
    except ValueError:  # an open quotation mark
        return False
    return True
