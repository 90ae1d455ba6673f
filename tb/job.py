"""What one simulation has to do, handed to it as a JSON file: plain data, so that a run can be repeated
from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tb.settings import AT_ONCE, CALM, ControlTiming, MemorySettings, Reorder, Stalls

JOB = "simulation.json"
CONTRACT = "contract.json"


class Action(StrEnum):
    """What is done to an accelerator before a request is run in peace. Each is followed by a soft reset."""

    RUN = "run"  # nothing
    SOFT_RESET = "soft reset"
    READ_ERROR = "read error"  # the next read burst is answered with an error
    WRITE_ERROR = "write error"  # the next write burst
    WATCHDOG = "watchdog"  # the memory is silent for longer than the watchdog allows
    BAD_INSTRUCTION = "bad instruction"  # instruction number `delay` has an illegal opcode
    BAD_OPERAND = "bad operand"  # instruction number `delay` has an operand out of range
    EARLY_END = "early end"  # instruction number `delay` says that the image is done, and others follow
    BAD_HASH = "bad hash"  # the program of another configuration
    BAD_REQUEST = "bad request"  # a RUN of no images


class Phase(StrEnum):
    """How far an accelerator is."""

    CONFIGURE = "configure"
    FIRST = "first layer"
    LATER = "later"  # a layer has ended


@dataclass(frozen=True)
class Request:
    """A program and its images. `program`, `data` are files of the job's folder: the program file, and an
    .npz with `input` (n, ...) and the expected tensor `node:<name>` of every node. `batches` images to
    each RUN; each is asked for as soon as the queue has room. The action comes in `phase`, `delay` cycles after it
    began (or at instruction `delay`). operand: which of the variant's bad operands. taps: False to compare only the
    outputs in memory; `data` then holds only inputs and outputs. pause: if not 0, a RUN is asked for only so many
    cycles after the one before has completed. operators: what makes each node, for messages."""

    name: str
    program: str
    data: str
    seed: int
    batches: tuple[int, ...]
    action: Action = Action.RUN
    phase: Phase = Phase.CONFIGURE
    delay: int = 0
    operand: int = 0
    memory: MemorySettings = CALM
    taps: bool = True
    pause: int = 0
    operators: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """All requests of one simulation, in order. `memory_words` is the size of the simulated DRAM.
    contract: program files, one of this configuration and one of another, to check the contract with; ()
    not to."""

    variant: str
    config: str
    seed: int
    memory_words: int
    requests: tuple[Request, ...]
    timing: ControlTiming = AT_ONCE
    watchdog: int = 100_000
    patience: int = 50_000_000
    contract: tuple[str, ...] = ()

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1))


def load_job(path: Path) -> Job:
    """Read what Job.save wrote."""
    raw = json.loads(path.read_text())
    requests = tuple(_request(item) for item in raw.pop("requests"))
    changes = {
        "requests": requests,
        "timing": ControlTiming(**raw["timing"]),
        "contract": tuple(raw["contract"]),
    }
    return Job(**{**raw, **changes})


def _request(raw: dict[str, Any]) -> Request:
    memory = raw["memory"]
    settings = {**memory, "stalls": Stalls(**memory["stalls"]), "reorder": Reorder(memory["reorder"])}
    changes = {
        "batches": tuple(raw["batches"]),
        "action": Action(raw["action"]),
        "phase": Phase(raw["phase"]),
    }
    return Request(**{**raw, **changes, "memory": MemorySettings(**settings)})
