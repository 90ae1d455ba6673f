"""Every port of an accelerator recorded in every cycle of a simulation, to compare simulators with each other.

The bench is the usual one; between it and the design stands a generated module of the design's ports that writes
them to a file just before each rising edge. So Python does nothing in a cycle, and no other run is slowed down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from regress.simulators import Run, find
from regress.simulators.cache import cache_root, content_key, get_or_build
from rtl.convert import Port
from rtl.convert.recorded import Row, read_record
from tb.job import JOB, Job, Request
from tb.launch import MODULE
from tb.model import TOP, bench_build, converted, memory_words
from tb.outcome import RequestOutcome, load_outcomes
from tb.variants import find_config

RECORD = "ports.txt"
WRAPPER = "recorded_design"
_TEXT = """`timescale 1ns / 1ps
module {wrapper} (
{declarations}
);
    {design} observed ({connections});
    integer file;
    initial begin
        file = $fopen("{record}", "w");
        forever begin
            @(negedge clk);
            #4 $fwrite(file, "%b\\n", {{{recorded}}});
        end
    end
endmodule
"""


def recorded_ports(variant: str, config: str) -> list[Port]:
    """The design's ports in the order of a record: all but the clock."""
    return [port for port in converted(variant, config).ports if port.name != "clk"]


def wrapper_text(design: str, ports: Sequence[Port]) -> str:
    """SystemVerilog of the recording module around a design."""
    declared = [f"    {port.direction} wire [{port.width - 1}:0] {port.name}" for port in ports]
    return _TEXT.format(
        wrapper=WRAPPER,
        design=design,
        declarations=",\n".join(["    input wire clk", *declared]),
        connections=", ".join(f".{name}({name})" for name in ("clk", *(port.name for port in ports))),
        record=RECORD,
        recorded=", ".join(port.name for port in ports),
    )


def _wrapper_file(variant: str, config: str) -> Path:
    text = wrapper_text(converted(variant, config).top, recorded_ports(variant, config))
    folder = cache_root() / f"recorded-{variant}-{config}-{content_key([text], (), ())}"

    def write(scratch: Path) -> None:
        (scratch / f"{WRAPPER}.sv").write_text(text)

    return get_or_build(folder, write) / f"{WRAPPER}.sv"


def record(
    variant: str, config: str, simulator: str, request: Request, folder: Path, seed: int
) -> tuple[list[RequestOutcome], list[Row]]:
    """Run a request whose files are in `folder`: its outcome, and a row of port values (bits by name) a cycle.

    The memory has the same size under every simulator. Raises BuildError and SimulatorError."""
    sizes = find_config(variant, config)
    words = memory_words("icarus", sizes.memory_bytes)
    plain = bench_build(variant, config, simulator, None, coverage=False)
    build = replace(
        plain,
        sources=(*plain.sources, _wrapper_file(variant, config)),
        parameters={**plain.parameters, "WORDS": words},
        defines={**plain.defines, "ASSAY_DUT": WRAPPER},
    )
    tool = find(simulator)
    Job(variant, config, seed, words, (request,)).save(folder / JOB)
    tool.run(Run(tool.build(build), TOP, MODULE, folder, seed=seed))
    return load_outcomes(folder), read_record(folder / RECORD, recorded_ports(variant, config))
