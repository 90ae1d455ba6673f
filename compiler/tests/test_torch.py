"""PyTorch modules: the same float results as torch, the same top-1 when quantised, errors in one line each."""

# mypy: disable-error-code="misc, no-any-return, no-untyped-call, unused-ignore"
# torch is absent where types are checked.

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compiler.errors import AssayError, MissingPackage
from compiler.frontends.torch_module import is_factory, load_factory, load_torch, save_onnx
from compiler.network import from_onnx
from compiler.passes import FLOAT_PASSES, quantised, run_passes
from compiler.passes.calibrate import calibrate
from compiler.passes.prune import largest_of_blocks
from compiler.tests.onnx_models import Floats, images, output
from golden.arithmetic import quantisation_of
from golden.ir import Array, Graph

missing = [package for package in ("torch", "onnxscript") if importlib.util.find_spec(package) is None]
with_torch = [
    pytest.mark.skipif(bool(missing), reason=f"{' and '.join(missing)} not installed"),
    pytest.mark.filterwarnings("ignore"),
]
EXAMPLE = np.zeros((1, 3, 16, 16), np.float32)
AVERAGES = ("adaptive", "mean", "window")

FACTORY = """
import torch

def classifier():
    torch.manual_seed(0)
    layers = (torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(4 * 14 * 14, 5))
    return torch.nn.Sequential(*layers), torch.zeros(1, 3, 16, 16)

def alone():
    return classifier()[0]

def broken():
    raise RuntimeError("no weights here")
"""


def _residual(average: str) -> Any:
    """A residual network in training mode; running statistics as a few batches left them."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
            second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
            self.path = nn.Sequential(first, nn.BatchNorm2d(after), nn.ReLU(), second, nn.BatchNorm2d(after))
            project = nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            self.side = nn.Sequential(*project) if stride > 1 else nn.Identity()

        def forward(self, x: Any) -> Any:
            return torch.relu(self.path(x) + self.side(x))

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            stem = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6()
            self.features = nn.Sequential(*stem, nn.MaxPool2d(3, 2, 1), Block(8, 8, 1), Block(8, 16, 2))
            pools = {"adaptive": nn.AdaptiveAvgPool2d(1), "window": nn.AvgPool2d(4)}
            self.pool = pools.get(average)
            self.head = nn.Sequential(nn.Dropout(), nn.Linear(16, 10))

        def forward(self, x: Any) -> Any:
            x = self.features(x)
            x = torch.flatten(self.pool(x), 1) if self.pool else x.mean((2, 3))
            return self.head(x)

    torch.manual_seed(7)
    network = Residual()
    for _ in range(5):
        network(torch.rand(16, 3, 16, 16) * 2 - 1)
    return network


def _outputs(module: Any, batch: Floats) -> Array:
    """torch's own results for NHWC images, in evaluation mode."""
    import torch

    with torch.no_grad():
        return module.eval()(torch.from_numpy(np.ascontiguousarray(batch.transpose(0, 3, 1, 2)))).numpy()


def _quantised_outputs(graph: Graph, batch: Floats) -> Array:
    float_graph = run_passes(graph, FLOAT_PASSES)
    integers = quantised(float_graph, calibrate(float_graph, batch), 8)
    q = quantisation_of(integers, integers.inputs[0])
    steps = np.clip(np.round(batch / q.scale[0]) + q.zero_point, q.low, q.high).astype(np.int8)
    return output(integers, steps)


@pytest.mark.parametrize("average", AVERAGES)
class TestModule:
    pytestmark = with_torch

    def test_float_results_are_those_of_torch(self, average: str) -> None:
        module = _residual(average)
        graph = load_torch(module, EXAMPLE).graph
        batch = images(graph, 16)
        assert module.training
        assert np.allclose(output(graph, batch), _outputs(module, batch), atol=2e-5)

    def test_quantised_top_1_is_that_of_torch(self, average: str) -> None:
        module = _residual(average)
        graph = load_torch(module, EXAMPLE).graph
        batch = images(graph, 100)
        exact = _outputs(module, batch)
        assert len(np.unique(exact.argmax(1))) > 1
        assert np.mean(_quantised_outputs(graph, batch).argmax(1) == exact.argmax(1)) >= 0.95

    def test_saved_file_is_a_network(self, average: str, tmp_path: Path) -> None:
        path = save_onnx(_residual(average), EXAMPLE, tmp_path / "mine.onnx")
        assert from_onnx(path).images(2).shape == (2, 16, 16, 3)


