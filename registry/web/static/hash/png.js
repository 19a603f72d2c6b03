// PNG to pixels without a canvas (W3C PNG, third edition): what a canvas gives back is rounded where a picture is half
// transparent, and some browsers add noise to it. Only inflating is left to the browser.

import { exifOrientation, xmpOrientation } from "./formats.js";
import { Undecodable, Unsuitable } from "./errors.js";

const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const GREY = 0, COLOURS = 2, PALETTE = 3, GREY_ALPHA = 4, COLOURS_ALPHA = 6;
const ADAM7 = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

// { data, width, height, orientation }; data in four bytes a pixel, red, green, blue, alpha not yet applied.
export async function decodePng(bytes, mostPixels) {
  const png = readChunks(bytes);
  if (png.width * png.height > mostPixels) throw new Unsuitable("large");
  if (png.transparency && png.type !== PALETTE && png.depth !== 8) throw new Unsuitable("format");
  const passes = png.interlaced ? ADAM7 : [[0, 0, 1, 1]];
  const bits = CHANNELS[png.type] * png.depth;
  const sizes = passes.map(([x, y, dx, dy]) => [Math.ceil((png.width - x) / dx), Math.ceil((png.height - y) / dy)]);
  const lengths = sizes.map(([w, h]) => (w > 0 && h > 0 ? h * (1 + Math.ceil((w * bits) / 8)) : 0));
  const raw = await inflate(png.parts, lengths.reduce((sum, length) => sum + length, 0));
  const data = new Uint8Array(4 * png.width * png.height);
  let at = 0;
  passes.forEach((pass, n) => {
    if (!lengths[n]) return;
    unfilter(raw, at, sizes[n][1], Math.ceil((sizes[n][0] * bits) / 8), Math.max(1, bits >> 3));
    unpack(png, raw, at, sizes[n], pass, data);
    at += lengths[n];
  });
  return { data, width: png.width, height: png.height, orientation: png.exif ?? png.xmp };
}

function readChunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const png = { parts: [], exif: null, xmp: 1 };
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (body.length < length) throw new Undecodable();
    const word = String.fromCharCode(...body.subarray(0, 22));
    if (kind === "IHDR") readHeader(png, body, view.getUint32(at + 8), view.getUint32(at + 12));
    else if (kind === "PLTE") png.palette = body;
    else if (kind === "tRNS") png.transparency = body;
    else if (kind === "IDAT") png.parts.push(body);
    else if (kind === "eXIf") png.exif = exifOrientation(body);
    else if (kind === "iTXt" && word.startsWith("XML:com.adobe.xmp\0")) png.xmp = xmpOrientation(body);
    else if (word.startsWith("Raw profile type exif\0")) throw new Unsuitable("turned");
    else if (kind === "IEND") break;
    at += 12 + length;
  }
  if (!png.width || !png.height || !png.parts.length || (png.type === PALETTE && !png.palette)) throw new Undecodable();
  return png;
}

function readHeader(png, body, width, height) {
  const [depth, type, , , interlaced] = body.subarray(8);
  if (!(type in CHANNELS) || ![1, 2, 4, 8, 16].includes(depth) || interlaced > 1) throw new Undecodable();
  Object.assign(png, { width, height, depth, type, interlaced });
}

// So many bytes; what comes after them is of no interest.
async function inflate(parts, length) {
  const raw = new Uint8Array(length);
  let filled = 0;
  const reader = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  try {
    while (filled < length) {
      const { value, done } = await reader.read();
      if (done) break;
      raw.set(value.subarray(0, length - filled), filled);
      filled += value.length;
    }
  } catch {
    throw new Undecodable();
  }
  if (filled < length) throw new Undecodable();
  reader.cancel().catch(() => {}); // whatever follows the pixels may be broken
  return raw;
}

// Undo the filters of `rows` rows in place; each has a byte in front that names its filter. `back`: bytes of a pixel.
function unfilter(raw, start, rows, length, back) {
  for (let y = 0; y < rows; y++) {
    const row = start + y * (length + 1) + 1;
    const above = y ? row - length - 1 : -1;
    const kind = raw[row - 1];
    if (kind > 4) throw new Undecodable();
    if (kind === 0) continue;
    for (let i = 0; i < length; i++) {
      const left = i < back ? 0 : raw[row + i - back];
      const up = above < 0 ? 0 : raw[above + i];
      const corner = i < back || above < 0 ? 0 : raw[above + i - back];
      raw[row + i] += kind === 1 ? left : kind === 2 ? up : kind === 3 ? (left + up) >> 1 : paeth(left, up, corner);
    }
  }
}

function paeth(left, up, corner) {
  const a = Math.abs(up - corner), b = Math.abs(left - corner), c = Math.abs(left + up - 2 * corner);
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

// The samples of a pass to their places; of 16 bits the upper eight, small grey ones spread over 0..255.
function unpack(png, raw, start, [width, height], [left, top, dx, dy], data) {
  const { depth, type, palette, transparency } = png;
  const channels = CHANNELS[type];
  const step = (channels * depth) >> 3; // bytes; 0 where several pixels share one
  const wide = depth === 16 ? 2 : 1;
  const length = Math.ceil((width * channels * depth) / 8) + 1;
  const spread = depth < 8 && type === GREY ? 255 / ((1 << depth) - 1) : 1;
  const mask = (1 << depth) - 1;
  for (let y = 0; y < height; y++) {
    const row = start + y * length + 1;
    let to = 4 * ((top + y * dy) * png.width + left);
    for (let x = 0; x < width; x++, to += 4 * dx) {
      const from = step ? row + x * step : row + ((x * depth) >> 3);
      const value = step ? raw[from] : ((raw[from] >> (8 - depth - ((x * depth) & 7))) & mask) * spread;
      data[to + 3] = 255;
      if (type === PALETTE) {
        data.set(palette.subarray(3 * value, 3 * value + 3), to);
        if (transparency && value < transparency.length) data[to + 3] = transparency[value];
      } else if (channels < 3) {
        data[to] = data[to + 1] = data[to + 2] = value;
        if (type === GREY_ALPHA) data[to + 3] = raw[from + wide];
        else if (transparency && depth === 8 && value === transparency[1]) data[to + 3] = 0;
      } else {
        data[to] = value;
        data[to + 1] = raw[from + wide];
        data[to + 2] = raw[from + 2 * wide];
        if (type === COLOURS_ALPHA) data[to + 3] = raw[from + 3 * wide];
        else if (transparency && [0, 1, 2].every((n) => data[to + n] === transparency[2 * n + 1])) data[to + 3] = 0;
      }
    }
  }
}
