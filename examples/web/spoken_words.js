// Were these words spoken (spoken_words.py)? Each word against what the recognizer hears, and against other words in its
// place.

import { InputError } from "./errors.js";
import { SILENCE, align } from "./recognizer.js";

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
  const { start, end, forced, free, path } = align(posteriors, sentence.phonemes, table);
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
