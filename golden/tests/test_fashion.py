"""The committed Fashion-MNIST networks and images: what they contain, and that damage is named."""

from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from golden.networks import fashion
from golden.networks.fashion import binary_topology, topology

INT4_MODELS = (fashion.INT4_MODEL, *fashion.PRUNED_MODELS.values())
MODELS = (fashion.FLOAT_MODEL, *INT4_MODELS)
BLOCK = 4
LARGEST_BINARY_FILE = 600_000
OPERATORS = {"Conv", "BatchNormalization", "Relu", "Add", "MaxPool", "GlobalAveragePool", "Flatten", "Gemm"}


def metadata(model: onnx.ModelProto, prefix: str) -> dict[str, str]:
    return {p.key.removeprefix(prefix): p.value for p in model.metadata_props if p.key.startswith(prefix)}


def initializers(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_topology_keeps_its_promises() -> None:
    """At least 5 M MAC, 10 layers with weights, three blocks, a strided and a 1x1 convolution."""
    macs = topology.macs()
    assert sum(macs.values()) == 5_595_104
    assert len(macs) == 10
    assert sum(isinstance(layer, topology.ResidualAdd) for layer in topology.LAYERS) == 3
    assert {(layer.kernel, layer.stride) for layer in topology.convolutions()} == {
        (3, 1),
        (3, 2),
        (1, 1),
        (1, 2),
    }


def test_readme_table_is_the_topology() -> None:
    """Every layer's row states its MACs, and the last row their total."""
    rows = [line.split("|") for line in (fashion.FOLDER / "README.md").read_text().splitlines()]
    stated = {row[1].strip(" `"): row[5].strip() for row in rows if len(row) == 7}
    counts = topology.macs() | {"total": sum(topology.macs().values())}
    assert {name: stated[name] for name in counts} == {name: f"{count:,}" for name, count in counts.items()}


def most_in_a_block(weight: np.ndarray) -> int:
    """The largest number of weights other than 0 in a block: 4 elements of one kernel row of one output channel,
    flattened as kernel width x input channels."""
    rows = weight.transpose(0, 2, 3, 1).reshape(-1, weight.shape[3] * weight.shape[1])
    starts = range(0, rows.shape[1], BLOCK)
    return max(int(np.count_nonzero(rows[:, first : first + BLOCK], axis=1).max()) for first in starts)


@pytest.mark.parametrize("kept", fashion.PRUNED_MODELS)
def test_every_block_of_a_pruned_model(kept: int) -> None:
    """All convolutions but the first are pruned; and are the same layers dense in the model that is not."""
    pruned = initializers(onnx.load(fashion.PRUNED_MODELS[kept]))
    dense = initializers(onnx.load(fashion.INT4_MODEL))
    for layer in topology.convolutions():
        name = f"{layer.name}.weight"
        assert most_in_a_block(dense[name]) == BLOCK or layer.name == "stem"
        if layer.name == "stem":
            assert np.count_nonzero(pruned[name]) > 0.9 * pruned[name].size
            continue
        assert most_in_a_block(pruned[name]) == kept
        assert np.count_nonzero(pruned[name]) > 0.5 * pruned[name].size * kept / BLOCK
    assert np.count_nonzero(pruned["logits.weight"]) > 0.9 * pruned["logits.weight"].size


def test_pruned_models_are_no_larger() -> None:
    sizes = [path.stat().st_size for path in INT4_MODELS]
    assert max(sizes) < 1.05 * sizes[0]


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_model_is_the_topology(path: Path) -> None:
    """ONNX infers the shapes of the layer list; no operator beyond the promised ones appears."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True)
    values = [*model.graph.input, *model.graph.value_info, *model.graph.output]
    inferred = {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in values}
    assert {name: inferred[name] for name in topology.shapes()} == {
        name: (1, *shape) for name, shape in topology.shapes().items()
    }
    assert {node.op_type for node in model.graph.node} <= OPERATORS


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_layer_has_a_range(path: Path) -> None:
    ranges = metadata(onnx.load(path), "assay.range.")
    assert ranges.keys() == topology.shapes().keys()
    for text in ranges.values():
        low, high = map(float, text.split(","))
        assert low <= 0 < high


@pytest.mark.parametrize("path", INT4_MODELS, ids=lambda path: path.stem)
def test_int4_weights_lie_on_their_steps(path: Path) -> None:
    """Dividing a weight by its channel's scale gives integers, at both widths."""
    model = onnx.load(fashion.INT4_MODEL)
    bits, values = metadata(model, "assay.bits."), initializers(model)
    weights = {name: array for name, array in values.items() if name.endswith(".weight")}
    assert {bits[name] for name in weights} == {"4", "8"}
    for name, array in weights.items():
        limit = 2 ** (int(bits[name]) - 1) - 1
        channels = array.reshape(len(array), -1).astype(np.float64)
        steps = channels * limit / np.abs(channels).max(axis=1, keepdims=True)
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4, err_msg=name)


