// The user's own words (userlexicon.py): phonemes or respellings, in a mapping or in the text of a lexicon file.

import { InputError } from "./errors.js";

const WORD = /^[A-Za-z]+(?:['-][A-Za-z]+)*$/;
const LINE = /^\s*(\S+?)\s*(?:[\t=:]|\s)\s*(\S.*?)\s*$/u;
const MARKS = ' ˈˌ,.;:!?—()"“”';

/** The text of a lexicon file -> {word: value}: one a line, or a JSON object. Throws an InputError naming the line. */
export function parseLexicon(text, name = "the lexicon") {
  const bare = text.replace(/^\ufeff/, "");
  if (/^\s*\{/.test(bare)) return parsed(bare, name);
  const words = {};
  for (const [at, line] of bare.split(/\r\n|\r|\n/).entries()) {
    const content = line.split("#", 1)[0];
    if (!content.trim()) continue;
    const match = LINE.exec(content);
    if (!match) throw new InputError(`${name}, line ${at + 1}: write a word, a tab and its phonemes or respelling`);
    words[match[1]] = match[2];
  }
  return words;
}

function parsed(text, name) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${name} is not JSON: ${error.message}`);
  }
  if (!Object.values(value).every((one) => typeof one === "string")) throw new InputError(`${name} must be one JSON object of strings`);
  return value;
}

/**
 * {word: phonemes or a respelling} -> a Map of words and their phonemes. A word with small letters stands for its capitals
 * too. respell: says a respelling ("par-uht-let"). rules: what readRules of g2p.js gives.
 */
export async function userWords(words, respell, rules) {
  const letters = (set) => (Array.isArray(set) ? set.join("") : set);
  const sounds = new Set(`${letters(rules.vowels)}${letters(rules.consonants)}ɐᵊ`.replace("a", ""));
  const foreign = [...[...sounds].filter((one) => one > "\x7f"), "ˈ", "ˌ"];
  const phonemes = (inside) => {
    const written = inside.trim().split(/\s+/u).join(" ");
    const unknown = [...new Set(written)].filter((one) => !sounds.has(one) && !MARKS.includes(one)).sort();
    if (unknown.length || ![...written].some((one) => sounds.has(one))) {
      const wrong = unknown.length ? `${unknown.join(" ")} is` : "it is empty, or punctuation only:";
      throw new InputError(`[[${inside}]]: ${wrong} not a phoneme; docs/text.md lists the set`);
    }
    return written;
  };
  const own = new Map();
  for (const [word, value] of Object.entries(words)) {
    if (!WORD.test(word)) throw new InputError(`lexicon word '${word}': write one word of the letters a to z, hyphens and apostrophes`);
    const bare = String(value).trim();
    const slashed = bare.length > 2 && bare[0] === "/" && bare.at(-1) === "/";
    if (slashed || foreign.some((one) => bare.includes(one))) own.set(word, phonemes(slashed ? bare.slice(1, -1) : bare));
    else {
      const spoken = await respell(bare);
      if (!spoken) throw new InputError(`lexicon value '${value}' has no sound: write phonemes between slashes, or a respelling`);
      own.set(word, spoken);
    }
  }
  const isUpper = (word) => word === word.toUpperCase();
  return new Map([...[...own].filter(([word]) => !isUpper(word)).map(([word, said]) => [word.toLowerCase(), said]), ...own]);
}
