// A file that is no picture to UTF-8, as registry/core/fingerprints/sniff.py; or why it cannot be read here. By its bytes
// alone: names are often wrong.

const BOM = [0xef, 0xbb, 0xbf];
const HEAD = 4096;
const DOCUMENTS = ["%PDF-", "PK\x03\x04"]; // the latter begins e-books and Word documents
const OTHERS = [
  "%!PS", "{\\rtf", "\xd0\xcf\x11\xe0", "8BPS\0", "\xff\x0a", "\0\0\0\x0cJXL ", "\x1a\x45\xdf\xa3", "OggS\0", "fLaC\0",
  "ID3\x03", "ID3\x04",
];
const BLANK = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]"; // Python's \s
const BEFORE_TAG = `${BLANK}|<\\?xml[^>]*>|<!--.*?-->`;
const TAGS = `!doctype${BLANK}+html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p`;
const HTML = new RegExp(`^(?=((?:${BEFORE_TAG})*))\\1<(?:${TAGS})(?:${BLANK}|>)`, "isu"); // what stands ahead is not tried again
const SVG = new RegExp(`^${BLANK}*(?:(?:<\\?xml[^>]*>|<!--.*?-->|<!DOCTYPE[^>]*>)${BLANK}*)*<svg(?:${BLANK}|>)`, "su");

const send = (why) => ({ is: "send", why });
const refused = (why) => ({ is: "refused", why });
const starts = (bytes, mark) => mark.every((byte, i) => bytes[i] === byte);
const latin1 = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");

// { is: "text", utf8, characters } without the byte order mark, { is: "send", why } or { is: "refused", why }.
export function readText(bytes) {
  if (!bytes.length) return refused("damaged");
  const head = latin1(bytes.subarray(0, 64));
  if (DOCUMENTS.some((mark) => head.startsWith(mark))) return send("document");
  const utf16 = starts(bytes, [0xff, 0xfe]) ? "utf-16le" : starts(bytes, [0xfe, 0xff]) ? "utf-16be" : null;
  if (isHtml(bytes.subarray(0, HEAD), utf16)) return send("document");
  if (OTHERS.some((mark) => head.startsWith(mark))) return refused("kinds");
  const utf8 = decoded(bytes, utf16);
  if (utf8 === null) return refused(utf16 || starts(bytes, BOM) ? "damaged" : isBinary(bytes) ? "kinds" : "encoding");
  if (utf8.includes(0)) return refused("encoding"); // most likely UTF-16 that does not say so
  if (isBinary(utf8) || isSvg(utf8)) return refused("kinds");
  return { is: "text", utf8, characters: charactersOf(utf8) };
}

function isHtml(head, utf16) {
  const text = utf16 ? new TextDecoder(utf16).decode(head) : latin1(starts(head, BOM) ? head.subarray(BOM.length) : head);
  return HTML.test(text.replace(/[İı]/g, "i")); // which Python takes for i where case does not count
}

// Valid UTF-8, or null. A `fatal` decoder takes neither half a surrogate pair nor a longer form than needed.
function decoded(bytes, utf16) {
  try {
    const text = new TextDecoder(utf16 ?? "utf-8", { fatal: true }).decode(bytes);
    if (utf16) return new TextEncoder().encode(text);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
  return starts(bytes, BOM) ? bytes.subarray(BOM.length) : bytes;
}

// Control characters that no plain text needs.
function isBinary(bytes) {
  return bytes.some((byte) => byte < 0x09 || (byte > 0x0d && byte < 0x20) || byte === 0x7f);
}

function isSvg(utf8) {
  const characters = Array.from(new TextDecoder().decode(utf8.subarray(0, 4 * HEAD)));
  return SVG.test(characters.slice(0, HEAD).join(""));
}

// Code points: all bytes but those that go on with one.
function charactersOf(utf8) {
  let count = 0;
  for (const byte of utf8) if ((byte & 0xc0) !== 0x80) count++;
  return count;
}
