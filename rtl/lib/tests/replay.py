"""One set of vectors at three levels: recorded in MyHDL's simulator, replayed under Icarus and Verilator.

A test gives agents, which drive a design's inputs and look at its outputs cycle by cycle in MyHDL. What went
in and came out is then replayed to the converted Verilog, whose outputs must be the same in every cycle. A
payload counts only while its valid is 1; everything else must never be unknown after reset.
"""

from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path

from myhdl import Simulation, delay, instance, intbv

from rtl.convert.elaborate import quick_call_sites
from rtl.convert.ports import bind, port_signals
from rtl.convert.recorded import guard
from rtl.lib.tests import models

RESET_CYCLES = 3
TAIL = 40
BENCH = """`timescale 1ns/1ps
module bench;
reg clk = 0;
reg [{inputs}-1:0] stimulus [0:8191];
reg [{inputs}-1:0] now;
wire [{outputs}-1:0] seen;
reg [1023:0] file;
integer i, cycles;
{top} dut ({connections});
initial begin
    if (!$value$plusargs("stimulus=%s", file) || !$value$plusargs("cycles=%d", cycles)) $finish;
    $readmemh(file, stimulus, 0, cycles - 1);
    for (i = 0; i < cycles; i = i + 1) begin
        now = stimulus[i]; #1 $display("%b", seen); clk = 1; #1 clk = 0; #1;
    end
    $finish;
end
endmodule
"""


class Agent:
    """Something beside the design: `drive` sets inputs before a clock edge, `sample` sees what the edge will
    see.
    """

    finished = False  # once True for any agent, the simulation ends TAIL cycles later

    def drive(self, cycle):
        """Set inputs; outputs still show what they were before."""

    def sample(self, cycle):
        """Look at settled inputs and outputs."""

    def finish(self):
        """Assert what must be true at the end."""


def ports_of(block):
    """Every Signal among a block's arguments, by port name."""
    arguments = bind(block.func, block.args, block.kwargs).arguments
    return {port: signal for name, value in arguments.items() for port, signal in port_signals(name, value)}


@dataclass(frozen=True)
class Recording:
    """Rows of port values, one for each cycle, in MyHDL's simulator."""

    rows: list


def _value(signal):
    width = len(signal) or 1
    return int(signal) & ((1 << width) - 1) if isinstance(signal.val, intbv) else int(signal)


def record(block, agents, cycles, resets=()):
    """Simulate in MyHDL with these agents; `resets` are further cycles in which rst is 1."""
    ports = ports_of(block)
    rows = []

    @instance
    def clocking():
        end = cycles
        for cycle in range(cycles):
            if cycle == end:
                break
            if end == cycles and any(agent.finished for agent in agents):
                end = min(cycles, cycle + TAIL)
            if "rst" in ports:
                ports["rst"].next = cycle < RESET_CYCLES or cycle in resets
            for agent in agents:
                agent.drive(cycle)
            yield delay(1)
            for agent in agents:
                agent.sample(cycle)
            rows.append({name: _value(signal) for name, signal in ports.items()})
            ports["clk"].next = True
            yield delay(1)
            ports["clk"].next = False
            yield delay(1)

    Simulation(block, clocking).run(quiet=1)
    for agent in agents:
        agent.finish()
    return Recording(rows)


def check_streams(rows, outputs):
    """Valid and payload of every output stream hold until taken; raises AssertionError."""
    names = rows[0].keys()
    for valid in (port for port in outputs if port.endswith("valid")):
        ready = valid.removesuffix("valid") + "ready"
        if ready not in names:
            continue
        payload = [port for port in outputs if guard(port, names) == valid]
        for cycle, (now, then) in enumerate(pairwise(rows)):
            halted = now.get("halt") or then.get("halt")  # a halt takes back what is offered
            if now[valid] and not now[ready] and not now.get("rst") and not halted:
                assert then[valid], f"cycle {cycle}: {valid} fell before ready"
                assert all(now[port] == then[port] for port in payload), (
                    f"cycle {cycle}: {valid}'s payload changed"
                )


def replay(name, recording, folder, settle=RESET_CYCLES + 1, verilated=True):
    """Replay to the design's Verilog under both simulators; raises AssertionError at the first difference.

    verilated: False leaves out Verilator, whose builds take long."""
    model = models.prepared(name, BENCH, verilated)
    inputs = [port for port in model.ports if port.direction == "input" and port.name != "clk"]
    outputs = [port for port in model.ports if port.direction == "output"]
    check_streams(recording.rows[settle:], [port.name for port in outputs])
    stimulus = folder / "stimulus.hex"
    stimulus.write_text("\n".join(f"{_pack(row, inputs):x}" for row in recording.rows) + "\n")
    for level, lines in model.run(stimulus, len(recording.rows)):
        assert len(lines) == len(recording.rows), lines[:3]
        for cycle in range(settle, len(lines)):
            _compare(level, cycle, lines[cycle], outputs, recording.rows[cycle])


def _pack(row, ports):
    word, position = 0, 0
    for port in ports:
        word |= row[port.name] << position
        position += port.width
    return word


def _compare(level, cycle, line, outputs, row):
    position = len(line)
    for port in outputs:
        text = line[position - port.width : position]
        position -= port.width
        valid = guard(port.name, row)
        if valid is None or row[valid]:
            expected = f"{row[port.name]:0{port.width}b}"
            assert text == expected, f"{level} cycle {cycle}: {port.name} is {text}, MyHDL says {expected}"


def check(name, agents_of, cycles, folder: Path, resets=(), settle=RESET_CYCLES + 1, verilated=True):
    """Record the design `name` with agents_of(ports) for so many cycles; replay it at the other levels."""
    place, arguments = models.address(name)
    module, _, function = place.partition(":")
    with quick_call_sites():
        block = getattr(import_module(module), function)(*arguments)
    recording = record(block, agents_of(ports_of(block)), cycles, resets)
    replay(name, recording, folder, settle, verilated)
    return recording
