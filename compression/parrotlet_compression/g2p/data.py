"""All the data of the text front end, as `parrotlet-compress text` writes it (formats: docs/text.md)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from parrotlet.errors import InputError
from parrotlet_compression.g2p.compile_lexicon import compile_lexicon
from parrotlet_compression.g2p.export import FORMATS, judge_graphs, some_of, write_graphs
from parrotlet_compression.g2p.export_rules import write_rules
from parrotlet_compression.g2p.words import split_words

PARTS = ("lexicon", "rules", "g2p")


def write_text_data(
    folder: Path, parts: tuple[str, ...], weights: Path, formats: tuple[str, ...], judged: int
) -> Iterator[str]:
    """Write `parts` into `folder`, yielding a line for each file; nothing is half-written.

    weights, formats: of the unknown-word model. judged: how many held-out words to judge its graphs on, 0 for none.
    Raises InputError for a missing wheel, converter or file of weights.
    """
    for wanted, known in ((parts, PARTS), (formats, FORMATS)):
        unknown = sorted(set(wanted) - set(known))
        if unknown:
            raise InputError(f"{', '.join(unknown)}: choose from {', '.join(known)}")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as draft_name:
        draft = Path(draft_name)
        if "lexicon" in parts:
            words, stored = compile_lexicon(draft / "lexicon.bin")
            yield f"lexicon: {words} words, {stored} stored"
        if "rules" in parts:
            write_rules(draft / "rules.bin")
        if "g2p" in parts:
            write_graphs(weights, draft, formats)
            if judged:
                for score in judge_graphs(weights, draft, formats, some_of(split_words().held_out, judged)):
                    yield f"g2p, {score.name}: PER {score.per:.2%}, words right {score.right:.1%}"
        for made in sorted(draft.iterdir()):
            size = made.stat().st_size
            made.replace(folder / made.name)
            yield f"{folder / made.name}: {size} bytes"
