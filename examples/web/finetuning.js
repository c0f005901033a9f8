// Fine-tunes the acoustic model to a person, from recordings whose text is known (finetuning.py, docs/export.md). A graph is
// one step of it; here is where each phoneme lies in a recording, and which pieces a step learns from.

import { InputError } from "./errors.js";
import { align, freePath } from "./recognizer.js";
import { resample } from "./sound.js";
import { areLoud, meanLevel, melEdges, percentile } from "./spectra.js";
import { drawing, joined } from "./voice.js";

const MISREAD = -1.5; // mean log odds a frame, below which something else was said
const STRESSED = new Set("iæaɑʌɐɒɔoʊuɛeɜɝ");
const EDGE = 10; // frames of the silence before and after what is said
const READ_S = 60; // the longest recording that is aligned with a text
const ENOUGH_S = 16; // seconds of speech from which steps are as large as they get
const EARLIER_STRESS = 0.3; // of bundles that say nothing of it
const [MORE_S, MOST] = [24, 2.5]; // seconds of speech from which there are more steps, and how many times as many at most
const HOP_S = 0.0125;
const [FEWEST_QUIET, FAINT_PERCENTILE] = [10, 10]; // frames of background that tell how loud it is; else a percentile of all
const CLEAR = 1.5; // nepers above the background, below which it may all be noise
const SEED = 0;
const [PITCH_HOP, PITCH_MIDDLE] = [200, 399]; // samples at 16 kHz: of a hop of the pitch graph, and to the middle of its window

/** Whether a bundle has what learning from texts takes. */
export const learnsFromTexts = ({ finetuning, graphs }) => Boolean(finetuning && graphs.finetune?.onnx && graphs.acoustic.onnx.parts?.length === 3);

/**
 * What was read in a recording, without the silence at its ends: log-mel [T * bands], f0 [T] in Hz, 0 where unvoiced, and the
 * frames of each phoneme, of start and end.
 * @typedef {{phonemes: string, durations: number[], mel: Float32Array, f0: Float32Array, bandwidthHz: number}} Read
 */

/**
 * Finds the phonemes of a text in a recording. report: of the recording. Throws an InputError, also where it is of another
 * text.
 * @returns {Promise<Read>}
 */
export async function aligned(model, { samples, sampleRate }, report, phonemes) {
  if (samples.length > READ_S * sampleRate) throw new InputError(`${report.name}: longer than ${READ_S} s: cut it and its text in parts`);
  return readIn(model, samples, sampleRate, report, () => phonemes);
}

/**
 * What is heard in a recording whose text is not known, as far as the recognizer can tell; null where that is nothing.
 * @returns {Promise<Read | null>}
 */
