"""Everything around a core that all accelerators share."""

from myhdl import Signal, always, always_comb, always_seq, block, concat, modbv

from rtl.convert import unused
from rtl.lib.axi_lite import axi_lite, register_bus
from rtl.lib.axi_read import read_dma
from rtl.lib.axi_write import write_dma
from rtl.lib.control import (
    bases,
    capture_error,
    check_header,
    faults,
    header_fields,
    progress,
    read_header,
    screen_requests,
    sequencer,
    soft_reset,
    watchdog,
)
from rtl.lib.counters import COUNTER_BITS, Activity, counter_bank
from rtl.lib.instruction_fetch import instruction_fetch
from rtl.lib.load_sequencer import find_engaged, load_sequencer, pass_requests
from rtl.lib.read_arbiter import read_arbiter
from rtl.lib.read_port import read_port
from rtl.lib.register_file import host_registers, interrupts, register_file, shown_registers
from rtl.lib.run_queue import descriptor, run_queue
from rtl.lib.stream import bit, stream, word

LOAD_ID = 1
LOAD_BURSTS = 8
LOAD_BUFFER = 128  # words
_COMPUTE = int(Activity.COMPUTE)


@block
def memory_side(
    clk,
    rst,
    halt,
    fetch_start,
    fetch_address,
    fetch_count,
    fetched,
    fetched_index,
    fetch_ended,
    load_command,
    load_data,
    store_command,
    store_data,
    store_done,
    written,
    mem,
    fault,
    quiet,
    writes_idle,
):
    """Instruction fetch, load and store on one AXI4 port.

    quiet: no burst is unanswered; writes_idle: no write is. Halt, latency and throughput as the DMAs.
    """
    memory_bytes = len(mem.wstrb)
    size = (memory_bytes - 1).bit_length()
    fetch_port, load_port = read_port(memory_bytes), read_port(memory_bytes)
    fetch_error, load_error, fetch_idle, load_idle, no_write = bit(), bit(), bit(), bit(), bit()

    fetch = instruction_fetch(
        clk,
        rst,
        halt,
        fetch_start,
        fetch_address,
        fetch_count,
        fetched,
        fetched_index,
        fetch_ended,
        fetch_port,
        fetch_error,
        fetch_idle,
    )
    load = read_dma(
        clk,
        rst,
        halt,
        load_command,
        load_data,
        load_port,
        load_error,
        load_idle,
        LOAD_BUFFER,
        LOAD_BURSTS,
        LOAD_ID,
    )
    store = write_dma(
        clk, rst, halt, store_command, store_data, mem, store_done, written, fault.bus_write, no_write
    )
    arbiter = read_arbiter(clk, rst, fetch_port, load_port, mem, LOAD_ID)

    @always(clk.posedge)
    def state_geometry():
        mem.arsize.next = size
        mem.awsize.next = size
        mem.arburst.next = 1
        mem.awburst.next = 1

    @always_comb
    def summarise():
        fault.bus_read.next = fetch_error or load_error
        quiet.next = fetch_idle and load_idle and no_write
        writes_idle.next = no_write

    unused(mem.bid, "all writes have ID 0, so their responses come in order")
    return fetch, load, store, arbiter, state_geometry, summarise


@block
def control_side(clk, rst, ctrl, request, acknowledge, host, shown, counters, config_hash):
    """AXI4-Lite slave and registers. Only `rst` resets what the host has written."""
    bus = register_bus()

    slave = axi_lite(clk, rst, ctrl, bus)
    registers = register_file(clk, rst, bus, host, shown, counters, request, acknowledge, config_hash)
    return slave, registers


@block
def measure_traffic(clk, rst, mem, core, advanced, bytes_read):
    """advanced: bus or core moved, a cycle ago; bytes_read: bytes that come in this cycle."""
    memory_bytes = len(mem.wstrb)

    @always_comb
    def count():
        bytes_read.next = memory_bytes if mem.rvalid and mem.rready else 0

    @always_seq(clk.posedge, reset=rst)
    def watch():
        advanced.next = (
            (mem.arvalid and mem.arready)
            or (mem.rvalid and mem.rready)
            or (mem.awvalid and mem.awready)
            or (mem.wvalid and mem.wready)
            or (mem.bvalid and mem.bready)
            or (core.instruction.valid and core.instruction.ready)
            or core.activity == _COMPUTE
        )

    return count, watch


