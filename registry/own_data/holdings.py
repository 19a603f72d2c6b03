"""Which rows of which tables are about an account. A test holds it against the schema: no table is forgotten.

A path leads from a table, column by column through foreign keys, to the account: `version_id.work_id.owner_id` are the
codes of the versions of the account's works.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """The rows of one table that are the account's: by any of these paths."""

    table: str
    paths: tuple[str, ...]
    also: tuple[str, ...] = ()
    """Columns of other tables, by path, without which a row cannot be understood."""
    without: frozenset[str] = frozenset()
    """Secrets, of which only a digest is kept anyway."""


_OF_WORK = ("work_id.owner_id",)
_TITLES = ("work_id.owner_id", "earlier_id.owner_id")
_SIDES = ("owner_id", "licensee_id")

SECTIONS = (
    Section("party", ("id",), without=frozenset({"password"})),
    Section("api_key", ("party_id",), without=frozenset({"digest"})),
    Section("login_session", ("party_id",), without=frozenset({"digest"})),
    Section("passkey", ("party_id",)),
    Section("mandate", ("principal_id", "agent_id")),
    Section("mandate_version", ("mandate_id.principal_id", "mandate_id.agent_id")),
    Section("model", ("lab_id",)),
    Section("domain_claim", ("owner_id",)),
    Section("work", ("owner_id",)),
    Section("work_revision", _OF_WORK),
    Section("work_version", _OF_WORK),
    Section(
        "fingerprint",
        ("version_id.work_id.owner_id",),
        also=("version_id.work_id", "version_id.number"),
    ),
    Section("work_preview", _OF_WORK, without=frozenset({"path", "key"})),
    Section("identifier", _OF_WORK),
    Section("source_url", _OF_WORK),
    Section("share", (*_OF_WORK, "party_id")),
    Section("reservation", _OF_WORK),
    Section("contest", _TITLES),
    Section(
        "title_decision",
        tuple(f"contest_id.{path}" for path in _TITLES),
        also=("contest_id.work_id", "contest_id.earlier_id"),
    ),
    Section(
        "hint_review",
        ("hint_id.work_id.owner_id", "hint_id.other_id.owner_id"),
        also=("hint_id.found_at",),
    ),
    Section("bulk_upload", ("party_id",)),
    Section("bulk_row", ("upload_id.party_id",), also=("upload_id.created_at",)),
    Section("tariff", ("owner_id",)),
    Section("tariff_version", ("tariff_id.owner_id",)),
    Section("offer", ("owner_id",), also=("tariff_version_id.tariff_id", "tariff_version_id.version")),
    Section("offer_work", ("offer_id.owner_id", "work_id.owner_id")),
    Section("offer_licensee", ("offer_id.owner_id", "party_id")),
    Section("agreement", _SIDES, also=("tariff_version_id.tariff_id", "tariff_version_id.version")),
    Section("licence_request", _SIDES),
    Section("licence_request_work", tuple(f"request_id.{side}" for side in _SIDES)),
    Section("basket_work", ("party_id",)),
    Section("run", ("lab_id",)),
    Section("claim_batch", ("lab_id",), also=("run_id.run_id",)),
    Section(
        "claim_row",
        ("batch_id.lab_id", "work_id.owner_id"),
        also=("batch_id.lab_id", "batch_id.model_id", "batch_id.submitted_at", "batch_id.log_index"),
    ),
    Section("declaration", ("lab_id",)),
    Section("statement_line", ("party_id",), also=("settlement_id.period", "claim_batch_id.lab_id")),
    Section("settlement_pool", ("lab_id",)),
    Section("settlement_payee", ("party_id",)),
    Section("bank_account", ("party_id",)),
    Section("payout", ("party_id",), also=("run_id.prepared_at",)),
    Section("payout_event", ("payout_id.party_id",), also=("payout_id.end_to_end_id",)),
    Section("billing_details", ("party_id",)),
    Section("invoice", ("lab_id",), without=frozenset({"pdf"})),
    Section("notice", ("party_id",)),
    Section("notice_opt_out", ("party_id",)),
    Section("letter", ("party_id",)),
    Section("address_link", ("party_id",), without=frozenset({"digest"})),
    Section("job", ("party_id",)),
)

LEFT_OUT = {
    "passkey_challenge": "random questions to a device, which end within minutes",
    "login_attempts": "digests of addresses, which end within a day",
    "rate_window": "counts of requests, which end within a day",
    "stored_answer": "answers to repeated requests, sealed with the request itself; they end within days",
    "likeness_hint": "about works of two owners, for the operator to look at; nothing follows from it",
    "hints_looked": "about nobody",
    "edition": "published, about nobody alone",
    "log_head": "published, about nobody alone",
    "log_entry": "published",
    "log_node": "published, about nobody alone",
    "log_checkpoint": "published, about nobody alone",
    "settlement": "about all whom it pays; the account's own lines are in statement_line",
    "settlement_file": "about all whom it pays",
    "settled_claim": "about nobody alone",
    "released_line": "about nobody alone",
    "settlement_hold": "about prices",
    "flat_charge": "about prices",
    "declared_charge": "about prices; what was declared is in declaration",
    "ledger_entry": "sums, which follow from statement_line, payout and invoice",
    "ledger_posting": "sums, which follow from statement_line, payout and invoice",
    "payout_run": "about all whom it pays; the account's own payments are in payout",
    "bank_reply": "a digest of a file of the bank",
}
"""Why the other tables are in no export."""
