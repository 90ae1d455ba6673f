"""The first inner stage that differs from golden, told from the waves of a wrong value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from compiler.errors import AssayError
from compiler.program import Program
from golden.ir import Array
from regress.waves.fst import Wave
from rtl.variants import optional_part
from tb.finding import Finding
from tb.prepare import SUMS, file_stem
from tb.stages import Place, Seen, first_wrong, of_image
from tb.variants import find_config


def told_stage(wave: Wave, finding: Finding) -> str:
    """Whether the sums behind a wrong value were right; '' where the variant offers no model of them, or waves and
    files do not have them."""
    name = wave.path.parent / file_stem(finding.request)
    program, sums = name.with_name(f"{name.name}.program"), name.with_name(f"{name.name}{SUMS}")
    if len(finding.coordinate) != 4 or finding.cycle is None or not (program.exists() and sums.exists()):
        return ""
    try:
        with np.load(sums) as data:
            return _told(wave, finding, Program.load(program), {key: data[key] for key in data.files})
    except (AssayError, OSError, ValueError):
        return ""  # waves of another design, or a file that was cut off: no help, and no harm


def _told(wave: Wave, finding: Finding, program: Program, golden: dict[str, Array]) -> str:
    module = optional_part(program.variant, "stages")
    number = next((n for n, layer in enumerate(program.layers) if layer.name == finding.layer), None)
    if module is None or number is None:
        return ""
    made = next((name for name in program.layers[number].aliases if name in golden), "")
    if not made:
        return ""
    config, (image, *place) = find_config(program.variant, program.config), finding.coordinate
    expected = of_one_image(golden[made], image)
    pool = (1, 1) if finding.node == made else module.window(config, number, finding.operator)
    if pool is None:
        return ""
    seen = list(module.sums(wave, config, program, number, made))
    mine = of_image(seen, behind(place, pool), finding.cycle or 0)
    return text(finding, mine, first_wrong(mine, expected), expected)


def of_one_image(sums: npt.NDArray[Any], image: int) -> npt.NDArray[Any]:
    """(y, x, c); of a fully connected layer one pixel."""
    found: npt.NDArray[Any] = sums[image]
    return found if found.ndim == 3 else found.reshape(1, 1, -1)


def behind(place: Sequence[int], pool: tuple[int, int]) -> list[Place]:
    """The sums that a value is made of: those of its window."""
    y, x, c = place
    return [(pool[0] * y + down, pool[1] * x + right, c) for down, right in np.ndindex(pool)]


def text(finding: Finding, mine: Sequence[Seen], wrong: Seen | None, expected: npt.NDArray[Any]) -> str:
    """One line."""
    if not mine:
        return ""
    if wrong is None:
        return f"sums of layer {finding.layer} are right ({len(mine)} in the waves): what follows them is not"
    told = ", ".join(map(str, (finding.coordinate[0], *wrong.place)))
    value = "unknown" if wrong.value is None else wrong.value
    return (
        f"sums of layer {finding.layer} are wrong already: (n, y, x, c) = ({told}): "
        f"expected {expected[wrong.place]}, got {value} in cycle {wrong.cycle}"
    )
