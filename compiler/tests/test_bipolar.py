"""Binary networks from ONNX files: every bit and the scores as onnxruntime's, errors by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compiler.api import compile_network
from compiler.errors import AssayError
from compiler.frontends import onnx_operators
from compiler.frontends.onnx_builder import Builder
from compiler.frontends.onnx_file import load_onnx
from compiler.frontends.onnx_format import NodeRecord
from compiler.frontends.qonnx_quantiser import DOMAINS
from compiler.network import Network, from_onnx
from compiler.networks import load
from compiler.optimizer.subject import subject
from compiler.tests.bipolar_models import POOL, BipolarModel, cnv_like, executed
from compiler.tests.onnx_models import IMAGE, Floats, OnnxModel, reference, residual
from golden.arithmetic import quantisation_of
from golden.ir import Array, Conv2D, Pool2D, Quantisation, Sign
from golden.run import run


def integers(count: int, bits: int, seed: int) -> Array:
    reach = 1 << (bits - 1)
    return np.random.default_rng((3, seed)).integers(-reach, reach, (count, 10, 8, 3), dtype=np.int8)


def real(values: Array, network: Network) -> Floats:
    scale = quantisation_of(network.graph, network.graph.inputs[0]).scale[0]
    result: Floats = (values * scale).astype(np.float32)
    return result


def compare(network: Network, model: BipolarModel, plain: BipolarModel, folder: Path, bits: int) -> None:
    """Bits one by one, and scores, which are exact since all numbers are dyadic."""
    batch = integers(6, bits, model.seed)
    found = run(network.graph, {network.graph.inputs[0]: batch})
    wanted = executed(plain, folder / "plain.onnx", real(batch, network))
    assert len(model.signs) == 4
    for name, other in zip(model.signs, plain.signs, strict=True):
        values = found.get(name, found[network.graph.nodes[0].output])
        assert set(np.unique(values)) == {-1, 1}
        np.testing.assert_array_equal(values, wanted[other], err_msg=name)
    output = network.graph.outputs[0]
    scores = found[output] * quantisation_of(network.graph, output).scale[0]
    np.testing.assert_array_equal(scores, wanted[plain.last])
    np.testing.assert_array_equal(found[output].argmax(1), wanted[plain.last].argmax(1))
    assert len(np.unique(found[output], axis=0)) > 2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("bits", [6, 8])
def test_a_network_in_the_manner_of_brevitas(seed: int, bits: int, tmp_path: Path) -> None:
    model = cnv_like(seed, bits=bits)
    network = from_onnx(model.save(tmp_path))
    assert network.graph.tensor(IMAGE).quantisation == Quantisation((2.0 ** (1 - bits),), 0, bits)
    compare(network, model, cnv_like(seed, plain=True), tmp_path, bits)


@pytest.mark.parametrize("seed", range(2))
def test_a_network_of_plain_operators(seed: int, tmp_path: Path) -> None:
    """Constant weights, and the sign as a comparison: the very file that onnxruntime executes."""
    model = cnv_like(seed, plain=True)
    network = from_onnx(model.save(tmp_path))
    assert network.graph.tensor(IMAGE).quantisation == Quantisation((2.0**-7,), 0, 8)
    compare(network, model, model, tmp_path, 8)


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_domain_of_qonnx(domain: str, tmp_path: Path) -> None:
    network = from_onnx(cnv_like(0, domain=domain).save(tmp_path))
    assert network.binary and network.settings()["binary"] is True
    assert network.settings()["first_layer"] == {"name": "n2", "activation_bits": 8, "weight_bits": 1}
    assert network.settings()["last_layer"]["activation_bits"] == 1


def test_a_flattened_map_read_in_the_wrong_order_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, plain = cnv_like(0), cnv_like(0, plain=True)
    exact = onnx_operators._make_vector

    def without_order(build: Builder, node: NodeRecord, source: str) -> None:
        exact(build, node, source)
        build.flattened.clear()

    monkeypatch.setattr(onnx_operators, "_make_vector", without_order)
    network = from_onnx(model.save(tmp_path))
    with pytest.raises(AssertionError):
        compare(network, model, plain, tmp_path, 8)


def test_the_float_graph_is_kept(tmp_path: Path) -> None:
    network = from_onnx(cnv_like(0).save(tmp_path))
    assert network.float_graph is not None
    assert sum(isinstance(node.operator, Sign) for node in network.float_graph.nodes) == 4
    minima = [
        node for node in network.graph.nodes if isinstance(node.operator, Pool2D) and len(node.inputs) == 2
    ]
    assert len(minima) == 1


def _one_layer(kind: str) -> OnnxModel:
    """A convolution whose sums are often 0, and a sign of a kind."""
    model = OnnxModel(image=("N", 2, 6, 6), seed=3)
    weights = np.where(model._random.random((4, 2, 1, 1)) < 0.5, -1, 1).astype(np.float32)
    model.node("Conv", model.values("w", weights))
    model.node(kind)
    return model


def test_the_sign_of_onnx_is_one_at_zero(tmp_path: Path) -> None:
    """Where ONNX has 0, the bit is +1; elsewhere they are the same."""
    model = _one_layer("Sign")
    network = from_onnx(model.save(tmp_path))
    batch = np.random.default_rng(1).integers(-3, 4, (5, 6, 6, 2), dtype=np.int8)
    found = run(network.graph, {IMAGE: batch})[network.graph.outputs[0]]
    wanted = reference(tmp_path / "model.onnx", real(batch, network))
    assert np.mean(wanted == 0) > 0.05
    np.testing.assert_array_equal(found, np.where(wanted == 0, 1, wanted))


@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_a_pad_of_ones_goes_into_the_convolution(value: float, tmp_path: Path) -> None:
    def padded(plain: bool) -> BipolarModel:
        model = BipolarModel(2, plain)
        model.image_quantised()
        model.convolution(3, 14)
        model.norm(14, 4.0)
        model.sign()
        amounts = model.values("amounts", np.array([0, 0, 1, 0, 0, 0, 1, 2], np.int64))
        model.node("Pad", amounts, model.values("value", np.float32(value)))
        model.convolution(14, 8)
        model.norm(8, 10.0)
        model.sign()
        return model

    model, plain = padded(False), padded(True)
    network = from_onnx(model.save(tmp_path))
    operators = [node.operator for node in network.graph.nodes]
    assert operators[1] == Conv2D(padding=(1, 0, 1, 2), padding_value=int(value))
    batch = integers(4, 8, 0)
    found = run(network.graph, {IMAGE: batch})
    wanted = executed(plain, tmp_path / "plain.onnx", real(batch, network))
    for name, other in zip(model.signs, plain.signs, strict=True):
        np.testing.assert_array_equal(found[name], wanted[other])


def test_calibration_data_scale_the_input(tmp_path: Path) -> None:
    """Real inputs up to 3 need 2 ** -5 for 8 bits; pixels are 0 to 1."""
    path = cnv_like(0, plain=True).save(tmp_path)
    np.save(tmp_path / "data.npy", np.linspace(-3, 2, 240, dtype=np.float32).reshape(1, 10, 8, 3))
    made = from_onnx(path, calibration=tmp_path / "data.npy")
    assert quantisation_of(made.graph, IMAGE) == Quantisation((2.0**-5,), 0, 8)
    np.save(tmp_path / "data.npy", np.zeros((1, 10, 8, 3), np.uint8))
    assert quantisation_of(from_onnx(path, 6, tmp_path / "data.npy").graph, IMAGE).scale == (2.0**-5,)


def _quantised(bits: int = 8, **attributes: int) -> BipolarModel:
    model = BipolarModel()
    model.quant(IMAGE, 0.25, bits, **attributes)
    model.convolution(3, 4)
    model.sign()
    return model


def _inner_quant() -> BipolarModel:
    model = _quantised()
    model.convolution(4, 4)
    model.quant(model.last, 0.25, 8)
    return model


def _ternary() -> BipolarModel:
    model = BipolarModel()
    model.node("Conv", model.values("w", np.zeros((4, 3, 3, 3), np.float32)))
    model.sign()
    return model


def _scales(*shape: int) -> BipolarModel:
    model = BipolarModel()
    weights = model.bits((4, 3, 3, 3), np.ones(shape, np.float32))
    model.last = IMAGE
    model.node("Conv", weights)
    return model


def _negative() -> BipolarModel:
    model = _quantised()
    model.values("minus", np.float32(-1))
    model.nodes[-1].input[1] = "minus"
    return model


def _map_scales() -> BipolarModel:
    model = _quantised()
    model.values("many", np.ones((1, 4, 1, 1), np.float32))
    model.nodes[-1].input[1] = "many"
    return model


def _compared(limit: float, chosen: tuple[float, float]) -> BipolarModel:
    model = BipolarModel(plain=True)
    model.convolution(3, 4)
    names = [model.values(f"v{i}", np.full(1, v, np.float32)) for i, v in enumerate((limit, *chosen))]
    condition = model.node("GreaterOrEqual", names[0])
    model.node("Where", inputs=[condition, *names[1:]])
    return model


def _doubly_padded() -> BipolarModel:
    model = BipolarModel(plain=True)
    model.convolution(3, 4)
    model.sign()
    amounts = model.values("amounts", np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    model.node("Pad", amounts, model.values("value", np.float32(1)))
    model.convolution(4, 4, (1, 1, 1, 1))
    return model


def _padded_numbers() -> BipolarModel:
    model = BipolarModel(plain=True)
    amounts = model.values("amounts", np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    model.node("Pad", amounts, model.values("value", np.float32(1)))
    model.convolution(3, 4)
    model.sign()
    return model


REFUSED: dict[str, tuple[Callable[[], OnnxModel], str]] = {
    "four bits": (lambda: _quantised(4), "a map has 4 bits, must have all of 6 or 8 bits"),
    "unsigned": (lambda: _quantised(signed=0), f"input '{IMAGE}' is unsigned"),
    "numbers inside": (_inner_quant, "has 8 bits: in a binary network only the input has more than one"),
    "weights of zero": (_ternary, r"node 'n0': weights must be -s or \+s"),
    "scales": (lambda: _scales(5), r"node 'n0' .*scale of \(5,\) does not suit \(4, 3, 3, 3\)"),
    "more dimensions": (lambda: _scales(2, 1, 1, 1, 1), r"scale of \(2, 1, 1, 1, 1\) does not suit"),
    "negative scale": (_negative, r"BipolarQuant\): has a scale of -1.0, must be above 0"),
    "scales of a map": (_map_scales, r"scale 'many' of \(1, 4, 1, 1\) must be one number"),
    "another limit": (lambda: _compared(1, (1, -1)), r"\(GreaterOrEqual\): must compare with 0"),
    "no sign": (lambda: _compared(0, (1, 0)), r"\(Where\): must choose between a number and its negative"),
    "upside down": (lambda: _compared(0, (-1, 1)), r"\(Where\): has a scale of -1.0"),
    "two paddings": (_doubly_padded, "pads with zeros around a Pad of 1"),
    "ones around numbers": (_padded_numbers, "padding with ones needs a map of -1 and"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_binary_network_is_refused(case: str, tmp_path: Path) -> None:
    make, rule = REFUSED[case]
    path = make().save(tmp_path)
    with pytest.raises(AssayError, match=rule) as caught:
        from_onnx(path)
    assert str(caught.value).startswith(str(path)) and caught.value.exit_code == 2


def test_options_that_do_not_suit_are_refused(tmp_path: Path) -> None:
    path = cnv_like(0, plain=True).save(tmp_path)
    with pytest.raises(AssayError, match="has 4 bits, must have 6 or 8"):
        from_onnx(path, 4)
    with pytest.raises(AssayError, match="cannot be pruned"):
        from_onnx(path, kept=2)


def test_weights_stored_as_bytes(tmp_path: Path) -> None:
    """int8 weights behind a Cast, as small files have them."""
    model = BipolarModel(plain=True)
    bits = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (4, 3, 3, 3))
    stored = model.values("bits", bits)
    model.node("Conv", model.node("Cast", inputs=[stored], to=1), inputs=None)
    model.nodes[-1].input[0] = IMAGE
    model.sign()
    graph = load_onnx(model.save(tmp_path)).graph
    np.testing.assert_array_equal(graph.constants[graph.nodes[0].inputs[1]], bits.transpose(0, 2, 3, 1))
    model.nodes[0].attribute[0].i = 16
    with pytest.raises(AssayError, match=r"node 'n0' \(Cast\): cast of int64 to element type 16"):
        load_onnx(model.save(tmp_path))


def finn_like(plain: bool) -> BipolarModel:
    """As FINN's CNV is written: 2 x - 1 of the image first, and a scalar batch norm of single operators last."""
    model = BipolarModel(4, plain)
    two, one = model.values("two", np.float32(2)), model.values("one", np.ones(1, np.float32))
    model.node("Sub", one, inputs=[model.node("Mul", two), one])
    if not plain:
        model.quant(model.last, 2.0**-7, 8)
    model.convolution(3, 14)
    model.node("Mul", model.values("half", np.full((14, 1, 1), 0.5, np.float32)))
    model.norm(14, 2.0)
    model.sign()
    model.node("MaxPool", **POOL)
    model.node("Flatten")
    model.dense(4 * 3 * 14, 10)
    for kind, value in (("Sub", 3.0), ("Div", 4.0), ("Mul", 0.5), ("Add", -0.25)):
        model.node(kind, model.values(f"last{kind}", np.full(1, value, np.float32)))
    return model


