"""Blocks that each fall into one trap of docs/myhdl-traps.md. `# trap` marks the line."""

from typing import NamedTuple

from myhdl import ConcatSignal, Signal, always, always_comb, block, concat, intbv

TABLE = (1, 5, 7, 3)


def unsigned(width=8):
    return Signal(intbv(0)[width:])


def signed(width=8):
    return Signal(intbv(0, min=-(1 << (width - 1)), max=1 << (width - 1)))


def bit():
    return Signal(bool(0))


@block
def slices_in_a_list(bus, index, y):
    lanes = [bus(8 * i + 8, 8 * i) for i in range(4)]

    @always_comb
    def choose():
        y.next = lanes[index]  # trap

    return choose


@block
def negation(a, y):
    @always_comb
    def negate():
        y.next = -a

    return negate


@block
def undriven(a, y):
    zero = signed(4)  # trap

    @always_comb
    def add():
        y.next = a + zero

    return add


@block
def division(a, y):
    @always_comb
    def divide():
        y.next = a // 4  # trap

    return divide


@block
def remainder(a, y):
    @always_comb
    def divide():
        y.next = a % 4  # trap

    return divide


@block
def maximum(a, b, y):
    @always_comb
    def choose():
        y.next = max(a, b)  # trap

    return choose


@block
def table_in_expression(a, index, y):
    @always_comb
    def add():
        y.next = a + TABLE[index]  # trap

    return add


@block
def negative_constant(a, y):
    constant = Signal(intbv(-3, min=-4, max=4))  # trap

    @always_comb
    def add():
        y.next = a + constant

    return add


@block
def inverted_expression(a, b, y):
    @always_comb
    def invert():
        y.next = ~(a ^ b)  # trap

    return invert


@block
def inverted_bit(flag, y):
    @always_comb
    def invert():
        y.next = ~flag  # trap

    return invert


@block
def concatenation_inside(a, b, y):
    @always_comb
    def join():
        y.next = ConcatSignal(a, b)  # trap

    return join


@block
def nested_list(a, index, y):
    grid = [[unsigned() for _ in range(4)] for _ in range(2)]

    @always_comb
    def choose():
        y.next = grid[0][index]  # trap

    @always_comb
    def fill():
        for i in range(4):
            grid[0][i].next = a  # trap

    return choose, fill


@block
def list_as_top_port(lanes, y):
    @always_comb
    def choose():
        y.next = lanes[0]

    return choose


class Pair(NamedTuple):
    first: object
    second: object


@block
def takes_pair(pair, y):
    @always_comb
    def add():
        y.next = pair.first + pair.second

    return add


@block
def named_tuple(a, y):
    return takes_pair(Pair(a, a), y)  # trap


@block
def shifted_sum(a, b, y):
    @always_comb
    def average():
        y.next = (a + b) >> 1  # trap

    return average


@block
def compared_sum(a, b, c, y):
    @always_comb
    def compare():
        y.next = a + b > c  # trap

    return compare


@block
def compared_negation(a, b, y):
    @always_comb
    def compare():
        y.next = -a < b  # trap

    return compare


@block
def shifted_product(a, b, y):
    @always(a.posedge)
    def scale():
        y.next = (b * b) >> 8  # trap

    return scale


@block
def condition_on_sum(a, b, y):
    @always_comb
    def test():
        if a + b:  # trap
            y.next = 1
        else:
            y.next = 0

    return test


@block
def index_is_a_sum(a, b, bus, y):
    @always_comb
    def choose():
        y.next = bus[a + b]  # trap

    return choose


def shifted(value):
    return value >> 1


def average(x, y):
    return (x + y) >> 1  # trap


@block
def trap_in_function(a, b, y):
    @always_comb
    def call():
        y.next = average(a, b)

    return call


@block
def sum_as_argument(a, b, y):
    @always_comb
    def call():
        y.next = shifted(a + b)  # trap

    return call


@block
def given_verilog(a, y):
    @always_comb
    def copy():
        y.next = a

    return copy


@block
def around_given_verilog(a, y):
    return given_verilog(a, y)  # trap


@block
def while_loop(a, y):
    @always_comb
    def count():
        n = intbv(0)[4:]
        while a[n]:  # trap
            n[:] = n + 1
        y.next = n

    return count


@block
def matching(a, y):
    @always_comb
    def choose():
        match a:  # trap
            case 1 | 2:
                y.next = 1
            case _:
                y.next = 0

    return choose


@block
def membership(a, y):
    @always_comb
    def test():
        y.next = a in (1, 2)  # trap

    return test


@block
def slice_of_a_slice(a, y):
    @always_comb
    def take():
        y.next = a[8:2][3:]  # trap

    return take


@block
def slice_of_varying_width(a, y):
    @always_comb
    def take():
        v = intbv(0)[8:]
        for i in range(1, 4):
            v[:] = a[2 * i : i]  # trap
        y.next = v

    return take


@block
def open_slice(a, y):
    @always_comb
    def take():
        y.next = a[:4]  # trap

    return take


@block
def loop_variable_after_loop(a, y):
    @always_comb
    def count():
        v = intbv(0)[8:]
        for i in range(4):
            v[:] = v + a[i]
        y.next = v + i  # trap

    return count


@block
def loop_variable_changed(a, y):
    @always_comb
    def count():
        v = intbv(0)[8:]
        for i in range(4):
            v[:] = v + a[i]
            i = 3  # trap
        y.next = v

    return count


@block
def feedback(a, y, z):
    @always_comb
    def chain():
        y.next = a
        z.next = y  # trap

    return chain


@block
def signed_concatenation(s, a, y):
    @always_comb
    def join():
        y.next = concat(s, a)  # trap

    return join


@block
def signed_part(clk, s, y):
    @always(clk.posedge)
    def put():
        y.next[8:4] = s  # trap

    return put


@block
def unbounded_variable(wide, y):
    @always_comb
    def square():
        v = wide * wide  # trap
        y.next = v

    return square


@block
def unbounded_count(a, y):
    @always_comb
    def count():
        n = 0
        for i in range(8):
            n += a[i]  # trap
        y.next = n

    return count


@block
def large_return(wide, y):
    @always_comb
    def call():
        y.next = twice(wide)

    return call


def twice(value):
    return value + value  # trap
