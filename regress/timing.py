"""Logic delay of every module: `python -m regress.timing VARIANT CONFIG`.

The converted design is mapped to a 7-series device by Yosys, each module once and by itself; the mapped modules are
then flattened with everything below them, and Yosys' static timing gives the longest path through cells of each. This
is the netlist of a design that keeps its hierarchy: nothing is optimised across the borders of modules. `--flat` maps
each module (or only `--module`) flattened with everything below it, in hours rather than minutes for a large design;
that is usually faster, but Yosys also makes some modules slower so.
The table is sorted by delay; the exit code is 1 when a module takes more than SHARE of the clock period, 2 for bad
input. Results are kept by content. Yosys of the Python package has at most 4 GB of memory, too little for `paper`.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from regress.synthesis import (
    SynthesisError,
    clock_mhz,
    hierarchy,
    mapped,
    modules,
    report,
    report_mapped,
    table,
    yosys_command,
    yosys_version,
)

SHARE = 0.6  # of the period; the rest is for routing
# The names of the modules that are left come first: `sta` does not name those without a path.
_STA = """tee -q -a said.txt ls
read_verilog -overwrite -specify -lib +/xilinx/cells_sim.v
sta"""
# Without a top, flatten flattens every module in its place instead of throwing away all but one.
# `sta` writes a wire's arrivals anew for each of its bits, which takes minutes where thousands are side by side.
ONCE = f"""setattr -mod -unset keep_hierarchy *
setattr -mod -unset top *
flatten
splitnets -ports s:17:1000000
{_STA}"""
FLAT = f"""synth_xilinx -flatten -family xc7 -noiopad -noclkbuf -top {{top}}
{_STA}"""
_ARRIVAL = re.compile(r"Latest arrival time in '(\S+)' is (\d+)")
_PRESENT = re.compile(r"^  (\w+)$", re.MULTILINE)
_SECTION = re.compile(r"^(?=Latest arrival time in |No timing paths found)", re.MULTILINE)


@dataclass(frozen=True)
class Delay:
    """Longest combinational path of a module, in picoseconds, and where it ends and begins."""

    module: str
    picoseconds: int
    path: str


def parse(said: str, names: Sequence[str]) -> list[Delay]:
    """Delays of modules `names` from the reports of `ls` and `sta`; 0 for those without a cell on any path.

    Modules that Yosys removed, since nothing uses their outputs, have none. Raises SynthesisError when the report has
    not one section for each module that is left.
    """
    listed, *sections = _SECTION.split(said)
    left = set(_PRESENT.findall(listed))
    found = {match[1]: section for section in sections if (match := _ARRIVAL.match(section))}
    if len(sections) != len(left) or not found.keys() <= left <= set(names) or (names and not left):
        raise SynthesisError(
            f"static timing reported {len(sections)} modules of {len(left)}, given {len(names)}"
        )
    return [_delay(name, found.get(name, "")) for name in names]


def _delay(name: str, section: str) -> Delay:
    found = _ARRIVAL.match(section)
    return Delay(name, int(found[2]) if found else 0, _endpoints(section))


def _endpoints(section: str) -> str:
    """The signals on the critical path that have names of the source, from its end back to its beginning."""
    named = re.findall(r"^\s+\\([^\s\[]+)( ?\[\d+\])?", section, re.MULTILINE)
    ends = [name + bit.replace("[", " [").replace("  ", " ") for name, bit in named[:1] + named[-1:]]
    return " <- ".join(dict.fromkeys(ends))


def measure(top: str, texts: dict[str, str]) -> list[Delay]:
    """Delays of `top` and all modules below it, `texts`, each mapped once. Raises SynthesisError."""
    return parse(report_mapped(ONCE, top, mapped("-family xc7", top, texts)), list(texts))


def measure_flat(name: str, texts: dict[str, str]) -> Delay:
    """Delay of one module with the modules below it, `texts`, flattened before mapping. Raises SynthesisError."""
    return parse(report(FLAT, name, texts), [name])[0]


def measure_all_flat(texts: dict[str, str], jobs: int) -> list[Delay]:
    """Delays of all modules, each flattened before mapping; progress goes to stderr."""
    below = hierarchy(texts)
    # The largest first, so that no core waits for one at the end.
    order = sorted(texts, key=lambda name: -len(below[name]))
    parts = [{part: texts[part] for part in sorted(below[name])} for name in order]
    delays: list[Delay] = []
    with ThreadPoolExecutor(jobs) as pool:
        for delay in pool.map(measure_flat, order, parts):
            delays.append(delay)
            progress = f"{len(delays)} of {len(order)}: {delay.module} {delay.picoseconds / 1000:.3f} ns"
            print(progress, file=sys.stderr, flush=True)
    return delays


def delay_table(delays: Sequence[Delay], limit: float) -> str:
    """Markdown table of modules, the slowest first, with a mark where one is above `limit` picoseconds."""
    rows = [
        (
            delay.module,
            f"{delay.picoseconds / 1000:.3f}",
            f"TOO SLOW {delay.path}" if delay.picoseconds > limit else delay.path,
        )
        for delay in sorted(delays, key=lambda delay: (-delay.picoseconds, delay.module))
    ]
    return table(("module", "delay in ns", "path"), rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    options = _options(argv)
    try:
        limit = SHARE * 1e6 / clock_mhz(options.variant, options.config)
        texts = modules(options.variant, options.config, options.module)
        if options.flat and options.module != "top":
            delays = [measure_flat(options.module, texts)]
        elif options.flat:
            delays = measure_all_flat(texts, options.jobs)
        else:
            delays = measure(options.module, texts)
        made_with = yosys_version(yosys_command())
    except SynthesisError as error:
        print(error, file=sys.stderr)
        return 2
    print(delay_table(delays, limit))
    worst = max(delays, key=lambda delay: delay.picoseconds)
    taken, allowed = worst.picoseconds / 1000, limit / 1000
    print(f"\nslowest: {worst.module}, {taken:.3f} ns of {allowed:.3f} ns allowed ({made_with})")
    return int(worst.picoseconds > limit)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m regress.timing", description=__doc__)
    parser.add_argument("variant")
    parser.add_argument("config")
    parser.add_argument("--module", default="top", help="only this module and those below it")
    parser.add_argument("--flat", action="store_true", help="flatten each module before it is mapped")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="of --flat: modules at a time")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
