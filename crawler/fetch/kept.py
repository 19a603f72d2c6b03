"""Evidence kept in a folder, so that a verdict can be given again from the very bytes on which it rested.

One file an address, named by the digest of the address, holding everything that was answered: JSON with the body in
base64. Written beside and put in its place at once, so that a kill leaves the old one or the new one.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Final

import orjson

from crawler.durable import replacing
from registry.core.errors import Corrupt
from registry.core.signals import Observation

_FORMAT: Final = "vorbehalt-observation-v1"


class Kept:
    """A folder of observations."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, url: str) -> Observation | None:
        """What was answered, `None` if nothing is kept; `Corrupt` for a file that is not as it was written."""
        path = self._path(url)
        if not path.is_file():
            return None
        observation = None
        try:
            stored = orjson.loads(path.read_bytes())
            body = base64.b64decode(stored["body"], validate=True)
            whole = stored["format"] == _FORMAT and hashlib.sha256(body).hexdigest() == stored["sha256"]
            observation = Observation(
                url=str(stored["url"]),
                status=None if stored["status"] is None else int(stored["status"]),
                headers=tuple((str(name), str(value)) for name, value in stored["headers"]),
                body=body,
                error=None if stored["error"] is None else str(stored["error"]),
                observed_at=int(stored["observed_at"]),
            )
        except (KeyError, TypeError, ValueError):
            whole = False
        if observation is None or not whole or observation.url != url:
            raise Corrupt(f"{path} is not as it was written; remove it to ask {url[:200]} again.")
        return observation

    def write(self, observation: Observation) -> None:
        """Keep an observation in place of an earlier one."""
        document = {
            "format": _FORMAT,
            "url": observation.url,
            "status": observation.status,
            "headers": [list(pair) for pair in observation.headers],
            "error": observation.error,
            "observed_at": observation.observed_at,
            "sha256": hashlib.sha256(observation.body).hexdigest(),
            "body": base64.b64encode(observation.body).decode(),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self._path(observation.url)) as path:
            path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))

    def _path(self, url: str) -> Path:
        return self.folder / f"{hashlib.sha256(url.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}.json"
