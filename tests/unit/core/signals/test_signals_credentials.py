"""Content credentials that C2PA's own library made and reads are read by us alike, and the other way round."""

from __future__ import annotations

import io
import json
import wave

import numpy as np
import pytest
from PIL import Image

from registry.core.decisions import Purpose
from registry.core.errors import InvalidInput, UnsupportedMedia
from registry.core.fingerprints.model import Limits
from registry.core.signals import Answer, Evidence, Subject, combine, embedded
from registry.core.signals.emit import Declaration
from registry.core.signals.emit.credentials import SigningKey, entries, sign
from registry.core.signals.emit.stamp import stamp
from tests.support.makers_key import makers_key
from tests.support.makers_key import signed as signed_by_c2pa

c2pa = pytest.importorskip("c2pa")

REFUSED = Declaration()
FREE = Declaration(frozenset({Purpose.ALL}))


def read(data: bytes) -> list[Evidence]:
    return embedded.read(data, Subject(), Limits())


def picture(kind: str, side: int = 64) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 255, (side, side, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return makers_key()


def by_its_own_reader(data: bytes, media_type: str) -> dict[str, object]:
    """The assertion's entries as C2PA's library reads them, of a manifest that it finds valid."""
    reader = c2pa.Reader(media_type, io.BytesIO(data))
    assert reader.get_validation_state() in ("Valid", "Trusted")
    store = json.loads(reader.json())
    assertions = store["manifests"][store["active_manifest"]]["assertions"]
    (mining,) = [a["data"]["entries"] for a in assertions if a["label"] == "cawg.training-mining"]
    return dict(mining)


@pytest.mark.parametrize(
    ("kind", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")]
)
def test_what_we_sign_both_read_alike(key: SigningKey, kind: str, media_type: str) -> None:
    signed = sign(picture(kind), Declaration(policy="https://example.org/licences"), key)
    assert by_its_own_reader(signed, media_type) == entries(
        Declaration(policy="https://example.org/licences")
    )
    (found,) = read(signed)
    assert (found.signal, found.notes) == ("c2pa", ())
    assert dict(found.details) == {"constraint": "https://example.org/licences"}
    assert all(found.about(p) is Answer.DENY for p in (Purpose.TDM, Purpose.TRAIN_GENAI, Purpose.AI_INPUT))


def test_credentials_over_many_segments_are_put_together(key: SigningKey) -> None:
    signed = sign(picture("JPEG", side=900), REFUSED, key)
    assert signed.count(b"\xff\xeb") > 1
    assert combine(read(signed), Purpose.TDM).answer is Answer.DENY


def test_a_permission_needs_trust_in_whoever_signed_it(key: SigningKey) -> None:
    (found,) = read(sign(picture("JPEG"), FREE, key))
    assert (found.answers, found.notes) == ((), ("untrusted",))


def test_a_refusal_in_a_changed_file_is_one_with_a_warning(key: SigningKey) -> None:
    signed = bytearray(sign(picture("JPEG"), REFUSED, key))
    signed[-40] ^= 1
    (found,) = read(bytes(signed))
    assert found.notes == ("integrity",)
    assert found.about(Purpose.TDM) is Answer.DENY
    assert c2pa.Reader("image/jpeg", io.BytesIO(bytes(signed))).get_validation_state() == "Invalid"


def test_a_refusal_in_an_ingredient_refuses_what_was_made_of_it(key: SigningKey) -> None:
    found = read(sign(sign(picture("JPEG"), REFUSED, key), FREE, key))
    assert combine(found, Purpose.TDM).answer is Answer.DENY
    assert any("ingredient" in e.notes for e in found)


def test_a_file_that_is_cut_off_in_its_credentials_is_unreadable(key: SigningKey) -> None:
    signed = sign(picture("JPEG"), FREE, key)
    for end in range(200, signed.index(b"\xff\xda"), 4999):
        assert combine(read(signed[:end]), Purpose.TDM).gap is not None


def test_a_stamped_file_is_signed_and_a_signed_one_not_stamped(key: SigningKey) -> None:
    signed = sign(stamp(picture("JPEG"), REFUSED), REFUSED, key)
    assert {e.signal for e in read(signed)} == {"c2pa", "iptc", "tdmrep"}
    with pytest.raises(InvalidInput, match="content credentials"):
        stamp(signed, REFUSED)


@pytest.mark.parametrize("kind", ["audio/mpeg", "audio/wav"])
def test_recordings_that_others_signed_are_read(key: SigningKey, kind: str) -> None:
    if kind == "audio/wav":
        file = io.BytesIO()
        with wave.open(file, "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(800))
        data = file.getvalue()
    else:
        data = (b"\xff\xfb\x90\x00" + bytes(413)) * 4
    refused = {"cawg.ai_training": {"use": "notAllowed"}}
    (found,) = read(signed_by_c2pa(data, kind, "cawg.training-mining", refused, key))
    assert (found.signal, found.about(Purpose.TRAIN_AI)) == ("c2pa", Answer.DENY)


def test_what_cannot_be_signed_is_refused(key: SigningKey) -> None:
    with pytest.raises(UnsupportedMedia):
        sign(b"a text", REFUSED, key)
    with pytest.raises(InvalidInput, match="Nothing was signed"):
        sign(picture("JPEG"), REFUSED, SigningKey(b"no key", key.certificates))
    with pytest.raises(InvalidInput, match="Nothing was signed"):
        sign(picture("JPEG")[:100], REFUSED, key)