def test_constants_before_and_behind_a_network(tmp_path: Path) -> None:
    """The first ones are what a host does to pixels; the input is what comes of it."""
    model, plain = finn_like(False), finn_like(True)
    network = from_onnx(model.save(tmp_path))
    (name,) = network.graph.inputs
    assert quantisation_of(network.graph, name) == Quantisation((2.0**-7,), 0, 8) and network.preprocess
    batch = integers(4, 8, 9)
    raw = ((real(batch, network) + 1) / 2).astype(np.float32)
    found, wanted = run(network.graph, {name: batch}), executed(plain, tmp_path / "plain.onnx", raw)
    made = [node.output for node in network.graph.nodes]
    np.testing.assert_array_equal(found[model.signs[0]], wanted[plain.signs[0]])
    scores = found[made[-1]] * quantisation_of(network.graph, made[-1]).scale[0]
    np.testing.assert_array_equal(scores, wanted[plain.last])
    pixels = np.arange(240, dtype=np.uint8).reshape(1, 10, 8, 3)
    np.testing.assert_allclose(network.preprocess(pixels), pixels / 127.5 - 1, atol=1e-6)
    np.save(tmp_path / "pixels.npy", pixels)
    given = network.with_inputs(tmp_path / "pixels.npy").images(1)
    np.testing.assert_array_equal(given, np.clip(np.round((pixels / 127.5 - 1) * 128), -128, 127))


