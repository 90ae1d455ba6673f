"""The POST instructions of a tile: requantise or read back, then add or pool, then write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from compiler.errors import DoesNotFit
from compiler.program import Geometry
from compiler.systolic.operations import Map, Move, Operation, Residual, Window
from compiler.systolic.post_scalars import COPY, post_scalars
from compiler.systolic.steps import Resources, Span, Step
from compiler.systolic.tiling import PixelTile, Rectangle
from compiler.systolic.windows import Run, reach, runs
from rtl.systolic.config import Config
from rtl.systolic.isa import Opcode, PoolKind

LARGEST_WINDOW = 63
LARGEST_COUNT = 2047
BAND_CYCLES = 2048
_DENSE = 1 << 24


class PostEmitter:
    """Every POST names the scalars that it needs; the set-ups come when their order is known."""

    def __init__(self, config: Config, bases: Mapping[str, int]) -> None:
        self._config = config
        self._bases = bases
        self._resources = Resources(config)

    def from_bank(
        self, layer: int, operation: Operation, tile: PixelTile, bank: int, channels: range
    ) -> Iterator[Step]:
        """Requantise a tile's accumulators; `channels` are those of the output-channel tile."""
        assert operation.product is not None
        first = bank * self._config.bank_accumulators
        taps = _result_taps(operation.result, self._bases) + _in_hand_taps(
            operation, tile.pixels, first, channels
        )
        common = {"layer": layer, "c_lanes": len(channels)}
        reads: tuple[Span, ...] = (self._resources.bank(bank),)
        if operation.window:
            width = tile.pixels.width
            origin = first - tile.pixels.top * width - tile.pixels.left
            yield from self._pooled(operation, tile.results, channels, common, origin, width, 1, reads, taps)
            return
        fields = common | {"source": first, "source_row_step": tile.pixels.width, "source_step": 1}
        fields |= self._target(operation, tile.results, channels) | _WITHOUT_WINDOW
        written = self._span(operation.result, tile.results)
        if operation.residual:
            reads = (*reads, self._span(operation.residual.operand, tile.results))
        yield Step(Opcode.POST, fields, reads, (written,), observed=taps, scalars=post_scalars(operation, 1))

    def from_map(self, layer: int, operation: Operation) -> Iterator[Step]:
        """Pool a map that stands in the scratchpad, add two, or move parts of some."""
        if operation.moves:
            for move in operation.moves:
                yield from self._moved(layer, move)
            return
        if operation.residual:
            yield from self._add_maps(layer, operation, operation.residual)
            return
        yield from self._pooled_map(layer, operation)

    def _pooled_map(self, layer: int, operation: Operation) -> Iterator[Step]:
        """Some rows of results at a time, so that they can follow the rows that they are made of."""
        source, columns = operation.source, self._config.columns
        base, taps = source.address(self._bases), _result_taps(operation.result, self._bases)
        for rows in _bands(operation):
            first, end = _rows_reached(operation, rows)
            reads = (self._resources.bytes(base + first * source.row_step, base + end * source.row_step),)
            for start in range(0, source.channels, columns):
                channels = range(start, min(source.channels, start + columns))
                common = {"layer": layer, "c_lanes": len(channels), "from_map": 1}
                yield from self._pooled(
                    operation,
                    rows,
                    channels,
                    common,
                    base + start,
                    source.row_step,
                    source.pixel_step,
                    reads,
                    taps,
                )

    def _pooled(
        self,
        operation: Operation,
        results: Rectangle,
        channels: range,
        common: dict[str, int],
        origin: int,
        row: int,
        pixel: int,
        reads: tuple[Span, ...],
        taps: tuple[Geometry, ...],
    ) -> Iterator[Step]:
        """One POST for each run of windows of one size. origin: address of the in-hand map's pixel (0, 0);
        row, pixel: address steps from one of its rows or pixels to the next."""
        window, source = operation.window, operation.in_hand
        assert window is not None
        for down in _runs(window, 0, results.top, results.bottom, source.height):
            for across in _runs(window, 1, results.left, results.right, source.width):
                _check_window(operation, down, across)
                area = Rectangle(
                    down.first, down.first + down.count, across.first, across.first + across.count
                )
                fields = (
                    common
                    | self._target(operation, area, channels)
                    | {
                        "source": origin + down.start * row + across.start * pixel,
                        "source_row_step": window.stride[0] * row if down.count > 1 else 0,
                        "source_step": window.stride[1] * pixel if across.count > 1 else 0,
                        "window_row_step": row if down.length > 1 else 0,
                        "window_step": pixel if across.length > 1 else 0,
                        "window_rows": down.length,
                        "window_columns": across.length,
                        "pool": int(PoolKind.MAX if window.kind == "max" else PoolKind.AVERAGE),
                    }
                )
                written = self._span(operation.result, area)
                scalars = post_scalars(operation, down.length * across.length)
                yield Step(Opcode.POST, fields, reads, (written,), observed=taps, scalars=scalars)

    def _add_maps(self, layer: int, operation: Operation, residual: Residual) -> Iterator[Step]:
        """Shapes do not matter here: the maps are read as runs of as many bytes as there are columns."""
        taps = _result_taps(operation.result, self._bases)
        for first, rows, columns, lanes in _flat(operation.result.size, self._config.columns):
            row, size = columns * lanes, rows * columns * lanes
            at = {name: where.address(self._bases) + first for name, where in _addends(operation, residual)}
            fields = (
                at
                | _WITHOUT_WINDOW
                | {
                    "layer": layer,
                    "from_map": 1,
                    "add": 1,
                    "source_row_step": row if rows > 1 else 0,
                    "source_step": lanes,
                    "rows": rows,
                    "columns": columns,
                    "row_step": row if rows > 1 else 0,
                    "step": lanes,
                    "c_lanes": lanes,
                }
            )
            spans = {name: self._resources.bytes(start, start + size) for name, start in at.items()}
            reads = (spans["source"], spans["operand"])
            written = (spans["destination"],)
            yield Step(Opcode.POST, fields, reads, written, observed=taps, scalars=post_scalars(operation, 1))

    def _target(self, operation: Operation, area: Rectangle, channels: range) -> dict[str, int]:
        """Where an area's results go, and where their operands stand: the two maps have one shape."""
        fields = _destination(operation.result, area, channels, self._bases)
        if operation.residual:
            operand = operation.residual.operand.address(self._bases)
            fields |= {
                "add": 1,
                "operand": operand + fields["destination"] - operation.result.address(self._bases),
            }
        return fields

    def _moved(self, layer: int, move: Move) -> Iterator[Step]:
        """One POST for as many channels as there are columns; a fill reads the source's first bytes."""
        source, result, filled = move.source, move.result, move.fill is not None
        scalars = {"low": move.fill, "high": move.fill} if move.fill is not None else COPY
        taps = _result_taps(result, self._bases)
        area = Rectangle(0, result.height, 0, result.width)
        base, (top, left) = source.address(self._bases), move.begin
        origin = base + top * source.row_step + left * source.pixel_step
        lanes = min(self._config.columns, source.size) if filled else self._config.columns
        for start in range(0, result.channels, lanes):
            channels = range(start, min(result.channels, start + lanes))
            several = (int(result.height > 1 and not filled), int(result.width > 1 and not filled))
            fields = (
                _destination(result, area, channels, self._bases)
                | _WITHOUT_WINDOW
                | {
                    "layer": layer,
                    "from_map": 1,
                    "c_lanes": len(channels),
                    "source": base if filled else origin + start,
                    "source_row_step": several[0] * move.stride[0] * source.row_step,
                    "source_step": several[1] * move.stride[1] * source.pixel_step,
                }
            )
            reads = (self._resources.bytes(base, base + source.size),)
            written = (self._span(result, area),)
            yield Step(Opcode.POST, fields, reads, written, observed=taps, scalars=scalars)

    def _span(self, where: Map, area: Rectangle) -> Span:
        """From the first byte of an area to its last, all channels."""
        base = where.address(self._bases)
        start = area.top * where.row_step + area.left * where.pixel_step
        end = (area.bottom - 1) * where.row_step + (area.right - 1) * where.pixel_step + where.channels
        return self._resources.bytes(base + start, base + end)


