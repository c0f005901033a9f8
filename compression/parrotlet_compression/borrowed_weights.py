"""Leave out of one ONNX file the weights that another one of the bundle holds: a host puts them in again.

A file of ONNX is a row of bytes, and a tensor's values are a piece of it. What both files hold is cut out of one, and
``pieces`` say where to insert which bytes of the other: [at, offset, length], in order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from parrotlet.bundle import joined
from parrotlet.errors import InputError

SMALLEST = 1024
"""Bytes of a tensor that is worth a piece."""


def borrow(file: Path, lender: Path) -> dict[str, Any]:
    """Write ``file`` without the tensors that ``lender`` holds as well, as FILE.bin in its place.

    Gives what the manifest is to say of it.
    """
    model, source = onnx.load(file), lender.read_bytes()
    held = _held(onnx.load_from_string(source))
    for tensor in list(model.graph.initializer):
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.int8 and array.ndim == 2 and array.tobytes() not in held:
            _turn(model.graph, tensor, array, held)
    data, pieces, done, made = model.SerializeToString(), [], 0, []
    for tensor in model.graph.initializer:
        if tensor.raw_data in held:
            at = data.index(tensor.raw_data, done)
            made.append(data[done:at])
            pieces.append([sum(len(part) for part in made), source.index(tensor.raw_data), len(tensor.raw_data)])
            done = at + len(tensor.raw_data)
    made.append(data[done:])
    target = file.with_suffix(".bin")
    target.write_bytes(b"".join(made))
    file.unlink()
    if joined(target.read_bytes(), source, pieces) != data:
        raise InputError(f"{file.name} cannot be put together again from {lender.name}: report this")
    return {"file": target.name, "borrows": {"from": lender.name, "pieces": pieces}}


def _held(model: onnx.ModelProto) -> set[bytes]:
    return {tensor.raw_data for tensor in model.graph.initializer if len(tensor.raw_data) >= SMALLEST}


def _turn(graph: onnx.GraphProto, tensor: onnx.TensorProto, array: np.ndarray[Any, Any], held: set[bytes]) -> None:
    """Store a matrix the other way round, if that is how it is held, and turn it when it is loaded."""
    turned = np.ascontiguousarray(array.T)
    if turned.tobytes() not in held:
        return
    name = tensor.name
    tensor.CopyFrom(numpy_helper.from_array(turned, f"{name}_turned"))
    graph.node.insert(0, helper.make_node("Transpose", [f"{name}_turned"], [name], perm=[1, 0]))
