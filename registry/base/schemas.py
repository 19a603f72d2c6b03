# ruff: noqa: ARG002 - marshmallow names the arguments of a field's methods
"""Fields and schemas that every room's JSON is made of. Unknown fields are refused; a typing error is not silence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from registry.base.paging import DEFAULT_LIMIT, MAX_LIMIT
from registry.core.errors import InvalidInput
from registry.core.ids import format_id, parse_id

#: One line of text, not blank: no control characters, no line breaks (C0, DEL, C1, line and paragraph separators).
ONE_LINE = validate.Regexp(
    r"^(?=.*\S)[^\x00-\x1f\x7f-\x9f\u2028\u2029]+\Z",
    error="Write one line that is not blank, without control characters.",
)


class Strict(Schema):
    """A schema that refuses fields it does not know."""

    class Meta:
        """Read by marshmallow."""

        unknown = RAISE


def id_pattern(noun: str) -> str:
    """What a public id of this noun looks like; letters may be written large, and `i`, `l`, `o` for 1 and 0."""
    return f"{noun}_[0-7iloILO][0-9a-tv-zA-TV-Z]{{25}}"


class PublicId(fields.Field[bytes]):
    """A public id: `<noun>_…` in JSON, 16 bytes inside."""

    def __init__(self, noun: str, **kwargs: Any) -> None:
        described = {"example": format_id(noun, bytes(16)), "pattern": f"^{id_pattern(noun)}$"}
        super().__init__(metadata=described | kwargs.pop("metadata", {}), **kwargs)
        self.noun = noun

    def _serialize(self, value: bytes | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else format_id(self.noun, value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bytes:
        if not isinstance(value, str):
            raise ValidationError("An id is a text.")
        try:
            return parse_id(self.noun, value)
        except InvalidInput as error:
            raise ValidationError(error.message) from None


class Time(fields.Field[datetime]):
    """A moment: RFC 3339 in UTC with Z in JSON, an aware datetime inside. Any offset is accepted, none is assumed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                raise ValidationError("A time needs its zone: end it with Z for UTC.")
            return moment.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            raise ValidationError("Write a time as in 2026-08-02T00:00:00Z.") from None


class Hex(fields.Field[bytes]):
    """Bytes, shown as lower-case hexadecimal digits."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(dump_only=True, metadata={"pattern": "^[0-9a-f]*$"}, **kwargs)

    def _serialize(self, value: bytes | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.hex()


def line(max_length: int, **kwargs: Any) -> fields.String:
    """A text of one line, not blank."""
    return fields.String(validate=[validate.Length(1, max_length), ONE_LINE], **kwargs)


def letter(**kwargs: Any) -> fields.String:
    """A text of several lines, not blank: no control characters but line breaks and tabs."""
    plain = validate.Regexp(
        r"^(?=[\s\S]*\S)[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+\Z",
        error="Write a text that is not blank, without control characters.",
    )
    return fields.String(validate=[validate.Length(1, 2_000), plain], **kwargs)


def page_query(noun: str) -> type[Schema]:
    """The query of a list of this noun: `?limit=&after=`."""
    limit = fields.Integer(load_default=DEFAULT_LIMIT, validate=validate.Range(1, MAX_LIMIT))
    return Strict.from_dict({"limit": limit, "after": PublicId(noun, load_default=None)}, name=f"{noun}-page")


def page_of(noun: str, item: type[Schema]) -> type[Schema]:
    """A page of `registry.base.paging`: `{"items": […], "next": id or null}`."""
    members: dict[str, Any] = {
        "items": fields.List(fields.Nested(item)),
        "next": PublicId(noun, allow_none=True),
    }
    return Strict.from_dict(members, name=f"{noun}-list")
