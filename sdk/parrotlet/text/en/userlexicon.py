"""The user's own words: a mapping or a file, phonemes or respellings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from parrotlet.errors import InputError
from parrotlet.text.en.markup import inline_phonemes
from parrotlet.text.en.phonemes import SOUNDS

Source = Mapping[str, str] | Path | str

_WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*\Z")
_LINE = re.compile(r"\s*(\S+?)\s*(?:[\t=:]|\s)\s*(\S.*?)\s*\Z")
_FOREIGN = frozenset(sound for sound in SOUNDS if not sound.isascii()) | set("ˈˌ")
_LARGEST = 16_000_000


def read_user_lexicon(source: Source, respell: Callable[[str], str]) -> dict[str, str]:
    """Word to phonemes. `respell` says a respelling ("par-uht-let").

    A file holds one `word phonemes` or `word respelling` a line (tab, space, `=` or `:` between them, `#`
    begins a comment), or a JSON object. A value is phonemes if it stands between slashes or holds a
    symbol that English spelling does not (ˈ, ə …). A word with small letters stands for its capitals too, "GIF" for
    itself alone. Raises `InputError` naming the line.
    """
    pairs = source.items() if isinstance(source, Mapping) else _read(Path(source)).items()
    own: dict[str, str] = {}
    for word, value in pairs:
        if not _WORD.match(word):
            raise InputError(f"lexicon word {word!r}: write one word of the letters a to z, hyphens and apostrophes")
        own[word] = _phonemes(value, respell)
    return {word.lower(): phonemes for word, phonemes in own.items() if not word.isupper()} | own


def _phonemes(value: str, respell: Callable[[str], str]) -> str:
    bare = value.strip()
    if len(bare) > 2 and bare[0] == bare[-1] == "/":
        return inline_phonemes(bare[1:-1])
    if _FOREIGN & set(bare):
        return inline_phonemes(bare)
    spoken = respell(bare)
    if not spoken:
        raise InputError(f"lexicon value {value!r} has no sound: write phonemes between slashes, or a respelling")
    return spoken


def _read(path: Path) -> dict[str, str]:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"the lexicon {path} is larger than {_LARGEST} bytes: split it")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the lexicon {path}: {error}; give a UTF-8 text file") from error
    return _from_json(path, text) if path.suffix == ".json" else _from_lines(path, text)


def _from_json(path: Path, text: str) -> dict[str, str]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"the lexicon {path} is not JSON: {error}") from error
    if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
        raise InputError(f"the lexicon {path} must be one JSON object of strings")
    return value


def _from_lines(path: Path, text: str) -> dict[str, str]:
    entries: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0]
        if not content.strip():
            continue
        match = _LINE.match(content)
        if match is None:
            raise InputError(f"{path}, line {number}: write a word, a tab and its phonemes or respelling")
        entries[match.group(1)] = match.group(2)
    return entries
