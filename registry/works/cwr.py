"""Read a society's repertoire: CISAC's Common Works Registration, 2.1 and 2.2 (CWR06-1972R7, CWR11-1494). Pure.

A line is a record of fixed columns. A file is HDR, groups from GRH to GRT, TRL; a group has transactions, each begun
by NWR (a new work) or REV (a revised one), with a record for every writer and publisher. Either the whole file is
right, or every record that is not is named, and nothing of it is used.

Of shares these are the *ownership* shares, which say who holds a right; those that SPT and SWT have by territory say
who collects it, and are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from registry.core.errors import InvalidInput
from registry.works.identifiers import Scheme, normalise

FULL = 10_000
"""Shares are hundredths of a per cent."""
TOLERANCE = 6
"""By so much may a right's shares miss the whole: 33.33 three times is 99.99."""
MAX_ERRORS = 100
_VERSIONS = ("02.10", "02.20")
_WORKS = frozenset({"NWR", "REV"})
_PUBLISHERS, _WRITERS = frozenset({"SPU", "OPU"}), frozenset({"SWR", "OWR"})
_OTHERS = frozenset(
    [
        "ALT",
        "ARI",
        "COM",
        "EWT",
        "IND",
        "INS",
        "MSG",
        "NAT",
        "NCT",
        "NET",
        "NOW",
        "NPA",
        "NPN",
        "NPR",
        "NVT",
        "NWN",
        "OPT",
        "ORN",
        "OWT",
        "PER",
        "PWR",
        "REC",
        "SPT",
        "SWT",
        "VER",
        "XRF",
    ]
)


@dataclass(frozen=True, slots=True)
class RecordError:
    """What is wrong with a record."""

    line: int
    """From 1."""
    record: str
    message: str


@dataclass(frozen=True, slots=True)
class Interest:
    """A writer or publisher, and how much of each right it holds, in hundredths of a per cent."""

    name: str
    role: str
    ipi: str | None
    """IPI name number, 11 digits; `None` if it is not known."""
    performing: int
    mechanical: int


@dataclass(frozen=True, slots=True)
class CwrWork:
    """A transaction: a musical work and all who hold rights in it."""

    line: int
    """Of its first record."""
    record: str
    title: str
    number: str
    """The sender's own."""
    iswc: str | None
    isrcs: tuple[str, ...]
    """Of its recordings."""
    interests: tuple[Interest, ...]


class _Wrong(Exception):
    """A record that cannot be used; the text is the reason."""


@dataclass(slots=True)
class _Transaction:
    line: int
    record: str
    title: str
    number: str
    iswc: str | None
    isrcs: list[str] = field(default_factory=list)
    interests: list[Interest] = field(default_factory=list)

    def finished(self) -> CwrWork:
        """With its shares summed; `_Wrong` if a right is neither whole nor left out."""
        for right in ("performing", "mechanical"):
            total = sum(getattr(interest, right) for interest in self.interests)
            if total and abs(total - FULL) > TOLERANCE:
                raise _Wrong(f"the {right} shares sum to {total / 100:.2f} %, not 100 %")
        return CwrWork(
            self.line,
            self.record,
            self.title,
            self.number,
            self.iswc,
            tuple(self.isrcs),
            tuple(self.interests),
        )


def read_cwr(text: str) -> list[CwrWork]:
    """The works of a file, in its order; `InvalidInput` with `errors`, one for each record that is wrong."""
    reader = _Reader()
    for number, line in enumerate(text.splitlines(), 1):
        try:
            reader.take(number, line)
        except _Wrong as wrong:
            reader.errors.append(RecordError(number, line[:3], str(wrong)))
        if len(reader.errors) >= MAX_ERRORS:
            break
    else:
        reader.end()
    if reader.errors:
        raise refused(reader.errors)
    return reader.works


def refused(errors: Sequence[RecordError]) -> InvalidInput:
    """Nothing of the file was used, and why."""
    first = errors[0]
    return InvalidInput(
        f"Nothing was imported: {len(errors)} records are wrong. Line {first.line} ({first.record}): {first.message}.",
        errors=[{"line": e.line, "record": e.record, "message": e.message} for e in errors],
    )


