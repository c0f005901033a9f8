"""The ways in which a slot of a template says a group of its match (`templates.py`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from parrotlet.text.en.numbers import Numbers, roman
from parrotlet.text.en.place import FORESIGHT, Place


class Spot(NamedTuple):
    """A match and where it was found."""

    match: re.Match[str]
    place: Place

    @property
    def numbers(self) -> Numbers:
        return self.place.convention.numbers

    def table(self, name: str) -> Any:
        return self.place.convention.table(name)

    def group(self, number: str) -> str:
        return self.match.group(int(number)) or ""


def _letters(written: str) -> str:
    return "-".join(filter(str.isalpha, written.upper()))


def _code(written: str, spot: Spot) -> str:
    """Sign by sign: letters by their names, each figure on its own; groups make a pause."""
    zero = spot.table("ZERO_OF_CODES")
    groups = re.findall(r"[A-Za-z0-9]+", written)
    return ", ".join(
        " ".join(sign.upper() if sign.isalpha() else spot.numbers.spelled(sign, zero) for sign in group)
        for group in groups
    )


def _groups(written: str, spot: Spot) -> str:
    zero = spot.table("ZERO_OF_CODES")
    return ", ".join(spot.numbers.spelled(group, zero) for group in re.findall(r"\d+", written))


def _phone(written: str, spot: Spot) -> str:
    groups = re.findall(r"\d+", written)
    spoken = ["eight hundred" if group == "800" else spot.numbers.spelled(group, "oh") for group in groups]
    return ("plus " if written.startswith("+") else "") + ", ".join(spoken)


def _dial(written: str, spot: Spot) -> str:
    """A telephone's service code: "*67", "#31#"."""
    said = {"*": "star", "#": "hash"}
    return " ".join(said.get(part) or spot.numbers.spelled(part) for part in re.findall(r"\d+|[*#]", written))


def _month(written: str, spot: Spot) -> str | None:
    return spot.table("MONTHS")[int(written) - 1] if 1 <= int(written) <= 12 else None


def _day(written: str, spot: Spot) -> str | None:
    return spot.numbers.ordinal(written) if 1 <= int(written) <= 31 else None


def _hour(written: str, spot: Spot) -> str | None:
    return spot.numbers.cardinal(written) if int(written) <= 24 else None


def _past_the_hour(written: str, spot: Spot) -> str | None:
    """Minutes of a clock; nothing for the full hour."""
    if int(written) > 59:
        return None
    return spot.numbers.minutes(written) if int(written) else ""


def _power(written: str, spot: Spot) -> str:
    sign = "minus " if written[0] in "-−" else ""
    digits = written.lstrip("-−+")
    if not digits.isdecimal():
        return f"to the {sign}{digits.upper()}"
    said = spot.numbers.cardinal(digits) if sign else spot.numbers.ordinal(digits)
    return spot.table("POWER_WORDS").get(written) or f"to the {sign}{said}"


def _number(written: str, spot: Spot) -> str:
    return spot.numbers.bare(written) if written.isdecimal() else spot.numbers.real(written)


def _plural(spoken: str) -> str:
    return re.sub(r"y$", "ie", re.sub(r"x$", "xe", spoken)) + "s"


def _tens(written: str, spot: Spot) -> str:
    return "tens" if written == "10" else re.sub("y$", "ies", spot.numbers.cardinal(written))


def _count(written: str, spot: Spot, one: str, many: str) -> str:
    return f"{spot.numbers.real(written)} {one if written.lstrip('0') == '1' else many}"


def _some(written: str, spot: Spot, one: str, many: str) -> str:
    return _count(written, spot, one, many) if written.strip("0") else ""


def _amount(written: str, spot: Spot, sign: str, scale: str = "0", described: str = "") -> str:
    """Money: the groups of its sign and scale, and whether it stands before its noun ("a $5 bill")."""
    code = spot.group(sign)
    code = spot.table("CURRENCY_CODES").get(code, code)
    one, many, cent, cents = spot.table("CURRENCIES")[code]
    scaled = spot.group(scale) if scale != "0" else ""
    numbers = spot.numbers
    if scaled:
        return f"{numbers.real(written)} {spot.table('SCALES').get(scaled, scaled)} {one if described else many}"
    whole, _, fraction = written.replace(",", "").partition(".")
    if len(fraction) != 2 or not cent or not int(fraction):
        counted = written if fraction.strip("0") else whole
        return f"{numbers.real(counted)} {one if counted == '1' or described else many}"
    small = f"{numbers.cardinal(fraction)} {cent if int(fraction) == 1 else cents}"
    if not int(whole or 0):
        return small
    large = f"{numbers.real(whole)} {one if whole == '1' else many}"
    short = code in spot.table("SHORT_CHANGE") and int(fraction) > 9
    return f"{large} {numbers.cardinal(fraction)}" if short else f"{large} and {small}"


