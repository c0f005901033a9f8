// What happens to an utterance's samples last: no rumble, the right level, no clipping, no click at its end
// (finishing.py). However the samples are grouped into calls, they come out the same.

import { Biquad, poles } from "./filters.js";

const RUMBLE_HZ = 50;
const CEILING = 10 ** (-1 / 20);
const LOOKAHEAD_S = 0.005;
const FADE_S = 0.01;
const REACH = 6; // samples on each side from which a value between two samples is read

// Filters that read a quarter, a half and three quarters of the way to the next sample.
const BETWEEN = [0.25, 0.5, 0.75].map((part) =>
  Float64Array.from({ length: 2 * REACH }, (_, k) => {
    const at = k - (REACH - 1) - part;
    return (Math.sin(Math.PI * at) / (Math.PI * at)) * Math.cos((Math.PI * at) / (2 * REACH)) ** 2;
  }),
);
const LOUDEST = Math.max(...BETWEEN.map((row) => row.reduce((sum, value) => sum + Math.abs(value), 0)));

/** Finishes one utterance: push samples in any grouping, then finish. gain: a factor on the samples. */
export class Finisher {
  constructor(gain, rate) {
    this.gain = gain;
    const k = Math.tan((Math.PI * RUMBLE_HZ) / rate);
    // Butterworth, fourth order: two pairs of poles.
    this.highPass = [0.765366865, 1.847759065].map((damping) => new Biquad([1, -2, 1], poles(k, 1 / damping)));
    this.half = Math.round((LOOKAHEAD_S * rate) / 2);
    this.context = 2 * this.half + REACH;
    this.waiting = new Float64Array(this.context); // before the limiter: what it still looks at
    this.weights = Float64Array.from({ length: 2 * this.half + 1 }, (_, at) => 0.5 - 0.5 * Math.cos((Math.PI * (at + 1)) / (this.half + 1)));
    const sum = this.weights.reduce((total, one) => total + one, 0);
    this.weights = this.weights.map((one) => one / sum);
    this.fade = Math.round(FADE_S * rate);
    this.held = new Float32Array(0); // might be the last
  }

  /** The next samples -> all that no later one changes. */
  push(samples) {
    const leveled = Float64Array.from(samples);
    for (const filter of this.highPass) filter.run(leveled);
    for (let at = 0; at < leveled.length; at += 1) leveled[at] *= this.gain;
    const joined = joinedArrays(Float32Array, this.held, this.limit(leveled));
    const ready = Math.max(0, joined.length - this.fade);
    this.held = joined.slice(ready);
    return joined.subarray(0, ready);
  }

  /** The samples still held back, fading to zero. */
  finish() {
    const last = joinedArrays(Float32Array, this.held, this.limit(new Float64Array(this.context)));
    const size = Math.min(last.length, this.fade);
    for (let k = 0; k < size; k += 1) last[last.length - size + k] *= 0.5 + 0.5 * Math.cos((Math.PI * (k + 1)) / size);
    return last;
  }

  limit(samples) {
    const joined = joinedArrays(Float64Array, this.waiting, samples);
    const ready = Math.max(0, joined.length - 2 * this.context);
    this.waiting = joined.slice(ready);
    const limited = Float32Array.from(joined.subarray(this.context, this.context + ready));
    const needed = this.needed(joined);
    if (needed === null) return limited;
    // The least of what is needed nearby, smoothed: right where there is context on both sides.
    const { half, weights } = this;
    const least = slidingLeast(needed, half);
    for (let at = 0; at < ready; at += 1) {
      let factor = 0;
      for (let k = 0; k < weights.length; k += 1) factor += weights[k] * least[at + this.context - half + k];
      limited[at] *= factor;
    }
    return limited;
  }

  /** The factor at each sample that brings its true peak to the ceiling; null where none is louder. */
  needed(samples) {
    const peaks = truePeaks(samples);
    let loud = false;
    for (let at = 0; at < peaks.length; at += 1) {
      loud ||= peaks[at] > CEILING;
      peaks[at] = Math.min(1, CEILING / Math.max(peaks[at], 1e-9));
    }
    return loud ? peaks : null;
  }
}

/** Largest magnitude of the curve through the samples near each; too low where nothing near the ceiling is around. */
function truePeaks(samples) {
  const peaks = samples.map(Math.abs);
  const quiet = CEILING / LOUDEST;
  let near = -1; // up to where a loud sample matters
  const sample = (at) => samples[at] ?? 0;
  for (let at = 0; at < samples.length; at += 1) {
    if (Math.abs(sample(at + REACH)) > quiet) near = at + 2 * REACH;
    if (at > near) continue;
    for (const row of BETWEEN) {
      let value = 0;
      for (let k = 0; k < row.length; k += 1) value += row[k] * sample(at + k - (REACH - 1));
      const peak = Math.abs(value);
      if (peak > peaks[at]) peaks[at] = peak;
      if (at + 1 < samples.length && peak > peaks[at + 1]) peaks[at + 1] = peak;
    }
  }
  return peaks;
}

function slidingLeast(values, half) {
  return values.map((_, at) => {
    let least = 1;
    for (let k = Math.max(0, at - half); k <= Math.min(values.length - 1, at + half); k += 1) {
      if (values[k] < least) least = values[k];
    }
    return least;
  });
}

function joinedArrays(Kind, first, second) {
  const joined = new Kind(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
