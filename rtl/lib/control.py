"""The accelerator's life: configure, run, images, completion; errors, watchdog and soft reset."""

from dataclasses import dataclass

from myhdl import Signal, always, always_comb, always_seq, block, concat, enum, intbv, modbv

from rtl.convert import unused
from rtl.lib.registers import HEADER_MAGIC, HEADER_VERSION, Control, Error
from rtl.lib.states import CONTROL
from rtl.lib.stream import bit, word

_CONFIGURE, _RUN, _RESET = (
    int(one).bit_length() - 1 for one in (Control.CONFIGURE, Control.RUN, Control.SOFT_RESET)
)
_BAD_REQUEST, _MISMATCH = int(Error.BAD_REQUEST), int(Error.CONFIG_MISMATCH)
_READ, _WRITE, _WATCHDOG, _ILLEGAL = (
    int(error) for error in (Error.BUS_READ, Error.BUS_WRITE, Error.WATCHDOG, Error.ILLEGAL_INSTRUCTION)
)
State = enum(*CONTROL)


@dataclass(frozen=True)
class Progress:
    """What the sequencer is doing. `busy`: not idle and not halted by an error; `header`: the next word is a
    header.
    """

    idle: object
    busy: object
    header: object
    running: object
    configured: object
    counting: object
    completed: object


def progress():
    """A Progress."""
    return Progress(bit(), bit(), bit(), bit(), bit(), bit(), word(32))


@dataclass(frozen=True)
class Faults:
    """Pulses of everything that is an error, and what a core says about its own."""

    core: object
    core_code: object
    core_index: object
    mismatch: object
    early_end: object
    bus_read: object
    bus_write: object
    watchdog: object
    bad_request: object


def faults():
    """A Faults."""
    return Faults(bit(), word(4), word(24), bit(), bit(), bit(), bit(), bit(), bit())


@dataclass(frozen=True)
class Header:
    """What the device header of a program says, and where that leads."""

    magic: object
    config_hash: object
    instructions: object
    input_bytes: object
    output_bytes: object
    offset: object
    version: object
    padding: object


def header_fields():
    """A Header."""
    return Header(*[word(32) for _ in range(8)])


@dataclass(frozen=True)
class Bases:
    """Where the image at hand is: program, input and output base, and its number."""

    program: object
    source: object
    result: object
    image: object


def bases():
    """A Bases; addresses wrap at 32 bits, image numbers at 16."""
    return Bases(word(32), *[Signal(modbv(0)[width:]) for width in (32, 32, 16)])


@block
def read_header(clk, take, data, header):
    """The eight words of a device header, kept from the cycle of `take` on."""

    @always(clk.posedge)
    def keep():
        if take:
            header.magic.next = data[32:]
            header.config_hash.next = data[64:32]
            header.instructions.next = data[96:64]
            header.input_bytes.next = data[128:96]
            header.output_bytes.next = data[160:128]
            header.offset.next = data[192:160]
            header.version.next = data[224:192]
            header.padding.next = data[256:224]

    return keep


@block
def check_header(
    clk, header, program_base, program_length, first_instruction, accepted, config_hash, memory_bytes
):
    """Whether this accelerator can run the program, and the address of its first instruction.

    Latency: one cycle. Magic, hash, version and the zero word must be right, the program aligned to the
    memory port, its instructions at least one and inside program_length.
    """
    offset = (memory_bytes - 1).bit_length()
    end = word(34)
    identified, placed = bit(), bit()
    instruction_bits = word(29)

    @always_comb
    def measure():
        instruction_bits.next = concat(header.instructions[24:], intbv(0)[5:])

    @always(clk.posedge)
    def compare():
        identified.next = (
            header.magic == HEADER_MAGIC
            and header.config_hash == config_hash
            and header.version == HEADER_VERSION
            and header.padding == 0
        )
        placed.next = (
            header.offset[offset:] == 0
            and program_base[offset:] == 0
            and header.instructions[32:24] == 0
            and header.instructions != 0
        )
        end.next = header.offset + instruction_bits
        first_instruction.next = program_base + header.offset

    @always_comb
    def accept():
        accepted.next = identified and placed and end <= program_length

    return measure, compare, accept


@block
def screen_requests(request, count, stopped, state, room, waiting, configure, run, refused):
    """CONFIGURE and RUN when they can be obeyed; refused: one that cannot. Combinational.

    stopped: an error or a soft reset has the floor, and requests are ignored; room, waiting: of the run
    queue.
    """

    @always_comb
    def screen():
        configure.next = False
        run.next = False
        refused.next = False
        if not stopped and not request[_RESET]:
            if request[_CONFIGURE]:
                configure.next = state.idle and not waiting and not request[_RUN]
                refused.next = not state.idle or waiting or request[_RUN]
            elif request[_RUN]:
                run.next = state.configured and room and count != 0
                refused.next = not state.configured or not room or count == 0

    return screen