class _Reader:
    """Where in the file we are. A record that is out of place is named, and reading goes on."""

    def __init__(self) -> None:
        self.works: list[CwrWork] = []
        self.errors: list[RecordError] = []
        self._seen: dict[str, int] = {}
        self._transaction: _Transaction | None = None
        self._ended = False
        self._kind: str | None = None
        """What the transactions of the group are."""
        self._groups = self._transactions = self._records = 0
        """Counted so far: groups, and of the group its transactions and records."""
        self._all = [0, 0]
        """Transactions and records of the groups before."""
        self._next = 0
        """The number of the transaction's next record."""

    def take(self, number: int, line: str) -> None:
        """The next record."""
        kind = line[:3]
        if self._ended or (number == 1) != (kind == "HDR"):
            raise _Wrong("a file is HDR, groups and TRL, and nothing else")
        self._records += 1
        if kind == "HDR":
            self._records = 0
        elif kind == "GRH":
            self._open_group(line)
        elif kind == "GRT":
            self._close_group(line)
        elif kind == "TRL":
            self._close_file(line)
        else:
            self._take_record(number, kind, line)

    def end(self) -> None:
        """After the last line."""
        if not self._ended:
            self.errors.append(RecordError(0, "TRL", "the file's end is missing"))

    # -- groups ------------------------------------------------------------------------------------------------
    def _open_group(self, line: str) -> None:
        if self._kind is not None:
            raise _Wrong("the group before has no GRT")
        self._groups += 1
        self._kind, self._transactions, self._records = line[3:6], 0, 1
        if self._kind not in _WORKS:
            raise _Wrong(f"transactions are NWR or REV here, not “{self._kind}”")
        if line[11:16] not in _VERSIONS:
            raise _Wrong(f"“{line[11:16]}” is no version that is read: {' or '.join(_VERSIONS)}")
        _counted(line[6:11], self._groups, "the group's number")

    def _close_group(self, line: str) -> None:
        self._finish()
        if self._kind is None:
            raise _Wrong("there is no group to end")
        self._kind = None
        self._all[0] += self._transactions
        self._all[1] += self._records
        _counted(line[3:8], self._groups, "the group's number")
        _counted(line[8:16], self._transactions, "the group's transactions")
        _counted(line[16:24], self._records, "the group's records")

    def _close_file(self, line: str) -> None:
        self._finish()
        self._ended = True
        if self._kind is not None:
            raise _Wrong("the last group has no GRT")
        _counted(line[3:8], self._groups, "the file's groups")
        _counted(line[8:16], self._all[0], "the file's transactions")
        _counted(line[16:24], self._all[1] + 2, "the file's records")

    # -- transactions ------------------------------------------------------------------------------------------
    def _take_record(self, number: int, kind: str, line: str) -> None:
        if self._kind is None:
            raise _Wrong("it is in no group")
        if kind in _WORKS:
            self._finish()
            self._transactions += 1
            self._next = 0
        expected, self._next = self._next, self._next + 1
        _counted(line[3:11], self._transactions - 1, "the transaction's number")
        _counted(line[11:19], expected, "the record's number")
        if kind in _WORKS:
            if kind != self._kind:
                raise _Wrong(f"the group is of {self._kind}")
            self._transaction = _work(number, kind, line)
            self._claim(f"number {self._transaction.number}", number)
            self._claim(f"ISWC {self._transaction.iswc}" if self._transaction.iswc else "", number)
        elif kind in _PUBLISHERS | _WRITERS | _OTHERS:
            if self._transaction is None:
                return  # its first record is wrong, which was said
            if kind in _PUBLISHERS:
                self._transaction.interests.append(_publisher(line))
            elif kind in _WRITERS:
                self._transaction.interests.append(_writer(line))
            elif kind == "REC" and line[249:261].strip():
                self._transaction.isrcs.append(_identifier(Scheme.ISRC, line[249:261]))
        else:
            raise _Wrong("there is no such record in CWR 2.1 or 2.2")

    def _claim(self, name: str, number: int) -> None:
        """One work, once in a file."""
        before = self._seen.setdefault(name, number) if name else number
        if before != number:
            raise _Wrong(f"the {name} was in line {before} already")

    def _finish(self) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            return
        try:
            self.works.append(transaction.finished())
        except _Wrong as wrong:
            self.errors.append(RecordError(transaction.line, transaction.record, str(wrong)))


# -- records -------------------------------------------------------------------------------------------------
def _work(number: int, kind: str, line: str) -> _Transaction:
    title, own = line[19:79].strip(), line[81:95].strip()
    if not title or not title.isprintable():
        raise _Wrong("the title is missing")
    if not own:
        raise _Wrong("the sender's number of the work is missing")
    iswc = _identifier(Scheme.ISWC, line[95:106]) if line[95:106].strip() else None
    return _Transaction(number, kind, title, own, iswc)


def _publisher(line: str) -> Interest:
    return Interest(
        line[30:75].strip(),
        line[76:78].strip(),
        _ipi(line[87:98]),
        _share(line[115:120]),
        _share(line[123:128]),
    )


def _writer(line: str) -> Interest:
    name = f"{line[73:103].strip()} {line[28:73].strip()}".strip()
    return Interest(
        name, line[104:106].strip(), _ipi(line[115:126]), _share(line[129:134]), _share(line[137:142])
    )


def _counted(text: str, expected: int, what: str) -> None:
    if not (text.isascii() and text.isdigit() and int(text) == expected):
        raise _Wrong(f"{what} is “{text.strip()}”, but {expected} was counted")


def _share(text: str) -> int:
    """Five digits; blank is none."""
    if not text.strip():
        return 0
    if not (len(text) == 5 and text.isascii() and text.isdigit() and int(text) <= FULL):
        raise _Wrong(f"“{text}” is no share; 05000 is 50 %")
    return int(text)


def _identifier(scheme: Scheme, text: str) -> str:
    try:
        return normalise(scheme, text)
    except InvalidInput:
        raise _Wrong(f"“{text.strip()}” is no {scheme.upper()}") from None


def _ipi(text: str) -> str | None:
    text = text.strip()
    if not text or set(text) == {"0"}:
        return None
    try:
        return check_ipi(text)
    except InvalidInput:
        raise _Wrong(f"“{text}” is no IPI name number") from None


def check_ipi(text: str) -> str:
    """An IPI name number: up to nine digits and two check digits, written with eleven.

    The nine, weighted 10 to 2, sum modulo 101; the check digits are what is missing to 101, 100 written as 00.
    """
    number = text.strip().zfill(11)
    if len(number) == 11 and number.isascii() and number.isdigit() and int(number):
        weighted = sum(int(digit) * weight for digit, weight in zip(number, range(10, 1, -1), strict=False))
        if int(number[9:]) == (101 - weighted % 101) % 101 % 100:
            return number
    raise InvalidInput(
        f"“{text[:20]}” is no IPI name number; it has 11 digits, of which two are check digits."
    )


def rights(work: CwrWork) -> Iterator[tuple[str, list[tuple[Interest, int]]]]:
    """For each of the two rights that the file shares out: who holds how much of it, in hundredths of a per cent."""
    for right in ("mechanical", "performing"):
        held = [(interest, getattr(interest, right)) for interest in work.interests]
        if any(share for _, share in held):
            yield right, [(interest, share) for interest, share in held if share]
