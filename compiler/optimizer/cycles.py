"""Predicted cycles of a quantised graph on a configuration, by the variant's own estimator."""

from __future__ import annotations

from collections.abc import Callable

from compiler.api import config_of
from compiler.errors import AssayError
from golden.ir import Graph
from rtl.variants import optional_part, part

Predictor = Callable[[Graph], "Prediction"]


class Prediction(int):
    """Cycles of one image. reason: why there are none (then 0), '' otherwise."""

    reason: str = ""


def predictor(variant: str, config: str) -> Predictor:
    """What predicts the cycles of one image: `predict(graph, config)` of the variant's back end, or else the
    estimate of its program. Raises UnknownName for an unknown variant or configuration."""
    size, back_end = config_of(variant, config), part(variant, "compiler")
    estimate = optional_part(variant, "estimate")

    def predict(graph: Graph) -> Prediction:
        try:
            if hasattr(back_end, "predict"):
                return Prediction(back_end.predict(graph, size))
            assert estimate is not None
            return Prediction(sum(estimate.cycles(back_end.compile_graph(graph, size))))
        except AssayError as error:
            return _none(str(error))

    if not hasattr(back_end, "predict") and estimate is None:
        return lambda graph: _none(f"{variant} has no estimator of cycles")
    return predict


def _none(reason: str) -> Prediction:
    missing = Prediction(0)
    missing.reason = reason
    return missing
