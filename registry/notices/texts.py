"""What a notice says, in the language of whoever reads it: the sentence for the page, and the mail around it.

A worker has no page whose language it could take, so the catalogue is asked directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.notices.rules import Kind
from registry.web.i18n import catalogue


def sentence(kind: str, facts: Mapping[str, Any], language: str) -> str:
    """What happened, in one or two sentences."""
    _, ngettext = catalogue(language).gettext, catalogue(language).ngettext
    if kind == Kind.USED:
        text = ngettext(
            "%(who)s reported the use of %(num)d work of yours.",
            "%(who)s reported the use of %(num)d works of yours.",
            facts["works"],
        )
        return text % {"who": facts["lab"], "num": facts["works"]}
    if kind == Kind.REQUEST:
        return _request(facts, language)
    if kind == Kind.ANSWER:
        return _answer(facts, language)
    if kind == Kind.PAID:
        return _("The bank has confirmed a payment to you.")
    if facts["newer"]:
        return _(
            "A work of yours is the same as, or very like, one that somebody else had registered before. Its title is "
            "contested until a person has decided; nobody may train on it meanwhile."
        )
    return _(
        "Somebody else has registered a work that is the same as, or very like, one of yours. Yours stands; the other "
        "title is contested until a person has decided."
    )


def _request(facts: Mapping[str, Any], language: str) -> str:
    ngettext = catalogue(language).ngettext
    if facts.get("member"):
        text = ngettext(
            "%(who)s asks for a licence for %(num)d work of a member. Without an answer nothing is granted.",
            "%(who)s asks for a licence for %(num)d works of a member. Without an answer nothing is granted.",
            facts["works"],
        )
    else:
        text = ngettext(
            "%(who)s asks for a licence for %(num)d work of yours. Without your answer nothing is granted.",
            "%(who)s asks for a licence for %(num)d works of yours. Without your answer nothing is granted.",
            facts["works"],
        )
    return text % {"who": facts["lab"], "num": facts["works"]}


def _answer(facts: Mapping[str, Any], language: str) -> str:
    ngettext = catalogue(language).ngettext
    if facts["offered"]:
        text = ngettext(
            "You are offered a licence for %(num)d work that you asked for. It holds once you have accepted it.",
            "You are offered a licence for %(num)d works that you asked for. It holds once you have accepted it.",
            facts["works"],
        )
    else:
        text = ngettext(
            "A licence for %(num)d work that you asked for was declined. The work stays reserved.",
            "A licence for %(num)d works that you asked for was declined. The works stay reserved.",
            facts["works"],
        )
    return text % {"num": facts["works"]}


def path_of(facts: Mapping[str, Any]) -> str | None:
    """The page that a notice is about, below the language; `None` if it is about no single one."""
    return f"/requests/{facts['request']}" if "request" in facts else None


def subject(kind: str, language: str) -> str:
    """The subject of the mail: nothing that others have written."""
    _ = catalogue(language).gettext
    return {
        Kind.USED: _("Your works were used"),
        Kind.CONTESTED: _("A title is contested"),
        Kind.REQUEST: _("A lab asks for a licence"),
        Kind.ANSWER: _("Your request is answered"),
        Kind.PAID: _("You were paid"),
    }[Kind(kind)]


def body(kind: str, facts: Mapping[str, Any], language: str, address: str) -> str:
    """The mail: what happened, where to look, how to end these mails. It says nothing that is private."""
    _ = catalogue(language).gettext
    notices = f"{address}/{language}/account/notices"
    path = path_of(facts)
    page = notices if path is None else f"{address}/{language}{path}"
    more = _("Sign in to see more: %(address)s") % {"address": page}
    end = (
        _("There you also choose of what you are told by mail.")
        if page == notices
        else _("Of what you are told by mail you choose here: %(address)s") % {"address": notices}
    )
    return f"{sentence(kind, facts, language)}\n\n{more}\n{end}\n\nVorbehalt\n"
