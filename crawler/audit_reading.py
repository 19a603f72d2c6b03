"""A log as it is served: the checkpoint, entries and hashes, from a registry or from a copy of its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from crawler.client import Client
from registry.core.errors import NetworkFailed, NotFound, VerificationFailed
from registry.core.tlog import tiles
from registry.core.tlog.merkle import HASH_BYTES
from registry.core.tlog.tiles import Tile

_OF_A_REGISTRY = "/v1/log"


class ServedLog:
    """One log over HTTP."""

    def __init__(self, client: Client) -> None:
        """At the address of a registry, or at that of the log itself."""
        self._client = client
        self._prefix = _OF_A_REGISTRY

    def checkpoint(self) -> bytes:
        """The newest signed checkpoint, unverified."""
        found = self._get("checkpoint")
        if found is None:
            self._prefix = ""
            found = self._get("checkpoint")
        if found is None:
            raise NetworkFailed("There is no log at this address: neither checkpoint nor v1/log/checkpoint.")
        return found

    def policy(self) -> str:
        """What the operator proposes to trust."""
        found = self._get("policy")
        if found is None:
            raise NetworkFailed("The log has no policy to take over; give one with --policy.")
        return found.decode("utf-8", "replace")

    def entries(self, start: int, stop: int) -> list[bytes]:
        """The entries [start, stop) of one bundle, in which the log had at least `stop`."""
        index = start // tiles.WIDTH
        data = self._tile(Tile(None, index, stop - index * tiles.WIDTH))
        found = tiles.unbundle(data)
        if len(found) < stop - index * tiles.WIDTH:
            raise VerificationFailed(
                f"The log serves {len(found)} entries in bundle {index}; it signed more."
            )
        return found[: stop - index * tiles.WIDTH]

    def hashes(self, tile: Tile) -> list[bytes]:
        """The hashes of a tile."""
        data = self._tile(tile)
        if len(data) < tile.width * HASH_BYTES or len(data) % HASH_BYTES:
            raise VerificationFailed(f"The log serves a damaged {tile.path}.")
        return [data[i * HASH_BYTES : (i + 1) * HASH_BYTES] for i in range(tile.width)]

    def stored(self, size: int) -> tiles.Hashes:
        """The tree of this size, as proofs are computed from it."""

        def read(level: int, start: int, stop: int) -> Sequence[bytes]:
            found: list[bytes] = []
            for index in range(start // tiles.WIDTH, (stop - 1) // tiles.WIDTH + 1):
                first = index * tiles.WIDTH
                width = min(tiles.WIDTH, (size >> tiles.HEIGHT * level) - first)
                found += self.hashes(Tile(level, index, width))[max(start - first, 0) : stop - first]
            return found

        return read

    def of_settlement(self, settlement: str, side: str, name: str) -> bytes:
        """A file that a settlement in the log commits to: beside the log at a registry, else below it."""
        prefix = "/v1" if self._prefix == _OF_A_REGISTRY else ""
        found = found_at(self._client, f"{prefix}/settlements/{quote(settlement, safe='')}/{side}/{name}")
        if found is None:
            raise VerificationFailed(f"{settlement}: {side}/{name} is missing, which the log commits to.")
        return found

    def _tile(self, tile: Tile) -> bytes:
        """A partial tile may be gone once the whole one is there (c2sp.org/tlog-tiles)."""
        found = self._get(tile.path)
        if found is None and tile.width < tiles.WIDTH:
            found = self._get(replace(tile, width=tiles.WIDTH).path)
        if found is None:
            raise VerificationFailed(f"The log does not serve {tile.path}, which it signed.")
        return found

    def _get(self, path: str) -> bytes | None:
        return found_at(self._client, f"{self._prefix}/{path}")


def found_at(client: Client, path: str) -> bytes | None:
    """What is served at this path; `None` if nothing is."""
    try:
        return client.content(path)
    except NotFound:
        return None
    except NetworkFailed as problem:
        if problem.details.get("status") == 404:
            return None
        raise
