"""The ONNX form of the acoustic graph: what is computed once a phoneme, of a whole utterance, and of any frames."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from parrotlet import adaptation

from .graph import Feeds, Graph
from .models.synthesizer import Synthesizer


class Part(nn.Module):
    """A method of a model as a module of its own, to be exported."""

    def __init__(self, model: nn.Module, name: str) -> None:
        super().__init__()
        self.model, self.name = model, name

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """What the method returns."""
        made: tuple[Tensor, ...] = getattr(self.model, self.name)(*inputs)
        return made


def onnx_parts(synthesizer: Synthesizer, voice: Callable[[int], Feeds]) -> tuple[Graph, Graph, Graph]:
    """The three graphs, with the tensor names of ``parrotlet.acoustic``. voice: feeds of the whole graph."""
    config = synthesizer.acoustic.config

    def text(length: int) -> Feeds:
        return {name: voice(length)[name] for name in ("phonemes", "embedding", "statistics")}

    def rows(length: int) -> Feeds:
        random = torch.Generator().manual_seed(length)
        condition = torch.randn(1, sum(synthesizer.conditions[:2]), generator=random)
        return {
            "rows": torch.randn(1, length, config.encoder_width, generator=random),
            "position": torch.randn(1, length, 3, generator=random),
            "condition": torch.cat([condition, 0.1 * torch.randn(1, adaptation.size(), generator=random)], dim=1),
            "statistics": voice(length)["statistics"],
        }

    def contour(length: int) -> Feeds:
        return rows(length) | {"pitch": torch.tensor([0.0])}

    def frames(length: int) -> Feeds:
        return rows(length) | {
            "f0": (torch.arange(length)[None] % 20 > 6) * 150.0,
            "factors": voice(length)["factors"],
        }

    time, phonemes, lengths = {1: "T"}, {1: "L"}, (53, 41, 131)
    given = {"rows": time, "position": time}
    return (
        Graph(
            "acoustic_text",
            Part(synthesizer, "text_side"),
            text,
            ("encoded", "condition", "frames"),
            {"phonemes": phonemes, "encoded": phonemes, "frames": phonemes},
            lengths,
        ),
        Graph("acoustic_contour", Part(synthesizer, "contour_side"), contour, ("f0",), {**given, "f0": time}, lengths),
        Graph(
            "acoustic_frames",
            Part(synthesizer, "decode_side"),
            frames,
            ("mel", "predicted", "features"),
            {**given, "f0": time, "mel": time, "predicted": time, "features": time},
            lengths,
        ),
    )
