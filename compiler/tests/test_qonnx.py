"""QONNX files: integers and ranges as the file states them, results as a QONNX evaluator's, errors by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from compiler.errors import AssayError
from compiler.images import as_integers
from compiler.network import Network, from_onnx, input_quantisation
from compiler.tests.onnx_models import IMAGE, Floats, output
from compiler.tests.qonnx_models import DOMAIN, QonnxModel, brevitas_like, reference
from golden.arithmetic import quantisation_of
from golden.ir import Array, Conv2D, FullyConnected, Graph, Node
from golden.run import run_node

DAMAGED_FILES = 60


def _images(count: int = 1, seed: int = 5) -> Floats:
    return np.random.default_rng(seed).uniform(-1.2, 1.2, (count, 8, 8, 3)).astype(np.float32)


def _ir_layout(integers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return integers.transpose(0, 2, 3, 1) if integers.ndim == 4 else integers


@pytest.mark.parametrize("gain", [1.0, -1.0])
def test_integer_weights_are_the_files(gain: float, tmp_path: Path) -> None:
    """A batch norm that turns a channel's sign turns its integers' signs, and changes nothing else of them."""
    model = brevitas_like(gain=gain)
    graph = from_onnx(model.save(tmp_path)).graph
    products = [node for node in graph.nodes if isinstance(node.operator, Conv2D | FullyConnected)]
    bits = [quantisation_of(graph, node.inputs[1]).bits for node in products]
    assert bits == [8, 4, 8] and {node.name for node in products} == set(model.integers)
    for index, node in enumerate(products):
        stated = _ir_layout(model.integers[node.name]) * (int(gain) if index == 0 else 1)
        assert np.array_equal(graph.constants[node.inputs[1]], stated)


def test_ranges_and_bits_are_the_files(tmp_path: Path) -> None:
    graph = from_onnx(brevitas_like().save(tmp_path)).graph
    found = {
        name: (
            quantisation_of(graph, name).bits,
            quantisation_of(graph, name).zero_point,
            *_scale(graph, name),
        )
        for node in graph.nodes
        for name in (node.inputs[0], node.output)
    }
    scales = [float(np.float32(scale)) for scale in (1 / 100, 0.2, 0.153, 0.02)]
    last = graph.outputs[0]
    assert list(dict.fromkeys(value for name, value in found.items() if name != last)) == [
        (8, 0, scales[0]), (4, -8, scales[1]), (4, 0, scales[2]), (8, -128, scales[3])
    ]  # fmt: skip
    assert found[last][0] == 8


def _scale(graph: Graph, name: str) -> tuple[float, ...]:
    return quantisation_of(graph, name).scale


def _steps(graph: Graph, name: str, real: Array) -> npt.NDArray[np.int8]:
    q = quantisation_of(graph, name)
    return np.clip(np.round(real / q.scale[0]) + q.zero_point, q.low, q.high).astype(np.int8)


def _tensor_in_file(model: QonnxModel, name: str) -> str:
    """The output of the Quant that reads a map of the file, or the map where none does."""
    return next((n.output[0] for n in model.nodes if n.op_type == "Quant" and n.input[0] == name), name)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("gain", [1.0, -1.0])
def test_every_node_as_the_reference_evaluator(seed: int, gain: float, tmp_path: Path) -> None:
    """Each node fed with the evaluator's maps: the same integers, but where TFLite's two roundings meet a half.

    Averages and the classifier, whose results the file does not quantise, come within a step."""
    model = brevitas_like(seed, gain)
    network = from_onnx(model.save(tmp_path))
    found = reference(model.proto(), _images(8, seed))
    maps = (network.graph.inputs[0], *(node.output for node in network.graph.nodes))
    values = {name: _steps(network.graph, name, found[_tensor_in_file(model, name)]) for name in maps}
    different = {}
    for node in network.graph.nodes:
        off = np.abs(run_node(network.graph, node, values).astype(int) - values[node.output])
        assert off.max() <= 1, node.name
        different[type(node.operator).__name__, node.name] = float(np.mean(off != 0))
        assert len(np.unique(values[node.output])) > 4
    exact = [share for (kind, _), share in different.items() if kind in ("Conv2D", "Add")]
    assert len(exact) == 3 and max(exact) < 0.03


@pytest.mark.filterwarnings("ignore")
def test_the_reference_evaluator_is_right() -> None:
    """Against the package of QONNX's authors, where it is installed."""
    pytest.importorskip("qonnx", reason="qonnx is not installed")
    from qonnx.core.modelwrapper import ModelWrapper  # type: ignore[import-not-found,unused-ignore]
    from qonnx.core.onnx_exec import execute_onnx  # type: ignore[import-not-found,unused-ignore]
    from qonnx.transformation.infer_shapes import InferShapes  # type: ignore[import-not-found,unused-ignore]

    model = brevitas_like()
    model.image = (1, 3, 8, 8)
    wrapper, batch = ModelWrapper(model.proto()).transform(InferShapes()), _images()
    executed = execute_onnx(wrapper, {IMAGE: batch.transpose(0, 3, 1, 2)}, return_full_exec_context=True)
    found = reference(model.proto(), batch)
    assert len(found) > 15
    for name, values in found.items():
        turned = executed[name].transpose(0, 2, 3, 1) if values.ndim == 4 else executed[name]
        assert np.allclose(turned, values, atol=1e-5), name


