"""The process of one job: `python -m regress.execute FOLDER PARENT` reads run.json there and leaves result.json, unless
the process PARENT, which started it, ends before.

A job's function is called as

    function(variant=, config=, simulator=, seeds=, first=, folder=, trace=, coverage=, **options)

and returns a mapping with "verdict" ("pass", "fail" or "skip"), "checked" (how many things were compared; a
pass that checked nothing is a failure), "failures" (one line each) or "message", and anything else worth
keeping, above all "cycles" and "layers", which must be equal on every simulator.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from compiler.errors import AssayError
from regress.farm.orphan import end_with
from regress.job import Job, Verdict, load_job
from regress.simulators import BuildError
from regress.simulators.files import no_room, write_whole
from rtl.convert.errors import ConvertError
from rtl.variants import VariantError
from tb.finding import Finding, Kind, told

RESULT = "result.json"
JOB = "run.json"


def main() -> None:
    """Entry point; the exit status tells only whether a result was written."""
    folder = Path(sys.argv[1])
    end_with(int(sys.argv[2]))
    write_result(folder, perform(load_job(folder / JOB), folder))


def perform(job: Job, folder: Path) -> dict[str, Any]:
    """Call the job's function; every exception becomes a verdict."""
    try:
        return trusted(judged(call(job, folder)), folder)
    except (BuildError, ConvertError) as error:
        return {"verdict": Verdict.FAIL, "message": str(error), **told([Finding(Kind.BUILD, str(error))])}
    except (AssayError, VariantError) as error:
        return {"verdict": Verdict.BAD_INPUT, "message": str(error)}
    except Exception as error:
        traceback.print_exc()
        return {"verdict": Verdict.BROKEN, "message": f"{type(error).__name__}: {error}"}


def call(job: Job, folder: Path) -> Mapping[str, Any]:
    """The mapping that the job's function returns."""
    return find_function(job.function)(
        variant=job.variant,
        config=job.config,
        simulator=job.simulator,
        seeds=job.seeds,
        first=job.first,
        folder=folder,
        trace=job.trace,
        coverage=job.coverage,
        **job.options,
    )


def find_function(name: str) -> Callable[..., Mapping[str, Any]]:
    """The function "module:name"."""
    module, _, attribute = name.partition(":")
    function: Callable[..., Mapping[str, Any]] = getattr(importlib.import_module(module), attribute)
    return function


def judged(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details with a verdict that can be trusted and a message in one line."""
    verdict = Verdict(details["verdict"])
    failures = [str(failure) for failure in details.get("failures", ())]
    message = str(details.get("message", "")) or (failures[0] if failures else "")
    if verdict is Verdict.PASS and failures:
        verdict = Verdict.FAIL
    elif verdict is Verdict.PASS and not details.get("checked"):
        verdict, message = Verdict.FAIL, "nothing was checked"
    return {**details, "verdict": verdict, "message": message}


def trusted(details: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A failure on a disk that is full is none of the design: what a simulation writes, it checks, and is cut off."""
    full = no_room(folder) if details["verdict"] is Verdict.FAIL else ""
    return {"verdict": Verdict.BROKEN, "message": f"{full}; {details['message']}"} if full else details


def write_result(folder: Path, details: Mapping[str, Any]) -> None:
    """Write result.json whole or not at all."""
    write_whole(folder / RESULT, json.dumps(details, indent=1, default=plain))


def plain(value: Any) -> Any:
    """NumPy numbers and arrays, paths and sets as JSON knows them."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return sorted(value) if isinstance(value, (set, frozenset)) else str(value)


if __name__ == "__main__":
    main()
