"""Tacotron 2 (Shen 2018), the acoustic teacher: encoder, location-sensitive attention, decoder, post-net.

Speaker conditioning is that of SV2TTS (Jia 2018): the embedding is concatenated to every encoder output.
Modules and parameters are named as in NVIDIA's public checkpoints, so their ``state_dict`` loads as it is;
``read_tacotron2`` finds the sizes in the shapes of the weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from parrotlet.errors import InputError

from .checkpoints import load_checkpoint, load_named

# The longest synthesis: NVIDIA's limit, and a quarter second a symbol, where speech takes a third of that.
MAX_STEPS, MAX_FRAMES_A_SYMBOL = 1000, 20
STOP = 0.5

Array = npt.NDArray[np.float32]


OWN_SCALES: dict[str, Any] = {"mel_offset": -5.0, "mel_scale": 3.0, "speaker_scale": 8.0}
"""Of the models that we train; NVIDIA's take log-mels as they are."""


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


class DecoderState(NamedTuple):
    """What one decoder step hands to the next: hidden and cell states [B, H], attention weights and their
    running sum [B, L], context [B, memory]."""

    attention_hidden: Tensor
    attention_cell: Tensor
    decoder_hidden: Tensor
    decoder_cell: Tensor
    weights: Tensor
    cumulative: Tensor
    context: Tensor


class Tacotron2Output(NamedTuple):
    """coarse (before the post-net) and mel [B, T, M]; stop logits [B, T / r]; alignment [B, T / r, L]."""

    coarse: Tensor
    mel: Tensor
    stop: Tensor
    alignment: Tensor


class Spoken(NamedTuple):
    """What synthesis returns: mel [T, M], stop probabilities [S], alignment [S, L], S = T / r steps;
    ``stopped`` is False when the step limit came before the stop token."""

    mel: npt.NDArray[np.float32]
    stop: npt.NDArray[np.float32]
    alignment: npt.NDArray[np.float32]
    stopped: bool


