"""Binary networks as ONNX files, made for tests: in QONNX as Brevitas lays CNV out, and as a twin of ONNX' own
operators that onnxruntime executes. All numbers are small and dyadic, so that its floats are exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from compiler.tests.onnx_models import IMAGE, Floats
from compiler.tests.qonnx_models import DOMAIN, QonnxModel
from golden.ir import Array

EPSILON = 2.0**-10
POOL: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}


class BipolarModel(QonnxModel):
    """plain: with ONNX' own operators. domain: of QONNX' operators. signs: the maps of bits."""

    def __init__(self, seed: int = 0, plain: bool = False, domain: str = DOMAIN) -> None:
        super().__init__(image=("N", 3, 10, 8), seed=seed)
        self.plain, self.domain = plain, domain
        self.signs: list[str] = []

    def image_quantised(self, bits: int = 8) -> None:
        """The image as multiples of 2 ** (1 - bits)."""
        if not self.plain:
            self.quant(IMAGE, 2.0 ** (1 - bits), bits)

    def bits(self, shape: tuple[int, ...], scale: Floats) -> str:
        """Weights of -scale and +scale."""
        drawn = self._random.normal(0, 1, shape).astype(np.float32)
        number, image = len(self.nodes), self.last
        if self.plain:
            return self.values(f"w{number}", np.where(drawn >= 0, scale, -scale).astype(np.float32))
        names = [self.values(f"w{number}", drawn), self.values(f"s{number}", scale)]
        made = self.node("BipolarQuant", inputs=names, domain=self.domain)
        self.last = image
        return made

    def scale(self, count: int, dimensions: int) -> Floats:
        """One power of two an output channel."""
        powers = self._random.integers(-1, 2, count)
        return (2.0**powers).astype(np.float32).reshape(-1, *[1] * (dimensions - 1))

    def convolution(self, channels: int, filters: int, pads: tuple[int, ...] = (0, 0, 0, 0)) -> None:
        weights = self.bits((filters, channels, 3, 3), self.scale(filters, 4))
        self.node("Conv", weights, pads=pads)

    def dense(self, features: int, outputs: int, kind: str = "Gemm") -> None:
        """A Gemm of (out, in) with a scale an output, or a MatMul of (in, out) with one scale."""
        if kind == "Gemm":
            self.node("Gemm", self.bits((outputs, features), self.scale(outputs, 2)), transB=1)
        else:
            self.node("MatMul", self.bits((features, outputs), np.array(0.5, np.float32)))

    def norm(self, channels: int, spread: float) -> None:
        """Batch norm with both signs of gamma, gamma 0 and ties. spread: about how large the sums are."""
        deviation = 2.0 ** np.round(np.log2(spread))
        values = {
            "gain": np.resize([-2.0, -1.0, 0.5, 1.0, 1.0, 2.0, 0.0], channels),
            "offset": self._random.integers(-4, 5, channels) / 4,
            "mean": np.round(self._random.normal(0, spread / 4, channels)),
            "variance": np.full(channels, deviation**2 - EPSILON),
        }
        number = len(self.nodes)
        names = [self.values(f"{part}{number}", v.astype(np.float32)) for part, v in values.items()]
        self.node("BatchNormalization", *names, epsilon=EPSILON)

    def sign(self) -> None:
        if not self.plain:
            scale = self.values(f"b{len(self.nodes)}", np.float32(1))
            self.signs.append(self.node("BipolarQuant", scale, domain=self.domain))
            return
        number = len(self.nodes)
        zero, one, minus = (
            self.values(f"{name}{number}", np.full(1, value, np.float32))
            for name, value in (("zero", 0), ("one", 1), ("minus", -1))
        )
        condition = self.node("GreaterOrEqual", zero)
        self.signs.append(self.node("Where", inputs=[condition, one, minus]))

    def reshape(self) -> None:
        target = self.values(f"shape{len(self.nodes)}", np.array([1, -1], np.int64))
        self.node("Reshape", target)


def cnv_like(seed: int = 0, plain: bool = False, domain: str = DOMAIN, bits: int = 8) -> BipolarModel:
    """Convolutions padded and not, pools before the batch norm and behind the sign, a map of several pixels and
    channels that is flattened, Gemm and MatMul, a last batch norm without a sign."""
    model = BipolarModel(seed, plain, domain)
    model.image_quantised(bits)
    model.convolution(3, 14, (1, 1, 1, 1))
    model.norm(14, 4.0)
    model.sign()
    model.convolution(14, 16, (1, 0, 1, 2))
    model.node("MaxPool", **POOL)
    model.norm(16, 10.0)
    model.sign()
    model.convolution(16, 12, (1, 1, 1, 1))
    model.norm(12, 12.0)
    model.sign()
    model.node("MaxPool", **POOL)
    model.reshape()
    model.dense(2 * 2 * 12, 21)
    model.norm(21, 7.0)
    model.sign()
    model.dense(21, 10, "MatMul")
    model.norm(10, 5.0)
    return model


def executed(model: BipolarModel, path: Path, batch: Floats) -> dict[str, Array]:
    """onnxruntime's maps of bits and output of a plain model, for NHWC images one by one; maps turned to NHWC."""
    proto = model.proto()
    names = list(dict.fromkeys([*model.signs, model.last]))
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.helper.make_value_info(name, onnx.TypeProto()) for name in names)
    onnx.save(proto, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    images = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
    results = [session.run(names, {IMAGE: image[np.newaxis]}) for image in images]
    joined = (np.concatenate(parts) for parts in zip(*results, strict=True))
    turned = (values.transpose(0, 2, 3, 1) if values.ndim == 4 else values for values in joined)
    return dict(zip(names, turned, strict=True))
