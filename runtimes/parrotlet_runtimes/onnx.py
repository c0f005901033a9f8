"""Sessions on onnxruntime."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from .session import Array, GraphError, RuntimeMissing, Session, SessionInfo, first_line

_CPU = "CPUExecutionProvider"
_PROVIDERS = {"cpu": _CPU, "cuda": "CUDAExecutionProvider", "xnnpack": "XnnpackExecutionProvider"}
_HOW = {
    "cuda": "pip uninstall onnxruntime, then pip install onnxruntime-gpu",
    "xnnpack": "use a build of onnxruntime with --use_xnnpack",
}
# One MatMulInteger of uint8 [2, 8] and int8 [8, 16]: docs/experiments/031 says how it is written.
_PRODUCT = (
    b'\x08\x04\x12\x00:\\\n\x18\n\x01a\n\x01b\x12\x01y"\rMatMulInteger\x12\x01gZ\x13\n\x01a\x12\x0e\n\x0c\x08\x02\x12\x08\n'
    b"\x02\x08\x02\n\x02\x08\x08Z\x13\n\x01b\x12\x0e\n\x0c\x08\x03\x12\x08\n\x02\x08\x08\n\x02\x08\x10b\x13\n\x01y\x12\x0e\n\x0c"
    b"\x08\x06\x12\x08\n\x02\x08\x02\n\x02\x08\x10B\x04\n\x00\x10\n"
)
_DONE = (
    "CommonSubexpressionElimination",
    "ConstantSharing",
    "EnsureUniqueDQForNodeUnit",
    "Level1_RuleBasedTransformer",
    "Level2_RuleBasedTransformer",
    "NhwcTransformer",
    "QDQPropagationTransformer",
    "TransposeOptimizer",
    "TransposeOptimizer_CPUExecutionProvider",
)
"""What takes longest of the optimizers that find nothing in a graph that was optimized before."""
_ONCE = threading.Lock()  # sessions may be made in several threads
_TYPES = {"tensor(float)": "float32", "tensor(int64)": "int64", "tensor(int32)": "int32"}


class OnnxSession:
    """A graph on onnxruntime: on its CPU provider, or on CUDA or XNNPACK with the CPU for what they lack.

    Made for small devices: threads sleep between calls, and memory does not grow with the number of calls.
    """

    def __init__(self, graph: bytes, threads: int, fold_int8: bool, device: str, fused: bool = False) -> None:
        onnxruntime = _onnxruntime()
        options = onnxruntime.SessionOptions()
        # XNNPACK has threads of its own; two pools would fight over the cores.
        options.intra_op_num_threads = 1 if device == "xnnpack" else threads
        options.inter_op_num_threads = 1
        # Spinning threads burn a core between calls and slow each other down on busy devices.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # A pattern would be kept for every length of text there ever was. The arena stays: without it the process
        # peaks 35 MB higher and is a tenth slower (docs/experiments/023-onnxruntime-memory.md).
        options.enable_mem_pattern = False
        with _ONCE:
            shared = _has_shared_arena()
        if shared:
            options.add_session_config_entry("session.use_env_allocators", "1")
        if not fused and overflows():
            options.add_session_config_entry("session.x64quantprecision", "1")
        if fold_int8:
            options.add_session_config_entry("session.disable_quant_qdq", "1")
        # Errors reach the caller as exceptions; the log would print them a second time.
        options.log_severity_level = 4
        providers, fallback = _providers(onnxruntime, device, threads)
        try:
            without = {"disabled_optimizers": _DONE} if fused else {}
            self._session = onnxruntime.InferenceSession(graph, options, providers=providers, **without)
        except Exception as error:  # onnxruntime raises types of its own, without a common public base
            raise GraphError(f"onnxruntime cannot load the graph: {first_line(error)}") from error
        if device == "cpu" or fallback:
            # Kept for a second try on another provider, there is none: a tenth of the memory of a process that speaks.
            vars(self._session).pop("_model_bytes", None)
        if not fallback and _PROVIDERS[device] not in self._session.get_providers():
            fallback = f"onnxruntime could not start {_PROVIDERS[device]}: check its driver and libraries"
        self._types = {tensor.name: np.dtype(_TYPES[tensor.type]) for tensor in self._session.get_inputs()}
        self._outputs = [tensor.name for tensor in self._session.get_outputs()]
        self.info = SessionInfo(
            "onnx",
            onnxruntime.__version__,
            "cpu" if fallback else device,
            threads,
            tuple(self._types),
            tuple(self._outputs),
            fallback,
        )

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """See Session.run."""
        if set(feeds) != set(self._types):
            raise GraphError(f"the graph takes {', '.join(self._types)}, not {', '.join(feeds)}")
        typed = {name: np.ascontiguousarray(value, dtype=self._types[name]) for name, value in feeds.items()}
        try:
            results = self._session.run(self._outputs, typed)
        except Exception as error:
            raise GraphError(f"onnxruntime cannot run the graph: {first_line(error)}") from error
        return dict(zip(self._outputs, results, strict=True))


def load(graph: bytes, threads: int, fold_int8: bool, device: str, fused: bool) -> Session:
    """Load an ONNX graph; see ``load_session``."""
    return OnnxSession(graph, threads, fold_int8, device, fused)


def usable_devices() -> tuple[str, ...]:
    """The devices that the installed onnxruntime was built for. Raises RuntimeMissing."""
    built = _onnxruntime().get_available_providers()
    return tuple(device for device, provider in _PROVIDERS.items() if provider in built)


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise RuntimeMissing(f"onnxruntime cannot be imported ({error}): pip install onnxruntime") from error
    return onnxruntime


@cache
def _has_shared_arena() -> bool:
    """Register one arena for all sessions of the process, which takes less memory than an arena each.

    False where the program that we are part of has one, and onnxruntime (1.18) keeps that.
    """
    onnxruntime = _onnxruntime()
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    try:
        onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg(0, -1, -1, -1))
    except Exception:  # onnxruntime raises types of its own, without a common public base
        return False
    return True


def overflows() -> bool:
    """Whether products of uint8 and int8 overflow on this processor (x86 without VNNI), which takes 1 ms to find out.

    Then sessions are to use the kernel for two unsigned matrices. It must not be asked for elsewhere: from onnxruntime
    1.26 on it takes 2.3 times as long with VNNI.
    """
    with _ONCE:
        return _overflows()


@cache
def _overflows() -> bool:
    onnxruntime = _onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    product = onnxruntime.InferenceSession(_PRODUCT, options, providers=[_CPU])
    largest = {"a": np.full((2, 8), 255, np.uint8), "b": np.full((8, 16), 127, np.int8)}
    return bool((product.run(None, largest)[0] != 8 * 255 * 127).any())


def _providers(onnxruntime: Any, device: str, threads: int) -> tuple[list[Any], str]:
    """What to ask onnxruntime for, and why it is not ``device``, "" if it is."""
    if device == "cpu":
        return [_CPU], ""
    if _PROVIDERS[device] not in onnxruntime.get_available_providers():
        return [_CPU], f"onnxruntime {onnxruntime.__version__} was built without {_PROVIDERS[device]}: {_HOW[device]}"
    settings = {"intra_op_num_threads": str(threads)} if device == "xnnpack" else {}
    return [(_PROVIDERS[device], settings), _CPU], ""
