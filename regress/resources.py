"""Cells of every module on a variant's FPGA: `python -m regress.resources VARIANT CONFIG`.

Yosys maps the converted design to the FPGA that the variant names, each module once and by itself, and counts cells; a
module's figures are those of one instance with everything below it, instances of a module counted as often as they
occur. Nothing was optimised across the borders of modules, so a design that is flattened first takes fewer LUTs; place
and route would also put two small LUTs into one. `--parts MODULE` also shows the instances in a module one by one. The
exit code is 1 when the design does not fit, 2 for bad input.

LUT: as logic. LUTRAM: as memory or shift registers. CARRY8: a CARRY4 is half. BRAM36: block RAM of 36 Kb, one of 18 Kb
is half.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from regress.synthesis import (
    Device,
    SynthesisError,
    device,
    instances_of,
    mapped,
    modules,
    report_mapped,
    table,
    yosys_command,
    yosys_version,
)

COLUMNS = ("LUT", "LUTRAM", "FF", "CARRY8", "DSP", "BRAM36", "URAM")
# LUTs of a distributed RAM or shift register, from Xilinx UG474 and UG574.
_LUTRAM = {
    "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "RAM256X1D": 8, "RAM32M": 4, "RAM64M": 4, "RAM32M16": 8,
    "RAM64M8": 8, "RAM32X1S": 1, "RAM64X1S": 1, "RAM128X1S": 2, "RAM256X1S": 4, "RAM512X1S": 8, "RAM32X16DR8": 8,
    "RAM64X8SW": 8, "SRL16E": 1, "SRLC16E": 1, "SRLC32E": 1,
}  # fmt: skip
_OTHER = {
    "CARRY8": ("CARRY8", 1.0), "CARRY4": ("CARRY8", 0.5), "DSP48E1": ("DSP", 1.0), "DSP48E2": ("DSP", 1.0),
    "RAMB36E1": ("BRAM36", 1.0), "RAMB18E1": ("BRAM36", 0.5), "RAMB36E2": ("BRAM36", 1.0), "RAMB18E2": ("BRAM36", 0.5),
    "URAM288": ("URAM", 1.0), "INV": ("LUT", 1.0), "FDRE": ("FF", 1.0),
    "FDSE": ("FF", 1.0), "FDCE": ("FF", 1.0), "FDPE": ("FF", 1.0),
}  # fmt: skip
_SCARCE = {"LUT", "FF", "DSP", "BRAM36", "URAM"}  # carry chains come with LUTs
_FREE = {"MUXF7", "MUXF8", "MUXF9", "BUFG"}  # part of the slices that hold the LUTs, or of the clock's tree


def cost(cell: str) -> tuple[str, float]:
    """Column and amount of one primitive. Raises SynthesisError for a primitive that is not known."""
    if re.fullmatch(r"LUT[1-6]", cell):
        return "LUT", 1.0
    if cell in _LUTRAM:
        return "LUTRAM", float(_LUTRAM[cell])
    if cell in _OTHER:
        return _OTHER[cell]
    if cell in _FREE:
        return "LUT", 0.0
    raise SynthesisError(f"Yosys mapped to {cell}, which is not a known primitive")


def totals(cells: Mapping[str, Mapping[str, int]]) -> dict[str, Counter[str]]:
    """For each module the amounts of COLUMNS of one instance; `cells`: module to type (or module) to number.

    Raises SynthesisError for an unknown primitive.
    """
    done: dict[str, Counter[str]] = {}

    def total(name: str) -> Counter[str]:
        if name not in done:
            done[name] = sum_up(cells[name])
        return done[name]

    def sum_up(parts: Mapping[str, int]) -> Counter[str]:
        amounts: Counter[str] = Counter()
        for part, number in parts.items():
            each = total(part) if part in cells else Counter(dict([cost(part)]))
            amounts.update({column: number * amount for column, amount in each.items()})
        return amounts

    return {name: total(name) for name in cells}


def instances(cells: Mapping[str, Mapping[str, int]], top: str) -> Counter[str]:
    """How often each module occurs below `top`, itself included."""
    found: Counter[str] = Counter({top: 1})
    for part, number in cells[top].items():
        if part in cells:
            below = instances(cells, part)
            found.update({name: number * times for name, times in below.items()})
    return found


def measure(top: str, texts: Mapping[str, str], options: str) -> dict[str, dict[str, int]]:
    """Cells of each module of `texts`, by type; options: of synth_xilinx.

    A module whose outputs nothing uses is left out. Raises SynthesisError.
    """
    said = report_mapped("stat -json", top, mapped(options, top, texts))
    # Behind the modules Yosys 0.23 writes what is no JSON.
    start = said.index("{", said.index('"modules"'))
    found, _ = json.JSONDecoder().raw_decode(said, start)
    counted = {name.removeprefix("\\"): facts["num_cells_by_type"] for name, facts in found.items()}
    if not {top} <= counted.keys() <= texts.keys():
        raise SynthesisError(f"Yosys counted {len(counted)} modules of {len(texts)}")
    return counted


def module_table(cells: Mapping[str, Mapping[str, int]], top: str) -> str:
    """Markdown table of modules, those with most LUTs first: instances, and COLUMNS of one instance."""
    amounts, times = totals(cells), instances(cells, top)
    order = sorted(cells, key=lambda name: (-amounts[name]["LUT"], -amounts[name]["FF"], name))
    rows = [(name, f"{times[name]:,}", *(_number(amounts[name][c]) for c in COLUMNS)) for name in order]
    return table(("module", "instances", *COLUMNS), rows)


def parts_table(
    amounts: Mapping[str, Mapping[str, float]], parts: Sequence[tuple[str, str]], whole: str
) -> str:
    """Markdown table of `parts`, instances and their modules, and of the module `whole` that they make."""
    rows = [
        (instance, module, *(_number(amounts[module].get(c, 0)) for c in COLUMNS))
        for instance, module in [*parts, ("together", whole)]
        if any(amounts.get(module, {}).values())
    ]
    return table(("part", "module", *COLUMNS), rows)


def device_table(amounts: Mapping[str, float], fpga: Device) -> str:
    """Markdown table of a whole design: what was published, and shares of the FPGA; LUTs of all uses are added."""
    used = _with_lutram(amounts)
    heads = ["resource", "used", *(["published"] if fpga.published else []), f"of the {fpga.name}", "share"]
    rows = [
        (
            column,
            _number(used[column]),
            *([_number(fpga.published[column])] if fpga.published else []),
            f"{there:,}",
            f"{100 * used[column] / there:.1f} %",
        )
        for column, there in fpga.there.items()
    ]
    return table(heads, rows)


def fits(amounts: Mapping[str, float], fpga: Device) -> bool:
    """Has the FPGA as much of everything?"""
    used = _with_lutram(amounts)
    return all(number <= fpga.there.get(column, 0) for column, number in used.items() if column in _SCARCE)


def _with_lutram(amounts: Mapping[str, float]) -> dict[str, float]:
    every = {column: amounts.get(column, 0) for column in COLUMNS}
    return every | {"LUT": every["LUT"] + every["LUTRAM"]}


def _number(amount: float) -> str:
    return f"{amount:,.1f}".removesuffix(".0")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(prog="python -m regress.resources", description=__doc__)
    parser.add_argument("variant")
    parser.add_argument("config")
    parser.add_argument("--module", default="top", help="only this module and those below it")
    parser.add_argument("--parts", default="", metavar="MODULE", help="also each instance in this module")
    options = parser.parse_args(argv)
    try:
        fpga = device(options.variant, options.config)
        texts = modules(options.variant, options.config, options.module)
        parts = instances_of(texts, options.parts) if options.parts else []
        cells = measure(options.module, texts, fpga.options)
        made_with = yosys_version(yosys_command())
    except SynthesisError as error:
        print(error, file=sys.stderr)
        return 2
    amounts = totals(cells)
    print(module_table(cells, options.module))
    if parts:
        print(f"\n{parts_table(amounts, parts, options.parts)}")
    print(f"\n{device_table(amounts[options.module], fpga)}")
    print(f"\n{options.module} of {options.variant} {options.config}, by {made_with}")
    return int(not fits(amounts[options.module], fpga))


if __name__ == "__main__":
    sys.exit(main())
