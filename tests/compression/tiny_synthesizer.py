"""An acoustic model and its refiner, small enough to train in a test."""

from __future__ import annotations

import torch

from parrotlet_compression.models.acoustic import AcousticConfig, AcousticModel
from parrotlet_compression.models.refiner import Refiner, RefinerConfig
from parrotlet_compression.models.synthesizer import Synthesizer

WIDTH = 96


def tiny_synthesizer(refiner_layers: int) -> Synthesizer:
    """With a refiner that changes what it is given; the same weights each time."""
    torch.manual_seed(0)
    config = AcousticConfig(
        encoder_width=32, encoder_layers=1, pitch_width=32, pitch_layers=1, decoder_width=WIDTH, decoder_layers=1
    )
    refiner = Refiner(RefinerConfig(features=WIDTH, width=WIDTH, layers=refiner_layers))
    torch.nn.init.normal_(refiner.head.weight, std=0.02)
    return Synthesizer(AcousticModel(config), refiner).eval()
