"""Make ONNX files smaller without another result: names that nobody reads, and shapes that are inferred.

A graph names every value by its way through the modules of torch: two to sixty percent of the file. Equal constants are
not shared: onnxruntime, which rewrites int8 weights and their zero points for processors without VNNI, refuses that.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator
from pathlib import Path

import onnx

_LETTERS = string.ascii_letters + string.digits


def compact_onnx(data: bytes) -> bytes:
    """The same graph in a smaller file: only its inputs and outputs keep their names."""
    model = onnx.load_from_string(data)
    graph = model.graph
    attributes = (attribute for node in graph.node for attribute in node.attribute)
    if any(attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for attribute in attributes):
        return data  # names inside a branch or a loop are those outside of it
    model.doc_string = graph.doc_string = ""
    del graph.value_info[:], graph.quantization_annotation[:], model.metadata_props[:]
    kept = {"", *(value.name for value in (*graph.input, *graph.output))}
    fresh = (name for name in _names() if name not in kept)
    new: dict[str, str] = {name: name for name in kept}
    for tensor in graph.initializer:
        tensor.name = _next(new, tensor.name, fresh)
        tensor.doc_string = ""
    # Not without a name: onnxruntime 1.18 names what it fuses after the first node, and wants no two of a name.
    for node, short in zip(graph.node, _names(), strict=False):
        node.name, node.doc_string = short, ""
        del node.metadata_props[:]
        node.input[:] = [_next(new, name, fresh) for name in node.input]
        node.output[:] = [_next(new, name, fresh) for name in node.output]
    return model.SerializeToString(deterministic=True)


def compact_onnx_file(path: Path) -> None:
    """Replace an ONNX file by its smaller form."""
    path.write_bytes(compact_onnx(path.read_bytes()))


def _names() -> Iterator[str]:
    for length in itertools.count(1):
        for letters in itertools.product(_LETTERS, repeat=length):
            yield "".join(letters)


def _next(new: dict[str, str], name: str, fresh: Iterator[str]) -> str:
    if name not in new:
        new[name] = next(fresh)
    return new[name]
