// Which phoneme is spoken in each frame of a recording (recognizer.py). Posteriors are log posteriors, `classes` a frame:
// silence, then the phonemes of the table.

import { InputError } from "./errors.js";

export const SILENCE = 0;
const INSERTION = 3; // nats that each phoneme of a free path costs

/** The best path through a loop of all classes: one a frame. */
export function freePath({ values, classes }) {
  const frames = values.length / classes;
  const came = new Int16Array(values.length);
  const score = Float64Array.from(values.subarray(0, classes));
  for (let t = 1; t < frames; t += 1) {
    const best = highest(score);
    const entered = score[best] - INSERTION;
    for (let k = 0; k < classes; k += 1) {
      came[t * classes + k] = score[k] >= entered ? k : best;
      score[k] = Math.max(score[k], entered) + values[t * classes + k];
    }
  }
  const path = new Int16Array(frames);
  path[frames - 1] = highest(score);
  for (let t = frames - 1; t > 0; t -= 1) path[t - 1] = came[t * classes + path[t]];
  return path;
}

const highest = (scores) => scores.reduce((most, value, k) => (value > scores[most] ? k : most), 0);

/**
 * Forced alignment: where each character of a phoneme string lies.
 * @param {{values: Float32Array, classes: number}} posteriors
 * @param {string[]} phonemes
 * @param {string[]} table the phoneme of each class but silence
 * @returns {{start: number[], end: number[], forced: Float64Array, free: Float64Array, path: Int16Array}} frames of each
 *   character; the log posterior of each frame along this path, and along the best free path. Throws an InputError where the
 *   recording is too short for the string.
 */
export function align(posteriors, phonemes, table) {
  const { values, classes } = posteriors;
  const number = new Map(table.map((symbol, k) => [symbol, k + 1]));
  const { states, owner, optional } = statesOf(phonemes, number);
  const taken = forcedPath(values, classes, states, optional);
  const where = Array.from(taken, (state) => owner[state]);
  const forced = Float64Array.from(taken, (state, t) => values[t * classes + states[state]]);
  const [start, end] = [[], []];
  const spoken = where.findIndex((one) => one >= 0);
  let edge = spoken < 0 ? where.length : spoken;
  for (let index = 0; index < phonemes.length; index += 1) {
    const first = where.indexOf(index);
    start.push(first < 0 ? edge : first);
    end.push((edge = first < 0 ? edge : where.lastIndexOf(index) + 1));
  }
  const path = freePath(posteriors);
  const free = Float64Array.from(path, (one, t) => values[t * classes + one]);
  return { start, end, forced, free, path };
}

/** The class of each state, the character that it belongs to, and whether it may be passed over. */
function statesOf(phonemes, number) {
  const made = { states: [SILENCE], owner: [-1], optional: [true] };
  const add = (state, owner, optional) => {
    made.states.push(state);
    made.owner.push(owner);
    made.optional.push(optional);
  };
  phonemes.forEach((symbol, index) => {
    if (number.has(symbol)) add(number.get(symbol), index, false);
    else if (!/\p{L}/u.test(symbol) && made.states.at(-1) !== SILENCE) add(SILENCE, index, true);
  });
  if (made.optional.every(Boolean)) throw new InputError("there is no phoneme to align: give a text with words");
  if (made.states.at(-1) === SILENCE) made.owner[made.owner.length - 1] = phonemes.length;
  else add(SILENCE, phonemes.length, true);
  return made;
}

/** The state of each frame on the best path from the first state to the last (Viterbi 1967). */
function forcedPath(values, classes, states, optional) {
  const frames = values.length / classes;
  const needed = optional.filter((free) => !free).length;
  if (frames < needed) throw new InputError(`the recording is too short for the text: ${frames} frames for ${needed} sounds`);
  const count = states.length;
  // A state is entered from the one before it, or from two before where that one may be passed over.
  const mayEnter = states.map((_, k) => k >= 2 && optional[k - 1]);
  let score = new Float64Array(count).fill(-Infinity);
  [score[0], score[1]] = [values[states[0]], values[states[1]]];
  const came = new Int8Array(frames * count);
  for (let t = 1; t < frames; t += 1) {
    const next = new Float64Array(count);
    for (let k = 0; k < count; k += 1) {
      const one = k >= 1 ? score[k - 1] : -Infinity;
      const two = mayEnter[k] ? score[k - 2] : -Infinity;
      const best = Math.max(score[k], one, two);
      came[t * count + k] = best === score[k] ? 0 : best === one ? 1 : 2;
      next[k] = best + values[t * classes + states[k]];
    }
    score = next;
  }
  const path = new Int32Array(frames);
  path[frames - 1] = score[count - 1] >= score[count - 2] ? count - 1 : count - 2;
  for (let t = frames - 1; t > 0; t -= 1) path[t - 1] = path[t] - came[t * count + path[t]];
  return path;
}
