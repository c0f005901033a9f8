// Needs rules.bin (`parrotlet-compress text`). Runs in browsers and Node 18 or later.
//
// English text to spoken words: the same answer as `TextFrontEnd.normalize` in Python (a test compares them). Rules, patterns
// and tables come from rules.bin; reader.js reads layout and markup first, ways.js says what a rule finds.

import { fold } from "./fold.js";
import { Numbers } from "./numbers.js";
import { Reader } from "./reader.js";
import { template } from "./ways.js";

const WORD = "\\p{L}\\p{N}_";
const isAlnum = (character) => /^[\p{L}\p{N}]/u.test(character ?? "");
const isDigits = (text) => /^\d+$/.test(text);
const title = (word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();
const findAll = (pattern, text) => text.match(pattern) ?? [];
const has = (table, key) => Object.hasOwn(table, key);
const letters = (word) => [...word].join("-");

/**
 * Written text to spoken words; `knows` tells whether the lexicon has a word (`Phonemizer.knows`). `convention`, "en-US"
 * or "en-GB", says how numbers, dates and the like are read.
 */
export class Normalizer {
  constructor(
    rules,
    knows,
    { speakEmoji = true, format = "auto", codeBlocks = "announce", convention = "en-US", owns = () => false } = {},
  ) {
    this.reader = new Reader(rules, { format, codeBlocks });
    const { patterns, names, conventions, foresight, hindsight, number_scales: scales } = rules.normalizer;
    if (!has(conventions, convention)) {
      throw new Error(`convention "${convention}": choose from ${Object.keys(conventions).join(", ")}`);
    }
    const own = conventions[convention];
    const tables = { ...rules.normalizer.tables, ...own.tables };
    this.owns = owns; // the user's words, which no rule may touch
    Object.assign(this, { knows, names, speakEmoji, foresight, hindsight, months: tables.months });
    this.numbers = new Numbers({ ...tables, scales }, own);
    this.tables = Object.fromEntries(
      Object.entries(tables).map(([name, value]) => [name, Array.isArray(value) ? new Set(value) : value]),
    );
    this.patterns = Object.fromEntries(Object.entries(patterns).map(([name, one]) => [name, new RegExp(one, "gu")]));
    this.atom = new RegExp(patterns.atom, "yus");
    this.emoji = new RegExp(patterns.emoji, "yu");
    this.plain = new RegExp(`^(?:${patterns.plain})`, "u");
    this.caps = new RegExp(patterns.caps, "u");
    this.acronym = (word, tail, at) => this.sayAcronym(word, tail, at);
    this.wordOrLetters = (word) => this.asWordOrLetters(word);
    const tried = own.rules
      .map((at) => rules.normalizer.rules[at])
      .map((rule) => ({
        ...rule,
        pattern: new RegExp(rule.pattern, "yu"),
        say: template(rule.template),
        left: rule.left && anyCase(rule.left),
        bar: rule.bar && anyCase(rule.bar),
      }));
    this.rules = Object.fromEntries([..."0Aa."].map((kind) => [kind, tried.filter((rule) => rule.starts.includes(kind))]));
  }

  /** The words to speak, with the punctuation that pauses. */
  normalize(written) {
    return this.said(this.reader.read(written));
  }

  /** The same of text whose layout and markup were read already; `earlier` is what its sentence had before it. */
  said(text, earlier = "") {
    const folded = (part) => fold(part, this.tables, this.patterns);
    this.earlier = folded(earlier);
    this.text = this.outsideInline(folded, text);
    this.spoken = [];
    const token = /\S+/gu;
    let at = 0;
    for (let match; (token.lastIndex = at), (match = token.exec(this.text)) !== null; ) {
      const [word] = match;
      const end = match.index + word.length;
      if (match.index > at && this.spoken.length) this.spoken.push(" ");
      if (this.plain.test(word) && !this.isSpecial(word)) {
        this.spoken.push(word.replaceAll('"', ""));
        at = end;
      } else {
        at = this.step(match.index);
        while (at < end) at = this.step(at);
      }
    }
    const tidied = this.outsideInline(tidy, this.spoken.join("")).trim();
    return this.text.includes("[[") ? tidied : tidied.replace(/^[\s,;:.!?]+/u, "");
  }

  /** Change the text between inline instructions. */
  outsideInline(change, text) {
    if (!text.includes("[[")) return change(text);
    const parts = text.split(this.patterns.inline);
    return parts.map((part, at) => (at % 2 ? `[[${part}]]` : change(part))).join("");
  }

  isSpecial(word) {
    const core = word.replace(/^["',;:.!?]+|["',;:.!?]+$/g, "");
    if (this.owns(core)) return false;
    const lower = core.toLowerCase();
    const { elided, lone_capitals: lone, exact, spans, triggers, dotted_triggers: dotted } = this.tables;
    if (word[0] === "'" && has(elided, lower)) return true;
    if (this.caps.test(word) || (core.length === 1 && lone.has(core)) || exact.has(core)) return true;
    if (lower.includes("-") && spans.has(lower.split("-")[0])) return true;
    return triggers.has(lower) || (dotted.has(lower) && word.includes("."));
  }

  /** Speak what stands at `at`; returns where it ends. */
  step(at) {
    for (const rule of this.rules[kindOf(this.text[at])]) {
      rule.pattern.lastIndex = at;
      const match = rule.pattern.exec(this.text);
      if (match === null || match[0] === "" || !this.fits(rule, at)) continue;
      const { numbers, tables, months, knows, acronym, wordOrLetters } = this;
      const fullStop = () => this.fullStop(match);
      const said = rule.say({ match, numbers, tables, months, knows, acronym, wordOrLetters, fullStop });
      if (said !== null) {
        this.append(said);
        return at + match[0].length;
      }
    }
    this.emoji.lastIndex = at;
    const emoji = this.emoji.exec(this.text);
    if (emoji !== null) {
      if (this.speakEmoji) this.append(this.name(emoji[0]));
      return at + emoji[0].length;
    }
    this.atom.lastIndex = at;
    const [atom] = this.atom.exec(this.text);
    this.append(this.sayAtom(atom, at + atom.length));
    return at + atom.length;
  }

  /** True if a rule's conditions hold: the last spoken word (`after`, `unless`), and what stands before (`left`, `bar`). */
  fits({ left, bar, after, unless }, at) {
    if (after && !(after === "*" ? this.spoken.length : this.tables[after].has(this.before))) return false;
    if (unless && this.tables[unless].has(this.before)) return false;
    if (!left && !bar) return true;
    const before = this.behind(at);
    return !(left && !left.test(before)) && !(bar && bar.test(before));
  }

  /** What stands before `at`, as far as rules look back. */
  behind(at) {
    const known = this.text.slice(back(this.text, at, this.hindsight), at);
    return at >= this.hindsight || !this.earlier ? known : (this.earlier + known).slice(-this.hindsight);
  }

  sayAtom(atom, end) {
    if (/^[A-Za-z]/.test(atom)) return atom;
    if (isDigits(atom)) return this.numbers.bare(atom);
    if (",;:.!?".includes(atom)) {
      const joins = isAlnum(this.characterAt(end)) && this.spoken.length && this.spoken.at(-1).trim();
      return joins && ".:".includes(atom) ? { ".": "dot", ":": "," }[atom] : atom;
    }
    if (atom === "'" || atom === '"') return "";
    if (atom === "-") return isAlnum(this.characterAt(end)) && !(this.text[end - 2] ?? "").trim() ? "dash" : "";
    if (this.tables.silent.has(atom) && !isAlnum(this.characterAt(end))) return "";
    return this.tables.symbols[atom] || this.name(atom);
  }

  characterAt(at) {
    return at < this.text.length ? String.fromCodePoint(this.text.codePointAt(at)) : "";
  }

  name(sign) {
    return this.names[String.fromCodePoint(sign.codePointAt(0))] ?? "";
  }

  append(said) {
    if (!said) return;
    const glued = /^[,;:.!?']/.test(said);
    if (this.spoken.length && !this.spoken.at(-1).endsWith(" ") && !glued) this.spoken.push(" ");
    this.spoken.push(said);
  }

  /** The last spoken word, in lower case; empty after a pause. */
  get before() {
    const last = this.spoken.findLast((piece) => piece.trim()) ?? "";
    return last.trim().split(/[\s-]/u).at(-1).toLowerCase();
  }

  /** The dot of an abbreviation that ends the text ends the sentence too. */
  fullStop(match) {
    const end = match.index + match[0].length;
    const following = this.text.slice(end, end + this.foresight).replace(/^[ "')]+/, "");
    return match[0].endsWith(".") && (!following || following[0] === "\n") ? "." : "";
  }

  /** A run of capitals, with its "s" or "'s" as written; `at` is where it stands, null for no place. */
  sayAcronym(word, written, at) {
    const tail = written.toLowerCase();
    if (at !== null && this.isShouted(at, word)) return word.toLowerCase() + tail;
    const spoken = this.wordOrLetters(word);
    if (!tail) return spoken;
    return spoken.includes("-") || tail !== "s" ? `${spoken}'s` : spoken + tail;
  }

  asWordOrLetters(word) {
    const { spelled_words: spelled, acronym_words: acronyms, common } = this.tables;
    if (spelled.has(word)) return letters(word);
    if (acronyms.has(word)) return title(word);
    if (common.has(word) || (word.length > 3 && this.knows(word.toLowerCase()))) return word.toLowerCase();
    return word.length > 5 && /[AEIOUY]/.test(word) ? word.toLowerCase() : letters(word);
  }

  /** True among other capitals that make words: a headline, not a list of acronyms. */
  isShouted(at, word) {
    const after = at + word.length;
    const [following] = this.text.slice(after, forth(this.text, after, 60)).split(this.patterns.clause_end);
    const line = this.behind(at) + word + following;
    const others = findAll(this.patterns.caps_word, line).filter((other) => other !== word);
    const known = (other) => other.length > 3 && this.knows(other.toLowerCase().replace(/^'+|'+$/g, ""));
    const shouts = others.filter(known).length + others.filter((other) => this.tables.common.has(other)).length;
    const lowers = findAll(new RegExp(`(?<![${WORD}])[a-z]{2,}(?![${WORD}])`, "gu"), line).length;
    const fits = this.knows(word.toLowerCase()) && !this.tables.always_spelled.has(word);
    return shouts > 0 && lowers <= shouts && fits;
  }
}

/** The kind of a sign, as `starts` of a rule names it. */
function kindOf(sign) {
  if (sign >= "a" && sign <= "z") return "a";
  if (sign >= "A" && sign <= "Z") return "A";
  return sign >= "0" && sign <= "9" ? "0" : ".";
}

/** A pattern for what stands before a match; "(?i)" takes capitals for small letters. */
function anyCase(pattern) {
  return pattern.startsWith("(?i)") ? new RegExp(pattern.slice(4), "iu") : new RegExp(pattern, "u");
}

/** Python counts characters, not UTF-16 units. */
function back(text, at, count) {
  let place = at;
  for (let left = count; left > 0 && place > 0; left -= 1) {
    place -= /[\udc00-\udfff]/.test(text[place - 1]) && place > 1 ? 2 : 1;
  }
  return place;
}

function forth(text, at, count) {
  let place = at;
  for (let left = count; left > 0 && place < text.length; left -= 1) place += text.codePointAt(place) > 0xffff ? 2 : 1;
  return place;
}

function tidy(text) {
  const single = text.replace(/\s+/gu, " ").replace(/\s+(?=[,;:.!?])/gu, "");
  const strongest = (run) => [..."?!.;:,"].find((mark) => run.includes(mark));
  return single.replace(/[,;:.!?](?:\s?[,;:.!?])+/gu, strongest);
}
