"""Simulators behind one small Protocol: `find(name)` gives Icarus, Verilator or the fake one that tests use.

This package imports nothing else of the project, so that every layer's tests may start a simulation.
"""

from regress.simulators.base import Build, BuildError, Outcome, Run, Simulator, SimulatorError
from regress.simulators.fake import Fake
from regress.simulators.icarus import Icarus
from regress.simulators.verilator import Verilator

SIMULATORS: dict[str, type[Simulator]] = {"icarus": Icarus, "verilator": Verilator, "fake": Fake}


def find(name: str) -> Simulator:
    """The simulator of that name; whether this machine has it is `available()`'s to say."""
    if name not in SIMULATORS:
        raise SimulatorError(f"simulator {name!r} is unknown; choose one of {', '.join(SIMULATORS)}")
    return SIMULATORS[name]()


__all__ = ["SIMULATORS", "Build", "BuildError", "Outcome", "Run", "Simulator", "SimulatorError", "find"]
