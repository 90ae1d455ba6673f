"""What the testbench needs to know of a variant: found by rtl/variants.py, listed nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from compiler.api import config_of
from compiler.errors import BadData
from compiler.program import Program
from golden.ir import Graph
from rtl.lib.registers import Error
from rtl.variants import part

WORD_BYTES = 4  # of a record of taps (tb/hdl/recorder.sv)
FACTS = (
    "name", "memory_bytes", "clock_mhz", "hash", "event_lanes", "taps", "tap_bytes", "tap_lane_bits",
)  # fmt: skip
IMAGES = 3  # of a request of the contract test


class Config(Protocol):
    """A variant's configuration, as far as every variant has one."""

    name: str
    memory_bytes: int
    clock_mhz: int

    @property
    def hash(self) -> int: ...

    @property
    def event_lanes(self) -> int: ...

    @property
    def taps(self) -> int: ...

    @property
    def tap_bytes(self) -> int: ...

    @property
    def tap_lane_bits(self) -> int: ...


def find_config(variant: str, config: str) -> Any:
    """The configuration in its config.py of that name. Raises UnknownName, and BadData for one that lacks something."""
    found = config_of(variant, config)
    missing = [name for name in FACTS if not hasattr(found, name)]
    if missing:
        raise BadData(f"{variant} {config}: the configuration has no {', no '.join(missing)}")
    if found.tap_bytes % WORD_BYTES:
        raise BadData(
            f"{variant} {config}: tap_bytes is {found.tap_bytes}, must be a multiple of {WORD_BYTES}"
        )
    return found


def compile_for(variant: str, graph: Graph, config: Any) -> Program:
    """Its compiler's program for a graph. Raises AssayError."""
    compiler: Callable[[Graph, Any], Program] = part(variant, "compiler").compile_graph
    return compiler(graph, config)


def fixed_network(config: Any) -> bool:
    """Whether the configuration is its network: a list of layers, none of which can be run alone."""
    return hasattr(config, "layers")


def check_divisible(option: str, variant: str, config: Any) -> None:
    """Raises BadData for an option that runs layers alone, where the configuration is a fixed network."""
    if fixed_network(config):
        rule = (
            f"{variant} {config.name} is a pipeline of all layers of its network, which cannot be run alone"
        )
        raise BadData(f"{option} is not for it: {rule}")


def errors(variant: str) -> frozenset[Error]:
    """The errors that a variant can tell, by its config.py."""
    names: tuple[str, ...] = part(variant, "config").ERRORS
    return frozenset(Error[name] for name in names)


def contract_images(variant: str) -> int:
    """Images of a request of the contract test: programs.py tells more than the usual ones where an accelerator reads
    far ahead, so that bytes are left to be read when its first layer has ended."""
    return int(getattr(part(variant, "programs"), "CONTRACT_IMAGES", IMAGES))


def end_instruction(variant: str) -> bytes:
    """programs.py's instruction that ends an image; b"" where there is none."""
    return bytes(getattr(part(variant, "programs"), "END", b""))


def bad_operands(variant: str, config: Any) -> list[bytes]:
    """programs.py's instructions with an operand out of range, one for each rule; none if there is no such error."""
    if Error.OPERAND_RANGE not in errors(variant):
        return []
    made: list[bytes] = part(variant, "programs").bad_operands(config)
    return made