def _part(written: str, spot: Spot, below: str, article: str = "") -> str | None:
    """A fraction by its words, "three quarters"; with an article "a half"."""
    bottom = spot.group(below)
    if int(bottom) == 0 or len(written) > 2 or int(bottom) > 100:
        return None
    name = spot.numbers.ordinal(bottom)
    one, many = spot.table("DENOMINATORS").get(bottom) or (name, f"{name}s")
    if article and written == "1" and bottom in "24":
        return f"a {one}"
    return f"{spot.numbers.cardinal(written)} {one if written == '1' else many}"


def _sizes(written: str, spot: Spot, joint: str) -> str:
    return f" {joint} ".join(spot.numbers.real(size) for size in re.split(r"\s?[x×]\s?", written))


def _roman(written: str, spot: Spot) -> str | None:
    numeral = written.removesuffix("'s")
    value = roman(numeral.upper())
    return spot.numbers.cardinal(str(value)) + written[len(numeral) :] if value else None


def _regnal(written: str, spot: Spot) -> str | None:
    """The number of a king: "the eighth"."""
    numeral = written.removesuffix("'s")
    value = roman(numeral)
    return f"the {spot.numbers.ordinal(str(value))}{written[len(numeral) :]}" if 1 < value < 40 else None


_ADDRESS_ATOM = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\w]|_")


def _address(part: str, spot: Spot) -> str:
    """The pieces of an address, path or name: words, numbers, letters and the signs between them."""
    words: list[str] = []
    for atom in _ADDRESS_ATOM.findall(part):
        if atom.isdecimal():
            words.append(spot.numbers.bare(atom) if len(atom) < 5 else spot.numbers.spelled(atom))
        elif atom.isalpha():
            words.append(_name(atom, spot))
        else:
            words.append(spot.table("ADDRESS_SIGNS").get(atom, ""))
    return " ".join(filter(None, words))


def _name(word: str, spot: Spot) -> str:
    """A run of letters in an address: a word, a word with an acronym at its end ("openai"), or letters."""
    lower, head = word.lower(), word[:-2].lower()
    knows = spot.place.knows
    if len(head) > 2 and word[-2:].upper() in spot.table("SPELLED_WORDS") and knows(head) and not knows(lower):
        return f"{head} {_letters(word[-2:])}"
    return lower if _sayable(word, spot) else _letters(word)


def _sayable(word: str, spot: Spot) -> bool:
    lower, knows = word.lower(), spot.place.knows
    short = lower in spot.table("SHORT_WORDS")
    if word.upper() in spot.table("SPELLED_WORDS") and not short:
        return False
    if len(word) < 3:
        return short and knows(lower)
    return knows(lower) or (len(word) > 3 and re.search(r"[aeiouy]", lower) is not None)


def _domain(written: str, spot: Spot) -> str:
    *names, top = written.split(".")
    if top.isdecimal():
        return " dot ".join(map(spot.numbers.cardinal, [*names, top]))
    ending = top.lower() if top.lower() in spot.table("DOMAIN_WORDS") else _letters(top)
    return " dot ".join([*(_address(name, spot) for name in names), ending])


def _ending(written: str, spot: Spot) -> str:
    """The ending of a file's name."""
    lower = written.lower()
    said = spot.table("SPOKEN_ENDINGS").get(lower)
    if said is not None:
        return str(said)
    digits = "".join(filter(str.isdigit, lower))
    if not digits and len(lower) > 3:
        return _address(lower, spot)
    return " ".join(filter(None, (_letters(lower), spot.numbers.cardinal(digits) if digits else "")))


def _acronym(written: str, spot: Spot, tail: str) -> str:
    place, end = spot.place, spot.match.start() + len(written)
    before, after = place.behind(spot.match.start()), place.text[end : end + FORESIGHT]
    return place.acronyms.read(written, spot.group(tail), before, after)


def _small_letters(written: str, spot: Spot) -> str | None:
    """An acronym written small: "urls"."""
    if written not in spot.table("SPELLED_SMALL"):
        return None
    return spot.place.acronyms.read(written.removesuffix("s").upper(), "s" * written.endswith("s"), "", "")


