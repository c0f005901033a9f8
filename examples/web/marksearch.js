// Looks for the mark of synthetic speech: whether it is there, where, and what it says (marksearch.py, docs/watermark.md).

import { resample } from "./sound.js";
import { percentile } from "./spectra.js";
import { BANDS, BAND_HZ, FORMAT, Fourier, LOWEST_HZ, SLOTS, SYMBOLS, dataChips, isData, ones, symbolsOf, syncChips } from "./watermark.js";

const [RATE, HOP, WINDOW, FFT] = [8000, 40, 400, 512];
const BINS = FFT / 2 + 2; // of the powers below each frequency
const STEP = 8; // hops a slot
const [FLOOR_DB, LEVEL_FRAMES, CLIP] = [-35, 101, 9];
const SPEEDS = [0.98, 0.985, 0.99, 0.995, 1, 1.005, 1.01, 1.015, 1.02];
const LENGTHS = [50, 100, 200, 400]; // slots that are correlated together: 2 to 16 s
const STRIDE = 25;
const LEAST = 20; // slots of a recording
const [ALIGNMENTS, SPREAD] = [400, 1.12];
const [LIMIT, LOCAL] = [1e-5, 1e-3]; // chance of a false alarm: of a recording, and of one place in a marked one
const BLOCK_S = 60;
const LONGER = 1.2;
const LEAST_DATA_Z = 8.5;
const ALTERNATIVES = SPEEDS.flatMap((speed) => (speed === 1 ? [{ speed, pitch: 1 }] : [{ speed, pitch: speed }, { speed, pitch: 1 }]));

/**
 * Looks for the mark.
 * @param {Float32Array} samples mono
 * @param {number} sampleRate
 * @param {object} table what readNpz gives of watermark.npz
 * @param {{key?: Uint8Array | null}} options key: that the payload may be keyed with
 * @returns {Promise<{marked: boolean, seconds: number, p: number, z: number, speed: number, segments: [number, number][],
 *   payload: {format: number, integrator: number, keyed: boolean} | null}>} p: chance that a sound of this length without
 *   the mark looks as much like one. segments: where the mark is, in seconds. payload: null where it is not read.
 */
export async function findMark(samples, sampleRate, table, { key = null } = {}) {
  const carriers = [[false, await dataChips()]];
  if (key !== null) carriers.unshift([true, await dataChips(key)]);
  const heard = resample(samples, sampleRate, RATE);
  let best = { chance: Infinity, z: 0, speed: 1 };
  let trials = 0;
  const places = [];
  const sums = { cells: new Float64Array(SLOTS * BANDS), squares: 0 };
  for (let at = 0; at < heard.length; at += BLOCK_S * RATE) {
    const below = powers(heard.subarray(at, at + BLOCK_S * RATE));
    const evidence = new Map(SPEEDS.map((pitch) => [pitch, whitened(levels(below, pitch), table)]));
    for (const seen of sightings(evidence)) {
      trials += 1;
      if (seen.chance < best.chance) best = seen;
      if (seen.chance > LOCAL) continue;
      const slotS = (STEP * HOP) / RATE / seen.speed;
      const start = (at + seen.phase * HOP) / RATE + seen.start * slotS;
      places.push({ start, end: start + seen.slots * slotS, z: seen.z });
      if (seen.slots <= LENGTHS[0]) collect(sums, evidence.get(seen.pitch), seen);
    }
    await new Promise((resolve) => setTimeout(resolve)); // others have their turn, a minute of sound at a time
  }
  const seconds = heard.length / RATE;
  const p = Math.min(1, best.chance * Math.max(1, trials));
  const found = { marked: p <= LIMIT, seconds, p, z: best.z, speed: best.speed, segments: [], payload: null };
  if (!found.marked) return found;
  return { ...found, segments: joined(places, seconds), payload: payloadOf(sums, carriers) };
}

/** Power around every 5 ms, in Hann windows of 50 ms, summed over the frequencies below each: BINS a frame. */
function powers(samples) {
  const fourier = new Fourier(FFT);
  const window = Float64Array.from({ length: WINDOW }, (_, k) => 0.5 - 0.5 * Math.cos((2 * Math.PI * k) / WINDOW));
  const frames = Math.floor(samples.length / HOP) + 1;
  const made = new Float64Array(frames * BINS);
  const [real, imaginary] = [new Float64Array(FFT), new Float64Array(FFT)];
  for (let t = 0; t < frames; t += 1) {
    real.fill(0);
    imaginary.fill(0);
    for (let k = 0; k < WINDOW; k += 1) real[k] = window[k] * (samples[t * HOP - WINDOW / 2 + k] ?? 0);
    fourier.run(real, imaginary);
    for (let bin = 0; bin + 1 < BINS; bin += 1) made[t * BINS + bin + 1] = made[t * BINS + bin] + real[bin] ** 2 + imaginary[bin] ** 2;
  }
  return made;
}

