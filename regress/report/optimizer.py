"""The table of `assay optimize`: a row a step, what it cost in accuracy and gained in predicted cycles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from compiler.optimizer import Row, Subject
from compiler.optimizer.steps import STATED


def measure(subject: Subject) -> str:
    """What the share of a row is of: right classes, or those of the float network."""
    return "agreement" if subject.images.labels is None else "accuracy"


def optimizer_table(subject: Subject, rows: Sequence[Row], title: str) -> Table:
    """cost: points below float; gain: how many times fewer cycles than the first quantised row."""
    table = Table("step", title=title)
    for column in ("bits", "weights", "calibrator", measure(subject), "cost", "cycles", "gain"):
        table.add_column(column, justify="right")
    first = next((int(row.cycles) for row in rows if row.cycles), 0)
    for row in rows:
        table.add_row(*_cells(row, rows[0].correct, first))
    return table


def _cells(row: Row, exact: float, first: int) -> Iterator[str]:
    yield row.step
    yield "file's" if row.calibrator == STATED else str(row.bits) if row.bits else "float"
    yield row.sparsity
    yield row.calibrator
    yield f"{100 * row.correct:.2f} %"
    yield f"{100 * (exact - row.correct):+.2f}"
    yield f"{row.cycles:,}" if row.cycles else ""
    yield f"{first / row.cycles:.2f}" if row.cycles else ""


def footnotes(subject: Subject, rows: Sequence[Row]) -> Iterator[str]:
    """How many images judged and calibrated, and why cycles are missing."""
    images = subject.images
    judged = "labels" if images.labels is not None else "top-1 of the float network"
    yield f"{len(images.judging)} images judged by {judged}, {len(images.calibration)} calibrated on"
    for reason in dict.fromkeys(row.cycles.reason for row in rows if row.cycles is not None):
        if reason:
            yield f"no cycles: {reason}"


def as_json(subject: Subject, rows: Sequence[Row]) -> dict[str, Any]:
    """The same as plain data."""
    listed = [
        {**vars(row), "cycles": int(row.cycles) if row.cycles else None, "correct": row.correct}
        for row in rows
    ]
    return {"network": subject.name, "measure": measure(subject), "rows": listed}
