"""What a run prints about its network: widths, that it is binary, and the classes that were seen."""

from __future__ import annotations

import pytest

from regress.network import classes_line, settings_line

ENDS = {
    "first_layer": {"name": "conv1", "activation_bits": 6, "weight_bits": 1},
    "last_layer": {"name": "fc3", "activation_bits": 1, "weight_bits": 1},
}


@pytest.mark.parametrize(
    ("weights", "told"), [({"binary": True}, "weights binary; "), ({"sparsity": "2:4"}, "weights 2:4; ")]
)
def test_settings_state_weights_and_ends(weights: dict[str, object], told: str) -> None:
    assert settings_line(weights | ENDS) == told + (
        "first layer conv1: 6-bit activations, 1-bit weights; last layer fc3: 1-bit activations, 1-bit weights"
    )


def test_classes_are_named_up_to_a_number() -> None:
    assert classes_line(["deer", "cat"]) == "classes: deer, cat"
    assert classes_line(["deer"] * 16) == f"classes: {', '.join(['deer'] * 16)}"
    assert classes_line(["deer"] * 20).endswith("deer, and 4 more")
