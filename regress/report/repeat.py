"""Did two runs do the same? `python -m regress.report.repeat RUN RUN`, two folders under build/regress.

Of every simulation that both have: verdict, stimulus, cycles, layers, items and how much was checked. Exit code 1
when something differs or nothing was compared.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from regress.job import Result
from regress.report.agreement import differences
from regress.report.results import read_results


def compare(first: Sequence[Result], other: Sequence[Result]) -> tuple[list[str], list[str]]:
    """Names of what was compared, and one line for each difference."""
    known = {result.name: result for result in first if "cycles" in result.details}
    pairs = [(known[result.name], result) for result in other if result.name in known]
    return [mine.name for mine, _ in pairs], [line for pair in pairs for line in _different(*pair)]


def _different(first: Result, other: Result) -> Iterator[str]:
    if first.verdict is not other.verdict:
        yield f"{first.name}: {first.verdict}, then {other.verdict}"
    if first.job["seeds"] != other.job["seeds"]:
        yield f"{first.name}: other seeds"
    elif first.details.get("checked") != other.details.get("checked"):
        yield f"{first.name}: {first.details.get('checked')} values were checked, then {other.details.get('checked')}"
    else:
        yield from differences(first, other)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    folders = [Path(word) for word in (sys.argv[1:] if argv is None else argv)]
    if len(folders) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    first, other = (read_results(folder) for folder in folders)
    compared, lines = compare(first, other)
    print("\n".join([*lines, f"{len(compared)} simulations compared, {len(lines)} differences"]))
    return int(bool(lines) or not compared)


if __name__ == "__main__":
    sys.exit(main())
