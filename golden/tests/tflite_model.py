"""An int8 graph of the IR as a TFLite file, executed by TFLite's reference kernels (BUILTIN_REF)."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from golden.ir import (
    Add,
    Array,
    Concat,
    Conv2D,
    FullyConnected,
    Graph,
    Node,
    Pad,
    Pool2D,
    Reshape,
    Slice,
    Tensor,
)

TYPES = {8: schema.TensorType.INT8, 32: schema.TensorType.INT32}
VERSIONS = {
    "CONV_2D": 3,
    "FULLY_CONNECTED": 4,
    "ADD": 2,
    "MAX_POOL_2D": 2,
    "AVERAGE_POOL_2D": 2,
    "RESHAPE": 1,
    "CONCATENATION": 2,
    "STRIDED_SLICE": 2,
    "PAD": 2,
}
ACTIVATIONS = {
    "": schema.ActivationFunctionType.NONE,
    "relu": schema.ActivationFunctionType.RELU,
    "relu6": schema.ActivationFunctionType.RELU6,
}


def run_reference(graph: Graph, inputs: dict[str, Array]) -> dict[str, Array]:
    """Every node's output by tensor name, computed by TFLite's reference kernels on one image."""
    tensors = tensors_by_name(reference_interpreter(tflite_file(graph)), inputs)
    return {node.output: tensors[node.output] for node in graph.nodes}


def reference_interpreter(content: bytes) -> Interpreter:
    """TFLite's reference kernels on a file's content; every tensor stays readable."""
    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    return interpreter


def tensors_by_name(interpreter: Interpreter, inputs: dict[str, Array]) -> dict[str, Array]:
    """Every tensor after running on inputs of one image."""
    indices = {detail["name"]: detail["index"] for detail in interpreter.get_tensor_details()}
    for name, values in inputs.items():
        interpreter.set_tensor(indices[name], values)
    interpreter.invoke()
    return {name: interpreter.get_tensor(index) for name, index in indices.items()}


def tflite_file(graph: Graph) -> bytes:
    """The graph as a TFLite flatbuffer; paddings must be those of VALID or SAME."""
    tables = {name: values for node in graph.nodes for name, values in _tables(node).items()}
    index = {name: position for position, name in enumerate((*graph.tensors, *tables))}
    buffers = [schema.BufferT(data=[])]
    tensors = [_tensor(graph, tensor, buffers) for tensor in graph.tensors.values()]
    tensors += [_table(name, values, buffers) for name, values in tables.items()]
    codes: list[Any] = []
    operators = [_operator(graph, node, index, codes) for node in graph.nodes]
    subgraph = schema.SubGraphT(
        tensors=tensors,
        inputs=[index[name] for name in graph.inputs],
        outputs=[index[name] for name in graph.outputs],
        operators=operators,
    )
    model = schema.ModelT(version=3, operatorCodes=codes, subgraphs=[subgraph], buffers=buffers)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """(before, after) along one axis under TFLite's SAME."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _tensor(graph: Graph, tensor: Tensor, buffers: list[Any]) -> Any:
    quantisation = tensor.quantisation
    assert quantisation is not None
    values = graph.constants.get(tensor.name)
    if values is not None:
        buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), dtype=np.uint8)))
    parameters = schema.QuantizationParametersT(
        scale=list(quantisation.scale),
        zeroPoint=[quantisation.zero_point] * len(quantisation.scale),
        quantizedDimension=quantisation.axis or 0,
    )
    return schema.TensorT(
        name=tensor.name,
        shape=list(tensor.shape),
        type=TYPES[quantisation.bits],
        buffer=0 if values is None else len(buffers) - 1,
        quantization=parameters,
    )


def _tables(node: Node) -> dict[str, Array]:
    """The constants by which TFLite says how to slice or to pad, by tensor name in the order of its inputs."""
    rows: dict[str, Any] = {}
    match node.operator:
        case Slice(begin, end, stride):
            # Batch and channels are masked: their begin and end do not count.
            rows = {"begin": (0, *begin, 0), "end": (0, *end, 0), "strides": (1, *stride, 1)}
        case Pad(before, after):
            rows = {"paddings": ((0, 0), (0, 0), (0, 0), (before, after))}
    return {f"{node.name}.{name}": np.array(values, np.int32) for name, values in rows.items()}


def _table(name: str, values: Array, buffers: list[Any]) -> Any:
    buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), dtype=np.uint8)))
    shape = list(values.shape)
    return schema.TensorT(name=name, shape=shape, type=schema.TensorType.INT32, buffer=len(buffers) - 1)


def _operator(graph: Graph, node: Node, index: dict[str, int], codes: list[Any]) -> Any:
    name, options = _options(graph, node)
    builtin = getattr(schema.BuiltinOperator, name)
    code = schema.OperatorCodeT(deprecatedBuiltinCode=builtin, builtinCode=builtin, version=VERSIONS[name])
    codes.append(code)
    return schema.OperatorT(
        opcodeIndex=len(codes) - 1,
        inputs=[index[tensor] if tensor else -1 for tensor in (*node.inputs, *_tables(node))],
        outputs=[index[node.output]],
        builtinOptionsType=getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T")),
        builtinOptions=options,
    )


def _options(graph: Graph, node: Node) -> tuple[str, Any]:
    match node.operator:
        case Conv2D(stride=(high, wide), activation=activation):
            return "CONV_2D", schema.Conv2DOptionsT(
                _padding(graph, node), wide, high, ACTIVATIONS[activation]
            )
        case FullyConnected(activation):
            return "FULLY_CONNECTED", schema.FullyConnectedOptionsT(ACTIVATIONS[activation])
        case Add(activation):
            return "ADD", schema.AddOptionsT(ACTIVATIONS[activation])
        case Pool2D(kind, kernel, stride):
            options = schema.Pool2DOptionsT(_padding(graph, node), stride[1], stride[0], kernel[1], kernel[0])
            return f"{kind.upper()}_POOL_2D", options
        case Reshape():
            return "RESHAPE", schema.ReshapeOptionsT(list(graph.tensor(node.output).shape))
        case Concat():
            return "CONCATENATION", schema.ConcatenationOptionsT(axis=3)
        case Slice():
            return "STRIDED_SLICE", schema.StridedSliceOptionsT(beginMask=0b1001, endMask=0b1001)
        case Pad():
            return "PAD", schema.PadOptionsT()
    raise ValueError(f"no TFLite operator for {node.operator}")


def _padding(graph: Graph, node: Node) -> Any:
    operator = node.operator
    assert isinstance(operator, Conv2D | Pool2D)
    if not any(operator.padding):
        return schema.Padding.VALID
    kernel = operator.kernel if isinstance(operator, Pool2D) else graph.tensor(node.inputs[1]).shape[1:3]
    height, width = graph.tensor(node.inputs[0]).shape[1:3]
    top, bottom = same_padding(height, kernel[0], operator.stride[0])
    left, right = same_padding(width, kernel[1], operator.stride[1])
    assert operator.padding == (top, left, bottom, right), "TFLite has no such padding"
    return schema.Padding.SAME
