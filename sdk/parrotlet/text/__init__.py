"""Text to phonemes. A language is a folder here, and a name in ``FRONT_ENDS`` that a bundle's manifest gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from parrotlet.errors import BundleError
from parrotlet.text.en.frontend import TextFrontEnd
from parrotlet.text.en.markup import TextWarning
from parrotlet.text.en.phonemes import PHONEMES
from parrotlet.text.en.userlexicon import Source
from parrotlet.text.reader import Format
from parrotlet.text.utterance import Utterance, Word

__all__ = [
    "FRONT_ENDS",
    "PHONEMES",
    "Format",
    "FrontEnd",
    "TextFrontEnd",
    "TextWarning",
    "Utterance",
    "Word",
    "front_end",
]


class FrontEnd(Protocol):
    """Turns a language's text into utterances. Several threads may share one."""

    def phonemize(self, text: str, *, format: Format = "auto") -> str:
        """The phonemes of a text, as the acoustic model reads them."""

    def sentences(
        self,
        text: str | Iterable[str],
        *,
        ssml: bool = False,
        format: Format = "auto",
    ) -> Iterator[Utterance]:
        """The utterances of a text; of one that comes in pieces, as soon as they are complete."""


FRONT_ENDS: Mapping[str, Callable[[Source | None, str | None, str | None], FrontEnd]] = {
    "en/1": lambda lexicon, runtime, convention: TextFrontEnd(
        lexicon, runtime=runtime, convention=convention or "en-US"
    )
}


def front_end(
    name: str, lexicon: Source | None = None, runtime: str | None = None, convention: str | None = None
) -> FrontEnd:
    """The front end of a name.

    lexicon: the user's own words. runtime: of the model for unknown words. convention: how dates, numbers and money
    are read, None for the language's first.
    Raises BundleError for a name that this version does not have, InputError for a lexicon or convention.
    """
    if name not in FRONT_ENDS:
        raise BundleError(f"the bundle needs the text front end {name!r}, which this version lacks: upgrade parrotlet")
    return FRONT_ENDS[name](lexicon, runtime, convention)
