"""Maps whose rows lie a little apart, so that the end of one kernel row and the beginning of the next one lie in
different banks and share weight tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from compiler.systolic.operations import Map, Operation, Plan
from compiler.systolic.pieces import kernel_row_lanes, packings
from rtl.systolic.config import BANK_BYTES, Config


def with_row_gaps(plan: Plan, config: Config) -> Plan:
    """The same plan, with the least gap behind the rows of a map that makes the fewest pieces of the
    convolution which alone reads it."""
    wider = {
        operation.source.tensor: best
        for operation in _candidates(plan)
        if (best := _best(operation, config)) != operation.source
    }
    return replace(plan, operations=tuple(_with_maps(operation, wider) for operation in plan.operations))


def _candidates(plan: Plan) -> Iterator[Operation]:
    """Convolutions of several kernel rows whose source a convolution or pool makes for them alone."""
    outputs = {output.holder for output in plan.outputs}
    makers = {operation.result: operation for operation in plan.operations if not operation.moves}
    read = [source.holder for operation in plan.operations for source in operation.reads]
    for operation in plan.operations:
        source, maker = operation.source, makers.get(operation.source)
        if maker is None or maker.residual or source.views or operation.product is None:
            continue
        several_rows = operation.product.weights.shape[1] > 1
        if several_rows and source.holder not in outputs and read.count(source.holder) == 1:
            yield operation


def _best(operation: Operation, config: Config) -> Map:
    source, product = operation.source, operation.product
    assert product is not None
    lanes = product.weights.shape[1] * kernel_row_lanes(operation)
    least = -(-lanes // (config.rows << product.sparsity))
    fewest, best = _pieces(operation, source, config), source
    for gap in range(BANK_BYTES, config.window_bytes, BANK_BYTES):
        if fewest == least:
            break
        wider = replace(source, row_gap=gap)
        count = _pieces(operation, wider, config)
        if count < fewest:
            fewest, best = count, wider
    return best


def _pieces(operation: Operation, source: Map, config: Config) -> int:
    return min(len(pieces) for pieces in packings(replace(operation, source=source), config))


def _with_maps(operation: Operation, wider: dict[str, Map]) -> Operation:
    source, result = operation.source, operation.result
    return replace(
        operation, source=wider.get(source.tensor, source), result=wider.get(result.tensor, result)
    )