class _Linear(nn.Module):
    def __init__(self, inputs: int, outputs: int, bias: bool = False) -> None:
        super().__init__()
        self.linear_layer = nn.Linear(inputs, outputs, bias=bias)
        nn.init.xavier_uniform_(self.linear_layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear_layer(x)


class _Conv(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)
        nn.init.xavier_uniform_(self.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


def _conv_stack(widths: list[int], kernel: int) -> nn.ModuleList:
    return nn.ModuleList(nn.Sequential(_Conv(a, b, kernel), nn.BatchNorm1d(b)) for a, b in pairwise(widths))


class Encoder(nn.Module):
    """Symbol vectors [B, L, C] -> [B, L, encoder]: convolutions with batch norm, then a bidirectional LSTM."""

    def __init__(self, config: Tacotron2Config) -> None:
        super().__init__()
        widths = [config.symbol_width] + [config.encoder] * config.encoder_layers
        self.convolutions = _conv_stack(widths, config.encoder_kernel)
        self.lstm = nn.LSTM(config.encoder, config.encoder // 2, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """``lengths`` [B] keeps padding out of the result; None: nothing is padded."""
        mask = None if lengths is None else _mask(lengths, x.shape[1]).unsqueeze(1)
        x = x.transpose(1, 2)
        for layer in self.convolutions:
            x = x if mask is None else x * mask
            x = functional.dropout(functional.relu(layer(x)), 0.5, self.training)
        x = x.transpose(1, 2)
        if lengths is None:
            return self.lstm(x)[0]
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])[0]


class _LocationLayer(nn.Module):
    def __init__(self, config: Tacotron2Config) -> None:
        super().__init__()
        self.location_conv = _Conv(2, config.location_filters, config.location_kernel, bias=False)
        self.location_dense = _Linear(config.location_filters, config.attention)
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
        self.query_layer = _Linear(config.attention_rnn, config.attention)
        self.memory_layer = _Linear(config.memory, config.attention)
        self.v = _Linear(config.attention, 1)
        self.location_layer = _LocationLayer(config)

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


class _Prenet(nn.Module):
    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([_Linear(inputs, width), _Linear(width, width)])

    def forward(self, x: Tensor, keep: Tensor) -> Tensor:
        """``keep`` [2, ..., P]: dropout masks, 0 or 2 (all ones: no dropout). They are an input because this
        dropout stays on at synthesis, and a graph must not draw random numbers of its own."""
        for layer, mask in zip(self.layers, keep, strict=True):
            x = functional.relu(layer(x)) * mask
        return x


class Decoder(nn.Module):
    """See ``step`` (one step, what is exported) and ``forward`` (all steps, teacher-forced)."""

    def __init__(self, config: Tacotron2Config) -> None:
        super().__init__()
        self.config = config
        self.prenet = _Prenet(config.n_mels * config.frames_per_step, config.prenet)
        self.attention_rnn = nn.LSTMCell(config.prenet + config.memory, config.attention_rnn)
        self.attention_layer = Attention(config)
        self.decoder_rnn = nn.LSTMCell(config.attention_rnn + config.memory, config.decoder_rnn)
        width = config.decoder_rnn + config.memory
        self.linear_projection = _Linear(width, config.n_mels * config.frames_per_step, bias=True)
        self.gate_layer = _Linear(width, 1, bias=True)

    def start(self, memory: Tensor) -> DecoderState:
        """The state before the first step; memory [B, L, memory]."""
        rows, length, c = memory.shape[0], memory.shape[1], self.config
        sizes = (c.attention_rnn, c.attention_rnn, c.decoder_rnn, c.decoder_rnn, length, length, c.memory)
        return DecoderState(*(memory.new_zeros(rows, size) for size in sizes))

    def step(
        self, frames: Tensor, keep: Tensor, memory: Tensor, keys: Tensor, state: DecoderState
    ) -> tuple[Tensor, Tensor, DecoderState]:
        """One step of synthesis, nothing padded.

        frames [B, r * M] of the last step, keep [2, B, P] (see the pre-net), memory [B, L, memory],
        keys [B, L, A] -> frames [B, r * M], stop logit [B, 1], state.
        """
        x = self.prenet(frames, keep)
        attended = (state.attention_hidden, state.attention_cell)
        hidden, cell = self.attention_rnn(torch.cat([x, state.context], -1), attended)
        location = self.attention_layer.location_layer(state.weights, state.cumulative)
        weights = self.attention_layer(hidden, keys, location)
        context = (weights.unsqueeze(1) @ memory).squeeze(1)
        decoded = (state.decoder_hidden, state.decoder_cell)
        decoder_hidden, decoder_cell = self.decoder_rnn(torch.cat([hidden, context], -1), decoded)
        out = torch.cat([decoder_hidden, context], -1)
        cumulative = state.cumulative + weights
        state = DecoderState(hidden, cell, decoder_hidden, decoder_cell, weights, cumulative, context)
        return self.linear_projection(out), self.gate_layer(out), state

    def forward(self, memory: Tensor, lengths: Tensor, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Teacher-forced: memory [B, L, memory], lengths [B], frames [B, S, r * M] that the steps should make
        -> frames [B, S, r * M], stop logits [B, S], alignment [B, S, L].

        Equals ``step`` in a loop (but for dropout): only what feeds back into attention runs step by step.
        """
        config, cell = self.config, self.attention_rnn
        state = self.start(memory)
        keys = self.attention_layer.memory_layer(memory)
        location = self.attention_layer.location_layer
        kernel = location.kernel()
        hidden = torch.zeros_like(state.weights).masked_fill(_mask(lengths, memory.shape[1]) == 0, -1e9)
        shifted = functional.pad(frames, (0, 0, 1, 0))[:, :-1]
        keep = functional.dropout(shifted.new_ones(2, *shifted.shape[:2], config.prenet), 0.5, self.training)
        x = self.prenet(shifted, keep)
        # What is known of the attention LSTM's input beforehand, as one product: the frames, and the speaker's
        # part of every context but the first (zero): attention does not change it, since its weights sum to 1.
        sizes = [config.prenet, config.encoder, config.speaker]
        of_frames, fed_back, of_speaker = cell.weight_ih.split(sizes, dim=1)
        memory, speaker = memory.split([config.encoder, config.speaker], dim=-1)
        speaker = speaker[:, :1].expand(-1, frames.shape[1], -1)
        known = torch.cat([of_frames, of_speaker], dim=1)
        x = torch.cat([x, functional.pad(speaker[:, 1:], (0, 0, 1, 0))], -1)
        gates = functional.linear(x, known, cell.bias_ih + cell.bias_hh)
        recurrent = torch.cat([fed_back, cell.weight_hh], dim=1).T
        fed: list[Tensor] = []
        looked: list[Tensor] = []
        gates = _Later.apply(gates, recurrent, fed)
        reads = _Later.apply(memory.new_zeros(len(memory), frames.shape[1], config.encoder), memory, looked)
        fixed, fixed_memory = recurrent.detach().to(gates.dtype), memory.detach().to(gates.dtype)
        dropped = functional.dropout(gates.new_ones(len(gates), config.attention_rnn), 0.1, self.training)
        h = c = gates.new_zeros(len(gates), config.attention_rnn)
        context = gates.new_zeros(len(gates), config.encoder)
        weights, cumulative = state.weights, state.cumulative
        hiddens, contexts, alignment = [], [], []
        for gate, read in zip(gates.unbind(1), reads.unbind(1), strict=True):
            both = torch.cat([context, h], -1)
            fed.append(both.detach())
            i, f, g, o = (gate + both @ fixed).chunk(4, dim=-1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            # One mask for the whole sequence (Gal 2016): a tenth of the state is missing from the first step on.
            h = torch.sigmoid(o) * torch.tanh(c) * dropped
            weights = self.attention_layer(h, keys, location.fast(weights, cumulative, kernel), hidden)
            looked.append(weights.detach())
            cumulative = cumulative + weights
            context = read + (weights.unsqueeze(1).to(fixed_memory.dtype) @ fixed_memory).squeeze(1)
            hiddens.append(h)
            contexts.append(context)
            alignment.append(weights)
        context = torch.cat([torch.stack(contexts, 1), speaker.to(context.dtype)], -1)
        both = torch.cat([torch.stack(hiddens, 1), context], -1)
        rnn = self.decoder_rnn
        zeros = both.new_zeros(1, len(both), config.decoder_rnn)
        parameters = (rnn.weight_ih, rnn.weight_hh, rnn.bias_ih, rnn.bias_hh)
        decoded = torch.lstm(both, (zeros, zeros), parameters, True, 1, 0.0, self.training, False, True)[0]
        out = torch.cat([functional.dropout(decoded, 0.1, self.training), context], -1)
        return self.linear_projection(out), self.gate_layer(out).squeeze(-1), torch.stack(alignment, 1)


class _Later(torch.autograd.Function):
    """Gives an operand of many small products its gradient in one large product, when all steps are done.

    Step t computes ``base[:, t] + inputs[t] @ operand.detach()``; the gradient of ``base`` is then all that
    the gradient of ``operand`` needs. Left to autograd, every step writes a gradient of the operand's size.
    ``inputs`` is filled after the call, with detached tensors: others would hold the graph that holds them.
    """

    @staticmethod
    def forward(ctx: Any, base: Tensor, operand: Tensor, inputs: list[Tensor]) -> Tensor:
        ctx.inputs, ctx.batched = inputs, operand.ndim == 3
        return base.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        (gradient,) = gradients
        inputs = torch.stack(ctx.inputs, 1).to(gradient.dtype)
        if ctx.batched:
            return gradient, inputs.transpose(1, 2) @ gradient, None
        return gradient, inputs.flatten(0, 1).T @ gradient.flatten(0, 1), None


class Postnet(nn.Module):
    """Five convolutions that predict what the decoder's frames lack: [B, T, M] -> [B, T, M]."""

    def __init__(self, config: Tacotron2Config) -> None:
        super().__init__()
        widths = [config.n_mels] + [config.postnet] * (config.postnet_layers - 1) + [config.n_mels]
        self.convolutions = _conv_stack(widths, config.postnet_kernel)

    def forward(self, mel: Tensor, mask: Tensor | None = None) -> Tensor:
        """``mask`` [B, T] is 0 at padding."""
        x = mel.transpose(1, 2)
        last = len(self.convolutions) - 1
        for index, layer in enumerate(self.convolutions):
            x = layer(x if mask is None else x * mask.unsqueeze(1))
            x = functional.dropout(x if index == last else torch.tanh(x), 0.5, self.training)
        return x.transpose(1, 2)


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
        return Tacotron2Output(self.to_mel(coarse), self.refine(coarse, _mask(frames, mel.shape[1])), stop, alignment)

    @torch.no_grad()
    def speak(
        self,
        symbols: list[int],
        speaker: npt.NDArray[np.float32] | None = None,
        seed: int | None = 0,
        max_steps: int | None = None,
    ) -> Spoken:
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
        coarse, stop, alignment, stopped = decode(self.config, step, seed, limit)
        mel = self.refine(torch.from_numpy(coarse)[None])[0].numpy()
        return Spoken(mel, stop, alignment, stopped)


Step = Callable[[Array, Array], tuple[Array, float, Array]]


def decode(
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


SKIP = 2.0


def durations_from_alignment(alignment: Array, frames_per_step: int) -> list[int]:
    """Frames of every symbol: the monotonic path of the greatest summed log attention (as in Glow-TTS, Kim 2020),
    on which passing over a symbol costs SKIP.

    alignment [S, L] -> L whole numbers that sum to S * frames_per_step.
    """
    # Between the centres of two steps the attention is interpolated: boundaries finer than a step.
    times = (np.arange(len(alignment) * frames_per_step) + 0.5) / frames_per_step - 0.5
    times = np.clip(times, 0, len(alignment) - 1)
    low = np.floor(times).astype(int)
    part = (times - low)[:, None]
    weights = alignment[low] * (1 - part) + alignment[np.minimum(low + 1, len(alignment) - 1)] * part
    score = np.log(weights + 1e-8)
    frames, length = score.shape
    index = np.arange(length)
    best = score[0] - SKIP * index
    origin = np.zeros((frames, length), np.int32)
    for t in range(1, frames):
        lifted = best + SKIP * index
        reach = np.maximum.accumulate(lifted)
        source = np.maximum.accumulate(np.where(lifted >= reach, index, 0))
        entered = np.full(length, -np.inf)
        entered[1:] = reach[:-1] - SKIP * index[:-1]
        origin[t] = np.where(entered > best, np.concatenate([[0], source[:-1]]), index)
        best = np.maximum(entered, best) + score[t]
    at, counts = length - 1, [0] * length
    for t in range(frames - 1, -1, -1):
        counts[at] += 1
        at = int(origin[t, at])
    return counts


def _mask(lengths: Tensor, width: int) -> Tensor:
    return (torch.arange(width, device=lengths.device)[None] < lengths[:, None]).float()


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
