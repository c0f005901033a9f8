"""Where a book's chapters begin."""

from __future__ import annotations

import pytest

from parrotlet.text.chapters import PART, chapters
from parrotlet.text.reader import Format

GUTENBERG = """The Book

by Somebody

CONTENTS

 CHAPTER I. Down the Rabbit-Hole
 CHAPTER II. The Pool of Tears

CHAPTER I.
Down the Rabbit-Hole

Alice was beginning to get tired.

I did it.

CHAPTER II.
The Pool of Tears

Part of her was curious.

EPILOGUE

The end.
"""


@pytest.mark.parametrize(
    ("text", "form", "titles"),
    [
        ("# Book\n\n## One\nA.\n\n### a\nx\n\n```\n## no\n```\n## Two #\nB.\n", "auto", ["Book One", "Two"]),
        ("One\n===\n\na\n\nTwo\n---\n\nb\n\nThree\n---\nc", "markdown", ["One", "Two", "Three"]),
        ("Preamble.\n\n# A\nx\n# B\ny", "auto", ["", "A", "B"]),
        (
            "<h1>Book</h1><h2 id='a'>One &amp; <i>two</i></h2><p>a</p><H2>Three</H2>b",
            "html",
            ["Book One & two", "Three"],
        ),
        (
            GUTENBERG,
            "auto",
            ["", "CHAPTER I. Down the Rabbit-Hole", "CHAPTER II. The Pool of Tears", "EPILOGUE"],
        ),
        (
            "PART ONE\n\nChapter Twenty-Two\n\nA.\n\nChapter the Last\n\nB.",
            "plain",
            ["PART ONE Chapter Twenty-Two", "Chapter the Last"],
        ),
        ("I. A Scandal\n\nHello.\n\nII. A Case\n\nI\n\nam here.", "plain", ["I. A Scandal", "II. A Case I"]),
        ("# Not in plain\n\nx\n\n# text\n\ny", "plain", [""]),
        ("letter by letter\n\nx\n\nbook club\n\ny\n\nPart two of it was long.\n\nz", "auto", [""]),
        ("# The only one\n\nx", "auto", [""]),
        (" \n", "auto", []),
    ],
)
def test_headings_begin_chapters(text: str, form: Format, titles: list[str]) -> None:
    found = chapters(text, form)
    assert [chapter.title for chapter in found] == titles
    if found:
        assert "".join(chapter.text for chapter in found) == text


@pytest.mark.parametrize("between", [" ", "\n\n", ".\n", "x"])
def test_without_headings_a_text_is_cut_by_length(between: str) -> None:
    text = between.join(["word"] * 12_000)
    found = chapters(text)
    assert "".join(chapter.text for chapter in found) == text
    assert all(PART // 2 < len(chapter.text) <= PART for chapter in found[:-1]) and len(found) > 2
    assert all(chapter.text.endswith(between) for chapter in found[:-1] if between != "x")
