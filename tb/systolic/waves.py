"""How waves of the systolic array are grouped: instructions, then every unit in the order of the data."""

from rtl.lib.states import CONTROL
from rtl.systolic.isa import Opcode, PoolKind
from tb.waves import Names, Stage, names_of

STAGES = (
    Stage("instructions", ("middle.dispatcher",)),
    Stage("tokens", ("middle.token_counters",)),
    Stage("load", ("middle.load_unit",)),
    Stage("weights", ("middle.weight_fifo", "middle.array_unit.loading")),
    Stage("scratchpad", ("middle.memory",)),
    Stage("array: walk", ("middle.array_unit.issuing", "middle.array_unit.walking")),
    Stage("array: operands", ("middle.array_unit.feeding",)),
    Stage("array: elements", ("middle.array_unit.multiplying",)),
    Stage("array: accumulators", ("middle.array_unit.adding_0", "middle.array_unit.finishing")),
    Stage("post: walk", ("middle.post_unit_issuing", "middle.post_unit_walking")),
    Stage("post: lane 0", ("middle.post_unit_lanes_0", "middle.post_unit_lanes_0.*")),
    Stage("post: results", ("middle.post_unit_finishing", "middle.post_unit_marking")),
    Stage("store", ("middle.store_unit",)),
)
NAMES: Names = {
    "outside.sequence_*.now": dict(enumerate(CONTROL)),
    "middle*.opcode": names_of(Opcode),
    "middle.load_unit.taking.kind": names_of(Opcode),
    "middle.post_unit*_pool": names_of(PoolKind),
}
# The elements and the lanes beside the first one.
DEEP = ("middle.array_unit.multiplying", "middle.post_unit_lanes_[!0]*", "middle.array_unit.adding_[!0]*")