@pytest.mark.filterwarnings("ignore")
def test_a_network_of_brevitas(tmp_path: Path) -> None:
    """Exported by Brevitas, where it is installed: integers as its own, and top-1 as its own on most inputs."""
    pytest.importorskip("brevitas", reason="brevitas is not installed")
    from compiler.tests.brevitas_network import export, integer_weights, outputs

    network = from_onnx(export(tmp_path / "brevitas.onnx"))
    stated = {_ir_layout(values).tobytes() for values in integer_weights()}
    found = {network.graph.constants[n.inputs[1]].astype(np.int64).tobytes() for n in _products(network)}
    assert found == stated and len(found) == 3
    batch = _images(200)
    quantised = _run(network, batch)
    assert np.mean(quantised.argmax(1) == outputs(batch).argmax(1)) > 0.95


def _products(network: Network) -> list[Node]:
    return [node for node in network.graph.nodes if isinstance(node.operator, Conv2D | FullyConnected)]


def _run(network: Network, batch: Floats) -> Array:
    return output(network.graph, as_integers(batch, input_quantisation(network.graph), ""))


def test_stated_bits_leave_the_rest_to_calibration(tmp_path: Path) -> None:
    """Calibration data give the range of the classifier alone, which the file does not quantise."""
    path = brevitas_like().save(tmp_path)
    np.save(tmp_path / "data.npy", _images(8))
    plain, calibrated = from_onnx(path), from_onnx(path, calibration=tmp_path / "data.npy")
    changed = {
        name
        for name, tensor in plain.graph.tensors.items()
        if tensor.quantisation != calibrated.graph.tensors[name].quantisation
    }
    assert changed == {plain.graph.outputs[0]}


def _chain(**quant: Any) -> QonnxModel:
    """A convolution of 4-bit weights whose result goes through a Quant."""
    model = QonnxModel(image=("N", 3, 8, 8))
    image = model.quant(IMAGE, 1 / 100, 8)
    conv = model.product("Conv", image, model.weights((4, 3, 1, 1), 4, 0))
    model.quant(conv, **{"scale": 0.1, "bits": 4} | quant)
    return model


def _truncated() -> QonnxModel:
    model = _chain()
    model.node("Trunc", model.values("one", np.float32(1)), domain=DOMAIN)
    return model


def _read_raw() -> QonnxModel:
    model = _chain()
    model.node("Add", inputs=[model.nodes[-2].output[0], model.last])
    return model


def _quantised_twice() -> QonnxModel:
    model = _chain()
    model.quant(model.last, 0.3, 4)
    return model


def _average_alone() -> QonnxModel:
    model = _chain()
    model.nodes.pop()
    model.quant(model.node("GlobalAveragePool", inputs=[model.nodes[-1].output[0]]), 0.1, 4)
    return model


def _other_behind_pool() -> QonnxModel:
    model = _chain()
    model.quant(model.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2]), 0.3, 4)
    return model


def _weights(bits: int = 4, axis: int | None = 0, **changes: int) -> QonnxModel:
    model = QonnxModel(image=("N", 3, 8, 8))
    weights = model.weights((4, 3, 1, 1), bits, axis)
    model.product("Conv", IMAGE, weights)
    for attribute in model.nodes[0].attribute:
        attribute.i = changes.get(attribute.name, attribute.i)
    return model


def _negated_lowest() -> QonnxModel:
    model = QonnxModel(image=("N", 3, 8, 8), seed=3)
    model.product("Conv", IMAGE, model.weights((8, 3, 3, 3), 4, 0, lowest=-8))
    model.batch_norm(8)
    return model


