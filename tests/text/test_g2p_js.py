"""The JavaScript front end reads the same tables and says the same: 2,000 sentences as written, 2,000 of words."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest

from parrotlet.errors import InputError
from parrotlet.text import TextFrontEnd, TextWarning
from parrotlet.text.en.lexicon import Lexicon
from parrotlet.text.en.pronounce import Pronouncer
from parrotlet.text.en.spelling import by_rule

ROOT = Path(__file__).parents[2]
DATA = ROOT / "sdk/parrotlet/text/en/data"
WEB = ROOT / "examples/web"
RUNTIME = WEB / "node_modules/onnxruntime-web"
RUN = """
import {{ readFileSync }} from "node:fs";
import {{ Lexicon, TextFrontEnd, readRules, unknownWordModel }} from "{web}/g2p.js";
import {{ parseLexicon }} from "{web}/lexicon.js";
const texts = JSON.parse(readFileSync("{texts}", "utf8"));
const rules = await readRules(readFileSync("{rules}"));
let model = null;
if ({with_model}) {{
  const ort = await import("{web}/node_modules/onnxruntime-web/dist/ort.node.min.mjs");
  const session = await ort.InferenceSession.create(readFileSync("{data}/g2p.onnx"));
  model = unknownWordModel(session, ort.Tensor, JSON.parse(readFileSync("{data}/g2p.json", "utf8")));
}}
const lexicon = new Lexicon(readFileSync("{data}/lexicon.bin"));
const frontEnd = new TextFrontEnd(lexicon, rules, {{ model, convention: "{convention}" }});
if ({lexicon} !== null) await frontEnd.use(parseLexicon({lexicon}));
const said = [];
for (const text of texts) said.push([frontEnd.normalize(text), await frontEnd.phonemize(text)]);
console.log(JSON.stringify(said));
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
NONSENSE = "glorping snarfed xylotopia blenches parrotlets unwalkable rewalked brillig toves outgrabe grpc".split()
OTHER_SCRIPTS = (
    "Привет, мир! Γειά σου: π ≈ 3, λ = 2, ½ cup ② ｆｕｌｌ １２３ १२३ naïve Straße Øl — 你好 world",
    "I ❤️ you 👍🏽 👨‍👩‍👧 ☎ ♪ ∑ ∆x ≤ 3 → ∞ © 2024 a\u200bb\ufeffc \x07 l’été «oui»…",
    "[[həlˈO]] Dr. [[pause 2s]] Who? [[pause 300ms]] [brackets] {x} (y) [[",
)
LAYOUT = (
    "a B 7 . , ! : - * _ ~ ` ``` # > | + [ ] ( ) < / & ; \\ ** __ 1. [x] <b> </b> <li> <br> <p> &amp; &#65; [a](b) "
    "<!--x--> https://a.b word Word"
).split(" ") + [" ", "\n", "\n", "\n\n", "- ", "# ", "| a | b |", "[[pause 1s]]", "Key: "]


def written_sentences(count: int) -> list[str]:
    """Every hard case, text of other scripts, and hard cases torn apart and shuffled."""
    lines = (ROOT / "tests/text/hard_cases.tsv").read_text(encoding="utf-8").splitlines()
    made = [line.split("\t")[1] for line in lines if line.startswith(("say\t", "sound\t"))]
    lines = (ROOT / "tests/text/sent_cases.tsv").read_text(encoding="utf-8").splitlines()
    sent = [line.split("\t") for line in lines if line and not line.startswith("#")]
    made.extend(row[2].replace("\\n", "\n") for row in sent if row[1] != "lex")
    chooser = random.Random(11)
    pieces = " ".join(made).split()
    made.extend(OTHER_SCRIPTS)
    made.extend("".join(chooser.choices(LAYOUT, k=12)) for _ in range(300))
    while len(made) < count:
        made.append(" ".join(chooser.choices(pieces, k=8)))
        made.append("".join(chooser.choices("0123456789.,:/-–$%£€ kmKMABIVx°'\"()[]ap#*+=<>@", k=20)))
    return made[:count]


