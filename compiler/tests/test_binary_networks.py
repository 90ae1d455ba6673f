"""cnv as its parameters' source describes it, on its photograph; bcnn_cifar10 in size, and alive."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from compiler.errors import AssayError, IllegalGraph, UnknownName
from compiler.macs import macs
from compiler.network import Network
from compiler.networks import bcnn_cifar10, cnv, load, network, photographs
from compiler.networks.building import Arrays
from compiler.passes.liveness import DeadNetwork, LayerStatistics, measure, require_alive_layers
from golden.arithmetic import quantisation_of
from golden.binary import is_binary
from golden.ir import Array, Graph, Pool2D, Quantisation
from golden.run import run
from rtl.bcnn.config import CNV, PAPER, Layer

needs_models = pytest.mark.usefixtures("real_models")


@pytest.fixture
def real_models() -> None:
    if reason := network("cnv").missing():
        pytest.skip(reason)


@cache
def paper() -> Network:
    return load("bcnn_cifar10")


def matches(bits: Array, weights: Array) -> Array:
    """How many of a window's bits (0 or 1) are the filter's, by XNOR: bits (n, c, h, w) or (n, c)."""
    if bits.ndim == 2:
        same: Array = (bits[:, np.newaxis] == weights).sum(axis=2)
        return same
    windows = np.lib.stride_tricks.sliding_window_view(bits, (3, 3), axis=(2, 3))
    rows = windows.transpose(0, 2, 3, 1, 4, 5).reshape(*windows.shape[:1], *windows.shape[2:4], 1, -1)
    counted: Array = (rows == weights.reshape(len(weights), -1)).sum(axis=-1)
    return counted.transpose(0, 3, 1, 2)


def any_of_four(bits: Array) -> Array:
    n, channels, height, width = bits.shape
    greatest: Array = bits.reshape(n, channels, height // 2, 2, width // 2, 2).max(axis=(3, 5))
    return greatest


def as_described(pixels: Array) -> tuple[list[Array], Array]:
    """Bits of each layer (0 or 1, pooled, NCHW) and matches of the ten classes, as SOURCE.txt says in words."""
    arrays = Arrays(photographs.folder() / cnv.FILE)
    x = np.clip(np.floor((pixels / 255 * 2 - 1) * 128), -128, 127).transpose(0, 3, 1, 2)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    first = np.einsum("nchwyx,ocyx->nohw", windows, np.asarray(arrays["l0.w"], np.float64))
    bits = (2 * first > np.asarray(arrays["l0.thr"]).reshape(-1, 1, 1)).astype(np.int8)
    found = [bits]
    for index in range(1, 8):
        limits, ones = np.asarray(arrays[f"l{index}.thr"]), np.asarray(arrays[f"l{index}.w"]) == 1
        if index == 6:
            bits = bits.reshape(len(bits), -1)
        count = matches(bits, ones)
        bits = (count > (limits if index > 5 else limits.reshape(-1, 1, 1))).astype(np.int8)
        bits = any_of_four(bits) if index in (1, 3) else bits
        found.append(bits)
    return found, matches(bits, np.asarray(arrays["l8.w"])[:10] == 1)


@needs_models
def test_cnv_is_what_its_source_describes() -> None:
    made = load("cnv")
    values = run(made.graph, {"image": made.images(3)})
    pixels = np.concatenate([cnv.deer(), photographs.cuts(cnv.IMAGE, 2, 0)])
    described, counts = as_described(pixels)
    pooled = {node.inputs[0] for node in made.graph.nodes if isinstance(node.operator, Pool2D)}
    layers = [node for node in made.graph.nodes[:-1] if node.output not in pooled]
    assert len(layers) == len(described) == 8
    for node, bits in zip(layers, described, strict=True):
        wanted = bits.transpose(0, 2, 3, 1) if bits.ndim == 4 else bits
        np.testing.assert_array_equal(values[node.output], 2 * wanted - 1, err_msg=node.name)
    np.testing.assert_array_equal(values["fc3"], 2 * counts - 512)


@needs_models
def test_cnv_sees_a_deer_and_a_cat() -> None:
    made = load("cnv")
    scores = run(made.graph, {"image": made.images(3)})["fc3"]
    assert [made.classes[index] for index in scores.argmax(axis=1)][::2] == ["deer", "cat"]
    assert scores.dtype == np.int32 and made.labels(1) is None


@needs_models
def test_cnv_is_its_float_graph() -> None:
    made = load("cnv")
    assert made.float_graph is not None
    batch = made.images(2)
    exact = run(made.float_graph, {"image": (batch / 128).astype(np.float32)})
    values = run(made.graph, {"image": batch})
    for name, found in values.items():
        if name != "image":
            np.testing.assert_array_equal(found, exact[name], err_msg=name)


@needs_models
def test_images_of_a_users_folder_are_preprocessed_alike(tmp_path: Path) -> None:
    Image.fromarray(cnv.deer()[0]).save(tmp_path / "deer.png")
    made = load("cnv")
    np.testing.assert_array_equal(made.with_inputs(tmp_path).images(1), made.images(1))


@needs_models
def test_a_short_photograph_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / cnv.FOLDER).mkdir()
    (tmp_path / cnv.DEER).write_bytes(bytes(3072))
    monkeypatch.setenv("ASSAY_MODELS", str(tmp_path))
    with pytest.raises(AssayError, match=r"deer\.bin: has 3072 bytes"):
        cnv.deer()
    (tmp_path / cnv.DEER).unlink()
    with pytest.raises(AssayError, match=r"deer\.bin: cannot be read"):
        cnv.deer()


def test_pixels_of_cnv() -> None:
    pixels = np.arange(256, dtype=np.uint8)
    exact = np.clip(np.floor((pixels / 255 * 2 - 1) * 128), -128, 127)
    np.testing.assert_array_equal(cnv.scaled(pixels) * 128, exact)


def test_cnv_needs_the_real_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_MODELS", raising=False)
    with pytest.raises(UnknownName, match="'cnv' cannot be had: ASSAY_MODELS is not set"):
        load("cnv")


@pytest.mark.parametrize("name", ["cnv", "bcnn_cifar10"])
def test_options_that_do_not_suit_are_refused(name: str) -> None:
    if reason := network(name).missing():
        pytest.skip(reason)
    with pytest.raises(AssayError, match=f"{name}: is binary, and does not come in 8 bits"):
        load(name, bits=8)
    with pytest.raises(AssayError, match=f"{name}: cannot be pruned"):
        load(name, sparsity="2:4")


def shapes(graph: Graph) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    """Name, map read and weights of each product."""
    products = [node for node in graph.nodes if is_binary(graph, node)]
    return [
        (node.name, graph.tensor(node.inputs[0]).shape[1:], graph.tensor(node.inputs[1]).shape)
        for node in products
    ]


def configured(layers: tuple[Layer, ...]) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    """The same of a pipeline's configuration."""
    return [(layer.name, *_configured(layer)) for layer in layers]


