"""A society's report as files: a table for societies of images and texts, and a usage report for those of music.

The usage report has the shape of DDEX's Digital Sales Report (records by type, tab separated, HEAD to FOOT), which
societies' systems read. It is *DSR-like*: whoever implements DSR needs a licence of DDEX and a party id of theirs, and
DDEX has no type of use for AI; the file says so in its first line and in its version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256

from registry.base.spreadsheets import guarded, write_table
from registry.core.ids import format_id
from registry.remuneration.export import Cells, line_cells
from registry.remuneration.members import MemberLine, MembersReport
from registry.remuneration.money import decimal

COLUMNS = (
    "period",
    "member",
    "member_name",
    "work",
    "title",
    "kind",
    "identifiers",
    "lab",
    "lab_name",
    "licence",
    "right",
    "purpose",
    "part",
    "origin_period",
    "settlement",
    "claim",
    "log_index",
    "row",
    "claimed_at",
    "units",
    "unit",
    "share_ppm",
    "exact_minor",
    "amount_minor",
    "amount",
    "currency",
)


def members_csv(report: MembersReport, *, german_excel: bool = False) -> bytes:
    """RFC 4180 in UTF-8. For a German Excel with semicolons, a comma in `amount`, and the mark it knows UTF-8 by."""
    rows = (_cells(report, line) for line in report.lines)
    if not german_excel:
        return write_table(COLUMNS, rows).encode()
    rows = ({**cells, "amount": str(cells["amount"]).replace(".", ",")} for cells in rows)
    return write_table(COLUMNS, rows, delimiter=";").encode("utf-8-sig")


def _cells(report: MembersReport, line: MemberLine) -> Cells:
    return {
        **line_cells(line.entry),
        "period": str(report.period),
        "member": format_id("party", line.member),
        "member_name": guarded(line.name),
        "kind": line.kind,
        "identifiers": guarded(" ".join(f"{scheme}:{value}" for scheme, value in line.identifiers)),
        "lab_name": guarded(line.lab_name),
    }


# -- DSR-like ------------------------------------------------------------------------------------------------
NOTICE = (
    "# DSR-like: shaped after DDEX DSR, not a licensed DDEX implementation; party ids of DDEX are left empty."
)
VERSION = "dsr-like/1"
_USER_DEFINED = "UserDefined"


def dsr_like(report: MembersReport, log: str) -> bytes:
    """HEAD, a summary for each agreement and currency, a block for each work with its reported uses, FOOT.

    `SalesTransactionId` is `<log>#<log index>:<row>`: the entry of the log that proves the use. A use is listed once,
    however many members share in it; amounts that follow from declared figures are in the summaries only. Without any
    use it is HEAD and FOOT. The message's id is a digest of what it says, so no two reports have the same.
    """
    groups = _by(report.lines, lambda line: (line.entry.licence, line.entry.currency))
    numbers = {key: f"SR{n}" for n, key in enumerate(groups, 1)}
    summaries = [_summary(numbers[key], lines) for key, lines in groups.items()]
    uses = [line for line in report.lines if line.entry.part == "use"]
    blocks = _by(uses, lambda line: (format_id("work", line.entry.work),))
    blocks_of = [_block(f"B{n}", lines, numbers, log) for n, lines in enumerate(blocks.values(), 1)]
    body = [*summaries, *(record for block in blocks_of for record in block)]
    total = len(body) + 2
    foot = ["FOOT", *map(str, (total, total, len(summaries), len(blocks_of), len(blocks_of)))]
    records = [_head(report, log, body), *body, foot]
    return "".join(
        f"{line}\n" for line in (NOTICE, *("\t".join(map(_cell, record)) for record in records))
    ).encode()


def _by(
    lines: Sequence[MemberLine], key: Callable[[MemberLine], tuple[str, ...]]
) -> dict[tuple[str, ...], list[MemberLine]]:
    """Groups in the order of their keys."""
    found: dict[tuple[str, ...], list[MemberLine]] = {}
    for line in lines:
        found.setdefault(key(line), []).append(line)
    return dict(sorted(found.items()))


def _head(report: MembersReport, log: str, body: Iterable[Sequence[str]]) -> list[str]:
    said = "\n".join("\t".join(record) for record in body)
    society = format_id("party", report.society)
    digest = sha256(f"{log}\n{society}\n{report.period}\n{report.settled_at}\n{said}".encode()).hexdigest()
    last = f"{report.period.end - timedelta(days=1):%Y-%m-%d}"
    return [
        "HEAD",
        VERSION,
        _USER_DEFINED,
        "1",
        f"VB-{report.period}-{digest[:24]}",
        f"{report.settled_at:%Y-%m-%dT%H:%M:%SZ}",
        "1",
        "1",
        f"{report.period.start:%Y-%m-%d}",
        last,
        "",
        log,
        "Use of works for AI",
        "",
        report.society_name,
        "",
    ]


def _summary(number: str, lines: Sequence[MemberLine]) -> list[str]:
    """SY01.02; `NetRevenue` is what the members get of it."""
    first = lines[0]
    amount = sum(line.entry.amount_minor for line in lines)
    units = {(x.entry.log_index, x.entry.row): x.entry.units for x in lines if x.entry.part == "use"}
    return [
        "SY01.02",
        number,
        first.lab_name,
        "",
        _USER_DEFINED,
        f"{_USER_DEFINED}:{first.entry.purpose}",
        "",
        first.entry.licence,
        str(sum(units.values())),
        "",
        first.entry.currency,
        decimal(amount, first.entry.currency),
        "",
        "",
        "",
    ]


def _block(
    number: str, lines: Sequence[MemberLine], summaries: Mapping[tuple[str, ...], str], log: str
) -> list[list[str]]:
    """MW01.02 and an SU02.02 for each use of the work."""
    first = lines[0]
    work = format_id("work", first.entry.work)
    iswc = next((value for scheme, value in first.identifiers if scheme == "iswc"), "")
    head = ["MW01.02", number, work, iswc, first.entry.title, *[""] * 9, log, work, *[""] * 3]
    uses = {(line.entry.log_index, line.entry.row): line.entry for line in lines}
    return [
        head,
        *(
            [
                "SU02.02",
                number,
                summaries[entry.licence, entry.currency],
                f"{log}#{index}:{row}",
                "",
                work,
                "true",
                str(entry.units),
                "",
                "",
                f"{_USER_DEFINED}:{entry.purpose}",
            ]
            for (index, row), entry in uses.items()
        ),
    ]


def _cell(text: str) -> str:
    """One line without tabs; a bar would part two values, so it is escaped."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
