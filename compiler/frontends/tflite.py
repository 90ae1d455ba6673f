"""TFLite front end: a quantised int8 .tflite file, as it is, to the IR.

Both speak NHWC and (out, kernel_h, kernel_w, in), so weights and values pass unchanged. SAME and VALID become
explicit padding; QUANTIZE at the input, and SOFTMAX and DEQUANTIZE at the output, are left to the host.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import tflite

from compiler.errors import (
    AssayError,
    DynamicShape,
    IllegalGraph,
    MalformedFile,
    UnsupportedOperator,
    UnsupportedType,
)
from compiler.frontends.loaded import Loaded, read_file
from compiler.frontends.tflite_format import ModelRecord, OperatorRecord, TensorRecord, decode
from compiler.frontends.windows import check_window, same_padding
from golden.check import check
from golden.ir import (
    Add,
    Conv2D,
    FullyConnected,
    Graph,
    GraphError,
    Node,
    Operator,
    Pool2D,
    Quantisation,
    Reshape,
    Tensor,
)

ACTIVATIONS = {
    tflite.ActivationFunctionType.NONE: "",
    tflite.ActivationFunctionType.RELU: "relu",
    tflite.ActivationFunctionType.RELU6: "relu6",
}
LEADING_HOST_OPERATORS = ("QUANTIZE",)
TRAILING_HOST_OPERATORS = ("DEQUANTIZE", "SOFTMAX")

Padding = tuple[int, int, int, int]


def load_tflite(path: str | Path) -> Graph:
    """The graph of a quantised .tflite file. Raises an AssayError that names file, node and rule."""
    return read_tflite(path).graph


def read_tflite(path: str | Path) -> Loaded:
    """Like `load_tflite`, together with the operators left to the host."""
    try:
        model, host_operators = _without_host_operators(decode(read_file(path), str(path)))
        graph = _Translator(model, Path(path).stem).graph()
        check(graph)
    except GraphError as error:
        raise IllegalGraph(str(error), file=str(path)) from None
    except AssayError as error:
        raise error.in_file(str(path)) from None
    return Loaded(graph, host_operators=host_operators)


def _without_host_operators(model: ModelRecord) -> tuple[ModelRecord, tuple[str, ...]]:
    """The model from its first quantised tensor to its last, and the names of the operators cut off."""
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UnsupportedOperator(
            f"has {len(model.inputs)} inputs and {len(model.outputs)} outputs, must have one of each"
        )
    cut: list[str] = []
    while operator := _sole_reader(model, model.inputs[0], LEADING_HOST_OPERATORS):
        model = replace(_without(model, operator), inputs=operator.outputs[:1])
        cut.append(operator.kind)
    while operator := _maker(model, model.outputs[0], TRAILING_HOST_OPERATORS):
        model = replace(_without(model, operator), outputs=operator.inputs[:1])
        cut.append(operator.kind)
    return model, tuple(cut)


def _sole_reader(model: ModelRecord, tensor: int, kinds: tuple[str, ...]) -> OperatorRecord | None:
    readers = [operator for operator in model.operators if tensor in operator.inputs]
    return readers[0] if len(readers) == 1 and readers[0].kind in kinds and readers[0].outputs else None


def _maker(model: ModelRecord, tensor: int, kinds: tuple[str, ...]) -> OperatorRecord | None:
    makers = [operator for operator in model.operators if tensor in operator.outputs]
    usable = len(makers) == 1 and makers[0].kind in kinds and makers[0].inputs and makers[0].inputs[0] >= 0
    return makers[0] if usable else None


def _without(model: ModelRecord, operator: OperatorRecord) -> ModelRecord:
    return replace(model, operators=tuple(other for other in model.operators if other is not operator))


class _Translator:
    """Builds the graph of one file, operator by operator."""

    def __init__(self, model: ModelRecord, name: str) -> None:
        self._model = model
        self._name = name
        self._tensors: dict[str, Tensor] = {}
        self._constants: dict[str, np.ndarray] = {}
        repeated = Counter(tensor.name for tensor in model.tensors)
        self._names = [
            tensor.name if tensor.name and repeated[tensor.name] == 1 else f"{tensor.name}#{index}"
            for index, tensor in enumerate(model.tensors)
        ]

    def graph(self) -> Graph:
        inputs = tuple(self._map(index) for index in self._model.inputs)
        shape = self._tensors[inputs[0]].shape
        if len(shape) != 4:
            raise UnsupportedOperator(f"input of shape {shape} must be (1, height, width, channels)")
        nodes = tuple(self._node(index, operator) for index, operator in enumerate(self._model.operators))
        if not nodes:
            raise UnsupportedOperator("has no operator that the accelerator runs")
        outputs = tuple(self._names[index] for index in self._model.outputs)
        return Graph(self._name, inputs, outputs, self._tensors, nodes, self._constants)

    def _node(self, index: int, operator: OperatorRecord) -> Node:
        name = f"{operator.kind.lower().replace('_2d', '2d')}_{index}"
        try:
            return self._translate(name, operator)
        except AssayError as error:
            raise type(error)(error.rule, node=name, operator=operator.kind) from None
        except GraphError as error:
            raise IllegalGraph(str(error), node=name, operator=operator.kind) from None

    def _translate(self, name: str, operator: OperatorRecord) -> Node:
        if len(operator.outputs) != 1:
            raise MalformedFile(f"has {len(operator.outputs)} outputs, must have one")
        match operator.kind:
            case "CONV_2D":
                return self._convolution(name, operator)
            case "FULLY_CONNECTED":
                return self._fully_connected(name, operator)
            case "ADD":
                maps = tuple(self._map(index) for index in self._inputs(operator, 2, 2))
                return self._made(name, Add(_activation(operator)), maps, operator)
            case "MAX_POOL_2D" | "AVERAGE_POOL_2D":
                return self._pool(name, operator)
            case "RESHAPE":
                source = self._inputs(operator, 1, 2)[0]
                return self._made(name, Reshape(), (self._map(source),), operator)
        raise UnsupportedOperator("operator is not supported")

    def _convolution(self, name: str, operator: OperatorRecord) -> Node:
        options = operator.options
        if (options["DilationHFactor"], options["DilationWFactor"]) != (1, 1):
            raise UnsupportedOperator("dilation must be 1")
        source, weights, *bias = self._inputs(operator, 2, 3)
        shape, kernel = self._record(source).shape, self._record(weights).shape
        if len(shape) != 4 or len(kernel) != 4:
            raise MalformedFile(f"map {shape} and weights {kernel} must have four dimensions")
        if kernel[3] != shape[3]:
            raise UnsupportedOperator(f"weights see {kernel[3]} of {shape[3]} channels: grouped convolution")
        stride = _stride(operator)
        padding = _padding(operator, shape[1:3], (kernel[1], kernel[2]), stride)
        inputs = self._product_inputs(source, weights, bias)
        return self._made(name, Conv2D(stride, padding, _activation(operator)), inputs, operator)

    def _fully_connected(self, name: str, operator: OperatorRecord) -> Node:
        if operator.options["WeightsFormat"] != tflite.FullyConnectedOptionsWeightsFormat.DEFAULT:
            raise UnsupportedOperator("weights are stored shuffled")
        source, weights, *bias = self._inputs(operator, 2, 3)
        inputs = self._product_inputs(source, weights, bias)
        return self._made(name, FullyConnected(_activation(operator)), inputs, operator)

    def _pool(self, name: str, operator: OperatorRecord) -> Node:
        if _activation(operator):
            raise UnsupportedOperator("a pool with a fused activation is not supported")
        (source,) = self._inputs(operator, 1, 1)
        shape = self._record(source).shape
        if len(shape) != 4:
            raise MalformedFile(f"pool of {shape}, must have four dimensions")
        kernel = (operator.options["FilterHeight"], operator.options["FilterWidth"])
        stride = _stride(operator)
        padding = _padding(operator, shape[1:3], kernel, stride)
        kind = "max" if operator.kind == "MAX_POOL_2D" else "average"
        return self._made(name, Pool2D(kind, kernel, stride, padding), (self._map(source),), operator)

    def _made(self, name: str, made: Operator, inputs: tuple[str, ...], operator: OperatorRecord) -> Node:
        return Node(name, made, inputs, self._map(operator.outputs[0]))

    def _inputs(self, operator: OperatorRecord, least: int, most: int) -> tuple[int, ...]:
        given = operator.inputs
        if not least <= len(given) <= most or -1 in given[:least]:
            raise MalformedFile(f"has {len(given)} inputs, must have {least} to {most}")
        return given

    def _record(self, index: int) -> TensorRecord:
        return self._model.tensors[index]

    def _product_inputs(self, source: int, weights: int, bias: list[int]) -> tuple[str, ...]:
        names = (self._map(source), self._constant(weights, "weights", tflite.TensorType.INT8))
        if bias and bias[0] >= 0:
            return (*names, self._constant(bias[0], "bias", tflite.TensorType.INT32))
        return names

    def _map(self, index: int) -> str:
        """Registers a feature map; returns its name."""
        record, name = self._record(index), self._names[index]
        if record.data is not None:
            raise UnsupportedOperator(f"tensor '{name}' is constant, must be a feature map")
        _check_shape(name, record)
        quantisation = _quantisation(name, record, tflite.TensorType.INT8)
        if quantisation.axis is not None:
            raise UnsupportedType(f"feature map '{name}' has a scale per channel, must have one")
        self._tensors[name] = Tensor(name, record.shape, quantisation)
        return name

    def _constant(self, index: int, role: str, element_type: int) -> str:
        """Registers weights or a bias; returns its name."""
        record, name = self._record(index), self._names[index]
        if record.data is None:
            raise UnsupportedOperator(f"{role} '{name}' must be constant")
        self._tensors[name] = Tensor(name, record.shape, _quantisation(name, record, element_type))
        self._constants[name] = record.data
        return name


def _check_shape(name: str, record: TensorRecord) -> None:
    if -1 in record.shape_signature[1:]:
        raise DynamicShape(f"tensor '{name}' has the dynamic shape {record.shape_signature}")
    if not record.shape or record.shape[0] != 1:
        raise DynamicShape(f"tensor '{name}' of shape {record.shape} must have a batch of 1")


def _quantisation(name: str, record: TensorRecord, element_type: int) -> Quantisation:
    if record.element_type != element_type:
        raise UnsupportedType(
            f"tensor '{name}' is {_type_name(record.element_type)}, must be {_type_name(element_type)}"
        )
    if not record.scale:
        raise UnsupportedType(f"tensor '{name}' has no quantisation scale")
    bits = 32 if element_type == tflite.TensorType.INT32 else 8
    if len(record.scale) == 1:
        return Quantisation(record.scale, record.zero_point[0], bits)
    if any(record.zero_point):
        raise UnsupportedType(f"tensor '{name}' has a zero point per channel, each must be 0")
    if not 0 <= record.axis < len(record.shape):
        raise MalformedFile(f"tensor '{name}' is quantised along axis {record.axis} of {len(record.shape)}")
    return Quantisation(record.scale, 0, bits, record.axis)


def _type_name(element_type: int) -> str:
    names = {code: name for name, code in vars(tflite.TensorType).items() if isinstance(code, int)}
    return str(names.get(element_type, f"type {element_type}")).lower()


def _activation(operator: OperatorRecord) -> str:
    code = operator.options["FusedActivationFunction"]
    if code not in ACTIVATIONS:
        raise UnsupportedOperator(f"fused activation {code} is not supported: none, RELU or RELU6")
    return ACTIVATIONS[code]


def _stride(operator: OperatorRecord) -> tuple[int, int]:
    stride = (operator.options["StrideH"], operator.options["StrideW"])
    if min(stride) < 1:
        raise MalformedFile(f"has a stride of {stride}")
    return stride


def _padding(
    operator: OperatorRecord, size: tuple[int, ...], kernel: tuple[int, int], stride: tuple[int, int]
) -> Padding:
    """(top, left, bottom, right)."""
    if min(kernel) < 1:
        raise MalformedFile(f"has a kernel of {kernel}")
    scheme = operator.options["Padding"]
    if scheme == tflite.Padding.VALID:
        check_window(kernel, (0, 0, 0, 0))
        return (0, 0, 0, 0)
    if scheme != tflite.Padding.SAME:
        raise MalformedFile(f"padding scheme {scheme} is unknown")
    top, bottom = same_padding(size[0], kernel[0], stride[0])
    left, right = same_padding(size[1], kernel[1], stride[1])
    padding = (top, left, bottom, right)
    check_window(kernel, padding)
    return padding
