"""Instructions to their units, operands checked."""

from myhdl import always, always_comb, always_seq, block

from rtl.lib.registers import Error
from rtl.lib.stream import bit, word
from rtl.systolic.decode import fields
from rtl.systolic.isa import Opcode, PoolKind, Sparsity

LOAD_MAP, LOAD_WEIGHTS, LOAD_PARAMETERS = int(Opcode.LOAD_MAP), int(Opcode.LOAD_WEIGHTS), int(Opcode.LOAD_PARAMETERS)
MATMUL, POST_SETUP, POST = int(Opcode.MATMUL), int(Opcode.POST_SETUP), int(Opcode.POST)
STORE, MATMUL_SETUP, END = int(Opcode.STORE), int(Opcode.MATMUL_SETUP), int(Opcode.END)
MOST_SPARSE = int(Sparsity.ONE_OF_FOUR)
NO_POOL, AVERAGE = int(PoolKind.NONE), int(PoolKind.AVERAGE)
ILLEGAL, OUT_OF_RANGE = int(Error.ILLEGAL_INSTRUCTION), int(Error.OPERAND_RANGE)


@block
def check_move(instruction, wrong, wrong_map, wrong_set, cfg):
    """LOAD and STORE: length, scratchpad range, parameter set and its length."""
    given = fields(instruction, Opcode.LOAD_MAP)
    length, place = given["length"], given["address"]
    parameter_set = fields(instruction, Opcode.LOAD_PARAMETERS)["parameter_set"]
    size, sets, set_bytes = cfg.scratchpad_bytes, cfg.parameter_sets, cfg.parameter_bytes
    end = word(25)

    @always_comb
    def add():
        end.next = place + length

    @always_comb
    def compare():
        wrong.next = length == 0
        wrong_map.next = (length == 0) or (end > size)
        wrong_set.next = (length != set_bytes) or (parameter_set >= sets)

    return add, compare


@block
def check_matmul(instruction, wrong, cfg):
    """MATMUL: lanes, rectangle, accumulator."""
    given = fields(instruction, Opcode.MATMUL)
    rows, columns, index = given["rows"], given["columns"], given["accumulator"]
    k_lanes, c_lanes, products = given["k_lanes"], given["c_lanes"], given["products"]
    lanes_high, lanes_wide, rows_high, depth = cfg.window_bytes, cfg.columns, cfg.rows, cfg.accumulators

    @always_comb
    def compare():
        wrong.next = (
            (rows == 0) or (columns == 0) or (index >= depth)
            or (k_lanes == 0) or (k_lanes > lanes_high) or (c_lanes == 0) or (c_lanes > lanes_wide)
            or (products > rows_high)
        )  # fmt: skip

    return compare


@block
def check_post(instruction, wrong, cfg):
    """POST: lanes, rectangle, window, parameter set."""
    given = fields(instruction, Opcode.POST)
    rows, columns, pool = given["rows"], given["columns"], given["pool"]
    window_rows, window_columns = given["window_rows"], given["window_columns"]
    c_lanes, parameter_set = given["c_lanes"], given["parameter_set"]
    lanes_wide, sets = cfg.columns, cfg.parameter_sets
    empty, windowed = bit(), bit()

    @always_comb
    def measure():
        empty.next = (rows == 0) or (columns == 0) or (window_rows == 0) or (window_columns == 0)
        windowed.next = (window_rows != 1) or (window_columns != 1)

    @always_comb
    def compare():
        wrong.next = (
            empty or (c_lanes == 0) or (c_lanes > lanes_wide) or (parameter_set >= sets)
            or (pool > AVERAGE) or (windowed and pool == NO_POOL)
        )  # fmt: skip

    return measure, compare


