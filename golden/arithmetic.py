"""The integer arithmetic of a quantised network, each operation defined once: TFLite's int8 arithmetic.

The int4 x int4 sibling is the same arithmetic under the clamp limits of an int4 output tensor.
Source: TFLite reference kernels and gemmlowp's fixedpoint.h, both rounding steps kept ("double rounding").
A real factor is written multiplier * 2**(shift - 31) with a 31-bit multiplier; a positive shift goes left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from golden.ir import Add, Conv2D, FullyConnected, Graph, GraphError, Node, Quantisation

Integers = npt.NDArray[np.int64]
AnyIntegers = npt.NDArray[np.integer]

INT32_MIN = -(1 << 31)
INT32_MAX = (1 << 31) - 1
MULTIPLIER_BITS = 31
LEAST_SHIFT = -31
GREATEST_SHIFT = 30
LEAST_ONE_STEP_SHIFT = -11
ADD_LEFT_SHIFT = 20


class Requantisation(NamedTuple):
    """From accumulator to output tensor. multipliers and shifts are per output channel; act_min, act_max are
    the output's clamp limits, activation included."""

    multipliers: Integers
    shifts: Integers
    zero_point: int
    act_min: int
    act_max: int


@dataclass(frozen=True)
class AddParameters:
    """Factors of a residual add: index 1 and 2 for the inputs, o for the output; m multiplier, s shift,
    z zero point. Every shift is at most 0 (right)."""

    left_shift: int
    m1: int
    s1: int
    z1: int
    m2: int
    s2: int
    z2: int
    mo: int
    so: int
    zo: int
    act_min: int
    act_max: int


def quantise_multiplier(real: float) -> tuple[int, int]:
    """(multiplier, shift) with real = multiplier * 2**(shift - 31), multiplier 0 or in [2**30, 2**31).

    A factor too small for a right shift by 31 becomes (0, 0), as in TFLite. Raises ValueError on a negative
    or non-finite factor, and on one that needs a left shift above 30."""
    if not math.isfinite(real) or real < 0:
        raise ValueError(f"multiplier {real} must be finite and not negative")
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * (1 << MULTIPLIER_BITS) + 0.5)
    if multiplier == 1 << MULTIPLIER_BITS:
        multiplier, shift = multiplier // 2, shift + 1
    if multiplier == 0 or shift < LEAST_SHIFT:
        return 0, 0
    if shift > GREATEST_SHIFT:
        raise ValueError(f"multiplier {real} needs a left shift of {shift}, at most {GREATEST_SHIFT}")
    return multiplier, shift


def one_step_multiplier(real: float) -> tuple[int, int]:
    """(multiplier, shift) like quantise_multiplier, but shift 0 for factors in [2**-12, 1): one rounding.

    TFLite's reference fully connected kernel rounds the real product once. A smaller factor keeps both steps:
    as a multiple of 2**-31 it would lose more than the second rounding does."""
    multiplier, shift = quantise_multiplier(real)
    if not LEAST_ONE_STEP_SHIFT <= shift < 0:
        return multiplier, shift
    return math.floor(math.ldexp(real, MULTIPLIER_BITS) + 0.5), 0


def saturating_rounding_doubling_high_multiply(a: AnyIntegers, b: AnyIntegers | int) -> Integers:
    """High 32 bits of 2*a*b for int32 values, rounded to nearest with ties upwards; INT32_MIN**2 saturates.

    gemmlowp nudges by the sign of the product, then truncates: the same as this one nudge and a floor."""
    product = np.multiply(a, b, dtype=np.int64)
    high: Integers = np.minimum((product + (1 << 30)) >> 31, INT32_MAX)
    return high


def rounding_divide_by_power_of_two(x: AnyIntegers, exponent: AnyIntegers | int) -> Integers:
    """x / 2**exponent for 0 <= exponent <= 31, rounded to nearest with ties away from zero."""
    wide = np.asarray(x, dtype=np.int64)
    mask = (np.int64(1) << np.asarray(exponent, dtype=np.int64)) - 1
    threshold = (mask >> 1) + (wide < 0)
    result: Integers = (wide >> exponent) + ((wide & mask) > threshold)
    return result


def multiply_by_quantised_multiplier(
    x: AnyIntegers, multiplier: AnyIntegers | int, shift: AnyIntegers | int
) -> Integers:
    """x * multiplier * 2**(shift - 31) with gemmlowp's double rounding; arguments broadcast, channels last.

    x is int32. A left shift that leaves int32 wraps, as the compiled reference does."""
    left: Integers = np.maximum(np.asarray(shift, dtype=np.int64), 0)
    wide = np.asarray(x, dtype=np.int64)
    shifted = (wide << left).astype(np.int32) if np.any(left) else wide
    product = saturating_rounding_doubling_high_multiply(shifted, multiplier)
    return rounding_divide_by_power_of_two(product, left - shift)


def requantise(accumulator: AnyIntegers, parameters: Requantisation) -> npt.NDArray[np.int8]:
    """int32 accumulators (..., channels) to the output tensor's values."""
    scaled = multiply_by_quantised_multiplier(accumulator, parameters.multipliers, parameters.shifts)
    return clamp(scaled + parameters.zero_point, parameters.act_min, parameters.act_max)


