"""The exported graphs of a teacher: three of Tacotron 2, one of HiFi-GAN."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnxruntime.capi import onnxruntime_pybind11_state
from torch import Tensor, nn

from parrotlet.errors import InputError

from .graph import Feeds, Graph
from .teachers.hifigan import Generator
from .teachers.tacotron2 import Tacotron2
from .teachers.tacotron2_decoder import DecoderState

LENGTHS = (53, 41, 131)


class _Encoder(nn.Module):
    def __init__(self, model: Tacotron2) -> None:
        super().__init__()
        self.model = model

    def forward(self, symbols: Tensor, speaker: Tensor | None = None) -> tuple[Tensor, Tensor]:
        memory = self.model.encode(symbols, speaker)
        return memory, self.model.decoder.attention_layer.memory_layer(memory)


class _Step(nn.Module):
    def __init__(self, model: Tacotron2) -> None:
        super().__init__()
        self.decoder = model.decoder

    def forward(self, frames: Tensor, keep: Tensor, memory: Tensor, keys: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        made, stop, after = self.decoder.step(frames, keep, memory, keys, DecoderState(*state))
        return made, stop, *after


class _Refine(nn.Module):
    def __init__(self, model: Tacotron2) -> None:
        super().__init__()
        self.model = model

    def forward(self, coarse: Tensor) -> Tensor:
        return self.model.refine(coarse)


def tacotron2_graphs(model: Tacotron2) -> list[Graph]:
    """``encoder``, ``decoder`` and ``postnet``; the decoder's new state is named ``next_*``."""
    c = model.config

    def text(length: int) -> Feeds:
        random = torch.Generator().manual_seed(length)
        feeds = {"symbols": torch.randint(1, c.symbols, (1, length), generator=random)}
        if c.speaker:
            voice = torch.randn(1, c.speaker, generator=random)
            feeds["speaker"] = voice / voice.norm()
        return feeds

    @torch.no_grad()
    def step(length: int) -> Feeds:
        random = torch.Generator().manual_seed(length)
        memory, keys = _Encoder(model)(*text(length).values())
        state = model.decoder.start(memory)
        first = torch.softmax(torch.randn(1, length, generator=random), -1)
        return {
            "frames": torch.randn(1, c.n_mels * c.frames_per_step, generator=random),
            "keep": torch.randint(0, 2, (2, 1, c.prenet), generator=random).float() * 2,
            "memory": memory,
            "keys": keys,
            **(state._replace(weights=first, cumulative=first))._asdict(),
        }

    def coarse(length: int) -> Feeds:
        return {"coarse": torch.randn(1, length, c.n_mels, generator=torch.Generator().manual_seed(length))}

    of_text, after = {1: "L"}, [f"next_{name}" for name in DecoderState._fields]
    return [
        Graph(
            "encoder",
            _Encoder(model),
            text,
            ("memory", "keys"),
            {"symbols": of_text, "memory": of_text, "keys": of_text},
            LENGTHS,
        ),
        Graph(
            "decoder",
            _Step(model),
            step,
            ("made", "stop", *after),
            dict.fromkeys(("memory", "keys", "weights", "cumulative", "next_weights", "next_cumulative"), of_text),
            LENGTHS,
        ),
        Graph("postnet", _Refine(model), coarse, ("mel",), {"coarse": {1: "T"}, "mel": {1: "T"}}, LENGTHS),
    ]


def hifigan_graph(model: Generator) -> Graph:
    """``vocoder``: ``mel`` [1, T, M] -> ``samples`` [1, T * hop]."""

    def mel(length: int) -> Feeds:
        random = torch.Generator().manual_seed(length)
        return {"mel": torch.randn(1, length, model.config.mel.n_mels, generator=random) - 5}

    return Graph("vocoder", model, mel, ("samples",), {"mel": {1: "T"}, "samples": {1: "N"}}, (23, 17, 41))


def require_operators(path: Path) -> None:
    """Raise InputError naming the first operator of an ONNX graph that onnxruntime has no implementation of."""
    known = {(schema.domain, schema.name) for schema in onnxruntime_pybind11_state.get_all_operator_schema()}
    for node in onnx.load(path, load_external_data=False).graph.node:
        domain = "" if node.domain == "ai.onnx" else node.domain
        if (domain, node.op_type) not in known:
            name = f"{domain}.{node.op_type}" if domain else node.op_type
            raise InputError(
                f"{path.name}: onnxruntime has no operator {name!r} (node {node.name!r}): "
                "replace it in the model before exporting"
            )
