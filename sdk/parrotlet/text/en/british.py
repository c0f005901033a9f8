"""How Britain reads: the day before the month, "and" in numbers, pounds and pence, postcodes, zed. Data only.

The accent is the voice's and stays American; of pronunciations only those differ that are other sounds, not other
vowels of the same sound: schedule, lieutenant, herb.
"""

from __future__ import annotations

from collections.abc import Iterator

from parrotlet.text.en.convention import Convention
from parrotlet.text.en.numbers import Numbers
from parrotlet.text.en.patterns import MONEY, MONTH, REAL, SCALE, UNIT
from parrotlet.text.en.rule import Rule
from parrotlet.text.en.tables import PER, UNITS
from parrotlet.text.en.template_rules import DATE_LEFT, NO_PART

_PLAYED = (
    r"(?i)\b(?:won|wins?|beat|beats|beaten|lost|lose|loses|drew|draw|lead|leads|led|leading|trail|ended|ends|finished|"
    r"final|score|scores|result|thrashed|defeated|defeat|victory|half-time|full-time)\b[^.!?]{0,30}\s$"
)
_AT = (
    r"(?i)\b(?:at|by|from|until|till|to|before|after|around|about|starts?|begins?|opens?|closes?|arrives?|leaves?|departs?|"
    r"the|kick-off|kickoff)\s$"
)
_CLOCK = r"([01]?\d|2[0-3])\.([0-5]\d)"
_DAY_OF_MONTH = r"(\d{1,2})/(0?[1-9]|1[0-2])"
_ENDING = "(?:st|nd|rd|th)?"


def _dated(name: str, starts: str, pattern: str, template: str, left: str = "", bar: str = "") -> Iterator[Rule]:
    """A date with its article, unless it is there."""
    yield Rule(name, starts, pattern, template.removeprefix("the "), left, bar, after="THE")
    yield Rule(name, starts, pattern, template, left, bar)


_DATES = (
    *_dated(
        "iso time",
        "0",
        r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::\d\d(?:\.\d+)?)?(Z)?(?![\w:])",
        "the {3:day} of {2:month}, {1:year}, {4:hour} {5:minutes} {6?U-T-C}",
    ),
    *_dated("iso date", "0", r"(\d{4})-(\d{2})-(\d{2})(?!\d)", "the {3:day} of {2:month}, {1:year}"),
    *_dated(
        "slash date",
        "0",
        r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?!\d|\.\d)",
        "the {1:day} of {3:month}, {4:years}",
    ),
    *_dated(
        "days of month",
        "0",
        rf"(\d{{1,2}}){_ENDING}\s?[-–]\s?(\d{{1,2}}){_ENDING}\s({MONTH})\b\.?(?:,?\s(\d{{4}})(?!\d))?",
        "the {1:day} to the {2:day} of {3:MONTH_SHORT} {4?,} {4:year}",
    ),
    Rule(
        "month day",
        "A",
        rf"({MONTH})\.?\s(\d{{1,2}}){_ENDING}(?:\s?[-–]\s?(\d{{1,2}}){_ENDING})?(?!\d|:\d|,\d)(?:,?\s(\d{{4}})(?!\d))?",
        "{1:MONTH_SHORT} the {2:day} {3?to the} {3:day} {4?,} {4:year}",
    ),
    *_dated(
        "dates",
        "0",
        rf"{_DAY_OF_MONTH}\s?(?:to|until|till|through|-|–)\s?{_DAY_OF_MONTH}(?![\w/]){NO_PART}",
        "the {1:day} of {2:month} to the {3:day} of {4:month}",
        DATE_LEFT,
    ),
    *_dated("date", "0", rf"{_DAY_OF_MONTH}(?![\w/]){NO_PART}", "the {1:day} of {2:month}", DATE_LEFT),
    *_dated(
        "date",
        "0",
        rf"(1[345789]|2[1-9]|30|31)/(0?[2-9]|1[0-2])(?![\w/]){NO_PART}",
        "the {1:day} of {2:month}",
        bar=r"[=×*+−/-]\s?$",
    ),
)
_TIMES = (
    Rule(
        "clock",
        "0",
        _CLOCK + r"\s?([AaPp])\.?[Mm]\b\.?",
        "{1:hour} {2:past} {3:HALVES} {.}",
    ),
    Rule("until", ".", r"(?:(?<=[AaPp][Mm])|(?<=[AaPp][Mm]\s))[-–]\s?(?=\d{1,2}\.\d\d)", "to"),
    Rule("until", ".", r"(?<=\.\d\d)[-–](?=\d{1,2}\.\d\d\s?[AaPp][Mm])", "to"),
    Rule(
        "clock",
        "0",
        _CLOCK + rf"(?![\d%°]|\.\d|\s?(?:{UNIT}|{SCALE}|{MONEY}|per\s?cent|percent|degrees|times)(?!\w))",
        "{1:hour} {2:past}",
        _AT,
    ),
)
_SCORES = (
    Rule("score", "0", r"0\s?[-–]\s?0(?![\w-]|\.\d)", "nil nil", _PLAYED),
    Rule("score", "0", r"(\d{1,2})\s?[-–]\s?0(?![\w-]|\.\d)", "{1:cardinal} nil", _PLAYED),
    Rule("score", "0", r"0\s?[-–]\s?(\d{1,2})(?![\w-]|\.\d)", "nil {1:cardinal}", _PLAYED),
    Rule("score", "0", r"(\d{1,2})\s?[-–]\s?(\d{1,2})(?![\w-]|\.\d)", "{1:cardinal} {2:cardinal}", _PLAYED),
)
_AMOUNTS = (
    Rule("pence", "0", r"(\d{1,3})p(?!\w)", "{1:count penny pence}"),
    Rule("rent", ".", rf"({MONEY})({REAL})\s?pcm(?!\w)", "{2:amount 1} per calendar month"),
    Rule("rent", ".", rf"({MONEY})({REAL})\s?p\.?\s?a\.?(?!\w)", "{2:amount 1} per annum"),
    Rule("stone", "0", r"(\d{1,2})\s?st\.?,?\s?(\d{1,2})\s?lbs?(?!\w)", "{1:cardinal} stone {2:count pound pounds}"),
    Rule("stone", "0", r"(1\d|2[02-9]|[2-9])\s?st(?![\w.])", "{1:cardinal} stone"),
)
_CODES = (
    Rule("postcode", "A", r"[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}(?![\w-])", "{0:code}"),
    Rule("phone", "0.", r"(?:\+44\s?|0)\d{2,4}\s\d{3,6}(?:\s\d{3,4})?(?!\d|-|[.,]\d)|0\d{10}(?!\d)", "{0:phone}"),
    Rule("motorway", "A", r"([AM]\d{1,4})\(M\)", "{1:mixed} M"),
    Rule("number", "A", r"No(?=\s\d{1,3}(?![\d,.%]))", "number"),
)


