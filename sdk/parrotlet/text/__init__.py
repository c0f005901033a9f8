"""English text to phonemes: normalization, pronunciation, cutting for streaming."""

from parrotlet.text.frontend import TextFrontEnd, Utterance, Word
from parrotlet.text.markup import TextWarning
from parrotlet.text.phonemes import PHONEMES

__all__ = ["PHONEMES", "TextFrontEnd", "TextWarning", "Utterance", "Word"]
