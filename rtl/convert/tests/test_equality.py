"""The same stimulus gives the same values, cycle by cycle, in MyHDL, Icarus and Verilator."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from myhdl import Signal, Simulation, delay, instance
from myhdl._block import _Block
from myhdl._Signal import _Signal

from rtl.convert import convert_block, lint
from rtl.convert.tests import corners, fuzz
from rtl.convert.tests.designs import filter_ports, filter_top
from rtl.convert.tests.simulate import has_verilator, icarus, verilator


@dataclass(frozen=True)
class Elaborated:
    """A design with the Signals at its ports, by port name."""

    block: _Block
    clk: _Signal
    inputs: dict[str, _Signal]
    outputs: dict[str, _Signal]


@dataclass(frozen=True)
class Case:
    """A design and its inputs in every cycle; registers hold known values after `settled` cycles."""

    name: str
    elaborate: Callable[[], Elaborated]
    steps: list[dict[str, int]]
    settled: int


def elaborate_filter() -> Elaborated:
    ports = filter_ports()
    sink = ports["sink"]
    inputs = {"rst": ports["rst"], "sink_data": sink.data, "sink_valid": sink.valid, "sink_last": sink.last}
    outputs = {name: ports[name] for name in ("result", "recent", "running")}
    return Elaborated(filter_top(**ports), ports["clk"], inputs, outputs)


def filter_steps() -> list[dict[str, int]]:
    """20 beats and more fill every register before random ones begin."""
    rng = random.Random(3)

    def step(n: int) -> dict[str, int]:
        filling = n < 40
        return {
            "rst": int(n < 7 if filling else rng.random() < 0.02),
            "sink_valid": 1 if filling else rng.randint(0, 1),
            "sink_last": 0 if filling else int(rng.random() < 0.2),
            "sink_data": rng.randint(-128, 127),
        }

    return [step(n) for n in range(240)]


def elaborate_corners() -> Elaborated:
    clk = Signal(bool(0))
    inputs, outputs = (
        {name: fuzz.make_signal(kind) for name, kind in kinds.items()}
        for kinds in (corners.INPUTS, corners.OUTPUTS)
    )
    return Elaborated(corners.corners(clk, **inputs, **outputs), clk, inputs, outputs)


def corner_steps() -> list[dict[str, int]]:
    """The index counts, so that all memory words are written in the first 16 cycles."""
    rng = random.Random(8)
    return [
        {
            "a": rng.choice((0, 255, rng.randrange(256))),
            "s": rng.choice((-128, 127, rng.randint(-128, 127))),
            "i": n % 16,
        }
        for n in range(160)
    ]


CASES = (
    Case("filter_top", elaborate_filter, filter_steps(), settled=40),
    Case("corners", elaborate_corners, corner_steps(), settled=20),
)


def in_myhdl(case: Case) -> list[str]:
    """Outputs after every cycle, in MyHDL's simulator."""
    design = case.elaborate()
    clk, lines = design.clk, []

    @instance
    def drive():
        for step in case.steps:
            for name, value in step.items():
                design.inputs[name].next = value
            yield delay(1)
            clk.next = True
            yield delay(1)
            clk.next = False
            yield delay(1)
            lines.append(" ".join(str(int(signal)) for signal in design.outputs.values()))

    Simulation(design.block, drive).run(quiet=1)
    return lines


def packed(step: dict[str, int], inputs: dict[str, _Signal]) -> str:
    """One cycle's inputs as a hexadecimal word, the first input on top."""
    word = 0
    for name, signal in inputs.items():
        word = word << len(signal) | step[name] & (1 << len(signal)) - 1
    return f"{word:x}"


def bench(case: Case, folder: Path) -> str:
    """Verilog that drives one design from a file and prints its outputs after every cycle."""
    design = case.elaborate()
    stimulus = folder / f"{case.name}.hex"
    stimulus.write_text("\n".join(packed(step, design.inputs) for step in case.steps) + "\n")
    wires = [f"wire {fuzz.declaration(signal)} {name};" for name, signal in design.outputs.items()]
    registers = [f"reg {fuzz.declaration(signal)} {name};" for name, signal in design.inputs.items()]
    ports = ", ".join(f".{name}({name})" for name in ("clk", *design.inputs, *design.outputs))
    form, names = " ".join(["%0d"] * len(wires)), ", ".join(design.outputs)
    width = sum(len(signal) for signal in design.inputs.values())
    return f"""module {case.name}_bench;
reg clk = 0;
reg [{width - 1}:0] stimulus [0:{len(case.steps) - 1}];
integer n;
{chr(10).join([*registers, *wires])}
{case.name} dut ({ports});
initial begin
    $readmemh("{stimulus}", stimulus);
    for (n = 0; n < {len(case.steps)}; n = n + 1) begin
        {{{", ".join(design.inputs)}}} = stimulus[n];
        #1 clk = 1;
        #1 clk = 0;
        #1 $display("{case.name} {form}", {names});
    end
end
endmodule
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    """All designs converted, and one bench that runs them side by side."""
    folder = tmp_path_factory.mktemp("equality")
    benches = [f"{case.name}_bench run_{case.name} ();" for case in CASES]
    text = [
        "`timescale 1ns/1ps",
        *(bench(case, folder) for case in CASES),
        "module bench;",
        *benches,
        "endmodule",
        "",
    ]
    (folder / "bench.v").write_text("\n".join(text))
    converted = [folder / "bench.v"]
    for case in CASES:
        conversion = convert_block(
            lambda case=case: case.elaborate().block, name=case.name, out_dir=folder / case.name
        )
        lint(conversion.files, conversion.top)
        converted += conversion.files
    return converted


@pytest.fixture(scope="module")
def expected() -> dict[str, list[str]]:
    """What MyHDL says once the registers are known."""
    lines = {case.name: in_myhdl(case)[case.settled :] for case in CASES}
    assert all(len(set(values)) > 100 for values in lines.values())
    return lines


def of_case(lines: list[str], name: str) -> list[str]:
    return [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]


def test_icarus_equals_myhdl(files, expected, tmp_path):
    lines = icarus(files, "bench", tmp_path)
    for case in CASES:
        printed = of_case(lines, case.name)
        assert "x" in printed[0], "registers must start unknown"
        assert printed[case.settled :] == expected[case.name]


@pytest.mark.skipif(not has_verilator(), reason="no Verilator with g++, make and perl")
def test_verilator_equals_myhdl(files, expected, tmp_path):
    lines = verilator(files, "bench", tmp_path)
    for case in CASES:
        assert of_case(lines, case.name)[case.settled :] == expected[case.name]


@pytest.mark.parametrize("seed", [11, 12])
def test_random_statements_mean_the_same_in_verilog(seed, tmp_path):
    outcome = fuzz.run(seed, 70, tmp_path)
    assert outcome.wrong == []
    assert len(outcome.accepted) > 40
    assert outcome.refused["trap 12"] > 0
