"""Sessions on torch: the reference that the exported graphs are measured against.

Here a graph is its training weights: a .safetensors file of the speaker encoder, acoustic model or vocoder, as in
``compression/checkpoints``. Nothing that a device runs imports ``parrotlet_compression``, with this one exception:
the code of the models is there, and it is imported when a session is loaded, not before.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .session import Array, GraphError, RuntimeMissing, Session, SessionInfo, first_line

_INSTALL = "pip install torch==2.13.0, then pip install 'parrotlet[compress]'"


class TorchSession:
    """Training weights on torch in float32, on the CPU or on CUDA.

    torch has one number of threads for the whole process, which is left as it is: set it with
    ``torch.set_num_threads``. ``info.threads`` is what torch uses.
    """

    def __init__(self, weights: bytes, device: str) -> None:
        self._torch = torch = _torch()
        from safetensors import SafetensorError
        from safetensors.torch import load as parse

        from parrotlet_compression.export import graphs, new_students

        try:
            state = {name: value.float() for name, value in parse(weights).items()}
        except SafetensorError as error:
            raise GraphError(f"these are not training weights in safetensors form: {error}") from error
        students = new_students()
        found = [
            pair
            for pair in zip(students, graphs(*students), strict=True)
            if pair[0].state_dict().keys() == state.keys()
        ]
        if not found:
            raise GraphError("the weights are of no model that this version has: take them from the same release")
        model, self._graph = found[0]
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            raise GraphError(f"the weights are of another shape: {str(error).splitlines()[-1].strip()}") from error
        fallback = ""
        if device == "cuda" and not torch.cuda.is_available():
            fallback = f"torch {torch.__version__} finds no CUDA device"
        self._device = "cpu" if fallback else device
        self._graph.module.to(self._device).eval()
        example = self._graph.example(self._graph.lengths[0])
        self._types = {name: value.numpy().dtype for name, value in example.items()}
        self.info = SessionInfo(
            "torch",
            torch.__version__,
            self._device,
            torch.get_num_threads(),
            tuple(self._types),
            self._graph.outputs,
            fallback,
        )

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """See Session.run."""
        if set(feeds) != set(self._types):
            raise GraphError(f"the graph takes {', '.join(self._types)}, not {', '.join(feeds)}")
        torch = self._torch
        inputs = [torch.from_numpy(np.array(feeds[name], dtype=kind)) for name, kind in self._types.items()]
        try:
            with torch.inference_mode():
                made = self._graph.module(*(value.to(self._device) for value in inputs))
        except (RuntimeError, IndexError) as error:
            raise GraphError(f"torch cannot run the graph: {first_line(error)}") from error
        outputs = (made,) if isinstance(made, torch.Tensor) else made
        return {name: value.cpu().numpy() for name, value in zip(self._graph.outputs, outputs, strict=True)}


def load(graph: bytes, threads: int, fold_int8: bool, device: str) -> Session:
    """Load training weights; see ``load_session``. ``threads`` and ``fold_int8`` mean nothing here."""
    return TorchSession(graph, device)


def usable_devices() -> tuple[str, ...]:
    """Raises RuntimeMissing when torch, or the code of the models, is not installed."""
    return ("cpu", "cuda") if _torch().cuda.is_available() else ("cpu",)


def released_weights() -> Path | None:
    """``compression/checkpoints`` of the checkout that ``parrotlet_compression`` is imported from, if it is one."""
    spec = find_spec("parrotlet_compression")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parents[1] / "checkpoints"
    return folder if folder.is_dir() else None


def _torch() -> Any:
    try:
        import safetensors  # noqa: F401
        import torch
    except ImportError as error:
        raise RuntimeMissing(f"torch cannot be imported ({error}): {_INSTALL}") from error
    return torch