_WITHOUT_WINDOW = {"window_rows": 1, "window_columns": 1, "pool": int(PoolKind.NONE)}


def _addends(operation: Operation, residual: Residual) -> tuple[tuple[str, Map], ...]:
    return (("source", operation.source), ("operand", residual.operand), ("destination", operation.result))


def _runs(window: Window, axis: int, first: int, last: int, size: int) -> list[Run]:
    return runs(first, last, size, window.kernel[axis], window.stride[axis], window.padding[axis])


def _bands(operation: Operation) -> Iterator[Rectangle]:
    """All results, in bands of rows that take the post-processor about BAND_CYCLES each."""
    window, result = operation.window, operation.result
    assert window is not None
    rows = max(1, BAND_CYCLES // (result.width * window.kernel[0] * window.kernel[1]))
    for top in range(0, result.height, rows):
        yield Rectangle(top, min(result.height, top + rows), 0, result.width)


def _rows_reached(operation: Operation, results: Rectangle) -> tuple[int, int]:
    """[first, end) of the source's rows that rows of results are made of."""
    window = operation.window
    assert window is not None
    height, above = operation.in_hand.height, window.padding[0]
    return reach(results.top, results.bottom, height, window.kernel[0], window.stride[0], above)


def _check_window(operation: Operation, down: Run, across: Run) -> None:
    if max(down.length, across.length) > LARGEST_WINDOW:
        raise DoesNotFit(
            f"pooling window of {down.length}x{across.length}, at most {LARGEST_WINDOW} a side",
            node=operation.name,
        )


def _flat(size: int, lanes: int) -> Iterator[tuple[int, int, int, int]]:
    """(first byte, rows, columns, lanes) of blocks that make up `size` contiguous bytes."""
    full = size // lanes
    columns = min(full, LARGEST_COUNT)
    done = 0
    while columns and full - done >= columns:
        rows = min((full - done) // columns, LARGEST_COUNT)
        yield done * lanes, rows, columns, lanes
        done += rows * columns
    if full - done:
        yield done * lanes, 1, full - done, lanes
    if size % lanes:
        yield full * lanes, 1, 1, size % lanes


def _destination(result: Map, area: Rectangle, channels: range, bases: Mapping[str, int]) -> dict[str, int]:
    offset = area.top * result.row_step + area.left * result.pixel_step + channels.start
    return {
        "rows": area.height,
        "columns": area.width,
        "destination": result.address(bases) + offset,
        "row_step": result.row_step if area.height > 1 else 0,
        "step": result.pixel_step if area.width > 1 else 0,
    }


def _result_taps(result: Map, bases: Mapping[str, int]) -> tuple[Geometry, ...]:
    base = result.address(bases)
    if result.views:
        return (Geometry(result.tensor, 0, base, result.pixel_step, 0, result.channels, 1),)
    if result.row_gap:
        return (Geometry(result.tensor, 0, base, result.row_step, 0, result.row, 1),)
    return (Geometry(result.tensor, 0, base, _DENSE, 0, 0, 1),)


def _in_hand_taps(operation: Operation, tile: Rectangle, first: int, channels: range) -> tuple[Geometry, ...]:
    if not (operation.residual or operation.window):
        return ()
    values = operation.in_hand
    start = (tile.top * values.width + tile.left) * values.channels + channels.start
    return (Geometry(values.tensor, 1, first, tile.width, start, values.row, values.channels),)
