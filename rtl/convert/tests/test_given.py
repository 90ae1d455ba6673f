"""Verilog that is given: its ports are held against the contract, and parameters reach it."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rtl.convert.errors import ConvertError
from rtl.convert.given import contract_ports, given_ports, wrap
from rtl.convert.lint import tool_environment, verilator_program
from rtl.convert.result import read

EXAMPLE = sorted((Path(__file__).parents[3] / "examples" / "maxpool").glob("*.v"))


@dataclass(frozen=True)
class Sizes:
    name: str = "tiny"
    memory_bytes: int = 16
    event_lanes: int = 1
    taps: int = 1
    tap_bytes: int = 4
    parameters: dict = field(default_factory=lambda: {"BYTES": 16})


def design(change=lambda text: text):
    """A module with the contract's ports, and no more; change: of its text."""
    widths = {"mem_rdata": "8*BYTES", "mem_wdata": "8*BYTES", "mem_wstrb": "BYTES"}
    ports = [
        f"{port.direction} wire [{widths.get(port.name, port.width)}-1:0] {port.name}"
        for port in contract_ports(Sizes())
    ]
    return change("module own #(parameter BYTES = 8) (\n" + ",\n".join(ports) + "\n);\nendmodule\n")


def wrapped(folder, text):
    """What comes of a design."""
    (folder / "own.v").write_text(text)
    wrap("own", Sizes(), [folder / "own.v"], folder)
    return read(folder)


def test_the_contract_has_these_ports():
    ports = {port.name: (port.direction, port.width) for port in contract_ports(Sizes())}
    assert len(ports) == 3 + 17 + 31 + 11
    assert ports["ctrl_awready"] == ("output", 1) and ports["ctrl_bready"] == ("input", 1)
    assert ports["mem_arready"] == ("input", 1) and ports["mem_rready"] == ("output", 1)
    assert ports["mem_rdata"] == ("input", 128) and ports["mem_wstrb"] == ("output", 16)
    assert ports["obs_counters"] == ("output", 576) and ports["obs_tap_data"] == ("output", 32)


def test_a_design_with_these_ports_is_taken_with_its_parameters(tmp_path):
    made = wrapped(tmp_path, design())
    assert made.top == "own_given"
    assert made.files == (tmp_path / "own.v", tmp_path / "own_given.v")
    assert "own #(.BYTES(32'd16)) given (" in made.files[1].read_text()
    assert {port.name: port.width for port in given_ports("own", made.files[:1], {"BYTES": 32})}[
        "mem_wdata"
    ] == 256


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda text: text.replace("[12-1:0] mem_aruser", "[4-1:0] mem_aruser"),
            "port mem_aruser has 4 bits, must have 12",
        ),
        (
            lambda text: text.replace("output wire [1-1:0] irq,\n", ""),
            "there is no port irq (output, 1 bit)",
        ),
        (
            lambda text: text.replace("input wire [1-1:0] mem_rlast", "output wire [1-1:0] mem_rlast"),
            "port mem_rlast is an output, must be an input",
        ),
        (
            lambda text: text.replace("(\n", "(\ninput wire more,\n", 1),
            "there is a port more, which the contract does not have",
        ),
        (
            lambda text: text.replace("BYTES-1:0] mem_wstrb", "8-1:0] mem_wstrb"),
            "port mem_wstrb has 8 bits, must have 16",
        ),
    ],
)
def test_a_port_that_is_wrong_is_named(tmp_path, change, told):
    text = design(change)
    assert text != design()
    with pytest.raises(ConvertError) as caught:
        wrapped(tmp_path, text)
    assert str(caught.value) == f"module own: {told} (docs/architecture.md, Top ports)"


@pytest.mark.parametrize(
    ("text", "told"),
    [("module own (;\nendmodule\n", "syntax error"), ("module other;\nendmodule\n", "own")],
)
def test_verilog_that_cannot_be_read_is_one_line(tmp_path, text, told):
    with pytest.raises(ConvertError, match=told) as caught:
        wrapped(tmp_path, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("memory_bytes", [8, 16, 32])
def test_the_example_is_free_of_lint(memory_bytes):
    program = verilator_program()
    command = [program, "--lint-only", "-Wall", "-Wno-DECLFILENAME", "--quiet", "--top-module", "maxpool"]
    command += [f"-GMEMORY_BYTES={memory_bytes}", *map(str, EXAMPLE)]
    done = subprocess.run(command, env=tool_environment(program), capture_output=True, text=True)
    assert len(EXAMPLE) == 7 and done.returncode == 0, done.stderr
