"""Binarise: thresholds are the float model's signs at every sum there can be; whole graphs are equal in every bit;
what has no place in a binary network is refused by name."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import isqrt

import numpy as np
import pytest

from compiler.errors import AssayError
from compiler.passes import BINARY_PASSES, binarised, run_passes, thresholds
from compiler.passes.quantise import fixed_point
from compiler.passes.scores import LARGEST_FACTOR
from compiler.passes.scores import fixed_point as scores_of
from compiler.passes.thresholds import Filter
from compiler.tests.float_binary import FloatBinary, bit_network, image_quantisation, images
from golden.arithmetic import INT32_MAX, quantisation_of
from golden.ir import (
    Add,
    Array,
    Conv2D,
    FullyConnected,
    Graph,
    Operator,
    Pool2D,
    Quantisation,
    Relu,
    Sign,
)
from golden.run import run
from golden.tests.binary_layers import LAYERS, Layer, binary_graph, float_graph, parameters
from golden.tests.binary_layers import images as layer_images

LARGEST = 60


def decided(given: Filter) -> Array:
    """The comparison, at every sum."""
    threshold, flip = given.threshold(LARGEST)
    assert -LARGEST <= threshold <= LARGEST + 1
    ones: Array = (np.arange(-LARGEST, LARGEST + 1) >= threshold) != flip
    return ones


def in_doubles(given: Filter) -> Array:
    """The signs of the float model, at every sum."""
    unit, bias, gamma, beta, mean, variance = (float(value) for value in given)
    sums = np.arange(-LARGEST, LARGEST + 1)
    ones: Array = gamma * (unit * sums + bias - mean) / np.sqrt(variance) + beta >= 0
    return ones


def filter_of(random: np.random.Generator, dyadic: bool) -> Filter:
    """dyadic: with a deviation that is a power of two, so that doubles are exact and ties are frequent."""
    if dyadic:
        drawn = random.integers([1, -8, -3, -8, -40], [4, 9, 4, 9, 41])
        unit, bias, gamma, beta, mean = (Fraction(int(value), 4) for value in drawn)
        return Filter(unit, bias, gamma, beta, 4 * mean, Fraction(4) ** int(random.integers(-2, 3)))
    reals = random.normal(0, [1, 1, 1, 2, 30]).astype(np.float32)
    unit, bias, gamma, beta, mean = (Fraction(float(value)) for value in reals)
    variance = Fraction(float(np.float32(random.uniform(0.01, 900))))
    return Filter(abs(unit) + Fraction(1, 100), bias, gamma, beta, mean, variance)


@pytest.mark.parametrize("dyadic", [True, False])
def test_every_sum_is_decided_as_the_float_model_does(dyadic: bool) -> None:
    random = np.random.default_rng(5)
    kinds: set[int] = set()
    for _ in range(400):
        given = filter_of(random, dyadic)
        np.testing.assert_array_equal(decided(given), in_doubles(given), err_msg=str(given))
        kinds.add(int(np.sign(float(given.gamma))))
    assert kinds == ({-1, 0, 1} if dyadic else {-1, 1})


@pytest.mark.parametrize("gamma", [-1, 1])
def test_a_sum_on_the_threshold_is_a_one(gamma: int) -> None:
    given = Filter(
        Fraction(1), gamma=Fraction(gamma), beta=Fraction(3), mean=Fraction(10), variance=Fraction(4)
    )
    tie = 10 - 6 * gamma
    assert gamma * (tie - 10) / 2 + 3 == 0
    found = dict(zip(range(-LARGEST, LARGEST + 1), decided(given), strict=True))
    assert found[tie] and found[tie + gamma] and not found[tie - gamma]


def test_a_threshold_closer_than_doubles_can_tell() -> None:
    """beta * sqrt(2) is -7 but for the fortieth digit."""
    below = Fraction(isqrt(49 * 10**80 // 2), 10**40)
    above = below + Fraction(1, 10**40)
    assert float(below) == float(above)
    assert Filter(Fraction(1), beta=-below, variance=Fraction(2)).threshold(LARGEST) == (7, False)
    assert Filter(Fraction(1), beta=-above, variance=Fraction(2)).threshold(LARGEST) == (8, False)


@pytest.mark.parametrize(
    ("mean", "gamma", "threshold"),
    [(10**6, 1, LARGEST + 1), (-(10**6), 1, -LARGEST), (10**6, -1, LARGEST + 1), (-(10**6), -1, -LARGEST)],
)
def test_thresholds_end_at_always_and_never(mean: int, gamma: int, threshold: int) -> None:
    given = Filter(Fraction(1), gamma=Fraction(gamma), mean=Fraction(mean))
    assert given.threshold(LARGEST) == (threshold, gamma < 0)
    assert set(decided(given)) == {(gamma > 0) == (mean < 0)}


@pytest.mark.parametrize(("beta", "one"), [(-1, False), (0, True), (1, True)])
def test_gamma_zero_is_constant(beta: int, one: bool) -> None:
    assert set(decided(Filter(Fraction(1), gamma=Fraction(0), beta=Fraction(beta)))) == {one}


def test_a_tie_decided_as_minus_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = Filter.is_one
    monkeypatch.setattr(thresholds.Filter, "is_one", lambda given, total: exact(given, total - 1))
    with pytest.raises(AssertionError):
        test_every_sum_is_decided_as_the_float_model_does(True)


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS.keys())
def test_layers_become_what_trying_every_sum_gives(layer: Layer) -> None:
    """Golden's tests find thresholds by trying: the same graph, but for names."""
    given = parameters(layer, 3)
    made = binarised(float_graph(layer, given), Quantisation((1.0,), 0, layer.bits))
    expected, batch = binary_graph(layer, given), layer_images(layer)
    values, wanted = run(made, {"image": batch}), run(expected, {"image": batch})
    np.testing.assert_array_equal(values[made.outputs[0]], wanted[expected.outputs[0]])
    thresholds_made, thresholds_tried = (
        graph.constants[graph.nodes[0].inputs[2]] for graph in (made, expected)
    )
    np.testing.assert_array_equal(thresholds_made, thresholds_tried)


