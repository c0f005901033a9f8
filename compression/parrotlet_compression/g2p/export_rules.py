"""The text rules as data for other hosts: what `examples/web` needs beside `lexicon.bin`.

The format is described in docs/text.md. Patterns are written for ECMAScript's `u` flag; what Python's `re`
means by a word character is spelled out in them.
"""

from __future__ import annotations

import json
import re
import struct
import unicodedata
import zlib
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from parrotlet.text import reader, tags
from parrotlet.text.en import (
    acronyms,
    context,
    convention,
    emoji,
    fold,
    hints,
    markup,
    numbers,
    phonemes,
    place,
    pronounce,
    rule,
    rules,
    sentences,
    spelling,
    ssml,
    tables,
)

_WORD = r"\p{L}\p{N}_"
_BOUNDARY = rf"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))"
_HEADER = struct.Struct("<4sHHI")
_SYNTAX = frozenset("^$\\.*+?()[]{}|/")
_NAMED_SIGNS = ((0xA0, 0xFF), (0x2000, 0x2BFF), (0x1F000, 0x1FAFF))
"""Code points whose spoken names go with the tables; a host without Unicode names is silent about others."""

_TABLES = {
    phonemes: "VOWELS CONSONANTS PAUSE_MARKS _FLAPPING _VOICELESS _SIBILANT _DEVOICING",
    pronounce: "_KEEP_UNSTRESSED _CONTRACTIONS _SUFFIXES _PREFIXES",
    spelling: "_RULES",
    context: "_WANTS_VERB _SUBJECTS _THIRD_PERSONS _HAVE_OR_BE _HAVE _WANTS_NOUN _DETERMINERS _ADVERBS "
    "_PAST_CUES _AFTER_NOUNS _ADJECTIVE_ENDS _NOUN_ENDS _POINTED_AT _POINTING_AFTER _ASKS _ASKS_OF_THE_PAST _PRONOUNS "
    "_LETTING _OBJECTS _DEGREES _ADJECTIVE_FIRST _HINT_ONLY _PARTICIPLES "
    "_PRESENT_CUES _AFTER_SUBJECTS _OPENERS _TO_NOUNS _PLAIN_VERBS",
    hints: "BEFORE AFTER",
}
_NORMALIZER_TABLES = {
    tables: " ".join(name for name in vars(tables) if name.isupper()),
    numbers: "_SMALL _TENS _ORDINALS",
    acronyms: "_COMMON _ALWAYS_SPELLED",
    fold: "_SAME _CYRILLIC _GREEK _GREEK_SOUNDS _KEPT _POWER_SIGNS",
    rules: "_TRIGGERS _DOTTED_TRIGGERS _SPANS _EXACT _LONE_CAPITALS",
}
_PATTERNS = {
    "inline": markup.INLINE,
    "plain": rules._PLAIN,
    "caps": rules._CAPS,
    "atom": rules._ATOM,
    "emoji": emoji.EMOJI,
    "greek": fold._GREEK_RUN,
    "power": fold._POWER,
    "ideographs": fold._IDEOGRAPHS,
    "caps_word": acronyms._CAPS_WORD,
    "clause_end": acronyms._CLAUSE_END,
}


def pronunciation_rules() -> dict[str, Any]:
    """Every table by its name in Python, in lower case without the underscore; `normalizer` holds the other part."""
    said = [[word, tag, ecmascript(before), ecmascript(after)] for word, tag, before, after in hints.HINTS]
    written = {"spelled": ecmascript(pronounce._SPELLED.pattern), "hints": said}
    return _tables(_TABLES) | {"normalizer": _normalizer(), "sentences": _sentences(), "ssml": _ssml()} | written


def _normalizer() -> dict[str, Any]:
    """`names`: signs by their spoken names. `rules`: in order of trial."""
    return {
        "tables": _tables(_NORMALIZER_TABLES),
        "number_scales": numbers._SCALES,
        "foresight": place.FORESIGHT,
        "patterns": {name: ecmascript(pattern.pattern) for name, pattern in _PATTERNS.items()},
        "names": {sign: name for sign in _signs() if (name := emoji.emoji_name(sign))},
        "rules": [_rule(rule) for rule in _all_rules()],
        "conventions": {name: _convention(rules.CONVENTIONS[name]) for name in rules.CONVENTIONS},
        "hindsight": place.HINDSIGHT,
        "reader": _reader(),
    }


def _reader() -> dict[str, Any]:
    """What stands before the rules: patterns of layout and markup, and what HTML's tags and entities stand for."""
    return {
        "patterns": {
            name.strip("_").lower(): ecmascript(value.pattern)
            for module in (tags, reader)
            for name, value in vars(module).items()
            if isinstance(value, re.Pattern)
        },
        "tables": _tables({tags: "_BREAKS _OPENING _CLOSING _INLINE _UNREAD _ENTITIES"}),
        "line": reader._LINE,
        "value": reader._VALUE,
        "longest": reader._LONGEST,
    }


