"""Unicode to the characters the rules know, without losing anything that has a sound."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from parrotlet.text.en.tables import FRACTIONS

_SAME = {
    **dict.fromkeys("‘’‛ʼʹ′＇`´", "'"),
    **dict.fromkeys("“”„‟«»″＂", '"'),
    **dict.fromkeys("—―⸺", "—"),
    **dict.fromkeys("‐‑⁃﹣－", "-"),
    "–": "–",
    "−": "-",
    "…": "...",
    "⁄": "/",
    "µ": "µ",
    "μ": "µ",
    "º": "°",
    "，": ", ",
    "、": ", ",
    "。": ". ",
    "！": "! ",
    "？": "? ",
    "¡": "",
    "¿": "",
    "²": "²",
    "³": "³",
    "™": "™",
    "№": "№",
    "℃": "°C",
    "℉": "°F",
    "\u2126": "Ω",
    "ß": "ss",
    "ẞ": "SS",
    "æ": "ae",
    "Æ": "Ae",
    "œ": "oe",
    "Œ": "Oe",
    "ø": "o",
    "Ø": "O",
    "đ": "d",
    "Đ": "D",
    "ð": "th",
    "Ð": "Th",
    "þ": "th",
    "Þ": "Th",
    "ł": "l",
    "Ł": "L",
    "ı": "i",
    "ŋ": "ng",
    "ə": "e",
    "ʻ": "'",
    **{sign: f" {written} " for sign, written in FRACTIONS.items()},
}

_CYRILLIC = dict(
    zip(
        "абвгдезийклмнопрстуфхыэіїєґў",
        "a b v g d e z i y k l m n o p r s t u f kh y e i yi ye g w".split(),
        strict=True,
    )
) | {"ж": "zh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ь": "", "ю": "yu", "я": "ya", "ё": "yo"}

_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψως",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau "
        "upsilon phi chi psi omega sigma".split(),
        strict=True,
    )
)
_GREEK_SOUNDS = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψως",
        "a v g d e z i th i k l m n x o p r s t y f ch ps o s".split(),
        strict=True,
    )
)

_PLAIN = re.compile(r"[\x20-\x7e\n]*\Z")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_GREEK_RUN = re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]+")
_IDEOGRAPHS = re.compile(r"[\u2e80-\u2fdf\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
_POWER_SIGNS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_POWER = re.compile(r"(?<=[0-9A-Za-z)])[⁰¹²³⁴-⁹⁺⁻ⁿ]+")
_LETTER_NAME = re.compile(
    r"(?:LETTER|SYLLABLE|LIGATURE|DIGRAPH|VOWEL SIGN) (?:SMALL |CAPITAL |FINAL )?(.+?)(?: WITH .*)?$"
)
_KEPT = frozenset("—–°µ²³™®©№Ω§¶±×÷≈≠≤≥→←∞√π†‡‰∑∆£€¥₹₩₽₿¢")


def fold(text: str) -> str:
    """`text` in ASCII and the few signs the rules read; line ends are kept as newlines.

    Latin letters lose their accents, Greek words and Cyrillic are transliterated, other scripts become
    the names of their letters, emoji stay as they are. Control and zero-width characters vanish.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2029", "\n\n").replace("\x85", "\n")
    if _PLAIN.match(text):
        return text
    text = unicodedata.normalize("NFC", text)
    text = _IDEOGRAPHS.sub(" ideograph ", text)
    text = _GREEK_RUN.sub(_greek, text)
    text = _POWER.sub(_power, text)
    return "".join([_folded(character) for character in text])


def _greek(match: re.Match[str]) -> str:
    run = unicodedata.normalize("NFD", match.group())
    letters = [letter for letter in run.lower() if letter in _GREEK]
    if len(letters) == 1:
        return run if letters[0] in "πμ" else f" {_GREEK[letters[0]]} "
    return "".join(_GREEK_SOUNDS.get(letter, "") for letter in run.lower())


def _power(match: re.Match[str]) -> str:
    """A run of raised signs as it is typed, but for the square and the cube, which units have too."""
    run = match.group()
    return run if run in "²³" else "^" + "".join(_POWER_SIGNS[sign] for sign in run)


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    if character in _SAME:
        return _SAME[character]
    if " " <= character <= "~" or character == "\n" or character in _KEPT:
        return character
    lower = character.lower()
    if lower in _CYRILLIC:
        latin = _CYRILLIC[lower]
        return latin if character == lower else latin.capitalize()
    category = unicodedata.category(character)
    if category[0] in "ZC":
        return " " if category[0] == "Z" or character.isspace() else ""
    if category[0] == "M":
        return ""
    if category == "Nd":
        return str(unicodedata.digit(character))
    plain = unicodedata.normalize("NFKD", character)
    if plain != character and any(part.isascii() for part in plain):
        return "".join(_folded(part) for part in plain)
    if category[0] == "L":
        name = _LETTER_NAME.search(unicodedata.name(character, ""))
        return name.group(1).lower().replace(" ", "") if name else " letter "
    return character


def is_foreign(text: str) -> bool:
    """True if folding had to guess: letters outside the Latin, Greek and Cyrillic scripts."""
    return any(map(_is_guessed, "".join(_FOREIGN.findall(text))))


@lru_cache(maxsize=1000)
def _is_guessed(character: str) -> bool:
    """Full-width and other forms of the letters that are known are not: they say which letter they are."""
    parts = unicodedata.normalize("NFKD", character)
    return any(ord(part) > 0x52F and part.isalpha() for part in parts)
