"""One processing element of the weight-stationary array: a weight, its position, and their product."""

from myhdl import always, always_comb, block

from rtl.lib.stream import signed, word

ACTIVATION_BITS = 5  # a nibble with its sign, zero point subtracted
LANES = 4  # activations from which a weight's position picks one
BUNDLE_BITS = LANES * ACTIVATION_BITS
WEIGHT_BITS = 4
POSITION_BITS = 2
LARGEST_PRODUCT = 240  # |-16 x 15|
PRODUCT_BITS = 9


@block
def weight_store(clk, weight, position, load, swap, extend, active, place):
    """`load` takes weight and position behind those in use; `swap` brings them into use, from the next cycle on.

    extend: the weight is two's complement, otherwise unsigned.
    """
    next_weight, next_place = word(WEIGHT_BITS), word(POSITION_BITS)

    @always(clk.posedge)
    def fill():
        if load:
            next_weight.next = weight
            next_place.next = position

    @always(clk.posedge)
    def use():
        if swap:
            place.next = next_place
            if extend and next_weight[3]:
                active.next = next_weight - 16
            else:
                active.next = next_weight

    return fill, use


@block
def element(clk, bundle, weight, position, load, swap, extend, product):
    """product = the activation of `bundle` that the position in use picks x the weight in use, in the same cycle."""
    active, chosen = signed(ACTIVATION_BITS), signed(ACTIVATION_BITS)
    place = word(POSITION_BITS)
    weights = weight_store(clk, weight, position, load, swap, extend, active, place)

    @always_comb
    def pick():
        if place == 0:
            chosen.next = bundle[5:].signed()
        elif place == 1:
            chosen.next = bundle[10:5].signed()
        elif place == 2:
            chosen.next = bundle[15:10].signed()
        else:
            chosen.next = bundle[20:15].signed()

    @always_comb
    def multiply():
        product.next = chosen * active

    return weights, pick, multiply
