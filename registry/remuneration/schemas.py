"""The JSON of statements and settlements. Amounts are whole minor units beside their currency."""

from __future__ import annotations

from marshmallow import fields

from registry.base.schemas import Hex, PublicId, Strict, Time, page_of


class StatementQuery(Strict):
    """Which period, and for whom you collect if not for yourself; the operator may name any party."""

    period = fields.String(required=True, metadata={"example": "2026-Q4"})
    on_behalf_of = PublicId("party", load_default=None)


def _totals() -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "Minor units by currency.", "example": {"EUR": 1234}},
    )


class StatementLineView(Strict):
    """One reported use, and what is owed for it."""

    settlement = PublicId("settlement")
    settled_at = Time()
    claim = PublicId("claim")
    log_index = fields.Integer(metadata={"description": "Of the claim's entry in the usage log."})
    row = fields.Integer(metadata={"description": "In the claim, from 0."})
    claimed_at = Time()
    lab = PublicId("party")
    work = PublicId("work")
    title = fields.String()
    licence = fields.String()
    tariff_sha256 = Hex(attribute="tariff")
    units = fields.Integer()
    unit = fields.String()
    share_ppm = fields.Integer(attribute="ppm")
    exact_minor = fields.String(
        metadata={"description": "After deductions, before rounding: n/d minor units."}
    )
    amount_minor = fields.Integer()
    currency = fields.String()
    management_deduction_exact_minor = fields.String(
        attribute="management_exact", metadata={"description": "Deducted from your part, n/d minor units."}
    )
    other_deduction_exact_minor = fields.String(
        attribute="other_exact", metadata={"description": "For social and cultural ends."}
    )
    right = fields.String(metadata={"description": "Category of right."})
    purpose = fields.String(metadata={"description": "Type of use: for what the licence permits it."})
    part = fields.String(
        metadata={"description": "use, or of which declared figure it is a share: net_income.2@17."}
    )
    origin_period = fields.String(
        allow_none=True,
        metadata={"description": "If it was held and is released: the quarter it is of.", "example": None},
    )
    held_by = PublicId("settlement", allow_none=True, metadata={"example": None})


class HeldQuery(Strict):
    """For whom you collect, if not for yourself; the operator may name any party, and sees all without."""

    on_behalf_of = PublicId("party", load_default=None)


class HeldMoneyView(Strict):
    """What is held of one work's use in one quarter, for one reason."""

    work = PublicId("work")
    title = fields.String()
    period = fields.String()
    currency = fields.String()
    amount_minor = fields.Integer()
    state = fields.String(
        metadata={"description": "contested, overclaimed, unknown, lapsed, ready or lost", "example": "ready"}
    )
    lapses_on = fields.Date(
        allow_none=True, metadata={"description": "From when on it cannot be distributed."}
    )


class HeldList(Strict):
    """By quarter, title and work."""

    items = fields.List(fields.Nested(HeldMoneyView))


class OpeningView(Strict):
    """Where you are in a settlement's published files: a commitment there, which only the salt opens."""

    settlement = PublicId("settlement")
    commitment = Hex()
    salt = Hex()


class StatementView(Strict):
    """All that a period's settlements attributed to one party."""

    party = PublicId("party")
    period = fields.String()
    name = fields.String()
    totals = _totals()
    management_deductions = _totals()
    other_deductions = _totals()
    paid = _totals()
    outstanding = _totals()
    openings = fields.List(fields.Nested(OpeningView))
    lines = fields.List(fields.Nested(StatementLineView))


class SettlementView(Strict):
    """A settlement as the log commits to it."""

    id = PublicId("settlement", attribute="public_id")
    period = fields.String()
    closing_size = fields.Integer(metadata={"description": "Of the usage log: entries below it were taken."})
    log_index = fields.Integer(metadata={"description": "Of the entry with both roots."})
    input_root = Hex()
    output_root = Hex()
    claims = fields.Integer(attribute="claim_count")
    lines = fields.Integer(attribute="line_count")
    released = fields.Integer(
        attribute="released_count", metadata={"description": "Held lines given to their holders."}
    )
    settled_at = Time()


class PoolView(Strict):
    """What one lab owes under one agreement."""

    licence = fields.String()
    lab = PublicId("party")
    period = fields.String(
        metadata={"description": "In which the claims came in, or for which a figure was declared."}
    )
    part = fields.String(
        metadata={"description": "use, or the figure, component and entry: net_income.2@17."}
    )
    tariff_sha256 = Hex(attribute="tariff")
    currency = fields.String()
    flat_minor = fields.Integer()
    total_minor = fields.Integer()


class HoldView(Strict):
    """A component that was not settled, because a figure is missing."""

    licence = fields.String()
    period = fields.String()
    component = fields.Integer(metadata={"description": "Its place in the tariff, from 0."})
    figure = fields.String(metadata={"example": "net_income"})
    reason = fields.String(metadata={"description": "not-over, not-declared or model-missing"})


class SettlementDetailsView(Strict):
    """A settlement with what you owe in it; the operator and auditors see what everybody owes."""

    settlement = fields.Nested(SettlementView)
    totals = _totals()
    pools = fields.List(fields.Nested(PoolView))
    held = fields.List(fields.Nested(HoldView))


SettlementList = page_of("settlement", SettlementView)


class BankAccountArguments(Strict):
    """Where you want to be paid."""

    holder = fields.String(required=True, metadata={"example": "Anna Beispiel"})
    iban = fields.String(required=True, metadata={"example": "DE89 3704 0044 0532 0130 00"})
    password = fields.String(required=True, load_only=True, metadata={"example": "seven quiet herons"})


class BankAccountView(Strict):
    """As much of it as is shown."""

    holder = fields.String()
    iban = fields.String(metadata={"description": "Country and last four digits.", "example": "DE… 3000"})
    recorded_at = Time()
    payable_from = Time(metadata={"description": "No payment goes there earlier."})


class PayoutView(Strict):
    """One payment to you."""

    run = PublicId("payout")
    reference = fields.String(metadata={"description": "On your bank statement, the end-to-end id."})
    iban = fields.String()
    amount_minor = fields.Integer()
    currency = fields.String()
    state = fields.String(metadata={"description": "prepared, sent, settled or returned"})
    reason = fields.String(allow_none=True)
    prepared_at = Time()
    changed_at = Time()


class PayoutsView(Strict):
    """What was paid to you, newest first, and what stands on your account."""

    owed = _totals()
    payouts = fields.List(fields.Nested(PayoutView))
