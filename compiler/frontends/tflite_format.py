"""The TFLite container: a flatbuffer to plain records, with every length checked against the file's size.

The flatbuffers reader trusts its input: on a damaged file it raises whatever struct, NumPy or its own number
checks raise. `decode` is the only place that catches this; what comes out of it is ordinary Python data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tflite

from compiler.errors import MalformedFile, UnsupportedOperator
from golden.ir import Array

IDENTIFIER = b"TFL3"
MOST_ITEMS = 20_000
MOST_ELEMENTS = 1 << 28
MOST_DIMENSIONS = 8

ELEMENT_TYPES: dict[int, np.dtype[Any]] = {
    tflite.TensorType.FLOAT32: np.dtype("<f4"),
    tflite.TensorType.INT8: np.dtype("i1"),
    tflite.TensorType.UINT8: np.dtype("u1"),
    tflite.TensorType.INT16: np.dtype("<i2"),
    tflite.TensorType.INT32: np.dtype("<i4"),
    tflite.TensorType.INT64: np.dtype("<i8"),
}

# The option fields of each operator that assay reads, under the names of the TFLite schema.
OPTION_FIELDS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "CONV_2D": (
        tflite.Conv2DOptions,
        ("Padding", "StrideW", "StrideH", "FusedActivationFunction", "DilationWFactor", "DilationHFactor"),
    ),
    "ADD": (tflite.AddOptions, ("FusedActivationFunction",)),
    "AVERAGE_POOL_2D": (
        tflite.Pool2DOptions,
        ("Padding", "StrideW", "StrideH", "FilterWidth", "FilterHeight", "FusedActivationFunction"),
    ),
    "CONCATENATION": (tflite.ConcatenationOptions, ("Axis", "FusedActivationFunction")),
    "STRIDED_SLICE": (
        tflite.StridedSliceOptions,
        ("BeginMask", "EndMask", "EllipsisMask", "NewAxisMask", "ShrinkAxisMask", "Offset"),
    ),
    "FULLY_CONNECTED": (tflite.FullyConnectedOptions, ("FusedActivationFunction", "WeightsFormat")),
}
OPTION_FIELDS["MAX_POOL_2D"] = OPTION_FIELDS["AVERAGE_POOL_2D"]

OPERATOR_NAMES = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}


@dataclass(frozen=True)
class TensorRecord:
    """shape_signature has -1 where a dimension is dynamic. data is None for a tensor that is not constant."""

    name: str
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...]
    element_type: int
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int
    data: Array | None


@dataclass(frozen=True)
class OperatorRecord:
    """inputs and outputs are tensor indices, -1 for an absent optional one."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelRecord:
    """The one subgraph of a file."""

    tensors: tuple[TensorRecord, ...]
    operators: tuple[OperatorRecord, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def decode(data: bytes, file: str) -> ModelRecord:
    """Plain records of a .tflite file's bytes. Raises MalformedFile or UnsupportedOperator."""
    if len(data) < 8 or data[4:8] != IDENTIFIER:
        raise MalformedFile("is not a TFLite flatbuffer: it has no identifier TFL3", file=file)
    try:
        return _Reader(data).model()
    except (MalformedFile, UnsupportedOperator) as error:
        raise error.in_file(file) from None
    # Deliberately every exception: the flatbuffers reader documents none, and raises many on damaged input.
    except Exception as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise MalformedFile(f"is a damaged TFLite flatbuffer: {reason}", file=file) from None


class _Reader:
    """Reads the tables of one file."""

    def __init__(self, data: bytes) -> None:
        self._size = len(data)
        # Tables may share their vectors, so a small hostile file can claim far more than it holds.
        self._budget = 4 * len(data)
        self._model = tflite.Model.GetRootAs(data, 0)

    def model(self) -> ModelRecord:
        if self._model.SubgraphsLength() != 1:
            raise UnsupportedOperator(f"has {self._model.SubgraphsLength()} subgraphs, must have one")
        graph = self._model.Subgraphs(0)
        tensor_range = self._indices(graph.TensorsLength(), "tensors")
        operator_range = self._indices(graph.OperatorsLength(), "operators")
        tensors = tuple(self._tensor(graph.Tensors(index)) for index in tensor_range)
        operators = tuple(self._operator(graph.Operators(index)) for index in operator_range)
        inputs = self._integers(graph.InputsLength(), graph.InputsAsNumpy, MOST_DIMENSIONS)
        outputs = self._integers(graph.OutputsLength(), graph.OutputsAsNumpy, MOST_DIMENSIONS)
        record = ModelRecord(tensors, operators, inputs, outputs)
        _check_references(record)
        return record

    def _indices(self, length: int, what: str) -> range:
        # Each entry of a table vector takes at least four bytes of the file.
        if length > min(MOST_ITEMS, self._size // 4):
            raise MalformedFile(f"claims {length} {what}")
        return range(length)

    def _spend(self, size: int) -> None:
        self._budget -= size
        if self._budget < 0:
            raise MalformedFile(f"claims more data than its {self._size} bytes can hold")

    def _integers(self, length: int, read: Any, most: int) -> tuple[int, ...]:
        if length == 0:
            return ()
        if length > most:
            raise MalformedFile(f"has a list of {length} numbers where at most {most} make sense")
        self._spend(4 * length)
        return tuple(int(value) for value in read())

    def _tensor(self, tensor: Any) -> TensorRecord:
        name = (tensor.Name() or b"").decode("utf-8", errors="replace")
        shape = self._integers(tensor.ShapeLength(), tensor.ShapeAsNumpy, MOST_DIMENSIONS)
        signature_length = tensor.ShapeSignatureLength()
        signature = self._integers(signature_length, tensor.ShapeSignatureAsNumpy, MOST_DIMENSIONS)
        scale, zero_point, axis = self._quantisation(tensor.Quantization())
        if tensor.Sparsity() is not None:
            raise UnsupportedOperator(f"tensor '{name}' is stored sparse")
        data = self._data(name, tensor.Buffer(), shape, tensor.Type())
        return TensorRecord(name, shape, signature or shape, tensor.Type(), scale, zero_point, axis, data)

    def _quantisation(self, table: Any) -> tuple[tuple[float, ...], tuple[int, ...], int]:
        if table is None or table.ScaleLength() == 0:
            return (), (), 0
        self._spend(4 * table.ScaleLength())
        scale = tuple(float(value) for value in table.ScaleAsNumpy())
        zero_point = self._integers(table.ZeroPointLength(), table.ZeroPointAsNumpy, len(scale))
        return scale, zero_point or (0,) * len(scale), table.QuantizedDimension()

    def _data(self, name: str, index: int, shape: tuple[int, ...], element_type: int) -> Array | None:
        if index >= self._model.BuffersLength():
            raise MalformedFile(f"tensor '{name}' names buffer {index} of {self._model.BuffersLength()}")
        buffer = self._model.Buffers(index)
        if buffer.Offset() > 1:
            raise UnsupportedOperator(f"tensor '{name}' is stored behind the flatbuffer")
        if index == 0 or buffer.DataLength() == 0:
            return None
        self._spend(buffer.DataLength())
        raw: Array = buffer.DataAsNumpy()
        dtype = ELEMENT_TYPES.get(element_type)
        if dtype is None:
            return raw.copy()
        return _shaped(name, raw, shape, dtype)

    def _operator(self, operator: Any) -> OperatorRecord:
        if operator.OpcodeIndex() >= self._model.OperatorCodesLength():
            raise MalformedFile(f"an operator names code {operator.OpcodeIndex()}")
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        # Old writers fill the one-byte field, new ones both: TFLite takes the larger.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = OPERATOR_NAMES.get(number, f"operator {number}")
        inputs = self._integers(operator.InputsLength(), operator.InputsAsNumpy, MOST_ITEMS)
        outputs = self._integers(operator.OutputsLength(), operator.OutputsAsNumpy, MOST_ITEMS)
        return OperatorRecord(kind, inputs, outputs, _options(kind, operator))


def _options(kind: str, operator: Any) -> dict[str, int]:
    if kind not in OPTION_FIELDS:
        return {}
    table_class, fields = OPTION_FIELDS[kind]
    table = operator.BuiltinOptions()
    if table is None:
        raise MalformedFile(f"{kind} has no options")
    options = table_class()
    options.Init(table.Bytes, table.Pos)
    return {name: int(getattr(options, name)()) for name in fields}


def _shaped(name: str, raw: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    expected = dtype.itemsize
    for extent in shape:
        expected *= max(extent, 0)
    if raw.size != expected:
        raise MalformedFile(f"tensor '{name}' of {shape} has {raw.size} bytes of data, must have {expected}")
    values = raw.view(dtype).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def _check_references(record: ModelRecord) -> None:
    count = len(record.tensors)
    lists = [record.inputs, record.outputs, *((*op.inputs, *op.outputs) for op in record.operators)]
    for index in (index for items in lists for index in items):
        if not -1 <= index < count:
            raise MalformedFile(f"names tensor {index} of {count}")
    if -1 in (*record.inputs, *record.outputs, *(i for op in record.operators for i in op.outputs)):
        raise MalformedFile("leaves out a tensor that must be there")
    for tensor in record.tensors:
        _check_shape(tensor)


def _check_shape(tensor: TensorRecord) -> None:
    elements = 1
    for extent in tensor.shape:
        if extent < 0:
            raise MalformedFile(f"tensor '{tensor.name}' has a shape of {tensor.shape}")
        elements *= extent
    if elements > MOST_ELEMENTS:
        raise MalformedFile(f"tensor '{tensor.name}' of {tensor.shape} has over {MOST_ELEMENTS} elements")
    if len(tensor.shape_signature) != len(tensor.shape):
        raise MalformedFile(f"tensor '{tensor.name}' has a shape signature of another rank than its shape")
