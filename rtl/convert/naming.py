"""Verilog names for what Python names: locals of a block function, and what they hold.

`acts[3]` becomes `acts_3`, `sink.data` becomes `sink_data`, an instance gets the name of the variable
that holds it. Names depend on the source text alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from myhdl import SignalType
from myhdl._block import _Block

from rtl.convert.errors import ConvertError
from rtl.convert.ports import attributes

_KEYWORDS = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before begin
bind bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking
cmos config const constraint context continue cover covergroup coverpoint cross deassign default defparam
design disable dist do edge else end endcase endchecker endclass endclocking endconfig endfunction
endgenerate endgroup endinterface endmodule endpackage endprimitive endprogram endproperty endspecify
endsequence endtable endtask enum event eventually expect export extends extern final first_match for
force foreach forever fork forkjoin function generate genvar global highz0 highz1 if iff ifnone
ignore_bins illegal_bins implements implies import incdir include initial inout input inside instance int
integer interconnect interface intersect join join_any join_none large let liblist library local
localparam logic longint macromodule matches medium modport module nand negedge nettype new nexttime nmos
nor noshowcancelled not notif0 notif1 null or output package packed parameter pmos posedge primitive
priority program property protected pull0 pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent
pure rand randc randcase randsequence rcmos real realtime ref reg reject_on release repeat restrict
return rnmos rpmos rtran rtranif0 rtranif1 s_always s_eventually s_nexttime s_until s_until_with scalared
sequence shortint shortreal showcancelled signed small soft solve specify specparam static string strong
strong0 strong1 struct super supply0 supply1 sync_accept_on sync_reject_on table tagged task this
throughout time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior trireg type
typedef union unique unique0 unsigned until until_with untyped use uwire var vectored virtual void wait
wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor
"""
KEYWORDS = frozenset(_KEYWORDS.split())


class Namespace:
    """Names of one Verilog module, each given once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def claim(self, name: str) -> str:
        """This very name; an error when it is a Verilog keyword or already given."""
        if name in KEYWORDS:
            raise ConvertError(f"{name!r} is a keyword of Verilog: choose another name")
        if name in self._taken:
            raise ConvertError(f"two ports are both called {name!r} in Verilog: rename one")
        self._taken.add(name)
        return name

    def unique(self, name: str) -> str:
        """This name, with a number behind it if it is taken."""
        candidate, number = name, 1
        while candidate in self._taken or candidate in KEYWORDS:
            candidate, number = f"{name}_{number}", number + 1
        self._taken.add(candidate)
        return candidate


def named_values(block: _Block) -> dict[str, Any]:
    """Arguments and locals of a block function after it returned, in the order of the source."""
    frame = block.subs[0].callinfo.frame
    return dict(frame.f_locals)


def walk(name: str, value: object) -> Iterator[tuple[str, object]]:
    """The Signals, lists and block instances that a value holds, each with its name."""
    if isinstance(value, (SignalType, _Block)):
        yield name, value
    elif isinstance(value, (list, tuple)):
        yield name, value
        for index, item in enumerate(value):
            yield from walk(f"{name}_{index}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from walk(f"{name}_{key}", item)
    elif not inspect.isroutine(value):
        for field, item in attributes(value).items():
            yield from walk(f"{name}_{field}", item)
