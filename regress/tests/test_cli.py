"""The assay command: exit codes, one line for bad input, and the result file of a run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from compiler.errors import UnsupportedOperator
from regress import cli, endings, network
from regress.simulators import BuildError, SimulatorError
from rtl.convert.errors import ConvertError

ROOT = Path(__file__).resolve().parents[2]
LAYER = {
    "name": "stem",
    "cycles": 1200,
    "compute_cycles": 900,
    "stalls": {"read": 200, "write": 50, "dependency": 50},
    "bytes_read": 4000,
    "bytes_written": 800,
    "macs": 90000,
    "macs_skipped": 1000,
    "equal": True,
}


def assay(*words: str) -> subprocess.CompletedProcess[str]:
    """The command as a user starts it, without activation, from another folder."""
    command = str(Path(sys.executable).parent / "assay")
    return subprocess.run([command, *words], capture_output=True, text=True, cwd="/", check=False)


def raises(error: BaseException) -> Any:
    """A command that raises."""

    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BuildError("top: refused", Path("build.log")), 1),
        (ConvertError("x.py:3: no"), 1),
        (UnsupportedOperator("is not run here", file="a.onnx", node="n", operator="LSTM"), 2),
        (SimulatorError("no Verilator"), 3),
        (OSError("disk full"), 3),
        (KeyError("a mistake of ours"), 3),
        (KeyboardInterrupt(), 130),
        (SystemExit(1), 1),
    ],
)
def test_each_error_has_its_code(error: BaseException, code: int) -> None:
    assert endings.guarded(raises(error)) == code


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("compile", "systolic", "nonet"), "no network 'nonet'"),
        (("compile", "nowhere", "fashion_int8"), "no accelerator 'nowhere'"),
        (("compile", "systolic", "fashion_int8", "--config", "huge"), "no configuration 'huge'"),
        (("run", "systolic", "fashion_int8", "--sim", "magic"), "must be verilator or icarus"),
        (("regress", "--suite", "weekly"), "must be one of smoke, ci, nightly"),
        (
            ("run", "systolic", "fashion_int8", "--bits", "4"),
            "fashion_int8: comes in 8 bits, not in 4",
        ),
        (("compile", "systolic", "fashion_int8", "--bits", "5"), "--bits is 5, must be 8 or 4"),
        (
            ("compile", "systolic", "fashion_int8", "--sparsity", "3:4"),
            "--sparsity is '3:4', must be 4:4, 2:4",
        ),
        (("compile", "systolic", "resnet8", "--sparsity", "2:4"), "resnet8: cannot be pruned to 2:4"),
        (("compile", "systolic", "fashion_int4", "--end-weights", "6"), "--end-weights is 6, must be 8 or 4"),
        (
            ("compile", "systolic", "fashion_int8", "--end-weights", "4"),
            "fashion_int8: --end-weights 4 is for networks of 4 bits",
        ),
        (
            ("run", "systolic", "fashion_int8", "--calibration", "/nowhere"),
            "fashion_int8: --calibration is for float .onnx files",
        ),
        (
            ("run", "systolic", "fashion_int8", "--json", "/nowhere/r.json"),
            "/nowhere/r.json: cannot be written",
        ),
        (("compile", "systolic", "fashion_int8", "-o", "/nowhere/x"), "/nowhere/x: cannot be written"),
        (("disasm", "/nowhere.program"), "/nowhere.program: cannot be read"),
    ],
)
def test_bad_input_is_told_in_one_line(words: tuple[str, ...], message: str) -> None:
    done = assay(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr and done.stderr.count("\n") == 1


def test_list_names_what_there_is() -> None:
    done = assay("list")
    assert done.returncode == 0
    for word in ("systolic: tiny, small", "fashion_int8", "verilator: ", "icarus: "):
        assert word in done.stdout


def test_compile_writes_a_program_that_disasm_reads(tmp_path: Path) -> None:
    file = tmp_path / "p.program"
    assert assay("compile", "systolic", "fashion_int4", "--config", "tiny", "-o", str(file)).returncode == 0
    listing = assay("disasm", str(file))
    assert listing.returncode == 0 and "MATMUL" in listing.stdout.upper()


def result(verdict: str) -> dict[str, Any]:
    """What a run returns."""
    layer = {**LAYER, "equal": verdict == "pass"}
    failures = [] if verdict == "pass" else ["layer stem: (0, 1, 2, 3): expected 4, got 5"]
    place = {"network": "fashion_int8", "variant": "systolic", "config": "tiny"}
    speed = {
        "cycles": 1200, "fps": 90000.0, "gops": 16.2, "executed_gops": 16.0, "utilisation": 0.3,
        "bytes_read": 4000, "bytes_written": 800,
    }  # fmt: skip
    share = {"images": 50, "golden": 0.92, "rtl": 0.92 if verdict == "pass" else None}
    return {"verdict": verdict, **place, **speed, "layers": [layer], "failures": failures, "accuracy": share}


def test_run_passes_on_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only that: what was not asked for is the network's to choose."""
    passed: list[dict[str, Any]] = []

    def record(*_: Any, **named: Any) -> dict[str, Any]:
        passed.append(named)
        return result("pass")

    monkeypatch.setattr(network, "run_network", record)
    words = ["run", "systolic", "resnet50", "--sim", "icarus"]
    requests = ["--batch", "64", "--outputs-only", "--jobs", "2"]
    for more in ([], ["--sparsity", "2:4", "--end-weights", "8", "--bits", "4"], requests):
        assert CliRunner().invoke(cli.app, [*words, *more]).exit_code == 0
    usual = {"recording": None, "batch": 16, "outputs_only": False, "jobs": 1}
    asked = {"sparsity": "2:4", "end_weights": 8, "bits": 4}
    assert passed == [usual, usual | asked, usual | {"batch": 64, "outputs_only": True, "jobs": 2}]


