// Were these words spoken (recognizer.py, spoken_words.py)? Each word against what the recognizer hears, and against other
// words in its place. Posteriors are log posteriors, `classes` a frame: silence, then the phonemes of the table.

import { InputError } from "./errors.js";

const SILENCE = 0;
const INSERTION = 3; // nats that each phoneme of a free path costs
const MARGIN = 10; // frames on both sides of where a word was found, in which other words are looked for
const LEAST_FRAMES = 2; // of each sound of a word
const FILLER = 0.15; // nats that a frame costs which no sound of the word explains

/**
 * Scores a recording against what was to be said.
 * @param {{values: Float32Array, classes: number}} posteriors
 * @param {{phonemes: string[], words: {text: string, start: number, end: number}[]}} sentence
 * @param {string[]} words those that count, in order
 * @param {string[]} others phonemes of words that could stand for one
 * @param {string[]} table the phoneme of each class but silence
 * @returns {{sentence: number, words: number[], margins: number[]}} as WordScores of Python. Throws an InputError where the
 *   recording is too short for the sentence.
 */
export function scoreWords(posteriors, sentence, words, others, table) {
  const { values, classes } = posteriors;
  const number = new Map(table.map((symbol, k) => [symbol, k + 1]));
  const classesOf = (symbols) => Array.from(symbols).flatMap((symbol) => number.get(symbol) ?? []);
  const path = freePath(posteriors);
  const free = Float64Array.from(path, (one, t) => values[t * classes + one]);
  const { start, end, forced } = align(posteriors, sentence.phonemes, number);
  const relative = values.map((value, at) => value - free[Math.floor(at / classes)]);
  const mean = (from, to) => {
    let sum = 0;
    for (let t = from; t < to; t += 1) sum += forced[t] - free[t];
    return sum / (to - from);
  };
  const [ratios, margins] = [[], []];
  for (const [first, last] of placesOf(sentence.words, words)) {
    const [begin, stop] = [start[first], end[last - 1]];
    ratios.push(mean(begin, Math.max(stop, begin + 1)));
    const window = relative.subarray(Math.max(0, begin - MARGIN) * classes, (stop + MARGIN) * classes);
    const own = classesOf(sentence.phonemes.slice(first, last));
    const rivals = others.map(classesOf).filter((rival) => rival.join() !== own.join());
    const all = [own, ...rivals];
    margins.push(marginOf(all.map((word) => spotted(window, classes, word)), all.map((word) => word.length)));
  }
  const voiced = path.findIndex((one) => one !== SILENCE);
  const inside = voiced < 0 ? [0, path.length] : [voiced, path.findLastIndex((one) => one !== SILENCE) + 1];
  return { sentence: mean(...inside), words: ratios, margins };
}

/** Spans in the phonemes of words that come in this order, the last of their kind. Throws an InputError. */
function placesOf(spoken, words) {
  const found = [];
  let end = spoken.length;
  for (const wanted of words.toReversed()) {
    const at = spoken.slice(0, end).findLastIndex(({ text }) => bare(text) === bare(wanted));
    if (at < 0) throw new InputError(`"${wanted}" is not a word of the sentence: ask for a new sentence`);
    found.unshift([spoken[at].start, spoken[at].end]);
    end = at;
  }
  return found;
}

const bare = (word) => word.toLowerCase().replace(/\P{L}/gu, "");

/** The best path through a loop of all classes: one a frame. */
function freePath({ values, classes }) {
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

/** Forced alignment: first and last frame of each character, and the log posterior of each frame along the path. */
function align({ values, classes }, phonemes, number) {
  const { states, owner, optional } = statesOf(phonemes, number);
  const path = forcedPath(values, classes, states, optional);
  const where = Array.from(path, (state) => owner[state]);
  const forced = Float64Array.from(path, (state, t) => values[t * classes + states[state]]);
  const [start, end] = [[], []];
  const spoken = where.findIndex((one) => one >= 0);
  let edge = spoken < 0 ? where.length : spoken;
  for (let index = 0; index < phonemes.length; index += 1) {
    const first = where.indexOf(index);
    start.push(first < 0 ? edge : first);
    end.push((edge = first < 0 ? edge : where.lastIndexOf(index) + 1));
  }
  return { start, end, forced };
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

/** How well a word fits somewhere in a window: nats, at most 0, -Infinity where it is too long. */
function spotted(window, classes, word) {
  const states = word.flatMap((one) => new Array(LEAST_FRAMES).fill(one));
  const last = states.length - 1;
  let ended = -Infinity;
  const score = new Float64Array(states.length).fill(-Infinity);
  for (let t = 0; t * classes < window.length; t += 1) {
    for (let k = last; k >= 0; k -= 1) {
      const entered = k ? score[k - 1] : -FILLER * t;
      const stays = k % LEAST_FRAMES === LEAST_FRAMES - 1 ? score[k] : -Infinity;
      score[k] = Math.max(entered, stays) + window[t * classes + states[k]];
    }
    ended = Math.max(ended - FILLER, score[last]);
  }
  return ended;
}

/** How far the first fit lies above the others, of words of so many sounds; -9 where the word is too long. */
function marginOf(fits, lengths) {
  const each = fits.map((fit, k) => Math.max(fit, -1e3) / lengths[k]);
  const others = each.filter((_, k) => k && Number.isFinite(fits[k]));
  if (!Number.isFinite(fits[0]) || others.length < 2) return -9;
  const mean = others.reduce((sum, one) => sum + one, 0) / others.length;
  const deviation = Math.sqrt(others.reduce((sum, one) => sum + (one - mean) ** 2, 0) / others.length);
  return (each[0] - mean) / (deviation + 1e-6);
}
