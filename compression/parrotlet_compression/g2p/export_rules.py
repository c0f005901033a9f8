"""Write the pronunciation rules as JSON for other hosts: `python -m parrotlet_compression.g2p.export_rules OUT`.

With `lexicon.bin` it is all that `examples/web/g2p.js` needs to turn normalized text into phonemes. The
format is described in docs/text.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Set
from pathlib import Path
from typing import Any

from parrotlet.text import context, phonemes, pronounce, spelling


def _plain(value: object) -> Any:
    """Sets as sorted lists, all else as JSON has it."""
    if isinstance(value, Set):
        return sorted(value)
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return value


def rules() -> dict[str, Any]:
    """Every table by its name in Python, in lower case without the underscore."""
    wanted = {
        phonemes: "VOWELS CONSONANTS PAUSE_MARKS _FLAPPING _VOICELESS _SIBILANT _DEVOICING",
        pronounce: "_KEEP_UNSTRESSED _CONTRACTIONS _SUFFIXES _PREFIXES",
        spelling: "_RULES",
        context: "_WANTS_VERB _SUBJECTS _THIRD_PERSONS _HAVE_OR_BE _HAVE _WANTS_NOUN _DETERMINERS _ADVERBS "
        "_PAST_CUES _AFTER_NOUNS _ADJECTIVE_ENDS _NOUN_ENDS _BEFORE _AFTER _POINTED_AT _POINTING_AFTER",
    }
    return {
        name.strip("_").lower(): _plain(getattr(module, name))
        for module, names in wanted.items()
        for name in names.split()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    output: Path = parser.parse_args().output
    output.write_text(json.dumps(rules(), ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
