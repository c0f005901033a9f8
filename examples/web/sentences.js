// Where text is cut into sentences and clauses, and how long the pauses are (sentences.py). Patterns and tables come from
// rules.bin.

const LONGEST_PHONEMES = 300;

/** Cuts texts; `rules` is what readRules of g2p.js gives. */
export class Sentences {
  constructor(rules) {
    const { patterns, tables, longest, paragraph, no_mark: noMark, shortest_clause: shortest, opening, earlier } = rules.sentences;
    const { abbreviations, dot_needed, name_follows, sentence_starters } = rules.normalizer.tables;
    Object.assign(this, { longest, paragraph, noMark, shortest, kept: { opening, earlier }, pauses: tables.pauses });
    this.abbreviations = new Set(Array.isArray(abbreviations) ? abbreviations : Object.keys(abbreviations));
    this.dotNeeded = new Set(dot_needed);
    this.nameFollows = new Set(name_follows);
    this.starters = new Set(sentence_starters);
    this.beforeSaints = new Set(tables.before_saints);
    this.beforeNumbers = new Set(tables.before_numbers);
    this.afterHours = new Set(tables.after_hours);
    this.patterns = Object.fromEntries(Object.entries(patterns).map(([name, one]) => [name, new RegExp(one, "u")]));
    this.end = new RegExp(patterns.end, "gu");
    this.clauseEnd = new RegExp(patterns.clause_end, "gu");
    this.address = new RegExp(`^(?:${patterns.address})`, "u");
    this.firstWord = new RegExp(`^(?:${patterns.first_word})`, "u");
  }

  /** `text` cut at its clause ends; a number, or a name after a name, stays with what stands before it. */
  clauses(text) {
    const parts = [];
    let start = 0;
    for (const match of text.matchAll(this.clauseEnd)) {
      const end = match.index + match[0].length;
      const clause = text.slice(start, end);
      if (clause.length < this.shortest || clause.split("[[").length > clause.split("]]").length) continue;
      const next = text.slice(end);
      if (/^\p{Nd}/u.test(next)) continue;
      if (/^\p{Lu}/u.test(next) && this.patterns.name.test(text.slice(start, match.index))) continue;
      parts.push(clause);
      start = end;
    }
    return [...parts, text.slice(start)];
  }

  /**
   * Where sentences of `text` end, white space included; never at its very end, which may go on. `opening`: the first words
   * of the sentence that `text` goes on with. `last` says that nothing follows, so that the text's last word is a whole one.
   */
  *ends(text, opening, last) {
    let start = 0;
    let begun = opening;
    for (const match of text.matchAll(this.end)) {
      const after = match.index + match[0].length;
      const space = text.slice(after).search(/\S/u);
      const end = space < 0 ? text.length : after + space;
      if (end === text.length) break;
      for (const cut of this.forced(text, start, end)) yield (start = cut);
      if (start >= after) continue;
      if (match[1] !== undefined && !text.slice(after, end).includes("\n")) {
        const following = text.slice(end, end + 40) + (last ? "\n" : "");
        const ends = this.isEnd(begun, text.slice(start, match.index), match[1], match[2], following);
        if (ends === null) break;
        if (!ends) continue;
      }
      yield (start = end);
      begun = "";
    }
    yield* this.forced(text, start, text.length);
  }

  /** Cuts that keep what has no sentence end from growing without bound. */
  *forced(text, start, end) {
    let from = start;
    while (end - from > this.longest) yield (from = this.softCut(text, from));
  }

  softCut(text, start) {
    const window = text.slice(start, start + this.longest);
    for (const pattern of [/[,;:—]\s/gu, /\s/gu]) {
      const last = [...window.matchAll(pattern)].at(-1);
      const cut = last ? last.index + last[0].length : 0;
      if (cut > 20) return start + cut;
    }
    return start + window.length;
  }

  /** True for a mark that ends a sentence; null where that depends on a word that is not there yet. */
  isEnd(opening, before, mark, closing, following) {
    const last = this.patterns.last_word.exec(before.slice(-40));
    const word = last ? last[1].toLowerCase() : "";
    if (/^\p{Ll}/u.test(following) && !this.address.test(following)) {
      return this.endsBeforeSmall(opening || before, mark, closing, word);
    }
    if (mark !== ".") return true;
    if (this.nameFollows.has(word)) return false;
    if (word === "st") {
      const street = this.patterns.named_street.exec(before.slice(-60));
      return street !== null && !this.beforeSaints.has(street[1].toLowerCase());
    }
    if (this.beforeNumbers.has(word)) return !/^\p{Nd}/u.test(following);
    if (/^\d{1,2}$/.test(word) && !opening && before.trim() === word) return false;
    if (word === "i") return true;
    const abbreviated = this.abbreviations.has(word) && !this.dotNeeded.has(word);
    if (/^(?:(?:[a-z]\.)*[a-z]|\d*[ap]\.m)$/.test(word) || abbreviated) {
      const first = this.firstWord.exec(following);
      if (first === null && !following.endsWith("\n") && following.length < 40) return null;
      return this.begins(first?.[1] ?? "", word);
    }
    return true;
  }

