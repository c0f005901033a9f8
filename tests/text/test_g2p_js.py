"""The JavaScript reader of the same binaries says the same: 2,000 sentences."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from parrotlet.text import TextFrontEnd
from parrotlet.text.lexicon import Lexicon
from parrotlet.text.pronounce import Pronouncer
from parrotlet.text.spelling import by_rule

ROOT = Path(__file__).parents[2]
LEXICON = ROOT / "sdk/parrotlet/text/data/lexicon.bin"
RUN = """
import {{ readFileSync }} from "node:fs";
import {{ Lexicon, Phonemizer }} from "{module}";
const lexicon = new Lexicon(readFileSync("{lexicon}"));
const phonemizer = new Phonemizer(lexicon, JSON.parse(readFileSync("{rules}", "utf8")));
const sentences = JSON.parse(readFileSync("{sentences}", "utf8"));
console.log(JSON.stringify(sentences.map((sentence) => phonemizer.phonemize(sentence))));
"""
PATTERNS = (
    "{a} the {b} and a {c}, to {d} in {e}.",
    "I {a} that {b}; they {c} an {d}!",
    "She had {a} it. He {b} her {c} {d}",
    "The {a}'s {b}, {c}-{d}, wasn't {e}?",
    "{A} {B} used to {c} by the {d}: {e}.",
    "Who {a} my {b} A {c} U-S-A to {d}ing {e}ness",
    "To {a} or not to {b}, that is the {c}. Close the {d}, read {e}.",
)
HOMOGRAPHS = "read live lives record lead wind close tear bass bow object present content used use minute that".split()


def sentences(count: int) -> list[str]:
    chooser = random.Random(7)
    words = (ROOT / "tests/text/hard_cases.tsv").read_text(encoding="utf-8").split()
    words = [word for word in words if word.isascii() and word.isalpha() and word.islower()] + HOMOGRAPHS * 6
    words += "glorping snarfed xylotopia blenches parrotlets unwalkable rewalked brillig toves outgrabe".split()
    made = []
    for _ in range(count):
        slots = {slot: chooser.choice(words) for slot in "abcde"}
        made.append(chooser.choice(PATTERNS).format(A=slots["a"].capitalize(), B=slots["b"].upper(), **slots))
    return made


def test_javascript_says_the_same(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    export = pytest.importorskip("parrotlet_compression.g2p.export_rules")
    (tmp_path / "rules.json").write_text(json.dumps(export.rules()), encoding="utf-8")
    made = sentences(2_000)
    (tmp_path / "sentences.json").write_text(json.dumps(made), encoding="utf-8")
    script = tmp_path / "run.mjs"
    paths = {"module": ROOT / "examples/web/g2p.js", "lexicon": LEXICON}
    paths |= {name: tmp_path / f"{name}.json" for name in ("rules", "sentences")}
    shutil.copy(paths["module"], tmp_path / "g2p.mjs")
    script.write_text(RUN.format(**paths | {"module": "./g2p.mjs"}), encoding="utf-8")
    run = subprocess.run([node, script], capture_output=True, text=True, check=True)
    front_end = TextFrontEnd()
    front_end.__dict__["_pronounce"] = Pronouncer(Lexicon(LEXICON), by_rule, {})
    ours = [front_end._speak(sentence)[0] for sentence in made]
    theirs = json.loads(run.stdout)
    different = [(text, one, other) for text, one, other in zip(made, ours, theirs, strict=True) if one != other]
    assert not different, different[:5]
