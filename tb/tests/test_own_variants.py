"""The examples of accelerators outside the tree: they keep the contract, and run a layer of a trained network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.errors import BadData, UnknownName, UnsupportedOperator
from regress.simulators import find
from rtl import variants
from tb import contract_run
from tb.launch import compiled_layers, run_network
from tb.variants import find_config

EXAMPLES = Path(__file__).parents[2] / "examples"
LAYERS = (("fc", "logits"), ("maxpool", "pool"))


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(variants.VARIABLE, str(EXAMPLES))
    yield


def usable(simulator: str) -> str:
    """The simulator, where there is one."""
    there, reason = find(simulator).available()
    if not there:
        pytest.skip(reason)
    return simulator


@pytest.mark.parametrize("variant", ["fc", "maxpool"])
def test_they_keep_the_contract(variant: str, tmp_path: Path) -> None:
    result = contract_run.run(
        variant=variant, config="tiny", simulator=usable("verilator"), seeds=[3], first=0, folder=tmp_path
    )
    assert result["failures"] == []
    assert result["verdict"] == "pass" and result["checked"] > 1000
    assert len(result["phases"]) >= 22


@pytest.mark.parametrize(("variant", "layer"), LAYERS)
def test_they_run_a_layer(variant: str, layer: str, tmp_path: Path) -> None:
    result = run_network(
        variant, "fashion_int8", "tiny", usable("icarus"), layers=layer, images=2, folder=tmp_path / "run"
    )
    assert result["verdict"] == "pass" and result["checked"] > 0
    assert [(found["name"], found["equal"]) for found in result["layers"]] == [(layer, True)]


def test_a_wrong_result_is_told_with_layer_and_coordinate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of the Verilog that takes the least value."""
    copy = tmp_path / "changed" / "maxpool"
    copy.mkdir(parents=True)
    for file in (EXAMPLES / "maxpool").iterdir():
        if file.is_file():
            (copy / file.name).write_text(file.read_text())
    engine = (copy / "engine.v").read_text()
    (copy / "engine.v").write_text(
        engine.replace("$signed(fresh) > $signed(old)", "$signed(fresh) < $signed(old)")
    )
    monkeypatch.setenv(variants.VARIABLE, str(copy.parent))
    result = run_network(
        "maxpool", "fashion_int8", "tiny", usable("icarus"), layers="pool", folder=tmp_path / "run"
    )
    assert result["verdict"] == "fail"
    assert "node pool (n, y, x, c) = (0, " in result["failures"][0]


def test_layers_are_nodes_where_the_network_does_not_fit() -> None:
    from compiler.networks import load

    graph, sizes = load("fashion_int8").graph, find_config("maxpool", "tiny")
    part, program = compiled_layers("maxpool", sizes, graph, "1:2")
    assert [node.name for node in part.nodes] == ["pool"] and len(program.layers) == 1
    with pytest.raises(UnsupportedOperator, match=r"node 'stem' \(Conv2D\): maxpool runs max pools alone"):
        compiled_layers("maxpool", sizes, graph, "stem")
    with pytest.raises(UnknownName, match="--layers nosuch is neither a:b nor the name of a layer"):
        compiled_layers("maxpool", sizes, graph, "nosuch")


def test_a_configuration_must_be_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    configs = variants.part("fc", "config").CONFIGS
    monkeypatch.setitem(
        configs, "odd", type("Config", (), {**vars(configs["tiny"]), "hash": 1, "tap_bytes": 3})()
    )
    monkeypatch.setitem(configs, "bare", type("Config", (), {"name": "bare", "hash": 1, "tap_bytes": 4})())
    with pytest.raises(BadData, match="fc odd: tap_bytes is 3, must be a multiple of 4"):
        find_config("fc", "odd")
    with pytest.raises(BadData, match="fc bare: the configuration has no memory_bytes, no clock_mhz"):
        find_config("fc", "bare")
