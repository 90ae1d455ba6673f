"""How waves of the fully connected engine are grouped, in the order of the data."""

from fc.isa import Opcode

from tb.waves import Names, Stage, names_of

STAGES = (
    Stage("instruction", ("middle.sequencing", "middle.checking")),
    Stage("words", ("middle.sorting",)),
    Stage("products", ("middle.multiplication",)),
    Stage("results", ("middle.finishing", "middle.packing")),
)
NAMES: Names = {"middle.sequencing.opcode": names_of(Opcode)}
