"""Sessions on TFLite: LiteRT (``ai-edge-litert``), or ``tflite-runtime`` where that is what the firmware has."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from .session import Array, GraphError, RuntimeMissing, Session, SessionInfo, first_line

_PACKAGES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}


class TfliteSession:
    """A graph on the first of ``_PACKAGES`` that is installed, with XNNPACK.

    An interpreter holds one set of input and output tensors, so calls from several threads take turns.
    """

    def __init__(self, graph: bytes, threads: int) -> None:
        package, version, interpreter = _interpreter()
        self._lock = threading.Lock()
        try:
            self._interpreter = interpreter(model_content=graph, num_threads=threads)
            self._inputs = {detail["name"]: detail for detail in self._interpreter.get_input_details()}
            self._outputs = {detail["name"]: detail["index"] for detail in self._interpreter.get_output_details()}
        except (ValueError, RuntimeError) as error:
            raise GraphError(f"{package} cannot load the graph: {first_line(error)}") from error
        if package == "tflite-runtime" and _multiplies_int8(self._interpreter):
            raise GraphError(
                "tflite-runtime computes this graph's INT8 products wrongly: "
                "export it with `parrotlet-compress export --tflite-activations float32`, or pip install ai-edge-litert"
            )
        self._shapes: dict[str, tuple[int, ...]] = {}
        self.info = SessionInfo(
            "tflite", f"{package} {version}", "cpu", threads, tuple(self._inputs), tuple(self._outputs)
        )

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """See Session.run."""
        if set(feeds) != set(self._inputs):
            raise GraphError(f"the graph takes {', '.join(self._inputs)}, not {', '.join(feeds)}")
        typed = {name: _fit(detail, feeds[name]) for name, detail in self._inputs.items()}
        with self._lock:
            try:
                self._resize({name: value.shape for name, value in typed.items()})
                for name, value in typed.items():
                    self._interpreter.set_tensor(self._inputs[name]["index"], value)
                self._interpreter.invoke()
                return {name: self._interpreter.get_tensor(index) for name, index in self._outputs.items()}
            except (ValueError, RuntimeError) as error:
                self._shapes = {}
                raise GraphError(f"TFLite cannot run the graph: {first_line(error)}") from error

    def _resize(self, shapes: dict[str, tuple[int, ...]]) -> None:
        """Plan memory anew, but only for shapes other than those of the last call."""
        if shapes == self._shapes:
            return
        for name, shape in shapes.items():
            self._interpreter.resize_tensor_input(self._inputs[name]["index"], shape)
        self._interpreter.allocate_tensors()
        self._shapes = shapes


def load(graph: bytes, threads: int, fold_int8: bool, device: str, fused: bool) -> Session:
    """Load a TFLite graph; see ``load_session``. ``fold_int8`` means nothing: the graph itself unpacks its weights."""
    return TfliteSession(graph, threads)


def usable_devices() -> tuple[str, ...]:
    """Raises RuntimeMissing when neither package can be used."""
    _interpreter()
    return ("cpu",)


def _interpreter() -> tuple[str, str, Any]:
    """Package, its version and its Interpreter class."""
    reasons = []
    for package, module in _PACKAGES.items():
        try:
            interpreter = import_module(module).Interpreter
        except ImportError as error:
            reasons.append(str(error))
            continue
        if package == "tflite-runtime" and int(np.__version__.split(".")[0]) >= 2:
            reasons.append(f"tflite-runtime needs numpy below 2, not {np.__version__}: pip install 'numpy<2'")
            continue
        root = import_module(module.partition(".")[0])
        return package, getattr(root, "__version__", "of unknown version"), interpreter
    raise RuntimeMissing(f"no TFLite runtime can be used ({'; '.join(reasons)}): pip install ai-edge-litert")


def _fit(detail: Mapping[str, Any], value: Array) -> Array:
    """The value in the input's type and rank. Raises GraphError when it does not fit."""
    value = np.asarray(value)
    name, shape, dtype = detail["name"], detail["shape_signature"], np.dtype(detail["dtype"])
    if value.ndim != len(shape) or any(fixed not in (-1, size) for fixed, size in zip(shape, value.shape, strict=True)):
        wanted = ", ".join("any" if size < 0 else str(size) for size in shape)
        raise GraphError(f"{name} has shape [{wanted}], not {list(value.shape)}")
    if not value.size:
        raise GraphError(f"{name} is empty")
    if not np.can_cast(value.dtype, dtype, "same_kind"):
        raise GraphError(f"{name} is {dtype}, not {value.dtype}")
    return np.ascontiguousarray(value, dtype=dtype)


def _multiplies_int8(interpreter: Any) -> bool:
    """Whether a matrix product or convolution has int8 weights and float activations (dynamic-range quantization)."""
    types = {detail["index"]: detail["dtype"] for detail in interpreter.get_tensor_details()}
    return any(
        op["op_name"] in ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "BATCH_MATMUL")
        and types.get(op["inputs"][0]) is np.float32
        and types.get(op["inputs"][1]) is np.int8
        for op in interpreter._get_ops_details()
    )
