// In which cycles waves are recorded: from +trace_first= up to and with +trace_last=, in all without.
module trace_window (
    input wire [31:0] cycle,
    output wire tracing
);
`ifdef ASSAY_TRACED
    reg [31:0] first, last;
    assign tracing = cycle >= first && cycle <= last;

    initial begin
        if (!$value$plusargs("trace_first=%d", first)) first = 0;
        if (!$value$plusargs("trace_last=%d", last)) last = 32'hFFFFFFFF;
    end

`ifndef VERILATOR
    // A simulation may begin without waves, for which it then has no file.
    reg waves;
    initial waves = $test$plusargs("dumpfile_path");
    always @(tracing) if (waves) begin
        if (tracing) $dumpon;
        else $dumpoff;
    end
`endif
`else
    assign tracing = 0;
`endif
endmodule