  /** True if a word begins a sentence after an abbreviation. */
  begins(following, word) {
    const lower = following.toLowerCase().replace(/\.+$/, "");
    const capital = /^\p{Lu}/u.test(following);
    if (/[ap]\.m$/.test(word)) return capital && !this.afterHours.has(lower);
    return word === "etc" ? capital : this.starters.has(lower);
  }

  /** Before a small letter a sentence ends only where the writer begins sentences with small letters. */
  endsBeforeSmall(sentence, mark, closing, word) {
    const first = /\p{L}/u.exec(sentence);
    if (first === null || !/\p{Ll}/u.test(first[0]) || closing) return false;
    if (mark !== ".") return true;
    return word.length > 1 && !word.includes(".") && !this.abbreviations.has(word) && !this.nameFollows.has(word);
  }

  /** The pause after an utterance that ends so; `source` is the text it was made of. */
  pause(phonemes, source) {
    if (source.slice(source.trimEnd().length).split("\n").length > 2) return { seconds: this.paragraph, origin: "sentence" };
    const mark = phonemes.at(-1) ?? "";
    return { seconds: this.pauses[mark] ?? this.noMark, origin: mark && ".!?".includes(mark) ? "sentence" : "clause" };
  }
}

/** What is left of two pauses in a row: all that the text sets, else the longer of the two. */
export function pausesOf(first, then) {
  const setByText = [first, then].filter(({ origin }) => origin === "text");
  return setByText.length ? setByText : [then.seconds > first.seconds ? then : first];
}

/**
 * Cuts a text that comes in pieces, as soon as what follows proves that a sentence has ended; with `clauses`, clauses of
 * some length too. Where the cuts are does not depend on the size of the pieces.
 */
export class Cutter {
  constructor(sentences, clauses) {
    Object.assign(this, { sentences, clauses, waiting: "", opening: "", earlier: "" });
  }

  /** Parts [text, what its sentence had before it]; `last` says that nothing follows. */
  *push(piece, last = false) {
    this.waiting += piece;
    let start = 0;
    for (const end of this.sentences.ends(this.waiting, this.opening, last)) {
      yield* this.parts(this.waiting.slice(start, end));
      start = end;
      this.opening = this.earlier = "";
    }
    this.waiting = this.waiting.slice(start);
    if (last) yield* this.parts(this.waiting);
    else if (this.clauses) {
      const done = this.sentences.clauses(this.waiting);
      this.waiting = done.pop();
      for (const part of done) {
        yield [part, this.earlier];
        this.opening = (this.opening + part).slice(0, this.sentences.kept.opening);
        this.earlier = (this.earlier + part).slice(-this.sentences.kept.earlier);
      }
    }
  }

  *parts(sentence) {
    if (!sentence.trim()) return;
    let { earlier } = this;
    for (const part of this.clauses ? this.sentences.clauses(sentence) : [sentence]) {
      yield [part, earlier];
      earlier = (earlier + part).slice(-this.sentences.kept.earlier);
    }
  }
}

/** Slices [start, end] of at most 300 phonemes: at clause ends if there are any, else at spaces. */
export function cutPhonemes(phonemes, longest = LONGEST_PHONEMES) {
  const slices = [];
  let start = 0;
  while (phonemes.length - start > longest) {
    const end = start + bestCut(phonemes.slice(start, start + longest + 1), longest);
    slices.push([start, end]);
    start = end + (phonemes[end] === " " ? 1 : 0);
  }
  if (start < phonemes.length) slices.push([start, phonemes.length]);
  return slices;
}

function bestCut(window, longest) {
  const clause = Math.max(window.lastIndexOf("; "), window.lastIndexOf(": "));
  if (clause >= Math.floor(longest / 3)) return clause + 1;
  const comma = window.lastIndexOf(", ");
  if (comma >= Math.floor(longest / 4)) return comma + 1;
  const space = window.lastIndexOf(" ");
  return space >= 1 ? space : longest;
}
