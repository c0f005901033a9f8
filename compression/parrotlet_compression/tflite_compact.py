"""Make TFLite files smaller without another result: names that nobody reads, and vectors that stand there many times.

A quantized graph holds a zero point of 8 bytes for every output channel of every layer, all of them zero, and for
every tensor a name that tells its way through the modules of torch: a tenth of the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Model = Any  # ModelT of the generated flatbuffer schema, which has no type hints
ALIGNMENT = 16
"""Bytes that the schema wants constants to begin at a multiple of."""


def read_model(data: bytes) -> Model:
    """The objects of a TFLite file. Constants that lie behind the flatbuffer are brought into it."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(data), 0))
    for buffer in model.buffers:
        if buffer.offset > 1:  # 0 and 1 say that there is nothing
            buffer.data = np.frombuffer(data, np.uint8, buffer.size, buffer.offset)
        buffer.offset = buffer.size = 0
    return model


def pack_model(model: Model) -> bytes:
    """The file of a model, in which equal names and vectors of numbers are one."""
    import flatbuffers

    class Builder(flatbuffers.Builder):  # type: ignore[misc] # without type hints
        """Strings and vectors of numbers hold no offsets, so equal ones can be shared."""

        def __init__(self, size: int) -> None:
            super().__init__(size)
            self.written: dict[tuple[str, bytes], int] = {}

        def CreateNumpyVector(self, x: npt.NDArray[Any]) -> int:
            key = x.dtype.str, x.tobytes()
            if key not in self.written:
                self.written[key] = self._constant(x) if x.dtype == np.uint8 else super().CreateNumpyVector(x)
            return self.written[key]

        def CreateString(self, s: bytes | str, *options: str) -> int:
            key = "string", s.encode() if isinstance(s, str) else bytes(s)
            if key not in self.written:
                self.written[key] = super().CreateString(s, *options)
            return self.written[key]

        def _constant(self, x: npt.NDArray[np.uint8]) -> int:
            self.StartVector(1, x.size, ALIGNMENT)
            self.head -= x.size
            self.Bytes[self.head : self.head + x.size] = x.tobytes()
            return int(self.EndVector())

    builder = Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def compact(data: bytes) -> bytes:
    """The same graph in a smaller file: only inputs and outputs keep their names."""
    model = read_model(data)
    for graph in model.subgraphs:
        kept = {int(tensor) for tensor in (*graph.inputs, *graph.outputs)}
        for index, tensor in enumerate(graph.tensors):
            if index not in kept:
                tensor.name = b""
    return pack_model(model)


def compact_file(path: Path) -> None:
    """Replace a TFLite file by its smaller form."""
    path.write_bytes(compact(path.read_bytes()))
