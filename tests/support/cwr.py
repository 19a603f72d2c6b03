"""Write CWR files for tests, by the table of fields; an outside reader accepts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ANNA_IPI, BERT_IPI, PUBLISHER_IPI = "00014107338", "00017798450", "00045620792"
ISWC, OTHER_ISWC = "T0345246801", "T9104720107"


@dataclass(frozen=True)
class Holder:
    """A writer, or with `publisher` a publisher; shares in hundredths of a per cent."""

    ipi: str
    performing: int
    mechanical: int
    name: str = "BEISPIEL"
    publisher: bool = False


@dataclass(frozen=True)
class Song:
    """A transaction."""

    holders: Sequence[Holder]
    title: str = "A SONG"
    number: str = "W0001"
    iswc: str = ISWC
    isrc: str = ""


def write(*songs: Song, version: str = "02.10", kind: str = "NWR") -> str:
    """HDR, one group, TRL; each line ends with CR LF."""
    header = f"HDRPB123456789{'A SOCIETY':45}01.102026112212000020261122{'':15}"
    if version == "02.20":
        header += f"2.2002{'':30}{'':30}"
    lines = [header, f"GRH{kind}00001{version}{'0' * 10}  "]
    records = 0
    for transaction, song in enumerate(songs):
        for number, record in enumerate(_records(song, kind)):
            lines.append(f"{record[:3]}{transaction:08d}{number:08d}{record[3:]}")
            records += 1
    counts = f"{len(songs):08d}"
    lines.append(f"GRT00001{counts}{records + 2:08d}   {'0' * 10}")
    lines.append(f"TRL00001{counts}{records + 4:08d}")
    return "".join(f"{line}\r\n" for line in lines)


def _records(song: Song, kind: str) -> list[str]:
    work = f"{kind}{song.title:60}  {song.number:14}{song.iswc:11}{'0' * 8}{'':12}UNC000300Y{'':6}ORI{'':2}{'':40}"
    found = [f"{work}N00000000000{'':51}N"]
    for n, holder in enumerate(song.holders, 1):
        shares = f"   {holder.performing:05d}   {holder.mechanical:05d}   {holder.mechanical:05d}"
        if holder.publisher:
            found.append(
                f"SPU{n:02d}{f'P{n}':9}{holder.name:45} E {'0' * 9}{holder.ipi:11}{'':14}{shares} N {'':30}"
            )
        else:
            found.append(
                f"SWR{f'W{n}':9}{holder.name:45}{'ANNA':30} CA{'0' * 9}{holder.ipi:11}{shares} N  {'':13}{'':13}"
            )
            found.append(
                f"SWT{f'W{n}':9}{holder.performing:05d}{holder.mechanical:05d}{holder.mechanical:05d}I2136N001"
            )
    if song.isrc:
        found.append(f"REC{'0' * 8}{'':60}{'0' * 6}{'':5}{'':151}{song.isrc:12}{'':5}")
    return found