def add(a: AnyIntegers, b: AnyIntegers, parameters: AddParameters) -> npt.NDArray[np.int8]:
    """Elementwise sum of two quantised maps of one shape, each with a scale and zero point of its own."""
    p = parameters
    scaled_a = _scale_addend(a, p.z1, p.m1, p.s1, p.left_shift)
    scaled_b = _scale_addend(b, p.z2, p.m2, p.s2, p.left_shift)
    total = multiply_by_quantised_multiplier(scaled_a + scaled_b, p.mo, p.so)
    return clamp(total + p.zo, p.act_min, p.act_max)


def _scale_addend(x: AnyIntegers, zero_point: int, multiplier: int, shift: int, left_shift: int) -> Integers:
    centred = np.asarray(x, dtype=np.int64) - zero_point
    return multiply_by_quantised_multiplier(centred << left_shift, multiplier, shift)


def rounded_mean(total: AnyIntegers, count: AnyIntegers | int) -> Integers:
    """total / count rounded to nearest with ties away from zero, as TFLite's integer average pool does."""
    wide = np.asarray(total, dtype=np.int64)
    mean: Integers = np.sign(wide) * ((np.abs(wide) + np.asarray(count) // 2) // count)
    return mean


def clamp(x: AnyIntegers, low: int, high: int) -> npt.NDArray[np.int8]:
    """x limited to low..high, as int8 (which holds 4 and 8 bits)."""
    return np.clip(x, low, high).astype(np.int8)


def quantisation_of(graph: Graph, tensor: str) -> Quantisation:
    """The tensor's quantisation; GraphError where the tensor is float."""
    quantisation = graph.tensor(tensor).quantisation
    if quantisation is None:
        raise GraphError(f"{graph.name}: tensor {tensor!r} is float where an integer tensor is needed")
    return quantisation


def activation_limits(activation: str, output: Quantisation) -> tuple[int, int]:
    """Clamp limits of an output tensor under '', 'relu' or 'relu6'; 6 is quantised in float32 like TFLite."""
    if activation == "":
        return output.low, output.high
    if activation not in ("relu", "relu6"):
        raise GraphError(f"activation {activation!r} must be '', 'relu' or 'relu6'")
    high = min(output.high, _quantise_limit(6.0, output)) if activation == "relu6" else output.high
    return max(output.low, output.zero_point), high


def _quantise_limit(real: float, output: Quantisation) -> int:
    ratio = float(np.float32(real) / np.float32(output.scale[0]))
    return output.zero_point + math.floor(ratio + 0.5)


def conv_parameters(graph: Graph, node: Node) -> Requantisation:
    """Requantisation of a convolution or fully connected node, from the scales of its tensors."""
    if not isinstance(node.operator, Conv2D | FullyConnected):
        raise GraphError(f"{graph.name}: node {node.name!r} is no convolution or fully connected layer")
    output = quantisation_of(graph, node.output)
    quantise = quantise_multiplier if isinstance(node.operator, Conv2D) else one_step_multiplier
    try:
        pairs = [quantise(factor) for factor in _real_multipliers(graph, node)]
    except ValueError as error:
        raise GraphError(f"{graph.name}: node {node.name!r}: {error}") from None
    multipliers, shifts = np.array(pairs, dtype=np.int64).T
    limits = activation_limits(node.operator.activation, output)
    return Requantisation(multipliers, shifts, output.zero_point, *limits)


def _real_multipliers(graph: Graph, node: Node) -> list[float]:
    """input scale * weight scale / output scale for each output channel."""
    input_scale = quantisation_of(graph, node.inputs[0]).scale[0]
    weights = quantisation_of(graph, node.inputs[1])
    output_scale = quantisation_of(graph, node.output).scale[0]
    channels = graph.tensor(node.inputs[1]).shape[0]
    factors = [input_scale * scale / output_scale for scale in weights.scale]
    return factors if len(factors) == channels else factors * channels


def add_parameters(graph: Graph, node: Node) -> AddParameters:
    """Factors of an add node, from the scales of its tensors (TFLite reference ADD)."""
    if not isinstance(node.operator, Add):
        raise GraphError(f"{graph.name}: node {node.name!r} is no add")
    first, second = (quantisation_of(graph, name) for name in node.inputs)
    output = quantisation_of(graph, node.output)
    twice_max = 2 * max(first.scale[0], second.scale[0])
    real_output = twice_max / ((1 << ADD_LEFT_SHIFT) * output.scale[0])
    if real_output >= 1:
        raise GraphError(f"{graph.name}: node {node.name!r}: input scales are more than 2**19 output scales")
    m1, s1 = quantise_multiplier(first.scale[0] / twice_max)
    m2, s2 = quantise_multiplier(second.scale[0] / twice_max)
    mo, so = quantise_multiplier(real_output)
    low, high = activation_limits(node.operator.activation, output)
    zeros = {"z1": first.zero_point, "z2": second.zero_point, "zo": output.zero_point}
    return AddParameters(
        ADD_LEFT_SHIFT, m1=m1, s1=s1, m2=m2, s2=s2, mo=mo, so=so, act_min=low, act_max=high, **zeros
    )
