"""A subset of SSML 1.1 (W3C 2010), parsed without entities, external references or unbounded depth."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from xml.parsers import expat

from parrotlet.errors import InputError
from parrotlet.text.en.markup import bounded_pause, from_ipa, inline_phonemes
from parrotlet.text.en.numbers import AMERICAN, Numbers
from parrotlet.text.en.sentences import PARAGRAPH_PAUSE, SENTENCE_PAUSE
from parrotlet.text.en.tables import MONTHS
from parrotlet.text.utterance import Pause, pauses

DEEPEST = 32
LONGEST = 4_000_000
"""Limits: nested elements, and bytes of a document."""


@dataclass(frozen=True)
class Style:
    """`speed` and `volume` are factors, `pitch` is in semitones."""

    speed: float = 1.0
    pitch: float = 0.0
    volume: float = 1.0


@dataclass(frozen=True)
class Segment:
    """Text in one style, and the silence that follows; None leaves it to the punctuation."""

    text: str
    style: Style
    pause: Pause | None = None


_RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.6}
_PITCHES = {"x-low": -6.0, "low": -3.0, "medium": 0.0, "default": 0.0, "high": 3.0, "x-high": 6.0}
_VOLUMES = {"silent": 0.0, "x-soft": 0.4, "soft": 0.7, "medium": 1.0, "default": 1.0, "loud": 1.4, "x-loud": 2.0}
_BREAKS = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.2}
_EMPHASES = {
    "strong": Style(0.88, 1.0, 1.25),
    "moderate": Style(0.94, 0.5, 1.12),
    "none": Style(),
    "reduced": Style(1.08, -0.5, 0.85),
}
_TIME = re.compile(r"\+?(\d+(?:\.\d+)?)(ms|s)\Z")
_PERCENT = re.compile(r"([+-]?)(\d+(?:\.\d+)?)%\Z")
_SEMITONES = re.compile(r"([+-]?\d+(?:\.\d+)?)st\Z")
_DECIBELS = re.compile(r"([+-]?\d+(?:\.\d+)?)dB\Z")
_ENDS = {"p": PARAGRAPH_PAUSE, "s": SENTENCE_PAUSE}

_SAY_AS: Mapping[str, Callable[[str, Numbers], str]] = {
    "characters": lambda text, _: ", ".join(_characters(text)),
    "spell-out": lambda text, _: ", ".join(_characters(text)),
    "verbatim": lambda text, _: ", ".join(_characters(text)),
    "digits": lambda text, numbers: " ".join(numbers.spelled(run) for run in re.findall("[0-9]+", text)) or text,
    "telephone": lambda text, numbers: (
        ", ".join(numbers.spelled(run, "oh") for run in re.findall("[0-9]+", text)) or text
    ),
    "cardinal": lambda text, numbers: re.sub(
        "[0-9][0-9,]*", lambda run: numbers.cardinal(run[0].replace(",", "")), text
    ),
    "number": lambda text, numbers: re.sub("[0-9][0-9,]*", lambda run: numbers.cardinal(run[0].replace(",", "")), text),
    "ordinal": lambda text, numbers: re.sub("([0-9]+)(?:st|nd|rd|th)?", lambda run: numbers.ordinal(run[1]), text),
}


_DATES = "mdy dmy ymd md dm ym my y m d".split()


def _date(written: str, order: str, numbers: Numbers) -> str:
    """A date whose numbers stand in `order`, in a form that the normalizer reads one way only."""
    runs = re.findall("[0-9]+", written)
    if len(runs) != len(order):
        return written
    part = dict(zip(order, runs, strict=True))
    if not 1 <= int(part.get("m", "1")) <= 12:
        return written
    month = MONTHS[int(part["m"]) - 1] if "m" in part else ""
    day = numbers.ordinal(part["d"]) if "d" in part else ""
    year = (numbers.year if len(part["y"]) == 4 else numbers.minutes)(part["y"]) if "y" in part else ""
    return " ".join(filter(None, (month, f"{day}," if day and year else day, year)))


def _characters(text: str) -> Iterator[str]:
    for character in text:
        if character.isalpha():
            yield "ay" if character in "aA" else character.upper()  # a lone A would be the article
        elif not character.isspace():
            yield character


class _Reader:
    """Collects segments while expat walks through the document."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self.segments: list[Segment] = []
        self._styles = [Style()]
        self._elements: list[str] = []
        self._replaced: list[Callable[[str], str]] = []
        self._text: list[str] = []
        self._held: list[str] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if len(self._elements) >= DEEPEST:
            raise InputError(f"SSML is nested more than {DEEPEST} deep; flatten it")
        if not self._elements and name != "speak":
            raise InputError(f"SSML must begin with <speak>, not <{name}>; wrap the document in <speak>")
        if name not in _KNOWN:
            raise InputError(f"<{name}> is not supported in SSML; docs/text.md lists what is")
        self._elements.append(name)
        style = self._styles[-1]
        if name == "prosody":
            style = _prosody(style, attributes)
        elif name == "emphasis":
            style = _combined(style, _looked_up(_EMPHASES, attributes.get("level", "moderate"), "emphasis level"))
        if name in ("prosody", "emphasis", "p", "s"):
            self._flush(None)
        self._styles.append(style)
        if name == "break":
            self._flush(_break(attributes))
        if name in ("sub", "phoneme", "say-as"):
            self._replaced.append(_replacement(name, attributes, self._numbers))
            self._held.append("")

    def text(self, data: str) -> None:
        if self._held:
            self._held[-1] += data
        else:
            self._text.append(data)

    def end(self, name: str) -> None:
        self._elements.pop()
        if name in ("sub", "phoneme", "say-as"):
            replace_held, held = self._replaced.pop(), self._held.pop()
            said = replace_held(held)
            self.text(f" {said} " if said != held else held)
        if name in ("prosody", "emphasis", "p", "s"):
            self._flush(_ENDS.get(name))
        self._styles.pop()

    def finish(self) -> list[Segment]:
        self._flush(None)
        return self.segments

    def _flush(self, pause: Pause | None) -> None:
        """End a segment, and put its pause together with one right before it."""
        text = "".join(self._text)
        self._text.clear()
        if text.strip():
            self.segments.append(Segment(text, self._styles[-1], pause))
        elif pause is not None and self.segments:
            last = self.segments[-1]
            first, *left = pauses(last.pause, pause) if last.pause else [pause]
            self.segments[-1] = replace(last, pause=first)
            self.segments += [Segment("", self._styles[-1], other) for other in left]
        elif pause is not None and pause.origin == "text":
            self.segments.append(Segment("", self._styles[-1], pause))


