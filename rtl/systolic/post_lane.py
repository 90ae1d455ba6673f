"""Post-processing of one channel: requantise, residual add, pool. One value a cycle through a fixed pipeline."""

from dataclasses import dataclass

from myhdl import Signal, always, always_comb, block, modbv

from rtl.lib.delay import delay
from rtl.lib.ram import ram
from rtl.lib.requantiser import REQUANTISER_LATENCY, SCALED_OPERAND_LATENCY, requantiser, scaled_operand
from rtl.lib.stream import bit, signed, word
from rtl.systolic.isa import PoolKind

# Cycles after the address of an accumulator at which ...
VALUE = REQUANTISER_LATENCY + 3  # ... its requantised value, or the byte read from the map instead, stands
TAPPED = VALUE + 1  # ... the clamped value stands, before add and pool
ADDED = TAPPED + 1 + SCALED_OPERAND_LATENCY + 1 + REQUANTISER_LATENCY  # ... the sum is rescaled
POOLED = ADDED + 1  # ... the sum, or the value that was not added to, enters the pool
RESULT = POOLED + 6  # ... the result leaves

MAX, AVERAGE = int(PoolKind.MAX), int(PoolKind.AVERAGE)


@dataclass(frozen=True)
class Setup:
    """Scalars of POST_SETUP, under their names in isa.py."""

    output_zero_point: object
    low: object
    high: object
    multiplier_1: object
    shift_1: object
    zero_point_1: object
    multiplier_2: object
    shift_2: object
    zero_point_2: object
    multiplier_out: object
    shift_out: object
    add_zero_point: object
    add_low: object
    add_high: object
    divisor_multiplier: object
    divisor_shift: object
    divisor_half: object


def setup():
    """A Setup of fresh Signals."""
    return Setup(signed(8), signed(8), signed(8), word(31), word(5), signed(8), word(31), word(5), signed(8),
                 word(31), word(5), signed(8), signed(8), signed(8), word(24), word(5), word(11))


@dataclass(frozen=True)
class Steps:
    """What to do with the value, each bit or field at its place in the pipeline."""

    from_map: object  # at VALUE: the byte from the map, not the accumulator
    hold: object  # at VALUE: keep that byte, its operand follows
    add: object  # at VALUE
    add_late: object  # at ADDED
    pool: object  # at POOLED: PoolKind
    first: object  # at POOLED: first position of a window
    average: object  # at RESULT - 1


@dataclass(frozen=True)
class ParameterWrite:
    """One memory word of parameters: `enable` is bias, multiplier, shift."""

    enable: object
    index: object
    data: object


@block
def parameters(clk, write, index, bias, multiplier, shift, sets):
    """The channel's bias, multiplier and shift of each parameter set. Latency 1."""
    bias_word, multiplier_word, shift_word = word(32), word(31), word(6)
    biases = ram(clk, write.enable(0), write.index, write.data, index, bias_word, sets)
    multipliers = ram(clk, write.enable(1), write.index, write.data(31, 0), index, multiplier_word, sets)
    shifts = ram(clk, write.enable(2), write.index, write.data(6, 0), index, shift_word, sets)

    @always_comb
    def interpret():
        bias.next = bias_word.signed()
        multiplier.next = multiplier_word
        shift.next = shift_word.signed()

    return biases, multipliers, shifts, interpret


@block
def rescale(clk, enable, accumulated, write, index, value, sets):
    """Accumulator (one cycle after `index`) + bias, requantised: `value` at VALUE - 1."""
    bias, shift, late_shift = signed(32), signed(6), signed(6)
    total = Signal(modbv(0, min=-(1 << 31), max=1 << 31))  # wraps on what no instruction reads
    multiplier, late_multiplier = word(31), word(31)
    table = parameters(clk, write, index, bias, multiplier, shift, sets)
    requantise = requantiser(clk, total, late_multiplier, late_shift, value, enable)

    @always(clk.posedge)
    def add_bias():
        if enable:
            total.next = accumulated.signed() + bias
            late_multiplier.next = multiplier
            late_shift.next = shift

    return table, requantise, add_bias


@block
def clamp(value, low, high, clamped):
    """`value` limited to low..high."""

    @always_comb
    def limit():
        if value < low:
            clamped.next = low
        elif value > high:
            clamped.next = high
        else:
            clamped.next = value[8:].signed()

    return limit


@block
def select(clk, enable, rescaled, map_byte, scalars, steps, first, second):
    """The clamped value and the add's operand, at TAPPED."""
    shifted, chosen = signed(33), signed(33)
    held, limited = signed(8), signed(8)
    limiter = clamp(chosen, scalars.low, scalars.high, limited)

    @always(clk.posedge)
    def offset():
        if enable:
            shifted.next = rescaled + scalars.output_zero_point

    @always_comb
    def choose():
        if not steps.from_map:
            chosen.next = shifted
        elif steps.add:
            chosen.next = held
        else:
            chosen.next = map_byte.signed()

    @always(clk.posedge)
    def keep():
        if enable:
            first.next = limited
            second.next = map_byte.signed()
            if steps.hold:
                held.next = map_byte.signed()

    return limiter, offset, choose, keep


