// Text to utterances, what is spoken in one breath: TextFrontEnd.sentences in Python.
//
// An utterance is {text, phonemes, pause: {seconds, origin}, words: [{text, start, end}], speed, pitch, volume}; words point
// into the phonemes, and SSML sets the last three.

import { InputError, UsageError } from "./errors.js";
import { TextFrontEnd } from "./g2p.js";
import { Reader } from "./reader.js";
import { Cutter, Sentences, cutPhonemes, pausesOf } from "./sentences.js";
import { Ssml, beginsAsSsml } from "./ssml.js";

const INLINE = /\[\[([^[\]\n]{0,400})\]\]/gu;
const PAUSE = /^pause\s+(\d+(?:\.\d+)?)\s*(ms|s)$/i;
const LONGEST_PAUSE = 10;
const TOKEN = /\[\[[^[\]]*\]\]|[A-Za-z]+(?:['-][A-Za-z]+)*'?|[,;:.!?]/g;
const PLAIN = { speed: 1, pitch: 0, volume: 1 };
const HEARD = 12; // words of a sentence to remember while its clauses are spoken one by one

export class Utterances {
  /** Arguments: those of TextFrontEnd. */
  constructor(lexicon, rules, options = {}) {
    this.frontEnd = new TextFrontEnd(lexicon, rules, options);
    this.sentences = new Sentences(rules);
    this.ssml = new Ssml(rules, this.frontEnd.normalizer);
    this.rules = rules;
    this.reading = { format: options.format, codeBlocks: options.codeBlocks };
  }

  /**
   * Utterances, each when it is asked for. A string is cut at sentence ends; pieces of text, from an iterable or an async
   * one, at clause ends too, since the rest may be long in coming. A text that begins as an SSML document is one; with
   * `ssml` it must be.
   */
  async *of(text, { ssml = false } = {}) {
    const clauses = typeof text !== "string";
    const pieces = begun(clauses ? text : [text]);
    const { value: start } = await pieces.next();
    if (ssml || start.ssml) yield* this.fromSsml(start.text + (await joined(pieces)));
    else yield* this.fromText(this.read(start.text, pieces), clauses);
  }

  async *fromSsml(document) {
    for (const { text, style, pause } of this.ssml.read(document)) {
      let held = null;
      for await (const utterance of this.fromText([text.trim().split(/\s+/u).join(" ")], false)) {
        if (held) yield { ...held, ...style };
        held = utterance;
      }
      const [first, ...left] = held && pause ? pausesOf(held.pause, pause) : [held?.pause ?? pause];
      if (held) yield { ...held, ...style, pause: first };
      else if (first) left.push(first);
      for (const silence of left) yield silent(silence);
    }
  }

  /** Utterances of text without markup. */
  async *fromText(pieces, clauses) {
    const { normalizer } = this.frontEnd;
    let heard = [];
    for await (const [sentence, earlier] of this.cut(pieces, clauses)) {
      const spoken = normalizer.said(sentence, earlier);
      if (!earlier) heard = [];
      let start = 0;
      for (const match of spoken.matchAll(INLINE)) {
        const seconds = pauseSeconds(match[1]);
        if (seconds === null) continue;
        yield* this.spoken(spoken.slice(start, match.index), { seconds, origin: "text" }, "", heard);
        start = match.index + match[0].length;
      }
      if (spoken.slice(start).trim()) yield* this.spoken(spoken.slice(start), null, sentence, heard);
      heard = clauses ? [...heard, ...(spoken.match(TOKEN) ?? [])].slice(-HEARD) : [];
    }
  }

  async *read(start, pieces) {
    const reader = new Reader(this.rules, this.reading);
    yield reader.feed(start);
    for await (const piece of pieces) yield reader.feed(piece);
    yield reader.feed("", true);
  }

  /** Sentences or clauses, and what each had before it in its sentence. */
  async *cut(pieces, clauses) {
    const cutter = new Cutter(this.sentences, clauses);
    for await (const piece of pieces) yield* cutter.push(piece);
    yield* cutter.push("", true);
  }

  /** Utterances of normalized text; `pause`, if given, is the silence after the last; `heard`: the words before it. */
  async *spoken(normalized, pause, source, heard) {
    const { phonemes, words } = await this.frontEnd.speak(normalized, heard);
    const slices = cutPhonemes(phonemes);
    for (const [at, [start, end]] of slices.entries()) {
      const last = at === slices.length - 1;
      const inside = words
        .filter((word) => word.start < end && start < word.end)
        .map((word) => ({ text: word.text, start: Math.max(word.start, start) - start, end: Math.min(word.end, end) - start }));
      const part = phonemes.slice(start, end);
      const silence = last && pause ? pause : this.sentences.pause(part, last ? source : "");
      yield { text: inside.map((word) => word.text).join(" "), phonemes: part, pause: silence, words: inside, ...PLAIN };
    }
    if (!slices.length && pause) yield silent(pause);
  }
}

/** First {text, ssml}, the beginning of a text and whether it is that of SSML; then the rest, piece by piece. */
async function* begun(pieces) {
  let start = "";
  let ssml = null;
  for await (const piece of pieces) {
    if (typeof piece !== "string") throw new UsageError(`a piece of the text is ${typeof piece}, not a string: leave such pieces out`);
    if (ssml !== null) {
      yield piece;
      continue;
    }
    start += piece;
    ssml = beginsAsSsml(start);
    if (ssml !== null) yield { text: start, ssml };
  }
  if (ssml === null) yield { text: start, ssml: false };
}

async function joined(pieces) {
  let whole = "";
  for await (const piece of pieces) whole += piece;
  return whole;
}

const silent = (pause) => ({ text: "", phonemes: "", pause, words: [], ...PLAIN });

/** Seconds of a `pause` instruction, or null if this is none. */
function pauseSeconds(inside) {
  const match = PAUSE.exec(inside.trim());
  if (match) return Math.min(Number(match[1]) / (match[2].toLowerCase() === "ms" ? 1000 : 1), LONGEST_PAUSE);
  if (/^pause(?![\p{L}\p{N}_])/iu.test(inside.trim())) {
    throw new InputError(`[[${inside}]]: write a pause like [[pause 300ms]], ${LONGEST_PAUSE} s at most`);
  }
  return null;
}
