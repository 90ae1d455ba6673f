"""The optimizer's report: which rows there are, what they count, and what cannot be optimized."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compiler import optimizer
from compiler.accuracy import predictions
from compiler.api import config_of
from compiler.errors import BadData, DoesNotFit, UnknownName
from compiler.network import input_quantisation
from compiler.optimizer import Plan, Row, predictor, rows, subject
from compiler.optimizer.cycles import Prediction
from compiler.optimizer.steps import STATED
from compiler.systolic import compile_graph
from compiler.tests.onnx_models import images as drawn
from compiler.tests.onnx_models import output, residual
from compiler.tests.qonnx_models import brevitas_like
from golden.ir import Graph
from golden.networks import fashion

SHAPE = (40, 12, 12, 3)


def _macs(graph: Graph) -> Prediction:
    """Stands for an estimator: grows with the weights that are not 0."""
    return Prediction(sum(int(np.count_nonzero(values)) for values in graph.constants.values()))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    random = np.random.default_rng(2)
    np.save(tmp_path / "calibration.npy", random.uniform(-1, 1, SHAPE).astype(np.float32))
    np.save(tmp_path / "data.npy", random.uniform(-1, 1, SHAPE).astype(np.float32))
    return residual().save(tmp_path)


def _files(model: Path) -> tuple[str, str]:
    return str(model.parent / "calibration.npy"), str(model.parent / "data.npy")


def test_rows_of_a_users_model(model: Path) -> None:
    """Agreement with the float network itself, which therefore agrees wholly; cycles fall with the weights."""
    given = subject(str(model), *_files(model))
    found = list(rows(given, Plan(), _macs))
    names = [(row.step, row.bits, row.sparsity, row.calibrator) for row in found]
    assert names[:3] == [("float", 0, "4:4", ""), ("folded", 0, "4:4", ""), ("quantised", 8, "4:4", "minmax")]
    assert [name[1] for name in names[2:8]] == [8, 8, 8, 4, 4, 4]
    assert [name[:3] for name in names[8:]] == [("pruned, quantised", 4, s) for s in ("2:4", "1:4")]
    assert found[0].correct == found[1].correct == 1.0 and found[0].cycles is None
    assert all(row.correct > 0.9 for row in found[2:5])
    cycles = [row.cycles for row in (found[5], *found[8:])]
    assert cycles[0] is not None and cycles[1] is not None and cycles[2] is not None
    assert cycles[0] > cycles[1] > cycles[2]


def test_pruned_networks_take_the_calibrator_that_did_best(model: Path) -> None:
    found = list(rows(subject(str(model), *_files(model)), Plan(), _macs))
    best = max(found[5:8], key=lambda row: row.correct)
    assert {row.calibrator for row in found[8:]} == {best.calibrator}


def test_labels_are_what_is_counted(model: Path) -> None:
    """Labels of the float network with every fourth one changed: a quarter is wrong."""
    calibration, data = _files(model)
    classes = output(subject(str(model), calibration, data).read, np.load(data)).argmax(1)
    classes[::4] = (classes[::4] + 1) % 10
    np.save(model.parent / "labels.npy", classes)
    given = subject(str(model), calibration, data, str(model.parent / "labels.npy"))
    first = next(iter(rows(given, Plan(), _macs)))
    assert first.correct == 0.75
    half = subject(str(model), calibration, data, str(model.parent / "labels.npy"), 20)
    assert len(half.images.judging) == 20 and next(iter(rows(half, Plan(), _macs))).correct == 0.75


def test_plan_takes_what_is_asked_for(model: Path) -> None:
    plan = Plan(bits=(4,), sparsities=("2:4",), calibrators=("mse",))
    found = list(rows(subject(str(model), *_files(model)), plan, _macs))
    assert [(row.bits, row.sparsity) for row in found[2:]] == [(4, "4:4"), (4, "2:4")]
    for wrong in ({"bits": (5,)}, {"sparsities": ("3:4",)}, {"calibrators": ("none",)}, {"end_weights": 6}):
        with pytest.raises(BadData):
            Plan(**wrong)


def test_integers_of_a_qonnx_file_stay(tmp_path: Path) -> None:
    path = brevitas_like().save(tmp_path)
    found = list(rows(subject(str(path)), Plan(), _macs))
    assert [row.calibrator for row in found[2:]] == [STATED] * 3


@pytest.fixture(scope="module")
def fashion_rows() -> dict[tuple[str, int, str, str], Row]:
    found = rows(subject("fashion_int4", count=200), Plan(bits=(4,), calibrators=("mse",)), _macs)
    return {(row.step, row.bits, row.sparsity, row.calibrator): row for row in found}


def test_fashion_is_judged_by_its_labels(fashion_rows: dict[tuple[str, int, str, str], Row]) -> None:
    """Pruning by magnitude costs what fine-tuning brings back."""
    exact = fashion_rows["float", 0, "4:4", ""].correct
    assert exact > 0.9
    for sparsity, points in (("4:4", 2.0), ("2:4", 2.0), ("1:4", 4.0)):
        tuned = fashion_rows["fine-tuned", 4, sparsity, "trained"]
        assert tuned.correct >= exact - points / 100
        if sparsity != "4:4":
            assert fashion_rows["pruned, quantised", 4, sparsity, "mse"].correct < tuned.correct


def test_tuned_rows_are_the_named_networks(fashion_rows: dict[tuple[str, int, str, str], Row]) -> None:
    from compiler.networks import load

    made = load("fashion_int4", sparsity="1:4")
    labels = made.labels(200)
    right = predictions(made.graph, made.images(200)) == labels
    assert fashion_rows["fine-tuned", 4, "1:4", "trained"].correct == float(np.mean(right))
    assert input_quantisation(made.graph).bits == 8


def test_calibration_images_are_not_those_that_judge() -> None:
    images = subject("fashion_int8").images
    assert len(images.judging) == 500 and len(images.calibration) == len(fashion.calibration_images()[0])
    judged = {image.tobytes() for image in images.judging}
    assert not any(image.tobytes() in judged for image in images.calibration)


def test_predicted_cycles_are_the_back_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its `predict`, where it has one; the estimate of its program otherwise. A refusal is a reason."""
    from compiler import systolic

    graph = subject("fashion_int8", count=1).tuned["4:4"]
    monkeypatch.delattr(systolic, "predict", raising=False)
    estimated = predictor("systolic", "small")(graph)
    assert 10_000 < estimated < 1_000_000 and estimated.reason == ""
    monkeypatch.setattr(
        systolic, "predict", lambda graph, config: len(graph.nodes) + config.rows, raising=False
    )
    assert predictor("systolic", "small")(graph) == len(graph.nodes) + config_of("systolic", "small").rows

    def refuse(graph: Graph, config: object) -> int:
        raise DoesNotFit("too large", node="n")

    monkeypatch.setattr(systolic, "predict", refuse)
    refused = predictor("systolic", "small")(graph)
    assert refused == 0 and refused.reason == "node 'n': too large"
    assert compile_graph(graph, config_of("systolic", "small")).instructions > 0
    with pytest.raises(UnknownName, match="no accelerator 'nowhere'"):
        predictor("nowhere", "small")