@block
def route_words(fetched, index, state, header_taken, halt, core):
    """Sends what was fetched to the core, or the header to the control. Combinational."""

    @always_comb
    def route():
        core.instruction.data.next = fetched.data
        core.instruction.valid.next = fetched.valid and state.running and not halt
        core.instruction_index.next = index
        core.halt.next = halt
        header_taken.next = fetched.valid and state.header
        fetched.ready.next = state.header or (state.running and not halt and core.instruction.ready)

    return route


@block
def place_image(base, core):
    """Where the image at hand lies, for a core that runs one after the other. Combinational."""

    @always_comb
    def place():
        core.program_base.next = base.program
        core.input_base.next = base.source
        core.output_base.next = base.result
        core.image.next = base.image

    return place


@block
def describe_images(state, header, core):
    """What a pipeline has to know of images. Combinational."""

    @always_comb
    def place():
        core.input_bytes.next = header.input_bytes
        core.output_bytes.next = header.output_bytes
        core.counting.next = state.counting

    return place


@block
def report(clk, rst, core, state, failed, waiting, room, quiet, resetting, code, index, shown, last_issued):
    """What the status registers show. Latency: one cycle."""
    busy = bit()

    @always_comb
    def find_busy():
        busy.next = state.busy or not quiet or (waiting and not failed)

    @always_seq(clk.posedge, reset=rst)
    def show():
        shown.status.next = concat(resetting, not room, failed, busy, state.configured)
        if core.layer_event:
            shown.layer.next = core.layer
        if core.instruction.valid and core.instruction.ready:
            last_issued.next = core.instruction_index

    @always_comb
    def forward():
        shown.error.next = code
        shown.error_pc.next = index
        shown.completed.next = state.completed

    return find_busy, show, forward


@block
def gather_faults(clk, rst, core, fault):
    """The core's own errors among all others. Latency: one cycle, so that a core may find them late in a
    cycle.
    """

    @always_seq(clk.posedge, reset=rst)
    def announce():
        fault.core.next = core.error_valid

    @always(clk.posedge)
    def keep():
        fault.core_code.next = core.error_code
        fault.core_index.next = core.error_index

    return announce, keep


@block
def observe_layers(core, counters, obs):
    """Layer ends and live counters, for observation. Combinational."""

    @always_comb
    def show():
        obs.event.valid.next = core.layer_event
        obs.event.layer.next = core.layer
        obs.event.image.next = core.image
        obs.counters.next = counters

    return show


