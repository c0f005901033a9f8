// Is a recording one take (one_take.py)? Level, room and bandwidth do not change within one, and no piece is digital silence.

import { percentile } from "./spectra.js";

const FRAME_S = 0.02;
const [LEAST_PAUSE_S, LEAST_SPEECH_S] = [0.2, 1.2];
const [LOUD, STEP] = [90, 10];
const [BAND_HZ, BAND_DROP_DB] = [250, 50];

/**
 * What changes most at any one place of samples at `rate` Hz, 0 where nothing does.
 * @returns {{background_db: number, speech_db: number, dead_s: number, bandwidth_ratio: number, snr_db: number}}
 */
export function continuity(samples, rate) {
  const { active, level } = findSpeech(samples, rate);
  let [background, speech] = [0, 0];
  for (let at = STEP; at < level.length; at += STEP) {
    const sides = [
      [0, at],
      [at, level.length],
    ];
    const [quiet, loud] = [false, true].map((wanted) => sides.map(([from, to]) => levelsOf(level, active, wanted, from, to)));
    if (Math.min(...quiet.map((side) => side.length)) * FRAME_S >= LEAST_PAUSE_S) background = Math.max(background, apart(quiet, 50));
    if (Math.min(...loud.map((side) => side.length)) * FRAME_S >= LEAST_SPEECH_S) speech = Math.max(speech, apart(loud, LOUD));
  }
  const spoken = levelsOf(level, active, true);
  const between = levelsOf(level, active, false);
  const pauses = between.length >= STEP ? between : Float64Array.from(level).sort().slice(0, Math.max(1, Math.floor(level.length / 20)));
  return {
    background_db: rounded(background, 1),
    speech_db: rounded(speech, 1),
    dead_s: rounded(longestDead(samples, rate, active), 3),
    bandwidth_ratio: rounded(bandwidthRatio(samples, rate, active), 2),
    snr_db: spoken.length ? rounded(percentile(spoken, 80) - percentile(pauses, 50), 1) : 0,
  };
}

/** Frames of 20 ms: which are speech, by their energy above the noise floor, and their level in dBFS. */
function findSpeech(samples, rate) {
  const size = Math.floor(rate * FRAME_S);
  const offset = samples.reduce((sum, value) => sum + value, 0) / samples.length;
  const level = Float64Array.from({ length: Math.floor(samples.length / size) }, (_, frame) => {
    let [power, sum] = [0, 0];
    for (let at = frame * size; at < (frame + 1) * size; at += 1) {
      power += samples[at] ** 2;
      sum += samples[at];
    }
    return 10 * Math.log10(Math.max(1e-12, power / size - (2 * offset * sum) / size + offset ** 2));
  });
  const [floor, peak] = [percentile(level, 10), percentile(level, 97)];
  const threshold = Math.max(peak - 35, Math.min(floor + 9, peak - 12), -75);
  const above = Array.from(level, (one) => one > threshold);
  const reach = Math.round(0.12 / FRAME_S);
  const near = (_, frame) => above.slice(Math.max(0, frame - reach), frame + reach + 1).filter(Boolean).length > reach * 0.8;
  return { level, active: above.map(near) };
}

const levelsOf = (level, active, wanted, from = 0, to = level.length) =>
  level.slice(from, to).filter((_, at) => active[from + at] === wanted);

const apart = (sides, part) => Math.abs(percentile(sides[0], part) - percentile(sides[1], part));

const rounded = (value, digits) => Number(value.toFixed(digits));

/** Seconds of the longest run of equal samples between the first speech and the last. */
function longestDead(samples, rate, active) {
  const size = Math.round(FRAME_S * rate);
  const [first, last] = [active.indexOf(true), active.lastIndexOf(true)];
  if (first < 0) return 0;
  let [longest, run] = [1, 1];
  for (let at = first * size + 1; at < (last + 1) * size; at += 1) {
    run = samples[at] === samples[at - 1] ? run + 1 : 1;
    longest = Math.max(longest, run);
  }
  return longest / rate;
}

function bandwidthRatio(samples, rate, active) {
  const size = Math.round(FRAME_S * rate);
  const middle = Math.floor(active.length / 2);
  const spoken = (from, to) => {
    const frames = active.map((one, frame) => (one && frame >= from && frame < to ? frame : null)).filter((frame) => frame !== null);
    const made = new Float32Array(frames.length * size);
    frames.forEach((frame, k) => made.set(samples.subarray(frame * size, (frame + 1) * size), k * size));
    return made;
  };
  const widths = [spoken(0, middle), spoken(middle, active.length)].filter((part) => part.length > rate / 2).map((part) => bandwidth(part, rate));
  return widths.length === 2 ? Math.max(...widths) / Math.max(1, Math.min(...widths)) : 1;
}

/** Hz up to which speech holds something: the end of the last band within 50 dB of the four loudest. */
function bandwidth(speech, rate) {
  const size = Math.floor((2 * rate) / BAND_HZ) * 4; // eight bins a band
  const window = Float64Array.from({ length: size }, (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / (size - 1)));
  const [cosines, sines] = [Math.cos, Math.sin].map((wave) => Float64Array.from({ length: size }, (_, at) => wave((2 * Math.PI * at) / size)));
  const count = Math.floor((size / 2 + 1) / 8);
  const bands = new Float64Array(count);
  const frame = new Float64Array(size);
  for (let start = 0; start + size <= speech.length; start += size / 2) {
    for (let at = 0; at < size; at += 1) frame[at] = speech[start + at] * window[at];
    for (let bin = 0; bin < count * 8; bin += 1) {
      let [real, imaginary] = [0, 0];
      for (let at = 0, turn = 0; at < size; at += 1) {
        real += frame[at] * cosines[turn];
        imaginary += frame[at] * sines[turn];
        turn += bin;
        if (turn >= size) turn -= size;
      }
      bands[bin >> 3] += real ** 2 + imaginary ** 2;
    }
  }
  const loudest = Float64Array.from(bands).sort().slice(-4);
  const least = loudest.reduce((sum, one) => sum + one, 0) / loudest.length / 10 ** (BAND_DROP_DB / 10);
  return (bands.findLastIndex((one) => one > least) + 1) * BAND_HZ;
}
