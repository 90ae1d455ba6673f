"""How waves of the max-pooling engine are grouped; `given` is the design as it was given."""

from tb.waves import Names, Stage

STATES = [
    "IDLE",
    "HEADER",
    "CHECK",
    "BEGIN",
    "FETCH",
    "COLLECT",
    "JUDGE",
    "LAYER",
    "NEXT",
    "COMPLETE",
    "HALTED",
]
STAGES = (
    Stage("control", ("given.control",)),
    Stage("reader", ("given.reader",)),
    Stage("engine", ("given.engine",)),
    Stage("writer", ("given.writer",)),
)
NAMES: Names = {"given.control.state": dict(enumerate(STATES))}
