"""A drawn item in one line."""

from __future__ import annotations

from tb.job import Action
from tb.systolic.layer_item import Fusion, LayerShape, Operator
from tb.systolic.strata import Circumstances


def layer_text(shape: LayerShape) -> str:
    """The layer: its map as height x width x channels, its kernel as height x width."""
    size = f"{shape.height}x{shape.width}x{shape.in_channels}"
    words = [shape.operator.name.lower().replace("_", " "), f"on {size}"]
    if shape.operator is Operator.CONVOLUTION:
        (kernel_y, kernel_x), (stride_y, stride_x) = shape.kernel, shape.stride
        padding = ",".join(map(str, shape.padding))
        words += [f"kernel {kernel_y}x{kernel_x}", f"stride {stride_y}x{stride_x}", f"padding {padding}"]
        words += [] if shape.fusion is Fusion.NONE else [f"with {shape.fusion.name.lower()}"]
    if shape.operator in (Operator.CONVOLUTION, Operator.FULLY_CONNECTED):
        words += [f"to {shape.out_channels} channels", shape.sparsity.name.lower().replace("_", " ")]
    return " ".join([*words, shape.precision.name, f"data {shape.corner.name.lower().replace('_', ' ')}"])


def circumstances_text(under: Circumstances) -> str:
    """What happens meanwhile."""
    requests = f"images {', '.join(map(str, under.batches))}"
    action = "" if under.action is Action.RUN else f", {under.action} in {under.phase}"
    return f"{requests}, memory {under.memory.rate}/256 with stalls {under.memory.stalls.encode():#x}{action}"