def word_sentences(count: int) -> list[str]:
    """Homographs, words with endings and words that no table has, in all orders."""
    chooser = random.Random(7)
    words = (ROOT / "tests/text/hard_cases.tsv").read_text(encoding="utf-8").split()
    words = [word for word in words if word.isascii() and word.isalpha() and word.islower()]
    words += HOMOGRAPHS * 6 + NONSENSE
    made = []
    for _ in range(count):
        slots = {slot: chooser.choice(words) for slot in "abcde"}
        made.append(chooser.choice(PATTERNS).format(A=slots["a"].capitalize(), B=slots["b"].upper(), **slots))
    return made


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    export = pytest.importorskip("parrotlet_compression.g2p.export_rules")
    path: Path = tmp_path_factory.mktemp("rules") / "rules.bin"
    export.write_rules(path)
    return path


def in_javascript(
    texts: list[str],
    rules: Path,
    with_model: bool = False,
    convention: str = "en-US",
    lexicon: str | None = None,
) -> list[list[str]]:
    """Normalized text and phonemes of every text. lexicon: the text of a file of the user's words."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    listed, script = rules.with_name("texts.json"), rules.with_name("run.mjs")
    listed.write_text(json.dumps(texts), encoding="utf-8")
    paths = {"web": WEB, "data": DATA, "rules": rules, "texts": listed, "with_model": json.dumps(with_model)}
    paths |= {"convention": convention, "lexicon": json.dumps(lexicon)}
    script.write_text(RUN.format(**paths), encoding="utf-8")
    run = subprocess.run([node, script], capture_output=True, text=True, check=True)
    said: list[list[str]] = json.loads(run.stdout)
    return said


def in_python(front_end: TextFrontEnd, texts: list[str]) -> list[list[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextWarning)
        return [[front_end.normalize(text), front_end.phonemize(text)] for text in texts]


@pytest.mark.parametrize("sentences", [written_sentences, word_sentences])
def test_javascript_says_the_same(rules: Path, sentences) -> None:
    texts = sentences(2_000)
    front_end = TextFrontEnd()
    front_end.__dict__["_pronounce"] = Pronouncer(Lexicon(DATA / "lexicon.bin"), by_rule, {})
    ours, theirs = in_python(front_end, texts), in_javascript(texts, rules)
    different = [pair for pair in zip(texts, ours, theirs, strict=True) if pair[1] != pair[2]]
    assert not different, different[:5]


def test_javascript_reads_as_britain_does(rules: Path) -> None:
    lines = (ROOT / "tests/text/british_cases.tsv").read_text(encoding="utf-8").splitlines()
    texts = [line.split("\t")[2] for line in lines if not line.startswith("#")] + written_sentences(400)
    front_end = TextFrontEnd(convention="en-GB")
    theirs = in_javascript(texts, rules, convention="en-GB")
    different = [
        (text, spoken, other)
        for text, other in zip(texts, theirs, strict=True)
        if (spoken := front_end.normalize(text)) != other[0]
    ]
    assert not different, different[:5]
    with pytest.raises(subprocess.CalledProcessError) as refused:
        in_javascript(["One."], rules, convention="en-AU")
    assert "choose from en-US, en-GB" in refused.value.stderr


def test_javascript_runs_the_model_for_unknown_words(rules: Path) -> None:
    if not RUNTIME.exists():
        pytest.skip("onnxruntime-web is not installed: npm install --prefix examples/web")
    chooser = random.Random(5)
    parts = "glor snar xyl top blen par wal rew bril tov out gra mor phen thek zub quil dran fosk".split()
    texts = [f"The {''.join(chooser.choices(parts, k=2))}s of {chooser.choice(NONSENSE)}." for _ in range(200)]
    ours, theirs = in_python(TextFrontEnd(runtime="onnx"), texts), in_javascript(texts, rules, with_model=True)
    # Activations are quantized as they come: a sum rounded the other way may turn one phoneme in some hundred words.
    same = sum(one == other for one, other in zip(ours, theirs, strict=True))
    assert same >= 0.98 * len(texts)
    by_letters = TextFrontEnd()
    by_letters.__dict__["_pronounce"] = Pronouncer(Lexicon(DATA / "lexicon.bin"), by_rule, {})
    assert in_python(by_letters, texts) != theirs


LEXICON = """# mine
parrotlet\tpˈæɹətlət
Nguyen /wˈɪn/
SQL = seek-well
GIF: jif
kg kay-gee
Mr /mˈAstəɹ/
in ˌɪn
"""
OWN = "parrotlet parrotlets Parrotlet PARROTLET Nguyen's NGUYEN SQL sql SQL's GIF gif GIFs parrotleted kg in"
OF_THE_USER = [*OWN.split(), "Mr", "Mr."]


def test_javascript_knows_the_users_words(rules: Path, tmp_path: Path) -> None:
    chooser = random.Random(2)
    parts = [*OF_THE_USER * 3, *"5 the a is of and New York 3 , . ? NATO it's 2024 Dr. Smith".split()]
    texts = [" ".join(chooser.choices(parts, k=8)) for _ in range(300)]
    path = tmp_path / "own.txt"
    path.write_text(LEXICON, encoding="utf-8")
    front_end = TextFrontEnd(lexicon=path)
    pronouncer = Pronouncer(Lexicon(DATA / "lexicon.bin"), by_rule, front_end._own)
    front_end.__dict__["_pronounce"] = pronouncer
    ours, theirs = in_python(front_end, texts), in_javascript(texts, rules, lexicon=LEXICON)
    different = [trio for trio in zip(texts, ours, theirs, strict=True) if trio[1] != trio[2]]
    assert not different, different[:5]
    assert in_python(TextFrontEnd(), texts) != ours


@pytest.mark.parametrize("lexicon", ["lonely", "a1 /bi/", "word /xq/", "word /;/", "word --", '{"word": 5}', "{"])
def test_wrong_words_of_the_user_are_refused_as_in_the_sdk(rules: Path, tmp_path: Path, lexicon: str) -> None:
    path = tmp_path / ("own.json" if lexicon.startswith("{") else "own.txt")
    path.write_text(lexicon, encoding="utf-8")
    with pytest.raises(InputError) as ours:
        TextFrontEnd(lexicon=path)
    with pytest.raises(subprocess.CalledProcessError) as theirs:
        in_javascript([], rules, lexicon=lexicon)
    end = str(ours.value).replace(str(path), "").split("JSON")[0].removeprefix("the lexicon").strip(", ")
    assert end in theirs.value.stderr and "InputError" in theirs.value.stderr


@pytest.mark.parametrize("written", ["[[pause -3s]]", "[[Pause]]"])
def test_pauses_are_refused_as_in_the_sdk(rules: Path, written: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        in_javascript([f"One {written} two."], rules)
    assert "write a pause like [[pause 300ms]]" in refused.value.stderr
    assert in_javascript(["One [[pause 10 s]] two."], rules)[0][1].count(",") == 1


SSML = (
    '<speak><p><s>One</s><s>Two.</s></p>Three<break time="700ms"/>four<break strength="none"/>five</speak>',
    '<speak>One [[pause 1s]]<break time="2s"/>two<break time="300ms"/><break time="300ms"/>three</speak>',
    "<?xml version='1.0'?><speak><p>One day</p><p><s>Two days</s></p><s></s>One<break time='20s'/></speak>",
    '<speak><prosody rate="50%" pitch="+2st">a <prosody rate="fast" volume="+6dB">less</prosody></prosody> on</speak>',
    '<speak><emphasis level="strong">now</emphasis> <prosody pitch="120%" volume="soft" rate="x-fast">x</prosody> '
    "</speak>",
    '<speak><say-as interpret-as="digits">2024</say-as> <say-as interpret-as="ordinal">3rd</say-as></speak>',
    '<speak><say-as interpret-as="telephone">555 0100</say-as></speak>',
    '<speak><say-as interpret-as="characters">A1b é</say-as></speak>',
    '<speak><say-as interpret-as="date" format="dmy">4/5/2020</say-as> <sub alias="World Wide Web">W3C</sub></speak>',
    "<speak>a &amp; b &#233; &#x41; <![CDATA[5 > 3]]> <!-- not said --></speak>",
    "<speak><say-as interpret-as='cardinal'>2,024</say-as></speak>",
    "You <speak>are not</speak>",
    '<speak>You say <phoneme alphabet="ipa" ph="təˈmeɪtoʊ">tomato</phoneme>. <p>' + "Word " * 400 + "</p></speak>",
    "<speak>" + "<p>" * 20 + "word" + "</p>" * 20 + "</speak>",
    "<speak/>",
    "<speak>unclosed",
    "<speak></p></speak>",
    "<speak><audio src='x'/></speak>",
    '<?xml version="1.0"?><!DOCTYPE speak [<!ENTITY a "aaaa">]><speak>&a;</speak>',
    "<speak>" + "<p>" * 100 + "</p>" * 100 + "</speak>",
    "<speak><break time='long'/></speak>",
    "<speak><break strength='odd'/></speak>",
    "<speak><prosody rate='quick'>x</prosody></speak>",
    "<speak><phoneme ph='777'>x</phoneme></speak>",
    "<speak><phoneme ph='x]] [[y' alphabet='x-parrotlet'>z</phoneme></speak>",
    "<speak><say-as interpret-as='date' format='mddy'>1/2/3</say-as></speak>",
    "<speak>&undefined;</speak>",
    "<speak>a < b</speak>",
    "<speak a='1' a='2'>x</speak>".replace("<speak ", "<speak  "),
    "<speak>one</speak><speak>two</speak>",
    "<speak>one</speak> and more",
)


def told(front_end: TextFrontEnd, text: str | list[str]) -> list[list[object]] | str:
    """Utterances as the driver prints them, or the error's kind."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TextWarning)
            return [
                [
                    *(u.text, u.phonemes, u.pause.seconds, u.pause.origin),
                    [[w.text, w.start, w.end] for w in u.words],
                    *(u.speed, u.pitch, u.volume),
                ]
                for u in front_end.sentences(text if isinstance(text, str) else iter(text))
            ]
    except InputError as error:
        return f"InputError: {error}"


