"""All engines one behind the other, between the shell's requests and the shell's stores."""

from myhdl import ConcatSignal, Signal, always, always_comb, block, intbv

from rtl.bcnn.config import SCORE_BITS
from rtl.bcnn.count import count_work, find_activity, sum_products
from rtl.bcnn.engine import engine, work
from rtl.bcnn.maps import map_write, reads, take_turns, turns
from rtl.bcnn.pixels import pixels
from rtl.bcnn.place import tap
from rtl.bcnn.requests import feed, find_drained, requests
from rtl.bcnn.scores import buffer_words, image_words, score_engine
from rtl.bcnn.weights import Words, entry_write, load_section, section, take_turns_loading
from rtl.convert import unused
from rtl.lib.buses import filled, joined
from rtl.lib.counters import COUNTER_BITS
from rtl.lib.stream import word


@block
def load(clk, rst, words, weight_writes, parameter_writes, layers):
    """The stream's words to the weights and parameters of one layer after the other."""
    sections = [section() for _ in range(2 * len(layers))]
    active, taken, ended = Signal(intbv(1)[len(sections):]), word(len(sections)), word(len(sections))
    stream_words = Words(words.data, words.valid)
    loading = []
    for n, layer in enumerate(layers):
        loading.append(load_section(clk, rst, stream_words, sections[2 * n], weight_writes[n], layer.weight_words,
                                    layer.weight_bits))
        loading.append(load_section(clk, rst, stream_words, sections[2 * n + 1], parameter_writes[n], layer.filters,
                                    layer.parameter_bits))
    turning = take_turns_loading(clk, rst, taken, ended, active, words.ready, len(sections))
    linking = [link_section(active(n), sections[n]) for n in range(len(sections))]
    all_taken = joined([each.taken for each in sections])
    all_ended = joined([each.ended for each in sections])

    @always_comb
    def join():
        taken.next = all_taken
        ended.next = all_ended

    return loading, turning, linking, join


@block
def link_section(active, section):
    """A section's turn."""

    @always_comb
    def show():
        section.active.next = active

    return show


def writer_parts(layers, number):
    """Into how many groups of pixels the rows of a layer's map are cut when they are written."""
    return layers[number - 1].groups if number else 1


@block
def engines(clk, rst, halt, words, writes, maps, results, taps, works, layers, depth):
    """One engine a layer; the lists go from the first to the last."""
    parts = [writer_parts(layers, n) for n in range(len(layers))]
    weight_writes = [entry_write(layer.weight_bits, layer.weight_words) for layer in layers]
    parameter_writes = [entry_write(layer.parameter_bits, layer.filters) for layer in layers]
    loading = load(clk, rst, words, weight_writes, parameter_writes, layers)
    shown = [sum(1 + layer.pooled for layer in layers[:n]) for n in range(len(layers))]
    last = len(layers) - 1
    stages = [
        engine(clk, rst, halt, writes[n], maps[n], weight_writes[n], parameter_writes[n], writes[n + 1], maps[n + 1],
               taps[shown[n]], taps[shown[n] + 1] if layers[n].pooled else None, works[n], layers[n], layers[n + 1],
               parts[n])
        for n in range(last)
    ]
    scoring = score_engine(clk, rst, halt, writes[last], maps[last], weight_writes[last], parameter_writes[last],
                           results, maps[last + 1], taps[shown[last]], works[last], layers[last], parts[last], depth)
    return loading, stages, scoring


@block
def label(clk, obs, cfg):
    """What of the observation never changes: which layer a tap and an event lane belong to, and lanes in a record."""
    numbers = [n for n, layer in enumerate(cfg.layers) for _ in range(1 + layer.pooled)]
    pixels = [count for layer in cfg.layers for count in (layer.p, layer.group_width)[:1 + layer.pooled]]
    tap_layers = sum(number << 12 * n for n, number in enumerate(numbers))
    tap_lanes = sum(count << 8 * n for n, count in enumerate(pixels))
    event_layers = sum(n << 12 * n for n in range(len(cfg.layers)))

    @always(clk.posedge)
    def name():
        obs.tap.lanes.next = tap_lanes
        obs.tap.layer.next = tap_layers
        obs.event.layer.next = event_layers

    return name


