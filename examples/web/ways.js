// The ways in which a slot of a template says a group of its match, and the templates (ways.py, templates.py).
//
// A way gets what the group holds, and where: `{ match, numbers, tables, knows, acronym, wordOrLetters }`.

import { roman } from "./numbers.js";

const has = (table, key) => Object.hasOwn(table, key);
const words = (...parts) => parts.filter(Boolean).join(" ");
const isDigits = (text) => /^\d+$/.test(text);
const isUpper = (word) => word !== word.toLowerCase() && word === word.toUpperCase();
const findAll = (pattern, text) => text.match(pattern) ?? [];
const letters = (word) => [...word.toUpperCase()].filter((sign) => /[A-Z]/.test(sign)).join("-");
const plural = (spoken) => `${spoken.replace(/x$/, "xe").replace(/y$/, "ie")}s`;

const number = (written, { numbers }) => (isDigits(written) ? numbers.bare(written) : numbers.real(written));

/** Sign by sign: letters by their names, each figure on its own. */
function signs(group, { numbers, tables }) {
  return [...group].map((sign) => (isDigits(sign) ? numbers.spelled(sign, tables.zero_of_codes) : sign.toUpperCase())).join(" ");
}

/** The pieces of an address, path or name: words, numbers, letters and the signs between them. */
function address(part, spot) {
  const { numbers, tables } = spot;
  const atoms = findAll(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\p{L}\p{N}_]|_/gu, part);
  return words(
    ...atoms.map((atom) => {
      if (isDigits(atom)) return atom.length < 5 ? numbers.bare(atom) : numbers.spelled(atom);
      return /^[A-Za-z]/.test(atom) ? named(atom, spot) : (tables.address_signs[atom] ?? "");
    }),
  );
}

/** A run of letters in an address: a word, a word with an acronym at its end ("openai"), or letters. */
function named(word, spot) {
  const { tables, knows } = spot;
  const head = word.slice(0, -2).toLowerCase();
  const tail = word.slice(-2);
  const ends = head.length > 2 && tables.spelled_words.has(tail.toUpperCase()) && knows(head);
  if (ends && !knows(word.toLowerCase())) return `${head} ${letters(tail)}`;
  return isSayable(word, spot) ? word.toLowerCase() : letters(word);
}

function isSayable(word, { tables, knows }) {
  const lower = word.toLowerCase();
  const short = tables.short_words.has(lower);
  if (tables.spelled_words.has(word.toUpperCase()) && !short) return false;
  if (word.length < 3) return short && knows(lower);
  return knows(lower) || (word.length > 3 && /[aeiouy]/.test(lower));
}

