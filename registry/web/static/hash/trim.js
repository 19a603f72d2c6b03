// The picture inside a uniform border, as registry/core/fingerprints/trim.py finds it.

const TOLERANCE = 8;
const STRAY = 50;
const EDGE = 4;
const CONTRAST = 12;
const RINGING = 8;
const LEAST_LEFT = 4;

// A frame is a part of a picture: { data, start, stride, width, height }, four bytes a pixel, the fourth its luma.
function part(frame, left, top, width, height) {
  return { ...frame, start: frame.start + top * frame.stride + 4 * left, width, height };
}

// The frame without its border; null unless that removes more than 1 % of the area.
export function innerFrame(frame) {
  const cut = { top: 0, bottom: 0, left: 0, right: 0 };
  let border = null;
  const inside = () =>
    part(frame, cut.left, cut.top, frame.width - cut.left - cut.right, frame.height - cut.top - cut.bottom);
  for (const side of ["top", "bottom", "left", "right"]) {
    const lines = fromOutside(inside(), side);
    const level = middleOf(lines.at(0));
    if (border !== null && Math.abs(level - border) > TOLERANCE) continue;
    cut[side] = depth(lines, level, side === "top" || side === "bottom" ? frame.height : frame.width);
    if (cut[side]) border = level;
  }
  const inner = inside();
  const area = frame.width * frame.height;
  return (area - inner.width * inner.height) * 100 > area ? inner : null;
}

// The lumas of rows or columns, beginning at one side.
function fromOutside({ data, start, stride, width, height }, side) {
  const across = side === "top" || side === "bottom";
  const count = across ? height : width;
  const length = across ? width : height;
  const [next, along] = across ? [stride, 4] : [4, stride];
  const backwards = side === "bottom" || side === "right";
  const at = (n) => {
    let p = start + 3 + (backwards ? count - 1 - n : n) * next;
    const line = new Uint8Array(length);
    for (let i = 0; i < length; i++, p += along) line[i] = data[p];
    return line;
  };
  return { at, count, length };
}

function middleOf(line) {
  return line.slice().sort()[line.length >> 1];
}

// How many of the first lines are border; 0 if there is none or no clear edge behind it.
function depth(lines, level, original) {
  const most = lines.count - Math.max(1, Math.floor(original / LEAST_LEFT));
  const uniform = new Uint8Array(lines.length).fill(level);
  let deep = 0;
  while (deep < most && differing(lines.at(deep), uniform, TOLERANCE) * STRAY <= lines.length) deep++;
  if (deep === 0) return 0;
  const near = [];
  for (let n = deep - 1; n <= Math.min(deep + RINGING, most); n++) near.push(lines.at(n));
  let edge = 1;
  let steepest = -1;
  for (let n = 1; n < near.length; n++) {
    const step = near[n].reduce((sum, value, i) => sum + Math.abs(value - near[n - 1][i]), 0);
    if (step > steepest) [edge, steepest] = [n, step];
  }
  const across = near[Math.min(edge + 1, near.length - 1)]; // a blurred edge takes two lines
  return differing(across, near[edge - 1], CONTRAST) * EDGE >= lines.length ? deep - 1 + edge : 0;
}

function differing(line, other, tolerance) {
  let count = 0;
  for (let i = 0; i < line.length; i++) if (Math.abs(line[i] - other[i]) > tolerance) count++;
  return count;
}
