"""The file for the bank: ISO 20022 pain.001.001.09 by `sepaxml`, with ids of our own so that it is always the same.

No postal address is in it: unstructured ones are refused from 15 November 2026 on (EPC SEPA rulebooks 2025), and a
transfer within SEPA needs none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from importlib.resources import files
from io import BytesIO
from itertools import zip_longest
from typing import Any

from lxml import etree
from sepaxml import SepaTransfer

from registry.core.errors import InvalidInput
from registry.remuneration.money import decimal
from registry.remuneration.payout_rules import CURRENCY, Payment, check_holder, check_iban, check_payments

SCHEMA = "pain.001.001.09"
_NAMESPACE = f"{{urn:iso:std:iso:20022:tech:xsd:{SCHEMA}}}"


def bank_file(
    holder: str,
    iban: str,
    message_id: str,
    payments: Sequence[Payment],
    made_at: datetime,
    execution: date,
    purpose: str,
) -> bytes:
    """The payments from the account of `holder`, checked by us and then against the schema.

    `InvalidInput` if anything is wrong with any payment. The same arguments give the same bytes.
    """
    check_payments(payments)
    config = {"name": check_holder(holder), "IBAN": check_iban(iban), "currency": CURRENCY, "batch": True}
    transfer = SepaTransfer(config, schema=SCHEMA, clean=True)
    for payment in payments:
        transfer.add_payment(
            {
                "name": payment.holder,
                "IBAN": payment.iban,
                "amount": payment.amount_minor,
                "execution_date": execution,
                "description": purpose,
                "endtoend_id": payment.end_to_end_id,
            }
        )
    tree = etree.parse(BytesIO(transfer.export(validate=False)), _parser())
    # sepaxml takes the time of day and random numbers here; then no file could be made a second time
    for place, text in (
        ("GrpHdr/MsgId", message_id),
        ("GrpHdr/CreDtTm", f"{made_at:%Y-%m-%dT%H:%M:%SZ}"),
        ("PmtInf/PmtInfId", message_id),
    ):
        _find(tree, place).text = text
    _check(tree, payments)
    return bytes(etree.tostring(tree, xml_declaration=True, encoding="UTF-8"))


def _check(tree: Any, payments: Sequence[Payment]) -> None:
    """What the file says, once more: the schema's rules, the number of payments, their sum, and each of them."""
    schema = etree.XMLSchema(
        etree.fromstring(files("sepaxml").joinpath(f"schemas/{SCHEMA}.xsd").read_bytes())
    )
    if not schema.validate(tree):
        raise InvalidInput(f"The bank file does not follow its schema: {schema.error_log.last_error.message}")
    total = decimal(sum(payment.amount_minor for payment in payments), CURRENCY)
    said = (_find(tree, "GrpHdr/NbOfTxs").text, _find(tree, "GrpHdr/CtrlSum").text)
    if said != (str(len(payments)), total):
        raise InvalidInput(
            f"The bank file says {said[0]} payments of {said[1]} altogether; nothing was prepared."
        )
    meant = [(p.end_to_end_id, decimal(p.amount_minor, CURRENCY), CURRENCY, p.iban) for p in payments]
    for one, other in zip_longest(_transfers(tree), meant):
        if one != other:
            raise InvalidInput(f"The bank file does not say what was meant by {(other or one)[0]}.")


def _transfers(tree: Any) -> Iterator[tuple[str, str, str, str]]:
    """(end-to-end id, amount, currency, IBAN) of each payment, in the file's order."""
    for transfer in tree.iter(f"{_NAMESPACE}CdtTrfTxInf"):
        name, amount, iban = (
            transfer.find("/".join(_NAMESPACE + part for part in place.split("/")))
            for place in ("PmtId/EndToEndId", "Amt/InstdAmt", "CdtrAcct/Id/IBAN")
        )
        yield name.text, amount.text, amount.get("Ccy"), iban.text


def _find(tree: Any, place: str) -> Any:
    path = "/".join(_NAMESPACE + name for name in ("CstmrCdtTrfInitn", *place.split("/")))
    found = tree.getroot().findall(path)
    if len(found) != 1:
        raise InvalidInput(f"The bank file has {len(found)} elements {place}; nothing was prepared.")
    return found[0]


def _parser() -> Any:
    return etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True)