def test_readme_table_is_the_binary_topology() -> None:
    """Every layer's row states weights and MACs, and the last row the totals."""
    rows = [line.split("|") for line in (fashion.FOLDER / "README.md").read_text().splitlines()]
    stated = {row[1].strip(" `"): (row[4].strip(), row[5].strip()) for row in rows if len(row) == 7}
    counts = topology.macs(binary_topology.LAYERS)
    weights = {layer.name: math.prod(topology.weight_shape(layer)) for layer in binary_topology.weighted()}
    for name, count in counts.items():
        assert stated[name] == (f"{weights[name]:,}", f"{count:,}")
    totals = (f"{sum(weights.values()):,}", f"{sum(counts.values()):,}")
    assert stated["total, binary"] == totals == ("467,488", "18,691,840")


def test_binary_model_has_weights_of_one_bit() -> None:
    """int8 of -1 and +1 in the shapes of the layer list, both about equally often; the file is small."""
    values = initializers(onnx.load(fashion.BINARY_MODEL))
    assert fashion.BINARY_MODEL.stat().st_size < LARGEST_BINARY_FILE
    for layer in binary_topology.weighted():
        bits = values[f"{layer.name}.bits"]
        assert bits.dtype == np.int8 and bits.shape == topology.weight_shape(layer)
        assert set(np.unique(bits)) == {-1, 1} and abs(bits.mean()) < 0.4
        assert values[f"{layer.name}.bn.variance"].min() > 0
        assert values[f"{layer.name}.bn.gain"].shape == (layer.channels_out,)


def test_binary_model_has_the_nodes_of_its_topology() -> None:
    """In their order, with one sign a layer but the last and one a weight."""
    nodes = onnx.load(fashion.BINARY_MODEL).graph.node
    known = {layer.name for layer in binary_topology.LAYERS}
    assert [node.name for node in nodes if node.name in known] == [
        layer.name for layer in binary_topology.LAYERS
    ]
    signs = sum(node.op_type == "BipolarQuant" for node in nodes)
    assert signs == 2 * len(binary_topology.weighted()) - 1


def test_scores_of_the_binary_model_are_fixed_point() -> None:
    """Batch norm of the last layer is a factor of 16 bits and an offset, both over one power of two."""
    model, last = onnx.load(fashion.BINARY_MODEL), binary_topology.weighted()[-1].name
    values = {
        role: initializers(model)[f"{last}.bn.{role}"] for role in ("gain", "offset", "mean", "variance")
    }
    (norm,) = (node for node in model.graph.node if node.name == f"{last}.bn")
    (epsilon,) = (onnx.helper.get_attribute_value(attribute) for attribute in norm.attribute)
    assert not values["mean"].any() and (values["variance"] + np.float32(epsilon) == 1).all()
    scale = np.abs(values["gain"]).max() / 32767
    assert np.log2(scale) == np.floor(np.log2(scale))
    for role in ("gain", "offset"):
        steps = values[role].astype(np.float64) / scale
        assert np.array_equal(steps, np.round(steps))


@pytest.mark.parametrize(("path", "least"), [(fashion.FLOAT_MODEL, 0.91), (fashion.INT4_MODEL, 0.89)])
def test_accuracy_on_the_committed_images(path: Path, least: float) -> None:
    """onnxruntime, which nobody here wrote, classifies the 500 images at least this well."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    pixels, labels = fashion.images()
    found = [session.run(None, {"image": image[np.newaxis]})[0].argmax() for image in fashion.scaled(pixels)]
    assert np.mean(np.array(found) == labels) >= least


def test_committed_images_are_the_first_of_the_data_set() -> None:
    if not fashion.DATASET.is_dir():
        pytest.skip(f"{fashion.DATASET} is not installed (Debian package dataset-fashion-mnist)")
    for committed, complete in (
        (fashion.images(), fashion.test_set()),
        (fashion.calibration_images(), fashion.training_set()),
    ):
        for part, whole in zip(committed, complete, strict=True):
            np.testing.assert_array_equal(part, whole[: len(part)])


def idx(sizes: tuple[int, ...], elements: int) -> bytes:
    header = bytes((0, 0, 8, len(sizes))) + struct.pack(f">{len(sizes)}I", *sizes)
    return gzip.compress(header + bytes(elements), mtime=0)


def write_test_split(folder: Path, images: bytes, labels: bytes) -> None:
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(images)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(labels)


def test_data_set_is_read_from_a_folder(tmp_path: Path) -> None:
    write_test_split(tmp_path, idx((2, 28, 28), 1568), idx((2,), 2))
    pixels, labels = fashion.test_set(tmp_path)
    assert (pixels.shape, labels.shape) == ((2, 28, 28, 1), (2,))


def test_absent_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(fashion.DatasetMissing, match=r"t10k-images.*dataset-fashion-mnist"):
        fashion.test_set(tmp_path)


@pytest.mark.parametrize(
    ("images", "rule"),
    [
        (idx((2, 28, 28), 1567), "1567 bytes"),
        (idx((2,), 2), "rank 3"),
        (idx((3, 28, 28), 2352), "3 images and 2 labels"),
        (idx((2, 28, 28), 1568)[:-9], "gzip"),
        (gzip.compress(bytes((0, 0, 8, 3, 0)), mtime=0), "IDX"),
        (b"not compressed", "gzip"),
    ],
)
def test_damaged_data_set_is_named(tmp_path: Path, images: bytes, rule: str) -> None:
    write_test_split(tmp_path, images, idx((2,), 2))
    with pytest.raises(fashion.DatasetCorrupt, match=rule):
        fashion.test_set(tmp_path)