@block
def residual(clk, enable, first, second, scalars, add, result):
    """TFLite's ADD where `add` (at ADDED) is set, else the first operand; from TAPPED to POOLED."""
    difference_1, difference_2 = signed(9), signed(9)
    scaled_1, scaled_2, total, rescaled = signed(32), signed(32), signed(32), signed(32)
    right_shift = signed(6)
    shifted = signed(33)
    limited, bypass = signed(8), signed(8)
    scale_1 = scaled_operand(clk, difference_1, scalars.multiplier_1, scalars.shift_1, scaled_1, enable)
    scale_2 = scaled_operand(clk, difference_2, scalars.multiplier_2, scalars.shift_2, scaled_2, enable)
    requantise = requantiser(clk, total, scalars.multiplier_out, right_shift, rescaled, enable)
    go_around = delay(clk, first, bypass, ADDED - TAPPED, enable)
    limiter = clamp(shifted, scalars.add_low, scalars.add_high, limited)

    @always_comb
    def negate():
        right_shift.next = -scalars.shift_out

    @always(clk.posedge)
    def subtract():
        if enable:
            difference_1.next = first - scalars.zero_point_1
            difference_2.next = second - scalars.zero_point_2
            total.next = scaled_1 + scaled_2

    @always_comb
    def offset():
        shifted.next = rescaled + scalars.add_zero_point

    @always(clk.posedge)
    def choose():
        if enable:
            if add:
                result.next = limited
            else:
                result.next = bypass

    return scale_1, scale_2, requantise, go_around, limiter, negate, subtract, offset, choose


@block
def divide(clk, enable, total, scalars, rounded, negative):
    """(|total| + half) x multiplier >> (16 + shift), and the sign to put back. Latency 4."""
    magnitude, low_part, high_part, high_in_place, product = word(20), word(32), word(32), word(44), word(44)
    shifted = word(44)
    factor_low, factor_high, amount = word(12), word(12), word(6)
    absolute = word(20)
    below_zero = bit()
    follow = delay(clk, below_zero, negative, 3, enable)

    @always_comb
    def split():
        factor_low.next = scalars.divisor_multiplier[12:]
        factor_high.next = scalars.divisor_multiplier[24:12]
        amount.next = scalars.divisor_shift + 16
        high_in_place.next = high_part << 12

    @always_comb
    def strip_sign():
        if total < 0:
            absolute.next = -total
        else:
            absolute.next = total[20:]

    @always(clk.posedge)
    def multiply():
        if enable:
            magnitude.next = absolute + scalars.divisor_half
            below_zero.next = total < 0
            low_part.next = magnitude * factor_low
            high_part.next = magnitude * factor_high
            product.next = low_part + high_in_place

    @always_comb
    def move():
        shifted.next = product >> amount

    @always(clk.posedge)
    def cut():
        if enable:
            rounded.next = shifted[8:]

    return follow, split, strip_sign, multiply, move, cut


@block
def pool(clk, enable, value, scalars, steps, result):
    """Maximum or average over a window, or the value itself; from POOLED to RESULT."""
    total, rounded, negative = signed(20), word(8), bit()
    quotient = signed(9)
    kept, bypass = signed(8), signed(8)
    division = divide(clk, enable, total, scalars, rounded, negative)
    go_around = delay(clk, kept, bypass, 4, enable)

    @always(clk.posedge)
    def accumulate():
        if enable:
            if steps.first:
                total.next = value
            elif steps.pool == AVERAGE:
                total.next = total + value
            elif value > total:
                total.next = value

    @always_comb
    def cut():
        kept.next = total[8:].signed()

    @always(clk.posedge)
    def choose():
        if enable:
            if steps.average:
                result.next = quotient[8:]
            else:
                result.next = bypass[8:]

    @always_comb
    def put_sign():
        if negative:
            quotient.next = -rounded
        else:
            quotient.next = rounded

    return division, go_around, accumulate, cut, choose, put_sign


@block
def post_lane(clk, enable, accumulated, map_byte, write, index, scalars, steps, tapped, result, sets):
    """The pipeline of one channel; the constants above give its timing. It stands still while `enable` is 0."""
    rescaled = signed(32)
    first, second, summed = signed(8), signed(8), signed(8)
    front = rescale(clk, enable, accumulated, write, index, rescaled, sets)
    middle = select(clk, enable, rescaled, map_byte, scalars, steps, first, second)
    adding = residual(clk, enable, first, second, scalars, steps.add_late, summed)
    pooling = pool(clk, enable, summed, scalars, steps, result)

    @always_comb
    def show():
        tapped.next = first[8:]

    return front, middle, adding, pooling, show
