"""From rows of a map to what each lane sees of them: neighbouring columns, all channels of a slice side by side."""

from myhdl import always, always_comb, block

from rtl.bcnn.lane import register
from rtl.convert import unused
from rtl.lib.buses import joined
from rtl.lib.stream import word


def pixel_bits(layer):
    """Bits of a column in a step's rows."""
    return layer.lanes * layer.chunk * layer.input_bits


def strip_width(layer):
    """Columns that the lanes of a group see."""
    return (layer.p - 1) * layer.stride[1] + layer.kernel[1]


def kept_width(layer):
    """Columns of a row, or of a strip of it, that are kept."""
    return layer.width if layer.groups == 1 else strip_width(layer)


def column_inside(layer, column):
    """For each group whether a strip's column lies in the map, or counts as if it did."""
    places = [group * layer.p * layer.stride[1] - layer.padding[1] + column for group in range(layer.groups)]
    return [bool(layer.padding_value) or 0 <= place < layer.width for place in places]


def lane_columns(layer, lane):
    """Strip columns that a lane sees: those of its kernel, but for those at its ends that never lie in the map."""
    seen = range(lane * layer.stride[1], lane * layer.stride[1] + layer.kernel[1])
    used = [column for column in seen if not layer.binary or any(column_inside(layer, column))]
    return range(used[0], used[-1] + 1)


def mixed_columns(layer):
    """Columns that a lane sees and that do not lie in the map for every group: their weights are gated."""
    seen = {column for lane in range(layer.p) for column in lane_columns(layer, lane)}
    return [column for column in sorted(seen) if not all(column_inside(layer, column))]


def pad_pixel(layer):
    """Bits of a column outside the map, as a string, the last one first."""
    if not layer.binary:
        return ("1" + "0" * (layer.input_bits - 1)) * layer.channels
    if layer.padding_value <= 0:
        return "0" * pixel_bits(layer)
    return ("1" * min(pixel_bits(layer), layer.channels)).rjust(pixel_bits(layer), "0")


def reads_outside(layer):
    """Rows of a step may lie outside the map: what they hold must be replaced."""
    padded = layer.padding[0] or layer.padding[2]
    return bool(padded and (layer.padding_value or layer.rows_at_once > 1))


def interleaved(layer, banks):
    """The columns of a row one behind the other, from the banks of the lanes: of each, the columns in some parts."""
    if layer.lanes == 1:
        return list(banks)
    parts = len(banks) // layer.lanes
    columns, bits = layer.width // parts, layer.chunk
    return [
        banks[parts * lane + x // columns](bits * (x % columns + 1), bits * (x % columns)) if columns > 1
        else banks[parts * lane + x]
        for x in range(layer.width)
        for lane in range(layer.lanes)
    ]


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


def edges(layer, row):
    """A row, as a list of parts, with all columns that the lanes of any group see."""
    left, pitch = layer.padding[1], layer.p * layer.stride[1]
    right = max(0, (layer.groups - 1) * pitch + strip_width(layer) - left - layer.width)
    before, after = [pad_pixel(layer)] * bool(left), [pad_pixel(layer)] * bool(right)
    return [part * left for part in before] + row + [part * right for part in after]


@block
def strip(clk, enable, in_map, group, row, kept, layer):
    """kept: the row, a list of parts; of several groups the columns that the lanes of the group at hand see."""
    outside = int(pad_pixel(layer) * kept_width(layer), 2)
    pitch = layer.p * layer.stride[1] * pixel_bits(layer)
    if layer.groups == 1 and reads_outside(layer):
        keeping = take_row(clk, enable, in_map, joined(row), kept, outside)
    elif layer.groups == 1:
        keeping = register(clk, enable, joined(row), kept)
    elif reads_outside(layer):
        keeping = take_strip(clk, enable, in_map, group, joined(edges(layer, row)), kept, outside, pitch)
    else:
        keeping = cut_strip(clk, enable, group, joined(edges(layer, row)), kept, pitch)
    return keeping


@block
def strips(clk, enable, in_map, group, banks, kept, layer):
    """kept: what the lanes see of each row that a step reads; banks: the map's; in_map: a bit for each of the rows."""
    rows = [[bank] for bank in banks] if layer.rows_at_once > 1 else [interleaved(layer, banks)]
    flags = [in_map(n) for n in range(len(kept))] if len(kept) > 1 else [in_map]
    if not reads_outside(layer):
        unused(in_map, "rows outside the map are not read")
    if layer.groups == 1:
        unused(group, "there is one group of pixels")
    return [strip(clk, enable, flags[n], group, rows[n], kept[n], layer) for n in range(len(kept))]


def columns(layer, kept, wanted):
    """The bits of neighbouring strip columns, the first lowest, from what is kept of a row."""
    bits, shift = pixel_bits(layer), layer.padding[1] if layer.groups == 1 else 0
    first, last = wanted[0] - shift, wanted[-1] - shift
    inside_first, inside_last = max(first, 0), min(last, kept_width(layer) - 1)
    before, after = [pad_pixel(layer)] * (inside_first - first), [pad_pixel(layer)] * (last - inside_last)
    whole = inside_first == 0 and inside_last == kept_width(layer) - 1
    return joined([*before, kept if whole else kept(bits * (inside_last + 1), bits * inside_first), *after])


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


def inside_masks(layer):
    """For each group a bit for each of the mixed columns."""
    flags = [column_inside(layer, column) for column in mixed_columns(layer)]
    return tuple(sum(1 << n for n, flag in enumerate(flags) if flag[g]) for g in range(layer.groups))


@block
def gate_weights(weights, in_map, gated):
    """Weights of a column that lies in the map for some groups only; what is outside is zero as well."""

    @always_comb
    def gate():
        gated.next = 0
        if in_map:
            gated.next = weights

    return gate


def gated_columns(layer):
    """The mixed columns and, for each, the kernel columns that see them: pairs, each once."""
    mixed = mixed_columns(layer)
    seen = [(column, column - lane * layer.stride[1]) for lane in range(layer.p) for column in mixed
            if column in lane_columns(layer, lane)]
    return sorted(set(seen))


@block
def gate_columns(weights, in_map, gated, layer):
    """gated: for each of the gated columns the step's weights of that kernel column, or zeros."""
    bits, mixed, gates = pixel_bits(layer), mixed_columns(layer), []
    for n, (column, place) in enumerate(gated_columns(layer)):
        flag = in_map(mixed.index(column)) if len(mixed) > 1 else in_map
        own = weights(bits * (place + 1), bits * place) if len(weights) > bits else weights
        gates.append(gate_weights(own, flag, gated[n]))
    return gates


def lane_weights(layer, lane, weights, gated):
    """A step's weights for the columns that a lane sees."""
    bits, first, pairs, parts, run = pixel_bits(layer), lane * layer.stride[1], gated_columns(layer), [], []
    for column in lane_columns(layer, lane):
        pair = column, column - first
        if pair not in pairs:
            run.append(column - first)
            continue
        parts += [weights(bits * (run[-1] + 1), bits * run[0])] if run else []
        parts, run = [*parts, gated[pairs.index(pair)]], []
    parts += [weights(bits * (run[-1] + 1), bits * run[0])] if run else []
    return weights if len(run) * bits == len(weights) else joined(parts)


@block
def forward(value, result):
    """The same bits."""

    @always_comb
    def show():
        result.next = value

    return show