def equal_bits(graph: Graph, made: Graph, batch: Array) -> None:
    """Every map of bits is the float graph's, by its name."""
    scale = quantisation_of(made, made.inputs[0]).scale[0]
    exact = run(graph, {graph.inputs[0]: (batch * scale).astype(np.float32)})
    values = run(made, {made.inputs[0]: batch})
    compared = 0
    for name, found in values.items():
        kind = quantisation_of(made, name)
        if kind.bits == 1 and name in exact and set(np.unique(np.abs(exact[name]))) == set(kind.scale):
            np.testing.assert_array_equal(found * np.float32(kind.scale[0]), exact[name], err_msg=name)
            compared += 1
    assert compared >= 3


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bits", [6, 8])
def test_whole_networks_are_equal_in_every_bit(seed: int, bits: int) -> None:
    graph = run_passes(bit_network(seed), BINARY_PASSES)
    made = binarised(graph, image_quantisation(bits))
    batch = images(graph, bits, 4, seed)
    equal_bits(graph, made, batch)
    scale = quantisation_of(made, made.inputs[0]).scale[0]
    real = run(graph, {"image": (batch * scale).astype(np.float32)})[graph.outputs[0]].astype(np.float64)
    scores = run(made, {"image": batch})[made.outputs[0]]
    step = quantisation_of(made, made.outputs[0]).scale[0]
    assert scores.dtype == np.int32
    # A factor is half a step of the scale off at most, an offset as well.
    fan_in = made.constants[made.nodes[-1].inputs[1]].shape[1]
    np.testing.assert_allclose(scores * step, real, atol=step * (fan_in + 1), rtol=1e-6)


def test_products_pools_and_maps_keep_their_names() -> None:
    graph = run_passes(bit_network(0), BINARY_PASSES)
    made = binarised(graph, image_quantisation(8))
    names = [node.name for node in graph.nodes if isinstance(node.operator, Conv2D | FullyConnected | Pool2D)]
    assert [node.name for node in made.nodes if "flat" not in node.name] == names
    assert made.outputs == graph.outputs and made.inputs == graph.inputs
    pools = [node for node in made.nodes if isinstance(node.operator, Pool2D)]
    assert [len(pool.inputs) for pool in pools] == [2, 1, 1]


@pytest.mark.parametrize("scale", [0.5, 0.3])
def test_a_scale_of_signs_goes_into_what_reads_them(scale: float) -> None:
    graph = bit_network(1, sign=scale)
    made = binarised(graph, image_quantisation(8))
    equal_bits(graph, made, images(graph, 8, 4, 1))


def test_dyadic_scores_are_exact() -> None:
    filters = [
        Filter(Fraction(1), Fraction(0), Fraction(gamma), Fraction(beta, 8), Fraction(mean), Fraction(4))
        for gamma, beta, mean in ((3, 5, -2), (-7, 1, 30), (0, -3, 2), (1, 0, 0))
    ]
    scale, factors, offsets = scores_of(filters, 100)
    assert factors is not None and offsets is not None
    for index, given in enumerate(filters):
        for total in (-100, -3, 0, 50):
            real = given.gamma * (total - given.mean) / 2 + given.beta
            score = int(factors[index]) * total + int(offsets[index])
            assert score * Fraction(scale) == real


def test_sums_alone_are_scores_where_all_filters_are_alike() -> None:
    assert scores_of([Filter(Fraction(1, 4))] * 3, 100) == (0.25, None, None)
    assert scores_of([Filter(Fraction(1, 4)), Filter(Fraction(1, 2))], 100).factors is not None


@pytest.mark.parametrize("beta", [0, 10**9, -(10**9)])
def test_scores_stay_within_their_bits(beta: int) -> None:
    given = Filter(Fraction(1, 3), gamma=Fraction(-5), beta=Fraction(beta), variance=Fraction(2))
    scale, factors, offsets = scores_of([given, Filter(Fraction(1))], 1 << 20)
    assert factors is not None and offsets is not None
    assert np.abs(factors).max() <= LARGEST_FACTOR
    assert int(np.abs(factors.astype(np.int64)).max()) * (1 << 20) + abs(int(offsets[0])) <= INT32_MAX
    assert abs(offsets[0] * scale - beta) <= scale


