// Text to utterances, what is spoken in one breath: TextFrontEnd.sentences in Python, for whole texts.
//
// An utterance is {text, phonemes, pause: {seconds, origin}, words: [{text, start, end}]}; words point into the phonemes.

import { InputError } from "./errors.js";
import { TextFrontEnd } from "./g2p.js";
import { Sentences, cutPhonemes } from "./sentences.js";

const INLINE = /\[\[([^[\]\n]{0,400})\]\]/gu;
const PAUSE = /^pause\s+(\d+(?:\.\d+)?)\s*(ms|s)$/i;
const LONGEST_PAUSE = 10;

export class Utterances {
  /** Arguments: those of TextFrontEnd. */
  constructor(lexicon, rules, options) {
    this.frontEnd = new TextFrontEnd(lexicon, rules, options);
    this.sentences = new Sentences(rules);
  }

  /** Utterances, each when it is asked for. */
  async *of(text) {
    const { normalizer } = this.frontEnd;
    for (const sentence of this.sentences.cut(normalizer.reader.read(text))) {
      const spoken = normalizer.said(sentence);
      let start = 0;
      for (const match of spoken.matchAll(INLINE)) {
        const seconds = pauseSeconds(match[1]);
        if (seconds === null) continue;
        yield* this.spoken(spoken.slice(start, match.index), { seconds, origin: "text" }, "");
        start = match.index + match[0].length;
      }
      if (spoken.slice(start).trim()) yield* this.spoken(spoken.slice(start), null, sentence);
    }
  }

  /** Utterances of normalized text; `pause`, if given, is the silence after the last. */
  async *spoken(normalized, pause, source) {
    const { phonemes, words } = await this.frontEnd.speak(normalized);
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
