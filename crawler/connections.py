"""Connections over HTTP, made one way: through the proxy that the environment names, and saying who we are."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

import registry


def pool(url: str) -> urllib3.PoolManager:
    """Connections to this address."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.netloc):
        return urllib3.ProxyManager(proxy)
    return urllib3.PoolManager()


def user_agent() -> str:
    """Name and version of this program."""
    return f"vorbehalt/{registry.__version__}"
