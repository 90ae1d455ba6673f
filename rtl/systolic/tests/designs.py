"""Blocks of the systolic array at sizes that tests convert and simulate; each makes one instance with fresh ports."""

from dataclasses import dataclass

from myhdl import always_comb, block

from rtl.lib.stream import beats, bit, reset, signed, stream, transfer, word
from rtl.systolic.accumulator import accumulator
from rtl.systolic.array import array
from rtl.systolic.cluster import cluster, flow_bits, weight_bits
from rtl.systolic.config import CONFIGS
from rtl.systolic.dispatch import dispatch
from rtl.systolic.feeder import feeder
from rtl.systolic.load import Bases, load, scratchpad_write
from rtl.systolic.pixel import held
from rtl.systolic.post_lane import ParameterWrite, Steps, post_lane, setup
from rtl.systolic.scratchpad import ArrayRead, scratchpad
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
    next_in_range: object
    k_lanes: object
    split: object
    high: object


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


def cluster_of(size):
    width = 14 * size
    return cluster(
        bit(), word(flow_bits(size)), word(weight_bits(size)), word(width), word(flow_bits(size)), word(width), size
    )


def cluster_2():
    return cluster_of(2)


def cluster_4():
    return cluster_of(4)


def array_4():
    return array(bit(), reset(), word(4 * 20 + 2 * 2), word(2), word(2 * weight_bits(2)), word(4 * 11), 4, 4, 2)


def skew_4():
    return skew(bit(), reset(), word(32), word(32), 4)


def long_delay_11():
    return long_delay(bit(), reset(), word(9), word(9), 11)


def weight_loader_4():
    return weight_loader(bit(), reset(), stream(65), bit(), bit(), word(2), word(2 * weight_bits(2)), 4, 4, 2, 1)


def weight_loader_8():
    return weight_loader(bit(), reset(), stream(65), bit(), bit(), word(4), word(2 * weight_bits(4)), 8, 8, 4, 2)


def accumulator_16():
    return accumulator(bit(), reset(), word(10), word(22), word(10), word(4), word(64), 16)


def feeder_4():
    pixel = FedPixel(bit(), signed(19), bit(), bit(), signed(19), signed(19), bit())
    return feeder(bit(), pixel, held(), bit(), bit(), word(128), word(128), word(84), 4, 2)


def scratchpad_256():
    reading = ArrayRead(word(24), word(24), word(8), word(128), word(128))
    return scratchpad(
        bit(), reset(), bit(), word(24), word(64), word(8), reading, word(24), word(64), 256
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
        stream(65), parameter, bit(),
    )  # fmt: skip


def store_8():
    return store(
        bit(), reset(), stream(256), tokens_port(), bit(), _bases(), transfer(), stream(64), bit(), bit(),
        word(24), word(64), bit(),
    )  # fmt: skip
