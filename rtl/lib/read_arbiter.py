"""Two readers on one port."""

from myhdl import always, always_comb, always_seq, block

from rtl.lib.stream import bit


@block
def read_arbiter(clk, rst, low, high, joined, first_high):
    """Joins the clients `low` (IDs below `first_high`, served first) and `high` (the others)
    in one AXI4 read port.

    Latency: one cycle for an address, none for data. Throughput: one address and one word a cycle.
    """
    free, take_low, take_high, to_high = bit(), bit(), bit(), bit()

    @always_comb
    def choose():
        free.next = not joined.arvalid or joined.arready

    @always_comb
    def grant():
        take_low.next = free and low.arvalid
        take_high.next = free and high.arvalid and not low.arvalid
        low.arready.next = free
        high.arready.next = free and not low.arvalid

    @always_seq(clk.posedge, reset=rst)
    def hold():
        if free:
            joined.arvalid.next = low.arvalid or high.arvalid

    @always(clk.posedge)
    def load():
        if take_low:
            joined.araddr.next = low.araddr
            joined.arlen.next = low.arlen
            joined.aruser.next = low.aruser
            joined.arid.next = low.arid
        elif take_high:
            joined.araddr.next = high.araddr
            joined.arlen.next = high.arlen
            joined.aruser.next = high.aruser
            joined.arid.next = high.arid

    @always_comb
    def find_owner():
        to_high.next = joined.rid >= first_high

    @always_comb
    def route():
        low.rvalid.next = joined.rvalid and not to_high
        high.rvalid.next = joined.rvalid and to_high
        joined.rready.next = high.rready if to_high else low.rready

    @always_comb
    def spread():
        low.rdata.next = joined.rdata
        low.rresp.next = joined.rresp
        low.rlast.next = joined.rlast
        high.rdata.next = joined.rdata
        high.rresp.next = joined.rresp
        high.rlast.next = joined.rlast

    return choose, grant, hold, load, find_owner, route, spread
