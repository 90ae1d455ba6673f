"""Fixed-point rescaling, bit-exact to TFLite: saturating rounding doubling high multiply, then rounding right
shift.

With `enable` (a Signal) a pipeline stands still while it is 0: nothing moves when no value is on its way. A
multiplier of 31 bits, never negative, cannot reach the one product that saturates (-2**31 x -2**31).
"""

from myhdl import Signal, always, always_comb, block, concat, modbv

from rtl.convert import unused
from rtl.lib.delay import delay
from rtl.lib.stream import signed, word

ROUNDING_SHIFT_LATENCY = 2
REQUANTISER_LATENCY = 4 + ROUNDING_SHIFT_LATENCY
SCALED_OPERAND_LATENCY = 2 + ROUNDING_SHIFT_LATENCY


@block
def rounding_shift(clk, value, exponent, result, enable=True):
    """result = value / 2**exponent, halves away from zero (gemmlowp's RoundingDivideByPOT).

    Latency: ROUNDING_SHIFT_LATENCY. Throughput: one value a cycle.
    Ranges: value and result 32 bits signed, exponent 0..31.
    """
    complement, shift = word(5), word(5)
    bias, biased, shifted = word(31), signed(33), signed(33)

    @always_comb
    def complement_exponent():
        complement.next = 31 - exponent

    @always_comb
    def choose_bias():
        # Half of 2**exponent, less one below zero; 0 for exponent 0.
        if value < 0:
            bias.next = 0x3FFFFFFF >> complement
        else:
            bias.next = 0x40000000 >> complement

    @always(clk.posedge)
    def add():
        if enable:
            biased.next = value + bias
            shift.next = exponent

    @always_comb
    def move():
        shifted.next = biased >> shift

    @always(clk.posedge)
    def register():
        if enable:
            result.next = shifted[32:].signed()

    unused(shifted(33, 32), "the quotient fits 32 bits")
    return complement_exponent, choose_bias, add, move, register


@block
def requantiser(clk, value, multiplier, shift, result, enable=True):
    """result = MultiplyByQuantizedMultiplier(value, multiplier, shift), with TFLite's double rounding.

    Latency: REQUANTISER_LATENCY. Throughput: one value a cycle. Ranges: value and result 32 bits signed;
    multiplier 31 bits unsigned; shift -31..31, positive left, negative right. value << shift must fit 32
    bits: TFLite's own arithmetic is undefined beyond.
    """
    left, right, right_of_product = word(5), word(5), word(5)
    negative_shift = signed(7)
    scaled = Signal(modbv(0, min=-(1 << 31), max=1 << 31))
    factor = word(31)
    value_low, value_high, factor_low, factor_high = signed(17), signed(16), signed(17), signed(16)
    low_low, low_high, high_low, high_high = word(32), signed(33), signed(33), signed(32)
    outer, middle, total, product = signed(48), signed(35), signed(48), signed(32)

    @always_comb
    def negate():
        negative_shift.next = -shift

    @always_comb
    def split_shift():
        left.next = 0
        right.next = 0
        if shift > 0:
            left.next = shift[5:]
        else:
            right.next = negative_shift[5:]

    keep_step = delay(clk, right, right_of_product, 4, enable)

    @always(clk.posedge)
    def shift_left():
        if enable:
            scaled.next = value << left
            factor.next = multiplier

    @always_comb
    def split():
        value_low.next = scaled[16:]
        value_high.next = scaled[32:16].signed()
        factor_low.next = factor[16:]
        factor_high.next = factor[31:16]

    @always(clk.posedge)
    def multiply():
        if enable:
            low_low.next = value_low * factor_low
            low_high.next = value_low * factor_high
            high_low.next = value_high * factor_low
            high_high.next = value_high * factor_high

    @always(clk.posedge)
    def add_middle():
        if enable:
            # Bits 16 and up of the product, with the rounding half, 2**30, in the middle sum.
            middle.next = low_high + high_low + 16384
            outer.next = concat(high_high[32:], low_low[32:16]).signed()

    @always_comb
    def add():
        total.next = outer + middle

    @always(clk.posedge)
    def register():
        if enable:
            product.next = total[47:15].signed()

    round_right = rounding_shift(clk, product, right_of_product, result, enable)
    unused(negative_shift(7, 5), "-31..31")
    unused(low_low(16, 0), "below the rounding half's place in the middle sum: cannot carry")
    unused(total(15, 0), "rounded away")
    unused(total(48, 47), "the product of 32 and 31 bits fits")
    return negate, split_shift, keep_step, shift_left, split, multiply, add_middle, add, register, round_right


@block
def scaled_operand(clk, operand, multiplier, exponent, result, enable=True):
    """result = MultiplyByQuantizedMultiplier(operand << 20, multiplier, -exponent): an operand of TFLite's
    ADD.

    Latency: SCALED_OPERAND_LATENCY. Throughput: one value a cycle. Ranges: operand 9 bits signed (x - zero
    point); multiplier 31 bits unsigned; exponent 0..31; result 32 bits signed.
    """
    exponent_of_product = word(5)
    factor_low, factor_high = signed(17), signed(16)
    low, high, high_in_place, total, product = signed(26), signed(25), signed(42), signed(42), signed(32)

    keep_step = delay(clk, exponent, exponent_of_product, 2, enable)

    @always_comb
    def split():
        factor_low.next = multiplier[16:]
        factor_high.next = multiplier[31:16]

    @always(clk.posedge)
    def multiply():
        if enable:
            low.next = operand * factor_low
            high.next = operand * factor_high

    @always_comb
    def place():
        high_in_place.next = high << 16

    @always_comb
    def add():
        # 2**10 is the rounding half, 2**30, under the left shift of 20 that is left out.
        total.next = high_in_place + low + 1024

    @always(clk.posedge)
    def register():
        if enable:
            product.next = total[42:11].signed()

    round_right = rounding_shift(clk, product, exponent_of_product, result, enable)
    unused(total(11, 0), "rounded away")
    return keep_step, split, multiply, place, add, register, round_right
