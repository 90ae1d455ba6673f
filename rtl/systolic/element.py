"""One processing element of the weight-stationary array."""

from myhdl import Signal, always, always_comb, block, intbv

LOAD, SWAP, SIGNED = 0, 1, 2  # bits of `control`
CONTROL_BITS = 3
ACTIVATION_BITS = 5  # a nibble with its sign, zero point subtracted
LARGEST_PRODUCT = 240  # |-16 x 15|


@block
def element(clk, control_in, activation_in, weight_in, north, control_out, activation_out, south):
    """south = north + activation x weight, one cycle later; the activation and its control go on to the east.

    control: LOAD takes `weight_in` (4 bits) in the shadow weight; SWAP, which comes with the first activation of a
    tile, makes the shadow weight the active one, for that activation already; SIGNED says how it is extended to 5 bits.
    """
    shadow = Signal(intbv(0)[4:])
    fresh = Signal(intbv(0, min=-16, max=16))
    active = Signal(intbv(0, min=-16, max=16))

    @always_comb
    def extend():
        if control_in[SIGNED] and shadow[3]:
            fresh.next = shadow - 16
        else:
            fresh.next = shadow

    @always(clk.posedge)
    def multiply():
        if control_in[SWAP]:
            active.next = fresh
            south.next = north + activation_in * fresh
        else:
            south.next = north + activation_in * active

    @always(clk.posedge)
    def load():
        if control_in[LOAD]:
            shadow.next = weight_in

    @always(clk.posedge)
    def pass_on():
        control_out.next = control_in
        activation_out.next = activation_in

    return extend, multiply, load, pass_on
