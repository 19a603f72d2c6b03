"""XMP packets (ISO 16684-1): what they say about data mining, in whichever of RDF's three spellings.

Four vocabularies meet here: PLUS `plus:DataMining` (`iptc`), TDMRep in PDF, an RSL document inside the packet, and a
link to content credentials that lie elsewhere. A packet that is no well-formed XML is searched for a plain refusal;
if it speaks of mining at all and cannot be read, it counts as unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from registry.core.signals import iptc, rsl, rsl_licence, tdmrep, xml
from registry.core.signals.model import Evidence, Subject, unreadable

VERSION: Final = "xmp-iso16684"
LARGEST: Final = 16 * 1024 * 1024

_RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_TDM: Final = ("http://www.w3.org/ns/tdmrep/", "http://www.w3.org/ns/tdmrep#", "http://www.w3.org/ns/tdmrep")
_IPTC_EXT: Final = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_DCTERMS: Final = "http://purl.org/dc/terms/"
_SPEAKS: Final = re.compile(rb"DataMining|tdmrep|rslstandard", re.IGNORECASE)


def read(packet: bytes, subject: Subject, where: str) -> list[Evidence]:
    """What one packet says; `where` is the place in the file."""
    try:
        root = _parse(packet)
    except ValueError:
        return _from_broken(packet, where)
    constraints = [*_values(root, iptc.PLUS_NAMESPACES, "OtherConstraints")]
    constraints += _values(root, (_IPTC_EXT,), "LinkedEncRightsExpr")
    mining = _values(root, iptc.PLUS_NAMESPACES, "DataMining")
    found = [iptc.read(value, constraints, f"{where} plus:DataMining") for value in mining]
    policy = next(_values(root, _TDM, "policy"), None)
    reservations = list(_values(root, _TDM, "reservation"))
    found += tdmrep.read_publication(reservations, policy, f"{where} tdm:reservation", subject)
    for document in root.iter(f"{{{rsl_licence.NAMESPACE}}}rsl"):
        found += rsl.read(etree.tostring(document, with_tail=False), subject, f"{where} rsl:rsl", inside=True)
    for address in _values(root, (_DCTERMS,), "provenance"):
        raw, details = address.encode("utf-8", "surrogatepass"), (("manifest", address[:400]),)
        found.append(
            Evidence("c2pa", VERSION, f"{where} dcterms:provenance", raw, notes=("remote",), details=details)
        )
    return found


def _parse(packet: bytes) -> etree._Element:
    """The packet's XML; `ValueError` if it is none, is too large, or brings entities of its own."""
    if len(packet) > LARGEST or b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        raise ValueError("not a packet that we read")
    return xml.parse(packet.strip(b" \t\r\n\0"))


def _values(root: etree._Element, namespaces: tuple[str, ...], name: str) -> Iterator[str]:
    """Every value of a property: as attribute, as element's text, as `rdf:resource`, and in lists."""
    for element in root.iter(etree.Element):
        for namespace in namespaces:
            tag = f"{{{namespace}}}{name}"
            if tag in element.attrib:
                yield str(element.attrib[tag]).strip()
            if element.tag == tag:
                resource = element.get(f"{_RDF}resource")
                texts = [resource] if resource else ["".join(e.itertext()) for e in element.iter(f"{_RDF}li")]
                yield from (text.strip() for text in texts or ["".join(element.itertext())])


def _from_broken(packet: bytes, where: str) -> list[Evidence]:
    refusal = iptc.find_refusal(packet)
    if refusal is not None:
        return [iptc.read(refusal, [], f"{where} plus:DataMining", broken=True)]
    if _SPEAKS.search(packet):
        return [unreadable("xmp", VERSION, where, "damaged", packet)]
    return []
