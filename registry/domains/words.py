"""What was found instead of a proof, in the language of the page.

The sentence is kept as it was written when somebody looked (`registry.domains.probing`). It is taken apart here, since
who reads it speaks another language; one that is not known is shown as it is, never left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from registry.web.i18n import gettext as _
from registry.web.i18n import ngettext

_Say = Callable[..., str]


def failure(kept: str) -> str:
    """What was looked for and what was found, as one or two sentences."""
    for pattern, say in _SENTENCES:
        if (found := re.fullmatch(pattern, kept, re.DOTALL)) is not None:
            return say(**found.groupdict())
    return kept


def _no_record(place: str) -> str:
    return _("We looked for a TXT record at %(place)s. There is none.", place=place)


def _other_records(place: str, count: str) -> str:
    return ngettext(
        "We looked at %(place)s. There is %(num)d TXT record, but it is not the text below.",
        "We looked at %(place)s. There are %(num)d TXT records, but none is the text below.",
        int(count),
        place=place,
    )


def _dns_silent(place: str, why: str) -> str:
    return _(
        "We asked the domain’s name servers for %(place)s. %(why)s",
        place=place,
        why=_reason(why, is_dns=True),
    )


def _no_address(domain: str) -> str:
    return _("We looked for a website at %(domain)s. There is none: the name has no address.", domain=domain)


def _not_public(domain: str, address: str) -> str:
    return _(
        "We looked for the website %(domain)s. Its address, %(address)s, is not on the public internet.",
        domain=domain,
        address=address,
    )


def _no_answer(place: str, why: str) -> str:
    return _("We asked for %(place)s. %(why)s", place=place, why=_reason(why))


def _status(place: str, status: str) -> str:
    if status == "404":
        return _("We asked for %(place)s. The website answered that there is no such file.", place=place)
    return _(
        "We asked for %(place)s. The website answered with the status %(status)s instead of the file.",
        place=place,
        status=status,
    )


def _redirected(place: str, to: str) -> str:
    return _(
        "We asked for %(place)s. The website sent us on to %(to)s. The file must lie at this very address; or reserve "
        "the website it leads to as well.",
        place=place,
        to=to,
    )


def _too_long(place: str) -> str:
    return _("The file %(place)s is there, but too long. It should have just one line.", place=place)


def _other_lines(place: str) -> str:
    return _("The file %(place)s is there, but the text below is not a line of it.", place=place)


def _taken_over() -> str:
    return _("Another account proved that it controls this website, and your proof was gone.")


def _reason(why: str, *, is_dns: bool = False) -> str:
    """Why there was no answer."""
    if "within" in why:
        return _("There was no answer in time. Try again in a few minutes.")
    if "certificate" in why:
        return _(
            "It has no valid certificate, so that we cannot be sure whom we asked. Your provider can set one up."
        )
    if "reached" in why:
        return _("The website could not be reached.")
    if is_dns:
        return _("They answered with a fault. Try again in a few minutes; if it stays, ask your provider.")
    return _("The answer could not be read. Try again in a few minutes; if it stays, ask your provider.")


_SENTENCES: Final[tuple[tuple[str, _Say], ...]] = (
    (r"There is no TXT record at (?P<place>\S+)\.", _no_record),
    (r"None of the TXT records at (?P<place>\S+) \((?P<count>\d+)\) is the line\.", _other_records),
    (r"The DNS was asked for (?:the address of )?(?P<place>\S+), but (?P<why>.+)\.", _dns_silent),
    (r"The DNS has no address for (?P<domain>\S+)\.", _no_address),
    (r"(?P<domain>\S+) has the address (?P<address>\S+), which is not on the public internet\.", _not_public),
    (r"(?P<place>\S+) was asked for, but (?P<why>.+)\.", _no_answer),
    (r"(?P<place>\S+) answered with status \d+ and pointed to ['\"](?P<to>.*)['\"]; .+", _redirected),
    (r"(?P<place>\S+) answered with status (?P<status>\d+)(?:\.|; .+)", _status),
    (r"(?P<place>\S+) is longer than .+", _too_long),
    (r"(?P<place>\S+) is there, and the line is not in it .+", _other_lines),
    (r"Another account proved that it controls this domain, and this proof was gone\.", _taken_over),
)
