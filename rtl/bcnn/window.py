"""From a row of a map to what each lane sees of it: the columns of its kernel."""

from myhdl import ConcatSignal, Constant, always, always_comb, block, intbv

from rtl.bcnn.lane import register
from rtl.convert import unused
from rtl.lib.stream import word


def strip_width(layer):
    """Columns that the lanes of a group see."""
    return (layer.p - 1) * layer.stride[1] + layer.kernel[1]


def column_places(layer, column):
    """Column of the map that a strip's column is, for each group."""
    return [group * layer.p * layer.stride[1] - layer.padding[1] + column for group in range(layer.groups)]


def column_inside(layer, column):
    """For each group whether a strip's column lies in the map, or counts as if it did."""
    if layer.padding_value:
        return [True] * layer.groups
    return [0 <= place < layer.width for place in column_places(layer, column)]


def pad_pixel(layer, lane):
    """Bits of a pixel outside the map in a chunk; what stands there when rows are read outside it."""
    if layer.padding_value <= 0:
        return 0
    channels = [(plane * layer.chunk, layer.channels) for plane in range(lane, layer.planes, layer.lanes)]
    real = {min(layer.chunk, most - first) for first, most in channels}
    return (1 << max(real)) - 1


def reads_outside(layer):
    """Rows of a step may lie outside the map: what they hold must be replaced."""
    padded = layer.padding[0] or layer.padding[2]
    return bool(padded and (layer.padding_value or layer.rows_at_once > 1))


@block
def take_row(clk, enable, in_map, row, kept, outside):
    """A row, or what stands for one outside the map. Latency: one cycle."""

    @always(clk.posedge)
    def keep():
        if enable:
            kept.next = row if in_map else outside

    return keep


@block
def cut_strip(clk, enable, group, row, kept, pitch):
    """The columns of a group, `pitch` bits from group to group. Latency: one cycle."""
    width = len(kept)

    @always(clk.posedge)
    def keep():
        if enable:
            kept.next = row[group * pitch + width : group * pitch]

    return keep


@block
def take_strip(clk, enable, in_map, group, row, kept, outside, pitch):
    """The same, or what stands for a row outside the map."""
    width = len(kept)

    @always(clk.posedge)
    def keep():
        if enable:
            if in_map:
                kept.next = row[group * pitch + width : group * pitch]
            else:
                kept.next = outside

    return keep


def joined(parts):
    """Signals and strings of bits as one, the first lowest; neighbouring slices of one Signal should come as one."""
    return parts[0] if len(parts) == 1 else ConcatSignal(*reversed(parts))


def pad_bits(layer, lane, columns):
    """So many columns outside the map, as a string."""
    bits = layer.chunk * layer.input_bits
    return format(pad_pixel(layer, lane), f"0{bits}b") * columns


@block
def strips(clk, enable, in_map, group, banks, kept, layer):
    """kept: for each lane (or kernel row) the row; of several groups the columns that the group at hand sees.

    banks: of each lane the pixels of the row, in parts. in_map: a bit for each row read.
    """
    bits = layer.chunk * layer.input_bits
    parts = len(banks) // len(kept)
    rows = [joined(banks[parts * n : parts * (n + 1)]) for n in range(len(kept))]
    flags = [in_map(n) if len(in_map) > 1 else in_map for n in range(len(kept))]
    flags = flags if layer.rows_at_once > 1 else [in_map] * len(kept)
    if layer.groups == 1 and not reads_outside(layer):
        unused(in_map, "rows outside the map are not read")
        return [register(clk, enable, rows[n], kept[n]) for n in range(len(kept))]
    if layer.groups == 1:
        outside = [pad_pixel(layer, n) * sum(1 << bits * x for x in range(layer.width)) for n in range(len(kept))]
        return [take_row(clk, enable, flags[n], rows[n], kept[n], outside[n]) for n in range(len(kept))]
    left, pitch = layer.padding[1], layer.p * layer.stride[1]
    right = max(0, (layer.groups - 1) * pitch + strip_width(layer) - left - layer.width)
    edges = [[pad_bits(layer, n, left), rows[n], pad_bits(layer, n, right)] for n in range(len(kept))]
    padded = [joined([part for part in edge if not isinstance(part, str) or part]) for edge in edges]
    outside = [pad_pixel(layer, n) * sum(1 << bits * x for x in range(strip_width(layer))) for n in range(len(kept))]
    if not reads_outside(layer):
        unused(in_map, "rows outside the map are not read")
        return [cut_strip(clk, enable, group, padded[n], kept[n], pitch * bits) for n in range(len(kept))]
    return [
        take_strip(clk, enable, flags[n], group, padded[n], kept[n], outside[n], pitch * bits)
        for n in range(len(kept))
    ]


