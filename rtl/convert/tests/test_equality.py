"""The same stimulus gives the same values, cycle by cycle, in MyHDL, Icarus and Verilator."""

import random

import pytest
from myhdl import Signal, Simulation, delay, instance

from rtl.convert import convert_block, lint
from rtl.convert.tests import corners, fuzz
from rtl.convert.tests.designs import Config, filter_ports, filter_top
from rtl.convert.tests.simulate import has_verilator, icarus, verilator

needs_verilator = pytest.mark.skipif(not has_verilator(), reason="no Verilator with g++, make and perl")
CYCLES = 200
BENCH = """`timescale 1ns/1ps
module bench;
reg clk = 0, rst, valid, last;
reg signed [7:0] data;
wire signed [11:0] result;
wire [15:0] recent;
wire running;
filter_top dut (.clk(clk), .rst(rst), .sink_data(data), .sink_valid(valid), .sink_last(last), .result(result),
    .recent(recent), .running(running));
initial begin
%s
end
endmodule
"""
STEP = (
    "{{rst, valid, last}} = 3'd{control}; data = {data}; #1 clk = 1; #1 clk = 0; #1 "
    '$display("%0d %0d %0d", result, recent, running);'
)


def stimuli() -> list[tuple[int, int, int, int]]:
    """(reset, valid, last, data) of every cycle: 20 beats fill the registers before anything is compared."""
    rng = random.Random(3)
    start = [(1, 1, 0, 5)] + [(int(n < 6), 1, 0, rng.randint(-128, 127)) for n in range(39)]
    rest = [
        (int(rng.random() < 0.02), rng.randint(0, 1), int(rng.random() < 0.2), rng.randint(-128, 127))
        for _ in range(CYCLES)
    ]
    return start + rest


def in_myhdl(steps) -> list[str]:
    ports = filter_ports(Config())
    clk, rst, sink = ports["clk"], ports["rst"], ports["sink"]
    dut = filter_top(**ports)
    lines: list[str] = []

    @instance
    def drive():
        for reset, valid, last, data in steps:
            rst.next, sink.valid.next, sink.last.next, sink.data.next = reset, valid, last, data
            yield delay(1)
            clk.next = True
            yield delay(1)
            clk.next = False
            yield delay(1)
            values = (ports["result"], ports["recent"], ports["running"])
            lines.append(" ".join(str(int(value)) for value in values))

    Simulation(dut, drive).run(quiet=1)
    return lines


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    """Files of the converted filter and its bench, and what MyHDL says."""
    folder = tmp_path_factory.mktemp("equality")
    steps = stimuli()
    body = "\n".join(
        STEP.format(control=reset * 4 + valid * 2 + last, data=data) for reset, valid, last, data in steps
    )
    (folder / "bench.v").write_text(BENCH % body)
    conversion = convert_block(
        lambda: filter_top(**filter_ports(Config())), name="filter_top", out_dir=folder
    )
    return [folder / "bench.v", *conversion.files], in_myhdl(steps)[40:], folder


def test_icarus_equals_myhdl(design):
    files, expected, folder = design
    lines = icarus(files, "bench", folder)
    assert "x" in "".join(lines[:1]), "registers must start unknown"
    assert lines[40:] == expected
    assert len(set(expected)) > 100


@needs_verilator
def test_verilator_equals_myhdl(design):
    files, expected, folder = design
    assert verilator(files, "bench", folder)[40:] == expected


def corner_steps() -> list[dict[str, int]]:
    """Inputs of every cycle; the index counts, so that all memory words are written in the first 16."""
    rng = random.Random(8)
    return [
        {
            "a": rng.choice((0, 255, rng.randrange(256))),
            "s": rng.choice((-128, 127, rng.randint(-128, 127))),
            "i": n % 16,
        }
        for n in range(160)
    ]


def corners_in_myhdl(steps: list[dict[str, int]]) -> list[str]:
    clk = Signal(bool(0))
    inputs = {name: fuzz.make_signal(kind) for name, kind in corners.INPUTS.items()}
    outputs = {name: fuzz.make_signal(kind) for name, kind in corners.OUTPUTS.items()}
    dut = corners.corners(clk, **inputs, **outputs)
    lines: list[str] = []

    @instance
    def drive():
        for step in steps:
            for name, value in step.items():
                inputs[name].next = value
            yield delay(1)
            clk.next = True
            yield delay(1)
            clk.next = False
            yield delay(1)
            lines.append(" ".join(str(int(signal)) for signal in outputs.values()))

    Simulation(dut, drive).run(quiet=1)
    return lines


def corner_bench(steps: list[dict[str, int]]) -> str:
    wires = [f"wire {fuzz.declare(kind)} {name};" for name, kind in corners.OUTPUTS.items()]
    registers = [f"reg {fuzz.declare(kind)} {name};" for name, kind in corners.INPUTS.items()]
    ports = ", ".join(f".{name}({name})" for name in ("clk", *corners.INPUTS, *corners.OUTPUTS))
    form, names = " ".join(["%0d"] * len(wires)), ", ".join(corners.OUTPUTS)
    body = [
        " ".join(f"{name} = {value};" for name, value in step.items())
        + f' #1 clk = 1; #1 clk = 0; #1 $display("{form}", {names});'
        for step in steps
    ]
    head = [
        "`timescale 1ns/1ps",
        "module bench;",
        "reg clk = 0;",
        *registers,
        *wires,
        f"corners dut ({ports});",
    ]
    return "\n".join([*head, "initial begin", *body, "end", "endmodule", ""])


@pytest.mark.parametrize("simulator", [icarus, pytest.param(verilator, marks=needs_verilator)])
def test_corners_mean_the_same_in_verilog(simulator, tmp_path):
    steps = corner_steps()
    inputs, outputs = (
        [fuzz.make_signal(kind) for kind in kinds.values()] for kinds in (corners.INPUTS, corners.OUTPUTS)
    )
    conversion = convert_block(
        lambda: corners.corners(Signal(bool(0)), *inputs, *outputs), name="corners", out_dir=tmp_path
    )
    lint(conversion.files, "corners")
    (tmp_path / "bench.v").write_text(corner_bench(steps))
    expected = corners_in_myhdl(steps)[20:]
    assert simulator([tmp_path / "bench.v", *conversion.files], "bench", tmp_path)[20:] == expected
    assert len(set(expected)) > 100


@pytest.mark.parametrize("seed", [11, 12])
def test_random_statements_mean_the_same_in_verilog(seed, tmp_path):
    outcome = fuzz.run(seed, 90, tmp_path)
    assert outcome.wrong == []
    assert len(outcome.accepted) > 40
    assert outcome.refused["trap 12"] > 0
