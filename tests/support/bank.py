"""A bank for tests: what it answers to our files, in the words of ISO 20022."""

from __future__ import annotations

from collections.abc import Sequence

IBANS = ("DE89370400440532013000", "FR1420041010050500013M02606", "NL91ABNA0417164300")
"""Examples of the IBAN registry: no account of anybody."""
TRUST = ("Vorbehalt Treuhand", "DE02120300000000202051")


def status(message: str, *, group: str = "PART", transactions: Sequence[tuple[str, str]] = ()) -> bytes:
    """A pain.002 about the file `message`: a status for all, and (end-to-end id, status) of single payments."""
    single = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{name}</OrgnlEndToEndId><TxSts>{code}</TxSts>"
        "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf></TxInfAndSts>"
        for name, code in transactions
    )
    batch = f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{message}</OrgnlPmtInfId>{single}</OrgnlPmtInfAndSts>"
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>'
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{message}</OrgnlMsgId><GrpSts>{group}</GrpSts></OrgnlGrpInfAndSts>"
        f"{batch if single else ''}</CstmrPmtStsRpt></Document>"
    ).encode()


def booked(*entries: tuple[str, str, str], status: str = "BOOK", currency: str = "EUR") -> bytes:
    """A camt.053 with one entry for each (DBIT or CRDT, end-to-end id, amount)."""
    found = "".join(
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd><Sts><Cd>{status}</Cd></Sts><NtryDtls>'
        f"<TxDtls><Refs><EndToEndId>{name}</EndToEndId></Refs>"
        f"{'<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>' if way == 'CRDT' else ''}</TxDtls></NtryDtls></Ntry>"
        for way, name, amount in entries
    )
    return _statement(found)


def booked_at_once(message: str, amount: str) -> bytes:
    """A camt.053 in which the whole file is one entry."""
    return _statement(
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        f"<NtryDtls><Btch><PmtInfId>{message}</PmtInfId></Btch></NtryDtls></Ntry>"
    )


def _statement(entries: str) -> bytes:
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>'
        f"{entries}</Stmt></BkToCstmrStmt></Document>"
    ).encode()
