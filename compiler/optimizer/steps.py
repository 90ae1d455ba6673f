"""The steps of the report: float, folded, quantised by each calibrator, pruned, fine-tuned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compiler.accuracy import predictions
from compiler.errors import BadData
from compiler.images import as_integers
from compiler.network import input_quantisation
from compiler.networks.spec import BIT_WIDTHS, DENSE, SPARSITIES
from compiler.optimizer.cycles import Prediction, Predictor
from compiler.optimizer.subject import Subject
from compiler.passes import quantised
from compiler.passes.calibrate import CALIBRATORS, calibrate, check_calibrator
from compiler.passes.prune import prune
from compiler.passes.widths import END_BITS
from golden.ir import Graph

Classes = npt.NDArray[np.int64]
STATED = "stated"
"""In place of the calibrator: ranges, bits and integers are those of a QONNX file."""


@dataclass(frozen=True)
class Plan:
    """Which steps to take. Pruned networks have the narrowest of the bits, and the calibrator that did best
    without pruning. Raises BadData for what there is not."""

    bits: tuple[int, ...] = BIT_WIDTHS
    sparsities: tuple[str, ...] = tuple(SPARSITIES)
    calibrators: tuple[str, ...] = CALIBRATORS
    end_weights: int = END_BITS

    def __post_init__(self) -> None:
        for width in (*self.bits, self.end_weights):
            if width not in BIT_WIDTHS:
                raise BadData(f"{width} bits are asked for, must be 8 or 4")
        for sparsity in self.sparsities:
            if sparsity not in SPARSITIES:
                raise BadData(f"sparsity is '{sparsity}', must be {', '.join(SPARSITIES)}")
        for calibrator in self.calibrators:
            check_calibrator(calibrator)


@dataclass(frozen=True)
class Row:
    """One network of the report. bits: 0 for float; of a QONNX file, those where it states none.

    correct: share of the images, 0 to 1, whose class is the label's, or else the float network's.
    cycles: of one image, None for float."""

    step: str
    bits: int
    sparsity: str
    calibrator: str
    correct: float
    cycles: Prediction | None = None


def rows(subject: Subject, plan: Plan, predict: Predictor) -> Iterator[Row]:
    """The rows of the report, each as soon as it is known."""
    judge = _Judge(subject, predict)
    yield judge.floating("float", subject.read)
    if subject.folded is not subject.read:
        yield judge.floating("folded", subject.folded)
    if subject.prescribed.bits:
        plan = Plan(plan.bits[:1], plan.sparsities, (plan.calibrators[0],), plan.end_weights)
    best = plan.calibrators[0]
    for bits in plan.bits:
        dense = [judge.row(plan, bits, DENSE, calibrator) for calibrator in plan.calibrators]
        yield from dense
        best = plan.calibrators[int(np.argmax([row.correct for row in dense]))]
    for sparsity in plan.sparsities:
        if sparsity != DENSE:
            yield judge.row(plan, plan.bits[-1], sparsity, best)
    for sparsity in plan.sparsities:
        if sparsity in subject.tuned and 4 in plan.bits:
            yield judge.tuned(sparsity, subject.tuned[sparsity])


class _Judge:
    """Makes networks of a subject, counts right classes and asks for cycles."""

    def __init__(self, subject: Subject, predict: Predictor) -> None:
        self._subject = subject
        self._predict = predict
        self._cycles: dict[tuple[int, str], Prediction] = {}
        self._right: Classes | None = None

    def floating(self, step: str, graph: Graph) -> Row:
        found = predictions(graph, self._subject.images.judging)
        if self._right is None:
            labels = self._subject.images.labels
            self._right = found if labels is None else labels.astype(np.int64)
        return Row(step, 0, DENSE, "", float(np.mean(found == self._right)))

    def row(self, plan: Plan, bits: int, sparsity: str, calibrator: str) -> Row:
        """Quantised to bits, pruned by magnitude before."""
        graph = self._quantised(bits, sparsity, calibrator, plan.end_weights)
        # Ranges change no cycles, so that one prediction holds for every calibrator.
        if (bits, sparsity) not in self._cycles:
            self._cycles[bits, sparsity] = self._predict(graph)
        step = "quantised" if sparsity == DENSE else "pruned, quantised"
        how = STATED if self._subject.prescribed.bits else calibrator
        return Row(step, bits, sparsity, how, self._correct(graph), self._cycles[bits, sparsity])

    def tuned(self, sparsity: str, graph: Graph) -> Row:
        """Fine-tuned for 4 bits and a sparsity; its ranges were learnt with it."""
        return Row("fine-tuned", 4, sparsity, "trained", self._correct(graph), self._predict(graph))

    def _quantised(self, bits: int, sparsity: str, calibrator: str, end_weights: int) -> Graph:
        subject, images = self._subject, self._subject.images
        graph = prune(subject.folded, SPARSITIES[sparsity])
        ranges = calibrate(graph, images.calibration, calibrator, bits)
        if images.input_range is not None:
            ranges[graph.inputs[0]] = images.input_range
        ends = end_weights if bits == 4 else END_BITS
        return quantised(graph, ranges | dict(subject.ranges), bits, ends, subject.prescribed)

    def _correct(self, graph: Graph) -> float:
        images = as_integers(self._subject.images.judging, input_quantisation(graph), graph.name)
        return float(np.mean(predictions(graph, images) == self._right))
