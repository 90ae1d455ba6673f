"""Dependency tokens between the units."""

from dataclasses import dataclass

from myhdl import always_comb, always_seq, block

from rtl.lib.stream import bit, word
from rtl.systolic.isa import Unit

UNITS = len(Unit)
ARRAY, POST, STORE = int(Unit.ARRAY), int(Unit.POST), int(Unit.STORE)


@dataclass(frozen=True)
class Tokens:
    """One unit's side: `wanted` units' tokens are there when `granted`; `take` takes them; `give` sends some."""

    wanted: object
    granted: object
    take: object
    give: object


def tokens_port():
    """A Tokens of fresh Signals."""
    return Tokens(word(UNITS), bit(), bit(), word(UNITS))


@block
def counter(clk, rst, give, take, wanted, missing):
    """Tokens of one unit for another, 0 to 7. missing: one is wanted and none is there."""
    count = word(3)

    @always_comb
    def look():
        missing.next = wanted and count == 0

    @always_seq(clk.posedge, reset=rst)
    def keep():
        if give and not (take and wanted):
            count.next = count + 1
        elif take and wanted and not give:
            count.next = count - 1

    return look, keep


@block
def grant(missing_0, missing_1, missing_2, port):
    """All wanted tokens are there; a unit has none for itself."""

    @always_comb
    def combine():
        port.granted.next = not (missing_0 or missing_1 or missing_2)

    return combine


@block
def tokens(clk, rst, load, array, post, store, array_waits_post, array_waits_store):
    """A counter for each ordered pair of different units. What is given can be taken in the next cycle.

    array_waits_*: the array wants a token of that unit, and there is none.
    """
    ports = [load, array, post, store]
    lacking = [[bit() for _ in ports] for _ in ports]  # [taker][giver]
    lacking[ARRAY][POST], lacking[ARRAY][STORE] = array_waits_post, array_waits_store
    pairs = [(giver, taker) for giver in range(UNITS) for taker in range(UNITS) if giver != taker]
    counters = [
        counter(clk, rst, ports[giver].give(taker), ports[taker].take, ports[taker].wanted(giver),
                lacking[taker][giver])
        for giver, taker in pairs
    ]
    grants = [
        grant(*[lacking[taker][giver] for giver in range(UNITS) if giver != taker], ports[taker])
        for taker in range(UNITS)
    ]
    return counters, grants
