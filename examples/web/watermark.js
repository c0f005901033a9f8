// The inaudible mark of synthetic speech (watermark.py, docs/watermark.md): what is spoken is a little louder here and
// softer there, in a known pattern of slots of 40 ms and bands of 100 Hz.

import { UsageError } from "./errors.js";

const [SLOT_S, FADE_S, HALF_S] = [0.04, 0.015, 0.0125];
export const [LOWEST_HZ, BAND_HZ, BANDS, SLOTS] = [300, 100, 32, 50];
const GAIN = 10 ** (2.2 / 20) - 1;
export const FORMAT = 1;
export const SYMBOLS = 6;
const [CHECK_BITS, CHECK_POLYNOMIAL] = [10, 0x233];

// The chips of everybody, which HMAC-SHA-256 makes of "parrotlet": of the sync, and under the payload.
const SYNC =
  "71b5513f5507f98e0a9c8011cad93d51d05235026719715c2e84b4edd081a9abdd52fbb7cfdb0f5084912fdc4c2e8de00254" +
  "bc8f7510853e87bd9de8828e858afbe528245dc69bc2574e84532b3f47561a54c053079afc3445a5082005b0a0e915532d6f" +
  "d1f94a799834b4689969dc9f5d25cfb0c4ab2f8f778864bfd827bae4d0248cb6ad18b141ab5eb791980548d8956bde7e8fe9" +
  "1427451730a611b7d3f7f86ce1c45c3c22525513e2b7ea8f5b8adef063f9793ce92ba2c889b84474291436d00e7f7138454d";
const DATA =
  "dcebf085c5f9122fb0b9b02b0699808fa2552da646641492e722ce731b1bc6664b9f562196a9ec2efdb36b6e08b6d0bf0f26" +
  "559c872d64c7dd34d1827ebfd83fddac176f1a1065298cff7a65a1f5da56b8b66d2096ff6045f421539014bba88ee07e0d0f" +
  "750deb552590390300a55741aad6b63c532d2960c5142ac2b27ac1b59b548123ecec67d10f8ab2b22ea8f53461d40b953b70" +
  "39bf9804ffe27c6ab4080ad12546ac6d3e07002a4a8716db5959bfeab0f66bc46e960a94c2e5971565030901810ec97608be";

/**
 * The chips of a mark, slot by slot, each 1 or -1.
 * @param {{integrator?: number, key?: Uint8Array | null}} mark integrator: a number of your product, 0 to 16,777,215. key: a
 *   secret of 16 bytes or more, without which nobody reads the number or marks a sound as yours.
 * @returns {Promise<Int8Array>}
 */
export async function patternOf({ integrator = 0, key = null } = {}) {
  if (!Number.isInteger(integrator) || integrator < 0 || integrator >= 2 ** 24) {
    throw new UsageError(`a mark's integrator is a whole number from 0 to ${2 ** 24 - 1}`);
  }
  const chips = syncChips();
  const carriers = await dataChips(key);
  const symbols = symbolsOf(FORMAT * 2 ** 24 + integrator);
  let at = 0;
  for (let cell = 0; cell < chips.length; cell += 1) {
    if (!isData(cell)) continue;
    const value = symbols[at % SYMBOLS];
    const odd = ones((value & 63) & Math.floor(at / SYMBOLS)) + (value >> 6);
    chips[cell] = odd % 2 ? -carriers[cell] : carriers[cell];
    at += 1;
  }
  return chips;
}

/** The chips of everybody. */
export const syncChips = () => signs(unhexed(SYNC));

/** The chips under the payload: of a key, or those of everybody. Rejects with a UsageError. */
export async function dataChips(key = null) {
  if (key !== null && !(key instanceof Uint8Array && key.length >= 16)) throw new UsageError("a mark's key is 16 bytes or more");
  return signs(key ? await keyed(key) : unhexed(DATA));
}

/** Whether a cell, slot by slot, carries the payload. */
export const isData = (cell) => (7 * Math.floor(cell / BANDS) + 3 * (cell % BANDS)) % 25 < 6;

const unhexed = (text) => Uint8Array.from(text.match(/../g), (byte) => parseInt(byte, 16));

export const ones = (value) => value.toString(2).replaceAll("0", "").length;

const signs = (bytes) => Int8Array.from({ length: SLOTS * BANDS }, (_, k) => ((bytes[k >> 3] >> (7 - (k & 7))) & 1 ? -1 : 1));

