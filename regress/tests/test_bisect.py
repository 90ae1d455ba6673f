"""The first bad layer: wrong by itself, wrong only behind the others, or in a pipeline that cannot be taken apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regress.triage import bisect
from regress.triage.bisect import BEFORE, Bisection, Cause, wrong_layers
from regress.waves.layer import AFTER, Asked, Recorded
from tb.finding import Finding, Kind, told
from tb.recording import Recording

LAYERS = ("a", "b", "c")


def wrong(layer: str, cycle: int | None = 5000) -> Finding:
    return Finding(
        Kind.SOME_WRONG,
        f"{layer} is wrong",
        layer,
        "add",
        layer,
        (0, 0, 0, 0),
        1,
        2,
        8,
        cycle,
        "instruction 3",
    )


def result(*findings: Finding) -> dict[str, Any]:
    bad = {finding.layer for finding in findings}
    layers = [{"name": name, "equal": name not in bad} for name in LAYERS]
    return {"layers": layers, "trace": "/nowhere/dump.fst", **told(findings)}


@pytest.fixture
def find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Bisects with given answers; returns what was found, the lines told and the recordings asked for."""

    def bisected(
        network: dict[str, Any], apart: dict[str, Any] | None = None, variant: str = "systolic"
    ) -> Any:
        recordings: list[Recording | None] = []
        lines: list[str] = []

        def run_network(*_: Any, recording: Recording | None, **__: Any) -> dict[str, Any]:
            recordings.append(recording)
            return network

        def record_layer(asked: Asked, base: Path) -> Recorded:
            return Recorded(
                base / f"{asked.layer}.fst", base / f"{asked.layer}.gtkw", (0, 9), (0, 9), result(), None
            )

        monkeypatch.setattr(bisect, "ROOT", tmp_path)
        monkeypatch.setattr(bisect, "run_network", run_network)
        monkeypatch.setattr(bisect, "run_apart", lambda *_, **__: apart)
        monkeypatch.setattr(bisect, "record_layer", record_layer)
        monkeypatch.setattr(bisect, "read_labels", lambda file, layer: layer)
        monkeypatch.setattr(
            bisect, "write_save_file", lambda wave, variant, labels, at: Path(f"{labels}-{at}")
        )
        found = Bisection(Asked(variant, "net", "", "tiny"), 2, lines.append).find()
        return found, lines, recordings

    return bisected


def test_a_network_that_is_right_has_no_bad_layer(find: Callable[..., Any]) -> None:
    found, lines, _ = find(result())
    assert found.cause is Cause.NONE and lines == ["the network: every layer is right"]


def test_the_first_layer_that_is_wrong_alone(find: Callable[..., Any]) -> None:
    found, lines, _ = find(result(wrong("c")), result(wrong("c"), wrong("b")))
    assert (found.cause, found.layer, found.finding.layer) == (Cause.ALONE, "b", "b")
    assert found.wave.name == "b.fst"
    assert lines == ["the network: c is wrong", "alone: b, c of 3 layers wrong"]


def test_a_layer_that_is_wrong_only_in_the_network(find: Callable[..., Any]) -> None:
    found, _, recordings = find(result(wrong("b")), result())
    assert (found.cause, found.layer) == (Cause.STATE, "b")
    assert found.save == Path("b-5000") and found.wave == Path("/nowhere/dump.fst")
    assert recordings[0] is None and recordings[1].window == (5000 - BEFORE, 5000 + AFTER)


def test_without_a_cycle_all_of_the_network_is_recorded(find: Callable[..., Any]) -> None:
    _, _, recordings = find(result(wrong("b", None)), result())
    assert recordings[1].window == ()


def test_a_pipeline_is_not_taken_apart(find: Callable[..., Any]) -> None:
    found, _, _ = find(result(wrong("b")), variant="bcnn")
    assert (found.cause, found.layer, found.wave.name) == (Cause.PIPELINE, "b", "b.fst")


def test_a_layer_that_hangs_is_wrong_too() -> None:
    assert list(wrong_layers(result(Finding(Kind.HANG, "no interrupt", "b")))) == ["b"]
