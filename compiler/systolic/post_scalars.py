"""POST_SETUP's scalars: what results are requantised, added, clamped and divided with."""

from __future__ import annotations

from compiler.systolic.operations import Operation, Residual

COPY = {"low": -128, "high": 127}
"""A map's bytes as they are."""


def post_scalars(operation: Operation, positions: int) -> dict[str, int]:
    """POST_SETUP's fields; positions: of the pooling window."""
    fields = dict(COPY)
    if operation.product:
        r = operation.product.requantisation
        fields = {"output_zero_point": r.zero_point, "low": r.act_min, "high": r.act_max}
    if operation.residual:
        fields |= _add_scalars(operation.residual)
    if operation.window and operation.window.kind == "average":
        fields |= divisor(positions)
    return fields


def _add_scalars(residual: Residual) -> dict[str, int]:
    p = residual.parameters
    return {
        "multiplier_1": p.m1,
        "shift_1": -p.s1,
        "zero_point_1": p.z1,
        "multiplier_2": p.m2,
        "shift_2": -p.s2,
        "zero_point_2": p.z2,
        "multiplier_out": p.mo,
        "shift_out": -p.so,
        "add_zero_point": p.zo,
        "add_low": p.act_min,
        "add_high": p.act_max,
    }


def divisor(count: int) -> dict[str, int]:
    """(|sum| + half) * multiplier >> (16 + shift) = (|sum| + count // 2) // count for every sum of `count`
    int8.

    multiplier = ceil(2**(16 + shift) / count) exceeds the quotient by error / count; the floor is right for
    every numerator n with n * error < 2**(16 + shift)."""
    greatest = 128 * count + count // 2
    for shift in range(32):
        power = 1 << (16 + shift)
        multiplier = -(-power // count)
        if greatest * (multiplier * count - power) < power:
            return {"divisor_multiplier": multiplier, "divisor_shift": shift, "divisor_half": count // 2}
    raise ValueError(f"no multiplier divides by {count}")
