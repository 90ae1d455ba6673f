"""The same questions put to every real simulator: does it build once, run, fail, time out and die as told?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from regress.simulators import Build, BuildError, Outcome, Run, Simulator, SimulatorError, find

COUNTER = Path(__file__).parent / "counter"
BUILD = Build(
    sources=(COUNTER / "counter.vlt", COUNTER / "counter.sv"), top="counter", parameters={"WIDTH": 16}
)


@pytest.fixture(params=["icarus", "verilator"], scope="module")
def simulator(request: pytest.FixtureRequest) -> Simulator:
    """Each simulator that this machine has."""
    found = find(request.param)
    usable, reason = found.available()
    if not usable:
        pytest.skip(reason)
    return found


def simulate(
    simulator: Simulator, tmp_path: Path, testcase: str, build: Build = BUILD, **changes: object
) -> Outcome:
    """Run one of the counter's cocotb tests."""
    run = Run(simulator.build(build), "counter", "regress.tests.counter.cocotb_tests", tmp_path, testcase)
    return simulator.run(replace(run, **changes))  # type: ignore[arg-type]  # fields are given by name


def test_passes_with_a_clock_made_in_hdl(simulator: Simulator, tmp_path: Path) -> None:
    outcome = simulate(simulator, tmp_path, "counts")
    assert (outcome.tests, outcome.failures, outcome.passed) == (1, (), True)


def test_passes_with_a_clock_that_the_model_drives(simulator: Simulator, tmp_path: Path) -> None:
    clocked = replace(BUILD, defines={"CLOCK_INPUT": "1"}, clock="clk")
    assert simulate(simulator, tmp_path, "counts", build=clocked).passed
    assert simulate(simulator, tmp_path, "counts_edges", build=clocked).passed
    assert simulate(simulator, tmp_path, "fails", build=clocked).failures


def test_goes_past_the_time_of_a_removed_timer(simulator: Simulator, tmp_path: Path) -> None:
    clocked = replace(BUILD, defines={"CLOCK_INPUT": "1"}, clock="clk")
    assert simulate(
        simulator, tmp_path, "outlives_removed_timers", build=clocked, timeout_seconds=20.0
    ).passed


def test_equal_build_is_found_in_the_cache(simulator: Simulator) -> None:
    first = simulator.build(BUILD)
    made = (first / "build.log").stat().st_mtime_ns
    assert simulator.build(BUILD) == first
    assert (first / "build.log").stat().st_mtime_ns == made


def test_failure_carries_the_message(simulator: Simulator, tmp_path: Path) -> None:
    outcome = simulate(simulator, tmp_path, "fails")
    assert not outcome.passed
    assert outcome.failures[0].startswith("fails: count is not 99")


def test_hanging_run_is_ended(simulator: Simulator, tmp_path: Path) -> None:
    outcome = simulate(simulator, tmp_path, "hangs", timeout_seconds=4.0)
    assert outcome.timed_out and not outcome.passed
    assert outcome.wall_seconds < 8


def test_death_is_an_infrastructure_error(simulator: Simulator, tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="status 7 and left no results"):
        simulate(simulator, tmp_path, "dies")


def test_no_test_is_no_pass(simulator: Simulator, tmp_path: Path) -> None:
    try:
        assert not simulate(simulator, tmp_path, "no_such_test").passed
    except SimulatorError as error:
        assert "no results" in str(error)


def test_wrong_source_is_refused(simulator: Simulator, tmp_path: Path) -> None:
    broken = tmp_path / "broken.sv"
    broken.write_text("module broken (input wire a; endmodule\n")
    with pytest.raises(BuildError, match=r"broken: .*broken\.sv"):
        simulator.build(Build(sources=(broken,), top="broken", build_dir=tmp_path / "model"))
    assert not (tmp_path / "model").exists()


def start_value(simulator: Simulator, folder: Path, seed: int) -> str:
    """What the register that nothing resets starts with."""
    assert simulate(simulator, folder, "notes_start_value", seed=seed).passed
    return (folder / "unset.txt").read_text()


def test_registers_start_random_or_unknown(simulator: Simulator, tmp_path: Path) -> None:
    values = [start_value(simulator, tmp_path / str(index), seed) for index, seed in enumerate((5, 5, 6))]
    if simulator.name == "icarus":
        assert set(values) == {"X" * 32}
    else:
        assert values[0] == values[1] != values[2]
        assert set("".join(values)) == {"0", "1"}


def test_verilator_hides_what_no_control_file_names(simulator: Simulator, tmp_path: Path) -> None:
    if simulator.name != "verilator":
        pytest.skip("Icarus shows every signal")
    outcome = simulate(simulator, tmp_path, "reads_hidden")
    assert "hidden" in outcome.failures[0]


def test_trace_is_written(simulator: Simulator, tmp_path: Path) -> None:
    traced = simulator.build(replace(BUILD, trace=True))
    outcome = simulate(simulator, tmp_path, "counts", built=traced, trace=True)
    assert outcome.trace is not None and outcome.trace.stat().st_size > 100
