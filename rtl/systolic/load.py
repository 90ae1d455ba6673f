"""The load unit: memory to scratchpad, weight FIFO or parameter set."""

from dataclasses import dataclass

from myhdl import Signal, always_comb, always_seq, block, concat, intbv, modbv

from rtl.lib.fifo import small_fifo
from rtl.lib.stream import bit, stream, word
from rtl.systolic.decode import fields
from rtl.systolic.isa import Base, Opcode

PENDING = 4  # transfers that may be under way
MAP, WEIGHTS, PARAMETERS = int(Opcode.LOAD_MAP), int(Opcode.LOAD_WEIGHTS), int(Opcode.LOAD_PARAMETERS)
INPUT, OUTPUT = int(Base.INPUT), int(Base.OUTPUT)


@dataclass(frozen=True)
class Bases:
    """What offsets are relative to; they hold while an image runs."""

    program: object
    input: object
    output: object


@dataclass(frozen=True)
class ScratchpadWrite:
    """A memory word for the scratchpad; taken when valid and ready."""

    valid: object
    ready: object
    address: object
    data: object
    strobes: object


def scratchpad_write(memory_bytes):
    """A ScratchpadWrite of fresh Signals."""
    return ScratchpadWrite(bit(), bit(), word(24), word(8 * memory_bytes), word(memory_bytes))


@block
def locate_memory(base, offset, bases, address):
    """address = the base + offset, modulo 2**32."""
    start, place = word(32), Signal(modbv(0)[32:])

    @always_comb
    def choose():
        if base == INPUT:
            start.next = bases.input
        elif base == OUTPUT:
            start.next = bases.output
        else:
            start.next = bases.program

    @always_comb
    def add():
        place.next = start + offset

    @always_comb
    def forward():
        address.next = place

    return choose, add, forward


@block
def request(queue, tokens, halt, bases, command, pending):
    """Sends the head of the queue to memory and remembers what its data is for."""
    given = fields(queue.data, Opcode.LOAD_MAP)
    opcode, mask, signal, layer = given["opcode"], given["wait"], given["signal"], given["layer"]
    length, place = given["length"], given["address"]
    parameter_set = fields(queue.data, Opcode.LOAD_PARAMETERS)["parameter_set"]
    indexed = fields(queue.data, Opcode.LOAD_WEIGHTS)["indexed"]
    allowed = bit()
    target = locate_memory(given["base"], given["offset"], bases, command.address)

    @always_comb
    def check():
        tokens.wanted.next = mask
        allowed.next = queue.valid and tokens.granted and not halt and pending.ready

    @always_comb
    def send():
        command.valid.next = allowed
        command.length.next = length
        command.layer.next = layer
        pending.data.next = concat(indexed, place, parameter_set, signal, opcode)

    @always_comb
    def take():
        queue.ready.next = allowed and command.ready
        pending.valid.next = allowed and command.ready
        tokens.take.next = allowed and command.ready

    return target, check, send, take


@block
def receive(clk, rst, beats, pending, to_map, to_weights, enables, parameter_index, parameter_data, give):
    """Sends each word where the transfer it belongs to wants it; tokens after its last one."""
    kind, signal = pending.data(4, 0), pending.data(8, 4)
    parameter_set, place, indexed = pending.data(14, 8), pending.data(38, 14), pending.data(38)
    low = (len(beats.keep) - 1).bit_length()
    top = len(enables) - 1
    word_index, first_word = word(24 - low), word(24 - low)
    marker = Signal(intbv(1)[len(enables):])
    opening = Signal(bool(1))
    passes, ends = bit(), bit()

    @always_comb
    def offer():
        to_map.valid.next = beats.valid and pending.valid and kind == MAP
        to_weights.valid.next = beats.valid and pending.valid and kind == WEIGHTS
        if kind == MAP:
            beats.ready.next = pending.valid and to_map.ready
        elif kind == WEIGHTS:
            beats.ready.next = pending.valid and to_weights.ready
        else:
            beats.ready.next = pending.valid

    @always_comb
    def point():
        if opening:
            first_word.next = place[24:low]
        else:
            first_word.next = word_index

    @always_comb
    def carry():
        to_map.address.next = concat(first_word, intbv(0)[low:])
        to_map.data.next = beats.data
        to_map.strobes.next = beats.keep
        to_weights.data.next = concat(indexed, beats.data)
        parameter_data.next = beats.data
        parameter_index.next = parameter_set

    @always_comb
    def mark():
        if passes and kind == PARAMETERS:
            enables.next = marker
        else:
            enables.next = 0

    @always_comb
    def count():
        passes.next = beats.valid and beats.ready
        ends.next = beats.valid and beats.ready and beats.last
        pending.ready.next = beats.valid and beats.ready and beats.last

    @always_seq(clk.posedge, reset=rst)
    def advance():
        if passes:
            opening.next = beats.last
            word_index.next = first_word + 1
            if beats.last:
                marker.next = 1
            else:
                marker.next = concat(marker[top:], marker[top])

    @always_seq(clk.posedge, reset=rst)
    def pay():
        if ends:
            give.next = signal
        else:
            give.next = 0

    return offer, point, carry, mark, count, advance, pay


@block
def load(clk, rst, queue, tokens, halt, bases, command, beats, to_map, to_weights, enables, parameter_index,
         parameter_data, idle):
    """LOAD_MAP, LOAD_WEIGHTS and LOAD_PARAMETERS, in order, up to PENDING under way.

    enables: one bit for each word of a parameter set, with its word on parameter_data.
    """
    sink, source = stream(39), stream(39)
    asking = request(queue, tokens, halt, bases, command, sink)
    waiting = small_fifo(clk, rst, sink, source, PENDING)
    taking = receive(clk, rst, beats, source, to_map, to_weights, enables, parameter_index, parameter_data,
                     tokens.give)

    @always_comb
    def tell():
        idle.next = not queue.valid and not source.valid

    return asking, waiting, taking, tell
