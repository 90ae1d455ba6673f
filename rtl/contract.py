"""What every accelerator has in common: its ports, the signals between shell and core, and how to find one.

A variant is a folder with a config.py, in rtl/ or outside the tree (rtl/variants.py): `CONFIGS`, name -> frozen
dataclass with `memory_bytes`, `hash`, `clock_mhz`, `event_lanes`, `taps`, `tap_bytes`, `tap_lane_bits`. Its top.py has
the block `top(clk, rst, irq, ctrl, mem, obs, cfg)`, unless it is given as Verilog.
"""

from dataclasses import dataclass
from pathlib import Path

from rtl.lib.counters import COUNTER_BITS
from rtl.lib.run_queue import Descriptor, descriptor
from rtl.lib.stream import Beats, Stream, Transfer, beats, bit, reset, stream, transfer, word
from rtl.variants import given_files, homes, part

INSTRUCTION_BITS = 256


@dataclass(frozen=True)
class ControlPort:
    """AXI4-Lite slave, 32 bits of data, 12 bits of byte address."""

    awvalid: object
    awready: object
    awaddr: object
    wvalid: object
    wready: object
    wdata: object
    wstrb: object
    bvalid: object
    bready: object
    bresp: object
    arvalid: object
    arready: object
    araddr: object
    rvalid: object
    rready: object
    rdata: object
    rresp: object


def control_port():
    """A ControlPort."""
    return ControlPort(
        bit(),
        bit(),
        word(12),
        bit(),
        bit(),
        word(32),
        word(4),
        bit(),
        bit(),
        word(2),
        bit(),
        bit(),
        word(12),
        bit(),
        bit(),
        word(32),
        word(2),
    )


@dataclass(frozen=True)
class MemoryPort:
    """AXI4 master; `aruser` and `awuser` are the layer that the bytes are for."""

    arvalid: object
    arready: object
    arid: object
    araddr: object
    arlen: object
    arsize: object
    arburst: object
    aruser: object
    rvalid: object
    rready: object
    rid: object
    rdata: object
    rresp: object
    rlast: object
    awvalid: object
    awready: object
    awid: object
    awaddr: object
    awlen: object
    awsize: object
    awburst: object
    awuser: object
    wvalid: object
    wready: object
    wdata: object
    wstrb: object
    wlast: object
    bvalid: object
    bready: object
    bid: object
    bresp: object


def memory_port(memory_bytes):
    """A MemoryPort of `memory_bytes` bytes a beat."""
    bits = 8 * memory_bytes
    return MemoryPort(
        bit(),
        bit(),
        word(2),
        word(32),
        word(8),
        word(3),
        word(2),
        word(12),
        bit(),
        bit(),
        word(2),
        word(bits),
        word(2),
        bit(),
        bit(),
        bit(),
        word(2),
        word(32),
        word(8),
        word(3),
        word(2),
        word(12),
        bit(),
        bit(),
        word(bits),
        word(memory_bytes),
        bit(),
        bit(),
        bit(),
        word(2),
        word(2),
    )


@dataclass(frozen=True)
class EventPort:
    """Layer ends, one lane for each layer that may end in one cycle."""

    valid: object
    layer: object
    image: object


@dataclass(frozen=True)
class TapPort:
    """Results where they are written: tap t has bit t of `valid` and the t-th part of every other field."""

    valid: object
    lanes: object
    layer: object
    image: object
    address: object
    tag: object
    data: object


@dataclass(frozen=True)
class ObservationPort:
    """For observation only: nothing in the design reads it. counters: of every event lane its own."""

    event: EventPort
    counters: object
    tap: TapPort


def observation_port(cfg):
    """An ObservationPort: `event_lanes` layer ends a cycle, `taps` taps of `tap_bytes` bytes, by the
    configuration.
    """
    events, taps, tap_bytes = cfg.event_lanes, cfg.taps, cfg.tap_bytes
    return ObservationPort(
        EventPort(word(events), word(12 * events), word(16 * events)),
        word(COUNTER_BITS * events),
        TapPort(
            word(taps),
            word(8 * taps),
            word(12 * taps),
            word(16 * taps),
            word(32 * taps),
            word(24 * taps),
            word(8 * tap_bytes * taps),
        ),
    )


@dataclass(frozen=True)
class CorePort:
    """Between the shell and a variant's core; docs/architecture.md has the table.

    `clear` already has `rst` in it: it is the only reset a core needs. `image` and the bases hold while an
    image runs. From `request` on: for a core that is a pipeline (see rtl/lib/shell.py), which takes requests and
    images itself; it leaves its `request` in the queue until it has read the last image.
    """

    instruction: Stream
    instruction_index: object
    program_base: object
    input_base: object
    output_base: object
    image: object
    image_done: object
    halt: object
    clear: object
    load_command: Transfer
    load_data: Beats
    store_command: Transfer
    store_data: Stream
    store_done: object
    error_valid: object
    error_code: object
    error_index: object
    activity: object
    macs: object
    macs_skipped: object
    layer_event: object
    layer: object
    request: Descriptor
    request_done: object
    in_flight: object
    input_bytes: object
    output_bytes: object
    counting: object


def core_port(memory_bytes, macs_bits=16, skipped_bits=29):
    """A CorePort for a memory port of `memory_bytes` bytes; macs_bits, skipped_bits: for what is done in a cycle."""
    return CorePort(
        instruction=stream(INSTRUCTION_BITS),
        instruction_index=word(24),
        program_base=word(32),
        input_base=word(32),
        output_base=word(32),
        image=word(16),
        image_done=bit(),
        halt=bit(),
        clear=reset(),
        load_command=transfer(),
        load_data=beats(memory_bytes),
        store_command=transfer(),
        store_data=stream(8 * memory_bytes),
        store_done=bit(),
        error_valid=bit(),
        error_code=word(4),
        error_index=word(24),
        activity=word(2),
        macs=word(macs_bits),
        macs_skipped=word(skipped_bits),
        layer_event=bit(),
        layer=word(12),
        request=descriptor(),
        request_done=bit(),
        in_flight=bit(),
        input_bytes=word(32),
        output_bytes=word(32),
        counting=bit(),
    )


class UnknownVariant(ValueError):
    """No variant or configuration of this name."""


def variants():
    """Names of the variants. Raises VariantError."""
    return tuple(homes())


def configurations(variant):
    """The variant's configurations by name. Raises UnknownVariant."""
    if variant not in variants():
        raise UnknownVariant(f"no variant {variant!r}; there are {', '.join(variants())}")
    return part(variant, "config").CONFIGS


def configuration(variant, name):
    """A configuration by name, or from a .json file. Raises UnknownVariant."""
    known = configurations(variant)
    reader = getattr(part(variant, "config"), "from_json", None)
    if reader and name.endswith(".json"):
        return reader(Path(name).read_text(), name)
    if name not in known:
        raise UnknownVariant(f"{variant} has no configuration {name!r}; there are {', '.join(known)}")
    return known[name]


def elaborate(variant, config):
    """The variant's top block at a configuration, with ports of its widths.

    Raises UnknownVariant, also for a variant given as Verilog: MyHDL has nothing to simulate or to convert.
    """
    cfg = configuration(variant, config)
    if given_files(variant):
        raise UnknownVariant(
            f"{variant} is given as Verilog: it has no block that MyHDL could simulate or convert"
        )
    top = part(variant, "top").top
    ports = control_port(), memory_port(cfg.memory_bytes), observation_port(cfg)
    return top(bit(), reset(), bit(), *ports, cfg)