def test_what_cannot_be_optimized(model: Path) -> None:
    labels = model.parent / "labels.npy"
    np.save(labels, np.zeros(3, np.int64))
    for words, rule in (
        ({"name": "mine.tflite"}, "mine.tflite: comes quantised"),
        ({"name": "fashion_int8", "data": "x"}, "fashion_int8: has images of its own"),
        ({"name": "fashion_int8", "count": 0}, "0 images are asked for"),
        ({"name": str(model), "labels": str(labels)}, "labels need data"),
        ({"name": str(model), "data": _files(model)[1], "labels": str(labels)}, "must be 40 integers"),
        ({"name": str(model), "data": str(model.parent / "absent")}, "no such file or folder"),
    ):
        with pytest.raises(BadData, match=rule):
            subject(**words)
    with pytest.raises(UnknownName):
        subject("nonet")


def test_without_data_images_are_random(model: Path) -> None:
    images = subject(str(model)).images
    assert images.labels is None and images.judging.shape == (64, 12, 12, 3)
    assert 0 <= images.judging.min() < images.judging.max() <= 1
    assert not np.array_equal(images.judging, images.calibration)
    assert optimizer.subject(str(model), count=5).images.judging.shape[0] == 5
    assert drawn(subject(str(model)).read, 1).shape == (1, 12, 12, 3)
