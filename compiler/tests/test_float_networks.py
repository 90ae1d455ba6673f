"""ResNet-20 and SqueezeNet: their float graphs against PyTorch, and what quantisation leaves of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compiler import agreement
from compiler.errors import MalformedFile
from compiler.macs import macs
from compiler.network import Network, input_quantisation
from compiler.networks import load, network, photographs, resnet20, squeezenet10
from compiler.networks.building import Arrays
from compiler.passes.liveness import measure
from compiler.tests.models import assay_model
from golden.ir import Array, Concat, Pad, Slice
from golden.run import run

TOLERANCE = 1e-4
Convolutions = dict[str, Any]


def of_assay_models(name: str) -> Network:
    if reason := network(name).missing():
        pytest.skip(reason)
    return loaded(name)


@cache
def loaded(name: str) -> Network:
    return load(name)


def close(found: Array, expected: Array) -> bool:
    return bool(np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max())


def resnet20_by_torch(arrays: Any, images: Any, functional: Any) -> Any:
    """As its author wrote it (pytorch_resnet_cifar10, resnet.py), without modules."""

    def normal(x: Any, name: str, norm: str, stride: int = 1) -> Any:
        x = functional.conv2d(x, arrays[f"{name}.weight"], stride=stride, padding=1)
        mean, variance, gain, offset = (
            arrays[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(x, mean, variance, gain, offset)

    x = functional.relu(normal(images, "conv1", "bn1"))
    for stage, planes in ((1, 16), (2, 32), (3, 64)):
        for block in range(3):
            name, halved = f"layer{stage}.{block}", stage > 1 and block == 0
            y = functional.relu(normal(x, f"{name}.conv1", f"{name}.bn1", 2 if halved else 1))
            y = normal(y, f"{name}.conv2", f"{name}.bn2")
            sides = (0, 0, 0, 0, planes // 4, planes // 4)
            x = functional.relu(y + (functional.pad(x[:, :, ::2, ::2], sides) if halved else x))
    x = functional.avg_pool2d(x, x.size()[3]).flatten(1)
    return functional.linear(x, arrays["linear.weight"], arrays["linear.bias"])


def squeezenet_by_torch(arrays: Any, images: Any, torch: Any) -> Any:
    """As its prototxt says; images: blue, green, red, 0 to 255, less their mean."""
    functional = torch.nn.functional

    def layer(x: Any, name: str, size: int, stride: int = 1, padding: int = 0) -> Any:
        weights = arrays[f"{name}.codebook"][arrays[f"{name}.code"].long()]
        bias = arrays[f"{name}.bias"]
        weights = weights.reshape(len(bias), x.shape[1], size, size)
        return functional.relu(functional.conv2d(x, weights, bias, stride, padding))

    x = functional.max_pool2d(layer(images, "conv1", 7, 2), 3, 2, ceil_mode=True)
    for fire in range(2, 10):
        x = layer(x, f"fire{fire}.squeeze1x1", 1)
        x = torch.cat([layer(x, f"fire{fire}.expand1x1", 1), layer(x, f"fire{fire}.expand3x3", 3, 1, 1)], 1)
        if fire in (4, 8):
            x = functional.max_pool2d(x, 3, 2, ceil_mode=True)
    return layer(x, "conv10", 1, 1, 1).mean((2, 3))


def tensors(torch: Any, file: Path) -> dict[str, Any]:
    with np.load(file, allow_pickle=False) as content:
        return {name: torch.from_numpy(content[name]) for name in content.files}


def channels_first(torch: Any, images: Array) -> Any:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def test_resnet20_equals_torch() -> None:
    torch = pytest.importorskip("torch")
    file = assay_model(str(resnet20.FILE))
    images = resnet20.normalised(np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8))
    expected = resnet20_by_torch(tensors(torch, file), channels_first(torch, images), torch.nn.functional)
    graph = resnet20.float_graph()
    assert close(run(graph, {"image": images})[graph.outputs[0]], expected.numpy())


def test_squeezenet_equals_torch() -> None:
    torch = pytest.importorskip("torch")
    file = assay_model(str(squeezenet10.FILE))
    pixels = np.random.default_rng(2).integers(0, 256, (2, *squeezenet10.IMAGE[1:])).astype(np.float32)
    caffe = pixels[..., ::-1] - squeezenet10.MEAN_BLUE_GREEN_RED.astype(np.float32)
    expected = squeezenet_by_torch(tensors(torch, file), channels_first(torch, caffe), torch).numpy()
    graph = squeezenet10.float_graph()
    found = run(graph, {"image": pixels / np.float32(255)})[graph.outputs[0]].reshape(expected.shape)
    assert close(found, expected)


@pytest.mark.parametrize(("name", "count"), [("resnet20", 40_551_040), ("squeezenet10", 861_339_936)])
def test_macs(name: str, count: int) -> None:
    assert macs(of_assay_models(name).graph) == count


def test_resnet20_shortcuts_slice_and_pad() -> None:
    nodes = of_assay_models("resnet20").graph.nodes
    assert [node.operator for node in nodes if isinstance(node.operator, Pad)] == [Pad(8, 8), Pad(16, 16)]
    slices = [node.operator for node in nodes if isinstance(node.operator, Slice)]
    assert slices == [Slice((0, 0), (32, 32), (2, 2)), Slice((0, 0), (16, 16), (2, 2))]


def test_squeezenet_joins_maps_quantised_alike() -> None:
    made = of_assay_models("squeezenet10")
    joins = [node for node in made.graph.nodes if isinstance(node.operator, Concat)]
    assert len(joins) == 8
    for node in joins:
        kinds = {made.graph.tensor(name).quantisation for name in (*node.inputs, node.output)}
        assert len(kinds) == 1


@pytest.mark.parametrize("name", ["resnet20", "squeezenet10"])
def test_layers_use_their_range(name: str) -> None:
    """A trained network may have more zeros than a seeded one must; it saturates nowhere."""
    made = of_assay_models(name)
    layers = measure(made.graph, made.images(5))
    assert all(layer.saturated < 0.01 and layer.distinct > 30 for layer in layers)


def test_bits_and_pruning_of_resnet20() -> None:
    of_assay_models("resnet20")
    made = load("resnet20", bits=4, sparsity="2:4", end_weights=4)
    assert made.settings() == {
        "sparsity": "2:4",
        "first_layer": {"name": "conv1", "activation_bits": 8, "weight_bits": 4},
        "last_layer": {"name": "linear", "activation_bits": 8, "weight_bits": 4},
    }
    assert load("resnet20", bits=4).settings()["last_layer"]["weight_bits"] == 8


def test_resnet20_normalises_a_users_pixels() -> None:
    """An image file goes the way of the network's own photographs."""
    made = of_assay_models("resnet20")
    given = made.with_inputs(photographs.folder() / photographs.PHOTOGRAPHS[0])
    assert np.array_equal(given.images(1), made.images(1))
    real = resnet20.normalised(photographs.cuts(resnet20.IMAGE, 1, 0))
    q = input_quantisation(made.graph)
    assert (
        np.abs(q.scale[0] * (made.images(1).astype(float) - q.zero_point) - real).max() <= 0.51 * q.scale[0]
    )


