// A picture's pixels as the server sees them: upright, on white, raw values (no colour management), with the luma of
// each in its fourth byte. As registry/core/fingerprints/decode.py.

import { Undecodable, Unsuitable } from "./errors.js";
import { decodePng } from "./png.js";

const MOST_PIXELS = 120_000_000;
const ROWS_AT_ONCE = 512; // a canvas of a whole large picture is more than some browsers give
const RAW = { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" };

// { data, width, height } of a file in a format that `judge` lets pass; `trusts`: whether a canvas may be used.
export async function pixelsOf(format, bytes, trusts) {
  if (format === "png") {
    const { data, width, height, orientation } = await decodePng(bytes, MOST_PIXELS);
    onWhite(data);
    withLuma(data);
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
  const data = throughCanvas(bitmap);
  bitmap.close();
  if (format !== "jpeg" && !onWhiteExactly(data)) throw new Unsuitable("half-transparent");
  withLuma(data);
  return { data, width, height };
}

function throughCanvas(bitmap) {
  const { width, height } = bitmap;
  const data = new Uint8Array(4 * width * height);
  const canvas = new OffscreenCanvas(width, Math.min(height, ROWS_AT_ONCE));
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  for (let top = 0; top < height; top += ROWS_AT_ONCE) {
    const rows = Math.min(ROWS_AT_ONCE, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, -top);
    data.set(context.getImageData(0, 0, width, rows).data, 4 * width * top);
  }
  return data;
}

// -- does this browser give back the pixels that were drawn? -----------------------------------------------------------
const PROBE = 64;

// Browsers that hinder tracking change what is read from a canvas. Every byte of a known picture has to come back.
export async function canvasIsExact() {
  try {
    const drawn = new Uint8ClampedArray(4 * PROBE * PROBE);
    for (let i = 0, state = 1; i < drawn.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0; // Numerical Recipes' generator
      drawn[i] = i % 4 === 3 ? 255 : state >>> 24;
    }
    const bitmap = await createImageBitmap(new ImageData(drawn, PROBE, PROBE), RAW);
    const read = throughCanvas(bitmap);
    bitmap.close();
    return read.every((value, i) => value === drawn[i]);
  } catch {
    return false;
  }
}

// -- transparency -----------------------------------------------------------------------------------------------------
// Alpha on white, rounded as Pillow does (`Paste.c`).
function onWhite(data) {
  for (let i = 3; i < data.length; i += 4) {
    const alpha = data[i];
    if (alpha === 255) continue;
    for (let n = i - 3; n < i; n++) {
      const sum = 255 * (255 - alpha) + data[n] * alpha + 128;
      data[n] = ((sum >> 8) + sum) >> 8;
    }
  }
}

// The same for what is either opaque or not there; false for anything between, which a canvas rounds.
function onWhiteExactly(data) {
  for (let i = 3; i < data.length; i += 4) {
    if (data[i] === 255) continue;
    if (data[i] !== 0) return false;
    data[i - 3] = data[i - 2] = data[i - 1] = 255;
  }
  return true;
}

// ITU-R 601-2 in 16-bit fixed point.
function withLuma(data) {
  for (let i = 0; i < data.length; i += 4) {
    data[i + 3] = (19595 * data[i] + 38470 * data[i + 1] + 7471 * data[i + 2] + 0x8000) >> 16;
  }
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
