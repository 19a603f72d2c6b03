// N1: what is left of a text before anything is computed from it, letters and numbers only, folded; as
// registry/core/fingerprints/text_normal.py.

const MOST_LEFT = 64; // bytes that any one code point leaves, and more

// The normalised text, in UTF-8. `bytes`: valid UTF-8 without a byte order mark.
export function normalised(bytes, { offsets, output }) {
  let left = new Uint8Array(bytes.length + MOST_LEFT);
  let length = 0;
  for (let i = 0; i < bytes.length; ) {
    let point = bytes[i++];
    if (point >= 0xf0) point = ((point & 0x07) << 18) | ((bytes[i++] & 0x3f) << 12) | ((bytes[i++] & 0x3f) << 6) | (bytes[i++] & 0x3f);
    else if (point >= 0xe0) point = ((point & 0x0f) << 12) | ((bytes[i++] & 0x3f) << 6) | (bytes[i++] & 0x3f);
    else if (point >= 0xc0) point = ((point & 0x1f) << 6) | (bytes[i++] & 0x3f);
    if (length + MOST_LEFT > left.length) left = grown(left);
    const stop = offsets[point + 1];
    for (let j = offsets[point]; j < stop; j++) left[length++] = output[j];
  }
  return left.subarray(0, length);
}

function grown(bytes) {
  const more = new Uint8Array(2 * bytes.length);
  more.set(bytes);
  return more;
}
