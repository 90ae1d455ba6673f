"""The bench itself, around the copier: on both simulators it passes, and each fault is found and told."""

from __future__ import annotations

from pathlib import Path

import pytest

from regress.simulators import Build, Run, find
from tb.model import CLOCK
from tb.tests.bench_copier import NARROW, WIDE

HDL = Path(__file__).parents[1] / "hdl"
SOURCES = (*sorted(HDL.glob("*.sv")), HDL / "tb_control.vlt", Path(__file__).parent / "hdl" / "copier.sv")


def simulate(simulator: str, fault: int, folder: Path, wide: bool = False) -> list[str]:
    """The failures that the bench told. wide: the copier shows itself as a large pipeline does."""
    tool = find(simulator)
    available, reason = tool.available()
    if not available:
        pytest.skip(reason)
    build = Build(
        SOURCES,
        "tb_top",
        {**(WIDE if wide else NARROW), "WORDS": 65536},
        {"ASSAY_DUT": "copier", **({"COPIER_WIDE": "1"} if wide else {})},
        includes=(HDL,),
        arguments=arguments(simulator),
        clock=CLOCK,
    )
    run = Run(
        tool.build(build),
        "tb_top",
        "tb.tests.bench_copier",
        folder,
        seed=3,
        environment={"ASSAY_FAULT": str(fault), "ASSAY_WIDE": "1" if wide else ""},
        timeout_seconds=30,
    )
    outcome = tool.run(run)
    assert outcome.passed, outcome.failures
    return (folder / "failures.txt").read_text().splitlines()


def arguments(simulator: str) -> tuple[str, ...]:
    """Verilator's lint is for the design; the bench is written for two simulators."""
    return ("-Wno-fatal", "-Wno-lint") if simulator == "verilator" else ()


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
def test_bench_passes(simulator: str, tmp_path: Path) -> None:
    assert simulate(simulator, 0, tmp_path) == []
    counted, register = (tmp_path / "cycles.txt").read_text().split()
    assert counted == register


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
def test_many_taps_and_event_lanes(simulator: str, tmp_path: Path) -> None:
    """The only lane that ends layers has counters of its own, to which nothing is added at the end."""
    assert simulate(simulator, 0, tmp_path, wide=True) == []
    counted, register = map(int, (tmp_path / "cycles.txt").read_text().split())
    assert 0 < counted < register


def test_a_fault_is_found_on_the_last_of_many_taps(tmp_path: Path) -> None:
    failures = simulate("icarus", 1, tmp_path, wide=True)
    assert any("node copy (n, y, x, c) = (0, 0, 0, 0): expected" in failure for failure in failures)


def test_simulators_agree(tmp_path: Path) -> None:
    for simulator in ("icarus", "verilator"):
        simulate(simulator, 0, tmp_path / simulator)
    assert (tmp_path / "icarus/cycles.txt").read_text() == (tmp_path / "verilator/cycles.txt").read_text()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (1, "layer copy: node copy (n, y, x, c) = (0, 0, 0, 0): expected"),
        (2, "write outside the layer's regions"),
        (3, "no interrupt"),
    ],
)
def test_faults_are_found(fault: int, message: str, tmp_path: Path) -> None:
    failures = simulate("icarus", fault, tmp_path)
    assert any(message in failure for failure in failures), failures
