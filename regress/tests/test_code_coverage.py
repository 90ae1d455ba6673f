"""Code coverage: instances and runs are added, what was never reached is named, exclusions must be true."""

from __future__ import annotations

import gzip
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from regress.report.code import report as code_report
from regress.report.code.exclusions import Exclusion, read_exclusions, without, wrong
from regress.report.code.lcov import lcov
from regress.report.code.records import Point, merged, points, read
from regress.report.code.report import below, by_line, by_signal, summary, total
from regress.report.code.toggles import Signal, ranges, signals
from regress.simulators import Build, Run, find

LATER = date(2099, 1, 31)
COUNTER = Path(__file__).parent / "counter"


def record(file: str, line: int, kind: str, what: str, instance: str, count: int, page: str = "v/m") -> str:
    """One line of coverage.dat."""
    fields = {"f": file, "l": line, "t": kind, "o": what, "page": page, "h": instance}
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
    (tmp_path / "1.dat").write_text("# SystemC::Coverage-3\n" + "".join(first))
    (tmp_path / "2.dat.gz").write_bytes(gzip.compress("".join(second).encode()))
    files = summary(merged([tmp_path / "1.dat", tmp_path / "2.dat.gz"]))
    assert files["rtl/lib/fifo.py"] == {
        "line": {"hit": 1, "all": 1},
        "branch": {"hit": 1, "all": 2},
        "toggle": {"hit": 0, "all": 0},
        "missed": ["12 branch if"],
    }
    assert total(files.values(), "line") == {"hit": 2, "all": 2}
    assert set(files) == {"rtl/lib/fifo.py", "rtl/lib/ram.py"}


def toggle(what: str, count: int, module: str = "fifo") -> tuple[Point, int]:
    return Point("rtl/lib/fifo.py", 7, "toggle", what, module), count


def test_a_signal_has_the_bits_that_never_rose_or_fell() -> None:
    edges = [toggle(f"data[{bit}]:{edge}", int(bit < 2)) for bit in range(4) for edge in ("0->1", "1->0")]
    counts = dict([*edges, toggle("full:0->1", 3), toggle("full:1->0", 0)])
    data, full = signals(counts)
    assert (data.name, data.bits, data.toggled, data.missed) == (
        "fifo.data",
        4,
        2,
        "3:2 never rise; 3:2 never fall",
    )
    assert (full.name, full.bits, full.toggled, full.missed) == ("fifo.full", 1, 0, "0 never fall")
    assert by_line(counts) == {}


def test_elements_of_an_array_are_one_signal() -> None:
    counts = dict([toggle("mem[0][5]:0->1", 0), toggle("mem[3][5]:0->1", 2)])
    (memory,) = signals(counts)
    assert (memory.name, memory.edges) == ("fifo.mem", {5: {"0->1": 2}})


def test_only_signals_that_do_not_toggle_are_listed() -> None:
    still = Signal("rtl/a.py", 3, "m.s", {0: {"0->1": 1, "1->0": 0}})
    moves = Signal("rtl/a.py", 4, "m.t", {0: {"0->1": 1, "1->0": 1}})
    assert [signal["name"] for signal in by_signal([still, moves])["rtl/a.py"]] == ["m.s"]


def test_bits_are_told_as_ranges() -> None:
    assert ranges([0, 4, 5, 6, 7, 2]) == "7:4, 2, 0"


COUNTS = {
    Point("rtl/a.py", 3, "line", "block"): 4,
    Point("rtl/a.py", 5, "line", "case"): 0,
    Point("rtl/a.py", 3, "branch", "if"): 1,
    Point("rtl/a.py", 3, "branch", "else"): 0,
    Point("rtl/b.py", 1, "line", "block"): 2,
    Point("rtl/b.py", 1, "toggle", "x:0->1", "b"): 0,
}