def test_runs_of_other_settings_leave_their_files_elsewhere() -> None:
    asked = (network.Asked(), network.Asked(sparsity="2:4"), network.Asked(4, end_weights=8))
    words = ("systolic", "resnet50", "paper", "icarus", "", 1, "", 1, False)
    folders = [network.Order(*words, each).folder.name for each in asked]
    assert folders == [f"systolic-resnet50-paper-icarus{end}" for end in ("", "-2of4", "-4bit-ends8")]


def test_widths_of_the_end_layers_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    end = {"name": "stem", "activation_bits": 8, "weight_bits": 4}
    settings = {"sparsity": "2:4", "first_layer": end, "last_layer": {**end, "name": "logits"}}
    monkeypatch.setattr(
        network, "run_network", lambda *words, **named: result("pass") | {"settings": settings}
    )
    done = CliRunner().invoke(cli.app, ["run", "systolic", "resnet50", "--sim", "icarus"])
    assert "weights 2:4; first layer stem: 8-bit activations, 4-bit weights; last layer logits" in done.output


@pytest.mark.parametrize(("verdict", "code"), [("pass", 0), ("fail", 1)])
def test_run_shows_and_writes_its_result(
    verdict: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "run_network", lambda *words, **named: result(verdict))
    words = ["run", "systolic", "fashion_int8", "--sim", "icarus", "--json", str(tmp_path / "r.json")]
    done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == code, done.output
    assert json.loads((tmp_path / "r.json").read_text())["layers"] == result(verdict)["layers"]
    assert ("expected 4, got 5" in done.output) == (verdict == "fail")
    assert ("RTL 92.0%, golden 92.0%" in done.output) == (verdict == "pass")


def test_dry_run_shows_jobs_with_seeds() -> None:
    done = assay("regress", "--suite", "smoke", "--dry-run")
    assert done.returncode == 0 and " seed " in done.stdout


def test_apart_is_for_whole_networks() -> None:
    """Layers that run alone cannot be chosen again: bad input, before anything is built."""
    done = assay("run", "systolic", "fashion_int4", "--apart", "2", "--layers", "1:2")
    assert done.returncode == 2
    assert "--apart" in done.stderr


@pytest.mark.parametrize("other", [["--waves"], ["--apart", "2"]])
def test_images_are_shared_out_among_whole_networks_without_waves(other: list[str]) -> None:
    done = assay("run", "systolic", "fashion_int4", "--jobs", "2", *other)
    assert done.returncode == 2
    assert "--jobs" in done.stderr


def test_what_was_not_compared_is_not_called_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"compared": "outputs only", "layers": [{**LAYER, "equal": None}]}
    pace = {"configure_cycles": 40, "first_frame_cycles": 26_184, "interval": 250.4, "steady_fps": 4119.9}
    monkeypatch.setattr(network, "run_network", lambda *words, **named: result("pass") | few | pace)
    done = CliRunner().invoke(cli.app, ["run", "systolic", "fashion_int8", "--sim", "icarus"])
    assert "checked: outputs only" in done.output and "unseen" in done.output and "yes" not in done.output
    line = "configured in 40 cycles, first image after 26,184, then one every 250: 4,119.9 images/s"
    assert line in done.output


def test_long_numbers_are_shortened() -> None:
    shown = {0: "0", 999: "999", 1_000: "1.00k", 12_345: "12.3k", 123_456: "123k", 4_089_184_256: "4.09G"}
    assert {number: network.short(number) for number in shown} == shown
