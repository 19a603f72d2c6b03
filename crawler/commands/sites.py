"""The options by which a run heeds what whole sites say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from crawler.sites import DAY, MAX_AGE_DAYS
from registry.core.errors import InvalidInput

if TYPE_CHECKING:
    from crawler.sites.evidence import Sites
    from crawler.sources.base import Source

F = TypeVar("F", bound=Callable[..., Any])

_NO_ADDRESSES = frozenset({"folder"})
"""Formats whose items name no address."""


def domain_signals_option(function: F) -> F:
    """`--domain-signals`."""
    return click.option(
        "--domain-signals",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Heed what the site of each item says: a file that `vorbehalt signals --domains` has made.",
    )(function)


def domain_signals_options(function: F) -> F:
    """`--domain-signals`, `--domain-signals-max-age`."""
    age = click.option(
        "--domain-signals-max-age",
        type=click.IntRange(1, 3_650),
        default=MAX_AGE_DAYS,
        show_default=True,
        metavar="DAYS",
        help="A site that was asked longer ago only refuses.",
    )
    return domain_signals_option(age(function))


def sites_for(sources: Sequence[Source], path: Path | None, at: int, max_age: int) -> Sites | None:
    """The file of sites, checked; `InvalidInput` if an input is of a format whose items name no address."""
    from crawler.sites.evidence import check_sites

    if path is None:
        return None
    for source in sources:
        if source.format in _NO_ADDRESSES:
            raise InvalidInput(
                f"{source.name} is a folder of files, which name no address, so no site can be asked about them. "
                "Filter it without --domain-signals."
            )
    return check_sites(path, at=at, max_age_days=max_age)


def sites_of_run(parameters: Mapping[str, Any], path: Path | None, at: int) -> Sites | None:
    """The file of sites by which a run was judged, checked; whether it is that one is for `settings_of` to say."""
    from crawler.sites.evidence import check_sites

    if path is None:
        return None
    stated = parameters.get("sites")
    age = stated.get("max_age") if isinstance(stated, dict) else None
    return check_sites(path, at=at, max_age_days=age // DAY if isinstance(age, int) else MAX_AGE_DAYS)
