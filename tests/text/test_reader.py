"""Layout and markup: what becomes of them, and that the size of the pieces in which a text comes changes nothing."""

from __future__ import annotations

import random
import re
import warnings

import pytest
from case_runner import rows
from hypothesis import given, settings
from hypothesis import strategies as st

from parrotlet.text import TextFrontEnd, TextWarning, Utterance
from parrotlet.text.reader import Format, Reader, read

PARTS = st.sampled_from(
    [
        *"aB7.,!:-*_~`#>|+[]()</&;\\\n \"'=",
        *("```", "~~~", "---", "\n\n", "**", "- ", "1. ", "# ", "> ", "- [x] ", "| a | b |", "Key: value"),
        *("<b>", "</b>", "<li>", "<br>", "<script>", "</script>", "<img alt='x'>", "<!-- x -->", "&amp;", "&#65;"),
        *("[a](b)", "![a](b)", "[a][b]", "[^1]", "[[pause 1s]]", "https://a.b", "word", "Word."),
    ]
)


@pytest.mark.parametrize("form", ["auto", "plain", "markdown", "html"])
@settings(max_examples=250, deadline=None, derandomize=True)
@given(parts=st.lists(PARTS, max_size=20), step=st.integers(1, 7))
def test_pieces_of_any_size_are_read_alike(form: Format, parts: list[str], step: int) -> None:
    text = "".join(parts)
    reader = Reader(form)
    pieces = [reader.feed(text[at : at + step]) for at in range(0, len(text), step)]
    assert "".join([*pieces, reader.feed("", last=True)]) == read(text, form)


def sound(utterances: list[Utterance]) -> tuple[list[str], str]:
    return [word.text for said in utterances for word in said.words], "".join(
        said.phonemes for said in utterances
    ).replace(" ", "")


def test_streams_say_what_the_whole_text_says(front_end: TextFrontEnd) -> None:
    """Every case by itself, and lines of cases in rows: whole, word by word, character by character."""
    texts = [row[2].replace("\\n", "\n") for row in rows("sent_cases.tsv") if row[1] != "lex"]
    texts += [row[1] for row in rows("hard_cases.tsv") if row[0] != "ssml"]
    chooser = random.Random(5)
    texts += ["\n".join(chooser.choices(texts, k=3)) for _ in range(200)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextWarning)
        for text in texts:
            whole = sound(list(front_end.sentences(text)))
            assert sound(list(front_end.sentences(iter(text)))) == whole, text
            assert sound(list(front_end.sentences(re.findall(r"\S+\s*|\s+", text)))) == whole, text


@pytest.mark.parametrize(
    ("form", "text", "said"),
    [
        ("plain", "*a* <b>c</b>", "*a* <b>c</b>"),
        ("plain", "- a\n- b", "a.\nb"),
        ("markdown", "Use `x_y` and _this_ *one*, snake_case and 2*3.", "Use x_y and this one, snake_case and 2*3."),
        ("markdown", "Title\n=====\nText", "Title.\nText"),
        ("markdown", "> - quoted\n> - twice", "quoted.\ntwice"),
        ("markdown", "a[^1] b\n\n[ref]: http://x.y\n[^1]: note", "a b"),
        ("html", "<p>One\ntwo</p><ul><li>a</li><li>b</li></ul>", "One two.\n\na.\nb"),
        ("html", "<h1>Hi</h1><style>p {}</style>there <unknown>x</unknown>", "Hi.\n\nthere x"),
        ("html", "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a , b .\nc "),
        ("auto", "x < y and List<String>", "x < y and List<String>"),
        ("auto", "Call f(x)[0] or [see below] (now).", "Call f(x)[0] or [see below] (now)."),
        ("auto", "a very long line that was wrapped by an editor at some column\nand goes on", None),
    ],
)
def test_formats(form: Format, text: str, said: str | None) -> None:
    assert read(text, form) == (text.replace("\n", " ") if said is None else said)


def test_code_blocks_are_announced_skipped_or_read() -> None:
    text = "Run this:\n```python\nx = 1\n```\nDone."
    assert TextFrontEnd().normalize(text) == "Run this: Code block. Done."
    assert TextFrontEnd(code_blocks="skip").normalize(text) == "Run this: Done."
    assert TextFrontEnd(code_blocks="read").normalize(text) == "Run this: X equals one. Done."


def test_a_document_that_begins_as_ssml_is_one(front_end: TextFrontEnd) -> None:
    document = ' <speak>One<break time="1s"/>two</speak>'
    assert [said.text for said in front_end.sentences(iter(document))] == ["One", "two"]
    assert [said.text for said in front_end.sentences(document, format="ssml")] == ["One", "two"]
    assert "speaker" in front_end.normalize("<speaker> is on")


def test_what_may_be_markup_is_held_back_no_longer_than_a_bound() -> None:
    reader = Reader()
    said = [reader.feed(piece) for piece in ["See [this ", *["and that "] * 100]]
    assert "See [this" in "".join(said)


@pytest.mark.parametrize("sign", ["[", "*", "`", "<", "&", "_a_ ", "[a](", "| ", "\\", "a: ", "<b ", "# ", "> "])
def test_many_marks_take_time_in_proportion(front_end: TextFrontEnd, sign: str) -> None:
    text = sign * 20_000
    assert len(read(text)) <= len(text) + 10
