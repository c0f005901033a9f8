"""Sessions on torch in float32: the reference that exported graphs are measured against.

    Parrotlet.load(sessions=reference.sessions(Path("compression/checkpoints")))

The engine speaks with the training weights then. torch has one number of threads for the whole process, which is left
as it is: set it with ``torch.set_num_threads``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from parrotlet.bundle import Sessions
from parrotlet_runtimes import DeviceWarning, GraphError, SessionInfo

from .export import graphs, load_students
from .graph import Graph


class TorchSession:
    """A graph of the training models, on the CPU or on CUDA. See ``parrotlet_runtimes.Session``."""

    def __init__(self, graph: Graph, device: str = "cpu") -> None:
        fallback = ""
        if device == "cuda" and not torch.cuda.is_available():
            fallback = f"torch {torch.__version__} finds no CUDA device"
            warnings.warn(f"{fallback}; running on the CPU", DeviceWarning, stacklevel=2)
        self._graph, self._device = graph, "cpu" if fallback else device
        graph.module.to(self._device).eval()
        self._types = {name: value.numpy().dtype for name, value in graph.example(graph.lengths[0]).items()}
        self.info = SessionInfo(
            "torch",
            torch.__version__,
            self._device,
            torch.get_num_threads(),
            tuple(self._types),
            graph.outputs,
            fallback,
        )

    def run(self, feeds: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """See Session.run."""
        if set(feeds) != set(self._types):
            raise GraphError(f"the graph takes {', '.join(self._types)}, not {', '.join(feeds)}")
        inputs = [torch.from_numpy(np.array(feeds[name], dtype=kind)) for name, kind in self._types.items()]
        try:
            with torch.inference_mode():
                made = self._graph.module(*(value.to(self._device) for value in inputs))
        except (RuntimeError, IndexError) as error:
            raise GraphError(f"torch cannot run the graph: {str(error).splitlines()[0]}") from error
        outputs = (made,) if isinstance(made, torch.Tensor) else made
        return {name: value.cpu().numpy() for name, value in zip(self._graph.outputs, outputs, strict=True)}


def sessions(checkpoints: Path, device: str = "cpu") -> Sessions:
    """Sessions over a folder of training weights. Raises InputError when one is missing or of another shape.

    device: "cpu" or "cuda"; without a CUDA device the CPU is used, with a DeviceWarning.
    """
    found = {graph.name: graph for graph in graphs(*load_students(checkpoints))}
    return lambda name: TorchSession(found[name], device)
