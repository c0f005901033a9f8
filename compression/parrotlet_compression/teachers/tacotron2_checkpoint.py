"""Checkpoints of Tacotron 2, in NVIDIA's layout or ours. The shapes of the weights give the sizes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from parrotlet.errors import InputError

from .checkpoints import load_checkpoint, load_named
from .tacotron2 import Tacotron2
from .tacotron2_layers import OWN_SCALES, Tacotron2Config


def _layers(state: Mapping[str, Tensor], pattern: str) -> int:
    return len({match.group(1) for name in state if (match := re.match(pattern, name))})


def config_of(state: Mapping[str, Tensor], **scales: Any) -> Tacotron2Config:
    """The sizes that the weights of a ``state_dict`` have. Raises InputError naming the first missing key."""

    def shape(name: str) -> torch.Size:
        if name not in state:
            raise InputError(
                f"the checkpoint has no {name!r}, so it is not in NVIDIA's Tacotron 2 layout: "
                f"it begins with {', '.join(sorted(state)[:3])}"
            )
        return state[name].shape

    symbols, symbol_width = shape("embedding.weight")
    encoder = 2 * shape("encoder.lstm.weight_hh_l0")[1]
    n_mels = shape("postnet.convolutions.0.0.conv.weight")[1]
    attention, memory = shape("decoder.attention_layer.memory_layer.linear_layer.weight")
    location = shape("decoder.attention_layer.location_layer.location_conv.conv.weight")
    return Tacotron2Config(
        symbols=symbols,
        symbol_width=symbol_width,
        encoder=encoder,
        encoder_layers=_layers(state, r"encoder\.convolutions\.(\d+)\."),
        encoder_kernel=shape("encoder.convolutions.0.0.conv.weight")[2],
        n_mels=n_mels,
        frames_per_step=shape("decoder.linear_projection.linear_layer.weight")[0] // n_mels,
        prenet=shape("decoder.prenet.layers.0.linear_layer.weight")[0],
        attention_rnn=shape("decoder.attention_rnn.weight_hh")[1],
        decoder_rnn=shape("decoder.decoder_rnn.weight_hh")[1],
        attention=attention,
        location_filters=location[0],
        location_kernel=location[2],
        postnet=shape("postnet.convolutions.0.0.conv.weight")[0],
        postnet_layers=_layers(state, r"postnet\.convolutions\.(\d+)\."),
        postnet_kernel=shape("postnet.convolutions.0.0.conv.weight")[2],
        speaker=memory - encoder,
        **scales,
    )


def read_tacotron2(path: Path) -> Tacotron2:
    """Read NVIDIA's checkpoint layout, or weights of our own training (.safetensors).

    NVIDIA: a pickled dictionary with ``state_dict`` (or the state dict itself), names with or without
    ``module.`` in front. Raises InputError when the layout is another one, naming the key.
    """
    scales: dict[str, Any] = {}
    state = load_checkpoint(path)
    if path.suffix == ".safetensors":
        scales = OWN_SCALES
    model = Tacotron2(config_of(state, **scales))
    load_named(model, state, path)
    return model.eval()