def _sentences() -> dict[str, Any]:
    """Where sentences end, and how long the pauses are."""
    names = "_END _LAST_WORD _ADDRESS _FIRST_WORD _NAMED_STREET _CLAUSE_END _NAME".split()
    return {
        "patterns": {name.strip("_").lower(): ecmascript(getattr(sentences, name).pattern) for name in names},
        "tables": _tables({sentences: "_BEFORE_SAINTS _BEFORE_NUMBERS _AFTER_HOURS _PAUSES"}),
        "longest": sentences._LONGEST_SENTENCE,
        "shortest_clause": sentences._SHORTEST_CLAUSE,
        "opening": sentences._OPENING,
        "earlier": sentences._EARLIER,
        "paragraph": sentences._PARAGRAPH,
        "no_mark": sentences._NO_MARK,
    }


def _ssml() -> dict[str, Any]:
    """What SSML's words mean, and how ordinary IPA is written in our alphabet."""
    emphases = {level: [style.speed, style.pitch, style.volume] for level, style in ssml._EMPHASES.items()}
    written = _tables({ssml: "_RATES _PITCHES _VOLUMES _BREAKS _DATES", markup: "_IPA", phonemes: "PHONEMES SOUNDS"})
    return written | {"emphases": emphases, "deepest": ssml.DEEPEST, "longest": ssml.LONGEST}


def _all_rules() -> list[rule.Rule]:
    """The rules of every convention, each once."""
    return list({id(one): one for tried in rules.RULES.values() for one in tried}.values())


def _convention(one: convention.Convention) -> dict[str, Any]:
    """What is a convention's own; `rules` says which are tried, in order."""
    place_of = {id(known): at for at, known in enumerate(_all_rules())}
    return {
        "joint": one.numbers.joint,
        "zero": one.numbers.zero,
        "tables": {name.lower(): _plain(table) for name, table in one.tables.items()},
        "words": dict(one.words),
        "rules": [place_of[id(known)] for known in rules.RULES[one.name]],
    }


def _rule(written: rule.Rule) -> dict[str, str]:
    """A rule without what is empty in it."""
    entry = {
        "name": written.name,
        "starts": written.starts,
        "pattern": ecmascript(written.source),
        "left": ecmascript(written.left),
        "bar": ecmascript(written.bar),
        "after": written.after.lower(),
        "unless": written.unless.lower(),
    }
    return {key: value for key, value in entry.items() if value} | {"template": written.template}


def _signs() -> Iterator[str]:
    for first, last in _NAMED_SIGNS:
        for code in range(first, last + 1):
            if unicodedata.category(chr(code))[0] in "SPN":
                yield chr(code)


def _tables(wanted: dict[Any, str]) -> dict[str, Any]:
    return {
        name.strip("_").lower(): _plain(getattr(module, name))
        for module, names in wanted.items()
        for name in names.split()
    }


def _plain(value: object) -> Any:
    """Sets as sorted lists, all else as JSON has it."""
    if isinstance(value, Set):
        return sorted(value)
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return value


def ecmascript(pattern: str) -> str:
    r"""A pattern of Python's `re` for ECMAScript's `u` flag. Raises ValueError for an escape it does not know.

    `\w` and `\b` become classes of letters and numbers of every script, as Python has them; `\Z` becomes `$`.
    """
    written: list[str] = []
    in_class = False
    signs = iter(pattern)
    for sign in signs:
        if sign != "\\":
            in_class = (in_class or sign == "[") and sign != "]"
            written.append(sign)
            continue
        escaped = next(signs)
        if escaped == "w":
            written.append(_WORD if in_class else f"[{_WORD}]")
        elif escaped == "b" and not in_class:
            written.append(_BOUNDARY)
        elif escaped == "Z":
            written.append("$")
        elif escaped in "uU":
            digits = "".join(next(signs) for _ in range(4 if escaped == "u" else 8))
            written.append(f"\\u{{{int(digits, 16):x}}}")
        elif escaped in "dsSnt123" or escaped in _SYNTAX or (escaped == "-" and in_class):
            written.append("\\" + escaped)
        elif escaped.isalnum():
            raise ValueError(f"\\{escaped} in {pattern!r} has no known counterpart in ECMAScript")
        else:
            written.append(escaped)
    return "".join(written)


def write_rules(path: Path) -> None:
    """The rules as `rules.bin`: magic, version, length, then the JSON text compressed by zlib."""
    text = json.dumps(pronunciation_rules(), ensure_ascii=False, separators=(",", ":")).encode()
    path.write_bytes(_HEADER.pack(b"PRUL", 1, 0, len(text)) + zlib.compress(text, 9))
