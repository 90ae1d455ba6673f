"""Weights on chip, and the stream that loads them and the parameters."""

from dataclasses import dataclass

from myhdl import Signal, always, always_comb, always_seq, block, modbv

from rtl.bcnn.config import WORD_BITS
from rtl.bcnn.maps import index_bits
from rtl.convert import unused
from rtl.lib.buses import joined
from rtl.lib.ram import ram
from rtl.lib.stream import bit, word


@dataclass(frozen=True)
class Words:
    """The stream of configuration words; `taken` when the section at work has no more use for the word at hand."""

    data: object
    valid: object


@dataclass(frozen=True)
class Section:
    """A part of the stream. active: it is this one's turn; taken: of the word at hand; ended: with its last word."""

    active: object
    taken: object
    ended: object


def section():
    """A Section."""
    return Section(bit(), bit(), bit())


@dataclass(frozen=True)
class Write:
    """One entry, or one word of a longer one: `part`."""

    valid: object
    part: object
    address: object
    data: object


def entry_write(bits, depth):
    """A Write for entries of `bits` bits."""
    parts = max(1, bits // WORD_BITS)
    return Write(bit(), word(index_bits(parts)), word(index_bits(depth)), word(min(bits, WORD_BITS)))


@block
def cut_word(data, position, entry):
    """The entry at a place in a word."""
    bits = len(entry)

    @always_comb
    def cut():
        entry.next = data[position * bits + bits:position * bits]

    return cut


@block
def load_short(clk, rst, words, section, write, depth):
    """Entries of which several stand in a word, one a cycle."""
    count = len(words.data) // len(write.data)
    position = Signal(modbv(0)[index_bits(count):])
    passes, last = bit(), bit()
    cutting = cut_word(words.data, position, write.data)

    @always_comb
    def find():
        passes.next = section.active and words.valid
        last.next = write.address == depth - 1

    @always_comb
    def tell():
        write.valid.next = passes
        write.part.next = 0
        section.taken.next = passes and (last or position == count - 1)
        section.ended.next = passes and last

    @always_seq(clk.posedge, reset=rst)
    def count_entries():
        if passes:
            position.next = 0 if last else position + 1
            write.address.next = 0 if last else write.address + 1

    return cutting, find, tell, count_entries


@block
def load_long(clk, rst, words, section, write, depth, parts):
    """Entries of one or more whole words."""
    passes, complete, last = bit(), bit(), bit()
    part = word(len(write.part))

    @always_comb
    def find():
        passes.next = section.active and words.valid
        complete.next = part == parts - 1
        last.next = write.address == depth - 1

    @always_comb
    def tell():
        write.valid.next = passes
        write.part.next = part
        write.data.next = words.data
        section.taken.next = passes
        section.ended.next = passes and complete and last

    @always_seq(clk.posedge, reset=rst)
    def count_words():
        if passes:
            part.next = 0 if complete else part + 1

    @always_seq(clk.posedge, reset=rst)
    def count_entries():
        if passes and complete:
            write.address.next = 0 if last else write.address + 1

    return find, tell, count_words, count_entries


@block
def load_section(clk, rst, words, section, write, depth, bits):
    """The entries of a section, in order."""
    if bits < WORD_BITS:
        loading = load_short(clk, rst, words, section, write, depth)
    else:
        loading = load_long(clk, rst, words, section, write, depth, bits // WORD_BITS)
    return loading


@block
def select_part(valid, part, enable, number):
    """Whether a word is for this part of an entry."""

    @always_comb
    def decide():
        enable.next = valid and part == number

    return decide


@block
def weight_memory(clk, enable, write, address, weights, depth):
    """The weights of a step. Latency: two cycles, `enable` in the second."""
    width = len(write.data)
    parts = -(-len(weights) // width)
    sizes = [min(width, len(weights) - width * n) for n in range(parts)]
    read = [word(size) for size in sizes]
    enables = [bit() for _ in sizes]
    choosing = [select_part(write.valid, write.part, enables[n], n) for n in range(parts)]
    memories = [
        ram(clk, enables[n], write.address, write.data(sizes[n], 0), address, read[n], depth) for n in range(parts)
    ]
    whole = joined(read)
    if max(sizes) < width:
        unused(write.data(width, max(sizes)), "a step's weights are shorter than their place in the stream")

    @always(clk.posedge)
    def keep():
        if enable:
            weights.next = whole

    return choosing, memories, keep


@block
def take_turns_loading(clk, rst, taken, ended, active, all_taken, sections):
    """Sections one after the other: `active` has one bit set; the words are `all_taken` when theirs are."""

    @always_comb
    def join():
        all_taken.next = taken != 0

    @always_seq(clk.posedge, reset=rst)
    def turn():
        if ended != 0:
            if active[sections - 1]:
                active.next = 1
            else:
                active.next = active << 1

    return join, turn