def test_the_range_behind_constants_is_that_of_pixels(tmp_path: Path) -> None:
    network = from_onnx(finn_like(True).save(tmp_path))
    assert quantisation_of(network.graph, network.graph.inputs[0]) == Quantisation((2.0**-7,), 0, 8)


@pytest.mark.parametrize(
    ("kind", "value", "rule"),
    [("Div", np.zeros(1), "divides by 0"), ("Mul", np.ones((2, 1)), "must be one value, or one a channel")],
)
def test_constants_that_do_not_suit(kind: str, value: Array, rule: str, tmp_path: Path) -> None:
    model = finn_like(True)
    model.node(kind, model.values("wrong", value.astype(np.float32)))
    with pytest.raises(AssayError, match=rule):
        from_onnx(model.save(tmp_path))


def test_bits_of_the_input_are_an_option(tmp_path: Path) -> None:
    path = str(cnv_like(0, plain=True).save(tmp_path))
    assert quantisation_of(load(path, bits=6).graph, IMAGE) == Quantisation((2.0**-5,), 0, 6)
    residual().save(tmp_path, "float.onnx")
    with pytest.raises(AssayError, match=r"float\.onnx: cannot quantise to 6 bits, must be 4 or 8"):
        load(str(tmp_path / "float.onnx"), bits=6)


def test_the_systolic_array_and_the_optimizer_refuse_bits(tmp_path: Path) -> None:
    path = str(cnv_like(0).save(tmp_path))
    with pytest.raises(
        AssayError, match=r"model\.onnx: node 'n2' \(Conv2D\): 'n2\.bits' is of int1: the systolic"
    ):
        compile_network("systolic", path, "small")
    with pytest.raises(AssayError, match=r"model\.onnx: is binary: there is nothing to optimize"):
        subject(path)