def _spelled(name: str) -> str:
    """ "centimeters" as "centimetres"."""
    return name.replace("meter", "metre").replace("liter", "litre")


GB = Convention(
    "en-GB",
    Numbers(joint="and", zero="nought"),
    tables={
        "SHORT_CHANGE": frozenset("£"),
        "ZERO_OF_CODES": "oh",
        "UNITS": {unit: (_spelled(one), _spelled(many)) for unit, (one, many) in UNITS.items()},
        "PER": {unit: _spelled(name) for unit, name in PER.items()},
    },
    words={
        "Z": "zˈɛd", "advertisement": "ədvˈɜɹTᵻsmᵊnt", "agile": "ˈæʤˌIl", "ate": "ˈɛt", "ballet": "bˈælˌA",
        "basil": "bˈæzᵊl", "been": "bˌin", "brochure": "bɹˈOʃəɹ", "buffet": "bˈʊfˌA", "cafe": "kˈæfˌA",
        "cigarette": "sˌɪɡəɹˈɛt", "clerk": "klˈɑɹk", "debris": "dˈɛbɹˌi", "derby": "dˈɑɹbi", "docile": "dˈOsˌIl",
        "dynasty": "dˈɪnəsti", "either": "ˈIðəɹ", "evolution": "ˌivəlˈuʃᵊn", "fertile": "fˈɜɹtˌIl", "fillet": "fˈɪlᵻt",
        "fragile": "fɹˈæʤˌIl", "futile": "fjˈutˌIl", "garage": "ɡˈæɹɑʒ", "glacier": "ɡlˈæsiəɹ", "herb": "hˈɜɹb",
        "herbal": "hˈɜɹbᵊl", "hostile": "hˈɑstˌIl", "kilometre": "kˈɪləmˌiTəɹ", "kilometer": "kˈɪləmˌiTəɹ",
        "laboratory": "ləbˈɔɹətɹi", "leisure": "lˈɛʒəɹ", "leisurely": "lˈɛʒəɹli", "lever": "lˈivəɹ",
        "leverage": "lˈivəɹɪʤ", "lieutenant": "lɛftˈɛnənt", "medicine": "mˈɛdsᵊn", "methane": "mˈiθˌAn",
        "missile": "mˈɪsˌIl", "mobile": "mˈObˌIl", "neither": "nˈIðəɹ", "niche": "nˈiʃ", "nougat": "nˈuɡˌɑ",
        "oregano": "ˌɔɹəɡˈɑnO", "pasta": "pˈæstə", "patent": "pˈAtᵊnt", "privacy": "pɹˈɪvəsi", "route": "ɹˈut",
        "router": "ɹˈuTəɹ", "schedule": "ʃˈɛʤˌul", "scone": "skˈɑn", "shone": "ʃˈɑn", "sterile": "stˈɛɹˌIl",
        "tomato": "təmˈɑTO", "vase": "vˈɑz", "vitamin": "vˈɪTəmɪn", "yoghurt": "jˈɑɡəɹt", "yogurt": "jˈɑɡəɹt",
        "zebra": "zˈɛbɹə",
    },
)  # fmt: skip
BRITISH_RULES: tuple[Rule, ...] = (*_DATES, *_TIMES, *_SCORES, *_AMOUNTS, *_CODES)