/** Levels of the bands in dB, above those around them, of a sound whose frequencies are `pitch` times: BANDS a frame. */
function levels(below, pitch) {
  const frames = below.length / BINS;
  const edges = Array.from({ length: BANDS + 1 }, (_, k) => ((LOWEST_HZ + BAND_HZ * k) * pitch * FFT) / RATE + 0.5);
  const made = new Float32Array(frames * BANDS);
  const mean = new Float64Array(frames + 1); // summed from the beginning on
  for (let t = 0; t < frames; t += 1) {
    const at = (edge) => {
      const bin = t * BINS + Math.floor(edge);
      return below[bin] * (1 - (edge % 1)) + below[bin + 1] * (edge % 1);
    };
    let last = at(edges[0]);
    const first = last;
    for (let band = 0; band < BANDS; band += 1) {
      const next = at(edges[band + 1]);
      made[t * BANDS + band] = next - last;
      last = next;
    }
    mean[t + 1] = mean[t] + (last - first) / BANDS;
  }
  const reach = (LEVEL_FRAMES - 1) / 2;
  for (let t = 0; t < frames; t += 1) {
    const around = Math.max(1e-9, (mean[Math.min(frames, t + reach + 1)] - mean[Math.max(0, t - reach)]) / LEVEL_FRAMES);
    for (let at = t * BANDS; at < (t + 1) * BANDS; at += 1) made[at] = 10 * Math.log10(made[at] / around + 10 ** (FLOOR_DB / 10));
  }
  return made;
}

/** What the neighbors of each cell do not tell of it. */
function whitened(level, { same, next }) {
  const frames = level.length / BANDS;
  const made = new Float32Array(level.length);
  const sums = new Float64Array(BANDS);
  const [inside, ahead] = [same.values, next.values];
  const behind = ahead.map((_, at) => ahead[(at % BANDS) * BANDS + Math.floor(at / BANDS)]);
  for (let t = 0; t < frames; t += 1) {
    const here = t * BANDS;
    const after = t + STEP < frames ? here + STEP * BANDS : null;
    const before = t >= STEP ? here - STEP * BANDS : null;
    for (let band = 0; band < BANDS; band += 1) {
      const row = band * BANDS;
      let sum = 0;
      for (let k = 0; k < BANDS; k += 1) sum += level[here + k] * inside[row + k];
      if (after !== null) for (let k = 0; k < BANDS; k += 1) sum += level[after + k] * ahead[row + k];
      if (before !== null) for (let k = 0; k < BANDS; k += 1) sum += level[before + k] * behind[row + k];
      made[here + band] = sum;
      sums[band] += sum;
    }
  }
  return made.map((value, at) => Math.max(-CLIP, Math.min(CLIP, value - sums[at % BANDS] / frames)));
}

/** The best alignment of each stretch, for each length that fits; a block shorter than 2 s is one stretch. */
function* sightings(evidence) {
  const frames = evidence.get(1).length / BANDS;
  const slots = Math.floor((frames - STEP) / STEP) + 1;
  if (slots < LEAST) return;
  const count = Math.min(slots, Math.floor(((frames - STEP) / STEP) * SPEEDS[0]) + 1);
  const scores = new Map(Array.from(evidence, ([pitch, cells]) => [pitch, scored(cells)]));
  const sums = ALTERNATIVES.map(({ speed, pitch }) => summed(scores.get(pitch), speed, count));
  const size = STEP * SLOTS;
  const fitting = LENGTHS.filter((length) => length <= count);
  const apart = new Float32Array(ALTERNATIVES.length * size);
  for (const length of fitting.length ? fitting : [count]) {
    for (let start = 0; start + length <= count; start += STRIDE) {
      sums.forEach((table, which) => {
        for (let k = 0; k < size; k += 1) apart[which * size + k] = table[(start + length) * size + k] - table[start * size + k];
      });
      const scale = percentile(apart.map(Math.abs), 50) / 0.6745 + 1e-9;
      let best = { chance: Infinity };
      ALTERNATIVES.forEach(({ speed, pitch }, which) => {
        const part = apart.subarray(which * size, (which + 1) * size);
        const top = part.reduce((most, value, k) => (value > part[most] ? k : most), 0);
        const z = part[top] / scale;
        const rare = chance(z, speed === 1);
        if (rare >= best.chance) return;
        best = { chance: rare, start, slots: length, z, speed, pitch, phase: Math.floor(top / SLOTS), shift: top % SLOTS };
      });
      yield best;
    }
  }
}

/** How often sound without a mark comes to z. plain: it plays as it was made; other speeds have the other half. */
function chance(z, plain) {
  return 2 * ALIGNMENTS * (plain ? 1 : 2 * SPEEDS.length - 2) * 0.5 * erfc(z / SPREAD / Math.SQRT2);
}