@block
def shell(clk, rst, irq, ctrl, mem, obs, core, config_hash, words=0):
    """Registers, run queue, program header, fetch, DMAs, counters and error handling around a core.

    The ports are those of rtl/contract.py: ControlPort, MemoryPort, ObservationPort (its taps are the core's)
    and CorePort. config_hash: what a program's header must say. words: 0 for a core that runs instructions, one
    image at a time; else it is a pipeline that takes so many words at CONFIGURE, and tells its own events.
    """
    memory_bytes = len(mem.wstrb)
    host, shown, state, fault, base = host_registers(), shown_registers(), progress(), faults(), bases()
    header, queued, waiting = header_fields(), descriptor(), descriptor()
    fetched, fetched_index = stream(256), Signal(modbv(0)[24:])
    fetch_start, fetch_address, fetch_count, fetch_ended = bit(), word(32), word(24), bit()
    header_taken, header_accepted, first_instruction = bit(), bit(), Signal(modbv(0)[32:])
    request, acknowledge, raised = word(3), word(4), word(4)
    code, index, last_issued, caught = word(4), word(24), word(24), bit()
    configure, run, configured, completed, clear_counters = bit(), bit(), bit(), bit(), bit()
    failed, resetting, clear, halt, quiet, writes_idle, advanced = [bit() for _ in range(7)]
    reset_request, stopped, watched, accepted, engaged = [bit() for _ in range(5)]
    counters, bytes_read, written = word(COUNTER_BITS), word(8), word(7)

    host_side = control_side(clk, rst, ctrl, request, acknowledge, host, shown, counters, config_hash)
    interrupt_bits = interrupts(
        clk, core.clear, raised, acknowledge, host.irq_enable(4, 0), shown.irq_status, irq
    )
    screening = screen_requests(
        request, host.count, stopped, state, queued.ready, waiting.valid, configure, run, fault.bad_request
    )
    queue = run_queue(clk, core.clear, queued, waiting)
    if words:
        sequence = load_sequencer(
            clk,
            core.clear,
            configure,
            failed,
            host.prog_addr,
            header,
            header_taken,
            header_accepted,
            first_instruction,
            fetch_start,
            fetch_address,
            fetch_count,
            fetch_ended,
            base.program,
            engaged,
            state,
            fault.mismatch,
            configured,
            words,
        )
        passing = [
            find_engaged(core.in_flight, waiting.valid, engaged),
            pass_requests(
                clk,
                core.clear,
                run,
                failed,
                waiting,
                core.request,
                core.request_done,
                engaged,
                state,
                completed,
            ),
        ]
        placing = describe_images(state, header, core)
        own_events = []
        unused(writes_idle, "a pipeline knows which of its stores are done")
    else:
        sequence = sequencer(
            clk,
            core.clear,
            configure,
            run,
            failed,
            host.prog_addr,
            waiting,
            header,
            header_taken,
            header_accepted,
            first_instruction,
            fetch_start,
            fetch_address,
            fetch_count,
            fetch_ended,
            core.image_done,
            writes_idle,
            base,
            state,
            fault.mismatch,
            fault.early_end,
            configured,
            completed,
        )
        passing = gather_faults(clk, core.clear, core, fault)
        placing = place_image(base, core)
        own_events = observe_layers(core, counters, obs)
    feed = route_words(fetched, fetched_index, state, header_taken, halt, core)
    header_reader = read_header(clk, header_taken, fetched.data, header)
    header_check = check_header(
        clk,
        header,
        base.program,
        host.prog_len,
        first_instruction,
        header_accepted,
        config_hash,
        memory_bytes,
    )
    memory = memory_side(
        clk,
        core.clear,
        halt,
        fetch_start,
        fetch_address,
        fetch_count,
        fetched,
        fetched_index,
        fetch_ended,
        core.load_command,
        core.load_data,
        core.store_command,
        core.store_data,
        core.store_done,
        written,
        mem,
        fault,
        quiet,
        writes_idle,
    )
    errors = capture_error(clk, core.clear, fault, last_issued, caught, failed, code, index, words == 0)
    traffic = measure_traffic(clk, core.clear, mem, core, advanced, bytes_read)
    guard = watchdog(clk, core.clear, watched, advanced, host.watchdog, fault.watchdog)
    resets = soft_reset(clk, rst, reset_request, quiet, resetting, clear)
    counting = counter_bank(
        clk,
        core.clear,
        clear_counters,
        state.counting,
        core.activity,
        bytes_read,
        written,
        core.macs,
        core.macs_skipped,
        counters,
    )
    status = report(
        clk,
        core.clear,
        core,
        state,
        failed,
        waiting.valid,
        queued.ready,
        quiet,
        resetting,
        code,
        index,
        shown,
        last_issued,
    )

    @always_comb
    def stop():
        halt.next = failed or resetting or clear
        stopped.next = failed or resetting or clear
        core.clear.next = rst or clear
        reset_request.next = request[2]

    @always_comb
    def queue_run():
        queued.valid.next = run
        queued.input_address.next = host.in_addr
        queued.output_address.next = host.out_addr
        queued.count.next = host.count

    @always_comb
    def start_counting():
        clear_counters.next = run and not state.counting

    @always_comb
    def watch():
        watched.next = state.busy and not resetting

    @always_comb
    def leave_queue():
        accepted.next = waiting.valid and waiting.ready

    @always_comb
    def interrupt():
        raised.next = concat(accepted, caught, completed, configured)

    unused(host.irq_enable(32, 4), "there are four interrupts")
    return (
        host_side,
        interrupt_bits,
        screening,
        queue,
        sequence,
        passing,
        header_reader,
        header_check,
        feed,
        placing,
        memory,
        errors,
        traffic,
        guard,
        resets,
        counting,
        status,
        own_events,
        stop,
        queue_run,
        start_counting,
        watch,
        leave_queue,
        interrupt,
    )
