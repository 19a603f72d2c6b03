"""Documents are read as their authors mean them, and nothing that they claim is believed."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.errors import InvalidInput, TooLarge, TooShort, Undecodable, UnsupportedMedia
from registry.core.fingerprints import MINHASH128, SHA256, Limits, fingerprint_bytes, fingerprint_text
from registry.core.fingerprints.documents import archives, web_pages
from registry.core.fingerprints.documents.markup import html_text
from registry.core.fingerprints.model import DEFAULT_LIMITS
from tests.support import manuscripts as made

POEMS = f"{made.POEM} {made.SECOND}"
HTML = f"<!DOCTYPE html><html><body><p>{made.POEM}</p><p>{made.SECOND}</p></body></html>".encode()


def signature(text: str) -> bytes:
    """The MinHash signature of a plain text."""
    return next(f.code for f in fingerprint_text(text).fingerprints if f.algorithm == MINHASH128)


@pytest.mark.parametrize(
    ("data", "form", "media_type", "counted"),
    [
        (HTML, "html", "text/html", {}),
        (made.epub([made.POEM, made.SECOND]), "epub", "application/epub+zip", {"chapters": 2}),
        (made.pdf([made.POEM, made.SECOND]), "pdf", "application/pdf", {"pages": 2}),
        (
            made.docx(made.paragraph(made.POEM) + made.paragraph(made.SECOND)),
            "docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            {},
        ),
    ],
    ids=["html", "epub", "pdf", "docx"],
)
def test_a_text_has_the_same_codes_in_every_wrapping(
    data: bytes, form: str, media_type: str, counted: dict[str, int]
) -> None:
    found = fingerprint_bytes(data)
    codes = {f.algorithm: f.code for f in found.fingerprints}
    assert codes[MINHASH128] == signature(POEMS)
    assert codes[SHA256] == hashlib.sha256(data).digest()
    assert (found.media, found.media_type, found.size) == ("text", media_type, len(data))
    assert found.facts["format"] == form
    assert counted.items() <= found.facts.items()
    assert [f.algorithm for f in found.fingerprints] == [
        f.algorithm for f in fingerprint_text(POEMS).fingerprints
    ]


def test_words_are_counted_as_people_do() -> None:
    page = b"<html><p>One <b>w</b>ord<br>after<td>another</td>, s<i>o</i>ft</p>" + b"<p>and so on</p>" * 20
    assert fingerprint_bytes(page).facts["words"] == 6 + 60


def test_markdown_is_plain_text_with_the_same_codes() -> None:
    markdown = f"# *{made.POEM[:40]}*{made.POEM[40:]}\n\n> {made.SECOND}\n"
    found = fingerprint_bytes(markdown.encode())
    assert found.media_type == "text/plain"
    assert found.fingerprints[-1] == fingerprint_text(POEMS).fingerprints[-1]


# -- HTML --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "beginning",
    ["<html>", "  \n<!doctype HTML>", "<!-- saved -->\n<body class=x>", '<?xml version="1.0"?><html>', "<p>"],
)
def test_html_is_told_by_its_beginning(beginning: str) -> None:
    for codec in ("utf-8", "utf-8-sig", "utf-16"):
        found = fingerprint_bytes((beginning + POEMS).encode(codec))
        assert found.media_type == "text/html"


@pytest.mark.parametrize("beginning", ["<3 ", "<about> ", "<p", "a <p> ", "<pre-war> ", "<!-- a note "])
def test_a_text_with_an_angle_is_not_html(beginning: str) -> None:
    assert fingerprint_bytes((beginning + POEMS).encode()).media_type == "text/plain"


def test_scripts_styles_templates_and_readings_are_not_text() -> None:
    page = (
        "<html><style>p{}</style>one<script>if (a<b) '</p>'</script><template>no</template>"
        "<ruby>漢<rp>(</rp><rt>かん</rt></ruby><!-- no -->&auml;&#228;&nbsp;&copy;<title/>two"
    )
    assert "".join(html_text(page).split()) == "one漢ää©two"


@pytest.mark.parametrize(
    ("declaration", "codec"),
    [
        ('<meta charset="iso-8859-1">', "cp1252"),
        ("<meta http-equiv=content-type content='text/html; charset=windows-1251'>", "cp1251"),
        ("<meta charset=shift_jis>", "shift_jis"),
        ("<meta charset=iso-2022-jp>", "iso2022_jp"),
        ("<meta charset=latin1>", "utf-8"),
        ("<meta charset=utf-8>", "utf-8"),
        ("<meta charset=no-such-thing>", "utf-8"),
        ("<meta charset=utf-16>", "utf-8"),
    ],
)
def test_declared_encodings_are_read_but_valid_utf8_goes_first(declaration: str, codec: str) -> None:
    words = {
        "cp1252": "„Käse“ – größer",
        "cp1251": "Мороз и солнце",
        "shift_jis": "吾輩は猫",
        "iso2022_jp": "吾輩は猫",
    }
    text = words.get(codec, "Käse 吾輩 Мороз")
    page = f"<html>{declaration}<p>{text}</p>".encode(codec)
    assert html_text(web_pages.decode_page(page)).strip() == text


@pytest.mark.parametrize(
    "declaration", ["", "<meta charset=rot13>", "<meta charset=hex>", "<meta charset=idna>"]
)
def test_other_encodings_are_not_guessed(declaration: str) -> None:
    with pytest.raises(UnsupportedMedia, match="UTF-8"):
        fingerprint_bytes(f"<html>{declaration}<p>{POEMS}".encode("latin-1"))


def test_a_broken_character_does_not_hide_a_page() -> None:
    page = b"<html><meta charset=utf-8><p>" + POEMS.encode() + b"\xff</p>"
    assert fingerprint_bytes(page).fingerprints[-1] == fingerprint_text(POEMS).fingerprints[-1]


def test_nul_in_a_page_is_damage() -> None:
    with pytest.raises(Undecodable, match="NUL"):
        fingerprint_bytes(b"<html><p>\0" + POEMS.encode())


@pytest.mark.parametrize("tag", ["<div>", "<b>", "<table><tr><td>", "<ul><li>"])
def test_bottomless_nesting_is_refused(tag: str) -> None:
    with pytest.raises(Undecodable, match="nested"):
        fingerprint_bytes(b"<html>" + tag.encode() * 300_000 + POEMS.encode())


@pytest.mark.parametrize(
    "piece", ["<!--", "<a ", '<a b="', "<", "<!", "<?", "</p>", "&", "<p>x", "<font c=1></font>"]
)
def test_unfinished_tags_by_the_hundred_thousand_end_soon(piece: str) -> None:
    html_text("<html>" + piece * 100_000)  # seconds or minutes where a parser takes quadratic time


def test_a_page_beyond_the_limit_is_not_parsed() -> None:
    with pytest.raises(TooLarge, match="bytes"):
        fingerprint_bytes(HTML, limits=Limits(max_text_bytes=len(HTML) - 1))


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_any_page_is_fingerprinted_or_refused(text: str) -> None:
    page = ("<html>" + text).encode("utf-8", "surrogatepass") + POEMS.encode()
    with suppress(InvalidInput):  # any other exception would end a filter run
        assert fingerprint_bytes(page).media == "text"


# -- e-books -----------------------------------------------------------------------------------------------
def test_chapters_come_in_the_order_of_the_spine_each_once() -> None:
    book = made.archive(
        {
            "META-INF/container.xml": made.container("book.opf"),
            "book.opf": made.package(["b.xhtml", "a%20a.xhtml#x", "b.xhtml", "./b.xhtml"]),
            "a a.xhtml": made.chapter(made.SECOND),
            "b.xhtml": made.chapter(made.POEM),
        }
    )
    found = fingerprint_bytes(book)
    assert found.facts["chapters"] == 2
    assert found.facts["words"] == len(POEMS.split())


def test_a_chapter_that_is_not_there_is_an_error_wherever_it_is_said_to_be() -> None:
    for href in ("gone.xhtml", "../../../../etc/passwd", "/etc/passwd", "https://example.org/x", ""):
        book = made.archive(
            {"META-INF/container.xml": made.container("book.opf"), "book.opf": made.package([href])}
        )
        with pytest.raises(Undecodable, match="incomplete"):
            fingerprint_bytes(book)


def test_names_that_lead_out_of_the_archive_are_only_names() -> None:
    extra = {"../../../../tmp/evil": "x", "/etc/evil": "x"}
    assert fingerprint_bytes(made.epub([made.POEM], **extra)).facts["chapters"] == 1


def test_copy_protection_and_picture_books_are_told_apart() -> None:
    locked = (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData xmlns='
        '"http://www.w3.org/2001/04/xmlenc#"><CipherData><CipherReference URI="OEBPS/{}"/></CipherData>'
        "</EncryptedData></encryption>"
    )
    members = {"META-INF/encryption.xml": locked.format("chapter0.xhtml")}
    with pytest.raises(UnsupportedMedia, match="copy-protected") as refusal:
        fingerprint_bytes(made.epub([made.POEM], **members))
    assert refusal.value.details["reason"] == "document.protected"
    font = {"META-INF/encryption.xml": locked.format("font.otf")}
    assert fingerprint_bytes(made.epub([made.POEM], **font)).media == "text"
    with pytest.raises(UnsupportedMedia, match="pictures of pages only") as refusal:
        fingerprint_bytes(made.epub(["<img src='1.jpg'/>", "<img src='2.jpg'/>"]))
    assert refusal.value.details["reason"] == "document.no-text"


def test_a_spine_of_ten_thousand_is_a_book_and_one_more_is_not() -> None:
    def book(chapters: int) -> bytes:
        names = [f"{n}.xhtml" for n in range(chapters)]
        members = {"META-INF/container.xml": made.container("b.opf"), "b.opf": made.package(names)}
        return made.archive(members | dict.fromkeys(names, "<p>word "))

    assert fingerprint_bytes(book(10_000)).facts["chapters"] == 10_000
    with pytest.raises(TooLarge, match="10,000 chapters"):
        fingerprint_bytes(book(10_001))


# -- Word --------------------------------------------------------------------------------------------------
def test_the_text_of_a_word_document_is_what_stands_after_all_changes() -> None:
    body = (
        made.paragraph(made.POEM)
        + "<w:p><w:r><w:delText>deleted</w:delText><w:instrText>PAGE</w:instrText></w:r>"
        + "<w:moveFrom><w:r><w:t>moved away</w:t></w:r></w:moveFrom></w:p>"
        + "<mc:AlternateContent><mc:Choice>"
        + made.paragraph(made.SECOND)
        + "</mc:Choice><mc:Fallback>"
        + made.paragraph(made.SECOND)
        + "</mc:Fallback></mc:AlternateContent>"
    )
    found = fingerprint_bytes(made.docx(body))
    assert found.facts["words"] == len(POEMS.split())
    assert found.fingerprints[-1] == fingerprint_text(POEMS).fingerprints[-1]


def test_notes_follow_the_text() -> None:
    notes = {"word/footnotes.xml": made.word_xml(made.paragraph(made.SECOND))}
    assert fingerprint_bytes(made.docx(made.paragraph(made.POEM), **notes)).facts["words"] == len(
        POEMS.split()
    )


def test_a_huge_table_is_read_and_one_beyond_the_limit_refused_before_it_is_inflated() -> None:
    cells = "".join(f"<w:tc>{made.paragraph(f'cell {n}')}</w:tc>" for n in range(50_000))
    data = made.docx(f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>")
    assert fingerprint_bytes(data).facts["words"] == 100_000
    with pytest.raises(TooLarge, match="Unpacked"):
        fingerprint_bytes(data, limits=Limits(max_unpacked_bytes=1 << 20))


def test_a_document_without_words_is_too_short() -> None:
    with pytest.raises(TooShort):
        fingerprint_bytes(made.docx("<w:p/>"))


# -- hostile archives --------------------------------------------------------------------------------------
def test_a_bomb_is_refused_by_what_it_claims_and_a_lying_one_by_what_it_does() -> None:
    bomb = made.docx(" " * (40 << 20))
    assert len(bomb) < 100_000
    with pytest.raises(TooLarge, match="Unpacked"):
        fingerprint_bytes(bomb)
    size = zipfile.ZipFile(io.BytesIO(bomb)).getinfo("word/document.xml").file_size
    lying = bomb.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    with pytest.raises(InvalidInput):
        fingerprint_bytes(lying)


def test_only_the_methods_of_documents_are_unpacked() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as packed:
        packed.writestr("word/document.xml", made.word_xml(made.paragraph(POEMS)))
    with pytest.raises(Undecodable, match="save it again"):
        fingerprint_bytes(file.getvalue())


def test_members_share_one_limit() -> None:
    texts = [f"{made.POEM} {n}" for n in range(100)]
    data = made.epub(texts)
    whole = sum(len(made.chapter(text).encode()) for text in texts)
    assert fingerprint_bytes(data).facts["chapters"] == 100
    with pytest.raises(TooLarge):
        fingerprint_bytes(data, limits=Limits(max_unpacked_bytes=whole))


def test_an_archive_of_countless_files_is_not_opened() -> None:
    with pytest.raises(TooLarge, match="20,000 files"):
        fingerprint_bytes(b"PK\x03\x04" + b"PK\x01\x02" * 20_001)


ENTITIES = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    + "]>"
)
FILE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a11 SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("doctype", [ENTITIES, FILE], ids=["a billion laughs", "a file"])
def test_entities_are_never_expanded(doctype: str) -> None:
    body = made.word_xml(made.paragraph("&a11;")).partition("?>")[2]
    with pytest.raises(InvalidInput):
        fingerprint_bytes(made.archive({"word/document.xml": doctype + body}))
    page = doctype + f"<html><p>&a11; {POEMS}</p></html>"
    assert html_text(page).count("ha") == html_text(f"<html><p>{POEMS}").count("ha")
    assert "root:" not in html_text(page)


def test_xml_without_end_or_bottom_is_damage() -> None:
    for body in ("<w:p>", "<w:p>" * 5000 + "</w:p>" * 5000):
        with pytest.raises(Undecodable):
            fingerprint_bytes(made.docx(body))


def test_other_archives_say_what_to_do() -> None:
    with pytest.raises(UnsupportedMedia, match="EPUB"):
        fingerprint_bytes(made.archive({"a.txt": POEMS}))


def test_a_password_is_named_as_the_reason() -> None:
    data = bytearray(made.docx(made.paragraph(POEMS)))
    place = data.rindex(b"PK\x01\x02") + 8
    data[place] |= 1
    with pytest.raises(UnsupportedMedia, match="password"):
        fingerprint_bytes(bytes(data))
    with pytest.raises(UnsupportedMedia, match="password"):
        fingerprint_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_archives_cut_short_are_damaged(part: float) -> None:
    data = made.epub([made.POEM, made.SECOND])
    with pytest.raises(Undecodable):
        fingerprint_bytes(data[: int(len(data) * part)])


@given(st.data())
@settings(max_examples=150)
def test_archives_with_changed_bytes_are_read_or_refused(data: st.DataObject) -> None:
    file = bytearray(made.epub([made.POEM, made.SECOND]))
    for place in data.draw(st.lists(st.integers(0, len(file) - 1), min_size=1, max_size=8)):
        file[place] = data.draw(st.integers(0, 255))
    with suppress(InvalidInput):
        assert archives.read(bytes(file), DEFAULT_LIMITS).text


# -- PDF ---------------------------------------------------------------------------------------------------
def test_scans_locked_and_broken_files_are_told_apart() -> None:
    with pytest.raises(UnsupportedMedia, match="pictures of pages only") as refusal:
        fingerprint_bytes(made.pdf(["", ""], picture=True))
    assert refusal.value.details["reason"] == "document.no-text"
    with pytest.raises(UnsupportedMedia, match="password") as refusal:
        fingerprint_bytes(made.pdf([POEMS], encrypted=True))
    assert refusal.value.details["reason"] == "document.protected"
    with pytest.raises(Undecodable, match="damaged"):
        fingerprint_bytes(made.pdf([POEMS])[:200])


def test_a_pdf_with_too_much_text_is_refused() -> None:
    with pytest.raises(TooLarge, match="Register its parts"):
        fingerprint_bytes(made.pdf([POEMS] * 20), limits=Limits(max_text_bytes=19 * len(POEMS)))


def test_a_pdf_that_takes_all_memory_ends_its_own_process_only() -> None:
    spaces = zlib.compressobj(9, wbits=-15)
    block = spaces.compress(b" " * (1 << 20)) + spaces.flush(zlib.Z_FULL_FLUSH)
    twice = zlib.compress(b"\x78\x9c" + block * 3000 + spaces.flush(), 9)  # 3 GB in a few kilobytes
    file = made.pdf(["x"])
    start = file.index(b"<< /Length", file.index(b"6 0 obj"))
    stream = b"<< /Filter [/FlateDecode /FlateDecode] /Length %d >>\nstream\n%b\nendstream" % (
        len(twice),
        twice,
    )
    with pytest.raises(Undecodable, match="MiB of memory"):
        fingerprint_bytes(file[:start] + stream + file[file.index(b"endobj", start) :])
