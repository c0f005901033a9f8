// Needs rules.bin (`parrotlet-compress text`). Runs in browsers and Node 18 or later.
//
// English text to spoken words: the same answer as `TextFrontEnd.normalize` in Python (a test compares them). Patterns and
// tables come from rules.bin; reader.js reads layout and markup first. Here are only the functions that Python has in rules.py, numbers.py, acronyms.py and fold.py.
// Not covered: letters of scripts other than Latin, Greek and Cyrillic are all said "letter", where Python has their
// Unicode names.

import { Reader } from "./reader.js";

const WORD = "\\p{L}\\p{N}_";
const isAlnum = (character) => /^[\p{L}\p{N}]/u.test(character ?? "");
const isUpper = (word) => word !== word.toLowerCase() && word === word.toUpperCase();
const isLower = (word) => word !== word.toUpperCase() && word === word.toLowerCase();
const isDigits = (text) => /^\d+$/.test(text);
const title = (word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();
const findAll = (pattern, text) => text.match(pattern) ?? [];
const words = (...parts) => parts.filter(Boolean).join(" ");
const has = (table, key) => Object.hasOwn(table, key);

/** Numbers as American English says them, from digits to words (numbers.py). */
class Numbers {
  constructor({ small, tens, scales, ordinals }) {
    Object.assign(this, { small, tens, scales, ordinals });
  }

  cardinal(written) {
    const digits = written.replace(/^0+/, "");
    if (!digits) return "zero";
    if (digits.length > 3 * this.scales.length) return this.spelled(digits);
    const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
    const groups = padded.match(/.{3}/g).map(Number);
    return groups
      .map((group, at) => (group ? words(this.hundreds(group), this.scales[groups.length - 1 - at]) : ""))
      .filter(Boolean)
      .join(" ");
  }

  hundreds(value) {
    const head = value >= 100 ? `${this.small[Math.floor(value / 100)]} hundred` : "";
    return words(head, value % 100 || !head ? this.belowHundred(value % 100) : "");
  }

  belowHundred(value) {
    return value < 20 ? this.small[value] : words(this.tens[Math.floor(value / 10)], value % 10 && this.small[value % 10]);
  }

  ordinal(digits) {
    const spoken = this.cardinal(digits);
    const at = Math.max(spoken.lastIndexOf(" "), spoken.lastIndexOf("-")) + 1;
    const last = spoken.slice(at);
    const ending = last.endsWith("y") ? `${last.slice(0, -1)}ieth` : `${last}th`;
    return spoken.slice(0, at) + (this.ordinals[last] ?? ending);
  }

  spelled(digits, zero = "zero") {
    return [...digits].map((digit) => (digit === "0" ? zero : this.small[Number(digit)])).join(" ");
  }

  minutes(digits) {
    return digits[0] === "0" ? this.spelled(digits, "oh") : this.cardinal(digits);
  }

  year(digits) {
    if (digits.length !== 4 || digits[0] === "0" || digits.slice(1, 3) === "00") return this.cardinal(digits);
    const rest = Number(digits.slice(2));
    const century = this.belowHundred(Number(digits.slice(0, 2)));
    return rest ? `${century} ${rest < 10 ? "oh " : ""}${this.belowHundred(rest)}` : `${century} hundred`;
  }

  pairs(digits) {
    if (digits[0] === "0") return this.spelled(digits, "oh");
    if (digits.length < 3 || digits.length > 4 || digits.endsWith("00")) return this.cardinal(digits);
    const tail = Number(digits.slice(-2));
    return `${this.belowHundred(Number(digits.slice(0, -2)))} ${tail < 10 ? "oh " : ""}${this.belowHundred(tail)}`;
  }

  real(written) {
    const [whole, fraction] = written.replaceAll(",", "").split(".");
    return fraction === undefined
      ? this.cardinal(whole)
      : `${this.cardinal(whole || "0")} point ${this.spelled(fraction)}`;
  }

  bare(digits) {
    if (digits.length > 1 && digits[0] === "0") return this.spelled(digits, digits.length < 5 ? "oh" : "zero");
    const asYear = (digits >= "1100" && digits <= "1999") || (digits >= "2010" && digits <= "2099");
    if (digits.length === 4 && asYear) return this.year(digits);
    return digits.length > 9 ? this.spelled(digits) : this.cardinal(digits);
  }

  roman(numeral) {
    const worth = { I: 1, V: 5, X: 10, L: 50, C: 100, D: 500, M: 1000 };
    const values = [...numeral].map((sign) => worth[sign] ?? 0);
    const total = values.reduce((sum, value, at) => sum + (value < (values[at + 1] ?? 0) ? -value : value), 0);
    return numeral && toRoman(total) === numeral ? total : 0;
  }
}

function toRoman(value) {
  if (value <= 0 || value >= 4000) return "";
  const worths = [1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1];
  const signs = "M CM D CD C XC L XL X IX V IV I".split(" ");
  let rest = value;
  return worths
    .map((worth, at) => {
      const times = Math.floor(rest / worth);
      rest -= times * worth;
      return signs[at].repeat(times);
    })
    .join("");
}

/** Written text to spoken words; `knows` tells whether the lexicon has a word (`Phonemizer.knows`). */
export class Normalizer {
  constructor(rules, knows, { speakEmoji = true, format = "auto", codeBlocks = "announce", owns = () => false } = {}) {
    this.reader = new Reader(rules, { format, codeBlocks });
    const { tables, patterns, names } = rules.normalizer;
    this.knows = knows;
    this.owns = owns; // the user's words, which no rule may touch
    this.names = names;
    this.speakEmoji = speakEmoji;
    this.tables = Object.fromEntries(
      Object.entries(tables).map(([name, value]) => [
        name,
        Array.isArray(value) ? new Set(value) : value,
      ]),
    );
    this.months = tables.months;
    this.foresight = rules.normalizer.foresight;
    this.numbers = new Numbers({
      small: tables.small,
      tens: tables.tens,
      scales: rules.normalizer.number_scales,
      ordinals: tables.ordinals,
    });
    this.patterns = Object.fromEntries(Object.entries(patterns).map(([name, one]) => [name, new RegExp(one, "gu")]));
    this.atom = new RegExp(patterns.atom, "yus");
    this.emoji = new RegExp(patterns.emoji, "yu");
    this.plain = new RegExp(`^(?:${patterns.plain})`, "u");
    this.caps = new RegExp(patterns.caps, "u");
    this.hindsight = rules.normalizer.hindsight;
    const tried = rules.normalizer.rules.map((rule) => ({
      starts: rule.starts,
      pattern: new RegExp(rule.pattern, "yu"),
      say: rule.template === undefined ? SAY[rule.name] : template(rule.template),
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
    this.earlier = this.fold(earlier);
    this.text = this.outsideInline((part) => this.fold(part), text);
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
    const { elided, lone_capitals: lone, small_romans: romans, spans, triggers, dotted_triggers: dotted } = this.tables;
    if (word[0] === "'" && has(elided, lower)) return true;
    if (this.caps.test(word) || (core.length === 1 && lone.has(core)) || romans.has(core)) return true;
    if (lower.includes("-") && spans.has(lower.split("-")[0])) return true;
    return triggers.has(lower) || (dotted.has(lower) && word.includes("."));
  }

  /** Speak what stands at `at`; returns where it ends. */
  step(at) {
    for (const { pattern, say, left, bar } of this.rules[kindOf(this.text[at])]) {
      pattern.lastIndex = at;
      const match = pattern.exec(this.text);
      if (match === null || match[0] === "") continue;
      if (left || bar) {
        const before = this.behind(at);
        if ((left && !left.test(before)) || (bar && bar.test(before))) continue;
      }
      const said = say.call(this, match);
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

  after(match) {
    const end = match.index + match[0].length;
    return this.text.slice(end, end + this.foresight);
  }

  fullStop(match) {
    const following = this.after(match).replace(/^[ "')]+/, "");
    return match[0].endsWith(".") && (!following || following[0] === "\n") ? "." : "";
  }

  count(written, one, many) {
    return `${this.numbers.real(written)} ${written === "1" ? one : many}`;
  }

  isSayable(word) {
    const lower = word.toLowerCase();
    const short = this.tables.short_words.has(lower);
    if (this.tables.spelled_words.has(word.toUpperCase()) && !short) return false;
    if (word.length < 3) return short && this.knows(lower);
    return this.knows(lower) || (word.length > 3 && /[aeiouy]/.test(lower));
  }

  /** The pieces of an address, path or name: words, numbers, letters and the signs between them. */
  address(part) {
    const atoms = findAll(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\p{L}\p{N}_]|_/gu, part);
    const said = atoms.map((atom) => {
      if (isDigits(atom)) return atom.length < 5 ? this.numbers.bare(atom) : this.numbers.spelled(atom);
      if (/^[A-Za-z]/.test(atom)) return this.addressName(atom);
      return this.tables.address_signs[atom] ?? "";
    });
    return words(...said);
  }

  /** A run of letters in an address: a word, a word with an acronym at its end ("openai"), or letters. */
  addressName(word) {
    const head = word.slice(0, -2).toLowerCase();
    const tail = word.slice(-2);
    const ends = head.length > 2 && this.tables.spelled_words.has(tail.toUpperCase()) && this.knows(head);
    if (ends && !this.knows(word.toLowerCase())) return `${head} ${letters(tail)}`;
    return this.isSayable(word) ? word.toLowerCase() : letters(word);
  }

  domain(written) {
    const names = written.split(".");
    const top = names.pop();
    if (isDigits(top)) return [...names, top].map((part) => this.numbers.cardinal(part)).join(" dot ");
    const ending = this.tables.domain_words.has(top.toLowerCase()) ? top.toLowerCase() : letters(top);
    return [...names.map((name) => this.address(name)), ending].join(" dot ");
  }

  amount(sign, amount, scale, per = undefined) {
    const [one, many, cent, cents] = this.tables.currencies[sign];
    const [whole, fraction = ""] = amount.replaceAll(",", "").split(".");
    const tail = per ? ` per ${this.tables.per[per]}` : "";
    if (scale) return `${this.numbers.real(amount)} ${this.tables.scales[scale] ?? scale} ${many}${tail}`;
    if (fraction.length !== 2 || !cent) {
      return this.count(fraction.replace(/^0+|0+$/g, "") ? amount : whole, one, many) + tail;
    }
    const pence = Number(fraction);
    const small = pence ? `${this.numbers.cardinal(fraction)} ${pence === 1 ? cent : cents}` : "";
    const large = Number(whole || 0) || !small ? this.count(whole, one, many) : "";
    return [large, small].filter(Boolean).join(" and ") + tail;
  }

  /** True for an amount that stands before its noun: "a $5 bill", "$5-a-day". */
  describes(match) {
    const following = /^(-)?\s?([a-z]+)/u.exec(this.after(match));
    if (following === null) return false;
    if (following[1]) return true;
    return ["a", "an"].includes(this.before) && !this.tables.not_described.has(following[2]);
  }

  isDay(digits) {
    return Number(digits) >= 1 && Number(digits) <= 31;
  }

  fullYear(year) {
    return year.length === 4 ? this.numbers.year(year) : this.numbers.minutes(year);
  }

  wordOrLetters(word) {
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

  /** Unicode to the characters the rules know (fold.py). */
  fold(written) {
    const text = written.replace(/\r\n?|\x85/g, "\n").replaceAll("\u2029", "\n\n");
    if (/^[\x20-\x7e\n]*$/.test(text)) return text;
    const folded = text
      .normalize("NFC")
      .replace(this.patterns.ideographs, " ideograph ")
      .replace(this.patterns.greek, (run) => this.greek(run))
      .replace(this.patterns.power, (run) => this.power(run));
    return [...folded].map((character) => this.foldOne(character)).join("");
  }

  greek(written) {
    const { greek, greek_sounds: sounds } = this.tables;
    const run = written.normalize("NFD");
    const known = [...run.toLowerCase()].filter((letter) => has(greek, letter));
    if (known.length === 1) return "πμ".includes(known[0]) ? run : ` ${greek[known[0]]} `;
    return [...run.toLowerCase()].map((letter) => sounds[letter] ?? "").join("");
  }

  /** A run of raised signs as it is typed, but for the square and the cube, which units have too. */
  power(run) {
    return run === "²" || run === "³" || run === "²³" ? run : `^${[...run].map((sign) => this.tables.power_signs[sign]).join("")}`;
  }

  foldOne(character) {
    const { same, kept, cyrillic } = this.tables;
    if (has(same, character)) return same[character];
    if (/^[ -~\n]$/.test(character) || kept.has(character)) return character;
    const lower = character.toLowerCase();
    if (has(cyrillic, lower)) return character === lower ? cyrillic[lower] : title(cyrillic[lower]);
    if (/[\p{Z}\p{C}]/u.test(character)) return /[\p{Z}\t\v\f\r\x1c-\x1f\x85]/u.test(character) ? " " : "";
    if (/\p{M}/u.test(character)) return "";
    if (/\p{Nd}/u.test(character)) return String(digitValue(character.codePointAt(0)));
    const plain = character.normalize("NFKD");
    if (plain !== character && /[\x00-\x7f]/.test(plain)) return [...plain].map((part) => this.foldOne(part)).join("");
    return /\p{L}/u.test(character) ? " letter " : character;
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

const SLOT = /\{(\d)([:?!])([^}]*)\}|([^\s{}]+)/g;
const signs = (group) => [...group].map((sign) => (isDigits(sign) ? SMALL[sign] : sign.toUpperCase())).join(" ");
const SMALL = "zero one two three four five six seven eight nine".split(" ");

/** The ways in which a slot says its group (templates.py). */
const WAYS = {
  as: (written) => written,
  number: (written, { numbers }) => (isDigits(written) ? numbers.bare(written) : numbers.real(written)),
  real: (written, { numbers }) => numbers.real(written.replace(/\s/gu, "")),
  grouped: (written, { numbers }) => numbers.real(written.replace(/[.\s]/gu, "").replace(",", ".")),
  cardinal: (written, { numbers }) => numbers.cardinal(written.replace(/\D/g, "")),
  ordinal: (written, { numbers }) => numbers.ordinal(written),
  agents: (written, { numbers }) => numbers.cardinal(written).replace(/e?$/, "ers"),
  hundreds: (written, { numbers }) => `${numbers.cardinal(written.replace(/\D/g, "").slice(0, 2))} hundreds`,
  year: (written, { numbers }) => numbers.year(written),
  minutes: (written, { numbers }) => numbers.minutes(written),
  past: (written, { numbers }) => (written > 59 ? null : Number(written) ? numbers.minutes(written) : ""),
  hour: (written, { numbers }) => (written <= 24 ? numbers.cardinal(written) : null),
  pairs: (written, { numbers }) => numbers.pairs(written),
  groups: (written, { numbers }) => findAll(/\d+/g, written).map((group) => numbers.spelled(group)).join(", "),
  code: (written) => findAll(/[A-Za-z0-9]+/g, written).map(signs).join(", "),
  letters: (written) => letters(written.replace(/[^A-Za-z]/g, "")),
  camel: (written) => findAll(/[A-Z]?[a-z]+|[A-Z]/g, written).join(" ").toLowerCase(),
  month: (written, { months }) => months[written - 1] ?? null,
  day: (written, { numbers }) => (written >= 1 && written <= 31 ? numbers.ordinal(written) : null),
  one: (written, { tables }) => tables.units[written][0],
  many: (written, { tables }) => tables.units[written][1],

  power(written, { numbers }) {
    if (written === "2" || written === "3") return written === "2" ? "squared" : "cubed";
    const minus = "-−".includes(written[0]);
    const power = written.replace(/^[-−+]+/, "");
    if (!isDigits(power)) return `to the ${minus ? "minus " : ""}${power.toUpperCase()}`;
    return `to the ${minus ? `minus ${numbers.cardinal(power)}` : numbers.ordinal(power)}`;
  },
};

/** What a rule says of its match, from words and slots as in templates.py. */
function template(written) {
  const parts = [...written.matchAll(SLOT)];
  return function say(match) {
    const said = [];
    for (const [, group, kind, how, literal] of parts) {
      const found = group === undefined ? "" : (match[Number(group)] ?? "");
      if (literal !== undefined) said.push(literal);
      else if (kind !== ":") said.push((found !== "") === (kind === "?") ? how : "");
      else if (found !== "") {
        const answer = slot(this, how, found);
        if (answer === null) return null;
        said.push(answer);
      }
    }
    return words(...said);
  };
}

function slot(normalizer, how, found) {
  if (how.includes(" ")) {
    const [kind, one, many] = how.split(" ");
    const number = found.replace(/^0+/, "");
    return kind === "some" && !number ? "" : `${normalizer.numbers.real(found)} ${number === "1" ? one : many}`;
  }
  if (how !== how.toUpperCase()) return WAYS[how](found, normalizer);
  const table = normalizer.tables[how.toLowerCase()];
  return [found, found.toLowerCase()].filter((key) => has(table, key)).map((key) => table[key])[0] ?? null;
}

const letters = (word) => [...word.toUpperCase()].join("-");
const plural = (spoken) => `${spoken.replace(/x$/, "xe").replace(/y$/, "ie")}s`;

/** Decimal digits stand in runs of ten. */
function digitValue(code) {
  let start = code;
  while (/\p{Nd}/u.test(String.fromCodePoint(start - 1))) start -= 1;
  return (code - start) % 10;
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

/** What each rule of rules.bin says of its match, or null where the context speaks against it (rules.py). */
const SAY = {
  inline: ([all]) => all,

  email([all]) {
    const at = all.lastIndexOf("@");
    return `${this.address(all.slice(0, at))} at ${this.domain(all.slice(at + 1))}`;
  },

  url([, , domain, path = ""]) {
    const [host, port] = domain.split(":");
    const spoken = this.domain(host) + (port ? ` colon ${this.numbers.bare(port)}` : "");
    return words(spoken, this.address(path.replace(/\/+$/, "")));
  },

  file([, path, ending]) {
    const lower = ending.toLowerCase();
    const { spoken_endings: spoken } = this.tables;
    if (lower.length === 1 && new RegExp(`^[A-Z][${WORD}]*$`, "u").test(path) && !"ch".includes(lower)) return null;
    const figures = lower.replace(/[^0-9]/g, "");
    const asLetters = words(letters(lower.replace(/[^a-z]/g, "")), figures && this.numbers.cardinal(figures));
    const said = spoken[lower] ?? (!figures && lower.length > 3 ? this.address(lower) : asLetters);
    return `${this.address(path)} dot ${said}`;
  },

  path([all]) {
    return this.address(all.replace(/\/+$/, ""));
  },

  "dial code"([all]) {
    const signs = { "*": "star", "#": "hash" };
    return words(...findAll(/\d+|[*#]/g, all).map((part) => signs[part] ?? this.numbers.spelled(part)));
  },

  "set phrase"([all]) {
    return this.tables.digit_words[all.toLowerCase()] ?? null;
  },

  identifier([all]) {
    return this.address(all);
  },

  hashtag([, word]) {
    return `${/^[A-Z]\d+$/.test(word) ? "number" : "hashtag"} ${this.address(word)}`;
  },

  handle([, word]) {
    return `at ${this.address(word)}`;
  },

  "money range"([, sign, low, high, scale]) {
    return `${this.numbers.real(low)} to ${this.amount(sign, high, scale)}`;
  },

  money(match) {
    const [, minus, sign, amount, scale, per] = match;
    const spoken = (minus ? "minus " : "") + this.amount(sign, amount, scale, per);
    const [one, many] = this.tables.currencies[sign];
    return this.describes(match) && spoken.endsWith(many) ? spoken.slice(0, -many.length) + one : spoken;
  },

  "money after"([, amount, scale, sign]) {
    return this.amount(this.tables.currency_codes[sign] ?? sign, amount, scale);
  },

  "money code"([, code, amount, scale]) {
    return this.amount(this.tables.currency_codes[code], amount, scale);
  },

  "iso date"([, year, month, day]) {
    if (month < 1 || month > 12 || !this.isDay(day)) return null;
    return `${this.months[month - 1]} ${this.numbers.ordinal(day)}, ${this.numbers.year(year)}`;
  },

  "slash date"([, first, , second, year]) {
    const [month, day] = Number(first) > 12 ? [second, first] : [first, second];
    if (month < 1 || month > 12 || !this.isDay(day)) return null;
    return `${this.months[month - 1]} ${this.numbers.ordinal(day)}, ${this.fullYear(year)}`;
  },

  "month day"([, month, day, until, year]) {
    if (!this.isDay(day) || (until && !this.isDay(until))) return null;
    const days = this.numbers.ordinal(day) + (until ? ` to ${this.numbers.ordinal(until)}` : "");
    return `${this.tables.month_short[month.toLowerCase()]} ${days}${year ? `, ${this.numbers.year(year)}` : ""}`;
  },

  "day month"([, day, month, year]) {
    if (!this.isDay(day)) return null;
    const spoken = `${this.numbers.ordinal(day)} of ${this.tables.month_short[month.toLowerCase()]}`;
    return `${this.before === "the" ? "" : "the "}${spoken}${year ? `, ${this.numbers.year(year)}` : ""}`;
  },

  "month year"([, month, year]) {
    return `${this.tables.month_short[month.toLowerCase()]} ${this.numbers.year(year)}`;
  },

  "month short"([, month]) {
    return this.tables.month_short[month.toLowerCase()];
  },

  days([, first, last]) {
    return `${this.tables.days[first.toLowerCase()]} to ${this.tables.days[last.toLowerCase()]}`;
  },

  months([, first, last]) {
    return `${this.tables.month_short[first.toLowerCase()]} to ${this.tables.month_short[last.toLowerCase()]}`;
  },

  decade([, century = "", tens]) {
    if (tens === "00") return century === "20" ? "two thousands" : `${this.numbers.cardinal(century)} hundreds`;
    const many = tens === "10" ? "tens" : this.numbers.cardinal(tens).replace(/y$/, "ies");
    return century ? `${this.numbers.cardinal(century)} ${many}` : many;
  },

  "clock range"([, hour, minute = "00"]) {
    if (Number(hour) > 12) return null;
    return words(this.numbers.cardinal(hour), minute !== "00" && this.numbers.minutes(minute), "to");
  },

  until: () => "to",

  clock(match) {
    const [, hour, minute, second, half] = match;
    if (Number(hour) > 24 || Number(minute) > 59) return null;
    const onTheHour = Number(hour) > 0 && Number(hour) <= 12 ? " o'clock" : " hundred";
    let spoken = this.numbers.cardinal(hour);
    if (minute !== "00") spoken += ` ${this.numbers.minutes(minute)}`;
    else if (!half) spoken += onTheHour;
    if (second) spoken += ` and ${this.count(String(Number(second)), "second", "seconds")}`;
    return spoken + (half ? ` ${letters(`${half}m`)}` : "") + this.fullStop(match);
  },

  hour(match) {
    const [, hour, half] = match;
    if (Number(hour) > 12) return null;
    return `${this.numbers.cardinal(hour)} ${letters(`${half}m`)}${this.fullStop(match)}`;
  },

  ratio([, left, right]) {
    return `${this.numbers.cardinal(left)} to ${this.numbers.cardinal(right)}`;
  },

  duration([, ...values]) {
    const names = ["hour", "minute", "second"];
    return words(...values.map((value, at) => value && this.count(bareInteger(value), names[at], `${names[at]}s`)));
  },

  phone([all]) {
    const groups = findAll(/\d+/g, all).map((group) => (group === "800" ? "eight hundred" : this.numbers.spelled(group, "oh")));
    return (all.startsWith("+") ? "plus " : "") + groups.join(", ");
  },

  version([, letter, number, rest = ""]) {
    const parts = number.split(".");
    const joint = parts.length === 4 && !letter ? " dot " : " point ";
    const spoken = parts.map((part) => this.numbers.cardinal(part)).join(joint);
    return words(letter && "version", spoken, this.address(rest.replace(/^-+/, "")));
  },

  dimensions(match) {
    const [, sizes, unit] = match;
    const reckoned = this.tables.reckoning.has(this.before) || /^\s?[=<>≤≥≈≠^]/u.test(this.after(match));
    const spoken = sizes.split(/\s?[x×]\s?/u).map((size) => this.numbers.real(size));
    return words(spoken.join(reckoned ? " times " : " by "), unit && this.tables.units[unit][1]);
  },

  feet([, feet, inches]) {
    return `${this.count(feet, "foot", "feet")} ${this.numbers.cardinal(inches)}`;
  },

  fraction([, whole, top, bottom, unit]) {
    if (Number(bottom) === 0 || top.length > 2 || Number(bottom) > 100) {
      return whole || unit ? null : `${this.numbers.bare(top)} over ${this.numbers.bare(bottom)}`;
    }
    const name = this.numbers.ordinal(bottom);
    const [one, many] = this.tables.denominators[bottom] ?? [name, `${name}s`];
    const part = `${this.numbers.cardinal(top)} ${top === "1" ? one : many}`;
    const measured = unit ? ` ${this.tables.units[unit][whole ? 1 : 0]}` : "";
    if (!whole) return part + measured;
    const shared = top === "1" && "24".includes(bottom) ? `a ${one}` : part;
    return `${this.numbers.cardinal(whole)} and ${shared}${measured}`;
  },

  range([, low, high, unit, per]) {
    const year = /^\d{4}$/.test(low) && Number(low) >= 1100 && Number(low) <= 2099 && !unit;
    const end = high.length === 4 ? this.numbers.year(high) : this.numbers.cardinal(high);
    const spoken = year
      ? `${this.numbers.year(low)} to ${end}`
      : `${this.numbers.real(low)} to ${this.numbers.real(high)}`;
    return words(spoken, unit && this.tables.units[unit][1], per && `per ${this.tables.per[per]}`);
  },

  ordinal([, number]) {
    return this.numbers.ordinal(number.replaceAll(",", ""));
  },

  measure(match) {
    const [, sign = "", amount, scale, gap, unit, power, per, perPower, dot] = match;
    const { units, powers, needs_touch: touching, measure_signs: signs, dotted_units: dotted, symbols } = this.tables;
    if (gap && touching.has(unit)) return null;
    const [one, many] = units[unit].map((name) => (power ? `${powers[power]} ${name}` : name));
    const following = this.after(match).replace(/^[ "')]+/, "");
    const described = ["a", "an"].includes(this.before) && /^[a-z]/.test(following) && !per;
    const name = (amount === "1" && !scale) || gap === "-" || described ? one : many;
    const stop = dot && (!dotted.has(unit) || !following || isUpper(following[0])) ? "." : "";
    const number = (signs[sign] ?? "") + this.numbers.real(amount);
    return words(number, scale, name, per && `per ${this.tables.per[per]}`, perPower && symbols[perPower]) + stop;
  },

  multiple(match) {
    const described = this.describes(match) && ["a", "an"].includes(this.before);
    return `${this.numbers.real(match[1])} ${described ? "X" : "times"}`;
  },

  scaled(match) {
    const [, number, scale] = match;
    const named = this.tables.counted.has(this.before) || /^\s[A-Z]/u.test(this.after(match));
    return isUpper(scale) && named ? null : `${this.numbers.real(number)} ${this.tables.scales[scale]}`;
  },

  scientific([, base, minus, power]) {
    return `${this.numbers.real(base)} times ten to the ${minus ? "minus " : ""}${this.numbers.cardinal(power)}`;
  },

  hexadecimal([, digits]) {
    return `zero X ${[...digits].map((one) => (isDigits(one) ? this.numbers.bare(one) : letters(one))).join(" ")}`;
  },

  number([, sign, written, tail]) {
    const named = this.tables.counted.has(this.before) && written.length > 2;
    const whole = named ? this.numbers.pairs(written) : isDigits(written) && this.numbers.bare(written);
    const spoken = isDigits(written) ? whole : this.numbers.real(written);
    const ending = tail?.startsWith("'") ? `${spoken}'s` : plural(spoken);
    return (this.tables.signs[sign] ?? "") + (tail ? ending : spoken);
  },

  roman(match) {
    const [, numeral, possessive = ""] = match;
    const value = this.numbers.roman(numeral);
    const { regnal, numbered, after_i: afterI } = this.tables;
    const { before } = this;
    if (!value) return null;
    if (regnal.has(before) && value < 40 && numeral !== "I") return `the ${this.numbers.ordinal(String(value))}${possessive}`;
    if (regnal.has(before) && numeral === "I" && before !== "king" && before !== "queen") {
      const [next = ""] = this.after(match).slice(0, 12).trim().split(/\s+/u);
      return isLower(next.slice(0, 1)) && afterI.has(next) ? null : `the first${possessive}`;
    }
    const counted = numeral.length > 1 && value < 50 && /^[IVX]+$/.test(numeral);
    return numbered.has(before) || counted ? this.numbers.cardinal(String(value)) + possessive : null;
  },

  "small roman"(match) {
    const value = this.numbers.roman(match[0].toUpperCase());
    const around = (this.text[match.index - 1] ?? "") + (this.after(match)[0] ?? "");
    const called = isAlnum(this.text[match.index - 2] ?? "");
    return value && ((around === "()" && !called) || this.tables.numbered.has(this.before)) ? this.numbers.cardinal(String(value)) : null;
  },

  abbreviation(match) {
    const [, word, dot] = match;
    const lower = word.toLowerCase().replace(/\.+$/, "");
    const following = this.after(match).trimStart();
    const last = this.fullStop(match);
    const { number_follows: numberFollows, titles, weekdays, abbreviations, dot_needed: dotNeeded } = this.tables;
    if (lower === "st") {
      const nameNext = /^[A-Z][a-z]/.test(following);
      return !dot && !nameNext ? null : nameNext ? "saint" : `street${last}`;
    }
    if (lower === "dr" && !/^[A-Z]/.test(following)) return dot || this.spoken.length ? `drive${last}` : null;
    const numbered = new RegExp(`^(?:\\(?#?\\d|(?:[IVX]{2,}|[VX])(?![${WORD}]))`, "u");
    if (numberFollows.has(lower) && !numbered.test(following)) return null;
    if (has(titles, lower)) {
      const named = /^[A-Z]/.test(following);
      if (named && (dot || !dotNeeded.has(lower))) return titles[lower];
      if (dotNeeded.has(lower) || !dot) return ["mr", "mrs", "ms"].includes(lower) ? titles[lower] : null;
      return titles[lower] + last;
    }
    if (this.tables.spelled_small.has(word)) {
      const said = this.wordOrLetters(word.replace(/s$/, "").toUpperCase());
      return (word.endsWith("s") ? `${said}${said.includes("-") ? "'s" : "s"}` : said) + (dot ?? "");
    }
    if (has(weekdays, lower)) {
      if (["the", "a", "our", "its"].includes(this.before)) return null;
      return isUpper(word[0]) && (dot || (lower.length > 3 && lower.length < 6)) ? weekdays[lower] + last : null;
    }
    if (!has(abbreviations, lower) || (!dot && dotNeeded.has(lower))) return null;
    if (["al", "ed", "est", "ca"].includes(lower) && !following) return null;
    if (isUpper(word) && !word.includes(".") && word.length < 5 && !dot) return null;
    const comma = ["e.g", "i.e"].includes(lower) && following[0] !== "," ? "," : "";
    return abbreviations[lower] + comma + last;
  },

  initials(match) {
    const found = findAll(/[A-Za-z]/g, match[1]);
    const following = this.after(match).trimStart();
    if (found.length === 1) {
      const named = /^(?:([A-Z][a-z]+)|[A-Z]\.)/.exec(following);
      const lead = this.spoken.slice(-2)[0]?.trim().slice(0, 1) ?? "";
      const lone = this.spoken.length && isLower(this.before) && !isUpper(lead);
      const starter = named && this.tables.sentence_starters.has((named[1] ?? "").toLowerCase());
      if (named === null || starter || (lone && found[0] !== "J")) return null;
    }
    return (found.join("") === "A" ? "ay" : letters(found.join(""))) + this.fullStop(match);
  },

  mixed([all]) {
    const said = [];
    for (const atom of findAll(/[A-Za-z]+|\d+(?:\.\d+)*/g, all)) {
      if (/^\d/.test(atom)) {
        const parts = atom.split(".");
        said.push(parts.map((part) => (part.length < 5 ? this.numbers.pairs(part) : this.numbers.spelled(part))).join(" point "));
      } else if (atom === "s" && said.length && all.endsWith("s")) said.push(plural(said.pop()));
      else if (atom.length === 1 || (isUpper(atom) && atom.length < 4 && atom !== "THE" && atom !== "AND")) said.push(letters(atom));
      else if (isUpper(atom)) said.push(this.wordOrLetters(atom));
      else said.push(this.isSayable(atom) ? atom : letters(atom));
    }
    return said.join(" ");
  },

  "shouted article": () => "a",

  acronym(match) {
    const [, word, written = ""] = match;
    const tail = written.toLowerCase();
    if (this.isShouted(match.index, word)) return word.toLowerCase() + tail;
    const spoken = this.wordOrLetters(word);
    if (!tail) return spoken;
    return spoken.includes("-") || tail !== "s" ? `${spoken}'s` : spoken + tail;
  },

  hyphenated([all]) {
    const parts = all.split("-");
    const capital = (part) => isUpper(part) && part.length > 1;
    if (parts.every((part) => part.length === 1) || !parts.some(capital)) return null;
    return parts.map((part) => (capital(part) ? this.wordOrLetters(part) : part)).join(" ");
  },

  stretched([all]) {
    const word = all.toLowerCase();
    const single = word.replace(/([a-z])\1\1+/g, "$1");
    const double = word.replace(/([a-z])\1\1+/g, "$1$1");
    const inside = /([aeiou])\1\1+(?!\1)[a-z]/.test(word);
    return (inside ? [double, single] : [single, double]).find((one) => this.knows(one)) ?? null;
  },

  elided([, word]) {
    return this.tables.elided[word.toLowerCase()] ?? null;
  },

  operator(match) {
    const between = this.spoken.length && this.after(match).trim();
    return between ? (this.tables.operators[match[0]] ?? null) : null;
  },

  dots(match) {
    return isLower(this.after(match).trimStart().slice(0, 1)) ? "," : ".";
  },

  marks([all]) {
    return all.includes("?") ? "?" : "!";
  },

  arithmetic([, sign]) {
    return this.spoken.length ? this.tables.symbols[sign] : null;
  },

  dash() {
    return this.spoken.length ? "," : "";
  },

  brackets(match) {
    const opening = "([{".includes(match[0][0]);
    const following = this.after(match).trimStart();
    const before = (this.spoken.findLast((piece) => piece.trim()) ?? "").trimEnd();
    const closed = !opening && (!following || ",.;:!?)]}".includes(following[0]));
    return !before || ",.;:!?".includes(before.at(-1)) || closed ? "" : ",";
  },

  decoration: () => "",
};
SAY["url with scheme"] = SAY.url;

const bareInteger = (digits) => String(BigInt(digits));
