// A small picture by which people recognise their works, made of the pixels that were hashed: red, green, blue and luma of
// each. It is near enough for the eye; nothing is compared by it. As registry/works/previews.py takes it.

const LONGEST = 320;
const MOST_BYTES = 20_000;
const SAVED = [["image/webp", 0.8], ["image/webp", 0.55], ["image/webp", 0.3], ["image/jpeg", 0.6], ["image/jpeg", 0.3]];

// A Blob, or null where this browser cannot make one that is small enough.
export async function previewOf(pixels, width, height) {
  try {
    const { data, wide, high } = reduced(pixels, width, height);
    const canvas = new OffscreenCanvas(wide, high);
    canvas.getContext("2d").putImageData(new ImageData(data, wide, high), 0, 0);
    for (const [type, quality] of SAVED) {
      const blob = await canvas.convertToBlob({ type, quality });
      if (blob.type === type && blob.size <= MOST_BYTES) return blob; // some browsers answer with another type
    }
  } catch {
    // memory, or a browser without canvases in workers
  }
  return null;
}

// The mean of the pixels that fall into each of the smaller picture's.
function reduced(pixels, width, height) {
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const wide = Math.max(1, Math.round(width * scale));
  const high = Math.max(1, Math.round(height * scale));
  const data = new Uint8ClampedArray(4 * wide * high).fill(255);
  for (let y = 0; y < high; y++) {
    const top = Math.floor((y * height) / high);
    const bottom = Math.max(top + 1, Math.floor(((y + 1) * height) / high));
    for (let x = 0; x < wide; x++) {
      const left = Math.floor((x * width) / wide);
      const right = Math.max(left + 1, Math.floor(((x + 1) * width) / wide));
      let red = 0, green = 0, blue = 0;
      for (let v = top; v < bottom; v++) {
        for (let at = 4 * (v * width + left), end = at + 4 * (right - left); at < end; at += 4) {
          red += pixels[at];
          green += pixels[at + 1];
          blue += pixels[at + 2];
        }
      }
      const all = (bottom - top) * (right - left);
      const to = 4 * (y * wide + x);
      data[to] = red / all;
      data[to + 1] = green / all;
      data[to + 2] = blue / all;
    }
  }
  return { data, wide, high };
}
