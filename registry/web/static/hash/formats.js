// What a file is, by its bytes, as registry/core/fingerprints/sniff.py; and whether a browser gives the pixels that the
// server would. Where it would not, the answer says so instead of guessing: { is: "device", format } can be hashed here,
// { is: "send", why } by the server, { is: "refused", why } nowhere; { is: "text" } is no picture.

const text = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));
const big16 = (bytes, at) => (bytes[at] << 8) | bytes[at + 1];
const little16 = (bytes, at) => (bytes[at + 1] << 8) | bytes[at];
const PICTURE_NAMES = /\.(jpe?g|png|gif|webp|tiff?|bmp|avif|jp2)$/i;
const UPRIGHT = 1;

const device = (format) => ({ is: "device", format });
const send = (why) => ({ is: "send", why });
const refused = (why) => ({ is: "refused", why });

// `bytes`: the whole file.
export function judge(name, bytes) {
  const head = text(bytes, 0, 64);
  if (head.startsWith("\xff\xd8\xff")) return judgeJpeg(bytes);
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return device("png");
  if (/^GIF8[79]a/.test(head)) return judgeGif(bytes);
  if (/^RIFF[^]{4}WEBP/.test(head)) return judgeWebp(bytes);
  if (/^[^]{4}ftyp/.test(head)) {
    if (/^(hei|mif1)/.test(head.slice(8)) && !/avif/.test(head.slice(16, 48))) return refused("heic");
    return /^[^]{8}avi[fs]|^[^]{16,44}avif/.test(head) ? send("format") : refused("unknown");
  }
  if (/^(II[*+]\0|MM\0[*+]|\0\0\0\x0cjP {2}|\xff\x4f\xff\x51)/.test(head) || isBmp(bytes, head)) return send("format");
  return PICTURE_NAMES.test(name) ? refused("no-picture") : { is: "text" };
}

// "BM" alone may begin a sentence, so the size of the information header must be a known one as well.
function isBmp(bytes, head) {
  return head.startsWith("BM") && [12, 40, 52, 56, 64, 108, 124].includes(little16(bytes, 14)) && little16(bytes, 16) === 0;
}

// -- JPEG: four channels are inks, which browsers mix by a profile and the server does not -----------------------------
function judgeJpeg(bytes) {
  let exif = null;
  let noted = UPRIGHT;
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1];
    if (marker === 0xff) { at += 1; continue; }
    const length = big16(bytes, at + 2);
    const body = bytes.subarray(at + 4, at + 2 + length);
    if (marker === 0xe1 && text(body, 0, 6) === "Exif\0\0") exif ??= exifOrientation(body.subarray(6));
    if (marker === 0xe1 && text(body, 0, 28) === "http://ns.adobe.com/xap/1.0/") noted = xmpOrientation(body);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame && body[0] !== 8) return send("format");
    if (isFrame && body[5] !== 1 && body[5] !== 3) return send("inks");
    if (marker === 0xda) break;
    at += 2 + length;
  }
  return exif === null && noted !== UPRIGHT ? send("turned") : device("jpeg");
}

// -- GIF: a first picture that leaves a part of the screen free is filled up differently ------------------------------
function judgeGif(bytes) {
  const tableBytes = (flags) => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  let at = 13 + tableBytes(bytes[10]);
  while (bytes[at] === 0x21) {
    at += 2;
    while (at < bytes.length && bytes[at] !== 0) at += bytes[at] + 1;
    at += 1;
  }
  const covers = [1, 3].every((n) => little16(bytes, at + n) === 0) &&
    little16(bytes, at + 5) === little16(bytes, 6) && little16(bytes, at + 7) === little16(bytes, 8);
  return covers ? device("gif") : send("format");
}

// -- WebP: moving ones, and turned ones, which not every browser turns -------------------------------------------------
function judgeWebp(bytes) {
  const moves = text(bytes, 12, 16) === "VP8X" && bytes[20] & 0x02;
  const says = text(bytes, 12, 16) === "VP8X" && bytes[20] & 0x0c; // it has EXIF or XMP
  if (moves) return send("format");
  if (!says) return device("webp");
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = (little16(bytes, at + 4) | (little16(bytes, at + 6) << 16)) >>> 0;
    const body = bytes.subarray(at + 8, at + 8 + size);
    const kind = text(bytes, at, at + 4);
    const turned = kind === "EXIF" ? exifOrientation(body.subarray(text(body, 0, 6) === "Exif\0\0" ? 6 : 0)) : null;
    if ((turned ?? UPRIGHT) !== UPRIGHT || (kind === "XMP " && xmpOrientation(body) !== UPRIGHT)) return send("turned");
    at += 8 + size + (size & 1);
  }
  return device("webp");
}

// -- orientation ------------------------------------------------------------------------------------------------------
// The EXIF orientation 1 to 8 in a TIFF header and its first directory; null if it says nothing.
export function exifOrientation(tiff) {
  if (tiff.length < 14) return null;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const order = text(tiff, 0, 2);
  if (order !== "II" && order !== "MM") return null;
  const little = order === "II";
  const directory = view.getUint32(4, little);
  if (directory + 2 > tiff.length) return null;
  const entries = view.getUint16(directory, little);
  for (let n = 0; n < entries; n++) {
    const at = directory + 2 + 12 * n;
    if (at + 12 > tiff.length) return null;
    if (view.getUint16(at, little) !== 0x0112) continue;
    const value = view.getUint16(at + 2, little) === 4 ? view.getUint32(at + 8, little) : view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : UPRIGHT;
  }
  return null;
}

// What XMP says of the orientation, which counts where EXIF says nothing.
export function xmpOrientation(xmp) {
  const found = /tiff:Orientation(?:="|>)([0-9])/.exec(new TextDecoder("latin1").decode(xmp));
  const value = found ? Number(found[1]) : UPRIGHT;
  return value >= 1 && value <= 8 ? value : UPRIGHT;
}
