"""Written forms to spoken words: one pass over the text, one table of rules.

At each token that is not a plain word the rules are tried in order; the first that answers wins. A rule
is a pattern and a function from its match to words, or to None where the context speaks against it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from parrotlet.text.en import numbers
from parrotlet.text.en.acronyms import AcronymReader
from parrotlet.text.en.emoji import EMOJI, emoji_name
from parrotlet.text.en.fold import fold
from parrotlet.text.en.markup import INLINE
from parrotlet.text.en.patterns import (
    CODES,
    END,
    FILE,
    MONEY,
    MONTH,
    NUM,
    PER_UNIT,
    REAL,
    SCALE,
    SPACED_UNIT,
    TOP,
    UNIT,
    WEEKDAY,
    either,
)
from parrotlet.text.en.place import FORESIGHT, Place, Rule, Say, kind_of
from parrotlet.text.en.tables import (
    ABBREVIATIONS,
    COUNTED,
    CURRENCIES,
    CURRENCY_CODES,
    DAYS,
    DIGIT_WORDS,
    DOMAIN_WORDS,
    DOT_NEEDED,
    DOTTED_UNITS,
    ELIDED,
    MONTH_SHORT,
    MONTHS,
    NEEDS_TOUCH,
    NUMBER_FOLLOWS,
    NUMBERED,
    OPERATORS,
    PER,
    POWERS,
    REGNAL,
    SCALE_WORDS,
    SCALES,
    SENTENCE_STARTERS,
    SILENT,
    SPELLED_SMALL,
    SPELLED_WORDS,
    SPOKEN_ENDINGS,
    SYMBOLS,
    TITLES,
    UNITS,
    WEEKDAYS,
)
from parrotlet.text.en.template_rules import TEMPLATE_RULES


def _day(digits: str) -> str:
    return numbers.ordinal(digits)


def _is_day(digits: str) -> bool:
    return 1 <= int(digits) <= 31


def _letters(word: str) -> str:
    return "-".join(word.upper())


def _count(written: str, one: str, many: str) -> str:
    return f"{numbers.real(written)} {one if written == '1' else many}"


def _email(match: re.Match[str], place: Place) -> str:
    local, domain = match.group().rsplit("@", 1)
    return f"{_address(local, place)} at {_domain(domain, place)}"


_ADDRESS_SIGNS = {
    ".": "dot",
    "/": "slash",
    "-": "dash",
    "_": "underscore",
    "+": "plus",
    ":": "colon",
    "~": "tilde",
    "?": "question mark",
    "&": "and",
    "=": "equals",
    "%": "percent",
    "#": "hash",
    "@": "at",
    "\\": "backslash",
}


def _address(part: str, place: Place) -> str:
    """The pieces of an address, path or name: words, numbers, letters and the signs between them."""
    words: list[str] = []
    for atom in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\w]|_", part):
        if atom.isdecimal():
            words.append(numbers.bare(atom) if len(atom) < 5 else numbers.spelled(atom))
        elif atom.isalpha():
            words.append(_name(atom, place))
        elif atom in _ADDRESS_SIGNS:
            words.append(_ADDRESS_SIGNS[atom])
    return " ".join(words)


def _name(word: str, place: Place) -> str:
    """A run of letters in an address: a word, a word with an acronym at its end ("openai"), or letters."""
    lower, head = word.lower(), word[:-2].lower()
    if len(head) > 2 and word[-2:].upper() in SPELLED_WORDS and place.knows(head) and not place.knows(lower):
        return f"{head} {_letters(word[-2:])}"
    return lower if _sayable(word, place) else _letters(word)


def _sayable(word: str, place: Place) -> bool:
    lower = word.lower()
    if word.upper() in SPELLED_WORDS and lower not in _SHORT_WORDS:
        return False
    if len(word) < 3:
        return place.knows(lower) and lower in _SHORT_WORDS
    return place.knows(lower) or (len(word) > 3 and re.search(r"[aeiouy]", lower) is not None)


_SHORT_WORDS = frozenset("a i am an as at be by co do go he hi if in is it me my no of on or so to up us we".split())


def _domain(domain: str, place: Place) -> str:
    *names, top = domain.split(".")
    if top.isdecimal():
        return " dot ".join(map(numbers.cardinal, [*names, top]))
    ending = top.lower() if top.lower() in DOMAIN_WORDS else _letters(top)
    return " dot ".join([*(_address(name, place) for name in names), ending])


def _url(match: re.Match[str], place: Place) -> str:
    domain, path = match.group(2), match.group(3) or ""
    host, _, port = domain.partition(":")
    spoken = _domain(host, place)
    if port:
        spoken += f" colon {numbers.bare(port)}"
    return f"{spoken} {_address(path.rstrip('/'), place)}".strip()


def _file(match: re.Match[str], place: Place) -> str | None:
    path, ending = match.group(1), match.group(2)
    lower = ending.lower()
    if len(lower) == 1 and re.fullmatch(r"[A-Z]\w*", path) and lower not in "ch":
        return None
    said = SPOKEN_ENDINGS.get(lower)
    if said is None:
        said = _address(lower, place) if re.search(r"\d", lower) is None and len(lower) > 3 else _ending(lower)
    return f"{_address(path, place)} dot {said}"


def _ending(ending: str) -> str:
    letters = "".join(filter(str.isalpha, ending))
    digits = "".join(filter(str.isdigit, ending))
    return " ".join(filter(None, (_letters(letters), numbers.cardinal(digits) if digits else "")))


def _hashtag(match: re.Match[str], place: Place) -> str:
    word = "number" if re.fullmatch(r"[A-Z]\d+", match.group(1)) else "hashtag"
    return f"{word} {_address(match.group(1), place)}"


def _handle(match: re.Match[str], place: Place) -> str:
    return f"at {_address(match.group(1), place)}"


def _money(match: re.Match[str], place: Place) -> str:
    minus, sign, amount, scale, per = match.groups()
    spoken = ("minus " if minus else "") + _amount(sign, amount, scale, per)
    one, many, *_ = CURRENCIES[sign]
    return spoken.removesuffix(many) + one if _describes(match, place) and spoken.endswith(many) else spoken


_NOT_DESCRIBED = frozenset(
    "a an and or but in on at for to from per of is was each every with by than more less".split()
)


def _describes(match: re.Match[str], place: Place) -> bool:
    """True for an amount that stands before its noun: "a $5 bill", "a 3 km walk", "$5-a-day"."""
    following = re.match(r"(-)?\s?([a-z]+)", place.after(match))
    if following is None:
        return False
    return bool(following.group(1)) or (place.before in ("a", "an") and following.group(2) not in _NOT_DESCRIBED)


def _amount(sign: str, amount: str, scale: str | None, per: str | None = None) -> str:
    one, many, cent, cents = CURRENCIES[sign]
    whole, _, fraction = amount.replace(",", "").partition(".")
    tail = f" per {PER[per]}" if per else ""
    if scale:
        return f"{numbers.real(amount)} {SCALES.get(scale, scale)} {many}{tail}"
    if len(fraction) != 2 or not cent:
        return _count(amount, one, many) + tail if fraction.strip("0") else _count(whole, one, many) + tail
    small = f"{numbers.cardinal(fraction)} {cent if int(fraction) == 1 else cents}" if int(fraction) else ""
    large = _count(whole, one, many) if int(whole or 0) or not small else ""
    return " and ".join(filter(None, (large, small))) + tail


def _money_range(match: re.Match[str], _: Place) -> str:
    sign, low, high, scale = match.group(1, 2, 3, 4)
    return f"{numbers.real(low)} to {_amount(sign, high, scale)}"


def _money_after(match: re.Match[str], _: Place) -> str:
    amount, scale, sign = match.group(1, 2, 3)
    return _amount(CURRENCY_CODES.get(sign, sign), amount, scale)


def _money_code(match: re.Match[str], _: Place) -> str:
    code, amount, scale = match.group(1, 2, 3)
    return _amount(CURRENCY_CODES[code], amount, scale)


def _iso_date(match: re.Match[str], _: Place) -> str | None:
    year, month, day = match.group(1), int(match.group(2)), match.group(3)
    if not 1 <= month <= 12 or not _is_day(day):
        return None
    return f"{MONTHS[month - 1]} {_day(day)}, {numbers.year(year)}"


def _slash_date(match: re.Match[str], _: Place) -> str | None:
    first, second, year = match.group(1), match.group(3), match.group(4)
    month, day = (second, first) if int(first) > 12 else (first, second)
    if not 1 <= int(month) <= 12 or not _is_day(day):
        return None
    return f"{MONTHS[int(month) - 1]} {_day(day)}, {_full_year(year)}"


def _full_year(year: str) -> str:
    return numbers.year(year) if len(year) == 4 else numbers.minutes(year)


def _month_day(match: re.Match[str], _: Place) -> str | None:
    month, day, until, year = match.group(1, 2, 3, 4)
    if not _is_day(day) or (until and not _is_day(until)):
        return None
    spoken = f"{MONTH_SHORT[month.lower()]} {_day(day)}"
    spoken += f" to {_day(until)}" if until else ""
    return spoken + (f", {numbers.year(year)}" if year else "")


def _day_month(match: re.Match[str], place: Place) -> str | None:
    day, month, year = match.group(1, 2, 3)
    if not _is_day(day):
        return None
    article = "" if place.before == "the" else "the "
    spoken = f"{article}{_day(day)} of {MONTH_SHORT[month.lower()]}"
    return spoken + (f", {numbers.year(year)}" if year else "")


def _month_year(match: re.Match[str], _: Place) -> str:
    return f"{MONTH_SHORT[match.group(1).lower()]} {numbers.year(match.group(2))}"


def _month_short(match: re.Match[str], _: Place) -> str:
    return MONTH_SHORT[match.group(1).lower()]


def _decade(match: re.Match[str], _: Place) -> str:
    century, tens = match.group(1) or "", match.group(2)
    if tens == "00":
        spoken = f"{numbers.cardinal(century)} hundreds"
        return "two thousands" if century == "20" else spoken
    many = re.sub("y$", "ies", numbers.cardinal(tens)) if tens != "10" else "tens"
    return f"{numbers.cardinal(century)} {many}" if century else many


def _full_stop(match: re.Match[str], place: Place) -> str:
    """The dot of an abbreviation that ends the text ends the sentence too."""
    following = place.after(match).lstrip(" \"')")
    return "." if match.group().endswith(".") and (not following or following[0] == "\n") else ""


def _clock(match: re.Match[str], place: Place) -> str | None:
    hour, minute, second, half = int(match.group(1)), match.group(2), match.group(3), match.group(4)
    if hour > 24 or int(minute) > 59:
        return None
    if minute == "00":
        middle = "" if half else (" o'clock" if 0 < hour <= 12 else " hundred")
    else:
        middle = f" {numbers.minutes(minute)}"
    spoken = numbers.cardinal(str(hour)) + middle
    if second:
        spoken += f" and {_count(str(int(second)), 'second', 'seconds')}"
    return spoken + (f" {_letters(half[0] + 'm')}" if half else "") + _full_stop(match, place)


def _hour_half(match: re.Match[str], place: Place) -> str | None:
    hour, half = match.group(1, 2)
    if int(hour) > 12:
        return None
    return f"{numbers.cardinal(hour)} {_letters(half[0] + 'm')}{_full_stop(match, place)}"


def _clock_range(match: re.Match[str], _: Place) -> str | None:
    """The first of two times that share one "am" or "pm": "9-11am", "2:30–4 p.m."."""
    hour, minute = match.group(1, 2)
    if int(hour) > 12:
        return None
    minutes = "" if minute in (None, "00") else f" {numbers.minutes(minute)}"
    return f"{numbers.cardinal(hour)}{minutes} to"


def _until(_: re.Match[str], __: Place) -> str:
    return "to"


def _span(names: Mapping[str, str]) -> Say:
    """A range of named days or months: "Mon-Fri"."""
    return lambda match, _: f"{names[match.group(1).lower()]} to {names[match.group(2).lower()]}"


def _ratio(match: re.Match[str], _: Place) -> str:
    return f"{numbers.cardinal(match.group(1))} to {numbers.cardinal(match.group(2))}"


def _times_over(match: re.Match[str], place: Place) -> str:
    return (
        f"{numbers.real(match.group(1))} {'X' if _describes(match, place) and place.before in ('a', 'an') else 'times'}"
    )


def _duration(match: re.Match[str], _: Place) -> str:
    names = (("hour", "hours"), ("minute", "minutes"), ("second", "seconds"))
    pieces = [_count(str(int(value)), *name) for value, name in zip(match.groups(), names, strict=True) if value]
    return " ".join(pieces)


def _phone(match: re.Match[str], _: Place) -> str:
    groups = re.findall(r"\d+", match.group())
    spoken = ["eight hundred" if group == "800" else numbers.spelled(group, "oh") for group in groups]
    return ("plus " if match.group().startswith("+") else "") + ", ".join(spoken)


def _version(match: re.Match[str], place: Place) -> str:
    letter, number, rest = match.group(1), match.group(2), match.group(3) or ""
    joint = " dot " if number.count(".") == 3 and not letter else " point "
    spoken = joint.join(numbers.cardinal(part) for part in number.split("."))
    return " ".join(filter(None, ("version" if letter else "", spoken, _address(rest.lstrip("-"), place))))


def _range(match: re.Match[str], _: Place) -> str | None:
    low, high, unit, per = match.group(1, 2, 3, 4)
    year = len(low) == 4 and low.isdecimal() and 1100 <= int(low) <= 2099
    if year and not unit:
        spoken = f"{numbers.year(low)} to {numbers.year(high) if len(high) == 4 else numbers.cardinal(high)}"
    else:
        spoken = f"{numbers.real(low)} to {numbers.real(high)}"
    return spoken + (f" {UNITS[unit][1]}" if unit else "") + (f" per {PER[per]}" if per else "")


_DENOMINATORS = {"2": ("half", "halves"), "4": ("quarter", "quarters")}


def _fraction(match: re.Match[str], _: Place) -> str | None:
    whole, top, bottom, unit = match.groups()
    if int(bottom) == 0 or len(top) > 2 or int(bottom) > 100:
        return f"{numbers.bare(top)} over {numbers.bare(bottom)}" if not whole and not unit else None
    one, many = _DENOMINATORS.get(bottom) or (numbers.ordinal(bottom), numbers.ordinal(bottom) + "s")
    part = f"{numbers.cardinal(top)} {one if top == '1' else many}"
    measured = f" {UNITS[unit][1 if whole else 0]}" if unit else ""
    if not whole:
        return part + measured
    article = "a " if top == "1" and bottom in "24" else ""
    return f"{numbers.cardinal(whole)} and {article}{one if article else part}{measured}"


def _ordinal(match: re.Match[str], _: Place) -> str:
    return numbers.ordinal(match.group(1).replace(",", ""))


def _dimensions(match: re.Match[str], place: Place) -> str:
    *sizes, unit = re.split(r"\s?[x×]\s?", match.group(1)) + [match.group(2)]
    reckoned = place.before in _RECKONING or re.match(r"\s?[=<>≤≥≈≠^]", place.after(match))
    spoken = (" times " if reckoned else " by ").join(numbers.real(size) for size in sizes)
    return f"{spoken} {UNITS[unit][1]}" if unit else spoken


_RECKONING = frozenset("plus minus times equals than most least approximately".split())


def _feet_inches(match: re.Match[str], _: Place) -> str:
    feet, inches = match.group(1, 2)
    spoken = _count(feet, "foot", "feet")
    return f"{spoken} {numbers.cardinal(inches)}" if inches else spoken


_MEASURE_SIGNS = {
    "-": "minus ",
    "−": "minus ",
    "+": "plus ",
    "±": "plus or minus ",
    "~": "about ",
    "<": "less than ",
    ">": "more than ",
}


def _measure(match: re.Match[str], place: Place) -> str | None:
    sign, amount, scale, gap, unit, power, per, per_power, dot = match.groups()
    if gap and (unit in NEEDS_TOUCH):
        return None
    one, many = UNITS[unit]
    if power:
        one, many = f"{POWERS[power]} {one}", f"{POWERS[power]} {many}"
    spoken = f"{_MEASURE_SIGNS.get(sign or '', '')}{numbers.real(amount)}{f' {scale}' if scale else ''}"
    following = place.after(match).lstrip(" \"')")
    attributive = gap == "-" or (place.before in ("a", "an") and re.match(r"[a-z]", following) and not per)
    name = one if (amount == "1" and not scale) or attributive else many
    stop = "." if dot and (unit not in DOTTED_UNITS or not following or following[0].isupper()) else ""
    rate = f" per {PER[per]}{f' {SYMBOLS[per_power]}' if per_power else ''}" if per else ""
    return f"{spoken} {name}{rate}{stop}"


def _scaled(match: re.Match[str], place: Place) -> str | None:
    if match.group(2).isupper() and (place.before in COUNTED or re.match(r"\s[A-Z]", place.after(match))):
        return None
    return f"{numbers.real(match.group(1))} {SCALES[match.group(2)]}"


def _scientific(match: re.Match[str], _: Place) -> str:
    base, minus, power = match.group(1, 2, 3)
    return f"{numbers.real(base)} times ten to the {'minus ' if minus else ''}{numbers.cardinal(power)}"


def _hexadecimal(match: re.Match[str], _: Place) -> str:
    digits = " ".join(numbers.bare(one) if one.isdecimal() else _letters(one) for one in match.group(1))
    return f"zero X {digits}"


_SIGNS = {
    "-": "minus ",
    "−": "minus ",
    "+": "plus ",
    "±": "plus or minus ",
    "~": "about ",
    "#": "number ",
    "№": "number ",
}


def _number(match: re.Match[str], place: Place) -> str:
    sign, written, tail = match.group(1) or "", match.group(2), match.group(3) or ""
    head = _SIGNS.get(sign, "")
    if written.isdecimal():
        spoken = numbers.pairs(written) if place.before in COUNTED and len(written) > 2 else numbers.bare(written)
    else:
        spoken = numbers.real(written)
    if tail:
        spoken = f"{spoken}'s" if tail.startswith("'") else _plural(spoken)
    return head + spoken


def _plural(spoken: str) -> str:
    return re.sub(r"y$", "ie", re.sub(r"x$", "xe", spoken)) + "s"


def _small_roman(match: re.Match[str], place: Place) -> str | None:
    """Roman numerals in small letters: "scene ii", "(iv)"."""
    value = numbers.roman(match.group().upper())
    called = place.text[max(0, match.start() - 2) : match.start() - 1].isalnum()
    bracketed = place.text[match.start() - 1 : match.start()] + place.after(match)[:1] == "()" and not called
    return numbers.cardinal(str(value)) if value and (bracketed or place.before in NUMBERED) else None


def _roman(match: re.Match[str], place: Place) -> str | None:
    numeral, possessive = match.group(1), match.group(2) or ""
    value = numbers.roman(numeral)
    before = place.before
    if not value:
        return None
    if before in REGNAL and value < 40 and numeral != "I":
        return f"the {numbers.ordinal(str(value))}{possessive}"
    if before in REGNAL and numeral == "I" and before not in ("king", "queen"):
        following = place.after(match)[:12].split()
        return None if following and following[0].islower() and following[0] in _AFTER_I else f"the first{possessive}"
    if before in NUMBERED:
        return numbers.cardinal(str(value)) + possessive
    if len(numeral) > 1 and value < 50 and not set(numeral) - set("IVX"):
        return numbers.cardinal(str(value)) + possessive
    return None


_AFTER_I = frozenset("am was will would have had do did can could think know saw said went met".split())


def _abbreviation(match: re.Match[str], place: Place) -> str | None:
    word, dot = match.group(1), match.group(2)
    lower = word.lower().rstrip(".")
    following = place.after(match).lstrip()
    last = _full_stop(match, place)
    if lower == "st":
        name_next = re.match(r"[A-Z][a-z]", following) is not None
        if not dot and not name_next:
            return None
        return "saint" if name_next else f"street{last}"
    if lower == "dr" and not re.match(r"[A-Z]", following):
        return f"drive{last}" if dot or place.spoken else None
    if lower in NUMBER_FOLLOWS and not re.match(r"\(?#?\d|[IVX]{2,}\b|[VX]\b", following):
        return None
    if lower in TITLES:
        named = re.match(r"[A-Z]", following) is not None
        if named and (dot or lower not in DOT_NEEDED):
            return TITLES[lower]
        if lower in DOT_NEEDED or not dot:
            return TITLES[lower] if lower in ("mr", "mrs", "ms") else None
        return TITLES[lower] + last
    if word in SPELLED_SMALL:
        return place.acronyms.read(word.removesuffix("s").upper(), "s" * word.endswith("s"), "", "") + (dot or "")
    if lower in WEEKDAYS:
        if place.before in ("the", "a", "our", "its"):
            return None
        return WEEKDAYS[lower] + last if word[0].isupper() and (dot or 3 < len(lower) < 6) else None
    if lower not in ABBREVIATIONS or (not dot and lower in DOT_NEEDED):
        return None
    if lower in ("al", "ed", "est", "ca") and not following:
        return None
    if word.isupper() and "." not in word and len(word) < 5 and not dot:
        return None
    comma = "," if lower in ("e.g", "i.e") and following[:1] != "," else ""
    return ABBREVIATIONS[lower] + comma + last


def _initials(match: re.Match[str], place: Place) -> str | None:
    letters = re.findall(r"[A-Za-z]", match.group(1))
    following = place.after(match).lstrip()
    if len(letters) == 1:
        named = re.match(r"([A-Z][a-z]+)|[A-Z]\.", following)
        lone = place.spoken and place.before.islower() and not place.spoken[-2:][0].strip()[:1].isupper()
        if named is None or (named.group(1) or "").lower() in SENTENCE_STARTERS or (lone and letters[0] != "J"):
            return None
    return ("ay" if letters == ["A"] else _letters("".join(letters))) + _full_stop(match, place)


def _acronym(match: re.Match[str], place: Place) -> str | None:
    before, after = place.behind(match.start()), place.text[match.end(1) : match.end(1) + FORESIGHT]
    return place.acronyms.read(match.group(1), match.group(2) or "", before, after)


def _table_word(match: re.Match[str], _: Place) -> str | None:
    return DIGIT_WORDS.get(match.group().lower())


def _mixed(match: re.Match[str], place: Place) -> str:
    """Letters and digits in one token: "F-16", "iPhone15", "A4", "COVID-19"."""
    words: list[str] = []
    for atom in re.findall(r"[A-Za-z]+|\d+(?:\.\d+)*", match.group()):
        if atom[0].isdecimal():
            spoken = " point ".join(
                numbers.pairs(part) if len(part) < 5 else numbers.spelled(part) for part in atom.split(".")
            )
            words.append(spoken)
        elif atom == "s" and words and match.group().endswith("s"):
            words[-1] = _plural(words[-1])
        elif len(atom) == 1 or (atom.isupper() and len(atom) < 4 and atom not in ("THE", "AND")):
            words.append(_letters(atom))
        elif atom.isupper():
            words.append(place.acronyms.word_or_letters(atom))
        else:
            words.append(atom if _sayable(atom, place) else _letters(atom))
    return " ".join(words)


def _hyphenated(match: re.Match[str], place: Place) -> str | None:
    """All-capital parts of a hyphenated word: "CPU-bound", "non-EU"."""
    parts = match.group().split("-")
    if all(len(part) == 1 for part in parts) or not any(part.isupper() and len(part) > 1 for part in parts):
        return None
    spoken = [
        place.acronyms.word_or_letters(part) if part.isupper() and len(part) > 1 else part for part in parts if part
    ]
    return " ".join(spoken)


def _dash(_: re.Match[str], place: Place) -> str:
    return "," if place.spoken else ""


def _dots(match: re.Match[str], place: Place) -> str:
    following = place.after(match).lstrip()
    return "," if following[:1].islower() else "."


def _marks(match: re.Match[str], _: Place) -> str:
    return "?" if "?" in match.group() else "!"


def _brackets(match: re.Match[str], place: Place) -> str:
    opening = match.group()[0] in "([{"
    following = place.after(match).lstrip()
    before = next((piece.rstrip() for piece in reversed(place.spoken) if piece.strip()), "")
    if not before or before[-1:] in ",.;:!?" or (not opening and (not following or following[0] in ",.;:!?)]}")):
        return ""
    return ","


def _stretched(match: re.Match[str], place: Place) -> str | None:
    """A word with letters held on to: "sooo", "yesss", "coool". Inside a word two of them are likelier than one."""
    word = match.group().lower()
    inside = re.search(r"([aeiou])\1\1+(?!\1)[a-z]", word) is not None
    single, double = (re.sub(r"([a-z])\1\1+", kept, word) for kept in (r"\1", r"\1\1"))
    return next((one for one in ((double, single) if inside else (single, double)) if place.knows(one)), None)


def _elided(match: re.Match[str], _: Place) -> str | None:
    return ELIDED.get(match.group(1).lower())


def _operator(match: re.Match[str], place: Place) -> str | None:
    between = place.spoken and place.after(match).strip()
    return OPERATORS.get(match.group()) if between else None


def _dial_code(written: str) -> str:
    """A telephone's service code: "*67", "#31#"."""
    said = {"*": "star", "#": "hash"}
    return " ".join(said.get(part) or numbers.spelled(part) for part in re.findall(r"\d+|[*#]", written))


