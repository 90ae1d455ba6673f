"""What each instruction does to the state of the functional machine, and what it touches."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from compiler.tests.systolic_array import (
    Indices,
    Tile,
    capacity,
    check_banks,
    expanded,
    grid,
    require,
    rows_read,
    stream,
    tile_bytes,
    unpack,
)
from golden.arithmetic import multiply_by_quantised_multiplier
from rtl.systolic.config import Config
from rtl.systolic.isa import Base, Instruction, Opcode, PoolKind, Sparsity


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
    """Everything on chip. Accumulators and parameters stand in 64 bits so that overflow is seen.

    unsettled: bytes that a POST wrote and that later ones cannot read back yet, unless they settle."""

    config: Config
    scratchpad: npt.NDArray[np.int8] = field(init=False)
    written: npt.NDArray[np.bool_] = field(init=False)
    unsettled: npt.NDArray[np.bool_] = field(init=False)
    accumulators: Indices = field(init=False)
    accumulated: npt.NDArray[np.bool_] = field(init=False)
    parameters: dict[int, Indices] = field(default_factory=dict)
    fifo: deque[Tile] = field(default_factory=deque)
    tile: Tile | None = None
    matmul_setup: Instruction | None = None
    scalars: Instruction | None = None

    def __post_init__(self) -> None:
        config = self.config
        self.scratchpad = np.zeros(config.scratchpad_bytes, np.int8)
        self.written = np.zeros(config.scratchpad_bytes, np.bool_)
        self.unsettled = np.zeros(config.scratchpad_bytes, np.bool_)
        self.accumulators = np.zeros((config.accumulators, config.columns), np.int64)
        self.accumulated = np.zeros((config.accumulators, config.columns), np.bool_)


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
        if running.item.opcode is Opcode.LOAD_WEIGHTS:
            beats = tile_bytes(running.item["indexed"], self.config) // self.config.memory_bytes
            return sum(tile.beats for tile in self.state.fifo) + beats > self.config.weight_beats
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
                self.state.unsettled[at : at + item["length"]] = False
            case Opcode.LOAD_WEIGHTS:
                return self._load_tile(running)
            case Opcode.LOAD_PARAMETERS:
                require(item["length"] == self.config.parameter_bytes, "length")
                table = np.frombuffer(self._read(item), "<i4").reshape(3, -1)
                self.state.parameters[item["parameter_set"]] = table.astype(np.int64)
            case Opcode.MATMUL_SETUP:
                require(item["sparsity"] in list(Sparsity), "reserved sparsity")
                self.state.matmul_setup = item
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
        item, size = running.item, tile_bytes(running.item["indexed"], self.config)
        require(item["length"] % size == 0 and item["offset"] % self.config.memory_bytes == 0, "whole tiles")
        start = item["offset"] + running.tiles * size
        data = self.memory[Base.PROGRAM][start : start + size]
        self.state.fifo.append(unpack(data, item["indexed"], self.config))
        running.tiles += 1
        return running.tiles * size == item["length"]

    def _store(self, item: Instruction) -> None:
        at, to, length = item["address"], item["offset"], item["length"]
        require(item["base"] == Base.OUTPUT and to + length <= len(self.output), "outside the output")
        require(at % self.config.memory_bytes == to % self.config.memory_bytes, "alignment")
        require(self.state.written[at : at + length].all(), "stores what was never written")
        self.output[to : to + length] = self.state.scratchpad[at : at + length].view(np.uint8)

    def _matmul(self, item: Instruction) -> None:
        state, setup = self.state, self.state.matmul_setup
        require(setup is not None, "no MATMUL_SETUP before it")
        assert setup is not None
        check_banks(item, setup, self.config)
        if not item["reuse"]:
            state.tile = state.fifo.popleft()
        weights = self._weights(item, setup)
        values = stream(item, setup, state.scratchpad, state.written)
        self._accumulate(item, (values @ weights[: item["k_lanes"]]) << 4 * item["shift"])
        if item["count"]:
            self.macs += len(values) * item["products"] * item["c_lanes"]
            self.skipped += item["skipped"]

    def _weights(self, item: Instruction, setup: Instruction) -> Indices:
        """(lanes, columns) of the tile in the array; its instruction keeps to the rules of its sparsity."""
        tile, sparsity = self.state.tile, setup["sparsity"]
        require(tile is not None, "no weights to use again")
        assert tile is not None
        require(0 < item["k_lanes"] <= capacity(sparsity, self.config.rows), "k_lanes")
        require(0 < item["products"] <= min(self.config.rows, item["k_lanes"]), "products")
        split = item["split"] if item["split"] < item["k_lanes"] else 0
        require(sparsity == Sparsity.DENSE or split % 4 == 0, "a block of four is split")
        weights = expanded(tile, sparsity, item["weight_signed"])
        require(not weights[item["k_lanes"] :].any(), "a weight meets no lane")
        require(not weights[:, item["c_lanes"] :].any(), "unused columns must be zero")
        return weights

    def _accumulate(self, item: Instruction, sums: Indices) -> None:
        state, lanes = self.state, slice(0, item["c_lanes"])
        index = grid(item["accumulator"], item, item["accumulator_row_step"], 1)
        bank = index // self.config.bank_accumulators
        require((bank == bank[0]).all(), "crosses a bank")
        if item["first"]:
            state.accumulated[index] = False
            state.accumulated[index, lanes] = True
            state.accumulators[index] = sums
        else:
            require(state.accumulated[index, lanes].all(), "adds to what was never written")
            state.accumulators[index] += sums
        require(np.abs(state.accumulators[index]).max() < 1 << 31, "accumulator overflows")

    def _post(self, running: Running) -> None:
        item = running.item
        scalars = self.state.scalars
        require(scalars is not None, "no POST_SETUP before it")
        assert scalars is not None
        require(not (item["add"] and item["pool"]), "add and pool together")
        if item["settle"]:
            self.state.unsettled[:] = False
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
        target = grid(item["destination"], item, item["row_step"], item["step"])
        where = target[:, None] + np.arange(item["c_lanes"])
        require(where.max() < self.config.scratchpad_bytes, "writes beyond the scratchpad")
        self.state.scratchpad[where] = result
        self.state.written[where] = True
        self.state.unsettled[where] = True
        self._tap(0, running, target, result)
        if item["layer_end"]:
            self.events.append(item["layer"])

    def _bytes(self, address: Indices, lanes: int) -> Indices:
        where = address[:, None] + np.arange(lanes)
        require(where.max() < self.config.scratchpad_bytes, "reads beyond the scratchpad")
        require(self.state.written[where].all(), "reads what was never written")
        require(not self.state.unsettled[where].any(), "reads what is not settled")
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
            operand = self._bytes(
                grid(item["operand"], item, item["row_step"], item["step"]), item["c_lanes"]
            )
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


Touched = dict[str, Indices]


def touched(item: Instruction, setup: Instruction | None, config: Config) -> tuple[Touched, Touched]:
    """What an instruction reads and writes, by kind, exact to a scratchpad byte. setup: the MATMUL_SETUP that
    holds."""
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
            require(setup is not None, "no MATMUL_SETUP before it")
            assert setup is not None
            reads["map"] = rows_read(item, setup)
        case Opcode.POST:
            writes["map"] = _with_lanes(grid(item["destination"], item, item["row_step"], item["step"]), item)
            reads = _read_by_post(item, config)
    return reads, writes


def _read_by_post(item: Instruction, config: Config) -> Touched:
    read = []
    if item["from_map"]:
        read.append(_with_lanes(_sources(item).reshape(-1), item))
    if item["add"]:
        read.append(_with_lanes(grid(item["operand"], item, item["row_step"], item["step"]), item))
    reads = {"map": np.concatenate(read)} if read else {}
    if not item["from_map"]:
        reads["bank"] = np.array([item["source"] // config.bank_accumulators])
        reads["parameters"] = np.array([item["parameter_set"]])
    return reads


def _with_lanes(address: Indices, item: Instruction) -> Indices:
    return (address[:, None] + np.arange(item["c_lanes"])).reshape(-1)


def _sources(item: Instruction) -> Indices:
    """(results, window positions) addresses."""
    first = grid(item["source"], item, item["source_row_step"], item["source_step"])
    down = np.arange(item["window_rows"])[:, None] * item["window_row_step"]
    window = (down + np.arange(item["window_columns"]) * item["window_step"]).reshape(-1)
    require(len(window) and (item["pool"] or len(window) == 1), "window without pool")
    addresses: Indices = first[:, None] + window
    return addresses
