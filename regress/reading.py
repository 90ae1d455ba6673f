"""What a job's process left: its result, looked at before it is believed, or why there is none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regress.execute import RESULT
from regress.farm.place import Ended
from regress.job import COVERAGE, Job, Verdict
from regress.simulators.files import no_room, read_json
from regress.simulators.heartbeat import told_beat
from regress.simulators.logs import last_lines, one_line
from regress.simulators.status import told_status
from tb.finding import Finding, Kind, from_plain, told

LOG = "output.log"


def read_details(job: Job, folder: Path, ended: Ended) -> dict[str, Any]:
    """What the job wrote, or why it could not; with "verdict" and a printable "message" whatever happened."""
    file = folder / RESULT
    if not file.exists():
        return without_result(job, folder, ended)
    try:
        details = checked(read_json(file))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        text = f"{RESULT} cannot be believed: {one_line(str(error))}; {last_lines(folder / LOG)}"
        return {"verdict": Verdict.BROKEN, "message": text}
    files = [os.path.relpath(name, folder) for name in details.get(COVERAGE, ())]
    return {**details, **({COVERAGE: files} if files else {})}


def checked(raw: Any) -> dict[str, Any]:
    """The details, if they are of the right types. Raises ValueError, TypeError, KeyError and AttributeError."""
    verdict, message = Verdict(raw["verdict"]), typed(raw["message"], str, "message")
    if verdict is Verdict.PASS and typed(raw.get("checked"), int, "checked") <= 0:
        raise ValueError("it passes, and nothing was checked")
    for name in ("failures", COVERAGE):
        for text in typed(raw.get(name, []), list, name):
            typed(text, str, name)
    for found in typed(raw.get("findings", []), list, "findings"):
        check_finding(found)
    for layer in typed(raw.get("layers", []), list, "layers"):
        typed(layer, dict, "layers")
    return {**raw, "verdict": verdict, "message": one_line(message)}


def check_finding(raw: Mapping[str, Any]) -> None:
    """Raises what `checked` raises for no finding."""
    found = from_plain(raw)
    for name in ("text", "layer", "operator", "node", "writer", "request"):
        typed(getattr(found, name), str, name)
    for name in ("item", "cycle"):
        typed(getattr(found, name), int | None, name)


def typed(value: Any, kind: Any, name: str) -> Any:
    """The value. Raises TypeError if it is not of that kind; no number is True or False."""
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{name} is {one_line(repr(value), 60)}")
    return value


def without_result(job: Job, folder: Path, ended: Ended) -> dict[str, Any]:
    """Verdict and message for a job that left no result."""
    if ended.lost:
        return {"verdict": Verdict.BROKEN, "message": ended.lost}
    full = no_room(folder)
    if ended.status is None and not full:
        return timed_out(job, folder)
    ending = "did not end in time" if ended.status is None else told_status(ended.status)
    message = f"{ending} and left no result; {full or last_lines(folder / LOG)}"
    return {"verdict": Verdict.BROKEN, "message": message}


def timed_out(job: Job, folder: Path) -> dict[str, Any]:
    """A job that was ended by the clock on the wall, and what is known of simulated time."""
    seen = told_beat(folder) or "the design hangs or is too slow"
    message = f"did not end within {job.timeout_seconds:g} s: {seen}"
    return {"verdict": Verdict.FAIL, "message": message, **told([Finding(Kind.TIME_OUT, message)])}
