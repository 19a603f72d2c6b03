"""The options by which a request is stated: purpose, policy, territory, moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from registry.core.decisions import Policy, Purpose, Request
from registry.core.decisions.terms import WORLD, check_territory
from registry.core.errors import InvalidInput

F = TypeVar("F", bound=Callable[..., Any])


def request_options(*, purpose: Purpose | None = None, policy: Policy | None = None) -> Callable[[F], F]:
    """`--purpose`, `--policy`, `--territory`. Without defaults the first two have to be said."""

    def decorate(function: F) -> F:
        options = (
            click.option(
                "--purpose",
                type=click.Choice([p.value for p in Purpose]),
                default=purpose.value if purpose else None,
                required=purpose is None,
                show_default=purpose is not None,
                help="What it is to be used for.",
            ),
            click.option(
                "--policy",
                type=click.Choice([p.value for p in Policy]),
                default=policy.value if policy else None,
                required=policy is None,
                show_default=policy is not None,
                help="consent-first keeps what a licence permits; eu-art4 also what nobody has reserved.",
            ),
            click.option(
                "--territory",
                default=WORLD,
                show_default=True,
                metavar="CODE",
                help="Where it is to be used: world, or a country such as DE.",
            ),
        )
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def research_option(function: F) -> F:
    """`--research`."""
    return click.option(
        "--research",
        is_flag=True,
        help="It is for scientific research (Directive 2019/790, Art. 3): under eu-art4 signals are set aside.",
    )(function)


def request_from(purpose: str, policy: str, territory: str, at: int, *, research: bool = False) -> Request:
    """The request; `InvalidInput` for a territory that is none."""
    return Request(Purpose.parse(purpose), Policy(policy), at, check_territory(territory), research)


def parse_moment(text: str) -> int:
    """An RFC 3339 time as POSIX seconds; `InvalidInput` otherwise."""
    try:
        moment = datetime.fromisoformat(text)
        seconds = moment.astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        raise InvalidInput(f"“{text[:40]}” is no time; write it as 2026-11-22T08:00:00Z.") from None
    if moment.tzinfo is None or moment.microsecond:
        raise InvalidInput(f"“{text[:40]}” needs whole seconds and a time zone, as in 2026-11-22T08:00:00Z.")
    return int(seconds)


def moment_asked(at: str | None, present: datetime, created: int, begun: int | None = None) -> int:
    """For when permission is asked, as POSIX seconds: `--at`, else when an interrupted run was `begun`, else now.

    `InvalidInput` if that is before the snapshot was `created`.
    """
    start = int(present.timestamp()) if begun is None else begun
    moment = start if at is None else parse_moment(at)
    if moment < created:
        raise InvalidInput("--at lies before the snapshot was made; what held then it does not say.")
    return moment
