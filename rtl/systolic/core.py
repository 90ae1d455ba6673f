"""The systolic array: instructions in, feature maps through memory, one unit for each kind of work."""

from myhdl import ConcatSignal, always_comb, block

from rtl.lib.fifo import fifo, small_fifo
from rtl.lib.stream import bit, stream, word
from rtl.systolic.dispatch import dispatch
from rtl.systolic.load import Bases, load, scratchpad_write
from rtl.systolic.matmul import matmul
from rtl.systolic.post import post, trail
from rtl.systolic.post_lane import ParameterWrite
from rtl.systolic.scratchpad import array_read, scratchpad
from rtl.systolic.store import store
from rtl.systolic.tokens import tokens, tokens_port

QUEUE = 4  # instructions that may wait for a unit


@block
def share_scratchpad(post_valid, post_address, post_lanes, post_data, loading,
                     write_valid, write_address, write_data, write_strobes):
    """Results of POST are written when they come; a load waits for them."""
    columns = len(post_data) // 8
    strobes = word(columns)

    @always_comb
    def mark():
        for lane in range(columns):
            strobes.next[lane] = post_lanes > lane

    @always_comb
    def choose():
        loading.ready.next = not post_valid
        write_valid.next = post_valid or loading.valid
        if post_valid:
            write_address.next = post_address
            write_strobes.next = strobes
            write_data.next = post_data
        else:
            write_address.next = loading.address
            write_strobes.next = loading.strobes
            write_data.next = loading.data

    return mark, choose


@block
def share_reads(post_valid, post_address, store_address, address):
    """The second read port: POST when it asks, else STORE."""

    @always_comb
    def choose():
        if post_valid:
            address.next = post_address
        else:
            address.next = store_address

    return choose


@block
def observe(image, value_valid, tapped, tapped_bytes, result_valid, written, result_bytes, tap):
    """Tap 0: results as they are written to the scratchpad; tap 1: values before add and pool."""

    lanes = ConcatSignal(tapped.lanes, written.lanes)
    layers = ConcatSignal(tapped.layer, written.layer)
    tags = ConcatSignal(tapped.tag, written.tag)
    images = ConcatSignal(image, image)
    data = ConcatSignal(tapped_bytes, result_bytes)

    @always_comb
    def show():
        tap.valid.next[0] = result_valid
        tap.valid.next[1] = value_valid
        tap.lanes.next = lanes
        tap.layer.next = layers
        tap.image.next = images
        tap.tag.next = tags
        tap.data.next = data

    @always_comb
    def place():
        tap.address.next[32:] = written.address
        tap.address.next[64:32] = tapped.address

    return show, place


def parameter_lanes(enables, index, data, columns):
    """A ParameterWrite for each column: its bits of `enables`, its word of `data`."""
    words = len(data) // 32
    groups = columns // words
    return [
        ParameterWrite(
            ConcatSignal(*[enables(part * groups + lane // words) for part in (2, 1, 0)]),
            index,
            data(32 * (lane % words) + 32, 32 * (lane % words)),
        )
        for lane in range(columns)
    ]


@block
def core(clk, port, tap, cfg):
    """Everything between the shell and the results; the units in the order of the data: load, array, post, store."""
    rst, lanes = port.clear, cfg.memory_bytes
    sinks = [stream(256), stream(256), stream(280), stream(256)]
    heads = [stream(256), stream(256), stream(280), stream(256)]
    load_tokens, array_tokens, post_tokens, store_tokens = [tokens_port() for _ in range(4)]
    load_idle, array_idle, post_idle, store_idle, all_idle, others_busy = [bit() for _ in range(6)]
    waits_post, waits_store = bit(), bit()
    bases = Bases(port.program_base, port.input_base, port.output_base)
    loading = scratchpad_write(lanes)
    weight_sink, weight_source = stream(8 * lanes + 1), stream(8 * lanes + 1)
    enables = word(cfg.parameter_bytes // lanes)
    parameter_index, parameter_data = word(6), word(8 * lanes)
    write_valid, write_address, write_data, write_strobes = bit(), word(24), word(8 * lanes), word(lanes)
    reading, address, data = array_read(cfg.window_bytes), word(24), word(8 * lanes)
    post_reads, post_read_address, store_address = bit(), word(24), word(24)
    drain_index, drained = word((cfg.accumulators - 1).bit_length()), word(32 * cfg.columns)
    tap_valid, tapped, tapped_bytes = bit(), trail(), word(8 * cfg.columns)
    result_valid, written, result_bytes, layer_end = bit(), trail(), word(8 * cfg.columns), bit()

    dispatcher = dispatch(clk, rst, port.instruction, port.instruction_index, port.halt, all_idle, *sinks,
                          port.image_done, port.error_valid, port.error_code, port.error_index, cfg)
    queues = [small_fifo(clk, rst, sinks[unit], heads[unit], QUEUE) for unit in range(4)]
    token_counters = tokens(clk, rst, load_tokens, array_tokens, post_tokens, store_tokens,
                            waits_post, waits_store)
    load_unit = load(clk, rst, heads[0], load_tokens, port.halt, bases, port.load_command, port.load_data, loading,
                     weight_sink, enables, parameter_index, parameter_data, load_idle)
    weight_fifo = fifo(clk, rst, weight_sink, weight_source, cfg.weight_beats)
    memory = scratchpad(clk, rst, write_valid, write_address, write_data, write_strobes,
                        reading, address, data, cfg.scratchpad_bytes)
    array_unit = matmul(clk, rst, heads[1], array_tokens, port.halt, waits_post, waits_store, others_busy,
                        weight_source, reading, drain_index, drained, port.activity, port.macs, port.macs_skipped,
                        array_idle, cfg)
    post_unit = post(clk, rst, heads[2], post_tokens, port.halt,
                     parameter_lanes(enables, parameter_index, parameter_data, cfg.columns), drain_index, drained,
                     post_reads, post_read_address, data, tap_valid, tapped, tapped_bytes, result_valid, written,
                     result_bytes, layer_end, post_idle, cfg.columns, cfg.parameter_sets)
    store_unit = store(clk, rst, heads[3], store_tokens, port.halt, bases, port.store_command, port.store_data,
                       port.store_done, post_reads, store_address, data, store_idle)
    write_port = share_scratchpad(result_valid, written.address, written.lanes, result_bytes, loading,
                                  write_valid, write_address, write_data, write_strobes)
    read_port = share_reads(post_reads, post_read_address, store_address, address)
    observation = observe(port.image, tap_valid, tapped, tapped_bytes, result_valid, written, result_bytes, tap)

    @always_comb
    def rest():
        others_busy.next = not post_idle or not store_idle
        all_idle.next = load_idle and array_idle and post_idle and store_idle

    @always_comb
    def report():
        port.layer_event.next = layer_end
        port.layer.next = written.layer

    return (dispatcher, queues, token_counters, load_unit, weight_fifo, memory, array_unit, post_unit, store_unit,
            write_port, read_port, observation, rest, report)
