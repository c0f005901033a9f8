// Samples: resampled, read from WAV files and written to them.

import { InputError } from "./errors.js";

const TAPS = 64; // zero crossings on each side
const BETA = 10;

/** Samples at `rate` Hz -> the same at `target` Hz, by a windowed sinc (Kaiser). */
export function resample(samples, rate, target) {
  if (rate === target) return samples;
  const step = rate / target;
  const cutoff = 0.95 * Math.min(1, target / rate);
  const reach = Math.ceil(TAPS / cutoff);
  const kernel = new Map(); // as many phases as the ratio has
  const made = new Float32Array(Math.floor((samples.length * target) / rate));
  for (let at = 0; at < made.length; at += 1) {
    const place = at * step;
    const whole = Math.floor(place);
    const phase = Math.round((place - whole) * 1e6);
    if (!kernel.has(phase)) kernel.set(phase, weights(place - whole, cutoff, reach));
    const row = kernel.get(phase);
    let sum = 0;
    const start = whole - reach + 1;
    const [from, to] = [Math.max(0, -start), Math.min(row.length, samples.length - start)];
    for (let k = from; k < to; k += 1) sum += row[k] * samples[start + k];
    made[at] = sum;
  }
  return made;
}

function weights(phase, cutoff, reach) {
  const row = Float64Array.from({ length: 2 * reach }, (_, k) => {
    const at = k - reach + 1 - phase;
    const sinc = at === 0 ? 1 : Math.sin(Math.PI * cutoff * at) / (Math.PI * cutoff * at);
    return cutoff * sinc * bessel(BETA * Math.sqrt(Math.max(0, 1 - (at / reach) ** 2)));
  });
  const sum = row.reduce((total, value) => total + value, 0);
  return row.map((value) => value / sum);
}

/** The modified Bessel function of order zero. */
function bessel(x) {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > 1e-12 * sum; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** Whether bytes are a WAV file. */
export function isWav(bytes) {
  return ascii(bytes, 0) === "RIFF" && ascii(bytes, 8) === "WAVE";
}

/** A WAV file of 16, 24 or 32 bit integers or floats -> {samples, sampleRate}, its channels mixed to one. */
export function readWav(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let format = null;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const [name, size] = [ascii(bytes, at), view.getUint32(at + 4, true)];
    if (name === "fmt ") format = readFormat(view, at + 8, size);
    if (name === "data" && format) return { samples: mixed(view, at + 8, size, format), sampleRate: format.rate };
    at += 8 + size + (size % 2);
  }
  throw new InputError("this WAV file holds no sound: record again");
}

function readFormat(view, at, size) {
  const tag = view.getUint16(at, true);
  const kind = tag === 0xfffe && size >= 26 ? view.getUint16(at + 24, true) : tag;
  const bits = view.getUint16(at + 14, true);
  const read = { "1 16": (p) => view.getInt16(p, true) / 2 ** 15, "1 32": (p) => view.getInt32(p, true) / 2 ** 31 };
  read["1 24"] = (p) => (view.getInt16(p + 1, true) * 256 + view.getUint8(p)) / 2 ** 23;
  read["3 32"] = (p) => view.getFloat32(p, true);
  const sample = read[`${kind} ${bits}`];
  if (!sample) throw new InputError(`a WAV file of kind ${kind} with ${bits} bits is not read here: save it as 16-bit PCM`);
  return { sample, bytes: bits / 8, channels: view.getUint16(at + 2, true), rate: view.getUint32(at + 4, true) };
}

function mixed(view, start, size, { sample, bytes, channels }) {
  const frame = bytes * channels;
  const count = Math.floor(Math.min(size, view.byteLength - start) / frame);
  return Float32Array.from({ length: count }, (_, at) => {
    let sum = 0;
    for (let channel = 0; channel < channels; channel += 1) sum += sample(start + at * frame + channel * bytes);
    return sum / channels;
  });
}

const ascii = (bytes, at) => String.fromCharCode(...bytes.subarray(at, at + 4));

/** The first or last bytes of a file -> its note that it is synthetic (IPTC's digital source type), or null. */
export function syntheticNote(bytes) {
  const plain = new TextDecoder("latin1").decode(bytes);
  const found = [plain, plain.replaceAll("\0", "")] // letters of 8 bits, or of 16
    .map((text) => /[\x20-\x7e]{0,200}trainedAlgorithmicMedia\)?/.exec(text)?.[0])
    .find(Boolean);
  return found?.replace(/^.*=/, "").trim() ?? null;
}

/** Samples as 16-bit integers. */
export function int16(samples) {
  return Int16Array.from(samples, (value) => Math.max(-32768, Math.min(32767, Math.round(value * 32767))));
}

/** Pieces of int16 samples -> a WAV file that says it is synthetic. */
export function writeWav(pieces, sampleRate) {
  const note = new TextEncoder().encode("Synthetic speech made with parrotlet (trainedAlgorithmicMedia)\0");
  const comment = note.length + (note.length % 2);
  const data = 2 * pieces.reduce((sum, piece) => sum + piece.length, 0);
  const bytes = new Uint8Array(44 + data + 20 + comment);
  const view = new DataView(bytes.buffer);
  const text = (at, value) => [...value].forEach((sign, k) => view.setUint8(at + k, sign.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, bytes.length - 8, true);
  text(8, "WAVEfmt ");
  [16, 0x00010001, sampleRate, 2 * sampleRate, 0x00100002].forEach((value, k) => view.setUint32(16 + 4 * k, value, true));
  text(36, "data");
  view.setUint32(40, data, true);
  let at = 44;
  for (const piece of pieces) for (const value of piece) view.setInt16((at += 2) - 2, value, true);
  text(at, "LIST");
  view.setUint32(at + 4, 12 + comment, true);
  text(at + 8, "INFOICMT");
  view.setUint32(at + 16, note.length, true);
  bytes.set(note, at + 20);
  return bytes;
}
