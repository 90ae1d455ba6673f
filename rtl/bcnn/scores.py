"""The last layer's results: sums times a factor plus an offset, 32 bits each, collected in memory words."""

from myhdl import Signal, always, always_comb, always_seq, block, concat, intbv, modbv

from rtl.bcnn.collect import read_parameters
from rtl.bcnn.config import CHUNK, FACTOR_BITS, SCORE_BITS
from rtl.bcnn.engine import sums
from rtl.bcnn.maps import index_bits
from rtl.bcnn.walk import count_places, place
from rtl.convert import unused
from rtl.lib.buses import joined
from rtl.lib.delay import delay_control
from rtl.lib.fifo import fifo
from rtl.lib.stream import bit, signed, stream, word

SCORE_LATENCY = 3


@block
def scale(clk, finish, total, entry, score):
    """total * factor + offset. Latency: SCORE_LATENCY, from the sum."""
    kept, factor, late_offset, offset = signed(len(total)), signed(FACTOR_BITS), signed(SCORE_BITS), signed(SCORE_BITS)
    product = signed(len(total) + FACTOR_BITS)

    @always(clk.posedge)
    def keep():
        if finish:
            kept.next = total
            factor.next = entry[SCORE_BITS + FACTOR_BITS:SCORE_BITS].signed()
            late_offset.next = entry[SCORE_BITS:].signed()

    @always(clk.posedge)
    def multiply():
        product.next = kept * factor
        offset.next = late_offset

    @always(clk.posedge)
    def add():
        score.next = product + offset

    return keep, multiply, add


@block
def show_scores(clk, rst, valid, ends, image, score, tap):
    """Scores on a tap; the address is the number of the score in the image. Latency: one cycle, with which `image`
    tells the right one when the next image's first score follows at once."""
    lanes, shown = len(tap.data) // CHUNK, word(SCORE_BITS)
    there, ended = bit(), bit()

    @always(clk.posedge)
    def keep():
        shown.next = score[SCORE_BITS:]

    @always_seq(clk.posedge, reset=rst)
    def follow():
        there.next = valid
        ended.next = ends

    @always_comb
    def show():
        tap.valid.next = there
        tap.image.next = image
        tap.tag.next = 0

    @always_comb
    def spread():
        if lanes == 1:
            tap.data.next = shown
        else:
            tap.data.next = concat(intbv(0)[CHUNK * (lanes - 1):], shown)

    @always_seq(clk.posedge, reset=rst)
    def count():
        if ended:
            tap.address.next = 0
        elif there:
            tap.address.next = tap.address + 1

    return keep, follow, show, spread, count


@block
def keep_score(clk, valid, number, own, score, kept):
    """One score of a memory word: the one whose number is `own`."""

    @always(clk.posedge)
    def keep():
        if valid and number == own:
            kept.next = score[SCORE_BITS:]

    return keep


@block
def collect_words(clk, rst, valid, ends, score, words):
    """Memory words of scores, the first lowest; an image's last word may have room left."""
    count = len(words.data) // SCORE_BITS
    number = Signal(modbv(0)[index_bits(count):])
    # A process for each, since a slice at a variable place becomes a shifter over the whole word.
    kept = [word(SCORE_BITS) for _ in range(count)]
    keeping = [keep_score(clk, valid, number, n, score, kept[n]) for n in range(count)]
    collected = joined(kept)
    there = bit()

    @always_seq(clk.posedge, reset=rst)
    def turn():
        if valid:
            number.next = 0 if ends or number == count - 1 else number + 1
        there.next = valid and (ends or number == count - 1)

    @always_comb
    def show():
        words.valid.next = there
        words.data.next = collected

    unused(words.ready, "an image starts only when its scores have room")
    return keeping, turn, show


def image_words(config):
    """Memory words of an image's scores."""
    return -(-config.scores * SCORE_BITS // (8 * config.memory_bytes))


def buffer_words(config):
    """Memory words for two images' scores, a power of two of at least 16."""
    return max(16, 1 << (2 * image_words(config) - 1).bit_length())


@block
def score_engine(clk, rst, halt, write, turns, weight_write, parameter_write, results, made_turns, tap, work, layer,
                 parts, depth):
    """The last layer: scores of one image after the other as a stream of memory words."""
    largest = layer.largest_sum
    totals = [Signal(intbv(0, min=-2 * largest, max=2 * largest + 1))]
    start, finish, valid, late_ends, ends = [bit() for _ in range(5)]
    spot, entry, score = place(layer), word(SCORE_BITS + FACTOR_BITS), signed(SCORE_BITS)
    words = stream(len(results.data))
    summing = sums(clk, rst, halt, write, turns, made_turns.room, made_turns.image, start, weight_write, totals, finish,
                   work, layer, parts)
    counting = count_places(clk, rst, finish, spot, layer.filters, layer.groups, layer.out_height)
    reading = read_parameters(clk, finish, spot.filter, spot.filter_ends, parameter_write.valid,
                              parameter_write.address, parameter_write.data(SCORE_BITS + FACTOR_BITS, 0), entry)
    scaling = scale(clk, finish, totals[0], entry, score)
    following = delay_control(clk, rst, finish, valid, SCORE_LATENCY)
    ending = delay_control(clk, rst, late_ends, ends, SCORE_LATENCY)
    showing = show_scores(clk, rst, valid, ends, made_turns.made, score, tap)
    collecting = collect_words(clk, rst, valid, ends, score, words)
    buffer = fifo(clk, rst, words, results, depth)
    for name in ("row", "group", "row_ends"):
        unused(getattr(spot, name), "scores are counted")
    unused(parameter_write.part, "a parameter is shorter than a word")
    unused(parameter_write.data(64, SCORE_BITS + FACTOR_BITS), "a parameter is shorter than its place in the stream")

    @always_comb
    def reserve():
        made_turns.reserve.next = start
        late_ends.next = spot.image_ends

    @always_seq(clk.posedge, reset=rst)
    def fill():
        made_turns.filled.next = ends

    return summing, counting, reading, scaling, following, ending, showing, collecting, buffer, reserve, fill