def test_javascript_cuts_the_same_utterances(rules: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    chooser = random.Random(3)
    lines = (ROOT / "tests/text/hard_cases.tsv").read_text(encoding="utf-8").splitlines()
    parts = [line.split("\t")[1] for line in lines if line.startswith(("say\t", "sound\t"))]
    lines = (ROOT / "tests/text/sent_cases.tsv").read_text(encoding="utf-8").splitlines()
    sent = [line.split("\t") for line in lines if line and not line.startswith("#")]
    parts.extend(row[2].replace("\\n", "\n") for row in sent if row[1] != "lex")
    texts = [chooser.choice([" ", "\n", "\n\n"]).join(chooser.choices(parts, k=4)) for _ in range(400)]
    texts += ["One [[pause 2s]] two. Three [[pause 300 ms]]! " + "word and more, " * 200, "x" * 2500, ""]
    # The same in pieces, which are cut into clauses too.
    pieces = ([text[at : at + 7] for at in range(0, len(text), 7)] for text in texts)
    in_pieces: list[str | list[str]] = [*texts, *pieces, *SSML, *(list(document) for document in SSML)]
    listed = rules.with_name("whole_texts.json")
    listed.write_text(json.dumps(in_pieces), encoding="utf-8")
    driver = Path(__file__).with_name("utterances_driver.mjs")
    run = subprocess.run(
        [node, driver, DATA / "lexicon.bin", rules, listed], capture_output=True, text=True, check=True
    )
    front_end = TextFrontEnd()
    front_end.__dict__["_pronounce"] = Pronouncer(Lexicon(DATA / "lexicon.bin"), by_rule, {})
    for text, theirs in zip(in_pieces, json.loads(run.stdout), strict=True):
        ours = told(front_end, text)
        if isinstance(ours, str):  # what an XML reader says of a mistake is its own
            said = {one.replace('"', "'") for one in (ours, str(theirs))}
            assert len(said) == 1 or all("not well-formed XML" in one for one in said), text
        elif isinstance(theirs, list):
            assert [row[:5] for row in ours] == [row[:5] for row in theirs], text
            for one, other in zip(ours, theirs, strict=True):
                assert one[5:] == pytest.approx(other[5:])
        else:
            raise AssertionError((text, ours, theirs))
