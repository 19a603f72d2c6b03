// colour42, as registry/core/fingerprints/colour.py: fourteen shares in eighths, three bits each.

const HUES = [0, 43, 85, 128, 170, 213, 256]; // the first hue of each sixth of the circle

// 64x64 red, green, blue and luma to 42 bits, behind 22 zeros.
export function colour42(red, green, blue, luma) {
  const whole = red.length;
  const counts = new Array(14).fill(0); // black, grey, six hues of medium saturation, six of high
  let coloured = 0;
  for (let i = 0; i < whole; i++) {
    const most = Math.max(red[i], green[i], blue[i]);
    const spread = most - Math.min(red[i], green[i], blue[i]);
    const saturation = Math.floor((255 * spread) / Math.max(most, 1));
    if (luma[i] < 32) counts[0]++;
    else if (saturation < 85) counts[1]++;
    else {
      coloured++;
      if (saturation === 170) continue;
      const hue = hueOf(red[i], green[i], blue[i], most, spread);
      counts[(saturation < 170 ? 2 : 8) + HUES.findLastIndex((from) => hue >= from)]++;
    }
  }
  const bits = counts.flatMap((count, n) => {
    const eighths = Math.min(7, Math.floor((count * 8) / (n < 2 ? whole : Math.max(1, coloured))));
    return [eighths >= 4, eighths >= 2, eighths % 2 === 1];
  });
  return [...new Array(22).fill(false), ...bits];
}

function hueOf(red, green, blue, most, spread) {
  const sixth = Math.max(spread, 1);
  let turn = 4 * sixth + red - green;
  if (most === red) turn = green - blue;
  else if (most === green) turn = 2 * sixth + blue - red;
  const circle = 6 * sixth;
  return Math.floor((255 * (((turn % circle) + circle) % circle)) / circle);
}
