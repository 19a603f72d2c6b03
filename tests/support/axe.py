"""What axe-core objects to on a page: WCAG 2.2 AA and good practice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import axe_playwright_python  # type: ignore[import-untyped]

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


#: Colours on their way from one to the other are waited for: half-way they have any contrast. What passed is only
#: counted: sent to the test in full it would take longer than looking for it.
RUN = """async tags => {
  const underway = document.getAnimations().filter(a => a instanceof CSSTransition);
  await Promise.allSettled(underway.map(a => a.finished));
  const found = await axe.run({runOnly: tags, resultTypes: ["violations"]});
  return {passes: found.passes.length, violations: found.violations};
}"""


def objections(page: Any) -> list[str]:
    """The rules that are broken, and where."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate(RUN, TAGS)
    assert found["passes"] > 10
    return [f"{v['id']}: {[n['target'] for n in v['nodes']][:3]}" for v in found["violations"]]