def _silent(_: re.Match[str], __: Place) -> str:
    return ""


def _times(match: re.Match[str], place: Place) -> str | None:
    return SYMBOLS[match.group(1)] if place.spoken else None


RULES: tuple[Rule, ...] = (
    Rule("inline", ".", INLINE.pattern, lambda match, _: match.group()),
    Rule("email", "0Aa.", r"[\w.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}", _email),
    Rule(
        "url",
        "0Aa.",
        rf"((?:https?|ftp)://)?((?:[A-Za-z0-9-]+\.)+(?:{TOP})(?::\d+)?|(?<=://)[A-Za-z0-9.-]+(?::\d+)?)"
        r"(/[^\s\"'<>]*[^\s.,;:!?\"'<>)\]])?/?(?![\w@])",
        _url,
    ),
    Rule(
        "url with scheme",
        "a",
        r"((?:https?|ftp)://)([A-Za-z0-9.-]+(?::\d+)?)(/[^\s\"'<>)\]]*[^\s.,;:!?\"'<>)\]])?/?",
        _url,
    ),
    *TEMPLATE_RULES,
    Rule("file", "0Aa.", rf"((?:[A-Za-z]:)?[\w./\\~-]*[\w-])\.({FILE})(?![\w.]*\w)", _file),
    Rule(
        "path",
        ".",
        r"(?:~|\.{1,2})?(?:/[\w.-]+){2,}/?",
        lambda match, place: _address(match.group().rstrip("/"), place),
    ),
    Rule("dial code", ".", r"[*#]+\d+(?:\*\d+)*#|\*\d+" + END, lambda match, _: _dial_code(match.group())),
    Rule("set phrase", "0Aa.", r"[\d/-]+[\w°()-]*|[A-Za-z]\w*", _table_word),
    Rule(
        "identifier",
        "Aa.",
        r"_*[A-Za-z][A-Za-z0-9]*(?:_+[A-Za-z0-9]+)+(?!\w)",
        lambda match, place: _address(match.group(), place),
    ),
    Rule("hashtag", ".", r"#([A-Za-z]\w*)", _hashtag),
    Rule("handle", ".", r"@([A-Za-z]\w*)", _handle),
    Rule(
        "money range", ".A", rf"({MONEY})\s?({REAL})\s?[-–]\s?(?:{MONEY})?({REAL})(?:\s?({SCALE}){END})?", _money_range
    ),
    Rule("money", ".A", rf"([-−])?({MONEY})\s?({REAL})(?:\s?({SCALE}){END})?(?:/({PER_UNIT}){END})?", _money),
    Rule("money after", "0.", rf"({REAL})(?:\s?({SCALE}))?\s?({MONEY}|(?:{CODES})\b)", _money_after),
    Rule("money code", "A", rf"({CODES})\s?({REAL})(?:\s?({SCALE}){END})?", _money_code),
    Rule("iso date", "0", r"(\d{4})-(\d{2})-(\d{2})(?!\d)", _iso_date),
    Rule("slash date", "0", r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?!\d|\.\d)", _slash_date),
    Rule(
        "month day",
        "A",
        rf"({MONTH})\.?\s(\d{{1,2}})(?:st|nd|rd|th)?(?:\s?[-–]\s?(\d{{1,2}})(?:st|nd|rd|th)?)?(?!\d|:|,\d)"
        r"(?:,?\s(\d{4})(?!\d))?",
        _month_day,
    ),
    Rule(
        "day month", "0", rf"(\d{{1,2}})(?:st|nd|rd|th)?(?:\sof)?\s({MONTH})\b\.?(?:,?\s(\d{{4}})(?!\d))?", _day_month
    ),
    Rule("month year", "A", rf"({MONTH})\.?,?\s(\d{{4}})(?!\d)", _month_year),
    Rule("month short", "A", r"(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.(?=[\s,;:!?)]|$)", _month_short),
    Rule("days", "A", rf"({WEEKDAY})\.?\s?[-–]\s?({WEEKDAY}){END}", _span(DAYS)),
    Rule("months", "A", rf"({MONTH})\.?\s?[-–]\s?({MONTH}){END}", _span(MONTH_SHORT)),
    Rule("decade", "0.", r"'?(\d\d)?(\d0)'?s(?!\w)", _decade),
    Rule("clock range", "0", r"(\d{1,2})(?::(\d\d))?\s?[-–]\s?(?=\d{1,2}(?::\d\d)?\s?[AaPp]\.?[Mm]\b)", _clock_range),
    Rule(
        "until",
        ".",
        r"(?:(?<=[AaPp][Mm])|(?<=[Mm]\.)|(?<=:\d\d)|(?<=[Mm]\s)|(?<=[Mm]\.\s)|(?<=:\d\d\s))"
        r"[-–]\s?(?=\d{1,2}(?::\d\d|\s?[AaPp]\.?[Mm]))",
        _until,
    ),
    Rule("clock", "0", r"(\d{1,2}):(\d\d)(?::(\d\d))?(?:\s?([AaPp])\.?[Mm]\b\.?)?(?!\d|:\d)", _clock),
    Rule("hour", "0", r"(\d{1,2})\s?([AaPp])\.?[Mm]\b\.?", _hour_half),
    Rule("ratio", "0", r"(\d+):(\d)(?![\d:])", _ratio),
    Rule("duration", "0", r"(\d+)\s?h\s?(\d{1,2})(?:\s?m(?:in)?)?(?:\s?(\d{1,2})\s?s)?(?!\w)", _duration),
    Rule("phone", "0.", r"(?:\+?\d{1,3}[ .-])?(?:\(\d{3}\)\s?|\d{3}[ .-])\d{3}[ .-]\d{4}(?!\d)", _phone),
    Rule(
        "phone",
        "0.",
        r"\+\d{1,3}(?:[ .-]?\d{2,4}){2,5}(?!\d)|1-800(?:-\d{3,4})+|0\d{2,4}(?:[ ]\d{3,4}){2}(?!\d)|\d{3}-\d{4}(?!\d)",
        _phone,
    ),
    Rule("version", "Aa0", r"([vV])\.?\s?(\d+(?:\.\d+)*)(-?(?:rc|beta|alpha|dev|a|b)(?:\.?\d+)?)?(?!\w)", _version),
    Rule("version", "Aa0", r"()(\d+(?:\.\d+){2,})(-?(?:rc|beta|alpha|dev|a|b)(?:\.?\d+)?)?(?!\w)", _version),
    Rule("dimensions", "0.", rf"({REAL}(?:\s?[x×]\s?{REAL})+)(?:\s?({UNIT}))?{END}", _dimensions),
    Rule("feet", "0", r"(\d{1,2})'\s?(\d{1,2})\"", _feet_inches),
    Rule("fraction", "0", rf"(?:(\d+)[ -]+)?(\d+)/(\d+)(?![\d/])(?:\s({SPACED_UNIT}){END})?", _fraction),
    Rule("range", "0.", rf"({REAL})\s?[–-]\s?({REAL})(?:\s?({UNIT})(?:/({PER_UNIT}))?)?(?![\w-])", _range),
    Rule("ordinal", "0", rf"({NUM})(?:st|nd|rd|th|ST|ND|RD|TH){END}", _ordinal),
    Rule(
        "measure",
        "0.",
        rf"((?<!\w)[-−+±~<>])?({REAL})(?:\s({either(SCALE_WORDS)}))?([\s-]?)({UNIT})([²³])?"
        rf"(?:/({PER_UNIT})([²³])?)?(?![\w°])(\.(?=[\s)\"]|\Z))?",
        _measure,
    ),
    Rule("multiple", "0.", rf"({REAL})[xX]{END}", _times_over),
    Rule("scaled", "0.", rf"({REAL})([kKMmBbT]|bn|mn|tn){END}", _scaled),
    Rule("scientific", "0.", rf"({REAL})[eE]([-−])?\+?(\d+){END}", _scientific),
    Rule("hexadecimal", "0", r"0x([0-9A-Fa-f]+)\b", _hexadecimal),
    Rule("number", "0.", rf"((?<!\w)[-−+±~#№])?\s?({REAL})('?s)?(?!\w|/\d)", _number),
    Rule("roman", "A", r"([IVXLCDM]+)('s)?(?![\w'.-]*\w)", _roman),
    Rule("small roman", "a", r"[ivx]+(?![\w'.-]*\w)", _small_roman),
    Rule(
        "abbreviation",
        "Aa",
        r"([wb]/[oc]?|(?:[A-Za-z]\.)+[A-Za-z]|[A-Za-z]+(?:\.[A-Za-z])?)(\.)?(?![\w'-])",
        _abbreviation,
    ),
    Rule(
        "initials", "Aa", r"((?:[A-Za-z]\.){2,}(?:[A-Z]\b)?|(?:[A-Z]\.\s)+[A-Z]\.(?=\s[A-Z][a-z])|[A-Z]\.)", _initials
    ),
    Rule("mixed", "0Aa.", r"(?=\w*-?\w*\d)[A-Za-z]*\d*(?:-?(?:[A-Za-z]+|\d+(?:\.\d+)*))+(?![\w])", _mixed),
    Rule("shouted article", "A", r"A(?=\s+[A-Z]{2,}\b)", lambda _, __: "a"),
    Rule("acronym", "A", r"([A-Z]{2,})('?[sS]|')?(?![\w-])", _acronym),
    Rule("hyphenated", "Aa", r"[A-Za-z]+(?:-[A-Za-z]+)+", _hyphenated),
    Rule("stretched", "Aa", r"(?=[A-Za-z]*?([A-Za-z])\1\1)[A-Za-z]+(?![\w'-])", _stretched),
    Rule("elided", ".", r"'([A-Za-z]+)'?(?![\w])", _elided),
    Rule("operator", ".", r"(?:[=!<>]=|[=-]>)(?!=)", _operator),
    Rule("dots", ".", r"\.(?:\s?\.)+", _dots),
    Rule("marks", ".", r"[!?](?:\s?[!?])+", _marks),
    Rule("arithmetic", ".", r"([=+<>×÷≈≠≤≥±]|(?<=\s)[/*])(?=\s)", _times),
    Rule("dash", ".", r"(?:—|–|--+|-(?=\s))", _dash),
    Rule("brackets", ".", r"[()\[\]{}]+", _brackets),
    Rule("decoration", ".", r"([*_~=#|^\\`•·-])\1+|[*_`\"•·‣◦●■□▪]", _silent),
)

