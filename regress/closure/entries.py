"""The closure table: each testplan entry with its tests, how many of them passed, and the fill of its bins."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from regress.job import Result, Verdict
from regress.simulators.cache import ROOT
from regress.testplan import Test
from tb.coverage import Coverage

# What every function that a job calls takes: by these arguments it is known.
SIGNATURE = frozenset({"variant", "config", "simulator", "seeds", "folder"})


def rows(
    tests: Iterable[Test], results: Sequence[Result], merged: Mapping[str, Coverage]
) -> list[dict[str, Any]]:
    """A row for each entry that ran."""
    crosses = {variant: list(coverage.as_data(variant)) for variant, coverage in merged.items()}
    found = []
    for test in tests:
        mine = [result for result in results if result.name.split("/")[0] == test.name]
        if mine:
            found.append({**row(test, mine), **fill(test, crosses)})
    return found


def row(test: Test, mine: Sequence[Result]) -> dict[str, Any]:
    """An entry and its jobs. checked: values and others that were compared."""
    ran = [result for result in mine if result.verdict is not Verdict.SKIP]
    return {
        "name": test.name,
        "goal": test.goal,
        "jobs": len(mine),
        "ran": len(ran),
        "passed": sum(result.verdict is Verdict.PASS for result in ran),
        "checked": sum(int(result.details.get("checked", 0)) for result in ran),
        "covers": list(test.covers),
    }


def fill(test: Test, crosses: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, int]:
    """The bins of the crosses that an entry covers, and how many of them are hit; without what is excluded. crosses: of
    each variant, as data."""
    listed = [cross for variant in test.variants for cross in crosses.get(variant, ())]
    mine = [cross for cross in listed if cross["name"] in test.covers]
    return {name: sum(cross[name] for cross in mine) for name in ("bins", "hit")}


def told(row: Mapping[str, Any]) -> str:
    """A row in one line."""
    bins = f", {row['hit']} of {row['bins']} bins" if row["bins"] else ""
    return f"{row['name']:24} {row['passed']} of {row['ran']} jobs passed, {row['checked']:,} compared{bins}"


def unclaimed(tests: Sequence[Test], merged: Mapping[str, Coverage]) -> Iterator[str]:
    """Crosses that no entry covers, and what entries cover that there is not."""
    for variant, coverage in merged.items():
        mine = [test for test in tests if variant in test.variants]
        names = {cross.name for cross in coverage.crosses}
        for name in sorted(names - {name for test in mine for name in test.covers}):
            yield f"{variant}: cross {name} is covered by no testplan entry"
        for test in mine:
            for name in sorted(set(test.covers) - names):
                yield f"testplan entry {test.name}: covers {name!r}, which {variant} has no cross of"


def untested(tests: Sequence[Test], folder: Path = ROOT / "tb") -> Iterator[str]:
    """Functions that a job could call and no entry names, and functions of entries that there are not."""
    there, named = set(job_functions(folder)), {test.function for test in tests}
    for name in sorted(there - named):
        yield f"{name} is a test that has no testplan entry"
    for name in sorted(named - there):
        if name.startswith(f"{folder.name}."):
            yield f"testplan names {name}, which is no test"


def job_functions(folder: Path) -> Iterator[str]:
    """module:name of every function under a folder with the arguments of a job's function, its tests left out."""
    for file in sorted(folder.rglob("*.py")):
        place = file.relative_to(folder.parent).with_suffix("")
        if "tests" in place.parts:
            continue
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and {arg.arg for arg in node.args.kwonlyargs} >= SIGNATURE:
                yield f"{'.'.join(place.parts)}:{node.name}"