@block
def check(instruction, illegal, wrong, cfg):
    """Is the opcode unknown, is an operand out of range?"""
    opcode = instruction(4, 0)
    sparsity = fields(instruction, Opcode.MATMUL_SETUP)["sparsity"]
    wrong_length, wrong_map, wrong_set, wrong_matmul, wrong_post = bit(), bit(), bit(), bit(), bit()
    moves = check_move(instruction, wrong_length, wrong_map, wrong_set, cfg)
    matmuls = check_matmul(instruction, wrong_matmul, cfg)
    posts = check_post(instruction, wrong_post, cfg)

    @always_comb
    def choose():
        illegal.next = False
        wrong.next = False
        if opcode == LOAD_MAP or opcode == STORE:  # noqa: SIM109 - `in` does not convert
            wrong.next = wrong_map
        elif opcode == LOAD_WEIGHTS:
            wrong.next = wrong_length
        elif opcode == LOAD_PARAMETERS:
            wrong.next = wrong_set
        elif opcode == MATMUL:
            wrong.next = wrong_matmul
        elif opcode == MATMUL_SETUP:
            wrong.next = sparsity > MOST_SPARSE
        elif opcode == POST:
            wrong.next = wrong_post
        elif opcode != POST_SETUP and opcode != END:
            illegal.next = True

    return moves, matmuls, posts, choose


@block
def hold(clk, rst, stream, index, illegal_now, wrong_now, taken, instruction, number, illegal, wrong, valid):
    """One instruction, its number and what was found wrong with it, in registers."""

    @always_comb
    def accept():
        stream.ready.next = taken or not valid

    @always_seq(clk.posedge, reset=rst)
    def fill():
        if taken or not valid:
            valid.next = stream.valid

    @always(clk.posedge)
    def keep():
        if taken or not valid:
            instruction.next = stream.data
            number.next = index
            illegal.next = illegal_now
            wrong.next = wrong_now

    return accept, fill, keep


@block
def route(instruction, number, good, load, array, post, store, delivered):
    """The instruction to the queue of its unit; `delivered` when that takes it."""
    opcode = instruction(4, 0)
    to_load, to_array, to_post, to_store = bit(), bit(), bit(), bit()

    @always_comb
    def choose():
        to_load.next = good and (opcode == LOAD_MAP or opcode == LOAD_WEIGHTS or opcode == LOAD_PARAMETERS)  # noqa: SIM109
        to_array.next = good and (opcode == MATMUL or opcode == MATMUL_SETUP)  # noqa: SIM109
        to_post.next = good and (opcode == POST or opcode == POST_SETUP)  # noqa: SIM109
        to_store.next = good and opcode == STORE

    @always_comb
    def offer():
        load.valid.next = to_load
        array.valid.next = to_array
        post.valid.next = to_post
        store.valid.next = to_store
        load.data.next = instruction
        array.data.next = instruction
        post.data.next[256:] = instruction
        post.data.next[280:256] = number
        store.data.next = instruction

    @always_comb
    def count():
        delivered.next = (
            (to_load and load.ready) or (to_array and array.ready)
            or (to_post and post.ready) or (to_store and store.ready)
        )  # fmt: skip

    return choose, offer, count


@block
def dispatch(clk, rst, stream, index, halt, all_idle, load, array, post, store, image_done,
             error_valid, error_code, error_index, cfg):
    """Checks each instruction and sends it to its unit's queue; END waits until every unit is idle.

    It is checked on its way into the register, as sums and comparisons are the longest path here.
    """
    instruction, number = word(256), word(24)
    opcode = instruction(4, 0)
    valid, taken, good, delivered = bit(), bit(), bit(), bit()
    illegal_now, wrong_now, illegal, wrong = bit(), bit(), bit(), bit()
    checking = check(stream.data, illegal_now, wrong_now, cfg)
    holding = hold(clk, rst, stream, index, illegal_now, wrong_now, taken, instruction, number, illegal, wrong, valid)
    routing = route(instruction, number, good, load, array, post, store, delivered)

    @always_comb
    def judge():
        good.next = valid and not halt and not illegal and not wrong
        error_valid.next = valid and not halt and (illegal or wrong)
        error_index.next = number
        if illegal:
            error_code.next = ILLEGAL
        else:
            error_code.next = OUT_OF_RANGE

    @always_comb
    def end():
        image_done.next = good and opcode == END and all_idle

    @always_comb
    def take():
        taken.next = delivered or image_done

    return holding, checking, routing, judge, end, take
