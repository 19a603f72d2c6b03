"""Keys, notes and checkpoints against published vectors; what is malformed or badly signed is refused."""

from __future__ import annotations

import pytest

from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.encodings import from_base64, from_decimal, to_base64
from registry.core.tlog.notes import KeyType, Note, SigningKey, VerifierKey

ORIGIN = "registry.example/usage-log"
LOG_VKEY = "registry.example/usage-log+cbf478c0+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
WITNESS_VKEY = "witness.example/cmo1+8f8c8ca9+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZ"
    "XsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
CHECKPOINT = """\
registry.example/usage-log
7
WJDL4kJwaxJq4Zw/4uyKzTnmFN++h7IbpT2E+gEyX0s=

— registry.example/usage-log y/R4wNWteOT+uHRi8hgJIFU/6gxVk15/DGQreLASucnbeFPemUfCoAAn\
9Jl83Pg7Bbpj7UBZemXEBeFFnoFRa01rQw0=
— witness.example/cmo1 j4yMqQAAAABrSdIAN4Oa7E94We4I8RiOxp/n7l+N0hDVlkKVgOa4\
QQgTTfA9IMuH+RCmJroNYG52JXq3ccuCAwGCwIOEfiiY1nloDQ==
"""
ROOT_7 = bytes.fromhex("5890cbe242706b126ae19c3fe2ec8acd39e614dfbe87b21ba53d84fa01325f4b")


def log_key() -> SigningKey:
    """The key of the vectors: seed 00 01 02 … 1f."""
    return SigningKey(ORIGIN, bytes(range(32)))


def test_keys_are_written_as_published() -> None:
    log = VerifierKey.parse(LOG_VKEY)
    assert log.public.hex() == "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    assert (log.name, log.kind, str(log)) == (ORIGIN, KeyType.ED25519, LOG_VKEY)
    assert log_key().verifier() == log
    witness = VerifierKey.parse(WITNESS_VKEY)
    assert (witness.kind, str(witness)) == (KeyType.COSIGNATURE, WITNESS_VKEY)


def test_the_specification_s_own_note_verifies() -> None:
    note = Note.parse(SPEC_NOTE)
    key = VerifierKey.parse(SPEC_VKEY)
    assert note.verified([key]) == {key: None}
    assert str(note) == SPEC_NOTE


def test_signing_gives_the_published_checkpoint() -> None:
    note = Note.parse(CHECKPOINT)
    signed = Checkpoint(ORIGIN, 7, ROOT_7).signed(log_key())
    assert signed.text == note.text
    assert signed.signatures == note.signatures[:1]
    assert str(note) == CHECKPOINT
    assert Checkpoint.parse(note.text) == Checkpoint(ORIGIN, 7, ROOT_7)


def test_log_and_witness_signatures_verify_and_the_witness_states_its_time() -> None:
    log, witness = VerifierKey.parse(LOG_VKEY), VerifierKey.parse(WITNESS_VKEY)
    assert Note.parse(CHECKPOINT.encode()).verified([log, witness]) == {log: None, witness: 1_800_000_000}


def test_lines_by_unknown_keys_are_ignored_and_a_forged_known_one_spoils_the_note() -> None:
    log, stranger = VerifierKey.parse(LOG_VKEY), SigningKey(ORIGIN, bytes(32))
    note = Note.parse(CHECKPOINT)
    other = Note(note.text, (*note.signatures, stranger.sign(note.text)))
    assert list(other.verified([log])) == [log]
    forged = Note.parse(CHECKPOINT.replace("\n7\n", "\n8\n"))
    with pytest.raises(VerificationFailed, match="does not verify"):
        forged.verified([log])
    assert forged.verified([stranger.verifier()]) == {}


def test_a_cosignature_is_no_log_signature() -> None:
    """The same line read with a key of the other type is by an unknown key."""
    note = Note.parse(CHECKPOINT)
    witness = VerifierKey.parse(WITNESS_VKEY)
    assert note.verified([VerifierKey(witness.name, KeyType.ED25519, witness.public)]) == {}


