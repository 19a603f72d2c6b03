// Pictures to codes, frame by frame, through the two gates, quality and symmetry; as registry/core/fingerprints/image.py.

import { colour42 } from "./colour.js";
import { codeOf, coefficients, isSymmetric } from "./frequencies.js";
import { resizeAll, resizePlane } from "./resize.js";
import { innerFrame } from "./trim.js";

const LEAST_QUALITY = 50;
const LUMA = 3;

// All codes of a picture: [{ algorithm, kind, code }], code in hexadecimal. `pixels`: red, green, blue and luma of each.
export function codesOf(pixels, width, height) {
  const full = { data: pixels, start: 0, stride: 4 * width, width, height };
  const inner = innerFrame(full);
  return [...codesOfFrame(full, "full"), ...(inner ? codesOfFrame(inner, "trimmed") : [])];
}

function codesOfFrame(frame, kind) {
  const [red, green, blue, luma] = resizeAll(frame, 64, 64);
  if (qualityOf(luma) < LEAST_QUALITY) return [];
  const low = coefficients(luma, 64, 16);
  const codes = {
    "image.dhash256.v1": outlines(resizePlane(frame, LUMA, 17, 16)),
    "image.phash64.v1": codeOf(coefficients(resizePlane(frame, LUMA, 32, 32), 32, 8)),
    "image.colour42.v1": colour42(red, green, blue, lumaOf(red, green, blue)),
  };
  if (!isSymmetric(low)) codes["image.phash256.v1"] = codeOf(low);
  return Object.entries(codes).map(([algorithm, bits]) => ({ algorithm, kind, code: hexadecimal(bits) }));
}

// PDQ's measure, as registry/core/fingerprints/quality.py.
function qualityOf(luma) {
  let total = 0;
  const add = (a, b) => (total += Math.floor((Math.abs(luma[a] - luma[b]) * 100) / 255));
  for (let y = 0; y < 64; y++) {
    for (let x = 0; x < 64; x++) {
      if (y < 63) add(64 * y + x, 64 * y + 64 + x);
      if (x < 63) add(64 * y + x, 64 * y + x + 1);
    }
  }
  return Math.min(100, Math.floor(total / 90));
}

// dhash256 of a luma of 17 columns and 16 rows: which pixels are brighter than their left neighbours.
function outlines(luma) {
  const bits = [];
  for (let y = 0; y < 16; y++) {
    for (let x = 1; x < 17; x++) bits.push(luma[17 * y + x] > luma[17 * y + x - 1]);
  }
  return bits;
}

// Luma of small planes, from their colours: not the same as the small plane of the luma.
function lumaOf(red, green, blue) {
  return red.map((value, i) => (19595 * value + 38470 * green[i] + 7471 * blue[i] + 0x8000) >> 16);
}

export function hexadecimal(bits) {
  let text = "";
  for (let i = 0; i < bits.length; i += 4) {
    text += ((bits[i] << 3) | (bits[i + 1] << 2) | (bits[i + 2] << 1) | bits[i + 3]).toString(16);
  }
  return text;
}
