"""Why a file could not be fingerprinted, and what to do, in words of the page's language."""

from __future__ import annotations

from registry.core.errors import InvalidInput, TooLarge, TooShort, Undecodable, UnsupportedMedia
from registry.core.fingerprints.documents.model import NO_TEXT, PROTECTED
from registry.web.i18n import gettext as _


def why_unreadable(error: InvalidInput, *, otherwise: str) -> str:
    """The sentence for this error; `otherwise` if it has nothing to do with the file."""
    if isinstance(error, TooLarge):
        return _("It is too large. Please make it smaller and try again.")
    if isinstance(error, TooShort):
        return _(
            "This text is too short to be told from others: about 14 words are needed. Short ones can be put "
            "together in one file."
        )
    if error.details.get("reason") == PROTECTED:
        return _("It is protected by a password or against copying. Please save it without that.")
    if error.details.get("reason") == NO_TEXT:
        return _(
            "It contains pictures of pages only. Register these pictures, or the text as TXT, DOCX or EPUB."
        )
    if isinstance(error, UnsupportedMedia):
        return _(
            "We read pictures (JPEG, PNG, WebP, GIF, TIFF, BMP) and texts (TXT, Markdown, HTML, EPUB, PDF, DOCX). "
            "Please save it as one of these. Music, voices and films are not recognised yet."
        )
    if isinstance(error, Undecodable):
        return _("The file is damaged or incomplete. Does it open on your computer?")
    return otherwise
