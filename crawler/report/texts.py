"""The words of the report, in English and German. Both have the same keys; so a test can tell if one is missing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from crawler import words
from registry.core.signals.summary import SITE

LANGUAGES: Final = ("en", "de")

_EN = {
    "title": "Filter run",
    "skip": "Skip to content",
    "kept": "{kept} of {seen} items kept",
    "would-be-kept": "{kept} of {seen} items would be kept",
    "may-be-used": "{kept} of {seen} items may be used",
    "lead": "{inputs}, filtered for {purpose} by policy {policy}, against edition {sequence} of the registry, on {at}.",
    "more-inputs": "{first} and {n} more inputs",
    "stale-head": "The registry's edition had expired.",
    "stale": "It was used all the same. The reason given: {reason}",
    "dry-head": "This was a dry run.",
    "dry": "The papers are complete; no data was written.",
    "funnel": "From read to kept",
    "funnel-note": "Every item has exactly one verdict. The end of a bar in another colour is what was lost.",
    "read": "Read",
    "checked": "Checked in full",
    "less-unchecked": "less {n} that could not be checked",
    "not-reserved": "Not reserved",
    "less-denied": "less {n} on record without a licence, or reserved by a signal",
    "sure": "Nothing left for a person to look at",
    "less-review": "less {n} that resemble a work on record",
    "end-kept": "Kept",
    "less-otherwise": "less {n} that this policy and mode leave out",
    "of-these": "of these, under your licences",
    "why": "Why {n} were left out",
    "why-note": "One reason each.",
    "nothing-left-out": "Nothing was left out.",
    "reason": "Reason",
    "drawn": "Share, drawn",
    "items": "Items",
    "share": "Share",
    "left-out": "Left out",
    "more-reasons": "{n} other reasons",
    "signals": "What opt-out signals said",
    "signals-note": "By its family, of the items themselves or of the sites on which they were found. One decides; "
    "others may have said the same.",
    "signal": "Signal",
    "of-item": "item",
    "of-site": "site",
    "carried": "Items",
    "refused": "Refused",
    "permitted": "Permitted",
    "unreadable": "Unreadable",
    "sites-asked": "Heeded were {n} sites, asked from {since} to {until}; what is older than {days} days only refuses.",
    "sites-not-asked": "Items on sites that were not asked: {n}.",
    "sites-stale": "Items on sites that were asked too long ago: {n}.",
    "sites-nowhere": "Items that name no address: {n}.",
    "sites-file": "File of sites",
    "how": "How works were recognised",
    "how-note": "{n} items match a work on record; each is counted by the code that decided.",
    "code": "Code",
    "close": "How close the matches were",
    "close-note": "The scale is logarithmic. Dashed lines are the thresholds of this run; beyond one without a name, "
    "a second code had to agree.",
    "close-phash": "Pictures: bits that differ, of 256",
    "close-minhash": "Texts: samples that differ, of 128",
    "close-desc": "{n} matches; {nearest} of them lie in the nearest range, {low} to {high}.",
    "as-table": "The same as a table",
    "distance": "Distance",
    "grade": "Grade",
    "matches": "Matches",
    "all": "All",
    "pairs": "Matched pairs",
    "pairs-note": "Yours beside the registered work, one for each work and the least sure first: {n} of {of} items.",
    "pairs-none": "The edition was not at hand, so the registered codes are not drawn.",
    "no-picture": "Not shown: the inputs were not at hand, or it cannot be drawn.",
    "registered": "Registered",
    "no-code": "No drawing: this work was recognised by another kind of code.",
    "differ": "{n} of 256 cells differ",
    "drawn-code": "The registered fingerprint, drawn",
    "item-alt": "Item {key} of the dataset",
    "in-shard": "shard {shard}",
    "parts": "Part by part",
    "parts-note": "{n} parts of the run. Where there are many, several in a row are one line.",
    "part": "Part",
    "seen": "Read",
    "kept-col": "Kept",
    "dropped-col": "Left out",
    "broken-col": "Not checked",
    "verify": "To verify this run",
    "verify-note": "Every figure on this page follows from the papers, and these can be recomputed.",
    "run-id": "Run",
    "edition": "Edition of the registry",
    "edition-value": "{sequence}, made on {created}; {age} old when it was asked",
    "works-root": "Its root over all works",
    "log": "Log",
    "log-value": "{size} entries, root {root}",
    "asked-for": "Permission asked for",
    "asked-value": "{purpose} in {territory}, on {at}",
    "policy": "Policy and mode",
    "in-the-name": "In the name of",
    "nobody": "nobody in particular",
    "settings": "Settings",
    "thresholds": "Thresholds for pictures",
    "tool": "Program",
    "verify-command": "Verify the papers",
    "explain-command": "Explain an item",
    "signature": "Signed by",
    "not-signed": "not signed",
    "contested": "Two claim to be its maker, so nobody may use it until that is settled.",
    "closed": "Its maker has not opened it to anyone; every use needs an agreement.",
    "open": "To anyone, its maker permits {uses}.",
    "covered": "Covered by",
    "shares": "About {n} words in common.",
    "hours": "{n} h",
    "days": "{n} days",
    "grade.certain": "certain",
    "grade.match": "match",
    "grade.review": "review",
    "grade.nothing": "too far",
    "verdict.allow": "May be used",
    "verdict.deny": "Reserved",
    "verdict.licensed": "Licensed",
    "verdict.review": "A person has to look",
    "verdict.unknown": "Not checked in full",
    "code.digest": "The very file, bit for bit",
    "code.phash": "The same picture, as a whole",
    "code.dhash": "The same symmetric picture",
    "code.part": "A part of the picture",
    "code.minhash": "The same text",
    "code.winnow": "A passage of the text",
    "code.url": "The address where it is published",
    "code.domain": "A domain that is reserved",
    "code.other": "Another code",
    "foot": "Made by vorbehalt from the papers of the run. Nothing on this page was fetched from anywhere.",
}

_DE = {
    "title": "Filterlauf",
    "skip": "Zum Inhalt",
    "kept": "{kept} von {seen} Einträgen behalten",
    "would-be-kept": "{kept} von {seen} Einträgen würden behalten",
    "may-be-used": "{kept} von {seen} Einträgen dürfen genutzt werden",
    "lead": "{inputs}, gefiltert für {purpose} nach Richtlinie {policy}, Ausgabe {sequence} des Registers, am {at}.",
    "more-inputs": "{first} und {n} weitere Eingaben",
    "stale-head": "Die Ausgabe des Registers war abgelaufen.",
    "stale": "Sie wurde dennoch benutzt. Angegebener Grund: {reason}",
    "dry-head": "Dies war ein Probelauf.",
    "dry": "Die Papiere sind vollständig; Daten wurden nicht geschrieben.",
    "funnel": "Vom Lesen bis zum Behalten",
    "funnel-note": "Jeder Eintrag hat genau ein Urteil. Das andersfarbige Ende eines Balkens ging verloren.",
    "read": "Gelesen",
    "checked": "Vollständig geprüft",
    "less-unchecked": "ohne {n}, die sich nicht prüfen ließen",
    "not-reserved": "Nicht vorbehalten",
    "less-denied": "ohne {n}, die ohne Lizenz verzeichnet oder durch ein Zeichen vorbehalten sind",
    "sure": "Ohne solche, die ein Mensch ansehen muss",
    "less-review": "ohne {n}, die einem verzeichneten Werk ähneln",
    "end-kept": "Behalten",
    "less-otherwise": "ohne {n}, die Richtlinie und Modus auslassen",
    "of-these": "davon unter Ihren Lizenzen",
    "why": "Warum {n} ausgelassen wurden",
    "why-note": "Je ein Grund.",
    "nothing-left-out": "Nichts wurde ausgelassen.",
    "reason": "Grund",
    "drawn": "Anteil, gezeichnet",
    "items": "Einträge",
    "share": "Anteil",
    "left-out": "Ausgelassen",
    "more-reasons": "{n} weitere Gründe",
    "signals": "Was Vorbehaltszeichen sagten",
    "signals-note": "Nach ihrer Art, von den Einträgen selbst oder von den Sites, auf denen sie lagen. Eines "
    "entscheidet; andere können dasselbe gesagt haben.",
    "signal": "Zeichen",
    "of-item": "Eintrag",
    "of-site": "Site",
    "carried": "Einträge",
    "refused": "Verwehrt",
    "permitted": "Erlaubt",
    "unreadable": "Unlesbar",
    "sites-asked": "Beachtet wurden {n} Sites, gefragt vom {since} bis {until}; was älter ist als {days} Tage, "
    "verwehrt nur noch.",
    "sites-not-asked": "Einträge auf Sites, die nicht gefragt wurden: {n}.",
    "sites-stale": "Einträge auf Sites, die vor zu langer Zeit gefragt wurden: {n}.",
    "sites-nowhere": "Einträge ohne Adresse: {n}.",
    "sites-file": "Datei der Sites",
    "how": "Woran Werke erkannt wurden",
    "how-note": "{n} Einträge gleichen einem verzeichneten Werk; jeder zählt bei dem Code, der entschied.",
    "code": "Code",
    "close": "Wie nah die Treffer waren",
    "close-note": "Die Skala ist logarithmisch. Gestrichelt: die Schwellen dieses Laufs; jenseits einer ohne Namen "
    "musste ein zweiter Code zustimmen.",
    "close-phash": "Bilder: verschiedene Bits von 256",
    "close-minhash": "Texte: verschiedene Proben von 128",
    "close-desc": "{n} Treffer; {nearest} davon liegen im nächsten Bereich, {low} bis {high}.",
    "as-table": "Dasselbe als Tabelle",
    "distance": "Abstand",
    "grade": "Grad",
    "matches": "Treffer",
    "all": "Alle",
    "pairs": "Trefferpaare",
    "pairs-note": "Ihres neben dem verzeichneten Werk, je Werk eines, das unsicherste zuerst: {n} von {of} Einträgen.",
    "pairs-none": "Die Ausgabe lag nicht vor, darum sind die verzeichneten Codes nicht gezeichnet.",
    "no-picture": "Nicht gezeigt: Die Eingaben lagen nicht vor, oder es lässt sich nicht zeichnen.",
    "registered": "Verzeichnet",
    "no-code": "Keine Zeichnung: Dieses Werk wurde an einem Code anderer Art erkannt.",
    "differ": "{n} von 256 Feldern verschieden",
    "drawn-code": "Der verzeichnete Fingerabdruck, gezeichnet",
    "item-alt": "Eintrag {key} des Datensatzes",
    "in-shard": "Teil {shard}",
    "parts": "Teil für Teil",
    "parts-note": "{n} Teile des Laufs. Wo es viele sind, bilden mehrere nacheinander eine Zeile.",
    "part": "Teil",
    "seen": "Gelesen",
    "kept-col": "Behalten",
    "dropped-col": "Ausgelassen",
    "broken-col": "Ungeprüft",
    "verify": "Diesen Lauf prüfen",
    "verify-note": "Jede Zahl auf dieser Seite folgt aus den Papieren, und diese lassen sich nachrechnen.",
    "run-id": "Lauf",
    "edition": "Ausgabe des Registers",
    "edition-value": "{sequence}, erstellt am {created}; {age} alt, als sie gefragt wurde",
    "works-root": "Ihre Wurzel über alle Werke",
    "log": "Protokoll",
    "log-value": "{size} Einträge, Wurzel {root}",
    "asked-for": "Erlaubnis gefragt für",
    "asked-value": "{purpose} in {territory}, am {at}",
    "policy": "Richtlinie und Modus",
    "in-the-name": "Im Namen von",
    "nobody": "niemand Bestimmtem",
    "settings": "Einstellungen",
    "thresholds": "Schwellen für Bilder",
    "tool": "Programm",
    "verify-command": "Die Papiere prüfen",
    "explain-command": "Einen Eintrag erklären",
    "signature": "Signiert von",
    "not-signed": "nicht signiert",
    "contested": "Zwei beanspruchen die Urheberschaft; bis zur Klärung darf es niemand nutzen.",
    "closed": "Der Urheber hat es für niemanden freigegeben; jede Nutzung braucht eine Vereinbarung.",
    "open": "Allen erlaubt der Urheber {uses}.",
    "covered": "Abgedeckt von",
    "shares": "Etwa {n} Wörter gemeinsam.",
    "hours": "{n} h",
    "days": "{n} Tage",
    "grade.certain": "sicher",
    "grade.match": "Treffer",
    "grade.review": "zu prüfen",
    "grade.nothing": "zu weit",
    "verdict.allow": "Nutzung erlaubt",
    "verdict.deny": "Vorbehalten",
    "verdict.licensed": "Lizenziert",
    "verdict.review": "Ein Mensch muss es ansehen",
    "verdict.unknown": "Nicht vollständig geprüft",
    "code.digest": "Dieselbe Datei, Bit für Bit",
    "code.phash": "Dasselbe Bild, als Ganzes",
    "code.dhash": "Dasselbe symmetrische Bild",
    "code.part": "Ein Teil des Bildes",
    "code.minhash": "Derselbe Text",
    "code.winnow": "Eine Stelle des Textes",
    "code.url": "Die Adresse, unter der es erscheint",
    "code.domain": "Eine vorbehaltene Domain",
    "code.other": "Ein anderer Code",
    "foot": "Von vorbehalt aus den Papieren des Laufs gemacht. Nichts auf dieser Seite wurde irgendwo abgerufen.",
}

_REASONS_DE = {
    "registered.no-licence": "verzeichnet, und keine Lizenz deckt diese Nutzung",
    "title.contested": "verzeichnet, und zwei beanspruchen die Urheberschaft",
    "licence.anyone": "verzeichnet, und alle dürfen es so nutzen",
    "licence.licensee": "verzeichnet, und Ihre Lizenz deckt diese Nutzung",
    "match.review": "ähnelt einem verzeichneten Werk; ein Mensch muss es ansehen",
    "none-found": "nicht verzeichnet",
    "error.undecodable": "ließ sich nicht öffnen: beschädigt oder abgeschnitten",
    "error.unsupported": "von einer Art, die sich nicht vergleichen lässt",
    "error.too-large": "größer als die Grenzen erlauben",
    "error.unreadable": "ließ sich nicht lesen",
    "error.malformed": "folgt seinem Format nicht: kein JSON-Objekt, beschädigtes Archiv oder Tabelle",
    "error.truncated": "abgeschnitten: Die Datei endet zu früh",
    "error.trailing-data": "liegt hinter dem Ende eines Archivs oder einer Antwort, wo Leser nicht suchen",
    "error.duplicate-key": "heißt wie ein anderer oder sagt etwas zweimal, sodass Leser beide verwechseln könnten",
    "error.unsafe-name": "hat einen Namen, der aus seinem Ordner führt oder den keine Datei haben kann",
    "error.no-text": "hat keinen Text in der verlangten Spalte",
    "error.no-bytes": "hat keine Bytes, wo sein Bild sein sollte",
    "error.invalid": "verletzt eine Regel seines Formats",
    "unchecked.too-short": "ein Text, der zum Vergleichen zu kurz ist",
    "unchecked.low-quality": "zu wenig im Bild zum Vergleichen",
    "unchecked.disguised": "Buchstaben anderer Alphabete oder unsichtbare in Wörtern: nicht vergleichbar",
    "unchecked.symlink": "eine symbolische Verknüpfung, der nicht gefolgt wird",
    "unchecked.special-file": "keine gewöhnliche Datei",
    "unchecked.revisit": "steht für einen früheren Abruf, der nicht nachgesehen wurde",
    "unchecked.no-content": "Eintrag eines Webarchivs ohne abgerufenen Inhalt",
    "unchecked.no-address": "nennt keine Adresse, wo eine stehen sollte",
    "unchecked.no-site": "liegt auf einer Site, die nicht gefragt wurde, was sie sich vorbehält",
    "unchecked.stale-site": "liegt auf einer Site, die zuletzt vor zu langer Zeit gefragt wurde",
    "unchecked.address-only": "liegt, wo alle ein Werk nutzen dürfen, wurde aber nicht angesehen",
    "unchecked.no-colours": "umrissen wie ein neues Werk; der Lauf hat die Farben nicht, nur neues Filtern klärt es",
    "unchecked.no-signature": "hat mit einem neuen Werk etwas gemeinsam; der Lauf hat keine Signatur des ganzen Textes",
    "unchecked.no-fingerprint": "hatte nichts zu vergleichen",
}
_SIGNALS_DE = {
    "signal.": "{who} sagt es ({family})",
    "research.": "{who} behält es vor ({family}), was für die Forschung nicht gilt",
    "error.signal.": "was {who} vielleicht sagt, ließ sich nicht lesen ({family})",
}
_MONTHS = {
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    "de": [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
}
_CODES = {
    "digest": "digest",
    "image.phash": "phash",
    "image.dhash": "dhash",
    "image.anchors": "part",
    "image.deep": "part",
    "text.minhash": "minhash",
    "text.winnow": "winnow",
    "source.url": "url",
    "source.domain": "domain",
}


class Texts:
    """The words of one language."""

    ALL: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({"en": _EN, "de": _DE})
    REASONS_DE: Final[Mapping[str, str]] = MappingProxyType(_REASONS_DE)

    def __init__(self, language: str) -> None:
        """One of `LANGUAGES`."""
        self.language = language
        self._texts = self.ALL[language]

    def __call__(self, key: str, /, **values: object) -> str:
        """A text, with its places filled."""
        return self._texts[key].format(**values)

    def number(self, number: int) -> str:
        """With the thousands of the language."""
        text = f"{number:,}"
        return text.replace(",", ".") if self.language == "de" else text

    def share(self, part: int, whole: int) -> str:
        """In per cent; a little is never nothing."""
        share = 100 * part / whole if whole else 0.0
        text = "< 0.1" if 0 < share < 0.05 else f"{share:.1f}"
        return (text.replace(".", ",") if self.language == "de" else text) + " %"

    def time(self, at: int) -> str:
        """A moment in POSIX seconds."""
        moment = datetime.fromtimestamp(at, UTC)
        month = _MONTHS[self.language][moment.month - 1]
        dot = "." if self.language == "de" else ""
        return f"{moment.day}{dot} {month} {moment.year}, {moment:%H:%M} UTC"

    def age(self, seconds: int) -> str:
        """Hours up to two days, then days."""
        hours = max(0, seconds) // 3600
        return self("hours", n=hours) if hours < 48 else self("days", n=hours // 24)

    def reason(self, code: str) -> str:
        """A reason code in words."""
        if self.language != "de":
            return words.reason(code)
        kind = next((start for start in _SIGNALS_DE if code.startswith(start)), None)
        if kind is None:
            return self.REASONS_DE.get(code, code)
        name = code.removeprefix(kind)
        who = "die Site, auf der es lag," if name.startswith(SITE) else "seine Quelle"
        return _SIGNALS_DE[kind].format(who=who, family=name.removeprefix(SITE))

    def code(self, algorithm: str) -> str:
        """By what a work was recognised."""
        found = (key for start, key in _CODES.items() if algorithm.startswith(start))
        return self(f"code.{next(found, 'other')}")
