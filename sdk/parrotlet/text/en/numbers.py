"""Numbers from digits to words, as American English says them unless told otherwise."""

from __future__ import annotations

from dataclasses import dataclass

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES = (
    " thousand million billion trillion quadrillion quintillion sextillion septillion octillion nonillion"
).split(" ")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_LONGEST = 3 * len(_SCALES)


@dataclass(frozen=True)
class Numbers:
    """How numbers are said: `joint` stands before the last two figures, `zero` before a decimal point."""

    joint: str = ""
    zero: str = "zero"

    def cardinal(self, digits: str) -> str:
        """`"1205"` as "one thousand two hundred five". Beyond nonillions: digit by digit."""
        digits = digits.lstrip("0")
        if not digits:
            return "zero"
        if len(digits) > _LONGEST:
            return self.spelled(digits)
        padded = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [int(padded[at : at + 3]) for at in range(0, len(padded), 3)]
        named = zip(groups, reversed(_SCALES[: len(groups)]), strict=True)
        words = [f"{self._hundreds(group)} {scale}".strip() for group, scale in named if group]
        if self.joint and 0 < groups[-1] < 100 and len(words) > 1:
            words.insert(-1, self.joint)
        return " ".join(words)

    def _hundreds(self, value: int) -> str:
        hundreds, rest = divmod(value, 100)
        words = [f"{_SMALL[hundreds]} hundred"] if hundreds else []
        if hundreds and rest and self.joint:
            words.append(self.joint)
        if rest or not hundreds:
            words.append(_below_hundred(rest))
        return " ".join(words)

    def ordinal(self, digits: str) -> str:
        """`"22"` as "twenty second"."""
        words = self.cardinal(digits)
        at = max(words.rfind(" "), words.rfind("-")) + 1
        head, last = words[:at], words[at:]
        if last in _ORDINALS:
            return head + _ORDINALS[last]
        return head + (last[:-1] + "ieth" if last.endswith("y") else last + "th")

    def spelled(self, digits: str, zero: str = "zero") -> str:
        """Digit by digit."""
        return " ".join(zero if digit == "0" else _SMALL[int(digit)] for digit in digits)

    def minutes(self, digits: str) -> str:
        """Minutes of a clock or a short year: `"05"` as "oh five", `"30"` as "thirty"."""
        return self.spelled(digits, "oh") if digits[0] == "0" else self.cardinal(digits)

    def year(self, digits: str) -> str:
        """`"1999"` as "nineteen ninety nine", `"2007"` as "two thousand seven", `"1905"` as "nineteen oh five"."""
        if len(digits) != 4 or digits[0] == "0":
            return self.cardinal(digits)
        century, rest = int(digits[:2]), int(digits[2:])
        if digits[1:3] == "00":
            return self.cardinal(digits)
        if rest == 0:
            return f"{_below_hundred(century)} hundred"
        return f"{_below_hundred(century)} {'oh ' if rest < 10 else ''}{_below_hundred(rest)}"

    def pairs(self, digits: str) -> str:
        """House, room and flight numbers: `"747"` as "seven forty seven", `"1205"` as "twelve oh five"."""
        if len(digits) < 3 or len(digits) > 4 or digits[0] == "0" or digits.endswith("00"):
            return self.cardinal(digits) if digits[0] != "0" else self.spelled(digits, "oh")
        head, tail = int(digits[:-2]), int(digits[-2:])
        return f"{_below_hundred(head)} {'oh ' if tail < 10 else ''}{_below_hundred(tail)}"

    def real(self, written: str) -> str:
        """A number with thousands commas and a decimal point: `"3.14"` as "three point one four"."""
        whole, dot, fraction = written.replace(",", "").partition(".")
        if not dot:
            return self.cardinal(whole)
        head = self.cardinal(whole) if whole.strip("0") else self.zero
        return f"{head} point {self.spelled(fraction)}"

    def bare(self, digits: str) -> str:
        """A run of digits with nothing around it to say what it counts."""
        if len(digits) > 1 and digits[0] == "0":
            return self.spelled(digits, "oh" if len(digits) < 5 else "zero")
        if len(digits) == 4 and ("1100" <= digits <= "1999" or "2010" <= digits <= "2099"):
            return self.year(digits)
        return self.spelled(digits) if len(digits) > 9 else self.cardinal(digits)


def _below_hundred(value: int) -> str:
    if value < 20:
        return _SMALL[value]
    tens, ones = divmod(value, 10)
    return _TENS[tens] + (f" {_SMALL[ones]}" if ones else "")


AMERICAN = Numbers()

_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def roman(numeral: str) -> int:
    """The value of a roman numeral; 0 if it is not written in the one standard way."""
    total = 0
    for sign, following in zip(numeral, [*numeral[1:], ""], strict=False):
        value = _ROMAN.get(sign, 0)
        total += -value if value < _ROMAN.get(following, 0) else value
    return total if numeral and to_roman(total) == numeral else 0


def to_roman(value: int) -> str:
    """The standard numeral for 1 to 3999; empty outside that."""
    if not 0 < value < 4000:
        return ""
    signs = zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        "M CM D CD C XC L XL X IX V IV I".split(),
        strict=True,
    )
    numeral = ""
    for worth, sign in signs:
        times, value = divmod(value, worth)
        numeral += sign * times
    return numeral