def _configured(layer: Layer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    read = (layer.height, layer.width, layer.channels)
    if layer.name.startswith("conv"):
        return read, (layer.filters, *layer.kernel, layer.channels)
    return read if layer.height > 1 else read[2:], (layer.filters, layer.fan_in)


def test_bcnn_cifar10_is_the_papers_network() -> None:
    graph = paper().graph
    assert macs(graph) == bcnn_cifar10.MACS == 616_966_144
    weights = sum(graph.constants[node.inputs[1]].size for node in graph.nodes if is_binary(graph, node))
    assert weights == bcnn_cifar10.WEIGHTS == 14_022_016
    assert shapes(graph) == configured(PAPER)
    pools = [node.name for node in graph.nodes if isinstance(node.operator, Pool2D)]
    assert pools == ["pool2", "pool4", "pool6"]


@needs_models
def test_cnv_is_the_configured_network() -> None:
    graph, wanted = load("cnv").graph, configured(CNV)
    found = [
        (name, read if name.startswith("conv") else read[-1:], made) for name, read, made in shapes(graph)
    ]
    assert found == wanted


def test_bcnn_cifar10_has_both_signs_of_gamma_and_six_bits() -> None:
    graph = paper().graph
    assert quantisation_of(graph, "image") == Quantisation((2.0**-5,), 0, 6)
    images = paper().images(3)
    assert images.min() == -31 and images.max() == 31 and len(np.unique(images)) == 63
    for node in graph.nodes:
        if is_binary(graph, node) and quantisation_of(graph, node.output).bits == 1:
            assert 0.4 < graph.constants[node.inputs[3]].mean() < 0.6
        if isinstance(node.operator, Pool2D):
            assert 0.4 < graph.constants[node.inputs[1]].mean() < 0.6


def test_bcnn_cifar10_is_alive_and_its_float_graph() -> None:
    """On images that its batch norm has not seen; every channel where a map has many pixels."""
    made = paper()
    assert made.float_graph is not None
    batch = made.images(6)
    values = run(made.graph, {"image": batch})
    exact = run(made.float_graph, {"image": (batch / 32).astype(np.float32)})
    made_by_sign = {node.name: node.output for node in made.graph.nodes}
    for layer in ("conv1", "pool2", "conv3", "pool4", "conv5", "pool6", "fc1", "fc2"):
        bits = values[made_by_sign[layer]]
        np.testing.assert_array_equal(bits, exact[made_by_sign[layer]], err_msg=layer)
        shares = (bits.reshape(-1, bits.shape[-1]) == 1).mean(axis=0)
        assert 0.02 <= shares.mean() <= 0.98
        assert layer.startswith("fc") or (shares.min() >= 0.02 and shares.max() <= 0.98), layer
        assert not layer.startswith("fc") or np.mean((shares > 0) & (shares < 1)) > 0.9, layer
    scores, real = values[made.graph.outputs[0]], exact[made.float_graph.outputs[0]]
    np.testing.assert_array_equal(scores.argmax(axis=1), real.argmax(axis=1))
    assert len(set(scores.argmax(axis=1))) > 1


def test_a_dead_channel_is_found_when_weights_are_seeded() -> None:
    bits = np.where(np.arange(200).reshape(-1, 2) % 4, 1, -1).astype(np.int8)
    with pytest.raises(
        IllegalGraph, match=r"node 'conv1': channels are ones to 50\.0% to 100\.0%, which is dead"
    ):
        bcnn_cifar10._require_alive("conv1", bits)


def test_pixels_of_bcnn_cifar10() -> None:
    pixels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(bcnn_cifar10.fixed_point(pixels) * 32, np.round(pixels / 255 * 62) - 31)


def test_images_depend_on_their_seed() -> None:
    made = paper()
    assert (made.images(2) == made.images(2)).all() and (made.images(2) != made.images(2, 1)).any()
    assert made.images(1).shape == (1, 32, 32, 3)


def test_settings_say_that_a_network_is_binary() -> None:
    assert paper().settings() == {
        "binary": True,
        "first_layer": {"name": "conv1", "activation_bits": 6, "weight_bits": 1},
        "last_layer": {"name": "fc3", "activation_bits": 1, "weight_bits": 1},
    }


def test_liveness_of_bits_is_their_share_of_ones() -> None:
    statistics = measure(paper().graph, paper().images(1))
    require_alive_layers("bcnn_cifar10", statistics)
    assert [layer.ones is None for layer in statistics] == [False] * 8 + [True]
    assert str(statistics[0]).endswith("% ones")
    dead = LayerStatistics("conv1", "", 0.0, 0.0, 1, 0.99)
    with pytest.raises(DeadNetwork, match=r"bcnn_cifar10: node 'conv1': 99\.0% of the bits are ones"):
        require_alive_layers("bcnn_cifar10", [dead])
