"""How waves of the BCNN pipeline are grouped: of the layer that is looked at, its engine from map to map."""

from rtl.lib.states import LOADING
from tb.waves import Names, Stage

ENGINE = "middle.working_stages_{layer}"
LAST = "middle.working_scoring"  # the engine of the last layer
STAGES = (
    Stage("pixels", ("middle.reading", "middle.feeding")),
    Stage("turns of maps", (f"{ENGINE}.summing_turning", f"{LAST}.summing_turning")),
    Stage("walk", (f"{ENGINE}.summing_walking", f"{LAST}.summing_walking")),
    Stage("map memory", (f"{ENGINE}.summing_memory*", f"{LAST}.summing_memory*")),
    Stage("weights", (f"{ENGINE}.summing_loading", f"{LAST}.summing_loading")),
    Stage("window", (f"{ENGINE}.summing_cutting*", f"{ENGINE}.summing_summing_looking*")),
    Stage("lanes", (f"{ENGINE}.summing_summing_lanes_0*", f"{LAST}.summing_summing_lanes_0*")),
    Stage("thresholds", (f"{ENGINE}.collecting*",)),
    Stage("pool", (f"{ENGINE}.pooling",)),
    Stage("next map", (f"{ENGINE}.placing",)),
    Stage("tap", (f"{ENGINE}.showing*",)),
    Stage("scores", (LAST,)),
)
NAMES: Names = {"outside.sequence_*.now": dict(enumerate(LOADING))}
DEEP = ()
