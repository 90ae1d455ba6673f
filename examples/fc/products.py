"""Products of a word of inputs and a word of weights, and their sum."""

from myhdl import Signal, always, always_comb, block, modbv

from rtl.lib.stream import signed


@block
def lane_product(clk, x, weight, zero_point, product):
    """product = (x - zero_point) * weight, bytes in two's complement. Latency: one cycle."""
    centred, factor = signed(9), signed(8)

    @always_comb
    def centre():
        centred.next = x.signed() - zero_point.signed()
        factor.next = weight.signed()

    @always(clk.posedge)
    def multiply():
        product.next = centred * factor

    return centre, multiply


@block
def add_pair(first, second, total):
    """Combinational."""

    @always_comb
    def add():
        total.next = first + second

    return add


@block
def dot_product(clk, x, weights, zero_point, opening, adding, total):
    """total: the sum of all products since `opening`; it and `adding` come with the products, a cycle after x.

    Latency: two cycles from x and weights. Throughput: a word a cycle. Ranges: total 32 bits, wrapping.
    """
    lanes = len(x) // 8
    sums = [signed(18) for _ in range(lanes)]
    running = Signal(modbv(0, min=-(1 << 31), max=1 << 31))

    products = [
        lane_product(clk, x(8 * i + 8, 8 * i), weights(8 * i + 8, 8 * i), zero_point, sums[i])
        for i in range(lanes)
    ]
    tree = []
    while len(sums) > 1:
        sums.append(signed(18 + lanes.bit_length()))
        tree.append(add_pair(sums.pop(0), sums.pop(0), sums[-1]))
    whole = sums[0]

    @always(clk.posedge)
    def accumulate():
        if opening:
            running.next = whole
        elif adding:
            running.next = running + whole

    @always_comb
    def show():
        total.next = running

    return products, tree, accumulate, show
