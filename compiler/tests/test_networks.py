"""Networks by name and by file, with inputs of every kind, and the errors of those that are not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from compiler.accuracy import predictions
from compiler.errors import AssayError, BadData, MalformedFile, UnknownName
from compiler.images import read_data
from compiler.macs import macs
from compiler.network import from_onnx, from_tflite, input_quantisation
from compiler.networks import fashion as fashion_networks
from compiler.networks import load, names, network
from compiler.passes.calibrate import calibrate
from compiler.passes.prune import is_pruned
from compiler.tests.onnx_models import residual
from golden.networks import fashion
from golden.networks.fashion import topology
from golden.run import run
from golden.tests.residual_network import residual_network
from golden.tests.tflite_model import tflite_file

SHAPE = (1, 12, 12, 3)
DAMAGED_FILES = 60


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return residual().save(tmp_path)


@pytest.mark.parametrize(("name", "points"), [("fashion_int8", 0.5), ("fashion_int4", 2.0)])
def test_fashion_is_as_good_as_float(name: str, points: float) -> None:
    """On some of the committed images; half a point is one image, so some slack is left to chance."""
    made = load(name)
    count = 200
    images, labels = made.images(count), made.labels(count)
    assert labels is not None and made.float_graph is not None
    pixels = fashion.images()[0][:count].astype(np.float32) / np.float32(255)
    exact = np.mean(predictions(made.float_graph, pixels) == labels)
    assert exact >= 0.90
    assert np.mean(predictions(made.graph, images) == labels) >= exact - points / 100 - 0.01


@pytest.mark.parametrize("name", ["fashion_int8", "fashion_int4"])
def test_fashion_macs(name: str) -> None:
    graph = load(name).graph
    assert macs(graph) == 5_595_104 == sum(topology.macs().values())
    assert graph.name == name and graph.inputs == ("image",)


def test_names_are_known_and_others_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(names()) == {
        "fashion_int8",
        "fashion_int4",
        "fashion_bnn",
        "resnet8",
        "resnet20",
        "squeezenet10",
        "resnet50",
        "cnv",
        "bcnn_cifar10",
    }
    with pytest.raises(UnknownName, match="no network 'lenet': there are fashion_int8"):
        load("lenet")
    monkeypatch.delenv("ASSAY_MODELS", raising=False)
    assert network("resnet8").missing() == "ASSAY_MODELS is not set"
    with pytest.raises(UnknownName, match="'resnet8' cannot be had: ASSAY_MODELS is not set"):
        load("resnet8")


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "bits": ("fashion_int8", {"bits": 5}, "--bits is 5, must be 8 or 4"),
    "end weights": ("fashion_int4", {"end_weights": 2}, "--end-weights is 2, must be 8 or 4"),
    "sparsity": ("fashion_int4", {"sparsity": "2"}, "--sparsity is '2', must be 4:4, 2:4, 1:4"),
    "bits of a network": ("fashion_int8", {"bits": 4}, "fashion_int8: comes in 8 bits, not in 4"),
    "pruned though quantised": ("resnet8", {"sparsity": "1:4"}, "resnet8: cannot be pruned to 1:4"),
    "pruned though binary": ("fashion_bnn", {"sparsity": "2:4"}, "fashion_bnn: cannot be pruned to 2:4"),
    "ends of 8 bits": ("fashion_int8", {"end_weights": 4}, "--end-weights 4 is for networks of 4 bits"),
    "ends of a file": ("a.onnx", {"end_weights": 4}, "a.onnx: --end-weights 4 is for networks of 4 bits"),
    "calibration": ("fashion_int8", {"calibration": "x"}, "--calibration is for float .onnx files"),
    "tflite": ("a.tflite", {"sparsity": "2:4"}, "a.tflite: a .tflite file comes quantised"),
    "tflite bits": ("a.tflite", {"bits": 4}, "a.tflite: a .tflite file comes quantised"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_options_that_do_not_suit_are_refused(case: str) -> None:
    name, options, rule = REFUSED[case]
    with pytest.raises(BadData) as caught:
        load(name, **options)
    assert rule in str(caught.value) and caught.value.exit_code == 2


def test_end_layers_have_the_weights_asked_for() -> None:
    for end_weights in (8, 4):
        settings = load("fashion_int4", end_weights=end_weights).settings()
        assert settings["first_layer"] == {"name": "stem", "activation_bits": 8, "weight_bits": end_weights}
        assert settings["last_layer"]["weight_bits"] == end_weights
    assert load("fashion_int4").settings() == load("fashion_int4", end_weights=8).settings()


@pytest.mark.parametrize(("sparsity", "kept"), [("2:4", 2), ("1:4", 1)])
def test_pruned_fashion_int8_is_measured_anew(sparsity: str, kept: int) -> None:
    made = load("fashion_int8", sparsity=sparsity)
    assert made.float_graph is not None and made.settings()["sparsity"] == sparsity
    assert is_pruned(made.graph, kept) and not is_pruned(load("fashion_int8").graph, kept)
    images = fashion.calibration_images()[0].astype(np.float32) / np.float32(255)
    ranges = calibrate(made.float_graph, images)
    stem = made.graph.nodes[0].output
    q = made.graph.tensor(stem).quantisation
    assert q is not None and q.scale[0] == pytest.approx(max(ranges[stem][1], 0) / 255)


def test_a_fine_tuned_network_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion, "FOLDER", tmp_path)
    with pytest.raises(UnknownName, match=r"'fashion_int4' at 2:4 cannot be had: fashion_int4_2of4\.onnx is"):
        load("fashion_int4", sparsity="2:4")
    (tmp_path / fashion_networks.TUNED_FOR["1:4"]).write_bytes(fashion.INT4_MODEL.read_bytes())
    with pytest.raises(MalformedFile, match=r"fashion_int4_1of4\.onnx: is not pruned to 1:4"):
        load("fashion_int4", sparsity="1:4")


def test_pruned_users_file(model: Path, tmp_path: Path) -> None:
    """By magnitude, and calibrated after that; a file that is pruned already keeps its own ranges."""
    made = load(str(model), sparsity="2:4")
    assert is_pruned(made.graph, 2) and made.kept == 2
    images = made.images(4, seed=5)
    values = run(made.graph, {made.graph.inputs[0]: images})
    assert len(np.unique(values[made.graph.outputs[0]])) > 5
    stated = residual()
    stated.metadata = {"assay.range.image": "-1,1", "assay.range.t2": "0,1000"}
    path = stated.save(tmp_path, "stated.onnx")
    scales = {}
    for sparsity in ("4:4", "2:4"):
        graph = load(str(path), sparsity=sparsity).graph
        stem = graph.tensor("t2").quantisation
        assert stem is not None and input_quantisation(graph).scale[0] == pytest.approx(2 / 255)
        scales[sparsity] = stem.scale[0]
    assert scales["4:4"] == pytest.approx(1000 / 255) and scales["2:4"] < 1


def test_more_images_than_there_are() -> None:
    with pytest.raises(BadData, match="fashion_int8: has 500 inputs, 501 are asked for"):
        load("fashion_int8").images(501)


@pytest.mark.parametrize("bits", [4, 8])
def test_users_onnx_file(bits: int, model: Path) -> None:
    """Calibrated on random images, run on others: seeded, alive, and the same twice."""
    made = load(str(model), bits=bits)
    images = made.images(3, seed=5)
    assert images.shape == (3, *SHAPE[1:]) and np.array_equal(images, load(str(model)).images(3, seed=5))
    assert not np.array_equal(images, made.images(3, seed=6)) and made.labels(3) is None
    values = run(made.graph, {made.graph.inputs[0]: images})
    assert len(np.unique(values[made.graph.outputs[0]])) > 5
    assert input_quantisation(made.graph).zero_point == -128


def test_users_tflite_file(tmp_path: Path) -> None:
    (tmp_path / "mine.tflite").write_bytes(tflite_file(residual_network()))
    made = load(str(tmp_path / "mine.tflite"))
    assert made.name == "mine" and made.float_graph is None and made.images(2).shape == (2, 9, 7, 3)


def test_absent_file(tmp_path: Path) -> None:
    for name in ("mine.onnx", "mine.tflite"):
        with pytest.raises(MalformedFile, match=rf"{name}: cannot be read: No such file"):
            load(str(tmp_path / name))


def _save_images(folder: Path) -> Path:
    random = np.random.default_rng(3)
    for name in ("b.png", "a.bmp", "c.jpg"):
        Image.fromarray(random.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("not an image")
    return folder


def test_inputs_from_images(model: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    made = load(str(model)).with_inputs(_save_images(tmp_path / "images"))
    images = made.images(3)
    assert images.shape == (3, *SHAPE[1:]) and images.std() > 10
    pixels = read_data(tmp_path / "images" / "a.bmp", SHAPE)
    assert np.array_equal(images[0].astype(int), pixels[0].astype(int) - 128)
    with pytest.raises(BadData, match="has 3 inputs, 4 are asked for"):
        made.images(4)
    assert made.given == 3 and load(str(model)).given == 1


def test_calibration_from_images_takes_the_unit_range(model: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    made = load(str(model), calibration=_save_images(tmp_path / "images"))
    quantisation = input_quantisation(made.graph)
    assert quantisation.scale == (float(np.float32(1 / 255)),) and quantisation.zero_point == -128


def test_calibration_ranges_are_used(model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "small.npy", np.full((4, *SHAPE[1:]), 0.5, np.float32))
    np.save(tmp_path / "large.npy", np.full((4, *SHAPE[1:]), -3.0, np.float32))
    small, large = (load(str(model), calibration=tmp_path / f"{name}.npy") for name in ("small", "large"))
    assert input_quantisation(small.graph).scale == (float(np.float32(0.5 / 255)),)
    assert input_quantisation(large.graph).scale == (float(np.float32(3 / 255)),)
    assert input_quantisation(large.graph).zero_point == 127


ARRAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "int8": lambda x: x,
    "one image": lambda x: x[0],
    "channels first": lambda x: x.transpose(0, 3, 1, 2),
    "uint8": lambda x: (x.astype(int) + 128).astype(np.uint8),
    "float": lambda x: (x.astype(np.float32) + 128) / 255,
    "double": lambda x: (x.astype(np.float64) + 128) / 255,
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_inputs_from_arrays(kind: str, model: Path, tmp_path: Path) -> None:
    """Whatever the type and the layout, the same integers."""
    wanted = np.random.default_rng(4).integers(-128, 128, (2, *SHAPE[1:]), dtype=np.int8)
    np.save(tmp_path / "inputs.npy", ARRAYS[kind](wanted))
    made = load(str(model)).with_inputs(tmp_path / "inputs.npy")
    count = 1 if kind == "one image" else 2
    assert np.array_equal(made.images(count), wanted[:count])


BAD_DATA: dict[str, tuple[Callable[[Path], object], str]] = {
    "shape": (lambda path: np.save(path, np.zeros((2, 5, 5, 3), np.float32)), "has shape"),
    "type": (lambda path: np.save(path, np.zeros((1, 12, 12, 3), np.int64)), "element type int64"),
    "object": (lambda path: np.save(path, np.array([{}]), allow_pickle=True), "no .npy array"),
    "empty": (lambda path: path.write_bytes(b""), "no .npy array"),
    "truncated": (lambda path: _truncated(path), "no .npy array"),
    "not finite": (lambda path: np.save(path, np.full((1, 12, 12, 3), np.inf, np.float32)), "not finite"),
}


def _truncated(path: Path) -> None:
    np.save(path, np.zeros((4, 12, 12, 3), np.float32))
    path.write_bytes(path.read_bytes()[:900])


@pytest.mark.parametrize("kind", BAD_DATA)
def test_bad_arrays_are_refused_by_name(kind: str, model: Path, tmp_path: Path) -> None:
    write, rule = BAD_DATA[kind]
    write(tmp_path / "bad.npy")
    for use in (load(str(model)).with_inputs, lambda path: load(str(model), calibration=path)):
        with pytest.raises(BadData, match=rule) as caught:
            use(tmp_path / "bad.npy")
        assert str(caught.value).startswith(str(tmp_path / "bad.npy"))


def test_bad_images_and_folders_are_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    (tmp_path / "empty").mkdir()
    for name, rule in (("bad.png", "no image"), ("empty", "no input data"), ("absent", "no such file")):
        with pytest.raises(BadData, match=rule):
            load(str(model)).with_inputs(tmp_path / name)


def _damaged(data: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for position in random.integers(0, len(data), random.integers(1, 5)):
        changed[position] ^= 1 << random.integers(8)
    return bytes(changed)


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
def test_flipped_bits_never_get_past_the_checks(suffix: str, model: Path, tmp_path: Path) -> None:
    """A damaged file is refused, or gives a network that golden runs."""
    data = model.read_bytes() if suffix == "onnx" else tflite_file(residual_network())
    read = from_onnx if suffix == "onnx" else from_tflite
    random, path, ran, refused = np.random.default_rng(40), tmp_path / f"damaged.{suffix}", 0, 0
    for _ in range(DAMAGED_FILES):
        path.write_bytes(_damaged(data, random))
        try:
            made = read(path)
            run(made.graph, {made.graph.inputs[0]: made.images(1)})
            ran += 1
        except AssayError:
            refused += 1
    assert ran > 5 and refused > 5
