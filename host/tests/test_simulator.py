"""Simulators end with their host, however it ends, and a host hears when its simulator has ended."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from compiler.errors import UnknownName
from host import Accelerator, DeviceTimeout, TransportError, simulated
from host.simulator_process import ROOT, SimulatorProcess, listening
from host.tests.devices import chain, fashion, on_simulator, processes_in
from regress.simulators import SimulatorError, find
from regress.simulators.results import read_results
from rtl.lib.registers import IDENTIFIER
from tb.device_job import DeviceJob

# Who starts the tests in the background has the interrupt ignored.
SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from compiler.program import Program
from host import Accelerator, simulated
with Accelerator(simulated("systolic", "tiny", folder=Path(sys.argv[1]))) as device:
    device.configure(sys.argv[2])
    device.write("image", __import__("numpy").zeros((1000, 28, 28, 1), "int8"))
    device.run()
    print("running", flush=True)
    device.wait()
"""


def gone(folder: Path, seconds: float = 20.0) -> bool:
    """No simulator works in the folder any more, within so many seconds."""
    end = time.monotonic() + seconds
    while processes_in(folder) and time.monotonic() < end:
        time.sleep(0.05)
    return not processes_in(folder)


def waiting_host(folder: Path, program: Path) -> subprocess.Popen[str]:
    """A host program in the midst of wait() for a thousand images."""
    usable, reason = find("verilator").available()
    if not usable:
        pytest.skip(reason)
    fashion("tiny").program.save(program)
    command = [sys.executable, "-c", SCRIPT, str(folder), str(program)]
    host = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert host.stdout is not None
    assert host.stdout.readline() == "running\n"
    time.sleep(0.5)
    assert processes_in(folder)
    return host


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_a_simulator_ends_with_its_host(signal_number: int, tmp_path: Path) -> None:
    folder = tmp_path / "simulation"
    with waiting_host(folder, tmp_path / "program") as host:
        host.send_signal(signal_number)
        _, told = host.communicate(timeout=120)
        assert host.returncode != 0
        assert gone(folder)
    assert ("KeyboardInterrupt" in told) == (signal_number == signal.SIGINT)


def test_closing_ends_the_simulator_and_keeps_a_folder_that_was_given(tmp_path: Path) -> None:
    case = chain()
    with Accelerator(on_simulator(case, folder=tmp_path / "kept")) as device:
        device.configure(case.program)
        assert processes_in(tmp_path / "kept")
    assert not processes_in(tmp_path / "kept")
    assert read_results(tmp_path / "kept/results.xml") == (1, ())


def test_a_device_that_is_forgotten_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    device = on_simulator(chain())
    (folder,) = tmp_path.glob("assay-device-*")
    assert processes_in(folder)
    with pytest.warns(ResourceWarning, match="unclosed"):
        del device
        gc.collect()
    assert gone(folder) and not list(tmp_path.iterdir())


def test_a_simulator_that_dies_is_told_at_once(tmp_path: Path) -> None:
    case = chain()
    (given,) = case.graph.inputs
    with Accelerator(on_simulator(case, folder=tmp_path)) as device:
        device.configure(case.program)
        device.write(given, case.inputs(1)[given])
        device.run()
        for process in processes_in(tmp_path):
            os.kill(process, signal.SIGKILL)
        begin = time.monotonic()
        with pytest.raises(
            TransportError, match=rf"the simulator was killed \(signal 9, SIGKILL\).*see {tmp_path}"
        ):
            device.wait()
        assert time.monotonic() - begin < 20
        with pytest.raises(TransportError, match="closed"):
            device.configure(case.program)


def test_an_access_that_is_refused_leaves_the_device_usable() -> None:
    with closing(on_simulator(chain())) as device:
        for access in (lambda: device.read(0xFFC), lambda: device.write(0xFFC, 1)):
            with pytest.raises(TransportError, match=r"BusError: error answer: .* 0xffc"):
                access()
        assert device.read(0) == IDENTIFIER


def test_patience_is_a_number_of_cycles(tmp_path: Path) -> None:
    case = chain()
    (given,) = case.graph.inputs
    with Accelerator(on_simulator(case), patience=100) as device:
        device.configure(case.program)
        device.write(given, case.inputs(2)[given])
        device.run()
        with pytest.raises(DeviceTimeout, match=r"no interrupt in 200 cycles: status .*CONFIGURED.*BUSY"):
            device.wait()
        device.configure(case.program)


def test_records_that_nobody_reads_do_not_grow(tmp_path: Path) -> None:
    case = chain()
    (given,) = case.graph.inputs
    with Accelerator(on_simulator(case, folder=tmp_path)) as device:
        device.configure(case.program)
        sizes = []
        for _ in range(3):
            device.infer(case.inputs(50)[given])
            sizes.append((tmp_path / "taps.bin").stat().st_blocks)
        assert sizes[2] <= sizes[0] + 16
        assert device.profile().images == 50


def test_what_cannot_be_simulated_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownName, match="no accelerator 'toaster'"):
        simulated("toaster")
    with pytest.raises(UnknownName, match="no configuration 'huge'"):
        simulated("systolic", "huge")
    with pytest.raises(SimulatorError, match="'nothing' is unknown"):
        simulated("systolic", "tiny", "nothing")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SimulatorError, match="icarus cannot be used: iverilog and vvp not found"):
        simulated("systolic", "tiny", "icarus")


def test_a_simulator_that_does_not_start_is_told(tmp_path: Path) -> None:
    job = DeviceJob(
        "systolic", "tiny", "verilator", str(tmp_path / "nothing"), 1, 64, str(tmp_path / "socket")
    )
    process = SimulatorProcess(job, tmp_path / "simulation")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen(1)
        with pytest.raises(TransportError, match=f"did not start: .*see {tmp_path / 'simulation'}"):
            process.accept(listener)


def test_a_socket_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("long" * 30)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with pytest.raises(TransportError, match="no socket can be made in it"), listening():
        pass
