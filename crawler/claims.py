"""What was used under licence, from a run to a claim batch; and the receipt that comes back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path

import orjson

from crawler import durable
from crawler.client import Client
from crawler.runs import papers
from crawler.runs.layout import RECEIPT, SIGNATURE, VERDICTS
from crawler.runs.opening import open_manifest
from crawler.runs.signing import check_signature
from registry.core.errors import InvalidInput, NetworkFailed, VerificationFailed
from registry.core.records.canonical import parse_canonical
from registry.core.records.claims import ClaimRow, How, format_rows, parse_rows, rows_root
from registry.core.records.leaves import AnyLeaf, UseLeaf, parse_leaf
from registry.core.records.receipts import verify_receipt
from registry.core.records.runs import RunManifest
from registry.core.tlog.policies import Policy
from registry.core.tlog.proofs import Proof


@dataclass(frozen=True, slots=True)
class Batch:
    """What can be reported: how often one run used which works under which licences."""

    manifest: RunManifest
    rows: tuple[ClaimRow, ...]
    """Sorted as they are hashed."""
    signature: str | None = None
    """The lab's signature of the run, if it has one."""

    @property
    def root(self) -> str:
        """Hex root over the rows, to which the log's entry commits."""
        return rows_root(format_rows(self.rows)).hex()

    @property
    def works(self) -> int:
        """How many works were used."""
        return len({row.work for row in self.rows})

    @property
    def units(self) -> int:
        """How many items of the run were one of these works."""
        return sum(row.units for row in self.rows)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The registry's answer."""

    claim: str
    log_index: int
    receipt: str


def build_claim(run: Path) -> Batch:
    """All licensed uses of a run, one unit an item.

    `InvalidInput` if there are none, or it was a dry run: nothing has to be reported.
    `VerificationFailed` if the verdicts are not those
    that the manifest names, so that nobody reports from papers that were changed.
    """
    manifest = open_manifest(run)
    if durable.sha256_of(run / VERDICTS) != manifest.verdicts.sha256:
        raise VerificationFailed(f"{run / VERDICTS} was changed after the run; do not report from it.")
    if manifest.parameters.get("dry_run"):
        raise InvalidInput(f"{run} was a dry run, which used nothing; there is nothing to report.")
    units: Counter[tuple[str, str, How]] = Counter()
    for row in papers.read_parquet(run / VERDICTS, papers.VERDICTS):
        for use in row["uses"]:
            units[use["work_id"], use["licence_id"], How(use["how"])] += 1
    if not units:
        raise InvalidInput(f"{run} used nothing under a licence of yours; there is nothing to report.")
    rows = [ClaimRow(work, licence, how, number) for (work, licence, how), number in units.items()]
    signed = check_signature(run, manifest.run_id) is not None
    signature = (run / SIGNATURE).read_text("utf-8") if signed else None
    return Batch(manifest, tuple(parse_rows(format_rows(rows))), signature)


def submit(client: Client, batch: Batch, model: str, policy: str | None) -> Acknowledged:
    """Report the batch. The receipt is checked to be for these rows and, with a policy, to hold.

    Times, host and paths (`runtime`) stay here: they are not part of what the run's id is the digest of. The run's
    signature travels in their place.
    """
    runtime = {} if batch.signature is None else {"signature": batch.signature}
    manifest = replace(batch.manifest, runtime=runtime)
    rows = [
        {"work": row.work, "licence": row.licence, "units": row.units, "how": int(row.how)}
        for row in batch.rows
    ]
    document = {"manifest": orjson.loads(manifest.to_bytes()), "model": model, "rows": rows}
    answer = client.post("/v1/claims", document, repeatable=True)
    try:
        claim, index = str(answer["id"]), int(answer["log_index"])
        receipt = answer.get("receipt") or client.text(f"/v1/claims/{claim}/receipt")
    except (KeyError, TypeError, ValueError) as problem:
        raise NetworkFailed(f"The server's answer cannot be understood: {problem}.") from problem
    _check(receipt, batch, index, policy)
    return Acknowledged(claim, index, receipt)


def _check(receipt: str, batch: Batch, index: int, policy: str | None) -> None:
    """That the receipt's entry commits to exactly what was reported."""
    proof = Proof.parse(receipt)
    trusted = None if policy is None else Policy.parse(policy)
    leaf = _claimed_leaf(proof) if trusted is None else verify_receipt(receipt, trusted).leaf
    if not isinstance(leaf, UseLeaf) or (leaf.root, leaf.rows) != (batch.root, len(batch.rows)):
        raise VerificationFailed(
            "The receipt is for something other than what was reported; tell the registry."
        )
    if proof.index != index:
        raise VerificationFailed(f"The receipt is for entry {proof.index}, not {index}; tell the registry.")


def _claimed_leaf(proof: Proof) -> AnyLeaf:
    """The entry that an unverified receipt carries; `VerificationFailed` if it carries none."""
    try:
        extra = parse_canonical(proof.extra or b"", "The receipt's extra line")
        return parse_leaf(extra["leaf"].encode())
    except (InvalidInput, KeyError, TypeError, AttributeError) as problem:
        raise VerificationFailed(f"The receipt carries no entry of the log: {problem}") from problem


def save_receipt(run: Path, receipt: str) -> Path:
    """Keep the receipt with the run; a newer one for the same entry takes the place of the older.

    A run that was claimed for a second model has a second entry in the log, and so a second receipt.
    """
    entry = _entry(receipt)
    names = chain([RECEIPT], (f"receipt-{number}.tlog-proof" for number in count(2)))
    path = next(
        p for name in names if not (p := run / name).exists() or _entry(p.read_text("utf-8")) == entry
    )
    durable.replace_file(path, receipt.encode())
    return path


def _entry(receipt: str) -> tuple[int, bytes | None]:
    proof = Proof.parse(receipt)
    return proof.index, proof.extra
