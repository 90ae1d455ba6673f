"""Merging Verilator's coverage records: instances and runs are added, what was never reached is named."""

from __future__ import annotations

from pathlib import Path

from regress.report.code_coverage import merged, summary, total


def record(file: str, line: int, kind: str, what: str, instance: str, count: int) -> str:
    """One line of coverage.dat."""
    fields = {"f": file, "l": line, "t": kind, "o": what, "h": instance}
    return "C '" + "".join(f"\x01{name}\x02{value}" for name, value in fields.items()) + f"' {count}\n"


def test_instances_and_runs_are_added(tmp_path: Path) -> None:
    first = [
        record("rtl/lib/fifo.py", 10, "line", "block", "a", 0),
        record("rtl/lib/fifo.py", 10, "line", "block", "b", 3),
        record("rtl/lib/fifo.py", 12, "branch", "if", "a", 0),
        record("/x/tb_top.sv", 5, "line", "block", "a", 0),
    ]
    second = [
        record("rtl/lib/fifo.py", 12, "branch", "else", "a", 1),
        record("rtl/lib/ram.py", 3, "line", "block", "a", 1),
    ]
    for name, lines in (("1.dat", first), ("2.dat", second)):
        (tmp_path / name).write_text("# SystemC::Coverage-3\n" + "".join(lines))
    files = summary(merged([tmp_path / "1.dat", tmp_path / "2.dat"]))
    assert files["rtl/lib/fifo.py"] == {
        "line": {"hit": 1, "all": 1},
        "branch": {"hit": 1, "all": 2},
        "missed": ["12 branch if"],
    }
    assert total(files.values(), "line") == {"hit": 2, "all": 2}
    assert set(files) == {"rtl/lib/fifo.py", "rtl/lib/ram.py"}
