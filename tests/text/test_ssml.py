"""The SSML subset: what it does, and what it refuses."""

from __future__ import annotations

import pytest

from parrotlet.errors import InputError
from parrotlet.text import TextFrontEnd, TextWarning
from parrotlet.text.en.ssml import parse_ssml


def speak(front_end: TextFrontEnd, inside: str) -> list:
    return list(front_end.sentences(f"<speak>{inside}</speak>", ssml=True))


def test_breaks_paragraphs_and_sentences(front_end: TextFrontEnd) -> None:
    utterances = speak(
        front_end, '<p><s>One</s><s>Two.</s></p>Three<break time="700ms"/>four<break strength="none"/>five'
    )
    assert [utterance.text for utterance in utterances] == ["One", "Two", "Three", "four", "five"]
    assert utterances[1].pause.seconds == pytest.approx(0.6)
    assert utterances[2].pause.seconds == pytest.approx(0.7)
    assert utterances[3].pause.seconds == 0


@pytest.mark.parametrize(
    ("inside", "pauses"),
    [
        ("<s>One day</s><s>Two days</s>", [(0.30, "sentence"), (0.30, "sentence")]),
        ("<s>One day.</s><s>Two days?</s>", [(0.30, "sentence"), (0.35, "sentence")]),
        ("<p>One day</p><p><s>Two days</s></p>", [(0.6, "sentence"), (0.6, "sentence")]),
        ('<s>One day</s><break time="600ms"/>Two', [(0.6, "text"), (0.15, "clause")]),
        ('<s>One day<break time="100ms"/></s>Two', [(0.1, "text"), (0.15, "clause")]),
        ('One<break time="300ms"/><break time="300ms"/>two', [(0.3, "text"), (0.3, "text"), (0.15, "clause")]),
        ("<s></s>One", [(0.15, "clause")]),
        ("<s>One [[pause 100ms]]</s>two", [(0.1, "text"), (0.15, "clause")]),
        ('One [[pause 1s]]<break time="2s"/>two', [(1.0, "text"), (2.0, "text"), (0.15, "clause")]),
    ],
)
def test_every_pause_says_where_it_comes_from(
    front_end: TextFrontEnd, inside: str, pauses: list[tuple[float, str]]
) -> None:
    assert [(u.pause.seconds, u.pause.origin) for u in speak(front_end, inside)] == pauses


def test_too_long_a_break_is_cut_with_a_warning(front_end: TextFrontEnd) -> None:
    with pytest.warns(TextWarning, match="cut to 10 s"):
        assert speak(front_end, 'One<break time="20s"/>')[0].pause.seconds == 10


def test_prosody_nests_and_is_bounded(front_end: TextFrontEnd) -> None:
    inside = '<prosody rate="50%" pitch="+2st">slow <prosody rate="fast" volume="+6dB">less</prosody></prosody> plain'
    slow, less, plain = speak(front_end, inside)
    assert (slow.speed, slow.pitch, slow.volume) == (0.5, 2.0, 1.0)
    assert (less.speed, less.pitch) == (0.625, 2.0)
    assert less.volume == pytest.approx(1.995, abs=0.01)
    assert (plain.speed, plain.pitch, plain.volume) == (1.0, 0.0, 1.0)
    assert speak(front_end, '<prosody rate="9000%">fast</prosody>')[0].speed == 4.0