async function keyed(secret) {
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const blocks = [];
  for (let k = 0; k * 256 < SLOTS * BANDS; k += 1) {
    const label = Uint8Array.from([...new TextEncoder().encode("data"), k]);
    blocks.push(...new Uint8Array(await crypto.subtle.sign("HMAC", key, label)));
  }
  return Uint8Array.from(blocks);
}

/** 32 bits and their check as six symbols of seven bits, the lowest first. */
export function symbolsOf(payload) {
  let rest = BigInt(payload) << BigInt(CHECK_BITS);
  const word = rest;
  for (let bit = 31; bit >= 0; bit -= 1) {
    if ((rest >> BigInt(bit + CHECK_BITS)) & 1n) rest ^= BigInt(CHECK_POLYNOMIAL | (1 << CHECK_BITS)) << BigInt(bit);
  }
  return Array.from({ length: SYMBOLS }, (_, k) => Number(((word | rest) >> BigInt(7 * k)) & 127n));
}

const known = new WeakMap(); // filters by pattern and rate

/** What each slot's filter adds: its spectrum, which is real, since it has no delay; lowest..highest bin alone. */
function filtersOf(pattern, rate) {
  const kept = known.get(pattern);
  if (kept?.rate === rate) return kept;
  const slot = Math.round(SLOT_S * rate);
  const half = Math.round(HALF_S * rate);
  const fourier = new Fourier(2 ** Math.ceil(Math.log2(2 * slot)));
  const { size } = fourier;
  const low = Math.floor(((LOWEST_HZ - 2 * BAND_HZ) * size) / rate);
  const high = Math.ceil(((LOWEST_HZ + (BANDS + 2) * BAND_HZ) * size) / rate);
  const bands = Array.from({ length: BANDS }, (_, band) => {
    const [real, imaginary] = [new Float64Array(size), new Float64Array(size)];
    const middle = LOWEST_HZ + BAND_HZ * (band + 0.5);
    for (let at = -half; at <= half; at += 1) {
      const x = (Math.PI * at * BAND_HZ) / rate;
      const taper = Math.cos((Math.PI * at) / (2 * (half + 1))) ** 2;
      const value = (2 * (x === 0 ? 1 : Math.sin(x) / x) * BAND_HZ * taper) / rate;
      real[(at + size) % size] = value * Math.cos((2 * Math.PI * middle * at) / rate);
    }
    fourier.run(real, imaginary);
    return real.slice(low, high);
  });
  const spectra = Array.from({ length: SLOTS }, (_, k) => {
    const spectrum = new Float64Array(high - low);
    bands.forEach((band, b) => band.forEach((value, at) => (spectrum[at] += GAIN * pattern[k * BANDS + b] * value)));
    return spectrum;
  });
  const room = Array.from({ length: 4 }, () => new Float64Array(size)); // for one pair of frames after the other
  const made = { rate, slot, half, fourier, low, high, spectra, room };
  known.set(pattern, made);
  return made;
}

/**
 * Marks a stretch of a stream that begins at the sample `start`: push samples in any grouping, then finish; as many come
 * out. Up to 80 ms are held back.
 */
export class Marker {
  constructor(pattern, rate, start) {
    this.filters = filtersOf(pattern, rate);
    const { slot, half } = this.filters;
    const fade = Math.round(FADE_S * rate);
    const rise = (k) => Math.sin((Math.PI / 2) * ((k + 0.5) / fade)) ** 2;
    this.window = new Float64Array(2 * slot);
    for (let k = 0; k < slot + fade; k += 1) this.window[half + k] = k < fade ? rise(k) : k < slot ? 1 : 1 - rise(k - slot);
    // Frame k begins `half` before slot k, and is two slots long: the first is that in which the start lies or fades.
    this.frame = Math.floor((start + half) / slot) - 1;
    this.skip = start + half - this.frame * slot;
    this.waiting = new Float32Array(this.skip); // from the next frame's beginning on
    this.added = new Float64Array(slot); // by the frame before
  }

  /** The next samples -> all that no later one changes. */
  push(samples) {
    this.#wait(samples);
    return this.#marked(Math.floor(this.waiting.length / this.filters.slot) - 1);
  }

