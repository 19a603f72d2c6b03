"""A declaration for a site: lines of robots.txt, tdmrep.json, response headers, `<meta>`, and an RSL document.

Each format says what it can say and nothing else: where a format has no word for a purpose, it stays silent, and it
never permits what the declaration refuses.
"""

from __future__ import annotations

from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

import orjson

from registry.core.decisions import Purpose, inside
from registry.core.errors import InvalidInput
from registry.core.signals import agents, rsl, rsl_licence
from registry.core.signals.emit.declaration import Declaration

_YES_NO: Final = {True: "no", False: "yes"}
_TOKENS: Final = {
    "ai-train": Purpose.TRAIN_AI,
    "ai-input": Purpose.AI_INPUT,
    "ai-index": Purpose.AI_INDEX,
    "search": Purpose.SEARCH,
}


def content_usage(declaration: Declaration) -> str:
    """The value of `Content-Usage` (AIPREF vocab-07)."""
    train = "n" if declaration.refuses(Purpose.TRAIN_GENAI) else "y"
    search = "n" if declaration.refuses(Purpose.SEARCH) else "y"
    return f"train-ai={train}, search={search}"


def content_signal(declaration: Declaration) -> str:
    """The value of `Content-Signal`."""
    said = [f"{key}={_YES_NO[declaration.refuses(_TOKENS[key])]}" for key in ("search", "ai-input")]
    if declaration.refuses(Purpose.TRAIN_AI) == declaration.refuses(Purpose.TRAIN_GENAI):
        said.append(f"ai-train={_YES_NO[declaration.refuses(Purpose.TRAIN_AI)]}")
    return ", ".join(said)


def robots_txt(declaration: Declaration, *, licence: str | None = None) -> str:
    """Lines for robots.txt: preferences for everybody, and no fetching by crawlers that collect for AI.

    They may be added to a file that exists: groups of one agent are merged (RFC 9309, section 2.2.1).
    """
    _check_path(declaration.path)
    where = "" if declaration.path == "/" else f"{declaration.path} "
    lines = ["User-agent: *"]
    lines.append(f"Content-Usage: {where}{content_usage(declaration)}")
    if declaration.path == "/":  # Content-Signal knows no paths
        lines.append(f"Content-Signal: {content_signal(declaration)}")
    if licence is not None:
        lines.append(f"License: {_line(licence)}")
    if declaration.refuses(Purpose.TRAIN_GENAI):
        lines += ["", f"# Crawlers that collect for AI ({agents.VERSION})"]
        lines += [f"User-agent: {token}" for token in agents.TOKENS]
        lines.append(f"Disallow: {declaration.path}")
    return "\n".join(lines) + "\n"


def tdmrep_json(declaration: Declaration) -> bytes:
    """The content of `/.well-known/tdmrep.json`."""
    _check_path(declaration.path)
    rule: dict[str, Any] = {"location": declaration.path, "tdm-reservation": int(_reserves(declaration))}
    if _reserves(declaration) and declaration.policy:
        rule["tdm-policy"] = declaration.policy
    return orjson.dumps([rule], option=orjson.OPT_INDENT_2) + b"\n"


def headers(declaration: Declaration) -> list[tuple[str, str]]:
    """Response headers for the works themselves."""
    found = [("TDM-Reservation", str(int(_reserves(declaration))))]
    if _reserves(declaration) and declaration.policy:
        found.append(("TDM-Policy", _line(declaration.policy)))
    found.append(("Content-Usage", content_usage(declaration)))
    found.append(("Content-Signal", content_signal(declaration)))
    rules = _robots_rules(declaration)
    return [*found, ("X-Robots-Tag", rules)] if rules else found


def meta_tags(declaration: Declaration, *, licence: str | None = None) -> str:
    """Elements for a page's head."""
    tags = [("tdm-reservation", str(int(_reserves(declaration))))]
    if _reserves(declaration) and declaration.policy:
        tags.append(("tdm-policy", declaration.policy))
    rules = _robots_rules(declaration)
    if rules:
        tags.append(("robots", rules))
    lines = [f"<meta name={quoteattr(name)} content={quoteattr(content)}>" for name, content in tags]
    if licence is not None:
        lines.append(f'<link rel="license" type="{rsl.MEDIA_TYPE}" href={quoteattr(licence)}>')
    return "\n".join(lines) + "\n"


def rsl_document(declaration: Declaration) -> bytes:
    """An RSL 1.0 document: what is free is permitted, all else prohibited; the policy as the way to a licence."""
    free = [token for token, purpose in _TOKENS.items() if not declaration.refuses(purpose)]
    refused = [token for token in _TOKENS if token not in free]
    if not refused and not declaration.refuses(Purpose.TDM):
        free = ["all"]
    if not declaration.free:
        refused = ["all"]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<rsl xmlns="{rsl_licence.NAMESPACE}">']
    lines += [f"  <content url={quoteattr(declaration.path)}>", "    <license>"]
    if free:
        lines += [f'      <permits type="usage">{" ".join(free)}</permits>', '      <payment type="free"/>']
    if refused:
        lines.append(f'      <prohibits type="usage">{" ".join(refused)}</prohibits>')
    lines.append("    </license>")
    if declaration.policy:
        lines.append(f"    <terms>{escape(declaration.policy)}</terms>")
    return ("\n".join([*lines, "  </content>", "</rsl>"]) + "\n").encode()


def _reserves(declaration: Declaration) -> bool:
    return declaration.refuses(Purpose.TDM)


def _robots_rules(declaration: Declaration) -> str:
    """`noai` where all mining is refused, `noml` where only training is."""
    if declaration.free.isdisjoint(inside(Purpose.TDM)):
        return "noai, noimageai, noml"
    return "noml" if declaration.refuses(Purpose.TRAIN_GENAI) else ""


def _check_path(path: str) -> None:
    if not path.startswith("/") or any(c in path for c in " \t\r\n#"):
        raise InvalidInput(f"“{path[:60]}” is no path for robots.txt; begin it with / and leave blanks out.")


def _line(text: str) -> str:
    if any(ord(c) < 33 for c in text):
        raise InvalidInput("An address may hold no blanks and no line breaks.")
    return text