/** The complement of the error function, within 1.2e-7 of its value (Numerical Recipes, erfcc). */
function erfc(x) {
  const t = 1 / (1 + 0.5 * Math.abs(x));
  const terms = [-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277];
  const value = t * Math.exp(-x * x + terms.reduceRight((sum, term) => term + t * sum, 0));
  return x >= 0 ? value : 2 - value;
}

/** How well each frame fits each slot's chips: SLOTS a frame. */
function scored(cells) {
  const chips = syncChips().map((chip, cell) => (isData(cell) ? 0 : chip));
  const frames = cells.length / BANDS;
  const made = new Float32Array(frames * SLOTS);
  for (let t = 0; t < frames; t += 1) {
    for (let slot = 0; slot < SLOTS; slot += 1) {
      let sum = 0;
      for (let band = 0; band < BANDS; band += 1) sum += cells[t * BANDS + band] * chips[slot * BANDS + band];
      made[t * SLOTS + slot] = sum;
    }
  }
  return made;
}

/** Fits of each alignment, summed from the beginning on: [count + 1][STEP phases][SLOTS shifts]. */
function summed(scores, speed, count) {
  const size = STEP * SLOTS;
  const made = new Float32Array((count + 1) * size);
  const frames = scores.length / SLOTS;
  for (let slot = 0; slot < count; slot += 1) {
    for (let phase = 0; phase < STEP; phase += 1) {
      const row = frameOf(phase, slot, speed, frames) * SLOTS;
      const at = slot * size + phase * SLOTS;
      for (let shift = 0; shift < SLOTS; shift += 1) made[at + size + shift] = made[at + shift] + scores[row + ((slot + shift) % SLOTS)];
    }
  }
  return made;
}

/** The frame in the middle of a slot; halves go to the even one. */
function frameOf(phase, slot, speed, frames) {
  const place = phase + (STEP / speed) * slot;
  const whole = Math.round(place);
  return Math.min(place % 1 === 0.5 && whole % 2 ? whole - 1 : whole, frames - 1);
}

/** Adds the cells of a stretch to those of a period, and the squares of those that carry the payload. */
function collect(sums, cells, { start, slots, speed, phase, shift }) {
  const frames = cells.length / BANDS;
  for (let k = start; k < start + slots; k += 1) {
    const row = frameOf(phase, k, speed, frames) * BANDS;
    const slot = ((k + shift) % SLOTS) * BANDS;
    for (let band = 0; band < BANDS; band += 1) {
      const value = cells[row + band];
      sums.cells[slot + band] += value;
      if (isData(slot + band)) sums.squares += value * value;
    }
  }
}

function payloadOf({ cells, squares }, carriers) {
  for (const [keyed, chips] of carriers) {
    const values = Array.from(cells, (value, cell) => value * chips[cell]).filter((_, cell) => isData(cell));
    let clear = 0;
    const symbols = Array.from({ length: SYMBOLS }, (_, symbol) => {
      let best = 0;
      let value = 0;
      for (let row = 0; row < 64; row += 1) {
        let sum = 0;
        for (let position = 0; position < 64; position += 1) {
          sum += values[position * SYMBOLS + symbol] * (ones(position & row) % 2 ? -1 : 1);
        }
        if (Math.abs(sum) > Math.abs(value)) [best, value] = [row, sum];
      }
      clear += Math.abs(value);
      return best + (value < 0 ? 64 : 0);
    });
    const word = symbols.reduce((sum, symbol, k) => sum + symbol * 2 ** (7 * k), 0);
    const said = Math.floor(word / 2 ** 10);
    const right = symbolsOf(said).every((symbol, k) => symbol === symbols[k]) && Math.floor(said / 2 ** 24) === FORMAT;
    if (right && clear / Math.sqrt(squares + 1e-9) >= LEAST_DATA_Z) return { format: FORMAT, integrator: said % 2 ** 24, keyed };
  }
  return null;
}

/**
 * Where the mark is, from sighted stretches. A long stretch may be marked in part only, so that it counts only where it tells
 * clearly more than the shorter ones that it overlaps.
 */
function joined(places, seconds) {
  const length = ({ start, end }) => end - start;
  const kept = [];
  for (const place of places.sort((one, other) => length(one) - length(other))) {
    const shorter = kept.filter(
      (one) => length(one) < length(place) - 1 && Math.min(one.end, place.end) - Math.max(one.start, place.start) > length(one) / 2,
    );
    if (place.z > LONGER * Math.max(0, ...shorter.map(({ z }) => z))) kept.push(place);
  }
  const made = [];
  for (const { start, end } of kept.sort((one, other) => one.start - other.start)) {
    const last = made.at(-1);
    if (last && start <= last[1] + 0.5) last[1] = Math.max(last[1], end);
    else made.push([start, end]);
  }
  return made.map(([start, end]) => [Math.max(0, start), Math.min(seconds, end)]);
}
