"""`make bench`: print the figures of speed and write them to build/bench.json.

Simulation speed on `small`, on `tiny` under Icarus (where `tiny` can run the network), the time that builds take,
golden's convolutions.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compiler.errors import AssayError
from regress.bench import golden_conv, speed
from regress.simulators import BuildError, SimulatorError, find
from regress.simulators.cache import ROOT


def figures(options: argparse.Namespace) -> dict[str, Any]:
    """Every figure by name; `speed_ratio` and its parts stand at the top."""
    made = asdict(
        speed.measure(options.variant, options.network, options.config, options.runs, options.images)
    )
    made.update(
        variant=options.variant, network=options.network, config=options.config, images=options.images
    )
    made["golden_convolution"] = asdict(golden_conv.measure())
    if find("icarus").available()[0] and speed.runs_on_tiny(options.variant, options.network):
        made["icarus_tiny"] = speed.measure_icarus(options.variant, options.network)
    return made


def lines(made: dict[str, Any], indent: str = "") -> list[str]:
    """One line for each figure, those of a group indented."""
    shown = []
    for name, value in made.items():
        if isinstance(value, dict):
            shown += [f"{indent}{name}", *lines(value, indent + "  ")]
        else:
            text = f"{value:,.3f}" if isinstance(value, float) else str(value)
            shown.append(f"{indent}{name:<{30 - len(indent)}} {text}")
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 0, or 1 when a run fails, 2 for bad input, 3 when the machine is at fault."""
    parser = argparse.ArgumentParser(prog="python -m regress.bench", description=__doc__)
    parser.add_argument("--variant", default="systolic")
    parser.add_argument("--network", default="fashion_int4")
    parser.add_argument("--config", default="small")
    parser.add_argument("--runs", type=int, default=speed.RUNS)
    parser.add_argument("--images", type=int, default=speed.IMAGES)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench.json")
    options = parser.parse_args(arguments)
    try:
        made = figures(options)
    except (AssayError, BuildError, SimulatorError, RuntimeError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2 if isinstance(error, AssayError) else 1 if isinstance(error, RuntimeError) else 3
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(made, indent=1))
    print("\n".join(lines(made)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