_BY_START = {kind: [rule for rule in RULES if kind in rule.starts] for kind in "0Aa."}
_TOKEN = re.compile(r"\S+")
_PLAIN = re.compile(r"\"*'?[A-Za-z]+(?:['-][A-Za-z]+)*'?[,;:.!?]?\"*\Z")
_CAPS = re.compile(r"[a-z]{2}[A-Z]|([A-Za-z])\1\1|[A-Z]{2}|[A-Z][a-z]*[A-Z]|\"*[A-Z]\.|[A-Z][a-z]?-[A-Z]")
_ATOM = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*'?|\d+|[,;:.!?]|.", re.DOTALL)
_TRIGGERS = frozenset(
    {
        *TITLES,
        *ABBREVIATIONS,
        *WEEKDAYS,
        *MONTH_SHORT,
        *SPELLED_SMALL,
        "st",
        *(code.lower() for code in CURRENCY_CODES),
    }
) - {"no", "al", "ed"}
_DOTTED_TRIGGERS = frozenset("no al ed lat lon long nr b c d m r fl rte ste min max pt assoc".split())
_SPANS = frozenset({*DAYS, *MONTH_SHORT})
_SMALL_ROMANS = frozenset(numbers.to_roman(value).lower() for value in range(2, 40))
_LONE_CAPITALS = frozenset("AIVXLCDMNSEW")


