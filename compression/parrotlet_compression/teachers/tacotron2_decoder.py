"""The decoder of Tacotron 2: one step, as it is exported, and all steps teacher-forced."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .tacotron2_layers import Attention, Linear, Prenet, Tacotron2Config, padding_mask


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


class Decoder(nn.Module):
    """See ``step`` (one step, what is exported) and ``forward`` (all steps, teacher-forced)."""

    def __init__(self, config: Tacotron2Config) -> None:
        super().__init__()
        self.config = config
        self.prenet = Prenet(config.n_mels * config.frames_per_step, config.prenet)
        self.attention_rnn = nn.LSTMCell(config.prenet + config.memory, config.attention_rnn)
        self.attention_layer = Attention(config)
        self.decoder_rnn = nn.LSTMCell(config.attention_rnn + config.memory, config.decoder_rnn)
        width = config.decoder_rnn + config.memory
        self.linear_projection = Linear(width, config.n_mels * config.frames_per_step, bias=True)
        self.gate_layer = Linear(width, 1, bias=True)

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
        hidden = torch.zeros_like(state.weights).masked_fill(padding_mask(lengths, memory.shape[1]) == 0, -1e9)
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
        gates = DeferredGradient.apply(gates, recurrent, fed)
        reads = DeferredGradient.apply(memory.new_zeros(len(memory), frames.shape[1], config.encoder), memory, looked)
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


class DeferredGradient(torch.autograd.Function):
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