def kept_width(layer):
    """Columns of a row, or of a strip of it, that are kept."""
    return layer.width if layer.groups == 1 else strip_width(layer)


def columns(layer, lane, kept, wanted):
    """The bits of strip columns `wanted`, the first lowest, from what is kept of a lane's row."""
    bits = layer.chunk * layer.input_bits
    shift = layer.padding[1] if layer.groups == 1 else 0
    parts, run = [], []
    for place in [column - shift for column in wanted]:
        if run and (place != run[-1] + 1 or place >= kept_width(layer)):
            parts.append(kept(bits * (run[-1] + 1), bits * run[0]))
            run = []
        if 0 <= place < kept_width(layer):
            run.append(place)
        else:
            parts.append(pad_bits(layer, lane, 1))
    if run:
        parts.append(kept(bits * (run[-1] + 1), bits * run[0]))
    if all(isinstance(part, str) for part in parts):
        return Constant(intbv(int("".join(reversed(parts)), 2))[bits * len(parts):])
    return joined(parts)


@block
def gate_weights(weights, in_map, gated):
    """Weights of a column that lies in the map for some groups only."""

    @always_comb
    def gate():
        gated.next = 0
        if in_map:
            gated.next = weights

    return gate


@block
def find_inside(clk, enable, group, in_map, masks):
    """Which columns of the strip lie in the map. Latency: one cycle."""
    found = word(len(in_map))

    @always_comb
    def look():
        found.next = masks[group]

    @always(clk.posedge)
    def keep():
        if enable:
            in_map.next = found

    return look, keep


def mixed_columns(layer):
    """Columns of the strip that lie in the map for some groups only."""
    flags = {column: column_inside(layer, column) for column in range(strip_width(layer))}
    return [column for column, flag in flags.items() if any(flag) and not all(flag)]


def inside_masks(layer):
    """For each group a bit for each of the mixed columns."""
    flags = [column_inside(layer, column) for column in mixed_columns(layer)]
    return tuple(sum(1 << n for n, flag in enumerate(flags) if flag[g]) for g in range(layer.groups))


@block
def spread_weights(weights, in_map, spread, layer):
    """For each word of a step's weights the same word for every lane of the group, 0 where it sees no map.

    spread: a list; weights: by chunk, column of the kernel; in_map: of the mixed columns.
    """
    gates, chunk, kernel, mixed = [], layer.chunk, layer.kernel[1], mixed_columns(layer)
    for n, result in enumerate(spread):
        own = weights(chunk * (n + 1), chunk * n) if len(weights) > chunk else weights
        lanes = []
        for lane in range(layer.p):
            flags = column_inside(layer, lane * layer.stride[1] + n % kernel)
            if all(flags) or not any(flags):
                lanes.append(own if all(flags) else "0" * chunk)
            else:
                lanes.append(word(chunk))
                column = mixed.index(lane * layer.stride[1] + n % kernel)
                gates.append(gate_weights(own, in_map(column) if len(mixed) > 1 else in_map, lanes[-1]))
        gates.append(forward(joined(lanes), result))
    return gates


@block
def forward(value, result):
    """The same bits."""

    @always_comb
    def show():
        result.next = value

    return show
