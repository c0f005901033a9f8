"""Static INT8 of an ONNX graph: scales from real inputs, and a sweep that finds what has to stay in float.

Every matrix product is computed in int8 with one fixed scale for its input, unlike the dynamic form, whose scale
comes from all that is passed at once: a graph run in chunks gives the same as in one piece. Its result is not
rounded again (onnxruntime fuses the pair into one operator with a float output), which halves the error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from tqdm import tqdm

from parrotlet.errors import InputError
from parrotlet_runtimes import load_session

from .calibration import Feeds, require_signal
from .quantize import SIGNED, nodes_of

PRODUCTS = ("MatMul", "Gemm")
CONVOLUTIONS = ("Conv", "ConvTranspose")
# As far as a graph's outputs may move, in parts of their root mean square, before layers are left out.
ERROR_BOUND = 0.05
# Feeds that the error is measured on and the sweep is calibrated with, spread over all.
JUDGES = 4
View = Callable[[Feeds], Feeds]


@dataclass(frozen=True)
class Sensitivity:
    """How far the graph's outputs move when this node alone is quantized: see ``output_error``."""

    node: str
    error: float


@dataclass(frozen=True)
class StaticResult:
    """error: of the written graph. floating: nodes left in float, the most sensitive first. sweep: every node alone,
    the most sensitive first; empty if the whole graph was within the bound and none was needed."""

    error: float
    floating: tuple[str, ...]
    sweep: tuple[Sensitivity, ...]


class _Reader(CalibrationDataReader):  # type: ignore[misc] # onnxruntime has no type hints
    def __init__(self, feeds: Sequence[Feeds]) -> None:
        self._left: Iterator[Feeds] = iter(feeds)

    def get_next(self) -> Feeds | None:
        return next(self._left, None)


def quantize_static_int8(prepared: Path, target: Path, feeds: Sequence[Feeds], nodes: Collection[str]) -> None:
    """Write the static QDQ form of an fp32 graph that ``quant_pre_process`` has prepared: int8 weights per channel,
    unsigned activations (with signed ones HiFi-GAN takes 1.4 times as long on x86, for the same error).

    feeds: inputs the scales are chosen by (the extremes seen). nodes: which products and convolutions; all others
    stay in float. To be loaded without ``fold_int8``. Raises InputError when the feeds are silent.
    """
    require_signal(feeds)
    if not nodes:
        raise InputError("no layer of the graph is left to quantize: raise the error bound")
    quantize_static(
        str(prepared),
        str(target),
        _Reader(feeds),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=[*PRODUCTS, *CONVOLUTIONS],
        nodes_to_quantize=list(nodes),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=SIGNED["weight_type"],
        # A convolution in int8 must have an int8 output; a product need not.
        extra_options=SIGNED["extra_options"] | {"OpTypesToExcludeOutputQuantization": list(PRODUCTS)},
    )


