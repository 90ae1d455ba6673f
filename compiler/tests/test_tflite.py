"""The TFLite front end on the files it takes, refuses, and never trusts."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from compiler.errors import AssayError, MalformedFile, UnsupportedOperator, UnsupportedType
from compiler.frontends.tflite import load_tflite, read_tflite
from compiler.frontends.windows import ceil_padding, same_padding
from compiler.tests.models import assay_model
from golden.ir import Conv2D, Pool2D

RESNET8 = "mlperf_tiny/pretrainedResnet_quant.tflite"
DAMAGED_FILES = 400


def test_resnet8_is_read_as_it_is() -> None:
    """Topology, explicit padding and per-channel scales; the trailing SOFTMAX is the host's."""
    loaded = read_tflite(assay_model(RESNET8))
    graph = loaded.graph
    assert loaded.host_operators == ("SOFTMAX",)
    kinds = [type(node.operator).__name__ for node in graph.nodes]
    assert (kinds.count("Conv2D"), kinds.count("Add"), kinds.count("FullyConnected")) == (9, 3, 1)
    strided = graph.nodes[4].operator
    assert isinstance(strided, Conv2D) and strided.padding == (0, 0, 1, 1) and strided.activation == "relu"
    pool = graph.nodes[12].operator
    assert isinstance(pool, Pool2D) and pool.kernel == (8, 8)
    weights = graph.tensor(graph.nodes[0].inputs[1])
    assert weights.quantisation is not None and weights.quantisation.axis == 0
    assert len(weights.quantisation.scale) == 16


@pytest.mark.parametrize(
    ("file", "kind", "rule"),
    [
        (
            "mlperf_tiny/vww_96_int8.tflite",
            UnsupportedOperator,
            "(DEPTHWISE_CONV_2D): operator is not supported",
        ),
        ("mlperf_tiny/pretrainedResnet.tflite", UnsupportedType, "is float32, must be int8"),
        ("coral_mobilenet/mobilenet_v1_0.25_128_quant.tflite", UnsupportedType, "is uint8, must be int8"),
    ],
)
def test_refusal_names_file_and_rule(file: str, kind: type[AssayError], rule: str) -> None:
    path = assay_model(file)
    with pytest.raises(kind) as caught:
        load_tflite(path)
    assert str(caught.value).startswith(f"{path}: ") and rule in str(caught.value)
    assert caught.value.exit_code == 2


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(MalformedFile, match=r"nothing\.tflite: cannot be read"):
        load_tflite(tmp_path / "nothing.tflite")
    for content in (b"", b"TFL3", b"not a flatbuffer at all"):
        (tmp_path / "foreign.tflite").write_bytes(content)
        with pytest.raises(MalformedFile, match="has no identifier TFL3"):
            load_tflite(tmp_path / "foreign.tflite")


def _damaged(data: bytes, random: np.random.Generator) -> bytes:
    """The file cut short, or with some bytes changed, in its tables (its last part) or anywhere."""
    if random.random() < 0.3:
        return data[: random.integers(len(data))]
    changed = bytearray(data)
    least = 0 if random.random() < 0.5 else len(data) * 8 // 10
    for position in random.integers(least, len(data), random.integers(1, 9)):
        changed[position] = random.integers(256)
    return bytes(changed)


def test_damaged_files_give_an_error_or_a_legal_graph(tmp_path: Path) -> None:
    """Truncation and random bytes never give a traceback of another kind, nor a hang."""
    data = assay_model(RESNET8).read_bytes()
    random, path, refused = np.random.default_rng(20), tmp_path / "damaged.tflite", 0
    start = time.monotonic()
    for _ in range(DAMAGED_FILES):
        path.write_bytes(_damaged(data, random))
        try:
            load_tflite(path)
        except AssayError as error:
            refused += 1
            assert str(error).startswith(str(path)) and "\n" not in str(error)
    assert refused > DAMAGED_FILES // 4
    assert time.monotonic() - start < 60


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"), [(5, 3, 2, (1, 1)), (6, 3, 2, (0, 1)), (5, 1, 3, (0, 0))]
)
def test_same_padding(size: int, kernel: int, stride: int, padding: tuple[int, int]) -> None:
    assert same_padding(size, kernel, stride) == padding


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "before", "after", "expected"),
    [(112, 3, 2, 0, 0, 1), (5, 1, 2, 0, 0, 0), (5, 2, 2, 1, 1, 1), (6, 2, 2, 1, 1, 1)],
)
def test_ceil_padding(size: int, kernel: int, stride: int, before: int, after: int, expected: int) -> None:
    """A last window is added where it begins within the map, and only there."""
    assert ceil_padding(size, kernel, stride, before, after) == expected
