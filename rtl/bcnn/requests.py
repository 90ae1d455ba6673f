"""Requests: their images into the pipeline one after the other, their scores to memory, in the same order."""

from dataclasses import dataclass

from myhdl import Signal, always, always_comb, always_seq, block, concat, modbv

from rtl.bcnn.maps import IMAGE_BITS
from rtl.convert import unused
from rtl.lib.every import every
from rtl.lib.fifo import fifo, small_fifo
from rtl.lib.stream import bit, stream, word

STORES = 8  # that may wait for their answers


@dataclass(frozen=True)
class Feed:
    """Of the request that is being read. opens, ends: an image's first and last number was taken; image: its number;
    room: one more may begin."""

    opens: object
    ends: object
    image: object
    room: object


def feed():
    """A Feed; image numbers wrap."""
    return Feed(bit(), bit(), Signal(modbv(0)[IMAGE_BITS:]), bit())


@block
def read_images(clk, rst, halt, request, input_bytes, output_bytes, feed, command, begun, length):
    """Asks for image after image of the request at hand, which leaves the queue when its last one was taken.

    begun: for each image that begins, its output address, and whether it is its request's last.
    """
    address, result = Signal(modbv(0)[32:]), Signal(modbv(0)[32:])
    to_ask, to_take, active = word(32), word(32), bit()

    @always_comb
    def ask():
        command.valid.next = active and to_ask != 0 and not halt
        command.address.next = address
        command.length.next = length
        command.layer.next = 0

    @always_comb
    def tell():
        request.ready.next = active and feed.ends and to_take == 1
        feed.room.next = begun.ready
        begun.valid.next = feed.opens
        begun.data.next = concat(to_take == 1, result)

    @always_seq(clk.posedge, reset=rst)
    def work():
        if active:
            active.next = not (feed.ends and to_take == 1)
        else:
            active.next = request.valid

    @always(clk.posedge)
    def count():
        if not active:
            address.next = request.input_address
            result.next = request.output_address
            to_ask.next = request.count
            to_take.next = request.count
            feed.image.next = 0
        else:
            if command.valid and command.ready:
                address.next = address + input_bytes
                to_ask.next = to_ask - 1
            if feed.opens:
                result.next = result + output_bytes
            if feed.ends:
                to_take.next = to_take - 1
                feed.image.next = feed.image + 1

    return ask, tell, work, count


@block
def count_complete(clk, rst, filled, sent, complete):
    """Images whose scores are complete and not yet on their way; there is room for two."""

    @always_seq(clk.posedge, reset=rst)
    def count():
        if filled and not sent:
            complete.next = complete + 1
        elif sent and not filled:
            complete.next = complete - 1

    return count


@block
def find_drained(clk, rst, valid, ready, drained, words):
    """drained: with the last memory word of an image's scores that leaves; only then there is room for others."""
    leaving = bit()
    counting = every(clk, rst, leaving, drained, words)

    @always_comb
    def find():
        leaving.next = valid and ready

    return counting, find


@block
def write_scores(clk, rst, halt, filled, begun, command, done, request_done, length, layer):
    """Stores the scores of each image that is complete; request_done: those of a request's last image have arrived."""
    last_sent, last_done, complete = stream(1), stream(1), word(2)
    finals = small_fifo(clk, rst, last_sent, last_done, STORES)
    sent = bit()
    counting = count_complete(clk, rst, filled, sent, complete)

    @always_comb
    def ask():
        command.valid.next = complete != 0 and begun.valid and last_sent.ready and not halt
        command.address.next = begun.data[32:]
        command.length.next = length
        command.layer.next = layer

    @always_comb
    def find():
        sent.next = command.valid and command.ready

    @always_comb
    def take():
        begun.ready.next = sent
        last_sent.valid.next = sent
        last_sent.data.next = begun.data[32]

    @always_comb
    def tell():
        last_done.ready.next = done
        request_done.next = done and last_done.data[0]

    unused(last_done.valid, "a store that is done was sent")
    return finals, counting, ask, find, take, tell


@block
def count_images(clk, rst, opens, done, busy, images):
    """busy: images are in the pipeline, or their scores on their way."""
    inside = word(images.bit_length())

    @always_comb
    def tell():
        busy.next = inside != 0

    @always_seq(clk.posedge, reset=rst)
    def count():
        if opens and not done:
            inside.next = inside + 1
        elif done and not opens:
            inside.next = inside - 1

    return tell, count


@block
def requests(clk, rst, halt, request, input_bytes, output_bytes, feed, load_command, filled, store_command, store_done,
             request_done, busy, input_length, output_length, layer, images):
    """Between the run queue and the pipeline, which holds up to `images` images. filled: one's scores are complete."""
    begun, waiting = stream(33), stream(33)
    reading = read_images(clk, rst, halt, request, input_bytes, output_bytes, feed, load_command, begun, input_length)
    buffer = fifo(clk, rst, begun, waiting, images)
    writing = write_scores(clk, rst, halt, filled, waiting, store_command, store_done, request_done, output_length,
                           layer)
    counting = count_images(clk, rst, feed.opens, store_done, busy, 2 * images)
    return reading, buffer, writing, counting
