"""The binary network's torch modules; skipped without torch, which training alone needs."""

# mypy: disable-error-code="no-untyped-call, unused-ignore"
# torch is absent where types are checked.

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from golden.networks import fashion  # noqa: E402  # after torch is known to be there
from golden.networks.fashion import binary_network, binary_topology  # noqa: E402
from golden.networks.fashion.train_binary import layers  # noqa: E402


def network(seed: int = 0) -> binary_network.BinaryNetwork:
    """With statistics and gains like those of training, of both signs."""
    torch.manual_seed(seed)
    made = binary_network.BinaryNetwork()
    for norm in made.norms.values():
        torch.nn.init.normal_(norm.weight, 1, 1)
        torch.nn.init.normal_(norm.bias)
    made.train()
    made(torch.from_numpy(fashion.scaled(fashion.calibration_images()[0][:32])))
    made.eval()
    return made


def test_sign_and_its_gradient() -> None:
    values = torch.tensor([-2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.5], requires_grad=True)
    signs = binary_network.sign(values)
    assert signs.tolist() == [-1, -1, -1, 1, 1, 1, 1]
    signs.backward(torch.full((7,), 3.0))
    assert values.grad is not None
    assert values.grad.tolist() == [0, 0, 3, 3, 3, 3, 0]


def test_pixels_are_numbers_of_eight_bits() -> None:
    pixels = np.arange(256, dtype=np.uint8)
    scaled = torch.from_numpy(pixels.astype(np.float32) / np.float32(255))
    steps = (binary_network.quantised_pixels(scaled) * binary_network.INPUT_LIMIT).numpy()
    assert np.array_equal(steps, np.minimum(pixels.astype(int) - 128, 127))


def test_weights_are_clipped_and_then_stay() -> None:
    made = network()
    clipped = made.weights["conv3"]
    clipped.data.fill_(-1.5)
    made.clip()
    made(torch.from_numpy(fashion.scaled(fashion.images()[0][:20]))).square().sum().backward()
    assert (clipped.detach() == -1).all() and not clipped.grad.any()
    assert made.weights["conv1"].grad.any()


def test_fixed_point_scores_are_the_scores() -> None:
    """In proportion, up to the rounding of factors of 16 bits; and the layers before stay as they were."""
    made = network()
    image = torch.from_numpy(fashion.scaled(fashion.images()[0][:20]))
    with torch.no_grad():
        before = made(image)
        binary_network.with_fixed_point_scores(made)
        after = made(image)
    ratio = float((after * before).sum() / (before * before).sum())
    assert 0.5 <= ratio < 1.001
    assert torch.allclose(after, ratio * before, atol=float(after.abs().max()) / 1000)


def test_layers_have_weights_of_one_bit() -> None:
    found = layers(network())
    assert list(found) == [layer.name for layer in binary_topology.weighted()]
    for layer in found.values():
        assert layer.weight.dtype == np.int8 and set(np.unique(layer.weight)) == {-1, 1}
