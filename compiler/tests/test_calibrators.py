"""Calibrators: percentiles as NumPy's, least error as a search over the values themselves, choice by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from compiler.errors import BadData
from compiler.frontends.loaded import Range
from compiler.frontends.onnx_file import load_onnx
from compiler.network import from_onnx
from compiler.networks import load
from compiler.passes import FLOAT_PASSES, run_passes
from compiler.passes.calibrate import CALIBRATORS, calibrate
from compiler.passes.clipping import PERCENT, SHARES, least_error_range, percentile_range
from compiler.passes.histograms import BINS, Histogram
from compiler.passes.quantise import activation_quantisation
from compiler.passes.widths import activation_bits
from compiler.tests.onnx_models import images, residual
from golden.ir import Graph
from golden.networks import fashion
from golden.run import run

COUNT = 200_000
Values = npt.NDArray[np.float32]


def _drawn(kind: str) -> Values:
    random = np.random.default_rng(11)
    normal = random.normal(0, 1, COUNT)
    spread = {
        "normal": normal,
        "relu": np.maximum(normal, 0),
        "long tail": random.laplace(0, 1, COUNT) ** 3,
        "negative": -np.abs(normal),
        "shifted": normal + 3,
    }
    return spread[kind].astype(np.float32)


KINDS = ("normal", "relu", "long tail", "negative", "shifted")


def _histogram(values: Values) -> Histogram:
    """Counted in four portions."""
    made = Histogram.between((float(values.min()), float(values.max())))
    for part in np.array_split(values, 4):
        made.add(part)
    return made


def _error(values: Values, ends: Range, bits: int) -> float:
    """Mean square error of the values themselves."""
    q = activation_quantisation(*ends, bits)
    steps = np.clip(np.round(values.astype(np.float64) / q.scale[0]) + q.zero_point, q.low, q.high)
    return float(np.mean(((steps - q.zero_point) * q.scale[0] - values) ** 2))


@pytest.mark.parametrize("kind", KINDS)
def test_percentile_is_numpys_within_a_bin(kind: str) -> None:
    values = _drawn(kind)
    width = float(np.ptp(values)) / BINS
    cut = (100 - PERCENT) / 2
    expected = np.percentile(values, [cut, 100 - cut], method="inverted_cdf")
    assert np.allclose(percentile_range(_histogram(values)), expected, rtol=0, atol=1.01 * width)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bits", [4, 8])
def test_no_other_range_errs_less(kind: str, bits: int) -> None:
    """The best of all pairs of shares, found on the values themselves, is no better than the one found on the
    histogram, but for what a bin hides."""
    values = _drawn(kind)[:20_000]
    least, greatest = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    chosen = least_error_range(_histogram(values), bits)
    shares = (*SHARES[:: 1 if min(-least, greatest) == 0 else 3], 1.0)
    best = min(_error(values, (low * least, high * greatest), bits) for low in shares for high in shares)
    assert _error(values, chosen, bits) <= 1.01 * best
    assert least <= chosen[0] <= 0 <= chosen[1] <= greatest


def test_least_error_clips_a_long_tail_more_at_fewer_bits() -> None:
    histogram = _histogram(_drawn("long tail"))
    narrow, wide = (least_error_range(histogram, bits)[1] for bits in (4, 8))
    assert narrow < wide < histogram.greatest


def test_a_map_of_one_value() -> None:
    histogram = _histogram(np.full(100, 2.5, np.float32))
    assert percentile_range(histogram)[1] == pytest.approx(2.5)
    assert least_error_range(histogram, 8) == (0.0, 2.5)
    assert least_error_range(_histogram(np.zeros(100, np.float32)), 8) == (0.0, 0.0)


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    return run_passes(load_onnx(residual().save(tmp_path)).graph, FLOAT_PASSES)


@pytest.mark.parametrize("bits", [4, 8])
def test_every_map_is_calibrated_at_its_own_bits(bits: int, graph: Graph) -> None:
    batch = images(graph, 40)
    values, widths = run(graph, {graph.inputs[0]: batch}), activation_bits(graph, bits)
    found = {name: calibrate(graph, batch, name, bits) for name in CALIBRATORS}
    assert found["mse"] == calibrate(graph, batch, "mse", bits)
    for name, map_values in values.items():
        ranges = {calibrator: ranges[name] for calibrator, ranges in found.items()}
        errors = {each: _error(map_values, ends, widths[name]) for each, ends in ranges.items()}
        assert errors["mse"] <= 1.01 * min(errors.values()), name
    assert all(found[name][graph.inputs[0]] == found["minmax"][graph.inputs[0]] for name in CALIBRATORS)


def test_percentile_is_narrower(graph: Graph) -> None:
    batch = images(graph, 40)
    wide, narrow = (calibrate(graph, batch, name) for name in ("minmax", "percentile"))
    assert all(wide[name][0] <= narrow[name][0] <= narrow[name][1] <= wide[name][1] for name in wide)
    assert any(narrow[name][1] < wide[name][1] for name in wide)


def test_unknown_calibrator(graph: Graph) -> None:
    with pytest.raises(BadData, match="no calibrator 'entropy': there are minmax, percentile, mse"):
        calibrate(graph, images(graph, 1), "entropy")


def test_calibrator_of_a_users_file(tmp_path: Path) -> None:
    path = residual().save(tmp_path)
    np.save(tmp_path / "data.npy", np.random.default_rng(0).normal(0, 1, (20, 12, 12, 3)).astype(np.float32))
    scales = {
        name: [
            tensor.quantisation
            for tensor in load(
                str(path), bits=4, calibration=tmp_path / "data.npy", calibrator=name
            ).graph.tensors.values()
        ]
        for name in CALIBRATORS
    }
    assert scales["minmax"] != scales["percentile"] != scales["mse"] != scales["minmax"]


def test_a_file_with_ranges_of_its_own_needs_data_for_another_calibrator() -> None:
    with pytest.raises(BadData, match="--calibrator mse needs --calibration: the file states its own ranges"):
        from_onnx(fashion.FLOAT_MODEL, calibrator="mse")
    with pytest.raises(BadData, match="fashion_int8: --calibrator is for float"):
        load("fashion_int8", calibrator="mse")
