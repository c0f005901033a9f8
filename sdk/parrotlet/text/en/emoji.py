"""Emoji by their Unicode names, so that no table has to keep up with them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_JOINERS = "\u200d\ufe0e\ufe0f\u20e3"
_SKIN = "\U0001f3fb-\U0001f3ff"
_PICTURES = "\U0001f000-\U0001faff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f1e6-\U0001f1ff"

EMOJI = re.compile(rf"[{_PICTURES}](?:[{_JOINERS}{_SKIN}]|(?<=[\u200d])[{_PICTURES}])*")
"""One emoji with its variation selectors, skin tones and joined parts."""

_NAMES = {
    "❤": "red heart",
    "😂": "face with tears of joy",
    "👍": "thumbs up",
    "👎": "thumbs down",
    "✅": "check mark",
    "✓": "check mark",
    "✔": "check mark",
    "❌": "cross mark",
    "✗": "cross mark",
    "★": "star",
    "☆": "star",
    "⭐": "star",
    "🔥": "fire",
    "🎉": "party popper",
    "🙏": "folded hands",
    "☎": "telephone",
    "➜": "to",
    "➔": "to",
}
_DROPPED = re.compile(r"\b(?:black|white|heavy|sign|symbol|emoji|dingbat|negative|circled)\b|-\d+\b")


@lru_cache(maxsize=1024)
def emoji_name(emoji: str) -> str:
    """What to call a pictograph or a rare sign: its short name, else its Unicode name."""
    first = emoji[0]
    if first in _NAMES:
        return _NAMES[first]
    name = unicodedata.name(first, "").lower().replace("&", "and")
    plain = " ".join(_DROPPED.sub(" ", name).split())
    return re.sub(r"[^a-z ]", " ", plain or name).strip()
