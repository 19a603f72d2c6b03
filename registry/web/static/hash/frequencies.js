// phash256 and phash64, as registry/core/fingerprints/frequencies.py: low frequencies of a small luma, each against
// their median, with cosines that are whole numbers.
//
// Doubles hold every value exactly, so no BigInt is needed. A coefficient that takes the plain sum of a side (the first
// row, the first column) is a multiple of 2^17 below 2^54, the very first one of 2^34; all others are below 2^52. The
// two in the middle are below 2^50, since the squares of all together do not exceed 2^106 (Parseval).

const COSINE = [ // rint(2^17 cos(pi k / 128)) for k = 0..64, a quarter turn
  131072, 131033, 130914, 130717, 130441, 130086, 129653, 129142, 128553, 127887, 127144, 126324, 125428, 124457, 123410,
  122289, 121095, 119827, 118488, 117077, 115595, 114044, 112424, 110737, 108982, 107162, 105278, 103330, 101320, 99249,
  97118, 94929, 92682, 90379, 88023, 85613, 83151, 80640, 78079, 75472, 72820, 70123, 67384, 64605, 61787, 58931, 56041,
  53116, 50159, 47172, 44157, 41115, 38048, 34959, 31848, 28718, 25571, 22408, 19232, 16045, 12847, 9642, 6431, 3217, 0,
];
const NEAR_MEDIAN = 2 * 32 * 2 ** 32;
const MOST_NEAR_MEDIAN = 32;

function cosine(k) {
  k %= 256;
  k = Math.min(k, 256 - k);
  return k <= 64 ? COSINE[k] : -COSINE[128 - k];
}

// size x size luma to its kept x kept lowest frequencies, row by row.
export function coefficients(luma, size, kept) {
  const factor = new Float64Array(kept * size);
  for (let i = 0; i < kept; i++) {
    for (let j = 0; j < size; j++) factor[i * size + j] = cosine((64 / size) * i * (2 * j + 1));
  }
  const low = new Float64Array(kept * kept);
  for (let i = 0; i < kept; i++) {
    const narrow = new Float64Array(size);
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) narrow[x] += factor[i * size + y] * luma[y * size + x];
    }
    for (let j = 0; j < kept; j++) {
      let sum = 0;
      for (let x = 0; x < size; x++) sum += factor[j * size + x] * narrow[x];
      low[i * kept + j] = sum;
    }
  }
  return low;
}

function doubledMedian(low) {
  const ordered = low.slice().sort();
  return ordered[low.length / 2 - 1] + ordered[low.length / 2];
}

// One bit a coefficient: whether it is above the median.
export function codeOf(low) {
  const middle = doubledMedian(low);
  return Array.from(low, (value) => 2 * value > middle);
}

// Whether so many coefficients lie near the median that re-encoding would turn their bits about.
export function isSymmetric(low) {
  const middle = doubledMedian(low);
  return low.filter((value) => Math.abs(2 * value - middle) <= NEAR_MEDIAN).length > MOST_NEAR_MEDIAN;
}
