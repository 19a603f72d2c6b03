// A 256-bit code as the 16x16 grid of the design, as registry/web/fingerprint_svg.py draws it.

const SVG = "http://www.w3.org/2000/svg";
const SIDE = 16;

// A mount with the grid of a code in hexadecimal; decoration, since the same is said in words beside it.
export function mounted(code) {
  const bits = [...code].flatMap((digit) => [8, 4, 2, 1].map((bit) => (parseInt(digit, 16) & bit) > 0));
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "fp");
  svg.setAttribute("viewBox", "-.08 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  for (const [name, wanted] of [["fp-off", false], ["fp-on", true]]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    path.setAttribute("d", runs(bits, wanted));
    svg.append(path);
  }
  return mountOf(svg);
}

// A mount with a small picture (a Blob). It is drawn, since the page may show files of this server only.
export function mountedPicture(blob) {
  const canvas = document.createElement("canvas");
  canvas.setAttribute("aria-hidden", "true");
  createImageBitmap(blob).then((bitmap) => {
    Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
  });
  return mountOf(canvas);
}

function mountOf(content) {
  const mount = document.createElement("div");
  mount.className = "mount mount-s";
  mount.append(content);
  return mount;
}

function runs(bits, wanted) {
  let path = "";
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; ) {
      let end = x;
      while (end < SIDE && bits[y * SIDE + end] === wanted) end++;
      if (end > x) path += `M${x} ${y}.5h${end - x}`;
      x = Math.max(end, x + 1);
    }
  }
  return path;
}
