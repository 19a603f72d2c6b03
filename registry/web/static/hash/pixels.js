// A picture's pixels as the server sees them: upright, on white, raw values (no colour management), with the luma of
// each in its fourth byte. As registry/core/fingerprints/decode.py.

import { Undecodable, Unsuitable } from "./errors.js";
import { decodePng } from "./png.js";

const MOST_PIXELS = 120_000_000;
const ROWS_AT_ONCE = 128; // a canvas of a whole large picture is more than some browsers give, and slower
const RAW = { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" };

// { data, width, height } of a file in a format that `judge` lets pass; `trusts`: whether a canvas may be used.
export async function pixelsOf(format, bytes, trusts) {
  if (format === "png") {
    const { data, width, height, orientation } = await decodePng(bytes, MOST_PIXELS);
    const pixels = new Uint32Array(data.buffer);
    onWhite(pixels, pixels, 0);
    return upright(data, width, height, orientation);
  }
  if (!trusts) throw new Unsuitable("noise");
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes], { type: `image/${format}` }), RAW);
  } catch {
    throw new Undecodable();
  }
  const { width, height } = bitmap;
  if (width * height > MOST_PIXELS) throw new Unsuitable("large");
  const pixels = new Uint32Array(width * height);
  let exact = true;
  throughCanvas(bitmap, (part, at) => { exact = onWhite(part, pixels, at) && exact; });
  bitmap.close();
  if (!exact) throw new Unsuitable("half-transparent"); // a canvas rounds these
  return { data: new Uint8Array(pixels.buffer), width, height };
}

// Gives the pixels part by part: as numbers with red in the lowest byte, and where they begin.
function throughCanvas(bitmap, take) {
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, Math.min(height, ROWS_AT_ONCE));
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  for (let top = 0; top < height; top += ROWS_AT_ONCE) {
    const rows = Math.min(ROWS_AT_ONCE, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, -top);
    take(new Uint32Array(context.getImageData(0, 0, width, rows).data.buffer), width * top);
  }
}

// -- does this browser give back the pixels that were drawn? -----------------------------------------------------------
const PROBE = 128;

// Browsers that hinder tracking change what is read from a canvas. Every byte of a known picture has to come back.
export async function canvasIsExact() {
  try {
    const drawn = new Uint8ClampedArray(4 * PROBE * PROBE);
    for (let i = 0, state = 1; i < drawn.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0; // Numerical Recipes' generator
      drawn[i] = i % 4 === 3 ? 255 : state >>> 24;
    }
    const bitmap = await createImageBitmap(new ImageData(drawn, PROBE, PROBE), RAW);
    const known = new Uint32Array(drawn.buffer);
    let same = true;
    throughCanvas(bitmap, (part, at) => { same = part.every((pixel, i) => pixel === known[at + i]) && same; });
    bitmap.close();
    return same;
  } catch {
    return false;
  }
}

// -- transparency and luma --------------------------------------------------------------------------------------------
// From red, green, blue, alpha to red, green, blue, luma on white; false if anything is half transparent. Alpha is
// rounded as Pillow does (`Paste.c`), luma is ITU-R 601-2 in 16-bit fixed point.
function onWhite(from, to, at) {
  let exact = true;
  for (let i = 0; i < from.length; i++) {
    let pixel = from[i];
    const alpha = pixel >>> 24;
    if (alpha !== 255) {
      exact = exact && alpha === 0;
      pixel = blended(pixel & 255, alpha) | (blended((pixel >>> 8) & 255, alpha) << 8) | (blended((pixel >>> 16) & 255, alpha) << 16);
    }
    const luma = 19595 * (pixel & 255) + 38470 * ((pixel >>> 8) & 255) + 7471 * ((pixel >>> 16) & 255) + 0x8000;
    to[at + i] = (pixel & 0xffffff) | ((luma >>> 16) << 24);
  }
  return exact;
}

function blended(value, alpha) {
  const sum = 255 * (255 - alpha) + value * alpha + 128;
  return ((sum >> 8) + sum) >> 8;
}

// -- orientation ------------------------------------------------------------------------------------------------------
// EXIF orientations 5 to 8 are stored transposed; then 2, 3, 6, 7 are mirrored in x and 3, 4, 7, 8 in y.
function upright(data, width, height, orientation) {
  if (orientation === 1) return { data, width, height };
  const transposed = orientation >= 5;
  const [wide, high] = transposed ? [height, width] : [width, height];
  const mirrored = [2, 3, 6, 7].includes(orientation);
  const upended = [3, 4, 7, 8].includes(orientation);
  const from = new Uint32Array(data.buffer);
  const to = new Uint32Array(from.length);
  for (let y = 0; y < high; y++) {
    for (let x = 0; x < wide; x++) {
      const u = mirrored ? wide - 1 - x : x;
      const v = upended ? high - 1 - y : y;
      to[y * wide + x] = from[transposed ? u * width + v : v * width + u];
    }
  }
  return { data: new Uint8Array(to.buffer), width: wide, height: high };
}
