// A normalised text to its signature and its fingerprints, as registry/core/fingerprints/reference.py. Numbers of 64 bits
// are pairs of 32: JavaScript multiplies no others exactly but by BigInt, which is slower.

const VALUES = 128;
const GRAM = 16; // bytes of a gram of the signature
const LONG_GRAM = 32; // and of the fingerprints
const WINDOW = 32;
const RECORD = 12;
const BLOCK = 2048; // grams that are hashed at a time
const BASE_HIGH = 0x9e3779b9, BASE_LOW = 0x7f4a7c15;
const HEADER = [1, 0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0xff, 0xff, 1]; // LeanMinHash: seed 1, minus 128 values, scheme 1

// The upper 32 bits of the product of two numbers of 32 bits; Math.imul gives the lower.
function upper(a, b) {
  const a0 = a & 0xffff, a1 = a >>> 16, b0 = b & 0xffff, b1 = b >>> 16;
  const middle = Math.imul(a1, b0) + (Math.imul(a0, b0) >>> 16) | 0;
  const other = Math.imul(a0, b1) + (middle & 0xffff) | 0;
  return Math.imul(a1, b1) + (middle >>> 16) + (other >>> 16) | 0;
}

// -- 64 bits ----------------------------------------------------------------------------------------------------------
// The lower 32 bits of a result are returned, the upper ones are left in `high`.
let high = 0;

function times(aHigh, aLow, bHigh, bLow) {
  high = upper(aLow, bLow) + Math.imul(aHigh, bLow) + Math.imul(aLow, bHigh) | 0;
  return Math.imul(aLow, bLow);
}

function plus(aHigh, aLow, bHigh, bLow) {
  const low = aLow + bLow | 0;
  high = aHigh + bHigh + (low >>> 0 < aLow >>> 0 ? 1 : 0) | 0;
  return low;
}

// h ^ h >> n, for n of 1 to 31.
function folded(aHigh, aLow, n) {
  high = aHigh ^ (aHigh >>> n);
  return aLow ^ ((aLow >>> n) | (aHigh << (32 - n)));
}

// Sebastiano Vigna's SplitMix64.
function splitmix64(byte) {
  let low = plus(0, byte, BASE_HIGH, BASE_LOW);
  low = folded(high, low, 30);
  low = times(high, low, 0xbf58476d, 0x1ce4e5b9);
  low = folded(high, low, 27);
  low = times(high, low, 0x94d049bb, 0x133111eb);
  return folded(high, low, 31);
}

// What a byte adds to a gram when it comes in, and what it takes away when it leaves: its value times BASE ** size.
function byteValues(size) {
  const values = { inHigh: new Int32Array(256), inLow: new Int32Array(256), outHigh: new Int32Array(256), outLow: new Int32Array(256) };
  for (let byte = 0; byte < 256; byte++) {
    let low = values.inLow[byte] = splitmix64(byte);
    values.inHigh[byte] = high;
    for (let n = 0; n < size; n++) low = times(high, low, BASE_HIGH, BASE_LOW);
    values.outLow[byte] = low;
    values.outHigh[byte] = high;
  }
  return values;
}

// -- grams ------------------------------------------------------------------------------------------------------------
// The 64-bit hash of each run of `size` bytes, in blocks: `take(highs, lows, count)` has them in Int32Arrays.
function eachBlock(text, size, take) {
  const { inHigh, inLow, outHigh, outLow } = byteValues(size);
  const highs = new Int32Array(BLOCK), lows = new Int32Array(BLOCK);
  let sumHigh = 0, sumLow = 0, count = 0;
  for (let i = 0; i < text.length; i++) {
    const byte = text[i];
    let low = times(sumHigh, sumLow, BASE_HIGH, BASE_LOW);
    low = plus(high, low, inHigh[byte], inLow[byte]);
    if (i >= size) {
      const gone = text[i - size];
      const less = low - outLow[gone] | 0;
      high = high - outHigh[gone] - (low >>> 0 < outLow[gone] >>> 0 ? 1 : 0) | 0;
      low = less;
    }
    sumHigh = high;
    sumLow = low;
    if (i < size - 1) continue;
    // MurmurHash3's fmix64, of which h ^ h >> 33 changes the lower half only.
    low = times(high, low ^ (high >>> 1), 0xff51afd7, 0xed558ccd);
    low = times(high, low ^ (high >>> 1), 0xc4ceb9fe, 0x1a85ec53);
    highs[count] = high;
    lows[count] = low ^ (high >>> 1);
    if (++count === BLOCK) {
      take(highs, lows, count);
      count = 0;
    }
  }
  if (count) take(highs, lows, count);
}