REFUSED: dict[str, tuple[Callable[[], QonnxModel], str]] = {
    "another operator": (
        _truncated,
        r"node 'n4' \(.*Trunc\): of QONNX's operators Quant and BipolarQuant alone",
    ),
    "bits of a map": (lambda: _chain(bits=5), r"node 'n3' .*a map has 5 bits, must have all of 4 or 8"),
    "fraction of bits": (lambda: _chain(bits=4.5), "bit width must be one whole number"),
    "narrow map": (lambda: _chain(narrow=1), "4 bits without the lowest integer"),
    "zero point": (lambda: _chain(zero=3), "node 'n3' .*zero point must be 0"),
    "scales of a map": (lambda: _chain(scale=np.full((1, 4, 1, 1), 0.1)), "one scale, here 4"),
    "no scale": (lambda: _chain(scale=0.0), "every scale must be above zero"),
    "rounding": (lambda: _chain(rounding_mode="FLOOR"), "rounding mode is FLOOR"),
    "read raw": (_read_raw, "node 'n3' .*map 't2' is also read without being quantised"),
    "twice": (_quantised_twice, "node 'n4' .*map 't2' is quantised in two ways"),
    "average": (_average_alone, r"node 'n3' \(GlobalAveragePool\): its result is quantised, but not 't2'"),
    "other": (_other_behind_pool, r"node 'n4' \(MaxPool\): must keep the quantisation"),
    "wide weights": (lambda: _weights(9), r"node 'n1' \(Conv\): weights have 9 signed bits"),
    "unsigned weights": (lambda: _weights(signed=0), "weights have 4 unsigned bits"),
    "scale an input channel": (lambda: _weights(axis=1), "one scale, or one an output channel"),
    "lowest turned": (_negated_lowest, "node 'n1': integer weights, after batch norm .*, leave 4 bits"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_exact_is_refused(case: str, tmp_path: Path) -> None:
    make, rule = REFUSED[case]
    path = make().save(tmp_path)
    with pytest.raises(AssayError, match=rule) as caught:
        from_onnx(path)
    assert str(caught.value).startswith(str(path)) and caught.value.exit_code == 2


def test_all_sixteen_integers_of_four_bits_are_weights(tmp_path: Path) -> None:
    """The lowest integer, which our own quantiser leaves unused, is kept where a file has it."""
    model = QonnxModel(image=("N", 3, 8, 8), seed=3)
    model.product("Conv", IMAGE, model.weights((8, 3, 3, 3), 4, 0, lowest=-8))
    graph = from_onnx(model.save(tmp_path)).graph
    assert np.array_equal(graph.constants[graph.nodes[0].inputs[1]], _ir_layout(model.integers["n1"]))
    assert model.integers["n1"].min() == -8


def test_weights_of_a_transposed_matrix(tmp_path: Path) -> None:
    """MatMul reads (in, out): weights quantised (out, in) are turned by a Transpose in the file."""
    model = QonnxModel(image=("N", 3, 8, 8))
    flat = model.node("Flatten", inputs=[model.node("GlobalAveragePool", inputs=[IMAGE])])
    weights = model.weights((10, 3), 8, 0)
    integers = model.integers.popitem()[1]
    turned = model.node("Transpose", inputs=[weights], perm=[1, 0])
    model.product("MatMul", flat, turned)
    network = from_onnx(model.save(tmp_path))
    assert np.array_equal(network.graph.constants[_products(network)[0].inputs[1]], integers)


def test_flipped_bits_never_get_past_the_checks(tmp_path: Path) -> None:
    """A damaged file is refused, or gives a network that golden runs."""
    data, random = brevitas_like().proto().SerializeToString(deterministic=True), np.random.default_rng(40)
    path, ran, refused = tmp_path / "damaged.onnx", 0, 0
    for _ in range(DAMAGED_FILES):
        changed = bytearray(data)
        for position in random.integers(0, len(data), random.integers(1, 5)):
            changed[position] ^= 1 << random.integers(8)
        path.write_bytes(bytes(changed))
        try:
            network = from_onnx(path)
            output(network.graph, network.images(1))
            ran += 1
        except AssayError:
            refused += 1
    assert ran > 5 and refused > 5


def test_a_transpose_of_nothing(tmp_path: Path) -> None:
    model = _chain()
    model.node("Transpose", inputs=[])
    with pytest.raises(AssayError, match="Transpose"):
        from_onnx(model.save(tmp_path))
