"""QONNX models made for tests as Brevitas lays them out, and what executes them: onnx's reference evaluator
with Quant and BipolarQuant written down from QONNX's definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from compiler.tests.onnx_models import IMAGE, Floats, OnnxModel

DOMAIN = "qonnx.custom_op.general"


class QonnxModel(OnnxModel):
    """integers: of every quantised weight, in ONNX layout, by the name of the node that reads it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.integers: dict[str, npt.NDArray[np.int64]] = {}

    def quant(
        self, source: str, scale: npt.ArrayLike, bits: float, zero: float = 0.0, **attributes: Any
    ) -> str:
        """Appends a Quant node that reads `source`, a map or a constant."""
        number = len(self.nodes)
        values = {"scale": scale, "zero": zero, "bits": bits}
        names = [self.values(f"{part}{number}", np.asarray(v, np.float32)) for part, v in values.items()]
        kind = attributes.pop("kind", "Quant")
        given = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"} | attributes
        return self.node(kind, inputs=[source, *names], domain=DOMAIN, **given)

    def weights(self, shape: tuple[int, ...], bits: int, axis: int | None, lowest: int | None = None) -> str:
        """Quantised random weights with a scale for each index of `axis`, or one; kept in `integers`."""
        limit = (1 << (bits - 1)) - 1
        integers = self._random.integers(-limit if lowest is None else lowest, limit, shape, endpoint=True)
        scales = [size if index == axis else 1 for index, size in enumerate(shape)]
        scale = self._random.uniform(0.5, 2, () if axis is None else scales) / (limit * shape[1])
        name = self.values(f"w{len(self.nodes)}", (integers * scale.astype(np.float32)).astype(np.float32))
        output = self.quant(name, scale, bits, narrow=int(lowest is None))
        self.integers[f"n{len(self.nodes)}"] = integers
        return output

    def product(self, kind: str, source: str, weights: str, *more: str, **attributes: Any) -> str:
        return self.node(kind, inputs=[source, weights, *more], **attributes)


def brevitas_like(seed: int = 0, gain: float = 1.0) -> QonnxModel:
    """All that Brevitas writes: signed and unsigned maps of 8 and 4 bits, weights of 8 and 4 bits with a scale
    a channel or one, batch norm (of the given gain's sign), both pools, an add, a classifier without Quant."""
    model = QonnxModel(image=("N", 3, 8, 8), seed=seed)
    image = model.quant(IMAGE, 1 / 100, 8)
    model.product("Conv", image, model.weights((8, 3, 3, 3), 8, 0), pads=[1, 1, 1, 1])
    model.batch_norm(8)
    factor = np.sign(gain) * model._random.uniform(0.5, 2, 8)
    model.initializers[-4].CopyFrom(
        onnx.numpy_helper.from_array(factor.astype(np.float32), model.initializers[-4].name)
    )
    early = model.quant(model.node("Relu"), 0.2, 4, signed=0)
    pool = model.node("MaxPool", inputs=[early], kernel_shape=[2, 2], strides=[2, 2])
    conv = model.product("Conv", pool, model.weights((8, 8, 3, 3), 4, 0), pads=[1, 1, 1, 1])
    model.node("Add", inputs=[pool, model.quant(conv, 0.153, 4)])
    late = model.quant(model.node("Relu"), 0.02, 8, signed=0)
    flat = model.node("Flatten", inputs=[model.node("GlobalAveragePool", inputs=[late])])
    classes = model.weights((10, 8), 8, None)
    model.product("Gemm", flat, classes, model.constant("offsets", 10), transB=1)
    return model


class Quant(OpRun):
    """QONNX's Quant: round, clamp, scale."""

    op_domain = DOMAIN

    def _run(  # type: ignore[no-untyped-def]  # OpRun's signature is free
        self, x, scale, zero, bits, signed=1, narrow=0, rounding_mode="ROUND"
    ):
        assert rounding_mode == "ROUND"
        width = int(bits)
        low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
        low, high = (low + 1, high) if signed and narrow else (low, high - narrow * (not signed))
        steps = np.clip(np.round(x / scale + zero), low, high)
        return (((steps - zero) * scale).astype(np.float32),)


class BipolarQuant(OpRun):
    """QONNX's BipolarQuant: the sign, of which 0 has +1, times the scale."""

    op_domain = DOMAIN

    def _run(self, x, scale):  # type: ignore[no-untyped-def]  # OpRun's signature is free
        return (np.where(x >= 0, scale, -scale).astype(np.float32),)


def reference(proto: onnx.ModelProto, batch: Floats) -> Mapping[str, Floats]:
    """Every tensor of the model, by name, for one NHWC image; maps turned to NHWC."""
    everything = onnx.ModelProto()
    everything.CopyFrom(proto)
    del everything.graph.output[:]
    names = [name for node in proto.graph.node for name in node.output]
    everything.graph.output.extend(onnx.helper.make_value_info(name, onnx.TypeProto()) for name in names)
    feed = {IMAGE: np.ascontiguousarray(batch.transpose(0, 3, 1, 2))}
    results = ReferenceEvaluator(everything, new_ops=[Quant, BipolarQuant]).run(None, feed)
    found = dict(zip(names, results, strict=True)) | feed
    return {name: v.transpose(0, 2, 3, 1) if np.ndim(v) == 4 else v for name, v in found.items()}
