"""The Markdown table of a network's layers."""

import json
from pathlib import Path
from typing import Any

import pytest

from regress.report.performance import bound, main


def layer(
    name: str = "conv", stalls: tuple[int, int, int] = (0, 0, 0), use: float = 0.9, macs: int = 1_000
) -> dict[str, Any]:
    return {
        "name": name, "cycles": 1_000, "predicted": 1_010, "utilisation": use, "macs": macs, "macs_skipped": 0,
        "stalls": dict(zip(("read", "write", "dependency"), stalls, strict=True)), "bytes_read": 64,
    }  # fmt: skip


def test_a_layer_is_bound_by_what_it_waits_for_or_by_the_array() -> None:
    assert bound(layer(stalls=(300, 10, 0))) == "memory"
    assert bound(layer(stalls=(0, 300, 10))) == "post-processor"
    assert bound(layer(stalls=(10, 0, 300))) == "another unit"
    assert bound(layer(stalls=(10, 10, 10))) == "array"
    assert bound(layer(use=0.3)) == "array: nibble passes or idle rows"


def test_limits_stand_beside_the_layers_that_have_as_many_products(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result, limits = tmp_path / "result.json", tmp_path / "limits.csv"
    result.write_text(json.dumps({"layers": [layer("a", macs=5_000), layer("pool", macs=0), layer("b")]}))
    limits.write_text(
        "layer,shape,macs,model_cycles\nx,1x1,1000,900.0\ny,1x1,5000,800.0\nTOTAL,,6000,1700.0\n"
    )
    assert main([str(result), "--limits", str(limits)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[3] for line in lines[2:]] == ["800", "", "900"]


def test_what_is_no_result_is_one_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "other.json"
    file.write_text("[]")
    assert main([str(file)]) == 2
    assert str(file) in capsys.readouterr().err
