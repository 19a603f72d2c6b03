"""A declaration as an XMP packet, merged into the one that a file has.

`plus:DataMining` says what is refused, `plus:OtherConstraints` what is free all the same, `tdm:reservation` and
`tdm:policy` the same for readers of TDMRep and where a licence is to be had, `Iptc4xmpExt:RegistryId` under which id
the work is kept in which registry. All else in the packet stays as it was.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from registry.core.decisions import Purpose, inside
from registry.core.errors import Undecodable
from registry.core.signals import iptc, xml
from registry.core.signals.emit.declaration import Declaration

_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_META: Final = "adobe:ns:meta/"
_PLUS: Final = iptc.PLUS_NAMESPACES[0]
_EXT: Final = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_TDM: Final = "http://www.w3.org/ns/tdmrep/"
_PREFIXES: Final = {"plus": _PLUS, "Iptc4xmpExt": _EXT, "tdm": _TDM}

_HEAD: Final = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_TAIL: Final = b'\n<?xpacket end="w"?>'


def data_mining(declaration: Declaration) -> str:
    """The word of the PLUS vocabulary that refuses what is refused, and as little else as it can."""
    refused = {p for p in Purpose if p is not Purpose.ALL and declaration.refuses(p)}
    mining = inside(Purpose.TDM)
    if not refused:
        word = "DMI-ALLOWED"
    elif len(refused) == len(Purpose) - 1:
        word = "DMI-PROHIBITED"
    elif refused >= {*mining, Purpose.AI_INPUT, Purpose.AI_INDEX} and Purpose.SEARCH not in refused:
        word = "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING"
    elif Purpose.TRAIN_GENAI not in refused:
        word = "DMI-UNSPECIFIED"
    else:
        word = "DMI-PROHIBITED-SEECONSTRAINT"
    return iptc.VOCABULARY + word


def merged(packet: bytes | None, declaration: Declaration) -> bytes:
    """The packet of a file with the declaration in it; `Undecodable` if the file's own cannot be read."""
    root = _own() if packet is None else _parse(packet)
    rdf = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f".//{{{_RDF}}}RDF")
    if rdf is None:
        raise Undecodable("The file's XMP holds no RDF; remove it, or write it anew with another program.")
    abouts = [str(element.get(f"{{{_RDF}}}about", "")) for element in rdf.findall(f"{{{_RDF}}}Description")]
    for element in rdf.findall(f"{{{_RDF}}}Description"):
        _remove_ours(element, declaration.registry)
    _write(
        etree.SubElement(
            rdf, f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": next(iter(abouts), "")}, nsmap=_PREFIXES
        ),
        declaration,
    )
    body: bytes = etree.tostring(root, encoding="utf-8")
    return _HEAD + body + _TAIL


def _own() -> etree._Element:
    root = etree.Element(f"{{{_META}}}xmpmeta", nsmap={"x": _META})
    etree.SubElement(root, f"{{{_RDF}}}RDF", nsmap={"rdf": _RDF})
    return root


def _parse(packet: bytes) -> etree._Element:
    try:
        return xml.parse(packet.strip(b" \t\r\n\0"), keep_instructions=False)
    except ValueError:
        raise Undecodable(
            "The file's XMP is damaged; remove it, or write it anew with another program."
        ) from None


_OURS: Final = (
    *(f"{{{namespace}}}DataMining" for namespace in iptc.PLUS_NAMESPACES),
    f"{{{_PLUS}}}OtherConstraints",
    f"{{{_TDM}}}reservation",
    f"{{{_TDM}}}policy",
)


def _remove_ours(description: etree._Element, registry: str | None) -> None:
    """Remove what is written anew, our entry among the registries of the file, and what is empty then."""
    for tag in _OURS:
        description.attrib.pop(tag, None)
        for child in description.findall(tag):
            description.remove(child)
    for listed in description.findall(f"{{{_EXT}}}RegistryId"):
        for bag in listed.findall(f"{{{_RDF}}}Bag"):
            for item in bag.findall(f"{{{_RDF}}}li"):
                if registry in (item.get(f"{{{_EXT}}}RegOrgId"), item.findtext(f"{{{_EXT}}}RegOrgId")):
                    bag.remove(item)
        if listed.find(f".//{{{_RDF}}}li") is None:
            description.remove(listed)
    parent = description.getparent()
    if parent is not None and not len(description) and set(description.attrib) <= {f"{{{_RDF}}}about"}:
        parent.remove(description)


def _write(description: etree._Element, declaration: Declaration) -> None:
    mining = data_mining(declaration)
    description.set(f"{{{_PLUS}}}DataMining", mining)
    reserved = declaration.refuses(Purpose.TDM)
    description.set(f"{{{_TDM}}}reservation", "1" if reserved else "0")
    if declaration.policy and reserved:
        description.set(f"{{{_TDM}}}policy", declaration.policy)
    if mining.endswith("SEECONSTRAINT"):
        said = sorted(p.value for p in declaration.free)
        text = (
            f"No use for AI without a licence, except: {', '.join(said)}."
            if said
            else "No use for AI without a licence."
        )
        alternatives = etree.SubElement(
            etree.SubElement(description, f"{{{_PLUS}}}OtherConstraints"), f"{{{_RDF}}}Alt"
        )
        item = etree.SubElement(
            alternatives, f"{{{_RDF}}}li", {"{http://www.w3.org/XML/1998/namespace}lang": "x-default"}
        )
        item.text = text
    if declaration.work and declaration.registry:
        _register(description, declaration.registry, declaration.work)


def _register(description: etree._Element, registry: str, work: str) -> None:
    """Our entry in the bag of registries; entries of others stay."""
    rdf = description.getparent()
    assert rdf is not None
    bag = rdf.find(f".//{{{_EXT}}}RegistryId/{{{_RDF}}}Bag")
    if bag is None:
        bag = etree.SubElement(etree.SubElement(description, f"{{{_EXT}}}RegistryId"), f"{{{_RDF}}}Bag")
    item = etree.SubElement(bag, f"{{{_RDF}}}li", {f"{{{_RDF}}}parseType": "Resource"})
    etree.SubElement(item, f"{{{_EXT}}}RegOrgId").text = registry
    etree.SubElement(item, f"{{{_EXT}}}RegItemId").text = work
