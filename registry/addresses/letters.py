"""What the letters say, in the language of whom they go to. Nothing in them was written by others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from babel.dates import format_date

from registry.addresses.rules import A_DAY, HOLDS, Purpose
from registry.core.ids import format_id
from registry.parties.service import Party
from registry.web.i18n import catalogue


@dataclass(frozen=True, slots=True)
class Text:
    """A letter without its addresses."""

    subject: str
    body: str


def confirm(party: Party, link: str, language: str) -> Text:
    """Is this your address?"""
    _ = catalogue(language).gettext
    return _letter(
        _("Confirm your e-mail address"),
        _("Somebody, you we hope, has entered this address for an account at Vorbehalt:"),
        _account(party, language),
        _("Is that so? Then open this page and press the button. It holds for %(days)d days:")
        % {"days": HOLDS[Purpose.CONFIRM].days},
        link,
        _(
            "If it was not you, do nothing. Unless you confirm it, this address gets nothing but such mails, at "
            "most %(count)d a day."
        )
        % {"count": A_DAY},
    )


def taken(link: str, language: str) -> Text:
    """To the owner of an address that somebody has entered for another account."""
    _ = catalogue(language).gettext
    return _letter(
        _("You have an account already"),
        _("Somebody has entered this address for another account at Vorbehalt. Yours is as it was."),
        _(
            "If it was you: sign in with the account that you have. If you do not know its password any more, choose a "
            "new one here:"
        ),
        link,
        _(
            "An address belongs to one account, so the other one cannot use it. If it was not you, do nothing."
        ),
    )


def forgotten(accounts: Sequence[tuple[Party, str]], language: str) -> Text:
    """Choose a new password, for each of these accounts by its link."""
    _ = catalogue(language).gettext
    minutes = int(HOLDS[Purpose.RECOVER].total_seconds() // 60)
    choices = [part for party, link in accounts for part in (_account(party, language), link)]
    return _letter(
        _("Choose a new password"),
        _(
            "Somebody, you we hope, has forgotten the password to an account with this address. Choose a new one here; "
            "the link holds for %(minutes)d minutes and can be used once:"
        )
        % {"minutes": minutes},
        *choices,
        _(
            "Whoever is signed in to the account is signed out by that. If it was not you, do nothing: the password "
            "stays as it is."
        ),
    )


def changing(page: str, language: str) -> Text:
    """To the old address, before."""
    _ = catalogue(language).gettext
    return _letter(
        _("Another address is to take this one’s place"),
        _(
            "Somebody who knows your password has entered another e-mail address. It takes this one’s place "
            "as soon as it is confirmed."
        ),
        _("If it was not you, sign in at once, take that back, and choose another password:"),
        page,
    )


def changed(language: str) -> Text:
    """To the old address, afterwards."""
    _ = catalogue(language).gettext
    return _letter(
        _("Your account has another address now"),
        _(
            "Another e-mail address has taken the place of this one, and was confirmed. We write to you there from now "
            "on; to this address this is the last mail."
        ),
        _("If it was not you, write to the operator of this registry at once."),
    )


def password(page: str, language: str) -> Text:
    """The password is another one."""
    _ = catalogue(language).gettext
    return _letter(
        _("Your password is another one now"),
        _("The password to your account was changed, and whoever else was signed in is signed out."),
        _("If it was not you, choose a new one at once:"),
        page,
    )


def _account(party: Party, language: str) -> str:
    """By number and day, not by its name: anybody may have written that."""
    _ = catalogue(language).gettext
    day = format_date(party.created_at, format="long", locale=language)
    return _("Account %(number)s, opened on %(day)s") % {
        "number": format_id("party", party.public_id),
        "day": day,
    }


def _letter(subject: str, *paragraphs: str) -> Text:
    return Text(subject, "\n\n".join((*paragraphs, "Vorbehalt")) + "\n")