export async function heardIn(model, { samples, sampleRate }, report) {
  try {
    return await readIn(model, samples.subarray(0, READ_S * sampleRate), sampleRate, report, heardPhonemes);
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

/** The phonemes of the best free path, with a space for every silence, and stress on every vowel that is not a weak one. */
function heardPhonemes(posteriors, table) {
  const path = freePath(posteriors);
  const changes = path.filter((one, t) => t === 0 || one !== path[t - 1]);
  const symbols = Array.from(changes, (one) => (one ? table[one - 1] : " "));
  return symbols.map((symbol) => (STRESSED.has(symbol) ? `ˈ${symbol}` : symbol)).join("").trim();
}

async function readIn(model, samples, sampleRate, { name, bandwidth_hz: bandwidthHz }, phonemesOf) {
  const { mel: grid, speaker, recognizer } = model.manifest;
  const whole = resample(samples, sampleRate, grid.sample_rate);
  const { mel } = await model.run("mel", { samples: [whole] });
  const frames = mel.dims[1];
  const posteriors = await model.posteriorsOf(mel);
  const phonemes = phonemesOf(posteriors, recognizer.phonemes);
  const { start, end, forced, free } = align(posteriors, Array.from(phonemes), recognizer.phonemes);
  const spoken = start.map((_, k) => k).filter((k) => end[k] > start[k]);
  const [low, high] = [start[spoken[0]], end[spoken.at(-1)]];
  let odds = 0;
  for (let t = low; t < high; t += 1) odds += forced[t] - free[t];
  if (odds / (high - low) < MISREAD) {
    throw new InputError(`${name}: the text was not heard in it: give what was read, word for word, or enroll without a text`);
  }
  const [from, to] = [Math.max(0, low - EDGE), Math.min(frames, high + EDGE)];
  // A character without a sound begins where the one before it ends.
  let edge = from;
  const edges = [...start, high, to].map((one) => (edge = Math.max(edge, one)));
  const durations = edges.map((one, k) => one - (k ? edges[k - 1] : from));
  const f0 = await pitchOf(model, resample(whole, grid.sample_rate, speaker.sample_rate));
  return { phonemes, durations, mel: mel.data.slice(from * grid.n_mels, to * grid.n_mels), f0: f0.slice(from, to), bandwidthHz };
}

/** f0 at the middle of each mel frame of samples at 16 kHz. */
async function pitchOf(model, samples) {
  const [before, after] = [PITCH_MIDDLE - PITCH_HOP / 2, 2 * PITCH_MIDDLE];
  const padded = joined([new Float32Array(before), samples, new Float32Array(after)]);
  return (await model.run("pitch", { samples: [padded] })).f0.data;
}

/**
 * The factors of a person. tensors, map: the voice that was enrolled, as the model takes it. reads: what was read.
 * onProgress: told how much is done, from 0 to 1.
 */
export async function finetuned(model, tensors, map, reads, onProgress) {
  const { factors, steps: usual, rate, stress = EARLIER_STRESS } = model.manifest.finetuning;
  const { lines, condition } = await materialOf(model, tensors, map, reads);
  const draw = drawing(SEED);
  const seconds = HOP_S * heardFrames(lines);
  const share = Math.min(1, seconds / ENOUGH_S);
  const highest = rate * share;
  const steps = Math.trunc(usual * Math.min(Math.max(seconds / MORE_S, 1), MOST));
  let last = { next: { data: new Float32Array(3 * factors), dims: [3, factors] } };
  for (let step = 1; step <= steps; step += 1) {
    // Warm-up, then a linear decay of the last two thirds.
    const now = highest * Math.min(1, step / 10, 1.5 * (1 - (step - 1) / steps));
    const state = [last.next.data, last.next.dims];
    const given = { state, rate: [Float32Array.of(now), [1]], step: [Float32Array.of(step), [1]], condition };
    last = await model.run("finetune", { ...given, ...piecesOf(lines, model.manifest, draw) });
    onProgress(step / steps);
    await new Promise((resolve) => setTimeout(resolve)); // whoever waits for this thread, to speak say, gets a turn
  }
  // An earlier bundle's graph does not tell a person from everybody.
  return last.factors ? last.factors.data.map((value) => (1 + stress * share) * value) : last.next.data.slice(0, factors);
}

/** How many frames are loud enough to be learned from. */
function heardFrames(lines) {
  return lines.reduce((sum, { heard, f0 }) => {
    const bands = heard.length / f0.length;
    return sum + f0.reduce((own, _, t) => own + Number(heard.subarray(t * bands, (t + 1) * bands).includes(1)), 0);
  }, 0);
}

/** What is learned from in each recording, by the names of the graph's inputs, and the condition of the voice. */
async function materialOf(model, tensors, map, reads) {
  const lines = [];
  let condition;
  for (const read of reads) {
    const made = await model.aligned(read.phonemes, tensors, map, read.durations, read.f0);
    condition = made.condition;
    lines.push(lineOf(made, read, model.manifest.mel));
  }
  return { lines, condition };
}

function lineOf({ features, predicted, mel }, read, grid) {
  const bands = grid.n_mels;
  const loud = areLoud(read.mel, bands);
  // How loud a recording is is not the voice.
  const louder = meanLevel(mel, bands, loud) - meanLevel(read.mel, bands, loud);
  const held = melEdges(grid).slice(2).map((edge) => edge <= read.bandwidthHz);
  const noise = noiseOf(read.mel, loud, bands);
  return {
    features,
    predicted,
    mel,
    f0: read.f0,
    real: read.mel.map((value) => value + louder),
    heard: read.mel.map((value, at) => Number(loud[Math.floor(at / bands)] && held[at % bands] && value > noise[at % bands] + CLEAR)),
    inside: new Float32Array(read.f0.length).fill(1),
  };
}

/** The background of each band: what the frames that are not loud have, or in much noise the faintest frames. */
function noiseOf(mel, loud, bands) {
  const frames = Array.from({ length: mel.length / bands }, (_, t) => t);
  const quiet = frames.filter((t) => !loud[t]);
  return Array.from({ length: bands }, (_, band) => {
    if (quiet.length >= FEWEST_QUIET) return quiet.reduce((sum, t) => sum + mel[t * bands + band], 0) / quiet.length;
    return percentile(frames.map((t) => mel[t * bands + band]), FAINT_PERCENTILE);
  });
}

/** What a step takes: random pieces of random lines with their margins, and zeros beyond their ends. */
function piecesOf(lines, { finetuning }, draw) {
  const { pieces, frames, margin } = finetuning;
  const size = frames + 2 * margin;
  const cuts = Array.from({ length: pieces }, () => {
    const { line, length } = drawn(lines, draw);
    const places = Math.max(1, length + 2 * margin - size + 1);
    return { line, length, start: Math.floor(draw() * places) - margin };
  });
  const part = (name) => {
    const width = cuts[0].line[name].length / cuts[0].length;
    const values = new Float32Array(pieces * size * width);
    cuts.forEach(({ line, start, length }, k) => {
      const [low, high] = [Math.max(0, start), Math.min(length, start + size)];
      values.set(line[name].subarray(low * width, high * width), (k * size + low - start) * width);
    });
    return [name, [values, name === "f0" ? [pieces, size] : [pieces, size, width]]];
  };
  return Object.fromEntries(Object.keys(cuts[0].line).map(part));
}

/** A line, the longer the likelier. */
function drawn(lines, draw) {
  const lengths = lines.map(({ f0 }) => f0.length);
  let left = draw() * lengths.reduce((sum, one) => sum + one, 0);
  const at = lengths.findIndex((length) => (left -= length) < 0);
  return { line: lines[at], length: lengths[at] };
}
