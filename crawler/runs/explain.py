"""Why one item was kept or dropped, from the papers of a run and the edition that it was judged by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from crawler import words
from crawler.modes import Mode, mode_of
from crawler.runs.layout import CODES, VERDICTS
from crawler.runs.opening import open_edition, open_manifest
from registry.core.decisions import Purpose, Verdict, inside
from registry.core.errors import NotFound
from registry.core.fingerprints import ANCHORS256, DEEP256, MINHASH128
from registry.core.records.runs import RunManifest
from registry.core.signals.summary import is_signal, purposes_in, said_from
from registry.core.snapshots import Snapshot


@dataclass(frozen=True, slots=True)
class Explanation:
    """One verdict, in sentences and as facts."""

    row: dict[str, Any]
    sentences: tuple[str, ...]
    codes: tuple[dict[str, str], ...]
    """By which it was compared: algorithm, kind and code in hexadecimal."""


def explain(run: Path, key: str, snapshot: Path | None = None) -> list[Explanation]:
    """Every item of this key (ids in JSON lines may repeat); `NotFound` if there is none.

    Where the edition is at hand, what its maker states about the matched work is told too.
    """
    manifest = open_manifest(run)
    try:
        edition = open_edition(run, manifest, snapshot)
    except NotFound:
        if snapshot is not None:
            raise
        edition = None
    found = []
    for row in _rows(run, key):
        codes = _codes(run, row)
        sentences = list(_sentences(row, manifest))
        sentences[-1:-1] = [*_how_compared(row, codes, manifest), *_signals(codes, manifest)]
        if edition is not None and row["work_id"]:
            sentences.insert(-1, _terms(row["work_id"], edition))
        found.append(Explanation(row, tuple(sentences), tuple(codes)))
    return found


def _rows(run: Path, key: str) -> list[dict[str, Any]]:
    """The items of this key; in a run over several inputs, a path within one of them will do."""
    wanted = ds.field("key") == key
    rows: list[dict[str, Any]] = []
    for condition in (wanted, pc.ends_with(ds.field("key"), "/" + key)):
        rows = rows or pq.read_table(run / VERDICTS, filters=condition).to_pylist()
    if not rows:
        raise NotFound(
            f"{run} has no item {key}. Keys are paths relative to the input, ids, line numbers, file.tar/KEY, or "
            "file.parquet#ROW."
        )
    return rows


def _codes(run: Path, row: dict[str, Any]) -> list[dict[str, str]]:
    """The codes of one item."""
    filters = [("shard", "=", row["shard"]), ("row", "=", row["row"])]
    found = pq.read_table(run / CODES, filters=filters, columns=["algorithm", "kind", "code"]).to_pylist()
    return [{**code, "code": code["code"].hex()} for code in found]


def _how_compared(row: dict[str, Any], codes: list[dict[str, str]], manifest: RunManifest) -> list[str]:
    """What was left out in comparing an item, and why that changes nothing or little."""
    made = {code["algorithm"] for code in codes}
    if row["media"] == "text" and manifest.parameters.get("lazy_signatures") and MINHASH128 not in made:
        return [
            "It was not compared as a whole (--lazy-signatures): its other codes met nothing, or had it denied."
        ]
    if row["media"] != "image":
        return []
    said = []
    if not manifest.parameters.get("exact_decode"):
        said.append(
            "If it is a JPEG, it was decoded at reduced scale, which changes its codes by 0 to 2 bits; --exact-decode "
            "decodes in full."
        )
    if codes and made.isdisjoint((ANCHORS256, DEEP256)) and Verdict(row["verdict"]) is Verdict.DENY:
        said.append("Its parts were not compared any more: it was denied for good as a whole.")
    return said


def _signals(codes: list[dict[str, str]], manifest: RunManifest) -> Iterator[str]:
    """What opt-out signals say of an item, all of them, and whether they contradict each other."""
    found = [said_from(c["algorithm"], bytes.fromhex(c["code"])) for c in codes if is_signal(c["algorithm"])]
    yield from map(words.said, found)
    asked = set(inside(Purpose(manifest.purpose)))
    refused, permitted = (
        any(asked.intersection(purposes_in(bits)) for bits in some)
        for some in ([s.denied for s in found], [s.allowed for s in found])
    )
    if refused and permitted:
        yield "They contradict each other; a refusal counts."


def _sentences(row: dict[str, Any], manifest: RunManifest) -> list[str]:
    verdict, mode = Verdict(row["verdict"]), mode_of(manifest)
    fate = "was kept" if row["kept"] else "was left out"
    found = [f"{row['key']} {fate}: {words.reason(row['reason'])}."]
    if row["mark"] == "no-reservation-found":
        found.append(
            f"Policy {manifest.policy} keeps what nobody has reserved; it is marked no-reservation-found."
        )
    elif not row["kept"] and verdict is Verdict.UNKNOWN and row["reason"] == "none-found":
        asked = mode if mode is Mode.ALLOWLIST else f"policy {manifest.policy}"
        found.append(f"This run, by {asked}, keeps only what a licence permits.")
    elif not row["kept"] and verdict is Verdict.LICENSED:
        found.append(f"This run, by {mode}, leaves out what would have to be reported.")
    if row["work_id"]:
        found.append(_match(row))
    if row["licence_id"]:
        found.append(f"It is covered by {row['licence_id']}{_price(row['tariff_id'])}.")
    others = [use["work_id"] for use in row["uses"] if use["work_id"] != row["work_id"]]
    if others:
        found.append(f"It also counts as a use of {', '.join(others)}.")
    if row["error"] and row["error"] != row["reason"]:
        found.append(f"Besides, it was not checked in full: {words.reason(row['error'])}.")
    at = datetime.fromtimestamp(manifest.at, UTC)
    found.append(
        f"Asked for {manifest.purpose} in {manifest.territory} at {at:%Y-%m-%d %H:%M} UTC, "
        f"against edition {manifest.snapshot.sequence} of the registry."
    )
    return found


def _match(row: dict[str, Any]) -> str:
    if row["shared_words"] is not None:
        shared = words.passage(row["shared_words"], row["shared_begin"], row["shared_end"])
        little = ", too little to decide" if row["grade"] == "trace" else ""
        return f"It shares {shared} with {row['work_id']} ({row['grade']}{little}; {row['algorithm']})."
    near = words.closeness(row["algorithm"], row["distance"])
    compared = f" by {words.variant(row['variant'])}" if row["algorithm"].startswith("image.") else ""
    limit = (
        f", where up to {row['radius']} count"
        if row["radius"] and row["algorithm"].startswith("image.")
        else ""
    )
    return f"It matches {row['work_id']}{compared}: {near}{limit} ({row['grade']}; {row['algorithm']})."


def _terms(work: str, edition: Snapshot) -> str:
    """What anyone may do with a work, in a sentence."""
    terms = edition.terms(edition.row_of(work))
    if terms.contested_since is not None:
        return f"Two claim to be the maker of {work}, so nobody may use it until that is settled."
    if not terms.grants:
        return f"Its maker has not opened {work} to anyone, so every use needs an agreement."
    uses = ", ".join(sorted({f"{g.purpose} in {' and '.join(g.territories)}" for g in terms.grants}))
    return f"To anyone, the maker of {work} permits: {uses}."


def _price(tariff: str | None) -> str:
    return f", priced by tariff version {tariff[:12]}…" if tariff else ", free of charge"
