// The frozen resize: Lanczos (a = 3) in 22-bit fixed point, rows first, then columns. The same integers as
// registry/core/fingerprints/resize.py: weights come from +, -, x and / on doubles alone, which IEEE 754 rounds in one
// way only; everything after them is whole numbers below 2^31.

const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);
const SUPPORT = 3;
const TAPS_AT_ONCE = 4;
const SINE = [
  1, 6, 120, 5040, 362880, 39916800, 6227020800, 1307674368000, 355687428096000, 121645100408832000,
].map((factorial, i) => (i % 2 ? -1 : 1) / factorial);

function nearestEven(x) {
  const below = Math.floor(x);
  const over = x - below;
  if (over !== 0.5) return over < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

// sin(pi x) / (pi x), and 1 at 0. The nearest whole number is taken off first, which is exact.
function sinc(x) {
  if (x === 0) return 1;
  const whole = nearestEven(x);
  const angle = (x - whole) * Math.PI;
  const square = angle * angle;
  let series = SINE[SINE.length - 1];
  for (let i = SINE.length - 2; i >= 0; i--) series = series * square + SINE[i];
  const sine = whole % 2 === 0 ? series * angle : -series * angle;
  return sine / (x * Math.PI);
}

function lanczos(x) {
  return x >= -SUPPORT && x < SUPPORT ? sinc(x) * sinc(x / 3) : 0;
}

// For each of `outputs`: the first input, how many follow, and their weights, padded with zeros to `stride`.
export function weights(inputs, outputs) {
  const scale = inputs / outputs;
  const stretch = Math.max(scale, 1);
  const support = SUPPORT * stretch;
  const first = new Int32Array(outputs);
  const taps = new Int32Array(outputs);
  const centres = new Float64Array(outputs);
  let most = 0;
  for (let n = 0; n < outputs; n++) {
    const centre = (centres[n] = (n + 0.5) * scale);
    first[n] = Math.max(Math.trunc(centre - support + 0.5), 0);
    taps[n] = Math.min(Math.trunc(centre + support + 0.5), inputs) - first[n];
    most = Math.max(most, taps[n]);
  }
  const stride = Math.ceil(most / TAPS_AT_ONCE) * TAPS_AT_ONCE;
  const values = new Int32Array(outputs * stride);
  const raw = new Float64Array(most);
  for (let n = 0; n < outputs; n++) {
    let sum = 0;
    for (let t = 0; t < taps[n]; t++) {
      raw[t] = lanczos((t + first[n] - centres[n] + 0.5) * (1 / stretch));
      sum += raw[t];
    }
    for (let t = 0; t < taps[n]; t++) {
      const fixed = (raw[t] / sum) * (1 << PRECISION);
      values[n * stride + t] = Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
    }
  }
  return { first, taps, values, stride };
}

// Half up, then into 0..255.
function pixel(sum) {
  const value = (sum + HALF) >> PRECISION;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

// One plane of a frame to width x height. A frame lies in four bytes a pixel: red, green, blue, luma (`channel` 3).
export function resizePlane(frame, channel, width, height) {
  const across = weights(frame.width, width);
  const { data } = frame;
  const narrow = new Uint8Array(width * frame.height);
  let y = 0;
  for (; y + 4 <= frame.height; y += 4) fourRows(data, rowAt(frame, y) + channel, frame.stride, across, narrow, y * width, width);
  for (; y < frame.height; y++) oneRow(data, rowAt(frame, y) + channel, across, narrow, y * width, width);
  return columns(narrow, width, frame.height, height);
}

// All four planes at once, each as `resizePlane` gives it.
export function resizeAll(frame, width, height) {
  const across = weights(frame.width, width);
  const narrow = [0, 1, 2, 3].map(() => new Uint8Array(width * frame.height));
  const pixels = new Uint32Array(frame.data.buffer);
  for (let y = 0; y < frame.height; y++) fourChannels(pixels, rowAt(frame, y) / 4, across, narrow, y * width, width);
  return narrow.map((plane) => columns(plane, width, frame.height, height));
}

function rowAt(frame, y) {
  return frame.start + y * frame.stride;
}

function oneRow(data, start, across, out, at, width) {
  const { first, taps, values, stride } = across;
  for (let x = 0; x < width; x++) {
    let p = start + 4 * first[x];
    let sum = 0;
    for (let w = x * stride, end = w + taps[x]; w < end; w++, p += 4) sum = (sum + Math.imul(data[p], values[w])) | 0;
    out[at + x] = pixel(sum);
  }
}

function fourRows(data, start, rowBytes, across, out, at, width) {
  const { first, taps, values, stride } = across;
  for (let x = 0; x < width; x++) {
    let p = start + 4 * first[x];
    let q = p + rowBytes, r = q + rowBytes, s = r + rowBytes;
    let a = 0, b = 0, c = 0, d = 0;
    for (let w = x * stride, end = w + taps[x]; w < end; w++) {
      const weight = values[w];
      a = (a + Math.imul(data[p], weight)) | 0;
      b = (b + Math.imul(data[q], weight)) | 0;
      c = (c + Math.imul(data[r], weight)) | 0;
      d = (d + Math.imul(data[s], weight)) | 0;
      p += 4; q += 4; r += 4; s += 4;
    }
    out[at + x] = pixel(a);
    out[at + width + x] = pixel(b);
    out[at + 2 * width + x] = pixel(c);
    out[at + 3 * width + x] = pixel(d);
  }
}

// A pixel is read as one number, red in its lowest byte: a third quicker than byte by byte. (Browsers run on machines
// that store the lowest byte first.)
function fourChannels(pixels, start, across, out, at, width) {
  const { first, taps, values, stride } = across;
  const [reds, greens, blues, lumas] = out;
  for (let x = 0; x < width; x++) {
    let p = start + first[x];
    let a = 0, b = 0, c = 0, d = 0;
    for (let w = x * stride, end = w + taps[x]; w < end; w++, p++) {
      const four = pixels[p];
      const weight = values[w];
      a = (a + Math.imul(four & 255, weight)) | 0;
      b = (b + Math.imul((four >>> 8) & 255, weight)) | 0;
      c = (c + Math.imul((four >>> 16) & 255, weight)) | 0;
      d = (d + Math.imul(four >>> 24, weight)) | 0;
    }
    reds[at + x] = pixel(a);
    greens[at + x] = pixel(b);
    blues[at + x] = pixel(c);
    lumas[at + x] = pixel(d);
  }
}

function columns(narrow, width, rows, height) {
  const { first, taps, values, stride } = weights(rows, height);
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let p = first[y] * width + x;
      let sum = 0;
      for (let w = y * stride, end = w + taps[y]; w < end; w++, p += width) sum = (sum + Math.imul(narrow[p], values[w])) | 0;
      out[y * width + x] = pixel(sum);
    }
  }
  return out;
}
