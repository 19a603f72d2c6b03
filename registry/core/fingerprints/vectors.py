"""Run the vectors that ship with the package: does this installation give the frozen codes?

`vectors.json` has five lists. `planes`: noise to resize, pixel (x, y) of a plane of width w being the top
byte of `splitmix64(y w + x)`, with the SHA-256 of the resized pixels. `pictures`: PNG files with all their
codes, facts and notes. `terrains`: such noise, resized to twelve times its size and taken as a small luma, with the
SHA-256 of the records of its anchors. `texts`: with the SHA-256 of the normalised bytes and of the 525-byte signature,
and all fingerprints as [position, value].
`addresses`: with their normal form (`null` for what is no address), their code, and their scopes with their codes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any

import numpy as np

from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.fingerprints.addresses import fingerprint_url, parse_address, scopes_of
from registry.core.fingerprints.algorithms import ANCHORS256, MINHASH128, SOURCE_URL, WINNOW32
from registry.core.fingerprints.anchors import find_by_kernels, find_by_numpy
from registry.core.fingerprints.anchors_records import Anchor, packed
from registry.core.fingerprints.decode import Plane
from registry.core.fingerprints.files import fingerprint_bytes
from registry.core.fingerprints.minhash import to_lean
from registry.core.fingerprints.resize import Weights, resize, resize_by_kernel, resize_by_matrices, weights
from registry.core.fingerprints.text_engines import ManyCodes, codes_by_kernels, codes_by_numpy
from registry.core.fingerprints.text_normal import normalise

_Resizer = Callable[[Plane, Weights, Weights], Plane]
_Finder = Callable[[Plane], list[Anchor]]
_TextEngine = Callable[[Sequence[bytes]], ManyCodes]


def selftest(*, compiled: bool = False) -> int:
    """Recompute every vector; the number of values compared. `VerificationFailed` at the first that differs.

    With `compiled` the numba kernels are checked beside the numpy engines, which takes seconds where they have
    not been compiled before.
    """
    resizers: list[_Resizer] = [resize_by_matrices]
    text_engines: list[_TextEngine] = [codes_by_numpy]
    finders: list[_Finder] = [find_by_numpy]
    if compiled:
        finders.append(find_by_kernels)
        resizers.append(resize_by_kernel)
        text_engines.append(codes_by_kernels)
    checked = 0
    vectors = load_vectors()
    for plane in vectors["planes"]:
        checked += _check_plane(plane, resizers)
    for picture in vectors["pictures"]:
        checked += _check_picture(picture)
    for terrain in vectors["terrains"]:
        checked += _check_terrain(terrain, finders)
    for text in vectors["texts"]:
        checked += _check_text(text, text_engines)
    for address in vectors["addresses"]:
        checked += _check_address(address)
    return checked


def load_vectors() -> dict[str, list[dict[str, Any]]]:
    """The vectors as shipped."""
    source = resources.files(__package__).joinpath("vectors.json")
    loaded: dict[str, list[dict[str, Any]]] = json.loads(source.read_text("utf-8"))
    return loaded


def noise(width: int, height: int) -> Plane:
    """The (height, width) plane of the vectors: splitmix64 of the pixel's number, top byte."""
    z = np.arange(width * height, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(56)).astype(np.uint8).reshape(height, width)


def _check_plane(vector: dict[str, Any], resizers: list[_Resizer]) -> int:
    width, height = vector["width"], vector["height"]
    plane = noise(width, height)
    for size, expected in vector["resized_sha256"].items():
        columns, rows = map(int, size.split("x"))
        for resizer in resizers:
            resized = resizer(plane, weights(width, columns), weights(height, rows))
            _compare(f"{width}x{height} to {size}", _sha256(resized.tobytes()), expected)
    return len(vector["resized_sha256"]) * len(resizers)


def terrain(width: int, height: int) -> Plane:
    """A small luma with hills and hollows everywhere: 12 times as large as the noise that it is resized from."""
    return resize(noise(width, height), 12 * width, 12 * height)


def _check_terrain(vector: dict[str, Any], finders: list[_Finder]) -> int:
    width, height = vector["width"], vector["height"]
    for finder in finders:
        small = terrain(width, height)
        found = packed(finder(small), *small.shape)
        _compare(f"{ANCHORS256} of {width}x{height}", _sha256(found), vector["anchors_sha256"])
    return len(finders)


def _check_picture(vector: dict[str, Any]) -> int:
    result = fingerprint_bytes(base64.b64decode(vector["png"]))
    codes = {f"{f.kind}/{f.algorithm}": f.code.hex() for f in result.fingerprints}
    _compare(f"{vector['name']}: codes", codes, vector["codes"])
    _compare(f"{vector['name']}: facts", dict(result.facts), vector["facts"])
    _compare(f"{vector['name']}: notes", [note.code for note in result.notes], vector["notes"])
    return len(codes) + 2


def _check_text(vector: dict[str, Any], engines: list[_TextEngine]) -> int:
    name = f"“{vector['text'][:24]}”"
    _compare(f"{name}: normalised", _sha256(normalise(vector["text"])), vector["normalised_sha256"])
    for engine in engines:
        (codes,) = engine([vector["text"].encode()])
        _compare(f"{name}: length", codes.length, vector["normalised_bytes"])
        _compare(
            f"{MINHASH128} of {name}: first values", codes.signature[:4].tolist(), vector["first_values"]
        )
        _compare(f"{MINHASH128} of {name}", _sha256(to_lean(codes.signature)), vector["code_sha256"])
        positions, values = codes.fingerprints
        found = [[p, f"{v:016x}"] for p, v in zip(positions.tolist(), values.tolist(), strict=True)]
        _compare(f"{WINNOW32} of {name}", found, vector["fingerprints"])
    return 1 + 4 * len(engines)


def _check_address(vector: dict[str, Any]) -> int:
    name = f"{SOURCE_URL} of “{vector['text'][:40]}”"
    try:
        address = parse_address(vector["text"])
    except InvalidInput:
        _compare(name, None, vector["url"])
        return 1
    scopes = scopes_of(address.domain) if address.domain is not None else ()
    _compare(name, address.url, vector["url"])
    _compare(f"{name}: scopes", list(scopes), list(vector["scopes"]))
    codes = [f.code.hex() for f in fingerprint_url(vector["text"])]
    _compare(f"{name}: codes", codes, [vector["code"], *vector["scopes"].values()])
    return 2 + len(codes)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _compare(name: str, got: object, expected: object) -> None:
    if got != expected:
        raise VerificationFailed(
            f"This installation does not give the frozen fingerprints ({name}). Do not use its results; "
            "install the package again, with the versions in constraints.txt.",
            vector=name,
            expected=expected,
            got=got,
        )
