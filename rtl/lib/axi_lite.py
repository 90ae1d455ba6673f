"""AXI4-Lite slave of the control registers."""

from dataclasses import dataclass

from myhdl import always, always_comb, always_seq, block

from rtl.convert import unused
from rtl.lib.stream import bit, word

SLAVE_ERROR = 2


@dataclass(frozen=True)
class RegisterBus:
    """Accesses to registers, by number (byte address / 4). `mask` has a bit for each bit to write.

    The error of a write (no register has this number) answers in its cycle. `read` comes one cycle after the
    number of the register, and data and error of a read are its answer in that cycle.
    """

    write: object
    write_number: object
    write_data: object
    write_mask: object
    write_error: object
    read: object
    read_number: object
    read_data: object
    read_error: object


def register_bus():
    """A RegisterBus for the 1,024 registers of a 12-bit byte address."""
    return RegisterBus(bit(), word(10), word(32), word(32), bit(), bit(), word(10), word(32), bit())


@block
def axi_lite(clk, rst, ctrl, bus):
    """One write and one read at a time, each answered; SLVERR where there is no register.

    Latency: a write one cycle, a read three. Throughput: a write every two cycles, a read every four.
    """
    accept, idle, decoding, reading = bit(), bit(), bit(), bit()

    @always_comb
    def accept_write():
        accept.next = ctrl.awvalid and ctrl.wvalid and not ctrl.bvalid

    @always_comb
    def write():
        ctrl.awready.next = accept
        ctrl.wready.next = accept
        bus.write.next = accept
        bus.write_number.next = ctrl.awaddr[12:2]
        bus.write_data.next = ctrl.wdata
        for lane in range(4):
            bus.write_mask.next[8 * lane + 8 : 8 * lane] = 0xFF if ctrl.wstrb[lane] else 0

    @always_seq(clk.posedge, reset=rst)
    def answer_write():
        if accept:
            ctrl.bvalid.next = True
            ctrl.bresp.next = SLAVE_ERROR if bus.write_error else 0
        elif ctrl.bready:
            ctrl.bvalid.next = False

    @always_comb
    def accept_read():
        idle.next = not decoding and not reading and not ctrl.rvalid
        bus.read.next = reading

    @always_comb
    def offer_read():
        ctrl.arready.next = idle

    @always_seq(clk.posedge, reset=rst)
    def follow_read():
        decoding.next = ctrl.arvalid and idle
        reading.next = decoding
        if reading:
            ctrl.rvalid.next = True
        elif ctrl.rready:
            ctrl.rvalid.next = False

    @always(clk.posedge)
    def answer_read():
        if idle:
            bus.read_number.next = ctrl.araddr[12:2]
        if reading:
            ctrl.rdata.next = bus.read_data
            ctrl.rresp.next = SLAVE_ERROR if bus.read_error else 0

    unused(ctrl.awaddr(2, 0), "registers are whole words")
    unused(ctrl.araddr(2, 0), "registers are whole words")
    return accept_write, write, answer_write, accept_read, offer_read, follow_read, answer_read
