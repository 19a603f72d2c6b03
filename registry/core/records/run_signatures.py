"""The signature of a run: a signed note (https://c2sp.org/signed-note) that names the run's id.

    vorbehalt.run.v1
    <run id>
    <verifier key>

    — <name> <signature>

The id covers everything that decided the outcome, and nothing that differs between machines: so a run that is repeated
with the same key gets the same signature. The note carries its key so that anybody can tell whether the run was changed
after it was signed; whose key it is, whoever cares has to be told by the lab.
"""

from __future__ import annotations

from typing import Final

from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.tlog.notes import KeyType, Note, SigningKey, VerifierKey

FORMAT: Final = "vorbehalt.run.v1"


def signed(run_id: str, key: SigningKey) -> str:
    """The note."""
    text = f"{FORMAT}\n{run_id}\n{key.verifier()}\n"
    return str(Note(text, (key.sign(text),)))


def verify(data: str | bytes, run_id: str, *, expected: VerifierKey | None = None) -> VerifierKey:
    """The key that signed this very run; `VerificationFailed` if it is not by the key that it names, or expected."""
    note = Note.parse(data)
    lines = note.text.split("\n")
    if len(lines) != 4 or lines[0] != FORMAT:
        raise VerificationFailed("This is not the signature of a run.")
    if lines[1] != run_id:
        raise VerificationFailed(f"This is the signature of another run, {lines[1][:64]}.")
    try:
        key = VerifierKey.parse(lines[2])
    except InvalidInput as problem:
        raise VerificationFailed(f"The signature names no key: {problem.message}") from problem
    if expected is not None and key != expected:
        raise VerificationFailed(f"The run is signed by the key {key}, not by {expected}.")
    if key.kind is not KeyType.ED25519 or key not in note.verified([key]):
        raise VerificationFailed("The run is not signed by the key that its signature names.")
    return key
