"""Tacotron 2 (Shen 2018), the acoustic teacher: encoder, location-sensitive attention, decoder, post-net.

Speaker conditioning is that of SV2TTS (Jia 2018): the embedding is concatenated to every encoder output. Modules and
parameters have the names of NVIDIA's public checkpoints, so their ``state_dict`` loads unchanged; see
``tacotron2_checkpoint``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from parrotlet.errors import InputError

from .tacotron2_decoder import Decoder
from .tacotron2_layers import Array, Encoder, Postnet, Tacotron2Config, padding_mask

STOP = 0.5


class Tacotron2Output(NamedTuple):
    """coarse (before the post-net) and mel [B, T, M]; stop logits [B, T / r]; alignment [B, T / r, L]."""

    coarse: Tensor
    mel: Tensor
    stop: Tensor
    alignment: Tensor


class Tacotron2Speech(NamedTuple):
    """What synthesis returns: mel [T, M], stop probabilities [S], alignment [S, L], S = T / r steps;
    ``stopped`` is False when the step limit came before the stop token."""

    mel: npt.NDArray[np.float32]
    stop: npt.NDArray[np.float32]
    alignment: npt.NDArray[np.float32]
    stopped: bool


class Tacotron2(nn.Module):
    """Symbols (and a voice) in, mel spectrogram out, r frames a step until the stop token."""

    def __init__(self, config: Tacotron2Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Tacotron2Config()
        self.embedding = nn.Embedding(config.symbols, config.symbol_width)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.postnet = Postnet(config)

    def encode(self, symbols: Tensor, speaker: Tensor | None = None, lengths: Tensor | None = None) -> Tensor:
        """symbols int [B, L], speaker [B, E] (None for a model of one voice) -> memory [B, L, memory]."""
        encoded = self.encoder(self.embedding(symbols), lengths)
        if self.config.speaker:
            if speaker is None:
                raise InputError("this Tacotron 2 speaks in the voice of an embedding: pass one")
            speaker = (speaker * self.config.speaker_scale).to(encoded.dtype)
            encoded = torch.cat([encoded, speaker.unsqueeze(1).expand(-1, symbols.shape[1], -1)], dim=-1)
        return encoded

    def refine(self, coarse: Tensor, mask: Tensor | None = None) -> Tensor:
        """The post-net's pass: decoder frames in the model's own scale [B, T, M] -> log-mel [B, T, M]."""
        return self.to_mel(coarse + self.postnet(coarse, mask))

    def to_mel(self, frames: Tensor) -> Tensor:
        """The model's own scale -> natural log-mel."""
        return frames.float() * self.config.mel_scale + self.config.mel_offset

    def forward(
        self, symbols: Tensor, lengths: Tensor, mel: Tensor, frames: Tensor, speaker: Tensor | None = None
    ) -> Tacotron2Output:
        """Teacher-forced pass. symbols int [B, L] of ``lengths`` [B], mel [B, T, M] of ``frames`` [B] frames,
        T a multiple of r; speaker [B, E]."""
        config = self.config
        memory = self.encode(symbols, speaker, lengths)
        scaled = (mel - config.mel_offset) / config.mel_scale
        wanted = scaled.reshape(len(mel), -1, config.frames_per_step * config.n_mels)
        made, stop, alignment = self.decoder(memory, lengths, wanted)
        coarse = made.reshape(mel.shape)
        return Tacotron2Output(
            self.to_mel(coarse), self.refine(coarse, padding_mask(frames, mel.shape[1])), stop, alignment
        )

    @torch.no_grad()
    def speak(
        self,
        symbols: list[int],
        speaker: npt.NDArray[np.float32] | None = None,
        seed: int | None = 0,
        max_steps: int | None = None,
    ) -> Tacotron2Speech:
        """Synthesize one utterance; speaker [E]. ``seed`` None switches the pre-net's dropout off.
        max_steps: when to give up if no stop token comes; None: ``Tacotron2Config.longest``."""
        memory = self.encode(torch.tensor([symbols]), None if speaker is None else torch.from_numpy(speaker)[None])
        keys = self.decoder.attention_layer.memory_layer(memory)
        state = self.decoder.start(memory)

        def step(frames: Array, keep: Array) -> tuple[Array, float, Array]:
            nonlocal state
            made, stop, state = self.decoder.step(torch.from_numpy(frames), torch.from_numpy(keep), memory, keys, state)
            return made.numpy(), float(stop), state.weights[0].numpy()

        limit = max_steps or self.config.longest(len(symbols))
        coarse, stop, alignment, stopped = run_decoder(self.config, step, seed, limit)
        mel = self.refine(torch.from_numpy(coarse)[None])[0].numpy()
        return Tacotron2Speech(mel, stop, alignment, stopped)


Step = Callable[[Array, Array], tuple[Array, float, Array]]


def run_decoder(
    config: Tacotron2Config, step: Step, seed: int | None, max_steps: int, threshold: float = STOP
) -> tuple[Array, Array, Array, bool]:
    """The host's loop around one decoder step, whatever runtime computes it.

    step: frames [1, r * M], keep [2, 1, P] -> frames [1, r * M], stop logit, attention weights [L].
    Stops at a probability above ``threshold``. Returns frames [T, M], probabilities [S], alignment [S, L], stopped.
    """
    random = np.random.default_rng(seed)
    frames = np.zeros((1, config.frames_per_step * config.n_mels), np.float32)
    keep = np.ones((2, 1, config.prenet), np.float32)
    made, stops, alignment = [], [], []
    for _ in range(max_steps):
        if seed is not None:
            keep = random.integers(0, 2, keep.shape).astype(np.float32) * 2
        frames, logit, weights = step(frames, keep)
        made.append(frames.reshape(-1, config.n_mels))
        stops.append(1 / (1 + np.exp(-logit)))
        alignment.append(weights)
        if stops[-1] > threshold:
            break
    return np.concatenate(made), np.array(stops, np.float32), np.stack(alignment), bool(stops[-1] > threshold)
