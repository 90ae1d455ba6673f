// How a checker tells a broken rule: one more in `failures`, and a line in `checks` (the first 100).
// Macros, for the arguments of a task would be cleared in every cycle.
`ifndef RULES_SVH
`define RULES_SVH

`define TELL(LINE) \
    begin \
        failures = failures + 1; \
        if (failures <= 100) begin \
            $fdisplay LINE; \
            $fflush(checks); \
        end \
    end

`define FAIL(RULE) `TELL((checks, "%0d %0s", cycle, RULE))
`define FAIL_AT(RULE, ADDRESS, LAYER) \
    `TELL((checks, "%0d layer %0d address 0x%08x: %0s", cycle, LAYER, ADDRESS, RULE))

`endif
