"""TFLite front end: a quantised int8 .tflite file, or a float one, as it is, to the IR.

Both speak NHWC and (out, kernel_h, kernel_w, in), so weights and values pass unchanged. SAME, VALID and PAD become
explicit padding; QUANTIZE at the input, and SOFTMAX and DEQUANTIZE at the output, are left to the host.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import tflite

from compiler.errors import AssayError, IllegalGraph, UnsupportedOperator
from compiler.frontends.loaded import Loaded, read_file
from compiler.frontends.tflite_format import ModelRecord, OperatorRecord, decode
from compiler.frontends.tflite_translator import Translator
from golden.check import check
from golden.ir import Graph, GraphError

LEADING_HOST_OPERATORS = ("QUANTIZE",)
TRAILING_HOST_OPERATORS = ("DEQUANTIZE", "SOFTMAX")


def load_tflite(path: str | Path) -> Graph:
    """The graph of a quantised .tflite file. Raises an AssayError that names file, node and rule."""
    return read_tflite(path).graph


def read_tflite(path: str | Path) -> Loaded:
    """Like `load_tflite`, together with the operators left to the host."""
    return _read(path, tflite.TensorType.INT8)


def read_float_tflite(path: str | Path) -> Loaded:
    """The same of a float .tflite file: a float graph. Raises an AssayError."""
    return _read(path, tflite.TensorType.FLOAT32)


def _read(path: str | Path, element_type: int) -> Loaded:
    try:
        model, host_operators = _without_host_operators(decode(read_file(path), str(path)))
        graph = Translator(model, Path(path).stem, element_type).graph()
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
