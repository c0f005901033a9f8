// Text to utterances, what is spoken in one breath: TextFrontEnd.sentences in Python.
//
// An utterance is {text, phonemes, pause: {seconds, origin}, words: [{text, start, end}]}; words point into the phonemes.

import { InputError, UsageError } from "./errors.js";
import { TextFrontEnd } from "./g2p.js";
import { Reader } from "./reader.js";
import { Cutter, Sentences, cutPhonemes } from "./sentences.js";

const INLINE = /\[\[([^[\]\n]{0,400})\]\]/gu;
const PAUSE = /^pause\s+(\d+(?:\.\d+)?)\s*(ms|s)$/i;
const LONGEST_PAUSE = 10;
const TOKEN = /\[\[[^[\]]*\]\]|[A-Za-z]+(?:['-][A-Za-z]+)*'?|[,;:.!?]/g;
const HEARD = 12; // words of a sentence to remember while its clauses are spoken one by one

export class Utterances {
  /** Arguments: those of TextFrontEnd. */
  constructor(lexicon, rules, options = {}) {
    this.frontEnd = new TextFrontEnd(lexicon, rules, options);
    this.sentences = new Sentences(rules);
    this.rules = rules;
    this.reading = { format: options.format, codeBlocks: options.codeBlocks };
  }

  /**
   * Utterances, each when it is asked for. A string is cut at sentence ends; pieces of text, from an iterable or an async
   * one, at clause ends too, since the rest may be long in coming.
   */
  async *of(text) {
    const { normalizer } = this.frontEnd;
    const clauses = typeof text !== "string";
    let heard = [];
    for await (const [sentence, earlier] of this.cut(clauses ? text : [text], clauses)) {
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

  /** Sentences or clauses, and what each had before it in its sentence. */
  async *cut(pieces, clauses) {
    const reader = new Reader(this.rules, this.reading);
    const cutter = new Cutter(this.sentences, clauses);
    for await (const piece of pieces) {
      if (typeof piece !== "string") throw new UsageError(`a piece of the text is ${typeof piece}, not a string: leave such pieces out`);
      yield* cutter.push(reader.feed(piece));
    }
    yield* cutter.push(reader.feed("", true), true);
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
      yield { text: inside.map((word) => word.text).join(" "), phonemes: part, pause: silence, words: inside };
    }
    if (!slices.length && pause) yield { text: "", phonemes: "", pause, words: [] };
  }
}

/** Seconds of a `pause` instruction, or null if this is none. */
function pauseSeconds(inside) {
  const match = PAUSE.exec(inside.trim());
  if (match) return Math.min(Number(match[1]) / (match[2].toLowerCase() === "ms" ? 1000 : 1), LONGEST_PAUSE);
  if (/^pause(?![\p{L}\p{N}_])/iu.test(inside.trim())) {
    throw new InputError(`[[${inside}]]: write a pause like [[pause 300ms]], ${LONGEST_PAUSE} s at most`);
  }
  return null;
}
