"""How the signals of a wave file are grouped and decoded: what every accelerator has around its core. A variant adds
tb/<variant>/waves.py with STAGES in the order of the data, and NAMES.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from rtl.lib.registers import Error
from rtl.variants import given_files, optional_part

Names = Mapping[str, Mapping[int, str]]


@dataclass(frozen=True)
class Stage:
    """scopes: globs on scopes below the accelerator, '' for its own ports; `{layer}` stands for a layer's number.
    signals: globs on the names in them."""

    name: str
    scopes: tuple[str, ...]
    signals: tuple[str, ...] = ("*",)


def names_of(values: type[IntEnum]) -> dict[int, str]:
    """The words of an enumeration."""
    return {int(value): value.name for value in values}


BEFORE = (
    Stage("host", ("",), ("ctrl_*", "irq")),
    Stage("sequencer", ("outside.sequence_*", "outside.queue")),
    Stage("memory reads", ("",), ("mem_ar*", "mem_r*")),
)
AFTER = (
    Stage("memory writes", ("",), ("mem_aw*", "mem_w*", "mem_b*")),
    Stage("observation", ("",), ("obs_*",)),
)
GIVEN = "given"  # the instance of a design that is given as Verilog (rtl/convert/given.py)
NAMES: Names = {"outside.code": names_of(Error), "outside.errors.code": names_of(Error)}


@dataclass(frozen=True)
class Picture:
    """All stages of an accelerator, and words for values, by globs on signals below the accelerator. deep: scopes of
    which there are so many signals that they are recorded only when asked for."""

    stages: tuple[Stage, ...]
    names: Names
    deep: tuple[str, ...] = ()


def picture(variant: str) -> Picture:
    """Of a variant; one that says nothing has what all have."""
    own = optional_part(variant, "waves")
    if own is None:
        scope = GIVEN if given_files(variant) else "middle"
        return Picture((*BEFORE, Stage("accelerator", (scope,)), *AFTER), NAMES)
    return Picture(
        (*BEFORE, *own.STAGES, *AFTER), {**NAMES, **getattr(own, "NAMES", {})}, getattr(own, "DEEP", ())
    )
