"""Letter-to-sound rules: what is said when neither the lexicon nor the model can answer."""

from __future__ import annotations

import re

from parrotlet.text.en.phonemes import promote

_RULES = (
    ("tion", "ʃən"), ("sion", "ʒən"), ("ough", "O"), ("augh", "ɔ"), ("eigh", "A"), ("igh", "I"), ("tch", "ʧ"),
    ("dge", "ʤ"), ("sch", "sk"), ("ch", "ʧ"), ("sh", "ʃ"), ("th", "θ"), ("ph", "f"), ("wh", "w"), ("ck", "k"),
    ("ng", "ŋ"), ("qu", "kw"), ("gh", "ɡ"), ("kn", "n"), ("wr", "ɹ"), ("ee", "i"), ("ea", "i"), ("oo", "u"),
    ("ou", "W"), ("ow", "O"), ("oa", "O"), ("oi", "Y"), ("oy", "Y"), ("ai", "A"), ("ay", "A"), ("ei", "A"),
    ("ey", "i"), ("ie", "i"), ("au", "ɔ"), ("aw", "ɔ"), ("eu", "u"), ("ew", "u"), ("ue", "u"), ("ui", "u"),
    ("ar", "ɑɹ"), ("or", "ɔɹ"), ("er", "əɹ"), ("ir", "ɜɹ"), ("ur", "ɜɹ"), ("ce", "s"), ("ci", "sɪ"), ("cy", "si"),
    ("ge", "ʤ"), ("gi", "ʤɪ"), ("bb", "b"), ("cc", "k"), ("dd", "d"), ("ff", "f"), ("gg", "ɡ"), ("ll", "l"),
    ("mm", "m"), ("nn", "n"), ("pp", "p"), ("rr", "ɹ"), ("ss", "s"), ("tt", "t"), ("zz", "z"), ("a", "æ"),
    ("b", "b"), ("c", "k"), ("d", "d"), ("e", "ɛ"), ("f", "f"), ("g", "ɡ"), ("h", "h"), ("i", "ɪ"), ("j", "ʤ"),
    ("k", "k"), ("l", "l"), ("m", "m"), ("n", "n"), ("o", "ɑ"), ("p", "p"), ("q", "k"), ("r", "ɹ"), ("s", "s"),
    ("t", "t"), ("u", "ʌ"), ("v", "v"), ("w", "w"), ("x", "ks"), ("y", "i"), ("z", "z"),
)  # fmt: skip
_SOUNDS = dict(_RULES)
_GRAPHEME = re.compile("|".join(spelling for spelling, _ in _RULES))
_FINAL_E = re.compile(r"(?<=[bcdfgklmnprstvz])e$")


def by_rule(word: str) -> str:
    """Phonemes of a lower-case ASCII word, longest spelling first; never empty if it has a letter."""
    return promote("".join(_SOUNDS[match] for match in _GRAPHEME.findall(_FINAL_E.sub("", word.lower()))))
