"""A statement as a letter: what Directive 2014/26/EU, Art. 18 (VGG § 54) says that a holder of rights is told."""

from __future__ import annotations

from collections.abc import Mapping

from registry.core.ids import format_id
from registry.core.settlement.periods import Period
from registry.remuneration.paper import Paper, to_pdf
from registry.remuneration.statements import Statement, StatementEntry
from registry.web.formats import day, figure, money, percent
from registry.web.i18n import gettext as _
from registry.web.purposes import purpose_word


def statement_pdf(statement: Statement) -> bytes:
    """In the language of the page. Each line has the claim, whose receipt proves it, and its place in the log."""
    period = Period.parse(statement.period)
    span = _("%(first)s up to, not including, %(end)s", first=day(period.start), end=day(period.end))
    reproduction = _("Reproduction")
    facts = [
        (_("For"), f"{statement.name}, {format_id('party', statement.party)}"),
        (_("Period of use"), span),
        (_("Attributed to you in this quarter"), _amounts(statement.totals)),
        (_("Deducted for management"), _amounts(statement.management_deductions)),
        (_("Other deductions"), _amounts(statement.other_deductions)),
        (_("Paid so far, of all quarters"), _amounts(statement.paid)),
        (_("Still to be paid, of all quarters"), _amounts(statement.outstanding)),
    ]
    rows = [
        (
            line.title,
            ", ".join(
                [reproduction, purpose_word(line.purpose), *_share_of(line.part), *_held_until_now(line)]
            ),
            f"#{figure(line.log_index)} / {line.row + 1}",
            format_id("claim", line.claim),
            f"{figure(line.units)} {line.unit}",
            percent(line.ppm),
            money(line.amount_minor, line.currency),
        )
        for line in statement.lines
    ]
    columns = (
        _("Work"),
        _("Right and use"),
        _("Log entry, row"),
        _("Claim"),
        _("Use"),
        _("Share"),
        _("Amount"),
    )
    proof = _(
        "Every line comes from a claim in the public log. Whoever has its receipt can check it without us."
    )
    return to_pdf(
        Paper(
            title=_("Statement %(period)s", period=statement.period),
            facts=facts,
            columns=columns,
            rows=rows,
            widths=(0.22, 0.16, 0.12, 0.18, 0.1, 0.1, 0.12),
            notes=[proof],
        )
    )


def _amounts(totals: Mapping[str, int]) -> str:
    return ", ".join(money(amount, currency) for currency, amount in sorted(totals.items())) or "0"


def _share_of(part: str) -> list[str]:
    """Of which declared figure the line is a share; nothing for the use itself."""
    words = {
        "net_income": _("Share of the net income of the lab"),
        "downstream_income": _("Share of what its output earns"),
        "model_versions": _("Price of its model versions"),
    }
    return [] if part == "use" else [words[part.partition(".")[0]]]


def _held_until_now(line: StatementEntry) -> list[str]:
    """Of which quarter it is, if it was held or unclaimed until it was released."""
    if line.origin_period is None:
        return []
    return [_("Of %(quarter)s, was held until now", quarter=line.origin_period)]
