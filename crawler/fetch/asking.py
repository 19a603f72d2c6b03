"""Ask one address, and come back with an observation, whatever happens.

Polite: we say who we are, ask a host one question at a time and wait between two, ask again with conditions where an
earlier answer is known, and never take more than a limit. Careful: only http and https, only hosts on the open
internet, each redirect looked at like the first address; the host is resolved once and connected to where it was
resolved, so that a name which changes its mind leads nowhere. Through a proxy that the environment names, the proxy
resolves.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError, NewConnectionError
from urllib3.exceptions import TimeoutError as Timeout

from crawler.connections import user_agent
from registry.core.hosts import is_public
from registry.core.signals import Observation
from registry.core.signals.headers import Headers

TOKEN: Final = "vorbehalt"  # noqa: S105  # a product token
"""Our product token, by which robots.txt may address us."""

_REDIRECTS: Final = 5
_CHUNK: Final = 64 * 1024
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


def resolve(host: str) -> list[str]:
    """The addresses of a host by this machine's resolver; `OSError` if it has none."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a host's time and of ours one question may cost."""

    seconds: float = 20.0
    """For one question with all its redirects."""
    body: int = 64 * 1024 * 1024
    """Bytes of an answer."""
    pause: float = 0.5
    """Seconds between two questions to one host."""


class _Failed(Exception):
    """There was no usable answer; the message is the word that the observation gets."""


@dataclass
class _Time:
    """How long a question may still take."""

    ends: float
    """By the monotonic clock."""

    @classmethod
    def of(cls, seconds: float) -> _Time:
        """So long from now on."""
        return cls(time.monotonic() + seconds)

    def check(self) -> float:
        """The seconds that are left; `_Failed` if there are none."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise _Failed("timeout")
        return left


@dataclass
class Asker:
    """Asks addresses, for any number of threads."""

    limits: Limits = field(default_factory=Limits)
    may_connect: Callable[[str], bool] = is_public
    resolver: Callable[[str], Sequence[str]] = resolve
    clock: Callable[[], float] = time.time
    _last: dict[str, float] = field(default_factory=dict, repr=False)
    _turns: dict[str, Lock] = field(default_factory=dict, repr=False)
    """By host: held by whoever is asking it."""

    def ask(self, url: str, known: Observation | None = None) -> Observation:
        """What an address answers; with `known`, an earlier answer that may still hold."""
        left = _Time.of(self.limits.seconds)
        now = int(self.clock())
        try:
            answer = self._follow(url, _conditions(known), left)
        except _Failed as failed:
            return Observation(url, None, error=str(failed), observed_at=now)
        if answer.status == 304 and known is not None:
            return replace(known, observed_at=now)
        return replace(answer, url=url, observed_at=now)

    def _follow(self, url: str, conditions: dict[str, str], time_left: _Time) -> Observation:
        at = url
        for _ in range(_REDIRECTS + 1):
            answer = self._once(at, conditions, time_left)
            target = Headers(answer.headers).joined("location")
            if answer.status not in _MOVED or target is None:
                return answer
            at = urljoin(at, target)
        raise _Failed("redirects")

    def _once(self, url: str, conditions: dict[str, str], time_left: _Time) -> Observation:
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise _Failed("address") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise _Failed("address")
        with self._turn(parts.hostname, time_left):
            return self._answer(parts, port, url, conditions, time_left)

    def _answer(
        self, parts: SplitResult, port: int, url: str, conditions: dict[str, str], time_left: _Time
    ) -> Observation:
        asked = {"Host": parts.netloc, "User-Agent": f"{user_agent()} (+opt-out signals)", "Accept": "*/*"}
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            pool, path = self._pool(parts.scheme, str(parts.hostname), port, url, target)
            with pool:
                response = pool.urlopen(
                    "GET",
                    path,
                    headers=asked | conditions,
                    redirect=False,
                    retries=False,
                    preload_content=False,
                    timeout=urllib3.Timeout(total=time_left.check()),
                )
                try:
                    body = self._body(response, time_left)
                finally:
                    response.close()
        except NewConnectionError:  # to urllib3 a kind of timeout
            raise _Failed("unreachable") from None
        except (Timeout, TimeoutError):
            raise _Failed("timeout") from None
        except urllib3.exceptions.SSLError:
            raise _Failed("tls") from None
        except (HTTPError, LocationParseError, OSError, ValueError, UnicodeError):
            raise _Failed("unreachable") from None
        return Observation(url, response.status, tuple(response.headers.iteritems()), body)

    def _body(self, response: urllib3.BaseHTTPResponse, time_left: _Time) -> bytes:
        received = bytearray()
        for part in response.stream(_CHUNK, decode_content=True):
            received += part
            if len(received) > self.limits.body:
                raise _Failed("too-large")
            time_left.check()
        return bytes(received)

    def _pool(
        self, scheme: str, host: str, port: int, url: str, target: str
    ) -> tuple[urllib3.HTTPConnectionPool | urllib3.PoolManager, str]:
        """Connections to the checked address of the host, and what to ask there."""
        proxy = getproxies().get(scheme)
        if proxy and not proxy_bypass(host):
            self._check([host] if _is_literal(host) else [])
            return urllib3.ProxyManager(proxy), url
        try:
            addresses = self.resolver(host)
        except OSError:
            raise _Failed("no-such-host") from None
        self._check(addresses)
        if not addresses:
            raise _Failed("no-such-host")
        if scheme == "http":
            return urllib3.HTTPConnectionPool(addresses[0], port), target
        context = ssl.create_default_context()
        pool = urllib3.HTTPSConnectionPool(
            addresses[0], port, server_hostname=host, assert_hostname=host, ssl_context=context
        )
        return pool, target

    def _check(self, addresses: Iterable[str]) -> None:
        """Refuse a host of which any address is not on the open internet."""
        if not all(self.may_connect(address) for address in addresses):
            raise _Failed("private-address")

    @contextmanager
    def _turn(self, host: str, time_left: _Time) -> Iterator[None]:
        """Ask this host while nobody else does, and some time after the last question; that wait is not the host's."""
        begun = time.monotonic()
        with self._turns.setdefault(host, Lock()):
            pause = self._last.get(host, -self.limits.pause) + self.limits.pause - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            self._last[host] = time.monotonic()
            time_left.ends += self._last[host] - begun
            yield


def _conditions(known: Observation | None) -> dict[str, str]:
    """What makes a server say that nothing has changed (RFC 9110, section 13)."""
    if known is None or not known.found:
        return {}
    headers = Headers(known.headers)
    pairs = {"If-None-Match": headers.joined("etag"), "If-Modified-Since": headers.joined("last-modified")}
    return {name: value for name, value in pairs.items() if value is not None}


def _is_literal(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
