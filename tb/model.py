"""From a variant and a configuration to a simulator's executable: converted, wrapped in the bench, built;
all cached."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from compiler.configurations import short_name
from regress.simulators import Build, Simulator, SimulatorError, find
from regress.simulators.cache import cache_root, content_key, get_or_build
from rtl.convert import Conversion, convert_in_subprocess
from rtl.convert.given import wrap
from rtl.convert.result import read
from rtl.variants import given_files, homes
from tb.recording import Recording
from tb.variants import find_config
from tb.waves import picture

TRIES = 3
HDL = Path(__file__).parent / "hdl"
RTL = Path(__file__).parents[1] / "rtl"
TOP = "tb_top"
CONTROL = "tracing.vlt"
CLOCK, GATE = "clk", "tracing"
MEMORY_BYTES = {"icarus": 1 << 22, "verilator": 1 << 25}
ARGUMENTS = {"verilator": ("-Wno-fatal", "-Wno-lint"), "icarus": ()}  # lint is for the design, and done apart


class SourcesChanged(Exception):
    """While they were converted: somebody edits, or changes the branch."""


def converted(variant: str, config: str) -> Conversion:
    """The accelerator's Verilog, converted again only when a Python file of rtl/, of a variant outside, or the
    configuration has changed; of a variant that is given as Verilog its files, checked, and a module around them.
    Raises SimulatorError where files change again and again while they are read."""
    sizes = find_config(variant, config)
    for _ in range(TRIES):
        key = conversion_key(variant, sizes)
        folder = cache_root() / f"verilog-{variant}-{short_name(config)}-{key}"
        with suppress(SourcesChanged):
            return read(get_or_build(folder, partial(_made_of, key, variant, sizes)))
    raise SimulatorError(f"the sources of {variant} change while they are converted")


def conversion_key(variant: str, sizes: Any) -> str:
    """Of all that a conversion reads, as it is now."""
    sources = [path for path in RTL.rglob("*.py") if "tests" not in path.relative_to(RTL).parts]
    sources = [*sorted(sources), *homes()[variant].sources]
    return content_key(
        ["conversion", variant, f"{sizes.hash:08x}", str(homes()[variant].folder)], sources, ()
    )


def _made_of(key: str, variant: str, sizes: Any, folder: Path) -> None:
    """Raises SourcesChanged for what is not, or not only, of the sources with that key: it must not be kept."""
    _made(variant, sizes, folder)
    if conversion_key(variant, sizes) != key:
        raise SourcesChanged


def _made(variant: str, sizes: Any, folder: Path) -> None:
    files = given_files(variant)
    if files:
        wrap(variant, sizes, files, folder)
    else:
        convert_in_subprocess("rtl.contract:elaborate", folder, arguments=(variant, sizes.name))


def memory_words(simulator: str, memory_bytes: int) -> int:
    """Words of the simulated DRAM."""
    return MEMORY_BYTES.get(simulator, 1 << 22) // memory_bytes


def bench_build(
    variant: str, config_name: str, simulator: str, recording: Recording | None, coverage: bool
) -> Build:
    """The bench around one accelerator, as the simulator's build description."""
    config = find_config(variant, config_name)
    design = converted(variant, config_name)
    return Build(
        sources=(
            *sorted(HDL.glob("*.sv")),
            HDL / "tb_control.vlt",
            *left_out(variant, recording),
            *design.files,
        ),
        top=TOP,
        parameters={
            "BYTES": config.memory_bytes,
            "WORDS": memory_words(simulator, config.memory_bytes),
            "EVENT_LANES": config.event_lanes,
            "TAPS": config.taps,
            "TAP_BYTES": config.tap_bytes,
            "TAP_LANE_BITS": config.tap_lane_bits,
        },
        defines={"ASSAY_DUT": design.top, **({"ASSAY_TRACED": 1} if recording else {})},
        includes=(HDL, *sorted({file.parent for file in given_files(variant)})),
        arguments=ARGUMENTS.get(simulator, ()),
        clock=CLOCK,
        gate=GATE,
        trace=recording is not None,
        coverage=coverage,
    )


def left_out(variant: str, recording: Recording | None) -> tuple[Path, ...]:
    """A control file that keeps Verilator from recording what is too much, where that was not asked for."""
    deep = picture(variant).deep
    if recording is None or recording.deep or not deep:
        return ()
    text = "`verilator_config\n" + "".join(f'tracing_off -scope "{TOP}.dut.{scope}*"\n' for scope in deep)
    folder = cache_root() / f"tracing-{variant}-{content_key([text], (), ())}"
    return (get_or_build(folder, lambda scratch: write(scratch / CONTROL, text)) / CONTROL,)


def write(path: Path, text: str) -> None:
    """Write a file."""
    path.write_text(text)


def built_model(
    variant: str, config: str, simulator: str, recording: Recording | None = None, coverage: bool = False
) -> tuple[Simulator, Path]:
    """The simulator and the folder of the executable."""
    tool = find(simulator)
    return tool, tool.build(bench_build(variant, config, simulator, recording, coverage))
