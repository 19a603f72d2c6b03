"""A declaration as content credentials: a CAWG 1.1 training and data mining assertion, signed by the maker's own key.

Made by C2PA's library, the extra `c2pa`. It signs without the network: no timestamp is fetched and none is claimed. A
reader who does not know the maker's certificate sees a valid signature of somebody unknown; a refusal needs no more.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Final

from registry.core.decisions import Purpose
from registry.core.errors import InvalidInput, MissingExtra, UnsupportedMedia
from registry.core.fingerprints.sniff import image_format
from registry.core.signals.emit.declaration import Declaration

LABEL: Final = "cawg.training-mining"
_ENTRIES: Final = {
    "cawg.data_mining": Purpose.TDM,
    "cawg.ai_training": Purpose.TRAIN_AI,
    "cawg.ai_generative_training": Purpose.TRAIN_GENAI,
    "cawg.ai_inference": Purpose.AI_INPUT,
}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A maker's key for credentials: an elliptic one on P-256, and its certificates, its own first."""

    private: bytes = field(repr=False)
    """PEM, PKCS #8."""
    certificates: bytes
    """PEM."""


def entries(declaration: Declaration) -> dict[str, dict[str, str]]:
    """The assertion's entries; with a policy, what is refused is constrained by it: refused until agreed."""
    refused = {"use": "notAllowed"}
    if declaration.policy is not None:
        refused = {"use": "constrained", "constraint_info": declaration.policy}
    return {
        name: refused if declaration.refuses(purpose) else {"use": "allowed"}
        for name, purpose in _ENTRIES.items()
    }


def sign(data: bytes, declaration: Declaration, key: SigningKey) -> bytes:
    """The picture with the credentials in it.

    `UnsupportedMedia` for what is no picture that C2PA knows,
    `InvalidInput` for a key or a file with which nothing can be signed, `MissingExtra` without the extra.
    """
    try:
        import c2pa
    except ImportError:
        raise MissingExtra("Content credentials need an extra: pip install 'vorbehalt[c2pa]'.") from None
    known = image_format(data)
    if known is None:
        raise UnsupportedMedia(
            "Only pictures get content credentials here; use stamp without a key for others."
        )
    info = c2pa.C2paSignerInfo(alg=b"es256", sign_cert=key.certificates, private_key=key.private, ta_url=None)
    out = io.BytesIO()
    try:
        with c2pa.Signer.from_info(info) as signer, c2pa.Builder(_manifest(declaration)) as builder:
            builder.set_intent(c2pa.C2paBuilderIntent.EDIT)  # the file as it was becomes an ingredient
            builder.sign(signer, known.media_type, io.BytesIO(data), out)
    except c2pa.C2paError as problem:
        raise InvalidInput(f"Nothing was signed: {str(problem)[:300]}.") from None
    return out.getvalue()


def _manifest(declaration: Declaration) -> str:
    """The manifest that C2PA's library completes and signs."""
    assertion = {"label": LABEL, "data": {"entries": entries(declaration)}}
    return json.dumps({"claim_generator_info": [{"name": "vorbehalt"}], "assertions": [assertion]})
