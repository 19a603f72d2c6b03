// The frozen data of the text algorithms, as registry/core/fingerprints/tables.py: what becomes of each code point, and
// the permutations. How the file is laid out is said in registry/web/text_table.py. What the browser itself knows of
// Unicode has no say, and a table of which one byte is wrong is not used.

import { hex } from "./bytes.js";
import { Unloaded } from "./errors.js";

const DIGESTS = {
  offsets: "fa3c6e8d97a2911762aaaf5c4abb05fc4bb3b19257f7ebcd9f26180d07cf66b8",
  output: "51c9dd51b55e6e5bca0f49b731a673ba9558848fd12ad2baf4ed29c570d52ec9",
  permutations: "b14750dd0abf30bb02469d6062895f1dee4f3bf2ef2d0a91310e8dafee9dc551",
};
const CODE_POINTS = 0x110000;
const PERMUTATIONS = 128;
const NOTHING = 0, ITSELF = 1, SYLLABLE = 2;

let loaded = null;

// { offsets, output, permutations }: output[offsets[c]] up to offsets[c + 1] replaces code point c; the multipliers come
// first among the permutations. Loaded with the first text; `Unloaded` if it does not come, or not whole.
export function textTable() {
  loaded ??= load().catch(() => {
    loaded = null;
    throw new Unloaded();
  });
  return loaded;
}

async function load() {
  const answer = await fetch(new URL("text_table.v1.bin", import.meta.url));
  if (!answer.ok) throw new Error(`the table of letters: ${answer.status}`);
  const inflated = answer.body.pipeThrough(new DecompressionStream("deflate"));
  const table = read(new Uint8Array(await new Response(inflated).arrayBuffer()));
  for (const [name, digest] of Object.entries(DIGESTS)) {
    if ((await sha256(table[name])) !== digest) throw new Error(`the table of letters is damaged: ${name}`);
  }
  return table;
}

async function sha256(array) {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", array)));
}

function read(bytes) {
  let at = 8 * PERMUTATIONS;
  const permutations = new Uint32Array(bytes.slice(0, at).buffer);
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value;
    }
  };
  const difference = () => {
    const value = number();
    return value & 1 ? -(value + 1) / 2 : value / 2;
  };
  const offsets = new Uint32Array(CODE_POINTS + 1);
  const left = new Writer();
  for (let point = 0; point < CODE_POINTS; ) {
    const stop = point + number();
    const kind = number();
    const others = new Array(Math.max(kind - SYLLABLE, 0)).fill(0);
    for (; point < stop; point++) {
      if (kind === ITSELF) left.add(point);
      else if (kind === SYLLABLE) addSyllable(left, point - 0xac00);
      else if (kind !== NOTHING) others.forEach((before, n) => left.add(others[n] = before + difference()));
      offsets[point + 1] = left.length;
    }
  }
  return { offsets, output: left.bytes.slice(0, left.length), permutations };
}

// The letters of a Korean syllable: the consonant before its vowel, the vowel, and the consonants behind it, if any.
function addSyllable(left, number) {
  left.add(0x1100 + Math.floor(number / 588));
  left.add(0x1161 + Math.floor((number % 588) / 28));
  if (number % 28) left.add(0x11a7 + (number % 28));
}

// Code points as UTF-8.
class Writer {
  bytes = new Uint8Array(1 << 20);
  length = 0;

  add(point) {
    if (point < 0x80) return this.put(point);
    if (point < 0x800) this.put(0xc0 | (point >> 6));
    else {
      if (point < 0x10000) this.put(0xe0 | (point >> 12));
      else {
        this.put(0xf0 | (point >> 18));
        this.put(0x80 | ((point >> 12) & 0x3f));
      }
      this.put(0x80 | ((point >> 6) & 0x3f));
    }
    this.put(0x80 | (point & 0x3f));
  }

  put(byte) {
    this.bytes[this.length++] = byte;
  }
}
