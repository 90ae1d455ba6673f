"""What a simulation tells of each request, as plain data for result.json."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compiler.errors import BadData
from regress.simulators import SimulatorError
from regress.simulators.files import read_json, write_whole
from regress.simulators.logs import one_line
from tb.finding import Finding, Kind, from_plain, to_plain

RESULTS = "requests.json"
GIVE_UP = 5
SUMMED = ("cycles", "compute_cycles", "bytes_read", "bytes_written", "macs", "macs_skipped")
EVERY_NODE, OUTPUTS_ONLY = "every node", "outputs only"


@dataclass
class RequestOutcome:
    """One request of `images` in `batches` RUNs. tensors, values: how much was compared; error: code that
    an action brought about, 0 for none; phase: what the accelerator did when the action came; classes: for
    each output in memory, where each image's highest value stands; compared: what of the network;
    began, run_seconds: when the first RUN was asked for, by a clock that all processes share, and from then to the last
    verdict; configure_cycles: from CONFIGURE to its interrupt; first_frame_cycles: from RUN to the end of the first
    image's last layer; interval: cycles from image to image once the pipeline is full, None for a single image."""

    name: str
    action: str
    images: int
    batches: int
    failures: list[Finding] = field(default_factory=list)
    cycles: int = 0
    tensors: int = 0
    values: int = 0
    error: int = 0
    phase: str = ""
    program_bytes: int = 0
    began: float = 0.0
    run_seconds: float = 0.0
    layers: list[dict[str, Any]] = field(default_factory=list)
    classes: dict[str, list[int]] = field(default_factory=dict)
    compared: str = EVERY_NODE
    configure_cycles: int | None = None
    first_frame_cycles: int | None = None
    interval: float | None = None

    @property
    def passed(self) -> bool:
        """True when something was compared and nothing was wrong."""
        return not self.failures and self.values > 0

    @property
    def reasons(self) -> list[Finding]:
        """Why it has not passed."""
        if self.passed or self.failures:
            return self.failures
        return [Finding(Kind.UNSEEN, "nothing was compared")]


_NUMBER, _OPTIONAL = (int, float), (int, float, type(None))
# Of each field as JSON has it.
TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("name", "action", "phase", "compared"), (str,)),
    **dict.fromkeys(("images", "batches", "cycles", "tensors", "values", "error", "program_bytes"), (int,)),
    **dict.fromkeys(("began", "run_seconds"), _NUMBER),
    **dict.fromkeys(("configure_cycles", "first_frame_cycles", "interval"), _OPTIONAL),
    **dict.fromkeys(("failures", "layers"), (list,)),
    "classes": (dict,),
}


def save_outcomes(folder: Path, outcomes: Sequence[RequestOutcome]) -> None:
    """Write requests.json."""
    raw = [
        {**vars(outcome), "failures": [to_plain(found) for found in outcome.failures]} for outcome in outcomes
    ]
    write_whole(folder / RESULTS, json.dumps(raw, indent=1))


def load_outcomes(folder: Path) -> list[RequestOutcome]:
    """Read requests.json; none if the simulation did not get so far. Raises SimulatorError for garbage."""
    path = folder / RESULTS
    if not path.exists():
        return []
    try:
        return [_outcome(item) for item in read_json(path)]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise SimulatorError(f"{path} cannot be believed: {one_line(str(error))}") from None


def _outcome(raw: dict[str, Any]) -> RequestOutcome:
    """Raises TypeError, KeyError and ValueError for what save_outcomes did not write."""
    for name, value in raw.items():
        if type(value) not in TYPES[name]:
            raise TypeError(f"{name} is {value!r}")
    for layer in raw["layers"]:
        if any(type(layer[name]) is not int for name in SUMMED):
            raise TypeError(f"layer {layer['name']!r} has figures that are no numbers")
    return RequestOutcome(**{**raw, "failures": [from_plain(found) for found in raw["failures"]]})


def give_up_after() -> int:
    """So many requests that fail in a row end a simulation: ASSAY_GIVE_UP, usually GIVE_UP. Raises BadData."""
    text = os.environ.get("ASSAY_GIVE_UP") or str(GIVE_UP)
    if not text.isdecimal() or not int(text):
        raise BadData(f"ASSAY_GIVE_UP is {text!r}, must be a number above 0")
    return int(text)


def why_not_run() -> str:
    """Of what was left out when a simulation was given up."""
    return f"not run, since the {give_up_after()} before failed"


def hopeless(outcomes: Sequence[RequestOutcome]) -> bool:
    """The last requests all failed: the others would only take long to fail as well. Raises BadData."""
    most = give_up_after()
    return len(outcomes) >= most and not any(outcome.passed for outcome in outcomes[-most:])


def layer_record(
    name: str, counters: Mapping[str, int], equal: bool | None, read: int, written: int
) -> dict[str, Any]:
    """One entry of `layers` in result.json. equal: None if its nodes were not compared."""
    return {
        "name": name,
        "cycles": counters["CYCLES"],
        "compute_cycles": counters["COMPUTE"],
        "stalls": {
            "read": counters["READ_STALL"],
            "write": counters["WRITE_STALL"],
            "dependency": counters["DEP_STALL"],
        },
        "bytes_read": read,
        "bytes_written": written,
        "macs": counters["MACS"],
        "macs_skipped": counters["MACS_SKIPPED"],
        "equal": equal,
    }


def sum_records(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The first of these entries with the figures of all; equal only if all are, unknown if one was not compared."""
    seen = [record["equal"] for record in records]
    return {
        **records[0],
        **{name: sum(record[name] for record in records) for name in SUMMED},
        "stalls": {kind: sum(record["stalls"][kind] for record in records) for kind in records[0]["stalls"]},
        "equal": None if None in seen else all(seen),
    }
