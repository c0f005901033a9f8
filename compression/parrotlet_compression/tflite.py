"""TFLite: convert a torch graph by litert-torch, make its length dynamic, quantize it.

litert-torch fixes every shape. So a graph is converted at two lengths: what differs between the two files
depends on the length, and TFLite lets a reshape or a slice leave that dimension open (-1), to be inferred when
the host resizes the input.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from parrotlet.errors import InputError

from .calibration import Feeds, require_signal
from .tflite_compact import Model, compact, pack_model, read_model

OPEN = -1
INSTALL = "pip install torch==2.13.0, then pip install ./compression"
ACTIVATIONS = ("float32", "int8", "static")
# A static product also rounds its result to int8. These only store int8 weights: the power spectrum's range is too wide
# for 256 steps, a phoneme's small error in duration adds up (3 % over a sentence), the others make what is returned.
WEIGHTS_ONLY = ("front_end", "duration", "head", "predicted", "Linear_output")


def require_converter() -> None:
    """Raise InputError unless litert-torch and ai-edge-quantizer are installed."""
    for package in ("litert_torch", "ai_edge_quantizer"):
        if importlib.util.find_spec(package) is None:
            raise InputError(f"TFLite export needs {package.replace('_', '-')}: {INSTALL}")


def export_tflite(
    module: nn.Module,
    example: Callable[[int], Mapping[str, Tensor]],
    outputs: tuple[str, ...],
    lengths: tuple[int, int],
    path: Path,
) -> None:
    """Write one fp32 graph whose inputs may have any length; tensors and signature carry the graph's own names.

    example(n): named inputs of length n. lengths: two that are no other dimension of the graph.
    Raises InputError when litert-torch is missing or when a dimension that depends on the length cannot be left open.
    """
    require_converter()
    one, other = (_convert(module, example(length), outputs) for length in lengths)
    _open_lengths(one, other)
    _split_where_slices_tile(one)
    _name_tensors(one)
    path.write_bytes(pack_model(one))


def quantize_tflite(
    source: Path,
    target: Path,
    activations: str = "float32",
    keep: tuple[str, ...] = (),
    feeds: Sequence[Feeds] = (),
) -> None:
    """Write the INT8 form of an fp32 graph: weights per output channel.

    activations, one of ``ACTIVATIONS``. "float32": weights are unpacked when the graph is loaded. "int8": matrix
    products and convolutions run in int8, activations quantized on the fly; ai-edge-litert only, since tflite-runtime
    2.14 computes such products wrongly without an error. "static": matrix products run in int8 with fixed scales, by
    the extremes that ``feeds`` bring about (of any lengths), but for ``WEIGHTS_ONLY``; inputs and outputs stay
    float32. keep: layers whose names (of their outputs) hold one of these stay in float.
    Raises InputError when the feeds of a static graph are silent, or a converter is missing.
    """
    require_converter()
    if activations == "static":
        require_signal(feeds)
    with _silence():
        from ai_edge_quantizer import quantizer, recipe

        name, leave = recipe.TFLOperationName, recipe.AlgorithmName.NO_QUANTIZE
        weights = recipe.weight_only_wi8_afp32
        forms = {"float32": weights, "int8": recipe.dynamic_wi8_afp32, "static": weights}
        worker = quantizer.Quantizer(str(source), forms[activations]())
        if activations == "static":
            worker.add_static_config(".*", name.FULLY_CONNECTED, 8, 8)
            for layer in WEIGHTS_ONLY:
                worker.add_weight_only_config(f".*{layer}.*", name.FULLY_CONNECTED, 8)
        for layer in keep:
            worker.update_quantization_recipe(f".*{layer}.*", name.ALL_SUPPORTED, algorithm_key=leave)
        # tflite-runtime 2.14 loses an unpacked embedding table when the length changes; it is small.
        worker.update_quantization_recipe(".*", name.EMBEDDING_LOOKUP, algorithm_key=leave)
        extremes = _extremes(source, worker, feeds) if activations == "static" else None
        target.write_bytes(compact(bytes(worker.quantize(extremes).quantized_model)))


def _extremes(source: Path, worker: Any, feeds: Sequence[Feeds]) -> dict[str, Any]:
    """The least and the greatest value that every tensor the worker's recipe asks for takes over all feeds.

    The worker's own calibration averages instead, with a weight of 0.95 on what came before.
    """
    from ai_edge_quantizer import calibrator, recipe_manager
    from ai_edge_quantizer.utils.qsv_utils import min_max_update

    asked = recipe_manager.RecipeManager()
    asked.load_quantization_recipe(worker.get_quantization_recipe())
    reader = calibrator.Calibrator(str(source), num_threads=1, qsv_update_func=min_max_update)
    typed = [
        {name: value.astype(np.int32) if value.dtype == np.int64 else value for name, value in feed.items()}
        for feed in feeds
    ]
    reader.calibrate({"serving_default": typed}, asked)
    found: dict[str, Any] = reader.get_model_qsvs()
    return found


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """The converters print hundreds of lines of progress; what fails is raised."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class _Named(nn.Module):
    """Gives a module's outputs their names, in a dict, as litert-torch reads them."""

    def __init__(self, module: nn.Module, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.module, self.inputs, self.outputs = module, inputs, outputs

    def forward(self, **feeds: Tensor) -> dict[str, Tensor]:
        made = self.module(*(feeds[name] for name in self.inputs))
        made = (made,) if isinstance(made, Tensor) else tuple(made)
        return dict(zip(self.outputs, made, strict=True))


def _convert(module: nn.Module, feeds: Mapping[str, Tensor], outputs: tuple[str, ...]) -> Model:
    with _silence():
        import litert_torch

        named = _Named(module, tuple(feeds), outputs).eval()
        content = litert_torch.convert(named, sample_kwargs=dict(feeds)).model_content()
    return read_model(content)


@dataclass(frozen=True)
class _Use:
    """One operator that reads a tensor: its code, which input it is, and the operator."""

    code: int
    place: int
    operator: Any


def _uses(model: Model, graph: Any, tensor: int) -> Iterator[_Use]:
    for operator in graph.operators:
        for place in np.flatnonzero(np.asarray(operator.inputs) == tensor):
            yield _Use(model.operatorCodes[operator.opcodeIndex].builtinCode, int(place), operator)


def _constant(model: Model, tensor: Any) -> bytes | None:
    data = model.buffers[tensor.buffer].data
    return None if data is None or not len(data) else np.asarray(data, np.uint8).tobytes()


def _open_lengths(model: Model, other: Model) -> None:
    """Leave open every dimension of ``model`` in which ``other``, the same graph at another length, differs."""
    from ai_edge_litert import schema_py_generated as schema

    (graph,), (twin,) = model.subgraphs, other.subgraphs
    if len(graph.operators) != len(twin.operators) or len(graph.tensors) != len(twin.tensors):
        raise InputError("the graph has other operators at another length: it cannot be one TFLite graph")
    for index, (tensor, same) in enumerate(zip(graph.tensors, twin.tensors, strict=True)):
        constant, changed = _constant(model, tensor), _constant(other, same)
        if constant != changed:
            shape = _open_shape(model, graph, index, constant, changed)
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(shape.tobytes(), np.uint8)
            model.buffers.append(buffer)
            tensor.buffer = len(model.buffers) - 1
        if not np.array_equal(tensor.shape, same.shape):
            tensor.shapeSignature = np.where(np.equal(tensor.shape, same.shape), tensor.shape, OPEN).astype(np.int32)


def _open_shape(
    model: Model, graph: Any, tensor: int, constant: bytes | None, changed: bytes | None
) -> npt.NDArray[np.int32]:
    """A shape constant with its length left open. Raises InputError if it is none, or one of two lengths."""
    from ai_edge_litert import schema_py_generated as schema

    name = graph.tensors[tensor].name.decode()
    if constant is None or changed is None or graph.tensors[tensor].type != schema.TensorType.INT32:
        raise InputError(f"{name} holds numbers that depend on the length: TFLite cannot leave them open")
    shape, other = np.frombuffer(constant, np.int32).copy(), np.frombuffer(changed, np.int32)
    places = np.flatnonzero(shape != other) if shape.shape == other.shape else np.arange(0)
    if len(places) != 1:
        raise InputError(f"{name} is a shape with more than one dimension that depends on the length")
    place = int(places[0])
    for use in _uses(model, graph, tensor):
        if use.code == schema.BuiltinOperator.RESHAPE and use.place == 1:
            if use.operator.builtinOptions is not None:
                use.operator.builtinOptions.newShape = None
        elif use.code == schema.BuiltinOperator.SLICE and use.place == 2:
            # Here -1 means "to the end", so the slice has to reach it.
            whole = graph.tensors[use.operator.inputs[0]].shape[place]
            begin = np.frombuffer(_constant(model, graph.tensors[use.operator.inputs[1]]) or b"", np.int32)
            if begin[place] + shape[place] != whole:
                raise InputError(f"{name} slices a part that depends on the length: TFLite cannot leave it open")
        else:
            raise InputError(f"{name} is a shape that neither a reshape nor a slice reads: TFLite cannot leave it open")
    shape[place] = OPEN
    return shape


def _split_where_slices_tile(model: Model) -> None:
    """Make one split of all slices of open length that cut a tensor into equal parts.

    tflite-runtime 2.14 runs without XNNPACK, three times slower, any graph that holds such a slice.
    """
    from ai_edge_litert import schema_py_generated as schema

    (graph,) = model.subgraphs
    slices: dict[int, dict[int, Any]] = {}
    for operator in graph.operators:
        if model.operatorCodes[operator.opcodeIndex].builtinCode == schema.BuiltinOperator.SLICE:
            size = np.frombuffer(_constant(model, graph.tensors[operator.inputs[2]]) or b"", np.int32)
            begin = np.frombuffer(_constant(model, graph.tensors[operator.inputs[1]]) or b"", np.int32)
            others = np.equal(size, OPEN) | np.equal(size, graph.tensors[operator.inputs[0]].shape)
            if OPEN in size and others[:-1].all() and not begin[:-1].any():
                slices.setdefault(int(operator.inputs[0]), {})[int(begin[-1])] = operator
    for source, parts in slices.items():
        width = int(graph.tensors[source].shape[-1])
        widths = {int(graph.tensors[part.outputs[0]].shape[-1]) for part in parts.values()}
        if widths != {width // len(parts)} or sorted(parts) != list(range(0, width, width // len(parts))):
            continue
        split = schema.OperatorT()
        split.opcodeIndex = _operator_code(model, schema.BuiltinOperator.SPLIT)
        split.inputs = [_scalar(model, len(graph.tensors[source].shape) - 1, f"split_{source}_axis"), source]
        split.outputs = [int(parts[begin].outputs[0]) for begin in sorted(parts)]
        split.builtinOptionsType = schema.BuiltinOptions.SplitOptions
        split.builtinOptions = schema.SplitOptionsT()
        split.builtinOptions.numSplits = len(parts)
        graph.operators[graph.operators.index(next(iter(parts.values())))] = split
        for part in list(parts.values())[1:]:
            graph.operators.remove(part)


def _operator_code(model: Model, code: int) -> int:
    from ai_edge_litert import schema_py_generated as schema

    entry = schema.OperatorCodeT()
    entry.builtinCode = entry.deprecatedBuiltinCode = code
    entry.version = 1
    model.operatorCodes.append(entry)
    return len(model.operatorCodes) - 1


def _scalar(model: Model, value: int, name: str) -> int:
    """Add an int32 constant; returns the number of its tensor."""
    from ai_edge_litert import schema_py_generated as schema

    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(np.array([value], np.int32).tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.shape, tensor.type = np.zeros(0, np.int32), schema.TensorType.INT32
    tensor.buffer, tensor.name = len(model.buffers) - 1, name.encode()
    graph = model.subgraphs[0]
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _name_tensors(model: Model) -> None:
    """Call the graph's inputs and outputs what its signature calls them, for hosts that go by tensor names."""
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    for entry in (*signature.inputs, *signature.outputs):
        graph.tensors[entry.tensorIndex].name = entry.name
