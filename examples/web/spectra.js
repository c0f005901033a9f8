// Frames of log-mel: which are loud, and what the bands that a telephone cut off probably were (narrow_band.py).

const MARGIN_HZ = 500; // below the measured bandwidth a resampler's filter already falls
const TELEPHONE_BANDS = [5, 28]; // from 0.3 to 2 kHz: every telephone passes them
const LEVEL_BANDS = [5, 60];
const COUNTED_NEPERS = 5;
const FLOOR = -9;
const TRUST = 0.05; // added to the variance of the bands that were heard: recordings color them

/** The value below which `part` percent of them lie, between two of them by their distance. */
export function percentile(values, part) {
  const sorted = Float64Array.from(values).sort();
  const place = ((sorted.length - 1) * part) / 100;
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

/** The frames of `mel` near its loudest, by the mean of the bands from one to another. */
export function loudOf(mel, bands, range) {
  const loud = areLoud(mel, bands, range);
  return framesOf(mel, bands).filter((_, k) => loud[k]);
}

/** Of each frame of `mel`, whether it is near its loudest. */
export function areLoud(mel, bands, [from, to] = LEVEL_BANDS) {
  const level = framesOf(mel, bands).map((frame) => levelOf(frame, from, to));
  const least = percentile(level, 95) - COUNTED_NEPERS;
  return level.map((one) => one > least);
}

/** The mean level of those frames that are `chosen`. */
export function meanLevel(mel, bands, chosen) {
  const frames = framesOf(mel, bands).filter((_, k) => chosen[k]);
  return frames.reduce((sum, frame) => sum + levelOf(frame, ...LEVEL_BANDS), 0) / frames.length;
}

/** The level of loud speech: that of most frames is below. */
export function loudness(mel, bands) {
  const floored = mel.map((value) => Math.max(value, FLOOR));
  return percentile(framesOf(floored, bands).map((frame) => levelOf(frame, ...LEVEL_BANDS)), 95);
}

const framesOf = (mel, bands) => Array.from({ length: mel.length / bands }, (_, t) => mel.subarray(t * bands, (t + 1) * bands));

function levelOf(frame, from, to) {
  let sum = 0;
  for (let band = from; band < to; band += 1) sum += frame[band];
  return sum / (to - from);
}

/**
 * Log-mel of a recording that holds nothing above its bandwidth, with the bands above as they probably were: their mean given
 * those that were heard. table: what readNpz gives of narrow_band.npz. grid: `mel` of the manifest.
 */
export function completed(mel, bandwidthHz, table, grid) {
  const { values: mean } = table.mean;
  const { values: covariance } = table.covariance;
  const [bands, count] = [grid.n_mels, mean.length];
  const low = melEdges(grid).slice(2).filter((edge) => edge <= bandwidthHz - MARGIN_HZ).length;
  if (low >= count) return mel;
  const missing = count - low;
  const known = Array.from({ length: low }, (_, i) =>
    Float64Array.from({ length: low + missing }, (__, j) => covariance[i * count + j] + (i === j ? TRUST : 0)),
  );
  const regression = solved(known, low);
  const loud = loudOf(mel, bands, TELEPHONE_BANDS);
  const level = loud.reduce((sum, frame) => sum + levelOf(frame, ...TELEPHONE_BANDS), 0) / loud.length;
  const whole = Float32Array.from(mel);
  for (const frame of framesOf(whole, bands)) {
    const below = Float64Array.from({ length: low }, (_, band) => Math.max(frame[band], FLOOR) - level - mean[band]);
    for (let band = low; band < count; band += 1) {
      frame[band] = level + mean[band] + below.reduce((sum, value, k) => sum + value * regression[k][low + (band - low)], 0);
    }
  }
  return whole;
}

/** [A | B] with A symmetric and positive -> the same rows with A's inverse times B where B was, by Gauss and Jordan. */
function solved(rows, size) {
  for (let pivot = 0; pivot < size; pivot += 1) {
    const by = rows[pivot][pivot];
    for (let k = pivot; k < rows[pivot].length; k += 1) rows[pivot][k] /= by;
    for (let row = 0; row < size; row += 1) {
      const factor = rows[row][pivot];
      if (row === pivot || !factor) continue;
      for (let k = pivot; k < rows[row].length; k += 1) rows[row][k] -= factor * rows[pivot][k];
    }
  }
  return rows;
}

/** Where mel filters begin and end, in Hz: linear below 1 kHz, logarithmic above (Slaney). */
export function melEdges({ n_mels: count, f_min: low, f_max: high }) {
  const step = 27 / Math.log(6.4);
  const toMel = (hz) => (hz < 1000 ? (hz * 3) / 200 : 15 + Math.log(hz / 1000) * step);
  const toHz = (mel) => (mel < 15 ? (mel * 200) / 3 : 1000 * Math.exp((mel - 15) / step));
  const [from, to] = [toMel(low), toMel(high)];
  return Array.from({ length: count + 2 }, (_, k) => toHz(from + ((to - from) * k) / (count + 1)));
}