@pytest.mark.parametrize(
    "data",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n— name\n",
        "text\n\n— name AAAAAAA=",
        "text\n\n— name AAAAAA==\n",  # four bytes: a key id without a signature
        "text\n\n- name AAAAAAA=\n",
        "text\n\n— na+me AAAAAAA=\n",
        "text\n\n— na me AAAAAAA=\n",
        "text\n\n—  AAAAAAA=\n",
        "text\n\n— name AAAAAAB=\n",  # stray bits
        "text\n\n— name AAAAAAA\n",
        "te\rxt\n\n— name AAAAAAA=\n",
        "te\x00xt\n\n— name AAAAAAA=\n",
        b"\xfftext\n\n\xe2\x80\x94 name AAAAAAA=\n",
        "text\ud800\n\n— name AAAAAAA=\n",
        "text\n\n" + "— name AAAAAAA=\n" * 101,
    ],
)
def test_malformed_notes_are_refused(data: str | bytes) -> None:
    with pytest.raises(VerificationFailed):
        Note.parse(data)


def test_sixteen_and_more_signatures_are_read() -> None:
    assert len(Note.parse("text\n\n" + "— name AAAAAAA=\n" * 100).signatures) == 100


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        LOG_VKEY.replace("cbf478c0", "cbf478c1"),
        LOG_VKEY.replace("cbf478c0", "CBF478C0"),
        LOG_VKEY + "A",
        LOG_VKEY.replace("/", "+", 1),
        LOG_VKEY.replace("registry", " registry"),
        LOG_VKEY[:-4],
        "registry.example/usage-log+cbf478c0+AgOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",  # ECDSA
    ],
)
def test_damaged_verifier_keys_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        VerifierKey.parse(text)


def test_a_signing_key_survives_storage_and_never_shows_itself() -> None:
    key = SigningKey.generate("log.example")
    secret = key.secret()
    assert secret.startswith("PRIVATE+KEY+log.example+")
    assert SigningKey.parse(secret) == key
    encoded = secret.split("+", 4)[4].strip()
    assert encoded not in repr(key)
    assert str(from_base64(encoded)[1:]) not in repr(key)


@pytest.mark.parametrize("damage", ["", "x", "PRIVATE+KEY+a", "PRIVATE+KEY+a+00000000+AQ=="])
def test_a_damaged_signing_key_is_refused(damage: str) -> None:
    with pytest.raises(InvalidInput):
        SigningKey.parse(damage)
    with pytest.raises(InvalidInput, match="damaged"):
        SigningKey.parse(log_key().secret().replace("usage-log", "usage-lag"))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\u2003b", "a\nb", "x" * 256])
def test_key_names_without_spaces_and_plus(name: str) -> None:
    with pytest.raises(InvalidInput):
        SigningKey.generate(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n7\n",
        f"o\n7\n{to_base64(bytes(32))}",
        f"o\n7\n{to_base64(bytes(32))}\nextension\n",
        f"\n7\n{to_base64(bytes(32))}\n",
        f"o\n07\n{to_base64(bytes(32))}\n",
        f"o\n-7\n{to_base64(bytes(32))}\n",
        f"o\n7\n{to_base64(bytes(31))}\n",
        f"o\n7\n{to_base64(bytes(32))[:-1]}\n",
        f"o\n{2**63}\n{to_base64(bytes(32))}\n",
    ],
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    with pytest.raises(VerificationFailed):
        Checkpoint.parse(text)


@pytest.mark.parametrize("text", ["+7", "007", "7 ", "1_0", "٧", "", "-1", "1e3"])
def test_a_number_has_one_spelling(text: str) -> None:
    with pytest.raises(ValueError, match="decimal"):
        from_decimal(text)


@pytest.mark.parametrize("text", ["AB==", "AA=", "AA", "AA==\n", "A A=", "_w==", "AA==AA=="])
def test_base64_has_one_spelling(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are Python's
        from_base64(text)
