"""One tree of exceptions with stable codes; each side has one table from these to its own answers.

A code never changes and never gets a second meaning: programs branch on it, `docs/errors/` explains it.
A message says what happened and what to do about it; `details` holds the facts for programs.
"""

from __future__ import annotations

from typing import Any, ClassVar


class VorbehaltError(Exception):
    """Something that we can name went wrong. `code` is stable, the message is for people."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = details


# -- what was handed in is not usable ----------------------------------------------------------------------
class InvalidInput(VorbehaltError):
    """The request or file breaks a rule; nothing was changed."""

    code = "input.invalid"


class UnsupportedMedia(InvalidInput):
    """The bytes are of no kind that we can fingerprint."""

    code = "media.unsupported"


class Undecodable(InvalidInput):
    """The bytes claim a kind that we know, but cannot be decoded (truncated, damaged, empty)."""

    code = "media.undecodable"


class TooLarge(InvalidInput):
    """A limit on size was exceeded, judged from the header wherever possible."""

    code = "media.too-large"


class TooShort(InvalidInput):
    """A text has too few normalised bytes to be told from others."""

    code = "text.too-short"


class SharesDoNotSum(InvalidInput):
    """Shares of one right in one territory and period must sum to 1,000,000 ppm."""

    code = "shares.sum"


# -- who may do what ---------------------------------------------------------------------------------------
class Unauthenticated(VorbehaltError):
    """No valid credential came with the request."""

    code = "auth.required"


class Forbidden(VorbehaltError):
    """The actor is known and may not do this."""

    code = "auth.forbidden"


class NotFound(VorbehaltError):
    """There is no such thing, or the actor may not know that there is."""

    code = "not-found"


class Conflict(VorbehaltError):
    """The request contradicts what is already recorded."""

    code = "conflict"


class ChangedMeanwhile(Conflict):
    """The thing is no longer as the sender has read it; nothing was changed."""

    code = "precondition.failed"


class VersionRequired(VorbehaltError):
    """A change must say which version it changes."""

    code = "precondition.required"


class KeyReused(InvalidInput):
    """An Idempotency-Key names one request, and this is another; nothing was changed."""

    code = "idempotency.key-reused"


class RateLimited(VorbehaltError):
    """There were too many requests in this window of time; nothing was done."""

    code = "rate.limited"


# -- files and trust ---------------------------------------------------------------------------------------
class Corrupt(VorbehaltError):
    """A stored or transferred file is not what its digest or format says."""

    code = "file.corrupt"


class StaleSnapshot(VorbehaltError):
    """The snapshot's signature has expired: its answers may no longer hold."""

    code = "snapshot.stale"


class TrustRefused(VorbehaltError):
    """A signature, version or digest check of signed metadata failed; nothing was taken over."""

    code = "trust.refused"


class VerificationFailed(VorbehaltError):
    """A proof, receipt or run does not verify. Do not rely on it."""

    code = "proof.invalid"


# -- the world around --------------------------------------------------------------------------------------
class OutputExists(VorbehaltError):
    """The output is already there; nothing was overwritten."""

    code = "output.exists"


class NetworkFailed(VorbehaltError):
    """A server could not be reached or did not answer usefully."""

    code = "network.failed"


class MissingExtra(VorbehaltError):
    """An optional part is not installed."""

    code = "install.extra"


class NotReady(VorbehaltError):
    """The service lacks something it needs before it can answer safely (no keys, no published snapshot)."""

    code = "not-ready"
