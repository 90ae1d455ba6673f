"""From a run's results to report.html: what is shown is gathered here, how it looks stands in the template."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

from compiler.errors import BadData
from regress.history.store import Entry, Run, entries, entry_of, opened, runs
from regress.job import Result, Verdict, job_folder
from regress.report.code.report import LINES, TOGGLES
from regress.report.page.bars import layer_bars
from regress.report.page.source import annotated
from regress.report.page.trend import sparkline
from regress.simulators.cache import ROOT
from regress.simulators.files import write_whole

FILE = "report.html"
HERE = Path(__file__).parent
CODE, FUNCTIONAL, CLOSURE = "report/code_coverage", "report/functional_coverage", "report/closure"
STILL = 40  # signals of a file, those with most bits that do not toggle
RUNS = 30  # past runs that the page compares and draws
VERDICTS = {verdict: str(verdict).replace(" ", "-") for verdict in Verdict}  # as CSS classes


def write_page(folder: Path, facts: Mapping[str, Any], results: Sequence[Result]) -> Path:
    """Write report.html, whole or not at all."""
    path = folder / FILE
    write_whole(path, render(folder, facts, results))
    return path


def render(folder: Path, facts: Mapping[str, Any], results: Sequence[Result]) -> str:
    """The page's text."""
    templates = Environment(
        loader=FileSystemLoader(HERE), autoescape=select_autoescape(["html", "html.j2"]), trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    by_name = {result.name: result for result in results}
    past = past_runs()
    return templates.get_template("page.html.j2").render(
        name=folder.name,
        facts=facts,
        totals=[(str(verdict), VERDICTS[verdict], count_of(results, verdict)) for verdict in Verdict],
        bad=sum(result.bad for result in results),
        jobs=[job_row(folder, result) for result in results],
        groups=facts["groups"],
        closure=by_name[CLOSURE].details if CLOSURE in by_name else {},
        functional=functional(by_name.get(FUNCTIONAL), by_name.get(CLOSURE)),
        code=code(by_name.get(CODE), job_folder(folder, CODE)),
        networks=[network(result) for result in results if result.details.get("layers")],
        trends=trends(past),
        past=json.dumps([summary(run, listed) for run, listed in past]),
        style=(HERE / "style.css").read_text(),
        script=(HERE / "script.js").read_text(),
    )


def count_of(results: Sequence[Result], verdict: Verdict) -> int:
    """How many ended so."""
    return sum(result.verdict is verdict for result in results)


def job_row(folder: Path, result: Result) -> dict[str, Any]:
    """A row of the table of jobs."""
    entry = entry_of(result)
    return {
        "name": result.name,
        "test": result.name.partition("/")[0],
        "verdict": str(result.verdict),
        "style": VERDICTS[result.verdict],
        "message": result.message,
        "seconds": result.seconds,
        "cycles": entry.cycles,
        "speed": entry.speed,
        "checked": result.details.get("checked"),
        "place": place(result.details),
        "repeat": result.repeat if result.bad else "",
        "remembered": result.details.get("remembered", ""),
        "log": f"jobs/{job_folder(folder, result.name).name}/output.log",
    }


def place(details: Mapping[str, Any]) -> str:
    """Which worker of a cluster a job ran on, and in which attempt if not the first; '' for this machine."""
    if "worker" not in details:
        return ""
    attempts = details.get("attempts", 1)
    return f"on {details['worker']}" + (f", attempt {attempts}" if attempts > 1 else "")


def functional(report: Result | None, closure: Result | None) -> list[dict[str, Any]]:
    """The crosses of each variant, with the fill of their bins; of each missing bin what would reach it."""
    listed: list[dict[str, Any]] = report.details.get("crosses", []) if report else []
    reached = closure.details.get("missing", []) if closure else []
    items = {(row["variant"], row["cross"], *row["bin"]): row for row in reached}
    return [
        {
            **cross,
            "share": cross["hit"] / cross["bins"] if cross["bins"] else 1.0,
            "missing": [
                {
                    "bin": values,
                    **items.get((cross["variant"], cross["name"], *values), {"item": "", "text": ""}),
                }
                for values in cross["missing"]
            ],
        }
        for cross in listed
    ]


def code(report: Result | None, folder: Path) -> list[dict[str, Any]]:
    """The files of the RTL, with their lines and how often each was reached."""
    if report is None or "files" not in report.details:
        return []
    counts, toggles = read_if_there(folder / LINES), read_if_there(folder / TOGGLES)
    return [
        {
            "name": name,
            **file,
            "source": annotated(ROOT / name, counts.get(name, {})),
            "still": sorted(toggles.get(name, []), key=lambda signal: signal["toggled"] - signal["bits"])[
                :STILL
            ],
        }
        for name, file in report.details["files"].items()
    ]


def read_if_there(file: Path) -> dict[str, Any]:
    """A JSON object, empty if there is no file."""
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def network(result: Result) -> dict[str, Any]:
    """A network's layers, as bars of where its cycles went."""
    details = result.details
    return {
        "name": result.name,
        "cycles": details["cycles"],
        "fps": details.get("fps"),
        "utilisation": details.get("utilisation"),
        "layers": layer_bars(details["layers"]),
    }


def past_runs() -> list[tuple[Run, list[Entry]]]:
    """The last runs of the history, this one among them; none if it cannot be read."""
    try:
        with opened() as base:
            return [(run, entries(base, run.name)) for run in runs(base, RUNS)]
    except (BadData, OSError):
        return []


def trends(past: Sequence[tuple[Run, Sequence[Entry]]]) -> list[dict[str, Any]]:
    """For each job that was simulated more than once: its cycles and its speed over the runs."""
    listed: dict[str, list[Entry]] = {}
    for _, found in past:
        for entry in found:
            if entry.cycles and not entry.remembered:
                listed.setdefault(entry.name, []).append(entry)
    return [
        {
            "name": name,
            "cycles": sparkline([float(entry.cycles or 0) for entry in found]),
            "last_cycles": found[-1].cycles,
            "speed": sparkline([entry.speed or 0.0 for entry in found]),
            "last_speed": found[-1].speed,
            "seconds": sparkline([entry.seconds for entry in found]),
            "last_seconds": found[-1].seconds,
        }
        for name, found in sorted(listed.items())
        if len(found) > 1
    ]


def summary(run: Run, listed: Sequence[Entry]) -> dict[str, Any]:
    """A run as the page compares it with another one."""
    return {
        "name": run.name,
        "suite": run.suite,
        "source": run.source,
        "jobs": {
            entry.name: [entry.verdict, round(entry.seconds, 2), entry.cycles, entry.seeds]
            for entry in listed
        },
    }
