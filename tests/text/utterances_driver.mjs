// Prints the utterances of texts as examples/web cuts them, for test_g2p_js.py.
import { readFileSync } from "node:fs";
import { Lexicon, readRules } from "../../examples/web/g2p.js";
import { Utterances } from "../../examples/web/utterances.js";

const [lexicon, rules, texts] = process.argv.slice(2);
const utterances = new Utterances(new Lexicon(readFileSync(lexicon)), await readRules(readFileSync(rules)));
const said = [];
for (const text of JSON.parse(readFileSync(texts, "utf8"))) {
  const made = [];
  for await (const { text: spoken, phonemes, pause, words } of utterances.of(text)) {
    made.push([spoken, phonemes, pause.seconds, pause.origin, words.map(({ text: word, start, end }) => [word, start, end])]);
  }
  said.push(made);
}
console.log(JSON.stringify(said));
