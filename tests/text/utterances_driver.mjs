// Prints the utterances of texts as examples/web cuts them, for test_g2p_js.py.
import { readFileSync } from "node:fs";
import { Lexicon, readRules } from "../../examples/web/g2p.js";
import { Utterances } from "../../examples/web/utterances.js";

const [lexicon, rules, texts] = process.argv.slice(2);
const utterances = new Utterances(new Lexicon(readFileSync(lexicon)), await readRules(readFileSync(rules)));
const said = [];
for (const text of JSON.parse(readFileSync(texts, "utf8"))) {
  const made = [];
  try {
    for await (const { text: spoken, phonemes, pause, words, speed, pitch, volume } of utterances.of(text)) {
      const marks = words.map(({ text: word, start, end }) => [word, start, end]);
      made.push([spoken, phonemes, pause.seconds, pause.origin, marks, speed, pitch, volume]);
    }
    said.push(made);
  } catch (error) {
    said.push(`${error.name}: ${error.message}`);
  }
}
console.log(JSON.stringify(said));
