// Needs lexicon.bin and rules.bin (`parrotlet-compress text`). Runs in browsers and Node 18 or later.
//
// English text to phonemes: the same answer as `TextFrontEnd.phonemize` in Python (a test compares them on 2,000
// sentences). `TextFrontEnd` here is normalize.js and then `Phonemizer`. Words that the lexicon cannot derive go to
// g2p.onnx (`unknownWordModel`, on onnxruntime-web or onnxruntime-node); without it letter-to-sound rules answer.

import { userWords } from "./lexicon.js";
import { Normalizer } from "./normalize.js";

const HEADER = 20;
const PRIMARY = "ˈ";
const SECONDARY = "ˌ";

/** The tables of rules.bin: "PRUL", u16 version, u16 zero, u32 length, then zlib-compressed JSON (docs/text.md). */
export async function readRules(buffer) {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (new TextDecoder().decode(bytes.subarray(0, 4)) !== "PRUL" || view.getUint16(4, true) !== 1) {
    throw new Error("not version-1 rules");
  }
  const unpacked = new Blob([bytes.subarray(12)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(unpacked).json();
}

/** The compiled lexicon: sorted words in front-coded blocks, values in a 256-entry code (docs/text.md). */
export class Lexicon {
  constructor(buffer) {
    this.bytes = new Uint8Array(buffer);
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    if (new TextDecoder().decode(this.bytes.subarray(0, 4)) !== "PLEX" || view.getUint16(4, true) !== 1) {
      throw new Error("not a version-1 lexicon");
    }
    this.perBlock = view.getUint16(6, true);
    this.entriesEnd = view.getUint32(12, true);
    const size = view.getUint32(this.entriesEnd, true);
    const table = this.bytes.subarray(this.entriesEnd + 4, this.entriesEnd + 4 + size);
    this.codes = JSON.parse(new TextDecoder().decode(table));
    const blocksAt = view.getUint32(16, true);
    this.blocks = Array.from({ length: view.getUint32(blocksAt, true) }, (_, at) =>
      view.getUint32(blocksAt + 4 + 4 * at, true),
    );
  }

  /** The value stored for exactly this spelling, or null. */
  get(word) {
    const key = new TextEncoder().encode(word);
    let low = 0;
    let high = this.blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const at = this.blocks[middle];
      const head = this.bytes.subarray(at + 2, at + 2 + this.bytes[at + 1]);
      if (compare(head, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low ? this.scan(this.blocks[low - 1], key) : null;
  }

  scan(start, key) {
    let at = start;
    let known = [];
    for (let entry = 0; entry < this.perBlock && at < this.entriesEnd; entry += 1) {
      const shared = this.bytes[at];
      const fresh = this.bytes[at + 1];
      known = known.slice(0, shared).concat(Array.from(this.bytes.subarray(at + 2, at + 2 + fresh)));
      at += 2 + fresh;
      const size = this.bytes[at];
      const order = compare(known, key);
      if (order === 0) {
        return Array.from(this.bytes.subarray(at + 1, at + 1 + size), (code) => this.codes[code]).join("");
      }
      if (order > 0) return null;
      at += 1 + size;
    }
    return null;
  }
}

function compare(left, right) {
  const shorter = Math.min(left.length, right.length);
  for (let at = 0; at < shorter; at += 1) {
    if (left[at] !== right[at]) return left[at] - right[at];
  }
  return left.length - right.length;
}

const isLower = (word) => word !== word.toUpperCase() && word === word.toLowerCase();
const isUpper = (word) => word !== word.toLowerCase() && word === word.toUpperCase();
const isTitle = (word) => /^[A-Z][a-z]*$/.test(word);
const capitalize = (word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();
const demote = (sound) => sound.replaceAll(SECONDARY, "").replaceAll(PRIMARY, SECONDARY);
const weight = (sound) => [...sound].reduce((sum, symbol) => sum + ("AIOWYʤʧ".includes(symbol) ? 2 : 1), 0);

function parseVariants(value) {
  const [first, ...rest] = value.split("|");
  return new Map([["", first], ...rest.map((part) => [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)])]);
}

/**
 * Written text to phonemes. `model`, if given, says unknown words: `unknownWordModel(…)`. The other options are the
 * normalizer's: `speakEmoji`, `format`, `codeBlocks` and `convention`.
 */
export class TextFrontEnd {
  constructor(lexicon, rules, { model = null, ...reading } = {}) {
    this.phonemizer = new Phonemizer(overlay(lexicon, rules, reading.convention ?? "en-US"), rules);
    const owns = (word) => this.phonemizer.owns(word);
    this.normalizer = new Normalizer(rules, (word) => this.phonemizer.knows(word), { ...reading, owns });
    this.model = model;
  }

  /** Takes the user's own words, {word: phonemes or a respelling}: docs/text.md. Throws an InputError. */
  async use(words) {
    const marks = [...this.phonemizer.rules.pause_marks].join("");
    const respell = async (spelling) => strippedOf((await this.speak(this.normalize(spelling))).phonemes, marks);
    this.phonemizer.use(await userWords(words, respell, this.phonemizer.rules));
  }

  normalize(text) {
    return this.normalizer.normalize(text);
  }

  /** Phonemes of `text`; waits for the model only where a word is unknown. */
  async phonemize(text) {
    const spoken = this.normalize(text).replace(/\[\[\s*(pause(?!\p{L})[^[\]\n]*?)\s*\]\]/giu, pauseAsComma);
    return (await this.speak(spoken)).phonemes;
  }

  /** Phonemes and words of normalized text; `heard` are the last words before it in its sentence. */
  async speak(spoken, heard = []) {
    if (this.model !== null) await this.phonemizer.learn(spoken, this.model);
    return this.phonemizer.speak(spoken, heard);
  }
}

/** The lexicon with a convention's own words. */
function overlay(lexicon, rules, convention) {
  const words = new Map(Object.entries(rules.normalizer.conventions[convention]?.words ?? {}));
  return { get: (word) => words.get(word) ?? lexicon.get(word) };
}

function strippedOf(text, marks) {
  let [from, to] = [0, text.length];
  while (from < to && marks.includes(text[from])) from += 1;
  while (to > from && marks.includes(text[to - 1])) to -= 1;
  return text.slice(from, to);
}

/** A comma for `[[pause 300ms]]`; an error for a pause written otherwise, as in the SDK. */
function pauseAsComma(written, inside) {
  if (!/^pause\s+\d+(?:\.\d+)?\s*(?:ms|s)$/i.test(inside)) {
    throw new Error(`${written}: write a pause like [[pause 300ms]], 10 s at most`);
  }
  return ",";
}

/** `session`: g2p.onnx in an onnxruntime InferenceSession; `Tensor`: that package's class; `tables`: g2p.json. */
export function unknownWordModel(session, Tensor, tables) {
  const codes = new Map([...tables.letters].map((letter, at) => [letter, BigInt(at + 1)]));
  return async (word) => {
    const letters = [...word.toLowerCase()].filter((letter) => codes.has(letter)).map((letter) => codes.get(letter));
    const feeds = { letters: new Tensor("int64", BigInt64Array.from(letters), [1, letters.length]) };
    const best = Array.from((await session.run(feeds)).phonemes.data, Number);
    return best.filter((code, at) => code && code !== best[at - 1]).map((code) => tables.phonemes[code]).join("");
  };
}

/** Phonemizer for normalized text. */
export class Phonemizer {
  constructor(lexicon, rules) {
    this.lexicon = lexicon;
    this.rules = rules;
    this.known = new Map();
    this.learned = new Map();
    this.missed = new Set();
    this.own = new Map();
    this.spelled = new RegExp(`^(?:${rules.spelled})$`, "iu");
    this.sets = Object.fromEntries(
      Object.entries(rules)
        .filter(([, value]) => Array.isArray(value) && typeof value[0] !== "object")
        .map(([name, value]) => [name, new Set(value)]),
    );
    this.hints = new Map();
    for (const [word, tag, before, after] of rules.hints) {
      const hint = [tag, new RegExp(before, "u"), new RegExp(after, "u")];
      this.hints.set(word, [...(this.hints.get(word) ?? []), hint]);
    }
    this.grapheme = new RegExp(rules.rules.map(([spelling]) => spelling).join("|"), "g");
    this.graphemes = new Map(rules.rules);
    this.endings = [
      ["ed", (stem) => this.withEd(stem)],
      ["ing", (stem) => this.flapped(stem, "ɪŋ")],
      ["er", (stem) => this.flapped(stem, "əɹ")],
      ["est", (stem) => this.flapped(stem, "ᵻst")],
    ];
  }

  /** The user's words, which win over everything. */
  use(own) {
    this.own = own;
    this.known.clear();
  }

  /** True if the word, in any case, is in a lexicon or derives from one. */
  knows(word) {
    return this.own.has(word) || this.whole(word) !== null;
  }

  /** True for a word of the user, in its plural, possessive or past too. */
  owns(word) {
    return this.fromOwn(word) !== null;
  }

  /** The user's word, or one of the user's words with an ending. */
  fromOwn(word) {
    if (!this.own.size) return null;
    const known = (one) => this.own.get(one) ?? this.own.get(one.toLowerCase()) ?? null;
    if (known(word) !== null) return known(word);
    const shouted = /^([A-Z][A-Z-]+)(?:'?[sS])$/.exec(word); // "GIFs", "GIF's"
    if (shouted && this.own.has(shouted[1])) return this.withS(this.own.get(shouted[1]));
    for (const [stem, , ending] of this.derivations(word)) if (known(stem) !== null) return ending(known(stem));
    return null;
  }

  /** Ask `say` for the words of normalized text that no table has. */
  async learn(text, say) {
    this.missed.clear();
    this.phonemize(text);
    if (this.missed.size) this.known.clear();
    for (const word of this.missed) this.learned.set(word, (await say(word)) || this.byRule(word));
  }

  unknown(word) {
    const learned = this.learned.get(word);
    if (learned === undefined) this.missed.add(word);
    return learned ?? this.byRule(word);
  }

  /** Phonemes of normalized text, with punctuation and spaces. */
  phonemize(text) {
    return this.speak(text).phonemes;
  }

  /** The same, and its words: `{text, start, end}`, slices of the phonemes; `heard` are the last words before it. */
  speak(text, heard = []) {
    const tokens = text.match(/\[\[[^[\]]*\]\]|[A-Za-z]+(?:['-][A-Za-z]+)*'?|[,;:.!?]/g) ?? [];
    const sounds = new Array(tokens.length);
    const context = [...heard, ...tokens];
    let beforeVowel = null;
    for (let at = tokens.length - 1; at >= 0; at -= 1) {
      const token = tokens[at];
      if (this.rules.pause_marks.includes(token)) {
        beforeVowel = null;
        sounds[at] = token;
        continue;
      }
      const entry = token.startsWith("[[") ? token.slice(2, -2).trim() : this.pronounce(token);
      sounds[at] = typeof entry === "string" ? entry : this.choose(entry, context, heard.length + at, beforeVowel);
      beforeVowel = this.startsWithVowel(sounds[at]) ?? beforeVowel;
    }
    return this.joined(tokens, sounds);
  }

  /** Words apart by spaces, marks glued to the word before; a mark needs a word to stand on. */
  joined(tokens, sounds) {
    const words = [];
    let phonemes = "";
    tokens.forEach((token, at) => {
      const isMark = this.rules.pause_marks.includes(token);
      if (!sounds[at] || (isMark && (!words.length || this.rules.pause_marks.includes(phonemes.at(-1))))) return;
      if (phonemes && !isMark) phonemes += " ";
      if (!isMark) words.push({ text: token, start: phonemes.length, end: phonemes.length + sounds[at].length });
      phonemes += sounds[at];
    });
    return { phonemes, words };
  }

  startsWithVowel(sound) {
    for (const symbol of sound) {
      if (this.rules.vowels.includes(symbol)) return true;
      if (this.rules.consonants.includes(symbol)) return false;
    }
    return null;
  }

  markFirstVowel(sound, mark) {
    const at = [...sound].findIndex((symbol) => this.rules.vowels.includes(symbol));
    return at < 0 ? sound : sound.slice(0, at) + mark + sound.slice(at);
  }

  promote(sound) {
    if (sound.includes(PRIMARY)) return sound;
    return sound.includes(SECONDARY) ? sound.replace(SECONDARY, PRIMARY) : this.markFirstVowel(sound, PRIMARY);
  }

  lift(sound) {
    return sound.includes(PRIMARY) || sound.includes(SECONDARY) ? sound : this.markFirstVowel(sound, SECONDARY);
  }

  withS(stem) {
    const last = stem.slice(-1);
    if (this.sets.voiceless.has(last)) return `${stem}s`;
    return stem + (this.sets.sibilant.has(last) ? "ᵻz" : "z");
  }

  withEd(stem) {
    const last = stem.slice(-1);
    if (this.sets.devoicing.has(last)) return `${stem}t`;
    if (last === "d") return `${stem}ᵻd`;
    return last === "t" ? this.flapped(stem, "ᵻd") : `${stem}d`;
  }

  flapped(stem, ending) {
    const flaps = stem.endsWith("t") && this.sets.flapping.has(stem.slice(-2, -1));
    return (flaps ? `${stem.slice(0, -1)}T` : stem) + ending;
  }

  /** Phonemes, or a Map of variants for words that depend on their context. */
  pronounce(word) {
    let entry = this.known.get(word);
    if (entry === undefined) {
      entry = this.stressed(word);
      this.known.set(word, entry);
    }
    return entry;
  }

  stressed(word) {
    const own = this.fromOwn(word);
    if (own !== null) return own;
    if (word.length === 1 && !"aAI".includes(word)) return this.letter(word);
    const value = this.whole(word === "A" ? "a" : word);
    if (value === null) return this.compound(word);
    if (word === word.toLowerCase() || word.length === 1 || this.sets.keep_unstressed.has(word.toLowerCase())) {
      return value;
    }
    const raise = isUpper(word) ? (sound) => this.promote(sound) : (sound) => this.lift(sound);
    if (typeof value === "string") return raise(value);
    return new Map([...value].map(([tag, sound]) => [tag, raise(sound)]));
  }

  whole(word) {
    const value = this.stored(word);
    if (value !== null) return value.includes("|") ? parseVariants(value) : value;
    for (const [stem, tag, ending] of this.derivations(word)) {
      const known = this.stored(stem);
      if (known !== null) {
        const variants = parseVariants(known);
        return ending(variants.get(tag) ?? variants.get(""));
      }
    }
    return null;
  }

  stored(word) {
    const lower = word.toLowerCase();
    const value = this.lexicon.get(word) ?? (lower === word ? null : this.lexicon.get(lower));
    return value === null && word.length > 1 ? this.lexicon.get(capitalize(lower)) : value;
  }

  *derivations(written) {
    const word = isLower(written.slice(1)) ? written : written.toLowerCase();
    if (word.includes("'")) {
      yield* this.apostrophes(word);
      return;
    }
    const withS = (stem) => this.withS(stem);
    if (word.endsWith("s") && word.length > 3 && !word.endsWith("ss")) {
      yield [word.slice(0, -1), "N", withS];
      if (word.endsWith("ies") && word.length > 4) yield [`${word.slice(0, -3)}y`, "N", withS];
      if (word.endsWith("es")) yield [word.slice(0, -2), "N", withS];
    }
    for (const [tail, sound] of this.endings) {
      const stem = word.slice(0, -tail.length);
      if (!word.endsWith(tail) || stem.length < 3 || !/[aeiouy]/i.test(stem)) continue;
      yield [`${stem}e`, "V", sound];
      yield [stem, "V", sound];
      if (stem.endsWith("i")) yield [`${stem.slice(0, -1)}y`, "V", sound];
      if (/([bdfgklmnprstvz])\1$/.test(stem) || stem.endsWith("ck")) yield [stem.slice(0, -1), "V", sound];
    }
    for (const [tail, spoken] of this.rules.suffixes) {
      const stem = word.slice(0, -tail.length);
      if (!word.endsWith(tail) || stem.length < 3) continue;
      yield [stem, "", (known) => known + spoken];
      if (stem.endsWith("i")) yield [`${stem.slice(0, -1)}y`, "", (known) => known + spoken];
    }
    const lower = word.toLowerCase();
    for (const [head, spoken] of this.rules.prefixes) {
      const stem = lower.slice(head.length);
      if (lower.startsWith(head) && stem.length > 3) yield [stem, "", (known) => spoken + known];
    }
  }

  *apostrophes(word) {
    const same = (stem) => stem;
    for (const [tail, spoken] of this.rules.contractions) {
      if (word.endsWith(tail) && word.length > tail.length) {
        yield [word.slice(0, -tail.length), "", (stem) => stem + spoken];
      }
    }
    if (word.endsWith("'s")) yield [word.slice(0, -2), "N", (stem) => this.withS(stem)];
    if (word.endsWith("s'")) {
      yield [word.slice(0, -1), "N", same];
      yield [word.slice(0, -2), "N", (stem) => this.withS(stem)];
    }
    if (word.endsWith("in'")) yield [`${word.slice(0, -1)}g`, "V", (stem) => `${stem.replace(/ŋ$/, "")}n`];
    if (word.endsWith("'")) yield [word.slice(0, -1), "", same];
  }

  compound(word) {
    if (word.endsWith("'s")) return this.withS(this.single(word.slice(0, -2)));
    for (const [tail, spoken] of this.rules.contractions) {
      if (word.endsWith(tail) && word.length > tail.length) return this.single(word.slice(0, -tail.length)) + spoken;
    }
    let parts = [];
    if (/[-']/.test(word)) parts = word.split(/[-']/).filter(Boolean);
    else if (isUpper(word) && word.length > 1) return this.letters(word);
    else if (!isLower(word) && !isTitle(word)) parts = word.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g) ?? [];
    if (parts.length > 1) {
      if (parts.every((part) => part.length === 1)) return this.letters(parts.join(""));
      return this.joinCompound(parts.map((part) => this.single(part)));
    }
    const bare = word.replace(/['-]/g, "");
    if (this.spelled.test(bare)) return this.letters(bare);
    return (bare.match(/.{1,48}/g) ?? []).map((chunk) => this.promote(this.unknown(chunk))).join("");
  }

  single(word) {
    const value = this.pronounce(word);
    return typeof value === "string" ? value : value.get("");
  }

  letters(word) {
    const names = [...word].filter((letter) => /[A-Za-z]/.test(letter)).map((letter) => this.letter(letter));
    return names.map((name, at) => (at < names.length - 1 ? demote(name) : this.promote(name))).join("");
  }

  letter(letter) {
    return this.promote(this.lexicon.get(letter.toUpperCase()) ?? "");
  }

  joinCompound(parts) {
    const stressed = parts
      .map((part, at) => [weight(part), at])
      .filter(([, at]) => parts[at].includes(PRIMARY))
      .sort((one, other) => one[0] - other[0] || one[1] - other[1]);
    if (parts.length === 2 && weight(parts[0]) <= 2 && stressed.length === 2) return demote(parts[0]) + parts[1];
    const spare = stressed.length > (parts.length + 1) >> 1 ? stressed.length >> 1 : 0;
    for (const [, at] of stressed.slice(0, spare)) parts[at] = demote(parts[at]);
    return parts.join("");
  }

  byRule(word) {
    const bare = word.toLowerCase().replace(/(?<=[bcdfgklmnprstvz])e$/, "");
    return this.promote((bare.match(this.grapheme) ?? []).map((spelling) => this.graphemes.get(spelling)).join(""));
  }

  choose(variants, words, at, beforeVowel) {
    if (beforeVowel === null && variants.has("END")) return variants.get("END");
    if (beforeVowel && variants.has("VOWEL")) return variants.get("VOWEL");
    if ([...variants.keys()].every((tag) => ["", "END", "VOWEL"].includes(tag))) return variants.get("");
    if (variants.has("L") && this.isLetter(words, at)) return variants.get("L");
    const before = this.neighbour(words, at, -1);
    const after = this.neighbour(words, at, 1);
    const tag = this.tags(words[at].toLowerCase(), before, after, words, at).find((one) => variants.has(one));
    return variants.get(tag ?? "");
  }

  neighbour(words, at, step) {
    for (let place = at + step; place >= 0 && place < words.length; place += step) {
      const word = words[place].toLowerCase();
      const next = place + step;
      if (this.sets.adverbs.has(word) && word !== "not" && next >= 0 && next < words.length) continue;
      return /^[a-z]/.test(word) ? word : "";
    }
    return "";
  }

  tags(word, before, after, words, at) {
    const { have_or_be: haveOrBe, have, determiners, wants_noun: wantsNoun, wants_verb: wantsVerb } = this.sets;
    const ends = (text, tails) => tails.some((tail) => text.endsWith(tail));
    if (word === "that") {
      return !after || (this.sets.pointed_at.has(after) && this.sets.pointing_after.has(before)) ? ["T"] : [];
    }
    if (word === "used") return after === "to" && (!haveOrBe.has(before) || have.has(before)) ? ["D"] : [];
    if (word === "in" || word === "by") return after ? [] : ["R"];
    const hinted = this.hinted(word, before, after, words, at);
    if (hinted !== null) return hinted ? [hinted] : [];
    const asked = this.asked(words, at);
    if (word === "read" || word === "reread") {
      return asked === "P" || (!asked && this.isPast(before, after, words, at)) ? ["D"] : [];
    }
    if (asked) return asked === "P" ? ["P", "D"] : ["V", "B"];
    if (haveOrBe.has(before) && this.sets.participles.has(word)) return [];
    if (haveOrBe.has(before)) return have.has(before) ? ["P", "D"] : ["P", "J"];
    const beforeThat = at > 1 ? words[at - 2].toLowerCase() : "";
    const reached = before === "to" && this.sets.to_nouns.has(beforeThat) && !determiners.has(after);
    if (wantsVerb.has(before) && !reached) return ["V", "B"];
    if (this.sets.degrees.has(before)) return this.sets.adjective_first.has(word) ? ["J"] : ["J", "N"];
    const opened = wantsNoun.has(before) || before === "to";
    if (opened || ends(before, [...this.rules.adjective_ends, "ing"])) return this.inNounPhrase(word, after);
    if (word.endsWith("s") && !word.endsWith("ss")) {
      const named = at > 1 && isUpper(words[at - 1].slice(0, 1)) && /^[A-Za-z]/.test(words[at - 2]);
      const singular = this.sets.third_persons.has(before) || ends(before, this.rules.noun_ends) || named;
      return before && (singular || determiners.has(after) || this.hasObject(words, at)) ? ["V"] : ["N"];
    }
    if (this.sets.subjects.has(before)) return ["V", "B"];
    if (["he", "she", "it"].includes(before)) return ["D", "V"];
    if (["", "and", "or", "then", "but"].includes(before)) return determiners.has(after) ? ["V"] : ["N"];
    if (before.endsWith("s") && !ends(before, ["ss", "'s", "us"])) {
      return this.sets.after_subjects.has(after) || after.endsWith("ed") ? ["N"] : ["V", "B"];
    }
    if (determiners.has(after) && before !== "of" && before !== "in") return ["V"];
    if (this.opens(words, at)) return this.inNounPhrase(word, after);
    return after && !this.sets.after_nouns.has(after) ? ["V"] : ["N"];
  }

  /** True for "the company exports machines": a subject in the singular, and behind the word no verb of its own. */
  hasObject(words, at) {
    const { openers, after_nouns: afterNouns, plain_verbs: plainVerbs } = this.sets;
    const before = words[at - 1].toLowerCase();
    const after = this.neighbour(words, at, 1);
    const opened = at === 1 || openers.has(words[at - 2].toLowerCase()) || !/^[A-Za-z]/.test(words[at - 2]);
    if (!opened || !/^[a-z]+$/.test(before) || before.endsWith("s") || before.endsWith("ed")) return false;
    return after !== "" && !afterNouns.has(after) && !plainVerbs.has(after) && !after.endsWith("ed");
  }

  /** An adjective before a noun, a noun before anything else. */
  inNounPhrase(word, after) {
    const { after_nouns: afterNouns, hint_only: hintOnly, adjective_first: adjectiveFirst } = this.sets;
    if (!after || afterNouns.has(after) || hintOnly.has(word) || after.endsWith("ed")) return ["N"];
    return adjectiveFirst.has(word) ? ["J"] : ["J", "N"];
  }

  /** True where a word like "the" stands two or three words before, with nothing between that ends its phrase. */
  opens(words, at) {
    const { openers, after_nouns: afterNouns, subjects, wants_verb: wantsVerb } = this.sets;
    for (let place = at - 1; place >= Math.max(0, at - 3); place -= 1) {
      const word = words[place].toLowerCase();
      if (openers.has(word)) return place < at - 1;
      if (!/^[a-z]/.test(word) || afterNouns.has(word) || subjects.has(word) || wantsVerb.has(word)) return false;
    }
    return false;
  }

  /** V after "did you", "can the new system"; P after "have you"; V after "let him". Else empty. */
  asked(words, at) {
    const { adverbs, asks, asks_of_the_past: asksOfThePast, letting, objects } = this.sets;
    const between = [];
    for (let place = at - 1; place >= Math.max(0, at - 4); place -= 1) {
      const word = words[place].toLowerCase();
      if (!/^[a-z]/.test(word)) return "";
      if (adverbs.has(word)) continue;
      const asking = asks.has(word) || asksOfThePast.has(word);
      if (between.length && asking && this.isSubject(between, words[place + 1])) return asks.has(word) ? "V" : "P";
      if (letting.has(word) && between.length === 1 && objects.has(between[0])) return "V";
      between.unshift(word);
    }
    return "";
  }

  /** True for a pronoun, a name, or "the" with one or two words that may be a noun at the end. */
  isSubject(between, first) {
    if (between.length === 1) return this.sets.pronouns.has(between[0]) || /^[A-Z][A-Za-z]*$/.test(first);
    return this.sets.openers.has(between[0]) && between.length < 4 && !this.sets.wants_noun.has(between.at(-1));
  }

  hinted(word, before, after, words, at) {
    const hints = this.hints.get(words[at]) ?? this.hints.get(word) ?? [];
    const left = words
      .slice(Math.max(0, at - 4), at)
      .map((one) => `${one} `)
      .join("")
      .toLowerCase();
    const right = this.clauseAfter(words, at).join(" ").toLowerCase();
    for (const [tag, beforeIt, afterIt] of hints) {
      if (beforeIt.test(left) && afterIt.test(right)) return tag;
    }
    for (const [table, neighbour] of [
      [this.rules.after, after],
      [this.rules.before, before],
    ]) {
      for (const [tag, neighbours] of Object.entries(table[word] ?? {})) {
        if (!neighbours.includes(neighbour)) continue;
        const named = this.sets.determiners.has(before) && before !== "it";
        if (tag === "V" && table === this.rules.after && named) continue;
        return tag;
      }
    }
    return null;
  }

  /** The next words up to a pause, and a name behind it. */
  clauseAfter(words, at) {
    const following = words.slice(at + 1, at + 5);
    const pause = following.findIndex((word) => !/^[A-Za-z]/.test(word));
    if (pause < 0) return following;
    return following.slice(0, /^[A-Z]/.test(following[pause + 1] ?? "") ? pause + 2 : pause + 1);
  }

  isLetter(words, at) {
    if (words[at] !== "A" || at === 0 || !/^[A-Za-z]/.test(words[at - 1])) return false;
    return at + 1 < words.length && (isLower(words[at + 1]) || /^[A-Z]$/.test(words[at + 1]));
  }

  isPast(before, after, words, at) {
    const { have_or_be: haveOrBe, wants_verb: wantsVerb, wants_noun: wantsNoun } = this.sets;
    if (haveOrBe.has(before)) return true;
    if (wantsVerb.has(before) || !before || wantsNoun.has(before)) return false;
    const previous = words[at - 1];
    const named = isUpper(previous.slice(0, 1)) && previous !== "I" && at > 1;
    if (["he", "she", "it", "who"].includes(before) || named) return true;
    const pause = words.findIndex((word, place) => place >= at && !/^[A-Za-z]/.test(word));
    const near = words.slice(Math.max(0, at - 12), Math.min(pause < 0 ? at + 12 : pause, at + 12)).map((word) => word.toLowerCase());
    if (["i", "we", "you", "they", "and"].includes(before)) {
      return near.some((word) => this.sets.past_cues.has(word)) && !near.some((word) => this.sets.present_cues.has(word));
    }
    const subject = !before.endsWith("s") && (this.opens(words, at) || at === 1);
    const object = this.sets.determiners.has(after) || wantsNoun.has(after) || this.sets.after_nouns.has(after);
    return subject && after !== "" && object;
  }
}
