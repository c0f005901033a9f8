"""The parts: numbers, roman numerals, the lexicon's file, the letter-to-sound rules."""

from __future__ import annotations

import pytest

from parrotlet.errors import BundleError
from parrotlet.text.en import numbers
from parrotlet.text.en.lexicon import Lexicon
from parrotlet.text.en.phonemes import PHONEME_SET, with_ed, with_ing, with_s
from parrotlet.text.en.spelling import by_rule


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("0", "zero"),
        ("13", "thirteen"),
        ("40", "forty"),
        ("101", "one hundred one"),
        ("110000", "one hundred ten thousand"),
        ("1000001", "one million one"),
        ("000", "zero"),
    ],
)
def test_cardinals(digits: str, words: str) -> None:
    assert numbers.AMERICAN.cardinal(digits) == words


def test_britain_joins_the_last_two_figures() -> None:
    british = numbers.Numbers("and", "nought")
    wanted = {
        "105": "one hundred and five",
        "1000001": "one million and one",
        "1250": "one thousand two hundred and fifty",
    }
    assert {digits: british.cardinal(digits) for digits in wanted} == wanted
    assert british.cardinal("2000") == "two thousand"
    assert british.real("0.5") == "nought point five"


def test_cardinals_beyond_names_are_spelled() -> None:
    assert numbers.AMERICAN.cardinal("1" * 40) == " ".join(["one"] * 40)


@pytest.mark.parametrize(
    ("digits", "words"), [("1", "first"), ("12", "twelfth"), ("20", "twentieth"), ("101", "one hundred first")]
)
def test_ordinals(digits: str, words: str) -> None:
    assert numbers.AMERICAN.ordinal(digits) == words


def test_roman_numerals_round_trip_and_refuse_the_wrong_ones() -> None:
    for value in range(1, 4000):
        assert numbers.roman(numbers.to_roman(value)) == value
    for wrong in ("IIII", "VX", "IC", "ABC", ""):
        assert numbers.roman(wrong) == 0


def test_endings_sound_as_they_should() -> None:
    assert [with_s("kˈæt"), with_s("dˈɔɡ"), with_s("hˈɔɹs")] == ["kˈæts", "dˈɔɡz", "hˈɔɹsᵻz"]
    assert [with_ed("wˈɔk"), with_ed("kˈɔl"), with_ed("wˈAt")] == ["wˈɔkt", "kˈɔld", "wˈATᵻd"]
    assert with_ing("sˈɪt") == "sˈɪTɪŋ"


def test_rules_say_every_letter() -> None:
    for word in ("q", "xyzzy", "bcdfg", "aeiou", "Strength"):
        sound = by_rule(word)
        assert sound and set(sound) <= PHONEME_SET


def test_lexicon_survives_every_truncation(tmp_path) -> None:
    damaged = tmp_path / "lexicon.bin"
    for content in (b"", b"PLEX", b"x" * 64):
        damaged.write_bytes(content)
        with pytest.raises(BundleError, match="reinstall"):
            Lexicon(damaged)


def test_lexicon_round_trip(tmp_path) -> None:
    binary = pytest.importorskip("parrotlet_compression.g2p.binary")
    entries = {f"{letter}{number}": f"ˈ{letter}|V=ˌ{number}" for letter in "abcé" for number in range(40)}
    path = tmp_path / "small.bin"
    binary.write_lexicon(path, entries)
    lexicon = Lexicon(path)
    assert len(lexicon) == len(entries)
    assert {word: lexicon.get(word) for word in entries} == entries
    assert [lexicon.get(word) for word in ("", "a", "zz", "b399")] == [None] * 4