class Normalizer:
    """`knows` tells whether the lexicon has a word; `own` which words are the user's and no rule may touch.

    `speak_emoji` names emoji or passes over them.
    """

    def __init__(
        self, knows: Callable[[str], bool], own: Callable[[str], bool] | None = None, speak_emoji: bool = True
    ) -> None:
        self._acronyms = AcronymReader(knows)
        self._own = own
        self._knows = knows
        self._speak_emoji = speak_emoji

    def __call__(self, text: str, earlier: str = "") -> str:
        """The words to speak, with the punctuation that pauses; `earlier` is what the sentence had before `text`."""
        folded = _outside_inline(fold, text)
        spoken: list[str] = []
        place = Place(folded, spoken, self._knows, self._acronyms, fold(earlier))
        at = 0
        while (token := _TOKEN.search(folded, at)) is not None:
            start, word = token.start(), token.group()
            if start > at and spoken:
                spoken.append(" ")
            if _PLAIN.match(word) and not self._special(word):
                spoken.append(word.replace('"', ""))
                at = token.end()
                continue
            at = self._step(place, start)
            while at < token.end():
                at = self._step(place, at)
        tidied = _outside_inline(_tidy, "".join(spoken)).strip()
        return tidied if "[[" in text else _LEADING.sub("", tidied)

    def _special(self, word: str) -> bool:
        core = word.strip("\"',;:.!?")
        if self._own is not None and self._own(core):
            return False
        if word[0] == "'" and core.lower() in ELIDED:
            return True
        if _CAPS.search(word) or (len(core) == 1 and core in _LONE_CAPITALS):
            return True
        lower = core.lower()
        if core in _SMALL_ROMANS:
            return True
        if lower.partition("-")[0] in _SPANS and "-" in lower:
            return True
        return lower in _TRIGGERS or (lower in _DOTTED_TRIGGERS and "." in word)

    def _step(self, place: Place, at: int) -> int:
        """Speak what stands at `at`; returns where it ends."""
        text = place.text
        for rule in _BY_START[kind_of(text[at])]:
            answer = rule.answer(place, at)
            if answer is not None:
                _append(place.spoken, answer[0])
                return answer[1]
        emoji = EMOJI.match(text, at)
        if emoji is not None:
            if self._speak_emoji:
                _append(place.spoken, emoji_name(emoji.group()))
            return emoji.end()
        atom = _ATOM.match(text, at)
        if atom is None:
            return at + 1
        _append(place.spoken, self._atom(atom.group(), place, atom.end()))
        return atom.end()

    def _atom(self, atom: str, place: Place, end: int) -> str:
        """A word, a run of digits or a sign that no rule claimed."""
        if atom[0].isascii() and atom[0].isalpha():
            return atom
        if atom[0].isdecimal():
            return numbers.bare(atom)
        if atom in ",;:.!?":
            joins = end < len(place.text) and place.text[end].isalnum() and place.spoken and place.spoken[-1].strip()
            return {".": "dot", ":": ","}.get(atom, atom) if joins and atom in ".:" else atom
        if atom in "'\"":
            return ""
        if atom == "-":
            start = end - 1
            return "dash" if place.text[end : end + 1].isalnum() and not place.text[:start][-1:].strip() else ""
        if atom in SILENT and not place.text[end : end + 1].isalnum():
            return ""
        return SYMBOLS.get(atom) or emoji_name(atom)


_GLUED = re.compile(r"[,;:.!?']")


def _append(spoken: list[str], said: str) -> None:
    """Add words, with a space where two words would touch."""
    if not said:
        return
    if spoken and not spoken[-1].endswith(" ") and not _GLUED.match(said):
        spoken.append(" ")
    spoken.append(said)


_SPACES = re.compile(r"\s+")
_SPACE_BEFORE = re.compile(r"\s+(?=[,;:.!?])")
_MARK_RUN = re.compile(r"[,;:.!?](?:\s?[,;:.!?])+")
_LEADING = re.compile(r"^[\s,;:.!?]+")


def _strongest(match: re.Match[str]) -> str:
    return min(match.group().replace(" ", ""), key="?!.;:,".index)


def _tidy(text: str) -> str:
    text = _SPACE_BEFORE.sub("", _SPACES.sub(" ", text))
    return _MARK_RUN.sub(_strongest, text)


def _outside_inline(change: Callable[[str], str], text: str) -> str:
    """Apply `change` to the text between inline instructions."""
    if "[[" not in text:
        return change(text)
    parts = INLINE.split(text)
    return "".join(f"[[{part}]]" if at % 2 else change(part) for at, part in enumerate(parts))
