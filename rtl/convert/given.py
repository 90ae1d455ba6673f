"""A variant that is given as Verilog: its ports held against the contract, and a module around it that sets its
parameters.

The files are used where they stand. The top module has the variant's name; the configuration's `parameters` are its
parameters.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from rtl.contract import control_port, memory_port, observation_port
from rtl.convert.design import Port
from rtl.convert.errors import ConvertError
from rtl.convert.lint import tool_environment, verilator_program
from rtl.convert.result import MANIFEST, Conversion

INSTANCE = "given"
SHOWN = 8  # ports that an error names
_TEXT = """// {variant} {config}: the design as it was given, with this configuration's parameters.
module {name} (
{declarations}
);
    {variant} #({parameters}) {instance} (
        {connections}
    );
endmodule
"""


def wrap(variant: str, config: Any, files: Sequence[Path], folder: Path) -> None:
    """Write the module around the design, and the manifest that rtl.convert.result reads.

    config: a configuration, perhaps with `parameters`, numbers of up to 32 bits by name. Raises ConvertError for
    Verilog that cannot be read, and for ports that the contract does not have so.
    """
    parameters: Mapping[str, int] = getattr(config, "parameters", {})
    wanted = contract_ports(config)
    check_ports(variant, wanted, given_ports(variant, files, parameters))
    name = f"{variant}_{INSTANCE}"
    (folder / f"{name}.v").write_text(wrapper(name, variant, config, wanted, parameters))
    made = Conversion(name, tuple(files), tuple(wanted), ())
    record = {**asdict(made), "files": [*map(str, files), f"{name}.v"]}
    (folder / MANIFEST).write_text(json.dumps(record, indent=1))


def contract_ports(config: Any) -> list[Port]:
    """The ports of the contract, with the widths of a configuration."""
    ports = [Port("clk", "input", 1, False), Port("rst", "input", 1, False), Port("irq", "output", 1, False)]
    ports += _channels("ctrl", control_port(), master=False)
    ports += _channels("mem", memory_port(config.memory_bytes), master=True)
    ports += _outputs("obs", observation_port(config))
    return ports


def _channels(prefix: str, interface: object, master: bool) -> Iterator[Port]:
    """Of an AXI interface: a channel's ready goes against its other signals, answers go against requests."""
    for field in fields(interface):
        answers = field.name[0] in "rb"
        out = (field.name.endswith("ready") == answers) == master
        yield Port(
            f"{prefix}_{field.name}", "output" if out else "input", _width(interface, field.name), False
        )


def _outputs(prefix: str, interface: object) -> Iterator[Port]:
    for field in fields(interface):
        value = getattr(interface, field.name)
        if hasattr(value, "__dataclass_fields__"):
            yield from _outputs(f"{prefix}_{field.name}", value)
        else:
            yield Port(f"{prefix}_{field.name}", "output", _width(interface, field.name), False)


def _width(interface: object, name: str) -> int:
    return max(1, len(getattr(interface, name)))


def check_ports(variant: str, wanted: Sequence[Port], found: Sequence[Port]) -> None:
    """Raises ConvertError naming each port that is missing, too much, or of another direction or width."""
    there, known = {port.name: port for port in found}, {port.name for port in wanted}
    wrong = [text for port in wanted for text in _differences(port, there.get(port.name))]
    wrong += [
        f"there is a port {port.name}, which the contract does not have"
        for port in found
        if port.name not in known
    ]
    if wrong:
        more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise ConvertError(
            f"module {variant}: {'; '.join(wrong[:SHOWN])}{more} (docs/architecture.md, Top ports)"
        )


def _differences(wanted: Port, found: Port | None) -> Iterator[str]:
    if found is None:
        yield f"there is no port {wanted.name} ({wanted.direction}, {_bits(wanted)})"
        return
    if found.direction != wanted.direction:
        yield f"port {wanted.name} is an {found.direction}, must be an {wanted.direction}"
    if found.width != wanted.width:
        yield f"port {wanted.name} has {_bits(found)}, must have {wanted.width}"


def _bits(port: Port) -> str:
    return f"{port.width} bit{'s' if port.width > 1 else ''}"


def given_ports(variant: str, files: Sequence[Path], parameters: Mapping[str, int]) -> list[Port]:
    """The ports of the module that is called like the variant, as Verilator sees them. Raises ConvertError."""
    program = verilator_program()
    if not program:
        raise ConvertError("Verilator is needed to read the ports of a variant that is given as Verilog")
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "--json-only", "--quiet", "-Wno-fatal", "-Wno-lint", "-Wno-style"]
        command += ["--top-module", variant, "--prefix", "given", "--Mdir", folder]
        command += [f"-I{place}" for place in sorted({file.parent for file in files})]
        command += [f"-G{name}=32'd{value}" for name, value in parameters.items()]
        environment = {**os.environ, **tool_environment(program)}
        done = subprocess.run([*command, *map(str, files)], env=environment, capture_output=True, text=True)
        tree = Path(folder) / "given.tree.json"
        if done.returncode or not tree.exists():
            raise ConvertError(f"{variant}: {_first(done.stderr)}")
        return _ports(variant, json.loads(tree.read_text()))


def _first(messages: str) -> str:
    """The first error of Verilator, in a line."""
    lines = [line for line in messages.splitlines() if line.startswith("%Error")]
    return lines[0] if lines else "Verilator said nothing"


def _ports(variant: str, tree: Mapping[str, Any]) -> list[Port]:
    types = {node["addr"]: node for part in tree["miscsp"] for node in part.get("typesp", ())}
    top = next(module for module in tree["modulesp"] if module["origName"] == variant)
    listed = [node for node in top["stmtsp"] if node["type"] == "VAR" and node["direction"] != "NONE"]
    return [
        Port(node["name"], node["direction"].lower(), _span(types[node["dtypep"]]), False) for node in listed
    ]


def _span(kind: Mapping[str, Any]) -> int:
    high, _, low = kind.get("range", "0:0").partition(":")
    return abs(int(high) - int(low)) + 1


def wrapper(
    name: str, variant: str, config: Any, ports: Sequence[Port], parameters: Mapping[str, int]
) -> str:
    """Verilog of the module around a design."""
    declared = [f"    {port.direction} wire [{port.width - 1}:0] {port.name}" for port in ports]
    return _TEXT.format(
        variant=variant,
        config=config.name,
        name=name,
        instance=INSTANCE,
        declarations=",\n".join(declared),
        parameters=", ".join(f".{key}(32'd{value})" for key, value in parameters.items()),
        connections=",\n        ".join(f".{port.name}({port.name})" for port in ports),
    )
