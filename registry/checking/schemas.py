"""The JSON of checks, for the description: they are read and written by hand (`api`)."""

from __future__ import annotations

from marshmallow import fields, validate

from registry.base.schemas import PublicId, Strict
from registry.checking.service import MAX_ITEMS, MOST_WORDS
from registry.checking.spelled_out import MOST_OFFERS
from registry.core.decisions import Grade, Policy, Purpose
from registry.core.decisions.terms import WORLD
from registry.core.fingerprints import ADDRESSES, ALGORITHMS
from registry.core.matching import MIN_WORDS

_HASH = fields.String(metadata={"pattern": "^([0-9a-fA-F]{2})+$"})


class NewCheck(Strict):
    """Codes of one algorithm, or addresses, to be decided about for one purpose and policy."""

    algorithm = fields.String(
        validate=validate.OneOf(sorted(ALGORITHMS.keys() - ADDRESSES)),
        metadata={"example": "image.phash256.v1", "description": "Of the hashes."},
    )
    hashes = fields.List(_HASH, validate=validate.Length(1, MAX_ITEMS))
    hashes_base64 = fields.String(
        metadata={
            "description": "Instead of hashes: codes of one length, one after the other, in base64 as a whole."
        }
    )
    urls = fields.List(
        fields.String(metadata={"format": "uri"}),
        validate=validate.Length(1, MAX_ITEMS),
        metadata={"description": "Instead of algorithm and hashes: where items were found."},
    )
    purpose = fields.Enum(Purpose, by_value=True, required=True)
    policy = fields.Enum(Policy, by_value=True, required=True)
    territory = fields.String(metadata={"example": "world", "default": "world"})
    min_words = fields.Integer(
        validate=validate.Range(0, MOST_WORDS),
        metadata={
            "default": MIN_WORDS,
            "description": "Passages of fewer words are traces, unless they are half of the work.",
        },
    )


class TermsQuery(Strict):
    """What is to be decided for."""

    purpose = fields.Enum(Purpose, by_value=True, required=True)
    policy = fields.Enum(Policy, by_value=True, required=True)
    territory = fields.String(load_default=WORLD, metadata={"example": "world"})


class FilesQuery(TermsQuery):
    """The same for files, which may be texts."""

    min_words = fields.Integer(
        load_default=MIN_WORDS,
        validate=validate.Range(0, MOST_WORDS),
        metadata={"description": "Passages of fewer words are traces, unless they are half of the work."},
    )


class LiveView(Strict):
    """What the answer rests on."""

    change_seq = fields.Integer(metadata={"description": "The last change of the registry that was seen."})


class PassageView(Strict):
    """What the item shares with a registered text. Places are bytes of its letters and digits, folded (N1)."""

    words = fields.Integer(metadata={"description": "About how many, at four and a half letters each."})
    begin = fields.Integer()
    end = fields.Integer()


class PermittingOfferView(Strict):
    """An offer to the asking account that would permit what was asked; `POST /v1/offers/{id}/accept` takes it."""

    offer = fields.String(metadata={"example": "offer_…@1"})
    tariff = fields.String(
        allow_none=True,
        metadata={"description": "SHA-256 of the tariff version, hexadecimal; null: free of charge."},
    )


_OFFERS = fields.List(
    fields.Nested(PermittingOfferView),
    validate=validate.Length(0, MOST_OFFERS),
    metadata={
        "description": "If a licence is all that is missing for this work; those for most of the works first."
    },
)


class MatchView(Strict):
    """A registered work that a code resembles."""

    i = fields.Integer(metadata={"description": "Which of the hashes or urls, from 0.", "example": 0})
    work = PublicId("work")
    algorithm = fields.String()
    distance = fields.Integer()
    grade = fields.String(validate=validate.OneOf([grade.name.lower() for grade in Grade]))
    variant = fields.String(metadata={"example": "full/identity"})
    passage = fields.Nested(
        PassageView, allow_none=True, metadata={"description": "By `text.winnow32.v1` only."}
    )
    reason = fields.String(metadata={"example": "registered.no-licence"})
    licences = fields.List(fields.String(), metadata={"example": ["offer_…@1"]})
    offers = _OFFERS


class CheckView(Strict):
    """One digit an item, and every match spelled out."""

    live = fields.Nested(LiveView)
    verdicts = fields.String(
        metadata={"description": "0 allow, 1 deny, 2 licensed, 3 review, 4 unknown.", "example": "1"}
    )
    kept = fields.String(metadata={"description": "1 where the policy keeps the item.", "example": "0"})
    matches = fields.List(fields.Nested(MatchView))


class RangeView(Strict):
    """The SHA-256 digests under a prefix, filled up with random ones that are denied."""

    live = fields.Nested(LiveView)
    prefix = fields.String(metadata={"example": "0a1b2"})
    suffixes = fields.List(
        fields.String(), metadata={"description": "The other 59 hexadecimal digits of each, in order."}
    )
    verdicts = fields.String(
        metadata={"description": "One digit for each: what anyone may do. 0 allow, 1 deny.", "example": "1"}
    )


class FileMatchView(Strict):
    """A registered work that a file resembles."""

    work = fields.String(metadata={"example": "work_…"})
    algorithm = fields.String()
    distance = fields.Integer()
    grade = fields.String(validate=validate.OneOf([grade.name.lower() for grade in Grade]))
    variant = fields.String(metadata={"example": "full/identity"})
    passage = fields.Nested(PassageView, allow_none=True)
    offers = _OFFERS


class CheckedFileView(Strict):
    """What is decided about a file."""

    name = fields.String(metadata={"description": "As it was sent."})
    sha256 = fields.String()
    verdict = fields.Integer(
        metadata={"description": "0 allow, 1 deny, 2 licensed, 3 review, 4 unknown.", "example": 1}
    )
    kept = fields.Boolean(metadata={"description": "Whether the policy keeps it."})
    reason = fields.String(metadata={"example": "registered.no-licence"})
    detail = fields.String(
        allow_none=True, metadata={"description": "Why the file could not be read, if it could not."}
    )
    licences = fields.List(fields.String())
    matches = fields.List(fields.Nested(FileMatchView))


class CheckedFilesView(Strict):
    """An answer for each file, in the order in which they were sent."""

    live = fields.Nested(LiveView)
    files = fields.List(fields.Nested(CheckedFileView))
