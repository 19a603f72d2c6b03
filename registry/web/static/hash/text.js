// A text to what the registry keeps of it, as registry/core/fingerprints/text.py: digest, signature and fingerprints.

import { hex } from "./bytes.js";
import { passages, signature } from "./text_hashes.js";
import { normalised } from "./text_normal.js";
import { readText } from "./text_reading.js";
import { textTable } from "./text_table.js";

const MOST_BYTES = 32 * 2 ** 20;
const LEAST_BYTES = 63; // normalised, about 14 words; shorter texts are not told from others' use of them

// The answer of the worker, see worker.js. The fingerprints stand beside the others as bytes: they are long.
export async function hashedText(bytes, said) {
  const read = readText(bytes);
  if (read.is !== "text") return read;
  if (bytes.length > MOST_BYTES) return { is: "refused", why: "too-large" };
  said("decode");
  const digest = crypto.subtle.digest("SHA-256", bytes);
  const table = await textTable();
  const text = normalised(read.utf8, table);
  if (text.length < LEAST_BYTES) return { is: "refused", why: "short" };
  said("hash");
  const codes = [
    { algorithm: "digest.sha256.v1", kind: "whole", code: hex(new Uint8Array(await digest)) },
    { algorithm: "text.minhash128.v1", kind: "whole", code: hex(signature(text, table.permutations)) },
  ];
  const facts = { characters: read.characters, normalised_bytes: text.length };
  return { is: "device", found: { media_type: "text/plain", size: bytes.length, ...facts, codes }, passages: passages(text) };
}