@block
def observe(clk, taps, maps, lane_counters, obs, cfg):
    """Taps, layer ends and the engines' counters, for observation only."""
    labelling = label(clk, obs, cfg)
    valid, image, address, tag = [
        joined([getattr(each, name) for each in taps]) for name in ("valid", "image", "address", "tag")
    ]
    data, counters = joined([filled(each.data, 8 * cfg.tap_bytes) for each in taps]), joined(lane_counters)
    ends, images = joined([each.filled for each in maps[1:]]), joined([each.made for each in maps[1:]])

    @always_comb
    def show_taps():
        obs.tap.valid.next = valid
        obs.tap.image.next = image
        obs.tap.address.next = address
        obs.tap.tag.next = tag
        obs.tap.data.next = data

    @always_comb
    def show_ends():
        obs.event.valid.next = ends
        obs.event.image.next = images
        obs.counters.next = counters

    return labelling, show_taps, show_ends


@block
def report(clk, maps, works, port):
    """What the shell counts and tells: activity, products, the layer that ended last."""
    last = len(works) - 1
    busy = joined([each.busy for each in works])
    ends = ConcatSignal("0", *[each.filled for each in reversed(maps[1:])])  # of one layer, too, a number with bits
    summing = sum_products(clk, [each.macs for each in works], port.macs)
    skipping = sum_products(clk, [each.skipped for each in works], port.macs_skipped)
    finding = find_activity(clk, busy, works[0].no_input, works[last].no_room, port.activity)

    @always_comb
    def tell():
        port.layer_event.next = ends != 0
        port.layer.next = 0
        for n in range(last + 1):
            if ends[n]:
                port.layer.next = n

    return summing, skipping, finding, tell


@block
def pipeline(clk, port, obs, cfg):
    """Everything between the shell and the results."""
    rst, layers, count = port.clear, cfg.layers, len(cfg.layers)
    parts = [writer_parts(layers, n) for n in range(count)]
    writes = [map_write(layers[n], parts[n]) for n in range(count)]
    maps, works = [turns() for _ in range(count + 1)], [work() for _ in range(count)]
    flow, results = feed(), reads()
    widths = [width for layer in layers for width in (layer.p, layer.group_width)[:1 + layer.pooled]]
    taps = [tap(width) for width in widths]
    lane_counters = [word(COUNTER_BITS) for _ in layers]
    in_flight = 1 << (2 * count + 3).bit_length()

    feeding = requests(clk, rst, port.halt, port.request, port.input_bytes, port.output_bytes, flow, port.load_command,
                       maps[count].filled, port.store_command, port.store_done, port.request_done, port.in_flight,
                       cfg.input_bytes, cfg.scores * SCORE_BITS // 8, count - 1, max(16, in_flight))
    reading = pixels(clk, rst, port.halt, port.load_data, maps[0], writes[0], flow.room, flow.opens, flow.ends,
                     layers[0])
    numbering = name_images(flow.image, maps[0].image)
    result_turns = take_turns(clk, rst, maps[count], results)
    draining = find_drained(clk, rst, port.store_data.valid, port.store_data.ready, results.release,
                            image_words(cfg))
    working = engines(clk, rst, port.halt, port.instruction, writes, maps, port.store_data, taps, works, layers,
                      buffer_words(cfg))
    counting = [
        count_work(clk, rst, port.counting, works[n], lane_counters[n], n == 0) for n in range(count)
    ]
    reporting = report(clk, maps, works, port)
    observation = observe(clk, taps, maps, lane_counters, obs, cfg)
    if layers[0].rows_at_once > 1:
        unused(writes[0].lane, "rows are written whole")
        unused(writes[0].group, "rows are written whole")
    for each in (maps[0].made, results.full, results.half, results.image, results.following, maps[count].write_half):
        unused(each, "the first and the last map are not shown by halves")
    return feeding, reading, numbering, result_turns, draining, working, counting, reporting, observation


@block
def name_images(image, name):
    """The number of the image that is read next."""

    @always_comb
    def show():
        name.next = image

    return show