class TestFactory:
    pytestmark = with_torch

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        (tmp_path / "model.py").write_text(FACTORY)
        return tmp_path / "model.py"

    def test_a_function_of_a_file_makes_the_network(self, file: Path) -> None:
        graph = load_factory(f"{file}:classifier").graph
        assert graph.name == "classifier" and graph.tensor(graph.outputs[0]).shape == (1, 5)

    @pytest.mark.parametrize(
        ("function", "rule"),
        [
            ("alone", r"model.py:alone: must return \(module, example input\)"),
            ("broken", "model.py:broken: raised RuntimeError: no weights here"),
            ("absent", "model.py: has no function 'absent'"),
        ],
    )
    def test_functions_that_make_none(self, function: str, rule: str, file: Path) -> None:
        with pytest.raises(AssayError, match=rule) as caught:
            load_factory(f"{file}:{function}")
        assert caught.value.exit_code == 2

    def test_files_that_do_not_run(self, file: Path) -> None:
        file.write_text("1 / 0")
        with pytest.raises(AssayError, match="raised ZeroDivisionError"):
            load_factory(f"{file}:classifier")
        with pytest.raises(AssayError, match="no such file"):
            load_factory(f"{file.parent}/absent.py:classifier")


def _sigmoid() -> tuple[Any, Any]:
    import torch

    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Sigmoid()), EXAMPLE


def _branching() -> tuple[Any, Any]:
    import torch

    class Branching(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x * 2 if x.sum() > 0 else x

    return Branching(), EXAMPLE


REFUSED: dict[str, tuple[Callable[[], tuple[Any, Any]], str]] = {
    "no module": (lambda: (3, EXAMPLE), "is a int, must be a torch.nn.Module"),
    "batch": (lambda: (_residual("mean"), EXAMPLE.repeat(2, 0)), r"must be float32 \(1, c, h, w\)"),
    "integers": (lambda: (_residual("mean"), EXAMPLE.astype(np.int64)), "example input is torch.int64"),
    "operator": (_sigmoid, r"node '.*' \(Sigmoid\): operator is not supported"),
    "branch": (_branching, "torch cannot export the module: "),
}


@pytest.mark.parametrize("case", REFUSED)
class TestRefused:
    pytestmark = with_torch

    def test_in_one_line(self, case: str) -> None:
        make, rule = REFUSED[case]
        with pytest.raises(AssayError, match=rule) as caught:
            load_torch(*make())
        assert "\n" not in str(caught.value)


class TestMasks:
    pytestmark = with_torch

    @pytest.mark.parametrize("shape", [(3, 8, 3, 3), (4, 3, 3, 3), (2, 5, 1, 1), (3, 2, 2, 5)])
    @pytest.mark.parametrize("kept", [1, 2])
    def test_training_prunes_the_blocks_of_the_compiler(self, shape: tuple[int, ...], kept: int) -> None:
        """Small integers, so that equal magnitudes meet: both keep the first."""
        import torch

        from golden.networks.fashion.pruning import block_mask

        weight = np.random.default_rng(kept).integers(-3, 4, shape).astype(np.float32)
        masked = weight * block_mask(torch.from_numpy(weight), kept).numpy()
        expected = largest_of_blocks(np.ascontiguousarray(weight.transpose(0, 2, 3, 1)), kept)
        assert np.array_equal(masked.transpose(0, 2, 3, 1), expected)
        assert 0 < np.count_nonzero(masked) < np.count_nonzero(weight)


def test_without_torch_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match=r"torch is not installed: pip install 'assay\[torch\]'"):
        load_torch(None, EXAMPLE)


def test_factories_are_known_by_their_names() -> None:
    assert is_factory("models/mine.py:make") and not is_factory("mine.onnx") and not is_factory("mine.py")
