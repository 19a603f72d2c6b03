"""The JSON about addresses and forgotten passwords."""

from __future__ import annotations

from marshmallow import fields, validate

from registry.base.schemas import Strict, line
from registry.web.i18n import DEFAULT, LANGUAGES

_BOUNDED = validate.Length(max=1000)


class LanguageField(fields.String):
    """In which language a letter is written."""

    def __init__(self) -> None:
        super().__init__(load_default=DEFAULT, validate=validate.OneOf(list(LANGUAGES)))


class AnotherLetter(Strict):
    """Asks for the letter once more."""

    language = LanguageField()


class NewAddress(Strict):
    """Asks for a change of address."""

    email = line(254, required=True)
    password = fields.String(required=True, validate=_BOUNDED, load_only=True)
    language = LanguageField()


class LinkSent(Strict):
    """What stands at the end of the link in a letter."""

    secret = fields.String(required=True, validate=_BOUNDED, load_only=True)


class Forgotten(Strict):
    """Asks for a letter with a link, by which a new password can be set."""

    email = line(254, required=True)
    language = LanguageField()


class NewPassword(LinkSent):
    """Sets it."""

    password = fields.String(required=True, validate=_BOUNDED, load_only=True)
