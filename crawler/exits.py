"""Named exit codes, and the one table from exceptions to them. Scripts branch on these; they never change meaning."""

from __future__ import annotations

from enum import IntEnum

from registry.core import errors


class ItemsFailed(errors.VorbehaltError):
    """Items could not be handled, and that changes what was asked for."""

    code = "items.failed"


class Exit(IntEnum):
    """What `vorbehalt` ends with."""

    OK = 0
    """Done; also a filter run that dropped items and reported broken ones."""
    USAGE = 1
    """The command cannot be carried out as given; the message says what to change."""
    MATCHES = 2
    """Something registered was found, and `--fail-on-match` asked to hear of it."""
    STALE = 3
    """The snapshot has expired."""
    REFUSED = 4
    """A signature, version or digest of signed files is wrong; nothing was taken over."""
    ITEMS = 5
    """Some items failed, and that changes what was asked for."""
    EXISTS = 6
    """The output is already there."""
    NETWORK = 7
    """A server could not be reached or cannot serve now."""
    UNVERIFIED = 8
    """A run, receipt or proof does not verify."""
    DENIED = 9
    """A run kept items that may not be used any more."""


_TABLE: tuple[tuple[type[errors.VorbehaltError], Exit], ...] = (
    (errors.StaleSnapshot, Exit.STALE),
    (errors.TrustRefused, Exit.REFUSED),
    (errors.Corrupt, Exit.REFUSED),
    (ItemsFailed, Exit.ITEMS),
    (errors.OutputExists, Exit.EXISTS),
    (errors.NetworkFailed, Exit.NETWORK),
    (errors.NotReady, Exit.NETWORK),
    (errors.RateLimited, Exit.NETWORK),
    (errors.VerificationFailed, Exit.UNVERIFIED),
)


def exit_for(error: errors.VorbehaltError) -> Exit:
    """The exit code of this exception; `USAGE` for all that asking again, unchanged, will not help."""
    return next((code for kind, code in _TABLE if isinstance(error, kind)), Exit.USAGE)