export const WAYS = {
  address,
  number,
  as: (written) => written,
  possessed: (written, spot) => `${number(written, spot)}'s`,
  plural: (written, spot) => plural(number(written, spot)),
  bare: (written, { numbers }) => numbers.bare(written),
  real: (written, { numbers }) => numbers.real(written.replace(/\s/gu, "")),
  grouped: (written, { numbers }) => numbers.real(written.replace(/[.\s]/gu, "").replace(",", ".")),
  cardinal: (written, { numbers }) => numbers.cardinal(written.replace(/\D/g, "")),
  ordinal: (written, { numbers }) => numbers.ordinal(written.replaceAll(",", "")),
  agents: (written, { numbers }) => numbers.cardinal(written).replace(/e?$/, "ers"),
  hundreds: (written, { numbers }) => `${numbers.cardinal(written.replace(/\D/g, "").slice(0, 2))} hundreds`,
  tens: (written, { numbers }) => (written === "10" ? "tens" : numbers.cardinal(written).replace(/y$/, "ies")),
  year: (written, { numbers }) => numbers.year(written),
  years: (written, { numbers }) => (written.length === 4 ? numbers.year(written) : numbers.minutes(written)),
  minutes: (written, { numbers }) => numbers.minutes(written),
  past: (written, { numbers }) => (written > 59 ? null : Number(written) ? numbers.minutes(written) : ""),
  hour: (written, { numbers }) => (written <= 24 ? numbers.cardinal(written) : null),
  pairs: (written, { numbers }) => numbers.pairs(written),
  groups: (written, spot) => findAll(/\d+/g, written).map((group) => signs(group, spot)).join(", "),
  code: (written, spot) => findAll(/[A-Za-z0-9]+/g, written).map((group) => signs(group, spot)).join(", "),
  letters: (written) => letters(written),
  camel: (written) => findAll(/[A-Z]?[a-z]+|[A-Z]/g, written).join(" ").toLowerCase(),
  month: (written, { months }) => months[written - 1] ?? null,
  day: (written, { numbers }) => (written >= 1 && written <= 31 ? numbers.ordinal(written) : null),
  points: (written, { numbers }) => written.split(".").map((part) => numbers.cardinal(part)).join(" point "),
  dots: (written, { numbers }) => written.split(".").map((part) => numbers.cardinal(part)).join(" dot "),
  one: (written, { tables }) => tables.units[written][0],
  many: (written, { tables }) => tables.units[written][1],
  count: (written, { numbers }, one, many) => `${numbers.real(written)} ${written.replace(/^0+/, "") === "1" ? one : many}`,
  some: (written, spot, one, many) => (/[1-9]/.test(written) ? WAYS.count(written, spot, one, many) : ""),
  hyphenated: (written, { wordOrLetters }) => {
    const parts = written.split("-");
    const capital = (part) => isUpper(part) && part.length > 1;
    return parts.some(capital) ? parts.map((part) => (capital(part) ? wordOrLetters(part) : part)).join(" ") : null;
  },
  acronym: (written, { match, acronym }, tail) => acronym(written, match[tail] ?? "", match.index),

  phone(written, { numbers }) {
    const groups = findAll(/\d+/g, written).map((group) => (group === "800" ? "eight hundred" : numbers.spelled(group, "oh")));
    return (written.startsWith("+") ? "plus " : "") + groups.join(", ");
  },

  dial(written, { numbers }) {
    const said = { "*": "star", "#": "hash" };
    return words(...findAll(/\d+|[*#]/g, written).map((part) => said[part] ?? numbers.spelled(part)));
  },

  power(written, { numbers, tables }) {
    const minus = "-−".includes(written[0]);
    const power = written.replace(/^[-−+]+/, "");
    if (!isDigits(power)) return `to the ${minus ? "minus " : ""}${power.toUpperCase()}`;
    return tables.power_words[written] ?? `to the ${minus ? `minus ${numbers.cardinal(power)}` : numbers.ordinal(power)}`;
  },

  /** Money: the groups of its sign and scale, and whether it stands before its noun ("a $5 bill"). */
  amount(written, { match, numbers, tables }, sign, scale = "0", described = "") {
    const code = tables.currency_codes[match[sign]] ?? match[sign];
    const [one, many, cent, cents] = tables.currencies[code];
    const scaled = scale === "0" ? undefined : match[scale];
    const name = (single) => (single || described ? one : many);
    if (scaled) return `${numbers.real(written)} ${tables.scales[scaled] ?? scaled} ${name(false)}`;
    const [whole, fraction = ""] = written.replaceAll(",", "").split(".");
    const change = Number(fraction);
    if (fraction.length !== 2 || !cent || !change) {
      const counted = /[1-9]/.test(fraction) ? written : whole;
      return `${numbers.real(counted)} ${name(counted === "1")}`;
    }
    const small = `${numbers.cardinal(fraction)} ${change === 1 ? cent : cents}`;
    if (!Number(whole || 0)) return small;
    const large = `${numbers.real(whole)} ${whole === "1" ? one : many}`;
    return tables.short_change.has(code) && change > 9 ? `${large} ${numbers.cardinal(fraction)}` : `${large} and ${small}`;
  },

  /** A fraction by its words, "three quarters"; with an article "a half". */
  part(written, { match, numbers, tables }, below, article = "") {
    const bottom = match[below];
    if (Number(bottom) === 0 || written.length > 2 || Number(bottom) > 100) return null;
    const name = numbers.ordinal(bottom);
    const [one, many] = tables.denominators[bottom] ?? [name, `${name}s`];
    if (article && written === "1" && "24".includes(bottom)) return `a ${one}`;
    return `${numbers.cardinal(written)} ${written === "1" ? one : many}`;
  },

  sizes(written, { numbers }, joint) {
    return written.split(/\s?[x×]\s?/u).map((size) => numbers.real(size)).join(` ${joint} `);
  },

  roman(written, { numbers }) {
    const numeral = written.replace(/'s$/, "");
    const value = roman(numeral.toUpperCase());
    return value ? numbers.cardinal(String(value)) + written.slice(numeral.length) : null;
  },

  regnal(written, { numbers }) {
    const numeral = written.replace(/'s$/, "");
    const value = roman(numeral);
    return value > 1 && value < 40 ? `the ${numbers.ordinal(String(value))}${written.slice(numeral.length)}` : null;
  },

  domain(written, spot) {
    const { numbers, tables } = spot;
    const names = written.split(".");
    const top = names.pop();
    if (isDigits(top)) return [...names, top].map((part) => numbers.cardinal(part)).join(" dot ");
    const ending = tables.domain_words.has(top.toLowerCase()) ? top.toLowerCase() : letters(top);
    return [...names.map((name) => address(name, spot)), ending].join(" dot ");
  },

  /** The ending of a file's name. */
  ending(written, spot) {
    const lower = written.toLowerCase();
    const { numbers, tables } = spot;
    if (has(tables.spoken_endings, lower)) return tables.spoken_endings[lower];
    const digits = lower.replace(/[^0-9]/g, "");
    if (!digits && lower.length > 3) return address(lower, spot);
    return words(letters(lower), digits && numbers.cardinal(digits));
  },

  /** An acronym written small: "urls". */
  small_letters(written, { tables, acronym }) {
    if (!tables.spelled_small.has(written)) return null;
    return acronym(written.replace(/s$/, "").toUpperCase(), written.endsWith("s") ? "s" : "", null);
  },

  /** Letters and digits in one token: "F-16", "iPhone15", "A4", "COVID-19". */
  mixed(written, spot) {
    const { numbers, wordOrLetters } = spot;
    const said = [];
    for (const atom of findAll(/[A-Za-z]+|\d+(?:\.\d+)*/g, written)) {
      if (/^\d/.test(atom)) {
        const parts = atom.split(".");
        said.push(parts.map((part) => (part.length < 5 ? numbers.pairs(part) : numbers.spelled(part))).join(" point "));
      } else if (atom === "s" && said.length && written.endsWith("s")) said.push(plural(said.pop()));
      else if (atom.length === 1 || (isUpper(atom) && atom.length < 4 && atom !== "THE" && atom !== "AND")) said.push(letters(atom));
      else if (isUpper(atom)) said.push(wordOrLetters(atom));
      else said.push(isSayable(atom, spot) ? atom : letters(atom));
    }
    return said.join(" ");
  },

  /** A word with letters held on to: "sooo". Inside a word two of them are likelier than one. */
  held(written, { knows }) {
    const word = written.toLowerCase();
    const single = word.replace(/([a-z])\1\1+/g, "$1");
    const double = word.replace(/([a-z])\1\1+/g, "$1$1");
    const inside = /([aeiou])\1\1+(?!\1)[a-z]/.test(word);
    return (inside ? [double, single] : [single, double]).find((one) => knows(one)) ?? null;
  },
};

const SLOT = /\{(\d)([:?!])([^}]*)\}|([^\s{}]+)|\{(\.)\}/g;

/** What a rule says of its match, from words and slots; `stop` tells whether its dot ends the text. */
export function template(written) {
  const parts = [...written.matchAll(SLOT)];
  return function say(spot) {
    const said = [];
    for (const [, group, kind, how, literal, stop] of parts) {
      const found = group === undefined ? "" : (spot.match[Number(group)] ?? "");
      if (literal !== undefined) said.push(literal);
      else if (stop !== undefined) said.push(spot.fullStop());
      else if (kind !== ":") said.push((found !== "") === (kind === "?") ? how : "");
      else if (found !== "") {
        const answer = slot(how, found, spot);
        if (answer === null) return null;
        said.push(answer);
      }
    }
    return words(...said);
  };
}

function slot(how, found, spot) {
  if (how !== how.toUpperCase()) {
    const [way, ...more] = how.split(" ");
    return WAYS[way](found, spot, ...more);
  }
  const table = spot.tables[how.toLowerCase()];
  return [found, found.toLowerCase()].filter((key) => has(table, key)).map((key) => table[key])[0] ?? null;
}
