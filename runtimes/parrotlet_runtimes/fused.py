"""ONNX graphs that were optimized before: nodes in one file, the weights in that of the graph as it was.

onnxruntime looks through a graph some fifty times for nodes that one of its own can replace; most of what it takes to
load a graph goes there. So a bundle holds the outcome, for a few kilobytes, beside the graph that every runtime reads.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from . import onnx

_MODEL_GRAPH, _GRAPH_INITIALIZER, _TENSOR_TYPE, _TENSOR_BYTES = 7, 5, 2, 9
_UINT8, _INT8 = 2, 3
Field = tuple[int, int, int, int]
"""Number of a protobuf field, where its tag and its value begin, and where it ends."""


def whole(nodes: bytes, graph: bytearray, start: int, end: int) -> bytes:
    """A model without weights, and those that lie from start to end in the file of another, as one.

    graph: that file, which is changed where the processor wants other weights.
    """
    if onnx.overflows():
        own = bytearray(nodes)
        make_unsigned(own)
        make_unsigned(graph)
        nodes = bytes(own)
    # A field that comes twice is merged: of the graph, which is one, the initializers of both are read.
    with memoryview(graph) as data:
        return b"".join((nodes, bytes([_MODEL_GRAPH << 3 | 2]), _as_varint(end - start), data[start:end]))


def make_unsigned(model: bytearray) -> None:
    """Turn int8, weights and zero points alike, into the same numbers as uint8 around 128."""
    values = np.frombuffer(model, np.uint8)
    for _, _, low, high in _of(_MODEL_GRAPH, model, 0, len(model)):
        for _, _, start, end in _of(_GRAPH_INITIALIZER, model, low, high):
            tensor = {number: (first, last) for number, _, first, last in fields(model, start, end)}
            kind, content = tensor[_TENSOR_TYPE], tensor.get(_TENSOR_BYTES)
            if content and model[kind[0]] == _INT8:
                model[kind[0]] = _UINT8
                values[slice(*content)] ^= 0x80


def fields(data: bytes | bytearray, start: int, end: int) -> Iterator[Field]:
    """The fields of a message that lies from start to end. Raises ValueError for what is none."""
    while start < end:
        tag, at = _varint(data, start)
        kind = tag & 7
        if kind == 0:
            after = _varint(data, at)[1]
        elif kind == 2:
            size, at = _varint(data, at)
            after = at + size
        elif kind in (1, 5):
            after = at + (8 if kind == 1 else 4)
        else:
            raise ValueError("not a protobuf message")
        yield tag >> 3, start, at, after
        start = after


def _of(number: int, data: bytes | bytearray, start: int, end: int) -> Iterator[Field]:
    return (field for field in fields(data, start, end) if field[0] == number)


def _varint(data: bytes | bytearray, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _as_varint(value: int) -> bytes:
    made = bytearray()
    while value >= 0x80:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])
