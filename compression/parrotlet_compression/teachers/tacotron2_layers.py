"""Sizes and layers of Tacotron 2: encoder, location-sensitive attention, pre-net and post-net.

Modules and parameters have the names of NVIDIA's public checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

# The longest synthesis: NVIDIA's limit, and a quarter second a symbol, where speech takes a third of that.
MAX_STEPS, MAX_FRAMES_A_SYMBOL = 1000, 20

Array = npt.NDArray[np.float32]

OWN_SCALES: dict[str, Any] = {"mel_offset": -5.0, "mel_scale": 3.0, "speaker_scale": 8.0}
"""Scales of the models that we train. NVIDIA's take log-mels unscaled."""


@dataclass(frozen=True)
class Tacotron2Config:
    """Sizes; the defaults are those of the paper and of NVIDIA's checkpoints.

    speaker: length of the embedding, 0 for one voice. frames_per_step: the reduction factor r.
    The decoder and the post-net work on (mel - mel_offset) / mel_scale; embeddings enter times speaker_scale.
    """

    symbols: int = 148
    symbol_width: int = 512
    encoder: int = 512
    encoder_layers: int = 3
    encoder_kernel: int = 5
    n_mels: int = 80
    frames_per_step: int = 1
    prenet: int = 256
    attention_rnn: int = 1024
    decoder_rnn: int = 1024
    attention: int = 128
    location_filters: int = 32
    location_kernel: int = 31
    postnet: int = 512
    postnet_layers: int = 5
    postnet_kernel: int = 5
    speaker: int = 0
    speaker_scale: float = 1.0
    mel_offset: float = 0.0
    mel_scale: float = 1.0

    @property
    def memory(self) -> int:
        """Width of what the attention reads."""
        return self.encoder + self.speaker

    def longest(self, symbols: int) -> int:
        """Steps after which an utterance of so many symbols is given up."""
        return min(MAX_STEPS, -(-MAX_FRAMES_A_SYMBOL * symbols // self.frames_per_step))


class Linear(nn.Module):
    """A linear layer under the name that checkpoints use."""

    def __init__(self, inputs: int, outputs: int, bias: bool = False) -> None:
        super().__init__()
        self.linear_layer = nn.Linear(inputs, outputs, bias=bias)
        nn.init.xavier_uniform_(self.linear_layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear_layer(x)


class Conv(nn.Module):
    """A convolution over time that keeps the length, under the name that checkpoints use."""

    def __init__(self, inputs: int, outputs: int, kernel: int, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)
        nn.init.xavier_uniform_(self.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


def conv_stack(widths: list[int], kernel: int) -> nn.ModuleList:
    """Convolutions with batch norm, from each width to the next."""
    return nn.ModuleList(nn.Sequential(Conv(a, b, kernel), nn.BatchNorm1d(b)) for a, b in pairwise(widths))


class Encoder(nn.Module):
    """Symbol vectors [B, L, C] -> [B, L, encoder]: convolutions with batch norm, then a bidirectional LSTM."""

    def __init__(self, config: Tacotron2Config) -> None:
        super().__init__()
        widths = [config.symbol_width] + [config.encoder] * config.encoder_layers
        self.convolutions = conv_stack(widths, config.encoder_kernel)
        self.lstm = nn.LSTM(config.encoder, config.encoder // 2, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """``lengths`` [B] keeps padding out of the result; None: nothing is padded."""
        mask = None if lengths is None else padding_mask(lengths, x.shape[1]).unsqueeze(1)
        x = x.transpose(1, 2)
        for layer in self.convolutions:
            x = x if mask is None else x * mask
            x = functional.dropout(functional.relu(layer(x)), 0.5, self.training)
        x = x.transpose(1, 2)
        if lengths is None:
            return self.lstm(x)[0]
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])[0]


class LocationLayer(nn.Module):
    """Features of where the attention was before."""

    def __init__(self, config: Tacotron2Config) -> None:
        super().__init__()
        self.location_conv = Conv(2, config.location_filters, config.location_kernel, bias=False)
        self.location_dense = Linear(config.location_filters, config.attention)
        self.width = config.location_kernel

    def forward(self, weights: Tensor, cumulative: Tensor) -> Tensor:
        """The last weights and their running sum [B, L] -> features [B, L, A]."""
        past = self.location_conv(torch.stack([weights, cumulative], dim=1))
        return self.location_dense(past.transpose(1, 2))

    def kernel(self) -> Tensor:
        """Both layers as one, there being nothing between them: [2 * width, A], for ``fast``."""
        conv, dense = self.location_conv.conv.weight, self.location_dense.linear_layer.weight
        return (dense @ conv.flatten(1)).T

    def fast(self, weights: Tensor, cumulative: Tensor, kernel: Tensor) -> Tensor:
        """``forward`` as one product: with so few channels, far cheaper in training than a convolution call."""
        past = functional.pad(torch.stack([weights, cumulative], dim=1), (self.width // 2, self.width // 2))
        return past.unfold(2, self.width, 1).transpose(1, 2).flatten(2) @ kernel


class Attention(nn.Module):
    """Location-sensitive attention (Chorowski 2015)."""

    def __init__(self, config: Tacotron2Config) -> None:
        super().__init__()
        self.query_layer = Linear(config.attention_rnn, config.attention)
        self.memory_layer = Linear(config.memory, config.attention)
        self.v = Linear(config.attention, 1)
        self.location_layer = LocationLayer(config)

    def forward(
        self,
        query: Tensor,
        keys: Tensor,
        location: Tensor,
        hidden: Tensor | None = None,
    ) -> Tensor:
        """query [B, H], keys [B, L, A], location [B, L, A]; ``hidden`` [B, L] is low at padding -> weights [B, L]."""
        energy = self.v(torch.tanh(self.query_layer(query).unsqueeze(1) + keys + location)).squeeze(-1)
        energy = energy if hidden is None else energy + hidden
        return torch.softmax(energy.float(), dim=-1)


class Prenet(nn.Module):
    """Two linear layers with dropout, over the frames of the last step."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Linear(inputs, width), Linear(width, width)])

    def forward(self, x: Tensor, keep: Tensor) -> Tensor:
        """``keep`` [2, ..., P]: dropout masks, 0 or 2 (all ones: no dropout). They are an input because this
        dropout stays on at synthesis, and a graph must not draw random numbers of its own."""
        for layer, mask in zip(self.layers, keep, strict=True):
            x = functional.relu(layer(x)) * mask
        return x


class Postnet(nn.Module):
    """Five convolutions that predict what the decoder's frames lack: [B, T, M] -> [B, T, M]."""

    def __init__(self, config: Tacotron2Config) -> None:
        super().__init__()
        widths = [config.n_mels] + [config.postnet] * (config.postnet_layers - 1) + [config.n_mels]
        self.convolutions = conv_stack(widths, config.postnet_kernel)

    def forward(self, mel: Tensor, mask: Tensor | None = None) -> Tensor:
        """``mask`` [B, T] is 0 at padding."""
        x = mel.transpose(1, 2)
        last = len(self.convolutions) - 1
        for index, layer in enumerate(self.convolutions):
            x = layer(x if mask is None else x * mask.unsqueeze(1))
            x = functional.dropout(x if index == last else torch.tanh(x), 0.5, self.training)
        return x.transpose(1, 2)


def padding_mask(lengths: Tensor, width: int) -> Tensor:
    """[B] -> [B, width]: 1 where an index is below the length, 0 at padding."""
    return (torch.arange(width, device=lengths.device)[None] < lengths[:, None]).float()
