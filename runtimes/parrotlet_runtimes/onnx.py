"""Sessions on onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .session import Array, GraphError, RuntimeMissing, Session, SessionInfo


class OnnxSession:
    """A graph on onnxruntime's CPU provider."""

    def __init__(self, graph: bytes, threads: int, fold_int8: bool) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise RuntimeMissing("onnxruntime is not installed: pip install onnxruntime") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning threads burn a core between calls and slow each other down on busy devices.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if fold_int8:
            options.add_session_config_entry("session.disable_quant_qdq", "1")
        # Errors reach the caller as exceptions; the log would print them a second time.
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises types of its own, without a common public base
            raise GraphError(f"onnxruntime cannot load the graph: {_first_line(error)}") from error
        self._types = {tensor.name: np.dtype(_TYPES[tensor.type]) for tensor in self._session.get_inputs()}
        self._outputs = [tensor.name for tensor in self._session.get_outputs()]
        self.info = SessionInfo(
            "onnx",
            onnxruntime.__version__,
            "cpu",
            threads,
            tuple(self._types),
            tuple(self._outputs),
        )

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """See Session.run."""
        if set(feeds) != set(self._types):
            raise GraphError(f"the graph takes {', '.join(self._types)}, not {', '.join(feeds)}")
        typed = {name: np.ascontiguousarray(value, dtype=self._types[name]) for name, value in feeds.items()}
        try:
            results = self._session.run(self._outputs, typed)
        except Exception as error:
            raise GraphError(f"onnxruntime cannot run the graph: {_first_line(error)}") from error
        return dict(zip(self._outputs, results, strict=True))


_TYPES = {"tensor(float)": "float32", "tensor(int64)": "int64", "tensor(int32)": "int32"}


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def load(graph: bytes, threads: int, fold_int8: bool) -> Session:
    """Load an ONNX graph; see ``load_session``."""
    return OnnxSession(graph, threads, fold_int8)