@block
def sequencer(
    clk,
    rst,
    configure,
    run,
    failed,
    prog_addr,
    queue,
    header,
    header_taken,
    header_accepted,
    first_instruction,
    fetch_start,
    fetch_address,
    fetch_count,
    fetch_ended,
    image_done,
    writes_idle,
    bases,
    state,
    mismatch,
    early_end,
    configured,
    completed,
):
    """Configures from a header, then runs what the queue holds, image after image.

    Latency: three cycles from a descriptor to its first fetch; two from an image to the next.
    """
    now = Signal(State.IDLE)
    images_left = word(32)

    @always_seq(clk.posedge, reset=rst)
    def follow():
        fetch_start.next = False
        mismatch.next = False
        early_end.next = False
        configured.next = False
        completed.next = False
        if failed:
            now.next = State.HALTED
        elif now == State.IDLE:
            if configure:
                now.next = State.HEADER
                state.configured.next = False
                fetch_start.next = True
            elif queue.valid:
                now.next = State.BEGIN
        elif now == State.HEADER:
            if header_taken:
                now.next = State.ADD
        elif now == State.ADD:
            now.next = State.CHECK
        elif now == State.CHECK:
            now.next = State.IDLE
            state.configured.next = header_accepted
            configured.next = header_accepted
            mismatch.next = not header_accepted
        elif now == State.BEGIN:
            now.next = State.RUN
            fetch_start.next = True
        elif now == State.RUN:
            if image_done and not fetch_ended:
                early_end.next = True
            elif image_done:
                now.next = State.DRAIN if images_left == 1 else State.NEXT
        elif now == State.NEXT:
            now.next = State.RUN
            fetch_start.next = True
        elif now == State.DRAIN:
            if writes_idle:
                now.next = State.IDLE
                completed.next = True
                state.completed.next = state.completed + 1
        else:
            now.next = State.HALTED

    @always_seq(clk.posedge, reset=rst)
    def count():
        if run:
            state.counting.next = True
        elif failed or (now == State.DRAIN and writes_idle and not queue.valid):
            state.counting.next = False

    @always(clk.posedge)
    def address():
        if now == State.IDLE:
            fetch_count.next = 1
            if configure:
                fetch_address.next = prog_addr
                bases.program.next = prog_addr
        if now == State.BEGIN:
            fetch_count.next = header.instructions[24:]
            fetch_address.next = first_instruction
            bases.image.next = 0
            bases.source.next = queue.input_address
            bases.result.next = queue.output_address
            images_left.next = queue.count
        if now == State.NEXT:
            bases.image.next = bases.image + 1
            bases.source.next = bases.source + header.input_bytes
            bases.result.next = bases.result + header.output_bytes
            images_left.next = images_left - 1

    @always_comb
    def tell():
        queue.ready.next = now == State.BEGIN
        state.idle.next = now == State.IDLE
        state.header.next = now == State.HEADER
        state.running.next = now == State.RUN
        state.busy.next = now != State.IDLE and now != State.HALTED

    unused(header.instructions(32, 24), "zero in a header that was accepted")
    return follow, count, address, tell


@block
def capture_error(clk, rst, fault, last_issued, caught, failed, code, index, runs_instructions):
    """Keeps the first error: its code, and the instruction at fault, or the last one issued. Latency: one
    cycle.

    caught: in this cycle; failed: from the next one on.
    """
    found = word(4)

    # The later ones go before.
    @always_comb
    def rank():
        found.next = 0
        if fault.bad_request:
            found.next = _BAD_REQUEST
        if fault.watchdog:
            found.next = _WATCHDOG
        if fault.bus_write:
            found.next = _WRITE
        if fault.bus_read:
            found.next = _READ
        if runs_instructions:  # noqa: SIM102 - a branch that can be removed
            if fault.early_end:
                found.next = _ILLEGAL
        if fault.mismatch:
            found.next = _MISMATCH
        if runs_instructions:  # noqa: SIM102 - a branch that can be removed
            if fault.core:
                found.next = fault.core_code

    @always_comb
    def catch():
        caught.next = found != 0 and not failed

    @always_seq(clk.posedge, reset=rst)
    def keep():
        if caught:
            failed.next = True
            code.next = found
            index.next = last_issued
            if runs_instructions:  # noqa: SIM102 - a branch that can be removed
                if fault.core:
                    index.next = fault.core_index

    return rank, catch, keep


@block
def watchdog(clk, rst, busy, advanced, limit, expired):
    """expired: `limit` cycles of `busy` went by without `advanced`; a limit of 0 never ends. Latency: two
    cycles.
    """
    waited = word(32)
    alive = bit()

    @always_seq(clk.posedge, reset=rst)
    def count():
        alive.next = advanced or not busy
        if alive or not busy:
            waited.next = 0
        elif waited != limit:
            waited.next = waited + 1
        expired.next = busy and not alive and limit != 0 and waited == limit

    return count


@block
def soft_reset(clk, rst, request, quiet, resetting, clear):
    """From a request on `resetting` until the bus is quiet, then `clear` for one cycle."""

    @always_seq(clk.posedge, reset=rst)
    def follow():
        clear.next = False
        if resetting and quiet:
            clear.next = not clear
            resetting.next = not clear
        elif request:
            resetting.next = True

    return follow