def quantizable(graph: onnx.GraphProto, operators: Sequence[str] = PRODUCTS) -> list[str]:
    """Names of the nodes of these types with constant weights, but for depthwise convolutions: they gain no speed
    from int8 as 2-D convolutions and lose the most."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    found = []
    for node in graph.node:
        if node.op_type not in operators or node.input[1] not in weights:
            continue
        groups = next((a.i for a in node.attribute if a.name == "group"), 1)
        if groups == 1 or groups != weights[node.input[1]].dims[0]:
            found.append(node.name)
    return found


def output_error(path: Path, feeds: Sequence[Feeds], expected: Sequence[Feeds], view: View | None = None) -> float:
    """How far a static graph is from the expected outputs: of all outputs the largest ratio of the difference's root
    mean square to the output's own. Where a length differs (a duration rounded the other way), over the shorter one.

    view: what to make of the outputs before they are compared; ``expected`` holds what it made of the right ones.
    """
    differences: dict[str, float] = {}
    scales: dict[str, float] = {}
    for made, want in zip(_outputs(path, feeds, (), view), expected, strict=True):
        for name, value in want.items():
            both = tuple(slice(min(a, b)) for a, b in zip(value.shape, made[name].shape, strict=True))
            reference: npt.NDArray[np.float64] = np.asarray(value[both], np.float64)
            differences[name] = differences.get(name, 0) + float(np.square(made[name][both] - reference).sum())
            scales[name] = scales.get(name, 0) + float(np.square(reference).sum())
    return max(float(np.sqrt(differences[name] / max(scales[name], 1e-12))) for name in scales)


def sensitivities(
    prepared: Path,
    feeds: Sequence[Feeds],
    nodes: Collection[str],
    judged_by: Collection[str] = (),
    view: View | None = None,
) -> list[Sensitivity]:
    """Quantize each node alone and rank them by what it does to the outputs, the worst first.

    judged_by: the outputs that count (all if none is named). view: see ``output_error``.
    """
    expected = _outputs(prepared, feeds, judged_by, view)
    rows = []
    with TemporaryDirectory() as folder:
        alone = Path(folder) / "alone.onnx"
        for node in tqdm(nodes, desc="sensitivity", unit="layer", disable=None):
            quantize_static_int8(prepared, alone, feeds, [node])
            rows.append(Sensitivity(node, output_error(alone, feeds, expected, view)))
    return sorted(rows, key=lambda row: -row.error)


def _outputs(path: Path, feeds: Sequence[Feeds], names: Collection[str], view: View | None) -> list[Feeds]:
    session = load_session(path)
    made = [view(session.run(feed)) if view else session.run(feed) for feed in feeds]
    return [{name: value for name, value in one.items() if not names or name in names} for one in made]


def quantize_within(
    source: Path,
    target: Path,
    feeds: Sequence[Feeds],
    bound: float = ERROR_BOUND,
    operators: Sequence[str] = PRODUCTS,
    keep: Collection[str] = (),
    judged_by: Collection[str] = (),
    judge: Sequence[Feeds] = (),
    view: View | None = None,
) -> StaticResult:
    """Write the static INT8 form of an fp32 graph with as few layers in float as ``bound`` allows.

    All layers of the types ``operators`` are quantized, but those that ``nodes_of`` finds by ``keep``.
    judged_by: the outputs that count (all if none is named). judge: feeds that the error is measured on and the sweep
    is calibrated with, if ``feeds`` are long; of either, ``JUDGES`` are taken. view: see ``output_error``.
    If an output then moves by more than ``bound`` (see ``output_error``), the sweep ranks the layers, and the most
    sensitive are left in float, as few as will do. Raises InputError when the feeds are silent
    or no layer could be quantized within the bound.
    """
    require_signal(feeds)
    with TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        graph = onnx.load(prepared).graph
        kept = nodes_of(graph, keep)
        nodes = [name for name in quantizable(graph, operators) if name not in kept]
        judge = judge or feeds
        judge = judge[:: max(1, len(judge) // JUDGES)][:JUDGES]
        expected = _outputs(prepared, judge, judged_by, view)

        def without(floating: Collection[str]) -> float:
            quantize_static_int8(prepared, target, feeds, [name for name in nodes if name not in floating])
            return output_error(target, judge, expected, view)

        error = without(())
        if error <= bound:
            return StaticResult(error, (), ())
        sweep = sensitivities(prepared, judge, nodes, judged_by, view)
        ranked = [row.node for row in sweep]
        # The error falls as more are left out, so the least number is found by halving.
        low, high = 1, len(ranked) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if without(ranked[:middle]) <= bound else (middle + 1, high)
        error = without(ranked[:low])
        if error > bound:
            raise InputError(f"no layer of {source.name} can be INT8 within {bound}: raise the bound (now {error:.3f})")
    return StaticResult(error, tuple(ranked[:low]), tuple(sweep))
