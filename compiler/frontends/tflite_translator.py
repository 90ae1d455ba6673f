"""The operators and tensors of a decoded .tflite file as nodes and tensors of the IR."""

from __future__ import annotations

from collections import Counter

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
from compiler.frontends.tflite_format import ModelRecord, OperatorRecord, TensorRecord
from compiler.frontends.tflite_options import (
    DIMENSIONS,
    NO_PADDING,
    Padding,
    activation,
    amounts_of_pad,
    padding,
    slice_of,
    stride,
)
from golden.ir import (
    Add,
    Array,
    Concat,
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

BIAS_TYPES = {
    tflite.TensorType.INT8: tflite.TensorType.INT32,
    tflite.TensorType.FLOAT32: tflite.TensorType.FLOAT32,
}


class Translator:
    """Builds the graph of one file, operator by operator. element_type: of its maps and weights."""

    def __init__(self, model: ModelRecord, name: str, element_type: int) -> None:
        self._model = model
        self._name = name
        self._element_type = element_type
        self._bias_type = BIAS_TYPES[element_type]
        self._tensors: dict[str, Tensor] = {}
        self._constants: dict[str, Array] = {}
        # Output of each PAD around a map, by tensor index: what it pads, and by how much.
        self._padded: dict[int, tuple[int, Padding]] = {}
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
        made = (self._node(index, operator) for index, operator in enumerate(self._model.operators))
        nodes = tuple(node for node in made if node is not None)
        if not nodes:
            raise UnsupportedOperator("has no operator that the accelerator runs")
        for index in self._model.outputs:
            self._refuse_padded(index)
        outputs = tuple(self._names[index] for index in self._model.outputs)
        return Graph(self._name, inputs, outputs, self._tensors, nodes, self._constants)

    def _node(self, index: int, operator: OperatorRecord) -> Node | None:
        name = f"{operator.kind.lower().replace('_2d', '2d')}_{index}"
        try:
            return self._translate(name, operator)
        except AssayError as error:
            raise type(error)(error.rule, node=name, operator=operator.kind) from None
        except GraphError as error:
            raise IllegalGraph(str(error), node=name, operator=operator.kind) from None

    def _translate(self, name: str, operator: OperatorRecord) -> Node | None:
        """The operator's node; None for padding, which belongs to the convolution behind it."""
        if len(operator.outputs) != 1:
            raise MalformedFile(f"has {len(operator.outputs)} outputs, must have one")
        match operator.kind:
            case "CONV_2D":
                return self._convolution(name, operator)
            case "FULLY_CONNECTED":
                return self._fully_connected(name, operator)
            case "ADD":
                maps = tuple(self._map(index) for index in self._inputs(operator, 2, 2))
                return self._made(name, Add(activation(operator)), maps, operator)
            case "MAX_POOL_2D" | "AVERAGE_POOL_2D":
                return self._pool(name, operator)
            case "RESHAPE":
                source = self._inputs(operator, 1, 2)[0]
                return self._made(name, Reshape(), (self._map(source),), operator)
            case "CONCATENATION":
                return self._concatenation(name, operator)
            case "STRIDED_SLICE":
                return self._strided_slice(name, operator)
            case "PAD":
                return self._pad(name, operator)
        raise UnsupportedOperator("operator is not supported")

    def _convolution(self, name: str, operator: OperatorRecord) -> Node:
        options = operator.options
        if (options["DilationHFactor"], options["DilationWFactor"]) != (1, 1):
            raise UnsupportedOperator("dilation must be 1")
        source, weights, *bias = self._inputs(operator, 2, 3)
        source, before = self._padded.get(source, (source, NO_PADDING))
        shape, kernel = self._record(source).shape, self._record(weights).shape
        if len(shape) != 4 or len(kernel) != 4:
            raise MalformedFile(f"map {shape} and weights {kernel} must have four dimensions")
        if kernel[3] != shape[3]:
            raise UnsupportedOperator(f"weights see {kernel[3]} of {shape[3]} channels: grouped convolution")
        window = padding(operator, shape[1:3], (kernel[1], kernel[2]), before)
        inputs = self._product_inputs(source, weights, bias)
        made = Conv2D(stride(operator), window, activation(operator))
        return self._made(name, made, inputs, operator)

    def _fully_connected(self, name: str, operator: OperatorRecord) -> Node:
        if operator.options["WeightsFormat"] != tflite.FullyConnectedOptionsWeightsFormat.DEFAULT:
            raise UnsupportedOperator("weights are stored shuffled")
        source, weights, *bias = self._inputs(operator, 2, 3)
        inputs = self._product_inputs(source, weights, bias)
        return self._made(name, FullyConnected(activation(operator)), inputs, operator)

    def _pool(self, name: str, operator: OperatorRecord) -> Node:
        if activation(operator):
            raise UnsupportedOperator("a pool with a fused activation is not supported")
        (source,) = self._inputs(operator, 1, 1)
        shape = self._record(source).shape
        if len(shape) != 4:
            raise MalformedFile(f"pool of {shape}, must have four dimensions")
        kernel = (operator.options["FilterHeight"], operator.options["FilterWidth"])
        kind = "max" if operator.kind == "MAX_POOL_2D" else "average"
        pool = Pool2D(kind, kernel, stride(operator), padding(operator, shape[1:3], kernel))
        return self._made(name, pool, (self._map(source),), operator)

    def _concatenation(self, name: str, operator: OperatorRecord) -> Node:
        if activation(operator):
            raise UnsupportedOperator("a concatenation with a fused activation is not supported")
        sources = self._inputs(operator, 2, max(2, len(operator.inputs)))
        if -1 in sources:
            raise MalformedFile("leaves out an input")
        if operator.options["Axis"] not in (DIMENSIONS - 1, -1):
            raise UnsupportedOperator(f"axis is {operator.options['Axis']}, must be 3: the channels")
        return self._made(name, Concat(), tuple(self._map(source) for source in sources), operator)

    def _strided_slice(self, name: str, operator: OperatorRecord) -> Node:
        source, *given = self._inputs(operator, 4, 4)
        begin, end, strides = (self._table(index) for index in given)
        made = slice_of(operator, self._record(source).shape, (begin, end, strides))
        return self._made(name, made, (self._map(source),), operator)

    def _pad(self, name: str, operator: OperatorRecord) -> Node | None:
        source, table = self._inputs(operator, 2, 2)
        channels, around = amounts_of_pad(self._table(table))
        if not any(around):
            return self._made(name, channels, (self._map(source),), operator)
        self._refuse_padded(source)
        records = self._record(source), self._record(operator.outputs[0])
        if (records[0].scale, records[0].zero_point) != (records[1].scale, records[1].zero_point):
            raise UnsupportedOperator("input and output must be quantised alike")
        self._padded[operator.outputs[0]] = (source, around)
        return None

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
        names = (self._map(source), self._constant(weights, "weights", self._element_type))
        if bias and bias[0] >= 0:
            return (*names, self._constant(bias[0], "bias", self._bias_type))
        return names

    def _map(self, index: int) -> str:
        """Registers a feature map; returns its name."""
        self._refuse_padded(index)
        record, name = self._record(index), self._names[index]
        if record.data is not None:
            raise UnsupportedOperator(f"tensor '{name}' is constant, must be a feature map")
        _check_shape(name, record)
        quantisation = _quantisation(name, record, self._element_type)
        if quantisation and quantisation.axis is not None:
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

    def _table(self, index: int) -> Array:
        """A constant of integers that says how an operator works."""
        record = self._record(index)
        if record.data is None or record.data.dtype not in (np.int32, np.int64):
            raise UnsupportedOperator(f"tensor '{self._names[index]}' must be constant integers")
        return record.data

    def _refuse_padded(self, index: int) -> None:
        if index in self._padded:
            raise UnsupportedOperator(
                f"'{self._names[index]}' is made by PAD: only a convolution may read it"
            )


def _check_shape(name: str, record: TensorRecord) -> None:
    if -1 in record.shape_signature[1:]:
        raise DynamicShape(f"tensor '{name}' has the dynamic shape {record.shape_signature}")
    if not record.shape or record.shape[0] != 1:
        raise DynamicShape(f"tensor '{name}' of shape {record.shape} must have a batch of 1")


def _quantisation(name: str, record: TensorRecord, element_type: int) -> Quantisation | None:
    """None for float."""
    if record.element_type != element_type:
        raise UnsupportedType(
            f"tensor '{name}' is {_type_name(record.element_type)}, must be {_type_name(element_type)}"
        )
    if element_type == tflite.TensorType.FLOAT32:
        return None
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
