// Unicode to the characters that the rules know (fold.py); needs the tables and patterns of rules.bin.
// Not covered: letters of scripts other than Latin, Greek and Cyrillic are all said "letter", where Python has their
// Unicode names.

const has = (table, key) => Object.hasOwn(table, key);
const title = (word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();

/** `written` in ASCII and the few signs that the rules read. */
export function fold(written, tables, patterns) {
  const text = written.replace(/\r\n?|\x85/g, "\n").replaceAll("\u2029", "\n\n");
  if (/^[\x20-\x7e\n]*$/.test(text)) return text;
  const folded = text
    .normalize("NFC")
    .replace(patterns.ideographs, " ideograph ")
    .replace(patterns.greek, (run) => greek(run, tables))
    .replace(patterns.power, (run) => power(run, tables));
  return [...folded].map((character) => foldOne(character, tables)).join("");
}

function greek(written, { greek: names, greek_sounds: sounds }) {
  const run = written.normalize("NFD");
  const known = [...run.toLowerCase()].filter((letter) => has(names, letter));
  if (known.length === 1) return "πμ".includes(known[0]) ? run : ` ${names[known[0]]} `;
  return [...run.toLowerCase()].map((letter) => sounds[letter] ?? "").join("");
}

/** A run of raised signs as it is typed, but for the square and the cube, which units have too. */
function power(run, { power_signs: signs }) {
  return run === "²" || run === "³" || run === "²³" ? run : `^${[...run].map((sign) => signs[sign]).join("")}`;
}

function foldOne(character, tables) {
  const { same, kept, cyrillic } = tables;
  if (has(same, character)) return same[character];
  if (/^[ -~\n]$/.test(character) || kept.has(character)) return character;
  const lower = character.toLowerCase();
  if (has(cyrillic, lower)) return character === lower ? cyrillic[lower] : title(cyrillic[lower]);
  if (/[\p{Z}\p{C}]/u.test(character)) return /[\p{Z}\t\v\f\r\x1c-\x1f\x85]/u.test(character) ? " " : "";
  if (/\p{M}/u.test(character)) return "";
  if (/\p{Nd}/u.test(character)) return String(digitValue(character.codePointAt(0)));
  const plain = character.normalize("NFKD");
  if (plain !== character && /[\x00-\x7f]/.test(plain)) return [...plain].map((part) => foldOne(part, tables)).join("");
  return /\p{L}/u.test(character) ? " letter " : character;
}

/** Decimal digits stand in runs of ten. */
function digitValue(code) {
  let start = code;
  while (/\p{Nd}/u.test(String.fromCodePoint(start - 1))) start -= 1;
  return (code - start) % 10;
}
