"""Nodes and constants of an ONNX file, and how they are written: what the exports of both networks share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from golden.networks.fashion import topology

OPSET = 17
IR_VERSION = 8
"""The version that came with opset 17, so that older readers take the file."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class BatchNorm:
    """Inference parameters of one batch norm, one value a channel."""

    gain: Array
    offset: Array
    mean: Array
    variance: Array
    epsilon: float


@dataclass
class Emitted:
    """Nodes and initializers in the order they are emitted. domains: of operators that are not ONNX's own."""

    domains: tuple[str, ...] = ()
    nodes: list[NodeProto] = field(default_factory=list)
    initializers: list[TensorProto] = field(default_factory=list)

    def constant(self, name: str, values: ArrayLike) -> str:
        """Adds a constant of the values' own type; gives its name."""
        self.initializers.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, name: str, **attributes: Any) -> str:
        """Adds a node; gives the name of its output."""
        self.nodes.append(helper.make_node(operator, inputs, [output], name=name, **attributes))
        return output

    def norm(self, name: str, source: str, output: str, norm: BatchNorm) -> str:
        """Adds the batch norm of a layer; gives the name of its output."""
        values = {"gain": norm.gain, "offset": norm.offset, "mean": norm.mean, "variance": norm.variance}
        constants = [self.constant(f"{name}.bn.{key}", array) for key, array in values.items()]
        inputs = [source, *constants]
        return self.node("BatchNormalization", inputs, output, f"{name}.bn", epsilon=norm.epsilon)

    def write(self, path: Path, name: str, output: str, metadata: Mapping[str, str]) -> None:
        """Write the checked model, from the image to an output of ten classes."""
        domains = [helper.make_opsetid("", OPSET), *(helper.make_opsetid(other, 1) for other in self.domains)]
        classes = topology.shapes()[topology.classifier().name]
        inputs, outputs = [_value(topology.IMAGE, topology.IMAGE_SHAPE)], [_value(output, classes)]
        model = helper.make_model(
            helper.make_graph(self.nodes, name, inputs, outputs, self.initializers),
            opset_imports=domains,
            ir_version=IR_VERSION,
            producer_name="assay",
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString(deterministic=True))


def _value(name: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, *shape))
