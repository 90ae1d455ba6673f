"""What `assay optimize` does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from compiler.optimizer import Plan, predictor, rows, subject
from compiler.passes.calibrate import CALIBRATORS
from regress.console import print_lines
from regress.network import check_output, write_json
from regress.report.optimizer import as_json, footnotes, optimizer_table


@dataclass(frozen=True)
class Data:
    """Files of the user's; '' where there are none. count: images to judge by."""

    calibration: str = ""
    images: str = ""
    labels: str = ""
    count: int | None = None


def plan(bits: int | None, sparsity: str, calibrator: str, end_weights: int) -> Plan:
    """All steps, or those of the given bits, sparsity and calibrator alone. Raises BadData."""
    return Plan(
        bits=(bits,) if bits else Plan.bits,
        sparsities=(sparsity,) if sparsity else Plan.sparsities,
        calibrators=(calibrator,) if calibrator else CALIBRATORS,
        end_weights=end_weights,
    )


def optimize(
    variant: str, network: str, config: str, chosen: Plan, data: Data, console: Console, output: str
) -> None:
    """Print the report, and write it to the file `output` unless that is ''. Raises AssayError."""
    if output:
        check_output(Path(output))
    predict = predictor(variant, config)
    given = subject(network, data.calibration, data.images, data.labels, data.count)
    found = tuple(rows(given, chosen, predict))
    console.print(optimizer_table(given, found, f"{given.name} for {variant} {config}"))
    print_lines(console, footnotes(given, found))
    if output:
        write_json(as_json(given, found), Path(output))
