"""The documentation: examples run as they stand, in order, in a folder with two recordings; links lead somewhere.

The lines and sentences of the pages that everybody reads are short."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_examples_run(
    page: str,
    recordings: dict[str, list[Path]],
    sentences: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(recordings["woman"][0], "me.wav")
    shutil.copy(recordings["woman"][1], "me2.wav")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    assert all("was_read" not in block or sentences[0] in block for block in blocks)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    if page == "README.md":
        assert Path("hello.wav").stat().st_size > 20_000


def test_ci_runs_the_test_command_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command = next(line for line in readme.splitlines() if line.endswith("/pytest"))
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")]
PROSE = ["README.md", "MODEL_CARD.md", "docs/architecture.md", "docs/experiments/README.md"]


def without_code(text: str) -> str:
    """The text without code blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """What a link may name of a page: its headings, in lower case, hyphens for spaces, no other punctuation."""
    headings = re.findall(r"^#+ (.*)$", without_code(page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(file), f"{page.name}: {target}"


def test_an_anchor_that_is_no_heading_is_found() -> None:
    assert "how-to-read-the-pages" in anchors(ROOT / "docs" / "experiments" / "README.md")
    assert "no-such-heading" not in anchors(ROOT / "docs" / "experiments" / "README.md")


def paragraphs(text: str) -> list[str]:
    """Paragraphs and list items, each as one line, without code blocks, tables and headings."""
    found, block = [], ""
    for line in [*without_code(text).splitlines(), ""]:
        prose = bool(line.strip()) and not line.startswith(("|", "#"))
        if block and (not prose or re.match(r"\s*([-*]|\d+\.) ", line)):
            found.append(block)
            block = ""
        if prose:
            block = f"{block} {line.strip()}".strip()
    return found


def sentences(paragraph: str) -> list[str]:
    """Its sentences, code and the addresses of links left out."""
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", re.sub(r"`[^`]*`", "code", paragraph))
    plain = re.sub(r"^([-*]|\d+\.) ", "", plain).replace("*", "")
    return re.split(r"(?<=[.!?])\)? +(?=[\"“(A-Z0-9]|code)", plain)


def words(sentence: str) -> int:
    return sum(any(map(str.isalnum, word)) for word in sentence.split())


@pytest.mark.parametrize("page", PROSE)
def test_lines_and_sentences_are_short(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    lines = [line for line in without_code(text).splitlines() if not line.startswith("|")]
    assert [line for line in lines if len(line) > 120] == []
    found = [sentence for paragraph in paragraphs(text) for sentence in sentences(paragraph)]
    assert [sentence for sentence in found if words(sentence) > 25] == []


def test_the_table_of_releases_ends_with_the_shipped_bundle() -> None:
    rows = list(csv.reader((ROOT / "docs" / "releases.csv").read_text(encoding="utf-8").splitlines()))
    assert {len(row) for row in rows} == {len(rows[0])}
    name = json.loads((ROOT / "sdk/parrotlet/bundles/default/manifest.json").read_text(encoding="utf-8"))["name"]
    assert rows[-1][0] == name
