"""What a front end gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from compiler.errors import MalformedFile
from golden.ir import Graph

LARGEST_FILE = 1 << 30

Range = tuple[float, float]


@dataclass(frozen=True)
class IntegerWeights:
    """Weights that the file states as integers. largest: the greatest magnitude in each output channel, which
    with the channel's real weights gives their scale, also after batch norm was folded into them."""

    bits: int
    largest: tuple[int, ...]


@dataclass(frozen=True)
class Prescribed:
    """What the file states about its integers. bits: of maps by tensor name, whose ranges then are exact;
    weights: by the name of the node that reads them."""

    bits: dict[str, int] = field(default_factory=dict)
    weights: dict[str, IntegerWeights] = field(default_factory=dict)


@dataclass(frozen=True)
class Loaded:
    """graph: the network in IR layout; ranges: (least, greatest) real value by tensor name, as far as the
    file states them; host_operators: what the host does before or after the graph, e.g. SOFTMAX."""

    graph: Graph
    ranges: dict[str, Range] = field(default_factory=dict)
    host_operators: tuple[str, ...] = ()
    prescribed: Prescribed = field(default_factory=Prescribed)


def read_file(path: str | Path) -> bytes:
    """The bytes of a network's file; MalformedFile where it cannot be read or is larger than 1 GiB."""
    try:
        if Path(path).stat().st_size > LARGEST_FILE:
            raise MalformedFile(f"is larger than {LARGEST_FILE} bytes", file=str(path))
        return Path(path).read_bytes()
    except OSError as error:
        raise MalformedFile(f"cannot be read: {error.strerror}", file=str(path)) from None
