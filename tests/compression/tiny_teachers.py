"""Tiny teachers for the tests."""

from __future__ import annotations

from typing import Any

from parrotlet.mel import MelConfig
from parrotlet_compression.symbols import SYMBOLS
from parrotlet_compression.teachers.hifigan import Generator, HifiGanConfig
from parrotlet_compression.teachers.tacotron2_layers import OWN_SCALES

TINY: dict[str, Any] = {
    "symbols": len(SYMBOLS),
    "symbol_width": 32,
    "encoder": 32,
    "prenet": 16,
    "attention_rnn": 48,
    "decoder_rnn": 48,
    "attention": 32,
    "location_filters": 4,
    "location_kernel": 15,
    "postnet": 16,
    "frames_per_step": 4,
    "speaker": 8,
    **OWN_SCALES,
}


def tiny_generator() -> Generator:
    """The smallest HiFi-GAN of our mel contract: 12, 6 and 3 channels."""
    return Generator(HifiGanConfig((10, 10, 3), (20, 20, 7), 24, "2", (3,), ((1, 2),), MelConfig()))
