"""`assay optimize`: its table, its file, and bad input told in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from compiler.errors import BadData
from golden.networks import fashion
from regress import cli

WORDS = ["optimize", "systolic", "fashion_int4", "--images", "40", "--calibrator", "minmax"]


def test_table_and_file_say_the_same(tmp_path: Path) -> None:
    output = tmp_path / "report.json"
    done = CliRunner().invoke(cli.app, [*WORDS, "--bits", "4", "--sparsity", "2:4", "--json", str(output)])
    assert done.exit_code == 0, done.output
    report = json.loads(output.read_text())
    steps = [(row["step"], row["sparsity"]) for row in report["rows"]]
    assert report["measure"] == "accuracy"
    assert steps == [
        ("float", "4:4"),
        ("folded", "4:4"),
        ("quantised", "4:4"),
        ("pruned, quantised", "2:4"),
        ("fine-tuned", "2:4"),
    ]
    for row in report["rows"]:
        assert f"{100 * row['correct']:.2f} %" in done.output
        assert row["cycles"] is None or f"{row['cycles']:,}" in done.output
    assert "40 images judged by labels, 256 calibrated on" in done.output


def test_agreement_where_there_are_no_labels() -> None:
    words = ["optimize", "systolic", str(fashion.FLOAT_MODEL), "--bits", "8", "--sparsity", "4:4"]
    done = CliRunner().invoke(cli.app, [*words, "--images", "10", "--calibrator", "percentile"])
    assert "agreement" in done.output and "top-1 of the float network" in done.output


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        (["--bits", "5"], "5 bits are asked for"),
        (["--sparsity", "3:4"], "sparsity is '3:4'"),
        (["--json", "/nowhere/report.json"], "cannot be written"),
        (["--labels", "classes.npy"], "has images of its own"),
    ],
)
def test_bad_input(more: list[str], rule: str) -> None:
    done = CliRunner().invoke(cli.app, [*WORDS, *more])
    assert isinstance(done.exception, BadData) and rule in str(done.exception)
