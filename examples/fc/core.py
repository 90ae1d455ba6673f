"""Fully connected layers, one after the other: the input vector stays on chip, weights stream from memory, a memory
word of them each cycle. Reads top-down in the order of the data: instruction, words, products, results.
"""

from fc.isa import BITS, Opcode, offset
from fc.products import dot_product
from fc.results import finish, pack
from fc.words import sort_words
from myhdl import Signal, always, always_comb, always_seq, block, enum, modbv

from rtl.convert import unused
from rtl.lib.counters import Activity
from rtl.lib.registers import Error
from rtl.lib.stream import bit, signed, word

LAYER, END = int(Opcode.LAYER), int(Opcode.END)
ILLEGAL, OUT_OF_RANGE = int(Error.ILLEGAL_INSTRUCTION), int(Error.OPERAND_RANGE)
COMPUTE, READ_STALL, WRITE_STALL = int(Activity.COMPUTE), int(Activity.READ_STALL), int(Activity.WRITE_STALL)
State = enum("IDLE", "VECTOR", "WEIGHTS", "RESULTS", "WORK")


class Fields:
    """Slices of an instruction, made when they are asked for."""

    def __init__(self, data):
        self.data = data

    def __getitem__(self, name):
        low, width = offset(name)
        return self.data(low + width, low) if width > 1 else self.data(low)


@block
def check(instruction, illegal, wrong, cfg):
    """Is the opcode unknown, is an operand out of range? Combinational."""
    given = Fields(instruction)
    opcode, features, outputs, length = given["opcode"], given["features"], given["outputs"], given["length"]
    most = cfg.features

    @always_comb
    def judge():
        illegal.next = opcode != LAYER and opcode != END
        wrong.next = opcode == LAYER and (features == 0 or features > most or outputs == 0 or length == 0)

    return judge


@block
def sequence(clk, port, illegal, wrong, start, working):
    """An instruction stays on offer until its layer has been stored: two loads, a store, and the wait for its end."""
    rst, given = port.clear, Fields(port.instruction.data)
    opcode, layer = given["opcode"], given["layer"]
    now, legal, offered, at_end = Signal(State.IDLE), bit(), bit(), bit()

    @always_comb
    def look():
        offered.next = port.instruction.valid and not port.halt and now == State.IDLE
        legal.next = not illegal and not wrong

    @always_comb
    def judge():
        start.next = offered and legal and opcode == LAYER
        at_end.next = offered and legal and opcode == END
        port.error_valid.next = offered and not legal
        port.error_code.next = ILLEGAL if illegal else OUT_OF_RANGE
        port.error_index.next = port.instruction_index

    @always_comb
    def take():
        port.instruction.ready.next = at_end or port.layer_event
        port.layer.next = layer
        working.next = now != State.IDLE

    @always_comb
    def end():
        port.layer_event.next = now == State.WORK and port.store_done

    @always_seq(clk.posedge, reset=rst)
    def finish_image():
        # END must have been taken when the image is done: the shell counts the instructions.
        port.image_done.next = at_end

    @always_seq(clk.posedge, reset=rst)
    def follow():
        if start:
            now.next = State.VECTOR
        elif now == State.VECTOR and port.load_command.valid and port.load_command.ready:
            now.next = State.WEIGHTS
        elif now == State.WEIGHTS and port.load_command.valid and port.load_command.ready:
            now.next = State.RESULTS
        elif now == State.RESULTS and port.store_command.valid and port.store_command.ready:
            now.next = State.WORK
        elif port.layer_event:
            now.next = State.IDLE

    commands = ask(port, now)
    return look, judge, take, end, finish_image, follow, commands


@block
def ask(port, now):
    """The commands of a layer, by state. None is issued in `halt`. Combinational."""
    given = Fields(port.instruction.data)
    source, source_offset, weights_offset = given["source"], given["source_offset"], given["weights_offset"]
    length, destination = given["length"], given["destination"]
    features, outputs, layer = given["features"], given["outputs"], given["layer"]
    from_input, from_output, weights = [Signal(modbv(0)[32:]) for _ in range(3)]

    @always_comb
    def add():
        from_input.next = port.input_base + source_offset
        from_output.next = port.output_base + source_offset
        weights.next = port.program_base + weights_offset

    @always_comb
    def load():
        port.load_command.valid.next = (now == State.VECTOR or now == State.WEIGHTS) and not port.halt
        port.load_command.layer.next = layer
        port.load_command.address.next = weights
        port.load_command.length.next = length
        if now == State.VECTOR:
            port.load_command.length.next = features
            port.load_command.address.next = from_output if source else from_input

    place = Signal(modbv(0)[32:])

    @always_comb
    def aim():
        place.next = port.output_base + destination

    @always_comb
    def store():
        port.store_command.valid.next = now == State.RESULTS and not port.halt
        port.store_command.layer.next = layer
        port.store_command.address.next = place
        port.store_command.length.next = outputs

    return add, load, aim, store


@block
def count(clk, port, working, multiplying, blocked, lanes):
    """What the multipliers do, and how many products they make."""

    @always_comb
    def tell():
        port.macs.next = lanes if multiplying else 0
        if multiplying:
            port.activity.next = COMPUTE
        elif working and blocked:
            port.activity.next = WRITE_STALL
        else:
            port.activity.next = READ_STALL

    @always(clk.posedge)
    def skip_nothing():
        port.macs_skipped.next = 0

    return tell, skip_nothing


@block
def observe(port, result_valid, result, number, tap):
    """Each result as it is made: its address is its number in the layer."""
    layer = Fields(port.instruction.data)["layer"]

    @always_comb
    def show():
        tap.valid.next = result_valid
        tap.lanes.next = 1
        tap.layer.next = layer
        tap.image.next = port.image
        tap.address.next = number
        tap.tag.next = port.instruction_index
        tap.data.next = result

    return show


@block
def core(clk, port, tap, cfg):
    """Between the shell and memory. A layer takes a cycle for each memory word of its input, weights and parameters."""
    rst, given = port.clear, Fields(port.instruction.data)
    lanes = cfg.memory_bytes
    illegal, wrong, start, working, blocked = bit(), bit(), bit(), bit(), bit()
    multiplying, opening, adding, closing, result_valid = bit(), bit(), bit(), bit(), bit()
    counted = word(lanes.bit_length())
    x, weights, parameters = word(8 * lanes), word(8 * lanes), word(96)
    total, result, number = signed(32), word(8), word(16)

    checking = check(port.instruction.data, illegal, wrong, cfg)
    sequencing = sequence(clk, port, illegal, wrong, start, working)
    sorting = sort_words(
        clk, rst, start, working, blocked, port.load_data, given["features"], multiplying, counted, opening,
        adding, closing, x, weights, parameters, cfg,
    )  # fmt: skip
    multiplication = dot_product(clk, x, weights, given["zero_point"], opening, adding, total)
    finishing = finish(
        clk,
        rst,
        closing,
        total,
        parameters,
        given["output_zero_point"],
        given["low"],
        given["high"],
        result_valid,
        result,
    )
    packing = pack(clk, rst, start, given["outputs"], result_valid, result, number, port.store_data, blocked)
    counting = count(clk, port, working, multiplying, blocked, counted)
    observation = observe(port, result_valid, result, number, tap)

    unused(port.instruction.data(256, BITS), "an instruction has fewer bits")
    return checking, sequencing, sorting, multiplication, finishing, packing, counting, observation
