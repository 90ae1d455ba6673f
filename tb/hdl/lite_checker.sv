// Protocol checker of the AXI4-Lite control port: what the accelerator drives, and what the host drives.
// A broken rule adds one to `failures` and a line "cycle rule" to checks_control.txt (the first 100).
`include "rules.svh"
/* verilator lint_off BLKSEQ */
module lite_checker (
    input wire clk,
    input wire rst,
    input wire [31:0] cycle,
    output reg [31:0] failures,
    input wire irq,

    input wire awvalid,
    input wire awready,
    input wire [11:0] awaddr,
    input wire wvalid,
    input wire wready,
    input wire [31:0] wdata,
    input wire [3:0] wstrb,
    input wire bvalid,
    input wire bready,
    input wire [1:0] bresp,
    input wire arvalid,
    input wire arready,
    input wire [11:0] araddr,
    input wire rvalid,
    input wire rready,
    input wire [31:0] rdata,
    input wire [1:0] rresp
);
    localparam [1:0] EXCLUSIVE_OKAY = 1;
    localparam integer PATIENCE = 1000; // cycles in which a control access must be answered

    reg was_reset;
    reg held_aw, held_w, held_b, held_ar, held_r;
    reg [11:0] last_aw, last_ar;
    reg [35:0] last_w;
    reg [1:0] last_b;
    reg [33:0] last_r;
    integer addresses, beats, reads, waiting, checks;
    // In most cycles nothing goes on, and there is nothing to check.
    wire busy = awvalid || wvalid || bvalid || arvalid || rvalid || held_aw || held_w || held_b || held_ar || held_r
                || addresses > 0 || reads > 0 || waiting != 0;

    task automatic check_held;
        begin
            if (held_aw && (!awvalid || awaddr !== last_aw)) `FAIL("AW: valid or payload changed before ready")
            if (held_w && (!wvalid || {wdata, wstrb} !== last_w)) `FAIL("W: valid or payload changed before ready")
            if (held_b && !bvalid) `FAIL("B: valid fell before ready")
            if (held_b && bvalid && bresp !== last_b) `FAIL("B: payload changed before ready")
            if (held_ar && (!arvalid || araddr !== last_ar)) `FAIL("AR: valid or payload changed before ready")
            if (held_r && !rvalid) `FAIL("R: valid fell before ready")
            if (held_r && rvalid && {rdata, rresp} !== last_r) `FAIL("R: payload changed before ready")
        end
    endtask

    task automatic hold;
        begin
            held_aw = awvalid && !awready;
            held_w = wvalid && !wready;
            held_b = bvalid && !bready;
            held_ar = arvalid && !arready;
            held_r = rvalid && !rready;
            if (held_aw) last_aw = awaddr;
            if (held_w) last_w = {wdata, wstrb};
            if (held_b) last_b = bresp;
            if (held_ar) last_ar = araddr;
            if (held_r) last_r = {rdata, rresp};
        end
    endtask

    // An answer is due once address and data are taken; counting after it forbids an answer in the cycle before.
    task automatic check_answers;
        begin
            if (bvalid && (addresses <= 0 || beats <= 0)) `FAIL("B: answer without a write")
            if (rvalid && reads <= 0) `FAIL("R: answer without a read")
            if (bvalid && bresp == EXCLUSIVE_OKAY) `FAIL("B: EXOKAY is not a response of AXI4-Lite")
            if (rvalid && rresp == EXCLUSIVE_OKAY) `FAIL("R: EXOKAY is not a response of AXI4-Lite")
            if (bvalid && bready) begin
                addresses = addresses - 1;
                beats = beats - 1;
            end
            if (rvalid && rready) reads = reads - 1;
            if (awvalid && awready) addresses = addresses + 1;
            if (wvalid && wready) beats = beats + 1;
            if (arvalid && arready) reads = reads + 1;
        end
    endtask

    task automatic check_patience;
        begin
            waiting = (awvalid || wvalid || arvalid || addresses > 0 || reads > 0)
                      && !(bvalid || rvalid) ? waiting + 1 : 0;
            if (waiting == PATIENCE) `FAIL("no answer")
        end
    endtask

`ifndef VERILATOR
    task automatic check_unknown;
        begin
            if (^{awready, wready, bvalid, arready, rvalid, irq} === 1'bx) `FAIL("control output is unknown")
            if (bvalid === 1 && ^bresp === 1'bx) `FAIL("B: payload is unknown while valid")
            if (rvalid === 1 && ^{rdata, rresp} === 1'bx) `FAIL("R: payload is unknown while valid")
        end
    endtask
`endif

    task automatic clear;
        begin
            {held_aw, held_w, held_b, held_ar, held_r} = 0;
            addresses = 0;
            beats = 0;
            reads = 0;
            waiting = 0;
        end
    endtask

    always @(posedge clk) begin
        if (rst) begin
            if (was_reset && (bvalid !== 0 || rvalid !== 0)) `FAIL("valid is high in reset")
            clear;
        end else begin
            if (busy) begin
                check_held;
                hold;
                check_answers;
                check_patience;
            end
`ifndef VERILATOR
            check_unknown;
`endif
        end
        was_reset = rst;
    end

    initial begin
        failures = 0;
        was_reset = 0;
        checks = $fopen("checks_control.txt", "w");
        clear;
    end
endmodule
/* verilator lint_on BLKSEQ */