@pytest.mark.parametrize("pair", agreement.PAIRS, ids=lambda pair: pair.spec.name)
def test_quantised_networks_agree_with_float_ones(pair: agreement.Pair) -> None:
    of_assay_models(pair.spec.name)
    found = list(agreement.verdicts(pair))
    assert len(found) == 2 * len(photographs.PHOTOGRAPHS) and len({row.float_class for row in found}) >= 4
    assert sum(row.agree for row in found) >= len(found) - 1
    animals = {"cat": "resnet8 resnet20", "Egyptian cat": "squeezenet10"}
    assert any(row.float_class in animals and row.image == "cat.bmp" for row in found)


def test_disagreement_is_shown() -> None:
    row = agreement.Verdict("net", "cat.bmp", "cat", "dog")
    assert not row.agree and list(agreement.table([row]).columns[-1].cells) == ["NO"]


def test_without_models_the_command_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(photographs.VARIABLE, raising=False)
    assert agreement.main() == 3
    assert "resnet20 is left out: ASSAY_MODELS is not set" in capsys.readouterr().err


def test_damaged_arrays_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "bad.npz").write_bytes(b"PK no archive")
    with pytest.raises(MalformedFile, match=r"bad\.npz: is no \.npz file that can be read"):
        Arrays(tmp_path / "bad.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3), b=np.array([np.nan]))
    arrays = Arrays(tmp_path / "other.npz")
    for name, shape, rule in (
        ("c", (1,), "no array 'c'"),
        ("a", (4,), r"'a' of \(3,\) must"),
        ("b", (1,), "'b'"),
    ):
        with pytest.raises(MalformedFile, match=rule):
            arrays.shaped(name, shape)
