"""Every code that a problem can have is explained, on a page of its own."""

from __future__ import annotations

from pathlib import Path

from registry.base.problems import HTTP_CODES, STATUS, all_codes
from registry.core import errors

PAGES = Path(__file__).parents[3] / "docs" / "errors"


def core_codes() -> set[str]:
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, errors.VorbehaltError)]
    return {kind.code for kind in kinds}


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    """And the overview links to each."""
    pages = {page.stem for page in PAGES.glob("*.md")} - {"README"}
    assert core_codes() | {code for code, _ in HTTP_CODES.values()} <= pages <= all_codes()
    overview = (PAGES / "README.md").read_text(encoding="utf-8")
    for code in pages:
        assert f"[`{code}`]({code}.md)" in overview
        assert (PAGES / f"{code}.md").read_text(encoding="utf-8").startswith(f"# `{code}`\n")


def test_the_pages_have_the_statuses_of_the_table() -> None:
    """Also those that are told as `internal`."""
    for kind, status in STATUS.items():
        assert f"| {status}" in (PAGES / f"{kind.code}.md").read_text(encoding="utf-8")
