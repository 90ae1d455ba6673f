"""What each instruction does to the state of the functional machine, and what it touches."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from golden.arithmetic import multiply_by_quantised_multiplier
from rtl.systolic.config import Config
from rtl.systolic.isa import Base, Instruction, Opcode, PoolKind

ADDRESS_MASK = (1 << 24) - 1
Indices = npt.NDArray[np.int64]


class MachineError(AssertionError):
    """The program did what it must not do; the message names the instruction."""


@dataclass
class Running:
    """An instruction between its start and its end, and what it touches of the things that units share."""

    index: int
    item: Instruction
    reads: dict[str, Indices]
    writes: dict[str, Indices]
    executed: bool = False
    tiles: int = 0


@dataclass
class State:
    """Everything on chip. Accumulators and parameters stand in 64 bits so that overflow is seen."""

    config: Config
    scratchpad: npt.NDArray[np.int8] = field(init=False)
    written: npt.NDArray[np.bool_] = field(init=False)
    accumulators: Indices = field(init=False)
    accumulated: npt.NDArray[np.bool_] = field(init=False)
    parameters: dict[int, Indices] = field(default_factory=dict)
    fifo: deque[npt.NDArray[np.int64]] = field(default_factory=deque)
    weights: npt.NDArray[np.int64] | None = None
    scalars: Instruction | None = None

    def __post_init__(self) -> None:
        config = self.config
        self.scratchpad = np.zeros(config.scratchpad_bytes, np.int8)
        self.written = np.zeros(config.scratchpad_bytes, np.bool_)
        self.accumulators = np.zeros((config.accumulators, config.columns), np.int64)
        self.accumulated = np.zeros((config.accumulators, config.columns), np.bool_)


def require(condition: object, message: str) -> None:
    if not condition:
        raise MachineError(message)


def tap_type(tap_bytes: int) -> np.dtype[np.void]:
    """One record of taps.bin, as docs/architecture.md lays it out."""
    head = [("lanes", "u1"), ("tap", "u1"), ("layer", "<u2"), ("cycle", "<u4"), ("address", "<u4")]
    return np.dtype([*head, ("tag", "<u4"), ("image", "<u4"), ("data", "i1", tap_bytes)])


class Execution:
    """Executes the instructions of one image, each whole at once (a LOAD_WEIGHTS tile by tile)."""

    def __init__(self, config: Config, image: bytes, data: bytes, output_bytes: int, number: int) -> None:
        self.config, self.number = config, number
        self.state = State(config)
        self.memory = {Base.PROGRAM: image, Base.INPUT: data}
        self.output = np.zeros(output_bytes, np.uint8)
        self.taps: list[npt.NDArray[np.void]] = []
        self.events: list[int] = []
        self.macs = self.skipped = 0

    def blocked(self, running: Running) -> bool:
        """It waits for room in the weight FIFO, or for a tile from it."""
        room = self.config.weight_beats * self.config.memory_bytes // self.config.tile_bytes
        if running.item.opcode is Opcode.LOAD_WEIGHTS:
            return len(self.state.fifo) >= room
        takes_tile = running.item.opcode is Opcode.MATMUL and not running.item["reuse"]
        return takes_tile and not self.state.fifo

    def execute(self, running: Running) -> bool:
        """Whether the instruction is through with it. Raises MachineError."""
        item = running.item
        match item.opcode:
            case Opcode.LOAD_MAP:
                at = item["address"]
                data = np.frombuffer(self._read(item), np.int8)
                require(
                    at % self.config.memory_bytes == item["offset"] % self.config.memory_bytes, "alignment"
                )
                self.state.scratchpad[at : at + item["length"]] = data
                self.state.written[at : at + item["length"]] = True
            case Opcode.LOAD_WEIGHTS:
                return self._load_tile(running)
            case Opcode.LOAD_PARAMETERS:
                require(item["length"] == self.config.parameter_bytes, "length")
                table = np.frombuffer(self._read(item), "<i4").reshape(3, -1)
                self.state.parameters[item["parameter_set"]] = table.astype(np.int64)
            case Opcode.MATMUL:
                self._matmul(item)
            case Opcode.POST_SETUP:
                self.state.scalars = item
            case Opcode.POST:
                self._post(running)
            case Opcode.STORE:
                self._store(item)
        return True

    def _read(self, item: Instruction) -> bytes:
        memory = self.memory[Base(item["base"])]
        data = memory[item["offset"] : item["offset"] + item["length"]]
        require(item["length"] and len(data) == item["length"], "length")
        return data

    def _load_tile(self, running: Running) -> bool:
        """One tile a call; True after the last."""
        item, size = running.item, self.config.tile_bytes
        require(item["length"] % size == 0 and item["offset"] % self.config.memory_bytes == 0, "whole tiles")
        start = item["offset"] + running.tiles * size
        self.state.fifo.append(_unpack(self.memory[Base.PROGRAM][start : start + size], self.config))
        running.tiles += 1
        return running.tiles * size == item["length"]

    def _store(self, item: Instruction) -> None:
        at, to, length = item["address"], item["offset"], item["length"]
        require(item["base"] == Base.OUTPUT and to + length <= len(self.output), "outside the output")
        require(at % self.config.memory_bytes == to % self.config.memory_bytes, "alignment")
        require(self.state.written[at : at + length].all(), "stores what was never written")
        self.output[to : to + length] = self.state.scratchpad[at : at + length].view(np.uint8)

    def _matmul(self, item: Instruction) -> None:
        state, config = self.state, self.config
        if not item["reuse"]:
            state.weights = state.fifo.popleft()
        weights = state.weights
        require(weights is not None, "no weights to use again")
        assert weights is not None
        values = self._stream(item)
        weights = np.where((weights > 7) & bool(item["weight_signed"]), weights - 16, weights)
        sums = (values @ weights[: item["k_lanes"]]) << 4 * item["shift"]
        index = _grid(item["accumulator"], item, "accumulator_row_step", 1)
        bank = index // config.bank_accumulators
        require((bank == bank[0]).all(), "crosses a bank")
        lanes = slice(0, item["c_lanes"])
        if item["first"]:
            state.accumulated[index] = False
            state.accumulated[index, lanes] = True
            state.accumulators[index] = sums
        else:
            require(state.accumulated[index, lanes].all(), "adds to what was never written")
            state.accumulators[index] += sums
        require(np.abs(state.accumulators[index]).max() < 1 << 31, "accumulator overflows")
        if item["count"]:
            self.macs += len(index) * item["k_lanes"] * item["c_lanes"]
            self.skipped += item["skipped"]

    def _stream(self, item: Instruction) -> npt.NDArray[np.int64]:
        """(pixels, k_lanes) activations minus zero point; zero outside the map."""
        lanes = np.arange(item["k_lanes"])
        x = item["x_start"] + np.arange(item["columns"])[:, None] * item["x_step"] + lanes
        y = item["y_start"] + np.arange(item["rows"]) * item["y_step"]
        inside = ((y >= 0) & (y < item["y_size"]))[:, None, None] & ((x >= 0) & (x < item["row_elements"]))
        first = _grid(item["map_address"], item, "row_step", item["x_step"])
        address = (first.reshape(item["rows"], -1, 1) + lanes) & ADDRESS_MASK
        address = np.where(inside, address, 0)
        require(address.max() < self.config.scratchpad_bytes, "reads beyond the scratchpad")
        require((self.state.written[address] | ~inside).all(), "reads what was never written")
        centred = self.state.scratchpad[address].astype(np.int64) - item["zero_point"]
        values = np.where(inside, centred, 0).reshape(-1, item["k_lanes"])
        low, high = (-256, 255) if item["wide"] else (-16, 15)
        require(values.min() >= low and values.max() <= high, "an activation does not fit its nibbles")
        return values

    def _post(self, running: Running) -> None:
        item = running.item
        scalars = self.state.scalars
        require(scalars is not None, "no POST_SETUP before it")
        assert scalars is not None
        require(not (item["add"] and item["pool"]), "add and pool together")
        source = _sources(item)
        if item["from_map"]:
            hand = self._bytes(source.reshape(-1), item["c_lanes"])
        else:
            hand = self._requantised(source.reshape(-1), item, scalars)
        hand = np.clip(hand, scalars["low"], scalars["high"])
        if item["add"] or item["pool"]:
            self._tap(1, running, source.reshape(-1), hand)
        windows = hand.reshape(*source.shape, -1)
        result = self._finished(windows, item, scalars)
        target = _grid(item["destination"], item, "row_step", item["step"])
        where = target[:, None] + np.arange(item["c_lanes"])
        require(where.max() < self.config.scratchpad_bytes, "writes beyond the scratchpad")
        self.state.scratchpad[where] = result
        self.state.written[where] = True
        self._tap(0, running, target, result)
        if item["layer_end"]:
            self.events.append(item["layer"])

    def _bytes(self, address: Indices, lanes: int) -> Indices:
        where = address[:, None] + np.arange(lanes)
        require(where.max() < self.config.scratchpad_bytes, "reads beyond the scratchpad")
        require(self.state.written[where].all(), "reads what was never written")
        values: Indices = self.state.scratchpad[where].astype(np.int64)
        return values

    def _requantised(self, index: Indices, item: Instruction, scalars: Instruction) -> Indices:
        lanes = item["c_lanes"]
        require(item["parameter_set"] in self.state.parameters, "parameters were never loaded")
        require(self.state.accumulated[index, :lanes].all(), "reads accumulators that were never written")
        bias, multiplier, shift = self.state.parameters[item["parameter_set"]][:, :lanes]
        sums = self.state.accumulators[index, :lanes] + bias
        require(np.abs(sums).max() < 1 << 31, "bias overflows")
        return multiply_by_quantised_multiplier(sums, multiplier, shift) + scalars["output_zero_point"]

    def _finished(self, windows: Indices, item: Instruction, s: Instruction) -> Indices:
        """(results, window positions, lanes) to (results, lanes)."""
        if item["add"]:
            operand = self._bytes(_grid(item["operand"], item, "row_step", item["step"]), item["c_lanes"])
            return _added(windows[:, 0], operand, s)
        match PoolKind(item["pool"]):
            case PoolKind.NONE:
                return windows[:, 0]
            case PoolKind.MAX:
                largest: Indices = windows.max(axis=1)
                return largest
            case PoolKind.AVERAGE:
                return _mean(windows.sum(axis=1), s)

    def _tap(self, tap: int, running: Running, address: Indices, values: Indices) -> None:
        records = np.zeros(len(address), tap_type(self.config.tap_bytes))
        lanes = values.shape[1]
        records["lanes"], records["tap"], records["layer"] = lanes, tap, running.item["layer"]
        records["cycle"] = sum(len(taps) for taps in self.taps) + np.arange(len(address))
        records["address"], records["tag"], records["image"] = address, running.index, self.number
        records["data"][:, :lanes] = values
        self.taps.append(records)


def _mean(total: Indices, s: Instruction) -> Indices:
    scaled = (np.abs(total) + s["divisor_half"]) * s["divisor_multiplier"]
    mean: Indices = np.sign(total) * (scaled >> (16 + s["divisor_shift"]))
    return mean


def _added(first: Indices, second: Indices, s: Instruction) -> Indices:
    one = multiply_by_quantised_multiplier(
        (first - s["zero_point_1"]) << 20, s["multiplier_1"], -s["shift_1"]
    )
    two = multiply_by_quantised_multiplier(
        (second - s["zero_point_2"]) << 20, s["multiplier_2"], -s["shift_2"]
    )
    total = multiply_by_quantised_multiplier(one + two, s["multiplier_out"], -s["shift_out"])
    return np.clip(total + s["add_zero_point"], s["add_low"], s["add_high"])


def _grid(start: int, item: Instruction, row_step: str, step: int) -> Indices:
    """One number for each row and column."""
    rows = np.arange(item["rows"])[:, None] * item[row_step]
    require(item["rows"] and item["columns"] and item["c_lanes"], "empty")
    grid: Indices = (start + rows + np.arange(item["columns"]) * step).reshape(-1)
    return grid


def _unpack(data: bytes, config: Config) -> npt.NDArray[np.int64]:
    """(rows, columns) nibbles, unsigned."""
    packed = np.frombuffer(data, np.uint8).astype(np.int64)
    return np.stack([packed & 15, packed >> 4], axis=1).reshape(config.rows, config.columns)


Touched = dict[str, Indices]


def touched(item: Instruction, config: Config) -> tuple[Touched, Touched]:
    """What an instruction reads and writes, by kind, exact to a scratchpad byte."""
    reads: Touched = {}
    writes: Touched = {}
    match item.opcode:
        case Opcode.LOAD_MAP:
            writes["map"] = np.arange(item["address"], item["address"] + item["length"])
        case Opcode.STORE:
            reads["map"] = np.arange(item["address"], item["address"] + item["length"])
        case Opcode.LOAD_PARAMETERS:
            writes["parameters"] = np.array([item["parameter_set"]])
        case Opcode.MATMUL:
            writes["bank"] = np.array([item["accumulator"] // config.bank_accumulators])
            reads["map"] = _rows_of_matmul(item)
        case Opcode.POST:
            writes["map"] = _with_lanes(_grid(item["destination"], item, "row_step", item["step"]), item)
            reads = _read_by_post(item, config)
    return reads, writes


def _read_by_post(item: Instruction, config: Config) -> Touched:
    read = []
    if item["from_map"]:
        read.append(_with_lanes(_sources(item).reshape(-1), item))
    if item["add"]:
        read.append(_with_lanes(_grid(item["operand"], item, "row_step", item["step"]), item))
    reads = {"map": np.concatenate(read)} if read else {}
    if not item["from_map"]:
        reads["bank"] = np.array([item["source"] // config.bank_accumulators])
        reads["parameters"] = np.array([item["parameter_set"]])
    return reads


def _with_lanes(address: Indices, item: Instruction) -> Indices:
    return (address[:, None] + np.arange(item["c_lanes"])).reshape(-1)


def _sources(item: Instruction) -> Indices:
    """(results, window positions) addresses."""
    first = _grid(item["source"], item, "source_row_step", item["source_step"])
    down = np.arange(item["window_rows"])[:, None] * item["window_row_step"]
    window = (down + np.arange(item["window_columns"]) * item["window_step"]).reshape(-1)
    require(len(window) and (item["pool"] or len(window) == 1), "window without pool")
    addresses: Indices = first[:, None] + window
    return addresses


def _rows_of_matmul(item: Instruction) -> Indices:
    """Bytes of the map that lanes inside it may read: whole spans from row to row."""
    start = max(0, item["x_start"])
    end = item["x_start"] + (item["columns"] - 1) * item["x_step"] + item["k_lanes"]
    span = np.arange(start, min(end, item["row_elements"])) + item["map_address"] - item["x_start"]
    rows = np.arange(item["rows"])
    y = item["y_start"] + rows * item["y_step"]
    rows = rows[(y >= 0) & (y < item["y_size"])]
    return ((rows[:, None] * item["row_step"] + span) & ADDRESS_MASK).reshape(-1)
