"""The registry's API from this side: JSON in, JSON out, problems as our own exceptions.

The API key goes to the registry's own address and nowhere else: never over plain HTTP except to this very machine,
and never along a redirect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import orjson
import urllib3

from crawler.connections import check_address, check_key, pool, reason_of, user_agent
from registry.core import errors
from registry.core.errors import NetworkFailed, VorbehaltError

_TIMEOUT = urllib3.Timeout(connect=10, read=60)
_MAX_ANSWER = 64 * 2**20
_KEY_GIVEN = (
    "This program sends the key that --api-key or VORBEHALT_API_KEY gives; the page “Account” makes one."
)
_TRY_AGAIN = (502, 503, 504)
_SAFE = urllib3.Retry(
    total=3,
    redirect=False,
    backoff_factor=0.2,
    status_forcelist=_TRY_AGAIN,
    allowed_methods=None,
    raise_on_status=False,
)
"""For requests that may arrive twice. No redirect is followed: it is an answer like any other."""
_ONCE = urllib3.Retry(
    total=None,
    connect=3,
    read=0,
    redirect=False,
    status=0,
    other=0,
    backoff_factor=0.2,
    raise_on_status=False,
    allowed_methods=None,
)
"""For requests that must not: repeated only where no connection was made at all."""

File = tuple[str, bytes, str]
"""Name, content and media type of a part of a form."""


def _tree(kind: type[VorbehaltError]) -> list[type[VorbehaltError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _tree(child))]


_BY_CODE: Mapping[str, type[VorbehaltError]] = {
    kind.code: kind for kind in _tree(VorbehaltError) if kind.__module__ == errors.__name__
}


class Client:
    """One registry, asked in one name."""

    def __init__(self, server_url: str, api_key: str | None = None) -> None:
        """`InvalidInput` for an address that is none, or that a key must not travel to."""
        self._base = check_address(server_url)
        check_key(server_url, api_key)
        self._headers = {"User-Agent": user_agent(), "Accept": "application/json"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._pool = pool(server_url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._pool.clear()

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The JSON at this path."""
        return _parse(self._send("GET", path, _SAFE, fields=dict(query or {})))

    def post(self, path: str, document: Any, *, repeatable: bool = False) -> Any:
        """Send a JSON document; `repeatable` says that the registry does nothing more if it arrives twice."""
        body, headers = orjson.dumps(document), {"Content-Type": "application/json"}
        return _parse(self._send("POST", path, _SAFE if repeatable else _ONCE, headers, body=body))

    def post_form(self, path: str, fields: Mapping[str, str | File]) -> Any:
        """Send a form with files (`multipart/form-data`)."""
        return _parse(self._send("POST", path, _ONCE, fields=dict(fields)))

    def content(self, path: str) -> bytes:
        """The bytes at this path."""
        return self._send("GET", path, _SAFE)

    def text(self, path: str) -> str:
        """The plain text at this path."""
        try:
            return self.content(path).decode("utf-8")
        except UnicodeDecodeError as problem:
            raise NetworkFailed(f"{self._base}{path} did not answer with text.") from problem

    def _send(
        self,
        method: str,
        path: str,
        retries: urllib3.Retry,
        headers: Mapping[str, str] | None = None,
        **content: Any,
    ) -> bytes:
        """The body of a successful answer; anything else is raised."""
        url = self._base + path
        try:
            response = self._pool.request(
                method,
                url,
                headers={**self._headers, **(headers or {})},
                timeout=_TIMEOUT,
                retries=retries,
                redirect=False,
                preload_content=False,
                **content,
            )
            with response:
                answer = response.read(_MAX_ANSWER + 1)
        except urllib3.exceptions.HTTPError as problem:
            raise NetworkFailed(f"{url} cannot be reached: {reason_of(problem)}.", url=url) from problem
        if len(answer) > _MAX_ANSWER:
            raise NetworkFailed(f"{url} answers with more than {_MAX_ANSWER >> 20} MiB; that is no registry.")
        if 300 <= response.status < 400:
            to = response.headers.get("Location", "elsewhere")
            raise NetworkFailed(
                f"{url} redirects to {to[:100]}, which is not followed; use that address.", url=url
            )
        if response.status >= 400:
            raise _problem(url, response.status, answer)
        return answer


def _parse(answer: bytes) -> Any:
    """The JSON of an answer; `None` if it has no body."""
    if not answer:
        return None
    try:
        return orjson.loads(answer)
    except orjson.JSONDecodeError as problem:
        raise NetworkFailed(
            "The server did not answer with JSON; is this the address of a registry?"
        ) from problem


def _problem(url: str, status: int, body: bytes) -> VorbehaltError:
    """The exception that an RFC 9457 problem stands for; `NetworkFailed` where the answer is none."""
    try:
        document = orjson.loads(body)
        code, detail = str(document["code"]), str(document.get("detail") or document["title"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return NetworkFailed(f"{url} answered with HTTP status {status}.", url=url, status=status)
    kind = _BY_CODE.get(code)
    if kind is None or kind is VorbehaltError:
        return NetworkFailed(f"The registry refused: {detail}", url=url, status=status, code=code)
    if kind is errors.Unauthenticated:
        detail += f" {_KEY_GIVEN}"
    facts = document.get("details")
    return kind(detail, **{**(facts if isinstance(facts, dict) else {}), "url": url, "status": status})
