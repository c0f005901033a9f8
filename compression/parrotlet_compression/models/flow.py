"""Conditional flow matching of the mel spectrogram (Lipman 2023; Voicebox, Le 2023; Matcha-TTS, Mehta 2024).

Where the acoustic model predicts one spectrum, near the mean of all that fit, this draws one of them: noise is moved to
a mel spectrogram along straight paths, by a velocity that a network predicts. The person is shown to it twice: as an
embedding, by adaptive LayerNorm, and as other speech of theirs, the prompt, by cross-attention.

What does not change from step to step is computed once (``context``), so that a step costs the decoder only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .acoustic import REFERENCE_HZ, frame_positions
from .blocks import ConvNeXtBlock, ConvNeXtStack
from .refiner import COMB_DEPTH, HarmonicCombs

POSITION = 3  # numbers that ``frame_positions`` gives of a frame
SOURCE = 2  # log f0 and voicing
TIME_SCALE = 1000.0
MASKED = -1e4  # of an attention score: far below any other, and within the range of float16

VOICE, PROMPT, TEXT = 0, 1, 2
"""Columns of ``shown``: what of the condition a model is shown."""


@dataclass(frozen=True)
class FlowConfig:
    """Shape of the model. ``patch``: mel frames a token of context and decoder holds. ``prompt_patch``: the same of the
    prompt. ``attend_every``: one block in so many is followed by cross-attention to the prompt."""

    symbols: int = 64
    n_mels: int = 80
    embedding: int = 256
    condition: int = 128
    text_width: int = 192
    text_layers: int = 4
    width: int = 256
    context_layers: int = 3
    layers: int = 6
    kernel: int = 7
    patch: int = 2
    prompt_patch: int = 4
    prompt_layers: int = 2
    heads: int = 4
    attend_every: int = 3


class Context(NamedTuple):
    """What a velocity is conditioned on, but for time and noise. hidden [B, T / patch, C]; prior [B, T, M], the mean
    spectrum, normalized; voice [B, D]; keys [B, K, C] of the prompt, and which of them are heard [B, K]."""

    hidden: Tensor
    prior: Tensor
    voice: Tensor
    keys: Tensor
    heard: Tensor


class TimeEmbedding(nn.Module):
    """Flow time [B] in 0 to 1 -> [B, D]."""

    frequencies: Tensor

    def __init__(self, condition: int) -> None:
        super().__init__()
        half = condition // 2
        table = torch.exp(-math.log(10000.0) * torch.arange(half) / half)
        self.register_buffer("frequencies", table, persistent=False)
        self.mlp = nn.Sequential(nn.Linear(2 * half, condition), nn.GELU(approximate="tanh"))
        self.out = nn.Linear(condition, condition)

    def forward(self, time: Tensor) -> Tensor:
        angle = time[:, None] * TIME_SCALE * self.frequencies[None]
        embedded: Tensor = self.out(self.mlp(torch.cat([angle.sin(), angle.cos()], dim=-1)))
        return embedded


class CrossAttention(nn.Module):
    """Attention of x [B, T, C] to keys [B, K, C], of which ``heard`` [B, K] is 1, and to one learned key that always
    is: with no prompt at all there is something to attend to. Adds to x."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)
        self.nothing = nn.Parameter(torch.randn(width) * 0.02)
        nn.init.normal_(self.out.weight, std=0.02)
        nn.init.zeros_(self.out.bias)

    def _split(self, x: Tensor) -> Tensor:
        """[B, N, C] -> [B, H, N, C / H]."""
        return x.reshape(x.shape[0], -1, self.heads, x.shape[-1] // self.heads).transpose(1, 2)

    def forward(self, x: Tensor, keys: Tensor, heard: Tensor) -> Tensor:
        keys = torch.cat([self.nothing.expand(keys.shape[0], 1, -1).to(keys.dtype), keys], dim=1)
        heard = torch.cat([torch.ones_like(heard[:, :1]), heard], dim=1)
        query, key, value = self._split(self.query(self.norm(x))), self._split(self.key(keys)), self.value(keys)
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        weights = torch.softmax(scores + (1 - heard[:, None, None]) * MASKED, dim=-1)
        read = (weights @ self._split(value)).transpose(1, 2).reshape(x.shape)
        return x + self.out(read)


class AttentiveStack(nn.Module):
    """ConvNeXt blocks, conditioned by adaptive LayerNorm, with cross-attention after every ``attend_every`` of them.

    x [B, T, C], condition [B, D], keys [B, K, C], heard [B, K] -> [B, T, C].
    """

    def __init__(self, config: FlowConfig, layers: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(config.width, 3, config.kernel, config.condition, layers) for _ in range(layers)
        )
        self.attention = nn.ModuleDict(
            {
                str(k): CrossAttention(config.width, config.heads)
                for k in range(layers)
                if (k + 1) % config.attend_every == 0
            }
        )

    def forward(self, x: Tensor, condition: Tensor, keys: Tensor, heard: Tensor) -> Tensor:
        for number, block in enumerate(self.blocks):
            x = block(x, None, condition)
            if str(number) in self.attention:
                x = self.attention[str(number)](x, keys, heard)
        return x


class FlowModel(nn.Module):
    """``context`` once an utterance, then ``velocity`` at every step of ``sample``. Spectra inside are normalized a
    band: see ``normalized``."""

    mean: Tensor
    spread: Tensor

    def __init__(self, config: FlowConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or FlowConfig()
        width, bands = config.width, config.n_mels * config.patch
        self.register_buffer("mean", torch.full((config.n_mels,), -5.0))
        self.register_buffer("spread", torch.full((config.n_mels,), 2.0))
        self.embed = nn.Embedding(config.symbols, config.text_width)
        self.text = ConvNeXtStack(config.text_width, config.text_layers, 2, 5)
        self.voice = nn.Sequential(
            nn.Linear(config.embedding, 2 * config.condition),
            nn.GELU(approximate="tanh"),
            nn.Linear(2 * config.condition, config.condition),
        )
        self.nobody = nn.Parameter(torch.zeros(config.condition))
        self.prompt_in = nn.Linear(config.n_mels * config.prompt_patch, width)
        self.prompt = ConvNeXtStack(width, config.prompt_layers, 2, 5)
        self.prompt_norm = nn.LayerNorm(width)
        self.comb = HarmonicCombs()
        frame = config.text_width + POSITION + SOURCE + config.n_mels
        self.context_in = nn.Linear(frame * config.patch, width)
        self.context_body = AttentiveStack(config, config.context_layers)
        self.context_norm = nn.LayerNorm(width)
        self.prior = nn.Linear(width, bands)
        self.time = TimeEmbedding(config.condition)
        self.decoder_in = nn.Linear(2 * bands + width, width)
        self.decoder = AttentiveStack(config, config.layers)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, bands)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def normalized(self, mel: Tensor) -> Tensor:
        """Log-mel frames [..., M] with the mean and spread of training data taken out of every band."""
        return (mel - self.mean) / self.spread

    def restored(self, mel: Tensor) -> Tensor:
        """The inverse of ``normalized``."""
        return mel * self.spread + self.mean

    def patched(self, frames: Tensor) -> Tensor:
        """Frames [B, T, C] as tokens [B, T / patch, patch * C]. T is a multiple of ``patch``."""
        return frames.reshape(frames.shape[0], -1, frames.shape[2] * self.config.patch)

    def unpatched(self, tokens: Tensor) -> Tensor:
        """The inverse of ``patched``, of spectra: [B, T / patch, patch * M] -> [B, T, M]."""
        return tokens.reshape(tokens.shape[0], -1, self.config.n_mels)

    def listen(self, prompt: Tensor, valid: Tensor) -> Tensor:
        """Prompt vectors: prompt [B, P, M], normalized, valid [B, P] in {0, 1} -> keys [B, P / prompt_patch, C]."""
        patches = (prompt * valid.unsqueeze(-1)).reshape(
            prompt.shape[0], -1, self.config.n_mels * self.config.prompt_patch
        )
        keys: Tensor = self.prompt_norm(self.prompt(self.prompt_in(patches)))
        return keys

    def rows(self, phonemes: Tensor, durations: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """What is said in every frame: phonemes [B, L] (0 pads), durations [B, L], times [B or 1, T] in frames
        -> the phonemes' vectors [B, T, C] and the position in the phoneme [B, T, 3]."""
        mask = (phonemes > 0).unsqueeze(-1).float()
        encoded = self.text(self.embed(phonemes), mask)
        index, position = frame_positions(durations, times, torch.float32)
        rows = torch.gather(encoded, 1, index.unsqueeze(-1).expand(-1, -1, encoded.shape[-1]))
        return rows, position

    def context(
        self,
        phonemes: Tensor,
        durations: Tensor,
        times: Tensor,
        f0: Tensor,
        embedding: Tensor,
        prompt: Tensor,
        valid: Tensor,
        shown: Tensor,
    ) -> Context:
        """phonemes, durations [B, L]; times [B or 1, T], the frames wanted; f0 [B, T] in Hz, 0 where unvoiced;
        embedding [B, E]; prompt [B, P, M], normalized, valid [B, P]; shown [B, 3] in {0, 1}: voice, prompt, text."""
        rows, position = self.rows(phonemes, durations, times)
        text = torch.cat([rows, position.to(rows.dtype)], dim=-1) * shown[:, None, TEXT:]
        voiced = (f0 > 0).to(f0.dtype)
        pitch = torch.log2(f0.clamp_min(1.0) / REFERENCE_HZ) * voiced
        source = torch.cat([torch.stack([pitch, voiced], dim=-1), self.comb(f0) / COMB_DEPTH], dim=-1)
        known = shown[:, VOICE : VOICE + 1]
        # An embedding has unit norm over 256 numbers: bring its entries to the scale of the others.
        voice = self.voice(embedding * 16) * known + self.nobody * (1 - known)
        keys = self.listen(prompt, valid)
        heard = valid.reshape(valid.shape[0], -1, self.config.prompt_patch).amin(-1) * shown[:, PROMPT : PROMPT + 1]
        x = self.context_in(self.patched(torch.cat([text, source], dim=-1)))
        hidden = self.context_norm(self.context_body(x, voice, keys, heard))
        return Context(hidden, self.unpatched(self.prior(hidden)), voice, keys, heard)

    def velocity(self, x: Tensor, time: Tensor, bands: Tensor, context: Context) -> Tensor:
        """Velocity [B, T, M] at x [B, T, M] and time [B]; bands [B, M] in {0, 1} are those that are modeled.

        Of data and noise with unit variance, the best linear guess of the velocity is known; the network adds what is
        left of it, at unit variance (the preconditioning of Karras 2022, for straight paths).
        """
        t = time[:, None, None]
        variance = (1 - t).square() + t.square()
        x = x * bands[:, None]
        inputs = torch.cat([self.patched(x / variance.sqrt()), self.patched(context.prior), context.hidden], dim=-1)
        condition = context.voice + self.time(time)
        h = self.decoder(self.decoder_in(inputs), condition, context.keys, context.heard)
        made = self.unpatched(self.head(self.norm(h)))
        return ((2 * t - 1) / variance * x + made / variance.sqrt()) * bands[:, None]


def masked_mean_square(error: Tensor, mask: Tensor) -> Tensor:
    """Mean of the squared error [B, T, M] where the mask, broadcast to it, is 1."""
    mask = mask.expand_as(error)
    return (error.square() * mask).sum() / mask.sum().clamp_min(1)


def conditional_flow_matching_loss(
    model: FlowModel, mel: Tensor, bands: Tensor, context: Context, time: Tensor, noise: Tensor
) -> Tensor:
    """Mean squared error of the velocity on the straight (optimal-transport) path from noise to mel.

    mel, noise [B, T, M], mel normalized; bands [B, M] in {0, 1}: nothing is learned of a band that is 0, nor is it
    shown; time [B] in 0 to 1.
    """
    t = time[:, None, None]
    x = (1 - t) * noise + t * mel
    velocity = model.velocity(x, time, bands, context).float()
    return masked_mean_square(velocity - (mel - noise), bands[:, None])


def prior_loss(context: Context, mel: Tensor, bands: Tensor) -> Tensor:
    """Mean squared error of the mean spectrum (Grad-TTS, Popov 2021); shapes as above."""
    return masked_mean_square(context.prior.float() - mel, bands[:, None])


def classifier_free_guidance(conditional: Tensor, unconditional: Tensor, weight: float) -> Tensor:
    """Away from what is true of anybody (Ho 2022). A weight of 1 is the conditional velocity itself."""
    return unconditional + weight * (conditional - unconditional)


@torch.no_grad()
def sample(
    model: FlowModel,
    context: Context,
    bands: Tensor,
    noise: Tensor,
    steps: int = 8,
    unconditional: Context | None = None,
    weight: float = 1.0,
    midpoint: bool = False,
) -> Tensor:
    """Draw mel spectrograms [B, T, M] (normalized) out of noise [B, T, M] in ``steps`` steps by Euler's method, or by
    the midpoint method, which asks for two velocities a step. unconditional, weight: for guidance, if there is any."""

    def velocity(x: Tensor, at: float) -> Tensor:
        time = torch.full((x.shape[0],), at, device=x.device)
        made = model.velocity(x, time, bands, context)
        if unconditional is None or weight == 1:
            return made
        return classifier_free_guidance(made, model.velocity(x, time, bands, unconditional), weight)

    x, step = noise, 1 / steps
    for number in range(steps):
        at = number * step
        if midpoint:
            x = x + step * velocity(x + step / 2 * velocity(x, at), at + step / 2)
        else:
            x = x + step * velocity(x, at)
    return x
