"""What most rules say of their match, as data: a template of words and slots, shared with other hosts.

A template's words are said as they stand. A slot `{2:how}` says group 2 in one of the `WAYS`, or by a table of
`tables.py` (`{1:STATES}`); `{2:count foot feet}` counts it, and `{2:some foot feet}` is silent about none of them.
`{2?word}` says "word" where group 2 took part, `{2!word}` where it did not. A slot of a group that took no part is
silent; a way that has no answer makes the rule pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from parrotlet.text.en import numbers, tables
from parrotlet.text.en.place import Place

_SLOT = re.compile(r"\{(\d)([:?!])([^}]*)\}|([^\s{}]+)")
_POWERS = {"2": "squared", "3": "cubed"}


def _letters(written: str) -> str:
    return "-".join(filter(str.isalpha, written.upper()))


def _code(written: str) -> str:
    """Sign by sign: letters by their names, each figure on its own; groups make a pause."""
    groups = re.findall(r"[A-Za-z0-9]+", written)
    return ", ".join(" ".join(_sign(sign) for sign in group) for group in groups)


def _sign(sign: str) -> str:
    return sign.upper() if sign.isalpha() else numbers.spelled(sign)


def _groups(written: str) -> str:
    return ", ".join(numbers.spelled(group) for group in re.findall(r"\d+", written))


def _month(written: str) -> str | None:
    return tables.MONTHS[int(written) - 1] if 1 <= int(written) <= 12 else None


def _day(written: str) -> str | None:
    return numbers.ordinal(written) if 1 <= int(written) <= 31 else None


def _hour(written: str) -> str | None:
    return numbers.cardinal(written) if int(written) <= 24 else None


def _past_the_hour(written: str) -> str | None:
    """Minutes of a clock; nothing for the full hour."""
    if int(written) > 59:
        return None
    return numbers.minutes(written) if int(written) else ""


def _power(written: str) -> str:
    sign = "minus " if written[0] in "-−" else ""
    digits = written.lstrip("-−+")
    if digits.isdecimal():
        return _POWERS.get(written) or f"to the {sign}{numbers.cardinal(digits) if sign else numbers.ordinal(digits)}"
    return f"to the {sign}{digits.upper()}"


def _real(written: str) -> str:
    """A number whose thousands may stand apart by spaces."""
    return numbers.real(re.sub(r"\s", "", written))


def _grouped(written: str) -> str:
    """A number with dots or spaces between thousands and a decimal comma."""
    return numbers.real(re.sub(r"[.\s]", "", written).replace(",", "."))


def _number(written: str) -> str:
    return numbers.bare(written) if written.isdecimal() else numbers.real(written)


WAYS: Mapping[str, Callable[[str], str | None]] = {
    "as": str,
    "number": _number,
    "real": _real,
    "grouped": _grouped,
    "cardinal": lambda written: numbers.cardinal(re.sub(r"\D", "", written)),
    "ordinal": numbers.ordinal,
    "agents": lambda written: re.sub("e?$", "ers", numbers.cardinal(written), count=1),
    "hundreds": lambda written: numbers.cardinal(re.sub(r"\D", "", written)[:2]) + " hundreds",
    "year": numbers.year,
    "minutes": numbers.minutes,
    "past": _past_the_hour,
    "hour": _hour,
    "pairs": numbers.pairs,
    "groups": _groups,
    "code": _code,
    "letters": _letters,
    "camel": lambda written: " ".join(re.findall("[A-Z]?[a-z]+|[A-Z]", written)).lower(),
    "month": _month,
    "day": _day,
    "power": _power,
    "one": lambda written: tables.UNITS[written][0],
    "many": lambda written: tables.UNITS[written][1],
}


class Template:
    """The answer of a rule for its match."""

    def __init__(self, written: str) -> None:
        self.written = written
        self._parts = [match.groups() for match in _SLOT.finditer(written)]

    def __call__(self, match: re.Match[str], _: Place) -> str | None:
        words = []
        for group, kind, how, literal in self._parts:
            if literal is not None:
                words.append(literal)
                continue
            written = match.group(int(group))
            if kind in "?!":
                words.append(how if bool(written) == (kind == "?") else "")
            elif written:
                said = _said(how, written)
                if said is None:
                    return None
                words.append(said)
        return " ".join(filter(None, words))


def _said(how: str, written: str) -> str | None:
    if " " in how:
        kind, one, many = how.split()
        number = written.lstrip("0")
        return "" if kind == "some" and not number else f"{numbers.real(written)} {one if number == '1' else many}"
    if how.isupper():
        table: Mapping[str, str] = getattr(tables, how)
        return table.get(written) or table.get(written.lower())
    return WAYS[how](written)
