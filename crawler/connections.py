"""Connections over HTTP, made one way: through the proxy that the environment names, and saying who we are."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

import registry
from registry.core.errors import InvalidInput

_KEY = re.compile(r"[!-~]{1,200}")
_WHERE = re.compile(r"HTTPS?Connection(Pool)?\(host=[^)]*\): ")


def pool(url: str) -> urllib3.PoolManager:
    """Connections to this address; those to this very machine never go through a proxy."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if not proxy or is_here(parts.hostname or "") or proxy_bypass(parts.netloc):
        return urllib3.PoolManager()
    return urllib3.ProxyManager(proxy)


def check_address(url: str) -> str:
    """The address of a registry, without a slash at its end; `InvalidInput` if it is not plain http or https."""
    refused = InvalidInput(
        f"“{url[:100]}” is no address of a registry; one looks like https://registry.example."
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise refused from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise refused
    if parts.query or parts.fragment or parts.username:
        raise refused
    return url.rstrip("/")


def is_here(host: str) -> bool:
    """Whether this host is this very machine, so that nobody can listen on the way."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def check_key(url: str, api_key: str | None) -> None:
    """`InvalidInput` for a key that is none, or that would travel openly to this address."""
    parts = urlsplit(url)
    if api_key is None:
        return
    if parts.scheme == "http" and not is_here(parts.hostname or ""):
        raise InvalidInput(f"An API key must not travel in the clear; use https://{parts.netloc}.")
    if not _KEY.fullmatch(api_key):
        raise InvalidInput("The API key contains characters that no key has; was it copied whole?")


def reason_of(problem: BaseException) -> str:
    """What went wrong in a few words that are fit for a terminal, without urllib3's wrapping."""
    inner = getattr(problem, "reason", None) or next(reversed(problem.args), None)
    if isinstance(inner, BaseException):
        return reason_of(inner)
    text = _WHERE.sub("", str(problem)).strip().rstrip(".")[:200]
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def user_agent() -> str:
    """Name and version of this program."""
    return f"vorbehalt/{registry.__version__}"
