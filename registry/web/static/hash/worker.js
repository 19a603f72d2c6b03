// Hashes one file after the other, away from the page. In: { id, file }. Out: { id, step } while it works, at the end
// { id, is: "device", found } with the codes (of a text `passages` besides, its fingerprints as bytes), or { id, is, why }
// if the file has to be sent ("send") or is of no use ("refused").

import { hex } from "./bytes.js";
import { Undecodable, Unloaded, Unsuitable } from "./errors.js";
import { judge } from "./formats.js";
import { codesOf } from "./image.js";
import { canvasIsExact, pixelsOf } from "./pixels.js";
import { previewOf } from "./preview.js";

const trusted = canvasIsExact();
let last = Promise.resolve();

addEventListener("message", ({ data }) => {
  last = last.then(() => answer(data));
});

async function answer({ id, file, draw }) {
  const said = (step) => postMessage({ id, step });
  try {
    postMessage({ id, ...(await hashed(file, said, draw)) });
  } catch (error) {
    postMessage({ id, ...outcome(error) });
  }
}

function outcome(error) {
  if (error instanceof Unsuitable) return { is: "send", why: error.why };
  if (error instanceof Undecodable) return { is: "refused", why: "damaged" };
  if (error instanceof Unloaded) return { is: "refused", why: "unloaded" };
  if (error instanceof DOMException) return { is: "refused", why: "unreadable" };
  return { is: "send", why: "failed" }; // memory, or something a browser lacks
}

async function hashed(file, said, draw) {
  said("read");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const judged = judge(file.name, bytes);
  if (judged.is === "text") return (await textScript()).hashedText(bytes, said);
  if (judged.is !== "device") return judged;
  said("decode");
  const digest = crypto.subtle.digest("SHA-256", bytes);
  const { data, width, height } = await pixelsOf(judged.format, bytes, await trusted);
  said("hash");
  const codes = codesOf(data, width, height);
  codes.push({ algorithm: "digest.sha256.v1", kind: "whole", code: hex(new Uint8Array(await digest)) });
  const found = { media_type: `image/${judged.format}`, size: bytes.length, width, height, codes };
  return { is: "device", found, preview: draw ? await previewOf(data, width, height) : null };
}

// Loaded with the first text.
function textScript() {
  return import("./text.js").catch(() => { throw new Unloaded(); });
}
