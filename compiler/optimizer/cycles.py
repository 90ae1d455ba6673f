"""Predicted cycles of a quantised graph on a configuration, by the variant's own estimator."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from compiler.api import config_of
from compiler.errors import AssayError
from golden.ir import Graph

Predictor = Callable[[Graph], "Prediction"]


class Prediction(int):
    """Cycles of one image. reason: why there are none (then 0), '' otherwise."""

    reason: str = ""


def predictor(variant: str, config: str) -> Predictor:
    """What predicts the cycles of one image: `predict(graph, config)` of the variant's back end, or else the
    estimate of its program. Raises UnknownName for an unknown variant or configuration."""
    size, back_end = config_of(variant, config), import_module(f"compiler.{variant}")

    def predict(graph: Graph) -> Prediction:
        try:
            if hasattr(back_end, "predict"):
                return Prediction(back_end.predict(graph, size))
            estimate = import_module(f"compiler.{variant}.estimate")
            return Prediction(sum(estimate.cycles(back_end.compile_graph(graph, size))))
        except AssayError as error:
            return _none(str(error))

    if not hasattr(back_end, "predict") and find_spec(f"compiler.{variant}.estimate") is None:
        return lambda graph: _none(f"{variant} has no estimator of cycles")
    return predict


def _none(reason: str) -> Prediction:
    missing = Prediction(0)
    missing.reason = reason
    return missing