@pytest.mark.parametrize(
    ("least", "greatest", "bits", "exponent"),
    [(0, 1, 8, -7), (-1, 127 / 128, 8, -7), (-1.01, 1, 8, -6), (0, 1, 6, -5), (0, 255, 8, 1), (0, 0, 8, 0)],
)
def test_input_scales_are_powers_of_two(least: float, greatest: float, bits: int, exponent: int) -> None:
    assert fixed_point(least, greatest, bits) == Quantisation((2.0**exponent,), 0, bits)


def with_operator(index: int, operator: Operator) -> Graph:
    graph = bit_network(0)
    nodes = list(graph.nodes)
    nodes[index] = replace(nodes[index], operator=operator)
    return graph.with_nodes(tuple(nodes))


def with_weights(values: Array) -> Graph:
    graph = bit_network(0)
    return replace(graph, constants=graph.constants | {"conv2.weights": values.astype(np.float32)})


def sum_in_it() -> Graph:
    made = FloatBinary()
    first = made.convolution("conv1", "image", 4)
    second = made.convolution("conv2", first, 4)
    made.node("sum", Add(), first, second)
    return made.graph()


def unsigned_layer() -> Graph:
    made = FloatBinary()
    first = made.product("conv1", "image", 4)
    made.convolution("conv2", first, 4)
    return made.graph()


def pooled_scores() -> Graph:
    made = FloatBinary()
    first = made.convolution("conv1", "image", 4)
    made.node("pool", Pool2D("max", (2, 2), (2, 2)), made.product("conv2", first, 4))
    return made.graph()


WEIGHTS = bit_network(0).constants["conv2.weights"]
UNEVEN = np.where(np.arange(WEIGHTS.size).reshape(WEIGHTS.shape) == 7, 2 * WEIGHTS, WEIGHTS)
BROKEN = {
    "weights of two sizes": (with_weights(UNEVEN), "node 'conv2': weights must be -s or +s"),
    "weights of zero": (with_weights(WEIGHTS * 0), "node 'conv2': weights must be -s or +s"),
    "ReLU": (with_operator(14, Relu()), "node 'fc1.sign' (Relu): Relu has no place"),
    "average": (with_operator(1, Pool2D("average", (2, 2), (2, 2))), "node 'pool1' (Pool2D)"),
    "sum": (sum_in_it(), "node 'sum' (Add)"),
    "no sign": (unsigned_layer(), "node 'conv2' (Conv2D): reads 'conv1', which no sign made"),
    "pooled scores": (pooled_scores(), "node 'pool' (Pool2D): a pool must have a sign"),
}


@pytest.mark.parametrize(("graph", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_what_has_no_place_is_refused(graph: Graph, message: str) -> None:
    with pytest.raises(AssayError) as error:
        binarised(graph, image_quantisation(8))
    assert message in str(error.value)


def test_ones_around_bits_of_another_scale_are_refused() -> None:
    layer = LAYERS["ones around"]
    graph = float_graph(layer, parameters(layer))
    with pytest.raises(AssayError, match="padding with ones needs a map of -1 and"):
        binarised(graph, Quantisation((0.5,), 0, 1))


def test_a_negative_variance_is_refused() -> None:
    graph = bit_network(0)
    name = "conv1.norm.variance"
    graph = replace(graph, constants=graph.constants | {name: -np.ones_like(graph.constants[name])})
    with pytest.raises(AssayError, match="variance and epsilon must add up"):
        binarised(graph, image_quantisation(8))


def test_inputs_of_four_bits_are_refused() -> None:
    with pytest.raises(AssayError, match="has 4 bits, must have 6 or 8"):
        fixed_point(0, 1, 4)


def test_signs_are_found() -> None:
    assert any(isinstance(node.operator, Sign) for node in bit_network(0).nodes)


@pytest.mark.parametrize("seed", range(40))
def test_batch_norms_in_a_row_are_one(seed: int) -> None:
    """At every sum, as doubles have it; variances of 1 and others, gamma 0 in either."""
    random = np.random.default_rng(seed)
    parts = random.integers(-6, 7, (3, 3)).astype(float)
    variances = random.choice([1.0, 0.25, 4.0, 2.0], 3)
    given, sums = Filter(Fraction(1, 2), Fraction(3, 4)), np.arange(-LARGEST, LARGEST + 1)
    real = sums / 2 + 0.75
    for (gamma, beta, mean), variance in zip(parts, variances, strict=True):
        given = given.normalised(*(Fraction(value) for value in (gamma, beta, mean, variance)))
        real = gamma * (real - mean) / np.sqrt(variance) + beta
    clear = np.abs(real) > 1e-9
    np.testing.assert_array_equal(decided(given)[clear], (real >= 0)[clear])
    assert clear.sum() > LARGEST or (real == 0).all()
