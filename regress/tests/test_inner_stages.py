"""On a right design every sum that waves show of an inner stage is golden's, and each of golden's is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compiler.program import Program
from golden.ir import Array
from regress.simulators import find
from regress.triage.stages import of_one_image
from regress.waves.fst import Wave
from rtl.variants import part
from tb.bcnn import random_networks
from tb.stages import Seen
from tb.systolic import random_layers
from tb.variants import find_config


def recorded(folder: Path, **asked: Any) -> Mapping[str, Any]:
    """Runs an item of a random test with waves."""
    available, reason = find("icarus").available()
    if not available:
        pytest.skip(reason)
    run: Callable[..., Mapping[str, Any]] = (
        random_layers.run if asked["variant"] == "systolic" else random_networks.run
    )
    result = run(simulator="icarus", folder=folder, trace=True, **asked)
    assert result["verdict"] == "pass", result["failures"]
    return result


def layers(wave: Wave, request: str) -> list[tuple[Array, Sequence[Seen]]]:
    """Of each layer of which waves show sums golden's, of all images, and those."""
    name = wave.path.parent / request
    program = Program.load(name.with_name(f"{request}.program"))
    module, config = part(program.variant, "stages"), find_config(program.variant, program.config)
    found = []
    with np.load(name.with_name(f"{request}.sums.npz")) as sums:
        for number, layer in enumerate(program.layers):
            for made in set(layer.aliases) & set(sums.files):
                found.append((sums[made], list(module.sums(wave, config, program, number, made))))
    return [(golden, seen) for golden, seen in found if seen]


@pytest.mark.parametrize(
    ("variant", "item", "request_name", "shown"),
    [("systolic", 5, "item5", 1), ("systolic", 17, "item17", 1), ("bcnn", 0, "request0", 2)],
)
def test_every_sum_is_goldens(variant: str, item: int, request_name: str, shown: int, tmp_path: Path) -> None:
    result = recorded(tmp_path, variant=variant, config="tiny", seeds=[1000 + item], first=item)
    found = layers(Wave(Path(result["trace"])), request_name)
    assert len(found) >= shown
    for golden, seen in found:
        images: Counter[tuple[int, ...]] = Counter()
        for each in seen:
            image = images[each.place]
            images[each.place] += 1
            assert image >= len(golden) or each.value == int(of_one_image(golden, image)[each.place]), each
        assert set(images) == set(np.ndindex(of_one_image(golden, 0).shape))
        assert min(images.values()) >= len(golden)
