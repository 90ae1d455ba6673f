"""Blocks of rtl/lib at sizes that tests convert and simulate; each function makes one instance with fresh
ports.
"""

from dataclasses import dataclass

from myhdl import always_comb, block

from rtl.contract import control_port, memory_port, observation_port
from rtl.lib.axi_lite import register_bus
from rtl.lib.axi_read import read_dma
from rtl.lib.axi_write import write_dma
from rtl.lib.control import progress
from rtl.lib.counters import COUNTER_BITS
from rtl.lib.delay import delay, delay_control
from rtl.lib.every import every
from rtl.lib.fifo import fifo, small_fifo
from rtl.lib.instruction_fetch import instruction_fetch
from rtl.lib.load_sequencer import find_engaged, load_sequencer, pass_requests
from rtl.lib.ram import ram
from rtl.lib.read_port import read_port
from rtl.lib.register_file import host_registers, register_file, shown_registers
from rtl.lib.requantiser import requantiser, scaled_operand
from rtl.lib.run_queue import descriptor
from rtl.lib.skid import skid
from rtl.lib.stream import beats, bit, reset, signed, stream, transfer, word
from rtl.lib.tests.copy_core import copy_accelerator
from rtl.lib.tests.two_readers import joined_port, two_readers
from rtl.lib.width_converter import convert_width
from rtl.lib.write_port import write_port

MEMORY_BYTES = 8


@dataclass(frozen=True)
class Lanes:
    """What an observation port needs to know of a configuration."""

    event_lanes: int = 1
    taps: int = 1
    tap_bytes: int = 1


def ram_16():
    return ram(bit(), bit(), word(4), word(12), word(4), word(12), 16)


def delay_5():
    return delay(bit(), signed(7), signed(7), 5)


def delay_control_1():
    return delay_control(bit(), reset(), bit(), bit(), 1)


def delay_control_6():
    return delay_control(bit(), reset(), bit(), bit(), 6)


def every_1():
    return every(bit(), reset(), bit(), bit(), 1)


def every_5():
    return every(bit(), reset(), bit(), bit(), 5)


def fifo_16():
    return fifo(bit(), reset(), stream(9), stream(9), 16)


def small_fifo_2():
    return small_fifo(bit(), reset(), stream(9), stream(9), 2)


def small_fifo_8():
    return small_fifo(bit(), reset(), stream(9), stream(9), 8)


def skid_9():
    return skid(bit(), reset(), stream(9), stream(9))


def widen_4():
    return convert_width(bit(), reset(), stream(8), stream(32))


def narrow_4():
    return convert_width(bit(), reset(), stream(32), stream(8))


def same_width():
    return convert_width(bit(), reset(), stream(8), stream(8))


def requantiser_32():
    return requantiser(bit(), signed(32), word(31), signed(6), signed(32))


def scaled_operand_32():
    return scaled_operand(bit(), signed(9), word(31), word(5), signed(32))


def registers():
    buses = register_bus(), host_registers(), shown_registers()
    return register_file(bit(), reset(), *buses, word(COUNTER_BITS), word(3), word(4), 0x12345678)


def read_dma_8():
    port = read_port(MEMORY_BYTES)
    return read_dma(bit(), reset(), bit(), transfer(), beats(MEMORY_BYTES), port, bit(), bit(), 64, 4, 1)


def write_dma_8():
    data, port = stream(8 * MEMORY_BYTES), write_port(MEMORY_BYTES)
    return write_dma(bit(), reset(), bit(), transfer(), data, port, bit(), word(7), bit(), bit())


def two_readers_8():
    return two_readers(
        bit(),
        reset(),
        bit(),
        transfer(),
        transfer(),
        beats(MEMORY_BYTES),
        beats(MEMORY_BYTES),
        joined_port(MEMORY_BYTES),
        bit(),
        bit(),
    )


def _fetch(memory_bytes):
    return instruction_fetch(
        bit(),
        reset(),
        bit(),
        bit(),
        word(32),
        word(24),
        stream(256),
        word(24),
        bit(),
        read_port(memory_bytes),
        bit(),
        bit(),
    )


def fetch_8():
    return _fetch(8)


def fetch_32():
    return _fetch(32)


def fetch_64():
    return _fetch(64)


def copy_8():
    observed = observation_port(Lanes())
    return copy_accelerator(bit(), reset(), bit(), control_port(), memory_port(8), observed, 8)


@dataclass(frozen=True)
class Count:
    """The word of a program's header that the load sequencer reads."""

    instructions: object


LOADED_WORDS = 7


@block
def loading(
    clk,
    rst,
    configure,
    run,
    halt,
    prog_addr,
    header,
    header_taken,
    header_accepted,
    first_word,
    fetch_start,
    fetch_address,
    fetch_count,
    fetch_ended,
    base,
    in_flight,
    waiting,
    request,
    request_done,
    idle,
    busy,
    takes_header,
    running,
    configured,
    counting,
    completed_runs,
    mismatch,
    configured_now,
    completed,
):
    """The load sequencer and the passing of requests, with what they say of their progress as ports; halt: failed."""
    state, engaged = progress(), bit()
    finding = find_engaged(in_flight, waiting.valid, engaged)
    life = load_sequencer(
        clk,
        rst,
        configure,
        halt,
        prog_addr,
        header,
        header_taken,
        header_accepted,
        first_word,
        fetch_start,
        fetch_address,
        fetch_count,
        fetch_ended,
        base,
        engaged,
        state,
        mismatch,
        configured_now,
        LOADED_WORDS,
    )
    passing = pass_requests(clk, rst, run, halt, waiting, request, request_done, engaged, state, completed)

    @always_comb
    def show():
        idle.next = state.idle
        busy.next = state.busy
        takes_header.next = state.header
        running.next = state.running
        configured.next = state.configured
        counting.next = state.counting
        completed_runs.next = state.completed

    return finding, life, passing, show


def loading_7():
    return loading(
        bit(), reset(), bit(), bit(), bit(), word(32), Count(word(32)), bit(), bit(), word(32), bit(), word(32),
        word(24), bit(), word(32), bit(), descriptor(), descriptor(), bit(), bit(), bit(), bit(), bit(), bit(), bit(),
        word(32), bit(), bit(), bit(),
    )  # fmt: skip
