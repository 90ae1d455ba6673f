"""Lines and branches as an LCOV tracefile, which genhtml, Codecov and editors read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from regress.report.code.records import Point


def lcov(counts: Mapping[Point, int]) -> str:
    """The tracefile's text (format of geninfo(1)): a record for each file, its paths from the project's root."""
    files = sorted({point.file for point in counts})
    return "".join(f"{line}\n" for file in files for line in record(file, counts))


def record(file: str, counts: Mapping[Point, int]) -> Iterator[str]:
    """One file."""
    mine = sorted((point, count) for point, count in counts.items() if point.file == file)
    branches = [(point, count) for point, count in mine if point.kind == "branch"]
    lines: dict[int, int] = {}
    for point, count in mine:
        if point.kind == "line":
            lines[point.line] = max(count, lines.get(point.line, 0))
    yield f"SF:{file}"
    for number, (point, count) in enumerate(branches):
        yield f"BRDA:{point.line},0,{number},{count}"
    yield f"BRF:{len(branches)}"
    yield f"BRH:{sum(count > 0 for _, count in branches)}"
    yield from (f"DA:{line},{count}" for line, count in sorted(lines.items()))
    yield f"LF:{len(lines)}"
    yield f"LH:{sum(count > 0 for count in lines.values())}"
    yield "end_of_record"
