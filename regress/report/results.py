"""The one JSON of a whole regression."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from regress.job import Result, Verdict, exit_code
from regress.simulators.files import write_whole

FILE = "results.json"
FORMAT = 1
SCHEMA = Path(__file__).with_name("results.schema.json")


def write_results(folder: Path, facts: Mapping[str, Any], results: Sequence[Result]) -> Path:
    """Write results.json: the run's facts (suite, seed, ...), totals and every result."""
    totals = Counter(result.verdict for result in results)
    whole = {
        "format": FORMAT,
        **facts,
        "exit_code": exit_code(list(results)),
        "totals": {verdict: totals[verdict] for verdict in Verdict},
        "results": [asdict(result) for result in results],
    }
    file = folder / FILE
    write_whole(file, json.dumps(whole, indent=1))
    return file


def read_run(folder: Path) -> tuple[dict[str, Any], list[Result]]:
    """What results.json of a run's folder says, and its results. Raises ValueError for a later format."""
    raw = json.loads((folder / FILE).read_text())
    if raw.get("format") != FORMAT:
        raise ValueError(f"{FILE} is of format {raw.get('format')}, this assay reads {FORMAT}")
    return raw, [Result.read(item) for item in raw["results"]]


def read_results(folder: Path) -> list[Result]:
    """The results of a run's folder. Raises ValueError for a later format."""
    return read_run(folder)[1]