  /** The samples still held back. */
  finish() {
    const { slot } = this.filters;
    const left = this.waiting.length - this.skip;
    const frames = Math.ceil(this.waiting.length / slot);
    this.#wait(new Float32Array((frames + 1) * slot - this.waiting.length));
    return this.#marked(frames).slice(0, left);
  }

  #wait(samples) {
    const joined = new Float32Array(this.waiting.length + samples.length);
    joined.set(this.waiting);
    joined.set(samples, this.waiting.length);
    this.waiting = joined;
  }

  #marked(frames) {
    if (frames <= 0) return new Float32Array(0);
    const { slot } = this.filters;
    const made = this.waiting.slice(0, frames * slot);
    // Two frames at a time: one is the real part of what is transformed, one the imaginary part.
    for (let at = 0; at < frames; at += 2) {
      const [first, second] = this.#filtered(at, at + 1 < frames);
      this.#overlap(made, at, first);
      if (at + 1 < frames) this.#overlap(made, at + 1, second);
    }
    this.waiting = this.waiting.slice(frames * slot);
    this.frame += frames;
    const cut = Math.min(this.skip, made.length);
    this.skip -= cut;
    return made.subarray(cut);
  }

  #overlap(made, at, frame) {
    const { slot } = this.filters;
    for (let k = 0; k < slot; k += 1) made[at * slot + k] += frame[k] + this.added[k];
    this.added = frame.slice(slot, 2 * slot);
  }

  #filtered(at, both) {
    const { slot, fourier, low, high, spectra, room } = this.filters;
    const { size } = fourier;
    const [real, imaginary, a, b] = room;
    for (const one of room) one.fill(0);
    for (let k = 0; k < 2 * slot; k += 1) {
      real[k] = this.waiting[at * slot + k] * this.window[k];
      if (both) imaginary[k] = this.waiting[(at + 1) * slot + k] * this.window[k];
    }
    fourier.run(real, imaginary);
    const [first, second] = [0, 1].map((k) => spectra[(((this.frame + at + k) % SLOTS) + SLOTS) % SLOTS]);
    for (let k = low; k < high; k += 1) {
      const mirror = size - k;
      // The spectra of the two real frames, each times its filter, and joined again; swapped, for the way back.
      const [re1, im1] = [(real[k] + real[mirror]) / 2, (imaginary[k] - imaginary[mirror]) / 2];
      const [re2, im2] = [(imaginary[k] + imaginary[mirror]) / 2, (real[mirror] - real[k]) / 2];
      const [f, g] = [first[k - low], second[k - low]];
      a[k] = f * im1 + g * re2;
      b[k] = f * re1 - g * im2;
      a[mirror] = g * re2 - f * im1;
      b[mirror] = f * re1 + g * im2;
    }
    fourier.run(a, b);
    for (let k = 0; k < size; k += 1) [a[k], b[k]] = [a[k] / size, b[k] / size];
    return [b, a];
  }
}

/** The fast Fourier transform of a power of two. */
export class Fourier {
  constructor(size) {
    this.size = size;
    this.cos = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
    this.sin = Float64Array.from({ length: size / 2 }, (_, k) => -Math.sin((2 * Math.PI * k) / size));
    const bits = Math.log2(size);
    this.reversed = Uint32Array.from({ length: size }, (_, k) => {
      let value = 0;
      for (let bit = 0; bit < bits; bit += 1) value = (value << 1) | ((k >> bit) & 1);
      return value;
    });
  }

  /** In place. */
  run(real, imaginary) {
    const { size, cos, sin, reversed } = this;
    for (let k = 0; k < size; k += 1) {
      const other = reversed[k];
      if (other <= k) continue;
      [real[k], real[other]] = [real[other], real[k]];
      [imaginary[k], imaginary[other]] = [imaginary[other], imaginary[k]];
    }
    for (let half = 1; half < size; half *= 2) {
      const step = size / (2 * half);
      for (let start = 0; start < size; start += 2 * half) {
        for (let k = 0; k < half; k += 1) {
          const [low, high] = [start + k, start + k + half];
          const [c, s] = [cos[k * step], sin[k * step]];
          const re = real[high] * c - imaginary[high] * s;
          const im = real[high] * s + imaginary[high] * c;
          real[high] = real[low] - re;
          imaginary[high] = imaginary[low] - im;
          real[low] += re;
          imaginary[low] += im;
        }
      }
    }
  }
}
