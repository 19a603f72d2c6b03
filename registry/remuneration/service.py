"""From claims to money that arrives: what other rooms, the commands and the pages use of this one."""

from __future__ import annotations

from registry.core.settlement.rules import Deductions
from registry.remuneration.bank_details import BankDetails, bank_account_of, set_bank_account
from registry.remuneration.beancount import export_ledger
from registry.remuneration.billing import issuer_of
from registry.remuneration.claim_states import ClaimState, claim_states, pools_of_claim
from registry.remuneration.costs import (
    CostPreview,
    LicenceCost,
    PreviewCosts,
    WorkCost,
    licence_cost,
    preview_costs,
    summed,
    unit_under,
)
from registry.remuneration.earned import earned_by_work, in_total
from registry.remuneration.held import HeldMoney, list_held
from registry.remuneration.invoice_models import Invoice
from registry.remuneration.invoicing import IssueInvoices, issue_invoices, take_back
from registry.remuneration.invoicing import by_number as invoice_by_number
from registry.remuneration.ledger import balance
from registry.remuneration.members import members_report
from registry.remuneration.models import Settlement
from registry.remuneration.money import decimal, minor
from registry.remuneration.payout_models import PayoutRun
from registry.remuneration.payout_rules import check_holder, check_iban
from registry.remuneration.payouts import (
    PayoutDetails,
    PreparePayouts,
    RecordPayment,
    cancel_payouts,
    file_of,
    list_runs,
    mark_sent,
    owed_to,
    payouts_to,
    prepare_payouts,
    record_payment,
)
from registry.remuneration.published import (
    check_file_reader,
    newest_settlements,
    project_settlements,
    published_settlement,
    settlement_file,
)
from registry.remuneration.replies import take_reply
from registry.remuneration.rules import payee_account, receivable_account
from registry.remuneration.sealing import seal_bank_details
from registry.remuneration.settling import settle
from registry.remuneration.society_files import dsr_like, members_csv
from registry.remuneration.statements import (
    PoolDetails,
    SettlementDetails,
    Statement,
    get_settlement,
    list_settlements,
    statement,
    statement_totals,
)
from registry.remuneration.unclaimed import (
    Unclaimed,
    UnclaimedWork,
    lapse_unclaimed,
    list_unclaimed,
    unclaimed_works,
)

__all__ = [
    "BankDetails",
    "ClaimState",
    "CostPreview",
    "Deductions",
    "HeldMoney",
    "Invoice",
    "IssueInvoices",
    "LicenceCost",
    "PayoutDetails",
    "PayoutRun",
    "PoolDetails",
    "PreparePayouts",
    "PreviewCosts",
    "RecordPayment",
    "Settlement",
    "SettlementDetails",
    "Statement",
    "Unclaimed",
    "UnclaimedWork",
    "WorkCost",
    "balance",
    "bank_account_of",
    "cancel_payouts",
    "check_file_reader",
    "check_holder",
    "check_iban",
    "claim_states",
    "decimal",
    "dsr_like",
    "earned_by_work",
    "export_ledger",
    "file_of",
    "get_settlement",
    "in_total",
    "invoice_by_number",
    "issue_invoices",
    "issuer_of",
    "lapse_unclaimed",
    "licence_cost",
    "list_held",
    "list_runs",
    "list_settlements",
    "list_unclaimed",
    "mark_sent",
    "members_csv",
    "members_report",
    "minor",
    "newest_settlements",
    "owed_to",
    "payee_account",
    "payouts_to",
    "pools_of_claim",
    "prepare_payouts",
    "preview_costs",
    "project_settlements",
    "published_settlement",
    "receivable_account",
    "record_payment",
    "seal_bank_details",
    "set_bank_account",
    "settle",
    "settlement_file",
    "statement",
    "statement_totals",
    "summed",
    "take_back",
    "take_reply",
    "unclaimed_works",
    "unit_under",
]
