"""What the bank answers, read safely: pain.002 (how it took a file) and camt.053 (what was booked on the account).

Only two things matter of an answer: which of our payments have left the account, and which came back. Files come from
outside, so entities and document types are refused (`defusedxml`), and what is said in a way that we do not know is
never taken for a payment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from registry.core.errors import InvalidInput
from registry.remuneration.payout_rules import State

MAX_BYTES = 64 << 20
_NAMESPACE = re.compile(r"\{urn:iso:std:iso:20022:tech:xsd:(pain\.002|camt\.053)\.001\.\d\d\}Document\Z")
_AMOUNT = re.compile(r"(\d{1,14})(?:\.(\d{1,5}))?\Z", re.ASCII)
_SETTLED = frozenset({"ACSC", "ACCC"})
"""Booked on our account, or on the payee's (ISO 20022 external code set ExternalPaymentTransactionStatus1)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one payment, or (without `end_to_end_id`) of all payments of a file."""

    message_id: str | None
    """Of our file; an account statement names payments only."""
    end_to_end_id: str | None
    state: State
    """Settled or returned."""
    amount_minor: int | None
    """Given by an account statement; it has to be the payment's, or the sum of the file's."""
    currency: str | None = None
    reason: str | None = None


def read_reply(data: bytes) -> tuple[str, list[Answer]]:
    """The kind of the file (`pain.002` or `camt.053`), and what it says of payments that are through.

    `InvalidInput` for anything that is no such file.
    """
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"A reply of the bank has at most {MAX_BYTES >> 20} MiB.")
    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        raise InvalidInput(
            "This is not the XML of a bank: it cannot be read, or declares entities."
        ) from None
    found = _NAMESPACE.fullmatch(root.tag)
    if found is None:
        raise InvalidInput("This is neither pain.002 nor camt.053; ask the bank for one of them in XML.")
    return found[1], list(_status(root) if found[1] == "pain.002" else _statement(root))


# -- pain.002 ------------------------------------------------------------------------------------------------
def _status(root: Any) -> Iterator[Answer]:
    """A status stands for the whole file, for its one batch, or for one payment; the narrower one counts."""
    group = _one(root, "CstmrPmtStsRpt/OrgnlGrpInfAndSts")
    message = _text(group, "OrgnlMsgId")
    if message is None:
        raise InvalidInput("The status report does not say which file it is about.")
    single = list(_all(root, "CstmrPmtStsRpt/OrgnlPmtInfAndSts/TxInfAndSts"))
    for transaction in single:
        state = _state(_text(transaction, "TxSts"))
        if state is not None:
            end_to_end = _text(transaction, "OrgnlEndToEndId")
            if end_to_end is None:
                raise InvalidInput("The status report speaks of a payment without its end-to-end id.")
            yield Answer(message, end_to_end, state, None, reason=_reason(transaction, "StsRsnInf"))
    if single:
        return
    batches = list(_all(root, "CstmrPmtStsRpt/OrgnlPmtInfAndSts"))
    for whole, name in [(batch, "PmtInfSts") for batch in batches] or [(group, "GrpSts")]:
        state = _state(_text(whole, name))
        if state is not None:
            yield Answer(message, None, state, None, reason=_reason(whole, "StsRsnInf"))


def _state(code: str | None) -> State | None:
    if code == "RJCT":
        return State.RETURNED
    return State.SETTLED if code in _SETTLED else None


# -- camt.053 ------------------------------------------------------------------------------------------------
def _statement(root: Any) -> Iterator[Answer]:
    """Booked entries: a debit settles a payment, or a whole file booked at once; a credit of it is its return."""
    for entry in _all(root, "BkToCstmrStmt/Stmt/Ntry"):
        status = _text(entry, "Sts/Cd") or _text(entry, "Sts")
        if status != "BOOK":
            continue
        direction = _text(entry, "CdtDbtInd")
        if direction not in {"DBIT", "CRDT"}:
            raise InvalidInput("An entry of the account statement is neither debit nor credit.")
        state = State.SETTLED if direction == "DBIT" else State.RETURNED
        details = list(_all(entry, "NtryDtls"))
        single = [t for d in details for t in _all(d, "TxDtls")]
        if single:
            yield from _one_by_one(entry, single, state)
        elif details and state is State.SETTLED:
            yield from _all_at_once(entry, details[0])


def _one_by_one(entry: Any, transactions: Sequence[Any], state: State) -> Iterator[Answer]:
    """The payments of an entry; what has no end-to-end id is none of ours.

    A payment that is alone in its entry may leave the amount to the entry.
    """
    for transaction in transactions:
        end_to_end = _text(transaction, "Refs/EndToEndId")
        if end_to_end is None:
            continue
        amount = _first(transaction, "Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt")
        if amount is None and len(transactions) == 1:
            amount = _first(entry, "Amt")
        minor, currency = _amount(amount)
        yield Answer(None, end_to_end, state, minor, currency, _reason(transaction, "RtrInf"))


def _all_at_once(entry: Any, details: Any) -> Iterator[Answer]:
    """The one answer for a file that was booked as a whole; nothing if the entry does not name a file."""
    batch = _text(details, "Btch/PmtInfId") or _text(details, "Btch/MsgId")
    if batch is not None:
        minor, currency = _amount(_first(entry, "Amt"))
        yield Answer(batch, None, State.SETTLED, minor, currency)


def _amount(element: Any) -> tuple[int, str]:
    """Cents, exactly; `InvalidInput` for a missing amount, and for parts of a cent."""
    text = (element.text or "").strip() if element is not None else ""
    found = _AMOUNT.fullmatch(text)
    places = (found[2] or "").rstrip("0") if found else ""
    if found is None or len(places) > 2:
        raise InvalidInput(f"The account statement has an amount of “{text[:20]}”; nothing was booked.")
    return int(found[1]) * 100 + int(places.ljust(2, "0")), str(element.get("Ccy"))


# -- elements, whatever the version's namespace ----------------------------------------------------------------
def _all(element: Any, path: str) -> Iterator[Any]:
    found: Sequence[Any] = [element]
    for name in path.split("/"):
        found = [child for parent in found for child in parent if child.tag.rpartition("}")[2] == name]
    yield from found


def _first(element: Any, *paths: str) -> Any:
    return next((found for path in paths for found in _all(element, path)), None)


def _one(element: Any, path: str) -> Any:
    found = list(_all(element, path))
    if len(found) != 1:
        raise InvalidInput(f"The bank's file has {len(found)} elements {path} where there is one.")
    return found[0]


def _text(element: Any, path: str) -> str | None:
    found = _first(element, path)
    text = (found.text or "").strip() if found is not None else ""
    return text or None


def _reason(element: Any, name: str) -> str | None:
    code = _text(element, f"{name}/Rsn/Cd") or _text(element, f"{name}/Rsn/Prtry")
    return code[:200] if code else None