def _mixed(written: str, spot: Spot) -> str:
    """Letters and digits in one token: "F-16", "iPhone15", "A4", "COVID-19"."""
    numbers, acronyms = spot.numbers, spot.place.acronyms
    words: list[str] = []
    for atom in re.findall(r"[A-Za-z]+|\d+(?:\.\d+)*", written):
        if atom[0].isdecimal():
            parts = atom.split(".")
            words.append(" point ".join(numbers.pairs(one) if len(one) < 5 else numbers.spelled(one) for one in parts))
        elif atom == "s" and words and written.endswith("s"):
            words[-1] = _plural(words[-1])
        elif len(atom) == 1 or (atom.isupper() and len(atom) < 4 and atom not in ("THE", "AND")):
            words.append(_letters(atom))
        elif atom.isupper():
            words.append(acronyms.word_or_letters(atom))
        else:
            words.append(atom if _sayable(atom, spot) else _letters(atom))
    return " ".join(words)


def _hyphenated(written: str, spot: Spot) -> str | None:
    """All-capital parts of a hyphenated word: "CPU-bound", "non-EU"."""
    parts = written.split("-")
    capitals = [part.isupper() and len(part) > 1 for part in parts]
    if not any(capitals):
        return None
    read = spot.place.acronyms.word_or_letters
    return " ".join(read(part) if capital else part for part, capital in zip(parts, capitals, strict=True))


def _held(written: str, spot: Spot) -> str | None:
    """A word with letters held on to: "sooo", "yesss", "coool". Inside a word two of them are likelier than one."""
    word = written.lower()
    inside = re.search(r"([aeiou])\1\1+(?!\1)[a-z]", word) is not None
    single, double = (re.sub(r"([a-z])\1\1+", kept, word) for kept in (r"\1", r"\1\1"))
    return next((one for one in ((double, single) if inside else (single, double)) if spot.place.knows(one)), None)


Way = Callable[..., "str | None"]

WAYS: Mapping[str, Way] = {
    "as": lambda written, _: written,
    "number": _number,
    "possessed": lambda written, spot: f"{_number(written, spot)}'s",
    "plural": lambda written, spot: _plural(_number(written, spot)),
    "bare": lambda written, spot: spot.numbers.bare(written),
    "real": lambda written, spot: spot.numbers.real(re.sub(r"\s", "", written)),
    "grouped": lambda written, spot: spot.numbers.real(re.sub(r"[.\s]", "", written).replace(",", ".")),
    "cardinal": lambda written, spot: spot.numbers.cardinal(re.sub(r"\D", "", written)),
    "ordinal": lambda written, spot: spot.numbers.ordinal(written.replace(",", "")),
    "agents": lambda written, spot: re.sub("e?$", "ers", spot.numbers.cardinal(written), count=1),
    "hundreds": lambda written, spot: f"{spot.numbers.cardinal(re.sub(r'[^0-9]', '', written)[:2])} hundreds",
    "tens": _tens,
    "year": lambda written, spot: spot.numbers.year(written),
    "years": lambda written, spot: (spot.numbers.year if len(written) == 4 else spot.numbers.minutes)(written),
    "minutes": lambda written, spot: spot.numbers.minutes(written),
    "past": _past_the_hour,
    "hour": _hour,
    "pairs": lambda written, spot: spot.numbers.pairs(written),
    "groups": _groups,
    "phone": _phone,
    "dial": _dial,
    "code": _code,
    "letters": lambda written, _: _letters(written),
    "small_letters": _small_letters,
    "camel": lambda written, _: " ".join(re.findall("[A-Z]?[a-z]+|[A-Z]", written)).lower(),
    "month": _month,
    "day": _day,
    "power": _power,
    "points": lambda written, spot: " point ".join(map(spot.numbers.cardinal, written.split("."))),
    "dots": lambda written, spot: " dot ".join(map(spot.numbers.cardinal, written.split("."))),
    "sizes": _sizes,
    "one": lambda written, spot: spot.table("UNITS")[written][0],
    "many": lambda written, spot: spot.table("UNITS")[written][1],
    "count": _count,
    "some": _some,
    "amount": _amount,
    "part": _part,
    "roman": _roman,
    "regnal": _regnal,
    "address": _address,
    "domain": _domain,
    "ending": _ending,
    "acronym": _acronym,
    "mixed": _mixed,
    "hyphenated": _hyphenated,
    "held": _held,
}
