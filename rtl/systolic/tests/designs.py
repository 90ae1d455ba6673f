"""Blocks of the systolic array at sizes that tests convert and simulate; each makes one instance with fresh ports."""

from dataclasses import dataclass

from myhdl import always_comb, block

from rtl.lib.stream import beats, bit, reset, signed, stream, transfer, word
from rtl.systolic.accumulator import accumulator
from rtl.systolic.config import CONFIGS
from rtl.systolic.dispatch import dispatch
from rtl.systolic.element import element
from rtl.systolic.feeder import feeder
from rtl.systolic.load import Bases, load, scratchpad_write
from rtl.systolic.post_lane import ParameterWrite, Steps, post_lane, setup
from rtl.systolic.scratchpad import scratchpad
from rtl.systolic.skew import long_delay, skew
from rtl.systolic.store import store
from rtl.systolic.tokens import tokens, tokens_port
from rtl.systolic.weights import weight_loader


@dataclass(frozen=True)
class FedPixel:
    """What the feeder reads of a Pixel."""

    valid: object
    x: object
    in_range: object
    row_elements: object
    k_lanes: object
    zero_point: object
    wide: object
    high: object
    swap: object
    weight_signed: object


@dataclass(frozen=True)
class ParameterWord:
    """A word of a parameter set; index and data count only while `valid`, which replay looks for."""

    valid: object
    enables: object
    index: object
    data: object


@block
def load_to_words(clk, rst, queue, tokens, halt, bases, command, beats, to_map, to_weights, parameter, idle):
    """The load unit, its enables marked by a valid."""
    unit = load(clk, rst, queue, tokens, halt, bases, command, beats, to_map, to_weights,
                parameter.enables, parameter.index, parameter.data, idle)  # fmt: skip

    @always_comb
    def mark():
        parameter.valid.next = parameter.enables != 0

    return unit, mark


def element_1():
    return element(bit(), word(3), signed(5), word(4), signed(11), word(3), signed(5), signed(11))


def skew_4():
    return skew(bit(), reset(), word(32), word(32), 4)


def long_delay_11():
    return long_delay(bit(), reset(), word(9), word(9), 11)


def weight_loader_4():
    return weight_loader(bit(), reset(), stream(64), bit(), bit(), word(4), word(16), 4, 4)


def accumulator_16():
    return accumulator(bit(), reset(), word(10), signed(11), word(10), word(4), signed(32), 16)


def feeder_4():
    pixel = FedPixel(bit(), signed(18), bit(), signed(18), signed(18), signed(8), bit(), bit(), bit(), bit())
    return feeder(bit(), pixel, word(32), word(28), 4)


def scratchpad_256():
    return scratchpad(
        bit(), reset(), bit(), word(8), word(64), word(8), word(8), word(64), word(8), word(64), 256
    )


def tokens_4():
    return tokens(bit(), reset(), tokens_port(), tokens_port(), tokens_port(), tokens_port(), bit(), bit())


def dispatch_tiny():
    return dispatch(
        bit(), reset(), stream(256), word(24), bit(), bit(), stream(256), stream(256), stream(280), stream(256),
        bit(), bit(), word(4), word(24), CONFIGS["tiny"],
    )  # fmt: skip


def post_lane_4():
    steps = Steps(bit(), bit(), bit(), bit(), word(2), bit(), bit())
    write = ParameterWrite(word(3), word(2), word(32))
    return post_lane(bit(), bit(), word(32), word(8), write, word(2), setup(), steps, word(8), word(8), 4)


def _bases():
    return Bases(word(32), word(32), word(32))


def load_8():
    parameter = ParameterWord(bit(), word(CONFIGS["tiny"].parameter_bytes // 8), word(6), word(64))
    return load_to_words(
        bit(), reset(), stream(256), tokens_port(), bit(), _bases(), transfer(), beats(8), scratchpad_write(8),
        stream(64), parameter, bit(),
    )  # fmt: skip


def store_8():
    return store(
        bit(), reset(), stream(256), tokens_port(), bit(), _bases(), transfer(), stream(64), bit(), bit(),
        word(24), word(64), bit(),
    )  # fmt: skip
