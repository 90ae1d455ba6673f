"""The smallest core: copies bytes from the input to the output, to test the shell around it.

Instruction: bits 3..0 opcode (1 copy, 15 end), 27..16 layer, 55..32 length, 95..64 input offset, 127..96
output offset; both addresses are equal modulo the memory port.
"""

from myhdl import Signal, always, always_comb, always_seq, block, enum, modbv

from rtl.contract import core_port
from rtl.convert import unused
from rtl.lib.counters import Activity
from rtl.lib.registers import Error
from rtl.lib.shell import shell
from rtl.lib.stream import bit, word

COPY, END = 1, 15
CONFIG_HASH = 0x1234ABCD
_ILLEGAL = int(Error.ILLEGAL_INSTRUCTION)
_COMPUTE, _READ, _WRITE, _WAIT = (int(kind) for kind in Activity)
State = enum("READY", "MOVE", "WAIT")


@block
def copy_core(clk, core):
    """Runs one instruction at a time on the signals of a CorePort. Throughput: one word a cycle while it
    copies.
    """
    now = Signal(State.READY)
    opcode = word(4)
    taken, moving = bit(), bit()
    source, result = Signal(modbv(0)[32:]), Signal(modbv(0)[32:])

    @always_comb
    def decode():
        opcode.next = core.instruction.data[4:]
        core.instruction.ready.next = now == State.READY and not core.halt
        taken.next = core.instruction.valid and now == State.READY and not core.halt
        source.next = core.input_base + core.instruction.data[96:64]
        result.next = core.output_base + core.instruction.data[128:96]

    @always_seq(clk.posedge, reset=core.clear)
    def follow():
        core.image_done.next = False
        core.error_valid.next = False
        core.layer_event.next = False
        if now == State.READY:
            if taken and opcode == COPY:
                now.next = State.MOVE
            elif taken:
                core.image_done.next = opcode == END
                core.error_valid.next = opcode != END
        elif now == State.MOVE:
            if moving and core.load_data.last:
                now.next = State.WAIT
        elif core.store_done:
            core.layer_event.next = True
            now.next = State.READY

    @always_seq(clk.posedge, reset=core.clear)
    def ask():
        if taken and opcode == COPY:
            core.load_command.valid.next = True
            core.store_command.valid.next = True
        else:
            if core.load_command.ready:
                core.load_command.valid.next = False
            if core.store_command.ready:
                core.store_command.valid.next = False

    @always(clk.posedge)
    def keep():
        core.error_code.next = _ILLEGAL
        if taken:
            core.error_index.next = core.instruction_index
            core.layer.next = core.instruction.data[28:16]
            core.load_command.address.next = source
            core.load_command.length.next = core.instruction.data[56:32]
            core.load_command.layer.next = core.instruction.data[28:16]
            core.store_command.address.next = result
            core.store_command.length.next = core.instruction.data[56:32]
            core.store_command.layer.next = core.instruction.data[28:16]

    @always_comb
    def move():
        core.store_data.data.next = core.load_data.data
        core.store_data.valid.next = core.load_data.valid and now == State.MOVE
        core.load_data.ready.next = core.store_data.ready and now == State.MOVE
        moving.next = core.load_data.valid and core.store_data.ready and now == State.MOVE

    @always_comb
    def tell():
        core.macs.next = 3 if moving else 0
        core.macs_skipped.next = 1 if core.image_done else 0
        core.activity.next = _WAIT
        if now == State.READY:
            core.activity.next = _READ
        elif moving:
            core.activity.next = _COMPUTE
        elif now == State.MOVE:
            core.activity.next = _WRITE if core.load_data.valid else _READ

    unused(core.load_data.keep, "input and output lie alike in their words")
    unused(core.program_base, "there are no constants")
    unused(core.instruction.data(16, 4), "not used")
    unused(core.instruction.data(32, 28), "not used")
    unused(core.instruction.data(64, 56), "not used")
    unused(core.instruction.data(256, 128), "not used")
    return decode, follow, ask, keep, move, tell


@block
def tap_results(core, obs):
    """What is stored, for observation."""

    @always_comb
    def show():
        obs.tap.valid.next = core.store_data.valid and core.store_data.ready
        obs.tap.lanes.next = 1
        obs.tap.layer.next = core.layer
        obs.tap.image.next = core.image
        obs.tap.address.next = core.store_command.address
        obs.tap.tag.next = core.error_index
        obs.tap.data.next = core.store_data.data[8:]

    unused(core.store_data.data(len(core.store_data.data), 8), "one byte shows that the tap works")
    return show


@block
def copy_accelerator(clk, rst, irq, ctrl, mem, obs, memory_bytes):
    """The shell with the copying core: the top of an accelerator."""
    core = core_port(memory_bytes)
    around = shell(clk, rst, irq, ctrl, mem, obs, core, CONFIG_HASH)
    inside = copy_core(clk, core)
    taps = tap_results(core, obs)
    return around, inside, taps