_KNOWN = frozenset("speak p s break prosody say-as sub phoneme emphasis".split())


def parse_ssml(document: str, numbers: Numbers = AMERICAN) -> list[Segment]:
    """Segments of an SSML document; `numbers` says those of say-as. Raises `InputError` with the line that is wrong."""
    if len(document) > LONGEST:
        raise InputError(f"the SSML document is longer than {LONGEST} characters; send it in parts")
    reader = _Reader(numbers)
    parser = expat.ParserCreate("utf-8")  # whatever an XML declaration says: `document` is decoded text
    parser.buffer_text = True  # else every newline is a call of its own
    parser.buffer_size = 1 << 16
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(document.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise InputError(f"the SSML is not well-formed XML: {error}; mend it or send plain text") from error
    return reader.finish()


def _refuse_doctype(*_: object) -> None:
    raise InputError("SSML must not hold a DOCTYPE or entities; remove the declaration")


def _replacement(name: str, attributes: Mapping[str, str], numbers: Numbers) -> Callable[[str], str]:
    if name == "sub":
        alias = attributes.get("alias", "")
        return lambda held: alias or held
    if name == "phoneme":
        written = attributes.get("ph", "")
        phonemes = written if attributes.get("alphabet", "ipa") == "x-parrotlet" else from_ipa(written)
        inline = f"[[{inline_phonemes(phonemes)}]]"
        return lambda _: inline
    kind = attributes.get("interpret-as", "")
    if kind == "date" and "format" in attributes:
        order = attributes["format"]
        if order not in _DATES:
            raise InputError(f"SSML date format {order!r} is not one of {', '.join(_DATES)}")
        return lambda held: _date(held, order, numbers)
    say = _SAY_AS.get(kind)
    return lambda held: say(held, numbers) if say else held


def _prosody(style: Style, attributes: Mapping[str, str]) -> Style:
    return _combined(
        style,
        Style(
            _factor(_RATES, attributes.get("rate", "medium"), "rate", 0.25, 4.0),
            _semitones(attributes.get("pitch", "medium")),
            _volume(attributes.get("volume", "medium")),
        ),
    )


def _combined(outer: Style, inner: Style) -> Style:
    return replace(
        outer,
        speed=min(4.0, max(0.25, outer.speed * inner.speed)),
        pitch=min(12.0, max(-12.0, outer.pitch + inner.pitch)),
        volume=min(4.0, outer.volume * inner.volume),
    )


def _looked_up(table: Mapping[str, Style], name: str, what: str) -> Style:
    if name not in table:
        raise InputError(f"SSML {what} {name!r} is not one of {', '.join(table)}")
    return table[name]


def _factor(names: Mapping[str, float], written: str, what: str, low: float, high: float) -> float:
    if written in names:
        return names[written]
    match = _PERCENT.match(written)
    if match:
        value = float(match.group(2)) / 100
        value = value if not match.group(1) else 1 + (value if match.group(1) == "+" else -value)
    elif re.fullmatch(r"\d+(\.\d+)?", written):
        value = float(written)
    else:
        raise InputError(f"SSML {what} {written!r} is not a percentage or one of {', '.join(names)}")
    return min(high, max(low, value))


def _semitones(written: str) -> float:
    match = _SEMITONES.match(written)
    if match:
        return float(match.group(1))
    if written in _PITCHES:
        return _PITCHES[written]
    from math import log2

    return 12 * log2(_factor(_PITCHES, written, "pitch", 0.5, 2.0))


def _volume(written: str) -> float:
    match = _DECIBELS.match(written)
    if match:
        return float(10 ** (min(12.0, float(match.group(1))) / 20))
    return _factor(_VOLUMES, written, "volume", 0.0, 4.0)


def _break(attributes: Mapping[str, str]) -> Pause:
    written = attributes.get("time")
    if written is None:
        strength = attributes.get("strength", "medium")
        if strength not in _BREAKS:
            raise InputError(f"SSML break strength {strength!r} is not one of {', '.join(_BREAKS)}")
        return Pause(_BREAKS[strength], "text")
    match = _TIME.match(written.strip())
    if match is None:
        raise InputError(f'SSML break time {written!r} is not like "300ms" or "1.5s"')
    return Pause(bounded_pause(match.group(1), match.group(2)), "text")
