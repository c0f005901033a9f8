"""English text to phonemes: normalization, pronunciation, cutting for streaming."""

from parrotlet.text.frontend import TextFrontEnd, Utterance, Word
from parrotlet.text.markup import TextWarning
from parrotlet.text.phonemes import PHONEMES
from parrotlet.text.reader import Format

__all__ = ["PHONEMES", "Format", "TextFrontEnd", "TextWarning", "Utterance", "Word"]