def test_lcov_has_lines_and_branches() -> None:
    first, second = lcov(COUNTS).split("end_of_record\n")[:2]
    assert first.split() == [
        *("SF:rtl/a.py", "BRDA:3,0,0,0", "BRDA:3,0,1,1", "BRF:2", "BRH:1"),
        *("DA:3,4", "DA:5,0", "LF:2", "LH:1"),
    ]
    assert second.split() == ["SF:rtl/b.py", "BRF:0", "BRH:0", "DA:1,2", "LF:1", "LH:1"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "rtl").mkdir()
    (tmp_path / "rtl" / "a.py").write_text("1\n2\nif a:\n    b\n    case 4:\n")
    (tmp_path / "rtl" / "b.py").write_text("first\n")
    return tmp_path


def test_an_excluded_line_is_left_out(root: Path) -> None:
    excluded = Exclusion("rtl/a.py", "case 4:", "there is no fifth kind", LATER)
    left = without(COUNTS, [excluded], root)
    assert set(COUNTS) - set(left) == {Point("rtl/a.py", 5, "line", "case")}
    assert list(wrong(COUNTS, [excluded], root)) == []


@pytest.mark.parametrize(
    ("file", "line", "expires", "told"),
    [
        ("rtl/a.py", "case 4:", date(2020, 1, 1), "expired on 2020-01-01"),
        ("rtl/a.py", "case 5:", LATER, "there is no such line"),
        ("rtl/none.py", "case 4:", LATER, "there is no such line"),
        ("rtl/b.py", "first", LATER, "is excluded, but was reached"),
    ],
)
def test_an_exclusion_that_is_wrong_is_told(
    root: Path, file: str, line: str, expires: date, told: str
) -> None:
    (found,) = wrong(COUNTS, [Exclusion(file, line, "x", expires)], root)
    assert told in found


def test_exclusions_of_the_testplan_name_lines_that_there_are() -> None:
    for exclusion in read_exclusions():
        assert exclusion.numbers(), exclusion.name


def test_too_little_fails() -> None:
    totals = {"line": {"hit": 97, "all": 100}, "branch": {"hit": 97, "all": 100}}
    assert list(below(totals, {"line": 0.98, "branch": 0.97})) == [
        "line: 97 of 100 are reached, must be 98.0%"
    ]


def test_records_of_a_real_run_are_read(tmp_path: Path) -> None:
    simulator = find("verilator")
    usable, reason = simulator.available()
    if not usable:
        pytest.skip(reason)
    sources = (COUNTER / "counter.vlt", COUNTER / "counter.sv")
    model = simulator.build(Build(sources, "counter", parameters={"WIDTH": 16}, coverage=True))
    run = Run(model, "counter", "regress.tests.counter.cocotb_tests", tmp_path, "counts", coverage=True)
    file = simulator.run(run).coverage
    assert file is not None
    counts = Counter(dict(points(read(file), (str(COUNTER),))))
    assert any(point.kind == "line" and count for point, count in counts.items())
    value = next(signal for signal in signals(counts) if signal.name.endswith(".count"))
    assert (value.bits, value.edges[0]["0->1"] > value.edges[1]["0->1"] > 0) == (16, True)
    assert value.missed.endswith("never fall")


def test_records_that_have_not_changed_are_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "coverage.dat"
    file.write_text(record("rtl/lib/fifo.py", 10, "line", "block", "a", 3))
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(code_report, "coverage_files", lambda run: [file])
    monkeypatch.setattr(code_report, "read_exclusions", list)
    first = code_report.report(regression="", folder=tmp_path, least={"line": 1.0})
    written = (tmp_path / code_report.LCOV).read_text()
    assert "DA:10,3" in written and first["line"] == {"hit": 1, "all": 1}
    (tmp_path / code_report.LCOV).unlink()
    with monkeypatch.context() as context:
        context.setattr(code_report, "merged", lambda files: pytest.fail("read again"))
        assert code_report.report(regression="", folder=tmp_path, least={"line": 1.0}) == first
    assert (tmp_path / code_report.LCOV).read_text() == written
    file.write_text(record("rtl/lib/fifo.py", 10, "line", "block", "a", 0))
    assert code_report.report(regression="", folder=tmp_path, least={"line": 1.0})["failures"] == [
        "line: 0 of 1 are reached, must be 100.0%"
    ]
