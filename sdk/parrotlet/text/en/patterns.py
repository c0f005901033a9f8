"""Pieces that the patterns of rules are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable

from parrotlet.text.en.tables import (
    CURRENCIES,
    CURRENCY_CODES,
    DAYS,
    DOTTED_UNITS,
    FILE_ENDINGS,
    MONTH_SHORT,
    MONTHS,
    NEEDS_TOUCH,
    PER,
    SCALE_WORDS,
    SCALES,
    TOP_DOMAINS,
    UNITS,
)


def either(words: Iterable[str]) -> str:
    """An alternation of words, the longest first."""
    return "|".join(sorted(map(re.escape, words), key=lambda word: (-len(word), word)))


NUM = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
REAL = rf"(?:{NUM}(?:\.\d+)?|\.\d+)"
MONTH = either({*MONTHS, *(name.title() for name in MONTH_SHORT)})
UNIT = either(UNITS)
SPACED_UNIT = either(unit for unit in UNITS if unit not in NEEDS_TOUCH)
DOTTED_UNIT = either(DOTTED_UNITS)
TOUCHING_UNIT = either(NEEDS_TOUCH)
WEEKDAY = either(name.title() for name in DAYS)
MONEY = either(CURRENCIES)
CODES = either(CURRENCY_CODES)
SCALE = either({*SCALES, *SCALE_WORDS})
TOP = either(TOP_DOMAINS)
PER_UNIT = either(PER)
FILE = either(FILE_ENDINGS | {ending.upper() for ending in FILE_ENDINGS if len(ending) > 2})
END = r"(?!\w)"