// -- text.minhash128.v1 -----------------------------------------------------------------------------------------------
// 525 bytes, as datasketch's LeanMinHash.serialize(buffer, "<"). The 128 multipliers and 128 increments are those of
// scheme affine32 and seed 1.
export function signature(text, permutations) {
  const sign = 0x80000000; // with this bit turned, the order of signed numbers is that of unsigned ones
  const multipliers = Int32Array.from(permutations.subarray(0, VALUES));
  const increments = Int32Array.from(permutations.subarray(VALUES), (value) => value ^ sign);
  const least = new Int32Array(VALUES).fill(0x7fffffff);
  const mixed = new Int32Array(BLOCK);
  eachBlock(text, GRAM, (_, lows, count) => {
    for (let i = 0; i < count; i++) mixed[i] = fmix32(lows[i]);
    for (let k = 0; k < VALUES; k += 4) lowerFour(least, k, mixed, count, multipliers, increments);
  });
  const code = new Uint8Array(HEADER.length + 4 * VALUES);
  const view = new DataView(code.buffer);
  code.set(HEADER);
  least.forEach((value, k) => view.setInt32(HEADER.length + 4 * k, value ^ sign, true));
  return code;
}

// Four values from the k-th on: a processor works on them side by side, where one alone would wait for its sums.
function lowerFour(least, k, mixed, count, multipliers, increments) {
  const a0 = multipliers[k], a1 = multipliers[k + 1], a2 = multipliers[k + 2], a3 = multipliers[k + 3];
  const b0 = increments[k], b1 = increments[k + 1], b2 = increments[k + 2], b3 = increments[k + 3];
  let least0 = least[k], least1 = least[k + 1], least2 = least[k + 2], least3 = least[k + 3];
  for (let i = 0; i < count; i++) {
    const gram = mixed[i];
    const value0 = Math.imul(a0, gram) + b0 | 0, value1 = Math.imul(a1, gram) + b1 | 0;
    const value2 = Math.imul(a2, gram) + b2 | 0, value3 = Math.imul(a3, gram) + b3 | 0;
    if (value0 < least0) least0 = value0;
    if (value1 < least1) least1 = value1;
    if (value2 < least2) least2 = value2;
    if (value3 < least3) least3 = value3;
  }
  least[k] = least0;
  least[k + 1] = least1;
  least[k + 2] = least2;
  least[k + 3] = least3;
}

// MurmurHash3's finaliser for 32 bits.
function fmix32(h) {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

// -- text.winnow32.v1 -------------------------------------------------------------------------------------------------
// Records of 12 bytes: where the least of 32 consecutive grams begins, and its hash. The minimum that was chosen last
// stays chosen while it is in the window, unless a smaller one comes in; when it has left, the rightmost minimum of the
// window is chosen. Fewer grams than a window are one window.
export function passages(text) {
  const highs = new Uint32Array(WINDOW), lows = new Uint32Array(WINDOW); // the window, as a ring
  const records = new Records();
  const grams = text.length - LONG_GRAM + 1;
  const first = Math.min(WINDOW, grams) - 1; // the gram with which the first window ends
  let chosen = -1, chosenHigh = 0, chosenLow = 0, end = 0;
  const isLess = (n) => highs[n] < chosenHigh || (highs[n] === chosenHigh && lows[n] < chosenLow);
  const choose = (position) => {
    chosen = position;
    chosenHigh = highs[position % WINDOW];
    chosenLow = lows[position % WINDOW];
  };
  const chooseAgain = () => {
    choose(end);
    for (let i = end - 1; i > end - WINDOW && i >= 0; i--) if (isLess(i % WINDOW)) choose(i);
  };
  eachBlock(text, LONG_GRAM, (newHighs, newLows, count) => {
    for (let i = 0; i < count; i++, end++) {
      highs[end % WINDOW] = newHighs[i];
      lows[end % WINDOW] = newLows[i];
      if (end < first) continue;
      if (end === first || chosen <= end - WINDOW) chooseAgain();
      else if (isLess(end % WINDOW)) choose(end);
      else continue;
      records.add(chosen, chosenHigh, chosenLow);
    }
  });
  return records.bytes();
}

// Little-endian: position, lower and upper half of the hash.
class Records {
  view = new DataView(new ArrayBuffer(RECORD << 10));
  length = 0;

  add(position, hashHigh, hashLow) {
    if (this.length === this.view.byteLength) this.grow();
    this.view.setUint32(this.length, position, true);
    this.view.setUint32(this.length + 4, hashLow, true);
    this.view.setUint32(this.length + 8, hashHigh, true);
    this.length += RECORD;
  }

  grow() {
    const more = new Uint8Array(2 * this.length);
    more.set(new Uint8Array(this.view.buffer));
    this.view = new DataView(more.buffer);
  }

  bytes() {
    return new Uint8Array(this.view.buffer, 0, this.length).slice();
  }
}