def test_emphasis_slows_and_raises(front_end: TextFrontEnd) -> None:
    (word,) = speak(front_end, '<emphasis level="strong">now</emphasis>')
    assert word.speed < 1 < word.volume


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ('<say-as interpret-as="digits">2024</say-as>', "two zero two four"),
        ('<say-as interpret-as="ordinal">3</say-as>', "third"),
        ('<say-as interpret-as="cardinal">2024</say-as>', "two thousand twenty four"),
        ('<say-as interpret-as="telephone">555 0100</say-as>', "five five five oh one oh oh"),
        ('<say-as interpret-as="date">2024-03-05</say-as>', "March fifth twenty twenty four"),
        ('<sub alias="World Wide Web Consortium">W3C</sub>', "World Wide Web Consortium"),
        ("a &amp; b", "a and b"),
        ("<![CDATA[5 > 3]]>", "five greater than three"),
        ('<say-as interpret-as="date" format="dmy">4/5/2020</say-as>', "May fourth twenty twenty"),
        ('<say-as interpret-as="date" format="ymd">99-12-31</say-as>', "December thirty first ninety nine"),
        ('<say-as interpret-as="date" format="my">7/1969</say-as>', "July nineteen sixty nine"),
        ('<say-as interpret-as="characters">A1b</say-as>', "ay one B"),
    ],
)
def test_replacements(front_end: TextFrontEnd, inside: str, text: str) -> None:
    assert " ".join(utterance.text for utterance in speak(front_end, inside)) == text


def test_phoneme_takes_ordinary_ipa(front_end: TextFrontEnd) -> None:
    (utterance,) = speak(front_end, 'You say <phoneme alphabet="ipa" ph="təˈmeɪtoʊ">tomato</phoneme>.')
    assert utterance.phonemes == "jˌu sˈA təˈmATO." or utterance.phonemes == "jˌu sˈA təˈmAtO."


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("<speak>unclosed", "not well-formed"),
        ("hello", "not well-formed"),
        ("<p>no speak</p>", "<speak>"),
        ("<speak><audio src='x'/></speak>", "not supported"),
        ('<!DOCTYPE speak [<!ENTITY a "aaaa">]><speak>&a;</speak>', "DOCTYPE"),
        ('<!DOCTYPE speak SYSTEM "file:///etc/passwd"><speak/>', "DOCTYPE"),
        ("<speak>" + "<p>" * 100 + "</p>" * 100 + "</speak>", "deep"),
        ("<speak><break time='long'/></speak>", "300ms"),
        ("<speak><prosody rate='quick'>x</prosody></speak>", "rate"),
        ("<speak><phoneme ph='777'>x</phoneme></speak>", "phoneme"),
        ("<speak><phoneme ph='x]] [[y' alphabet='x-parrotlet'>z</phoneme></speak>", "phoneme"),
        ("<speak><say-as interpret-as='date' format='mddy'>1/2/3</say-as></speak>", "format"),
        ("<speak>&undefined;</speak>", "undefined entity"),
        ('<!DOCTYPE s [<!ENTITY % a SYSTEM "http://localhost/">%a;]><speak/>', "DOCTYPE"),
        ("<speak xmlns:xi='x'><xi:include href='file:///etc/passwd'/></speak>", "not supported"),
    ],
)
def test_refusals(document: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        parse_ssml(document)
    assert "\n" not in str(raised.value)


def test_a_deep_document_of_text_keeps_its_words(front_end: TextFrontEnd) -> None:
    inside = "<p>" * 20 + "word" + "</p>" * 20
    assert speak(front_end, inside)[0].text == "word"


def test_a_declared_encoding_changes_nothing(front_end: TextFrontEnd) -> None:
    for encoding in ("ISO-8859-1", "UTF-16"):
        document = f'<?xml version="1.0" encoding="{encoding}"?><speak>café</speak>'
        assert [utterance.text for utterance in front_end.sentences(document, ssml=True)] == ["cafe"]


def test_a_million_lines_in_one_element(front_end: TextFrontEnd) -> None:
    newlines, ampersands = "\n" * 1_000_000, "&amp;" * 200_000
    assert speak(front_end, f'<sub alias="x">{newlines}{ampersands}</sub>')[0].text == "x"


def test_numbers_without_bounds_are_bounded(front_end: TextFrontEnd) -> None:
    nines = "9" * 400
    style = f"rate='{nines}%' pitch='+{nines}st' volume='-{nines}dB'"
    (utterance,) = speak(front_end, f"<prosody {style}><prosody pitch='-{nines}st'>x</prosody></prosody>")
    assert (utterance.speed, utterance.pitch, utterance.volume) == (4.0, -12.0, 0.0)
