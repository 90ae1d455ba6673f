"""Small ONNX models with random weights, made for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import NodeProto, TensorProto, helper, numpy_helper

from golden.ir import Array, Graph
from golden.run import run

Floats = npt.NDArray[np.float32]
IMAGE = "image"


@dataclass
class OnnxModel:
    """Nodes are chained: each reads what the one before made, unless it names its inputs."""

    image: tuple[int | str, ...] = ("N", 3, 9, 8)
    opset: int = 17
    seed: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    nodes: list[NodeProto] = field(default_factory=list)
    initializers: list[TensorProto] = field(default_factory=list)
    last: str = IMAGE

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    def constant(self, name: str, *shape: int) -> str:
        """An initializer of random values."""
        return self.values(name, self._random.normal(0, 0.5, shape).astype(np.float32))

    def values(self, name: str, values: npt.ArrayLike) -> str:
        """An initializer of given values."""
        self.initializers.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, kind: str, *constants: str, inputs: list[str] | None = None, **attributes: Any) -> str:
        """Appends a node that reads the last output and the constants, or else `inputs`."""
        output = f"t{len(self.nodes)}"
        sources = [self.last, *constants] if inputs is None else inputs
        self.nodes.append(helper.make_node(kind, sources, [output], name=f"n{len(self.nodes)}", **attributes))
        self.last = output
        return output

    def conv(self, channels_in: int, channels_out: int, kernel: int = 3, **attributes: Any) -> str:
        number = len(self.nodes)
        weights = self.constant(f"w{number}", channels_out, channels_in, kernel, kernel)
        return self.node("Conv", weights, self.constant(f"b{number}", channels_out), **attributes)

    def batch_norm(self, channels: int) -> str:
        number = len(self.nodes)
        names = [self.constant(f"{part}{number}", channels) for part in ("gain", "offset", "mean")]
        variance = self._random.uniform(0.5, 2, channels).astype(np.float32)
        return self.node("BatchNormalization", *names, self.values(f"variance{number}", variance))

    def proto(self) -> onnx.ModelProto:
        image = helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, self.image)
        output = helper.make_tensor_value_info(self.last, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "test", [image], [output], self.initializers)
        opset = [helper.make_opsetid("", self.opset)]
        opset += [helper.make_opsetid(domain, 1) for domain in {node.domain for node in self.nodes} - {""}]
        model = helper.make_model(graph, opset_imports=opset, ir_version=8)
        helper.set_model_props(model, self.metadata)
        return model

    def save(self, folder: Path, name: str = "model.onnx") -> Path:
        (folder / name).write_bytes(self.proto().SerializeToString(deterministic=True))
        return folder / name


def residual(seed: int = 0) -> OnnxModel:
    """A network with all that has a part in quantisation: batch norm, both ReLUs, add, both pools."""
    model = OnnxModel(image=("N", 3, 12, 12), seed=seed)
    model.conv(3, 8, pads=[1, 1, 1, 1])
    model.batch_norm(8)
    model.node("Relu")
    start = model.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    model.conv(8, 8, pads=[1, 1, 1, 1])
    model.batch_norm(8)
    six, zero = model.values("six", np.float32(6)), model.values("zero", np.float32(0))
    model.node("Clip", zero, six)
    branch = model.conv(8, 8, kernel=1)
    model.node("Add", inputs=[branch, start])
    model.node("Relu")
    model.node("GlobalAveragePool")
    model.node("Flatten")
    model.node("Gemm", model.constant("classes", 10, 8), model.constant("offsets", 10), transB=1)
    return model


def images(graph: Graph, count: int, seed: int = 1) -> Floats:
    """Random images (n, height, width, channels) from -1 to 1."""
    shape = graph.tensor(graph.inputs[0]).shape
    return np.random.default_rng(seed).uniform(-1, 1, (count, *shape[1:])).astype(np.float32)


def reference(path: Path, batch: Floats) -> Floats:
    """onnxruntime's output for NHWC images, maps turned to NHWC; one image at a time."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = ({IMAGE: image[np.newaxis]} for image in np.ascontiguousarray(batch.transpose(0, 3, 1, 2)))
    result = np.concatenate([session.run(None, feed)[0] for feed in feeds])
    return result.transpose(0, 2, 3, 1) if result.ndim == 4 else result


def output(graph: Graph, batch: Array) -> Array:
    """Golden's output."""
    return run(graph, {graph.inputs[0]: batch})[graph.outputs[0]]
