"""All registered SHA-256 digests that begin alike: whoever asks tells us 20 bits of what they have, and no more.

As in the range search of Have I Been Pwned (k-anonymity: Li et al., "Protocols for Checking Compromised Credentials",
CCS 2019). Each answer is filled up with decoys to a multiple of `MULTIPLE`, so that its length does not tell onlookers
which prefix was asked for. Decoys are made from a secret and the prefix alone: they are the same in every answer, else
two answers would tell them apart. They are denied. A file that has a decoy's digest by chance (2^-236) is left out.

Listed are works whose digests are published anyway. Works that only the check interface may know are not here.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import count, islice
from pathlib import Path
from typing import Final

import numpy as np
from sqlalchemy.orm import Session

from registry.checking.live import LiveIndex, known_works
from registry.checking.service import decided
from registry.core.decisions import Request, Verdict
from registry.core.durable import write_once
from registry.core.errors import InvalidInput, NotReady, TrustRefused
from registry.core.fingerprints import SHA256
from registry.works import service as works

MULTIPLE: Final = 32
DIGITS: Final = 5
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Range:
    """What is listed under a prefix."""

    change_seq: int
    prefix: str
    suffixes: tuple[str, ...]
    """59 hexadecimal digits each, in order."""
    verdicts: tuple[Verdict, ...]
    """For anyone: agreements of single labs do not count."""


class DecoySecret:
    """What decoys are made from: one secret of all processes, made when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes:
        """The secret; `NotReady` if it cannot be made or is damaged, `TrustRefused` if others could have read it."""
        try:
            if not self._path.exists():
                write_once(self._path, secrets.token_bytes(_SECRET_BYTES))
            if self._path.stat().st_mode & 0o077:
                raise TrustRefused(f"Others may read {self._path}. Delete it: a new one is made.")
            found = self._path.read_bytes()
        except OSError as error:
            raise NotReady(f"The secret {self._path} cannot be read or made: {error.strerror}.") from None
        if len(found) != _SECRET_BYTES:
            raise NotReady(f"The secret {self._path} is damaged. Delete it: a new one is made.")
        return found


def digests_under(
    session: Session, index: LiveIndex, secret: bytes, request: Request, prefix: str, now: datetime
) -> Range:
    """The published digests that begin with these 5 hexadecimal digits, among decoys."""
    if not re.fullmatch(r"[0-9a-fA-F]{5}", prefix, re.ASCII):
        raise InvalidInput(f"Give the first {DIGITS} hexadecimal digits of a SHA-256, not {prefix[:40]!r}.")
    prefix = prefix.lower()
    current, change_seq = index.current(session)
    listed = current.digests_beginning(SHA256, int(prefix, 16), 4 * DIGITS)
    published = works.published_rows(session, {row for _, row in listed}, SHA256)
    digests = sorted({digest for digest, row in listed if row in published})
    codes = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)
    found = current.match_codes(SHA256, codes) if digests else {}
    rows = {match.work_row for matches in found.values() for match in matches}
    known = known_works(session, current, change_seq, rows, None, now)
    verdicts = {
        digests[n].hex(): decided(known, request, matches).decision.verdict for n, matches in found.items()
    }
    missing = -len(verdicts) % MULTIPLE if verdicts else MULTIPLE
    verdicts |= dict.fromkeys(islice(decoys(secret, prefix), missing), Verdict.DENY)
    in_order = sorted(verdicts)
    return Range(
        change_seq, prefix, tuple(d[DIGITS:] for d in in_order), tuple(verdicts[d] for d in in_order)
    )


def decoys(secret: bytes, prefix: str) -> Iterator[str]:
    """Endless digests that begin with the prefix and cannot be told from those of files without the secret."""
    for number in count():
        made = hmac.digest(secret, f"{prefix} {number}".encode(), sha256).hex()
        yield prefix + made[DIGITS:]
