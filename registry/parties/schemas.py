"""The JSON of accounts, keys, mandates and models. What is private stands in its own schemas and nowhere else."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate

from registry.base.actor import Scope
from registry.base.schemas import PublicId, Strict, Time, line, page_of
from registry.core.errors import InvalidInput
from registry.parties.rules import OPEN_ROLES, May, Repertoire
from registry.web.i18n import DEFAULT, LANGUAGES

_BOUNDED = validate.Length(max=1000)


class ScopeField(fields.String):
    """A scope by its name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=validate.OneOf([s.value for s in Scope]), **kwargs)


class MayField(fields.String):
    """What an agent may do, by its name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=validate.OneOf([m.value for m in May]), **kwargs)


class RepertoireField(fields.Field[Repertoire]):
    """`{"all": true}`, `{"media": ["image"]}` or `{"works": ["work_…"]}`."""

    def __init__(self, **kwargs: Any) -> None:
        described = {"type": "object", "description": "Which works: all, some media kinds, or a list."}
        super().__init__(metadata=described, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        return value

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Repertoire:  # noqa: ARG002
        try:
            return Repertoire.from_json(value if isinstance(value, dict) else {})
        except InvalidInput as error:
            raise ValidationError(error.message) from None


# -- accounts ----------------------------------------------------------------------------------------------
class NewAccount(Strict):
    """Opens an account."""

    role = fields.String(required=True, validate=validate.OneOf([r.value for r in OPEN_ROLES]))
    name = line(200, required=True)
    email = line(254, required=True)
    password = fields.String(required=True, validate=_BOUNDED, load_only=True)
    language = fields.String(
        load_default=DEFAULT,
        validate=validate.OneOf(list(LANGUAGES)),
        metadata={"description": "In which mails are written to you."},
    )


class OwnAccount(Strict):
    """Private: an account as its owner sees it."""

    id = PublicId("party", attribute="public_id")
    role = fields.String()
    name = fields.String()
    email = fields.String(allow_none=True)
    email_confirmed_at = Time(allow_none=True)
    created_at = Time()


class PublicAccount(Strict):
    """Public: an account as everybody else sees it; the name of organisations only."""

    id = PublicId("party", attribute="public_id")
    role = fields.String()
    name = fields.String(allow_none=True)


# -- keys --------------------------------------------------------------------------------------------------
class NewKey(Strict):
    """Makes a key: with e-mail address and password, or with a key that has the scope `account`."""

    name = line(100, required=True)
    scopes = fields.List(ScopeField(), required=True, validate=validate.Length(1, len(Scope)))
    expires_at = Time(load_default=None, allow_none=True)
    email = fields.String(load_only=True, validate=_BOUNDED)
    password = fields.String(load_only=True, validate=_BOUNDED)


class KeyView(Strict):
    """Private: a key as its owner sees it, without the key."""

    id = PublicId("key", attribute="public_id")
    name = fields.String()
    scopes = fields.List(ScopeField(), attribute="scope_names")
    created_at = Time()
    expires_at = Time(allow_none=True)
    revoked_at = Time(allow_none=True)


class KeyOnce(KeyView):
    """A new key, with its text: the only time that it is shown. Made from `{"row": ApiKey, "key": text}`."""

    key = fields.String()

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        """The text beside the row, all else from the row."""
        return super().get_attribute(obj if attr == "key" else obj["row"], attr, default)


# -- mandates ----------------------------------------------------------------------------------------------
class NewMandate(Strict):
    """Lets an agent act for the sender."""

    principal = PublicId(
        "party", load_default=None, metadata={"description": "Only for an operator; else the sender."}
    )
    agent = PublicId("party", required=True)
    may = fields.List(MayField(), required=True, validate=validate.Length(1, len(May)))
    repertoire = RepertoireField(required=True)
    valid_from = Time(load_default=None, allow_none=True)
    valid_to = Time(load_default=None, allow_none=True)


class EndMandate(Strict):
    """When it ends; now, if nothing is said."""

    at = Time(load_default=None, allow_none=True)


class MandateView(Strict):
    """Private: a mandate as both its sides see it."""

    id = PublicId("mandate", attribute="public_id")
    principal = PublicId("party", attribute="principal.public_id")
    agent = PublicId("party", attribute="agent.public_id")
    may = fields.List(MayField(), attribute="current.may")
    repertoire = RepertoireField(attribute="current.repertoire")
    valid_from = Time(attribute="current.valid_from")
    valid_to = Time(attribute="current.valid_to", allow_none=True)
    recorded_at = Time(attribute="current.recorded_at")


# -- models ------------------------------------------------------------------------------------------------
class NewModel(Strict):
    """Names a model of the sending lab."""

    name = line(100, required=True)
    version = line(100, required=True)


class ModelView(Strict):
    """A model as its lab sees it."""

    id = PublicId("model", attribute="public_id")
    name = fields.String()
    version = fields.String()
    created_at = Time()


KeyList = page_of("key", KeyView)
MandateList = page_of("mandate", MandateView)
ModelList = page_of("model", ModelView)
