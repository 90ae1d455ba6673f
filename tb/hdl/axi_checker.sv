// Protocol checker of the AXI4 memory port: both what the accelerator drives and what the memory model answers.
// A broken rule adds one to `failures` and a line "cycle rule" to checks_memory.txt (the first 100).
// Rules on unknown values are for a four-state simulator; unstrobed write bytes may be unknown, for nobody sees them.
`include "rules.svh"
/* verilator lint_off BLKSEQ */
module axi_checker #(
    parameter integer BYTES = 16,
    parameter integer IDS = 4,         // IDs in use are below this
    parameter integer OUTSTANDING = 16 // bursts that may be unanswered in either direction
) (
    input wire clk,
    input wire rst,
    input wire [31:0] cycle,
    output reg [31:0] failures,

    input wire arvalid,
    input wire arready,
    input wire [1:0] arid,
    input wire [31:0] araddr,
    input wire [7:0] arlen,
    input wire [2:0] arsize,
    input wire [1:0] arburst,
    input wire [11:0] aruser,
    input wire rvalid,
    input wire rready,
    input wire [1:0] rid,
    input wire [8*BYTES-1:0] rdata,
    input wire [1:0] rresp,
    input wire rlast,
    input wire awvalid,
    input wire awready,
    input wire [1:0] awid,
    input wire [31:0] awaddr,
    input wire [7:0] awlen,
    input wire [2:0] awsize,
    input wire [1:0] awburst,
    input wire [11:0] awuser,
    input wire wvalid,
    input wire wready,
    input wire [8*BYTES-1:0] wdata,
    input wire [BYTES-1:0] wstrb,
    input wire wlast,
    input wire bvalid,
    input wire bready,
    input wire [1:0] bid,
    input wire [1:0] bresp
);
    localparam [2:0] SIZE = $clog2(BYTES);
    localparam [1:0] INCREMENTING = 1;
    localparam integer DEPTH = 64;

    reg was_reset;
    reg held_ar, held_aw, held_w, held_r, held_b;
    reg [59:0] ar, last_ar, aw, last_aw;
    reg [9*BYTES:0] w, last_w;
    reg [8*BYTES+4:0] r, last_r;
    reg [3:0] b, last_b;
    // In most cycles nothing goes on, and there is nothing to check.
    wire busy = arvalid || awvalid || wvalid || rvalid || bvalid || held_ar || held_aw || held_w || held_r || held_b;

    // Beats still owed by each read burst, a queue for each ID; lengths of write bursts, one queue.
    reg [8:0] read_beats [0:4*DEPTH-1];
    reg [5:0] read_head [0:3];
    reg [6:0] read_count [0:3];
    reg [8:0] write_beats [0:DEPTH-1];
    reg [1:0] write_id [0:DEPTH-1];
    reg [5:0] write_head;
    reg [6:0] write_count;
    reg [6:0] answers [0:3];
    integer reads, writes, checks, id;

    task automatic check_address(input [31:0] address, input [7:0] length, input [2:0] size,
                                 input [1:0] burst, input [1:0] number);
        begin
            if (size != SIZE) `FAIL("address: size is not the width of the port")
            if (burst != INCREMENTING) `FAIL("address: burst is not INCR")
            if ((address & (BYTES - 1)) != 0) `FAIL("address: not aligned to the port")
            if ({20'd0, address[11:0]} + ({24'd0, length} + 1) * BYTES > 4096)
                `FAIL("address: burst crosses a 4 KB boundary")
            if ({30'd0, number} >= IDS) `FAIL("address: ID out of range")
        end
    endtask

    task automatic gather;
        begin
            ar = {arid, araddr, arlen, arsize, arburst, aruser, 1'b0};
            aw = {awid, awaddr, awlen, awsize, awburst, awuser, 1'b0};
            w = {wdata, wstrb, wlast};
            r = {rid, rdata, rresp, rlast};
            b = {bid, bresp};
        end
    endtask

    task automatic check_held;
        begin
            if (held_ar && !arvalid) `FAIL("AR: valid fell before ready")
            if (held_ar && arvalid && ar !== last_ar) `FAIL("AR: payload changed before ready")
            if (held_aw && !awvalid) `FAIL("AW: valid fell before ready")
            if (held_aw && awvalid && aw !== last_aw) `FAIL("AW: payload changed before ready")
            if (held_w && !wvalid) `FAIL("W: valid fell before ready")
            if (held_w && wvalid && w !== last_w) `FAIL("W: payload changed before ready")
            if (held_r && !rvalid) `FAIL("R: valid fell before ready")
            if (held_r && rvalid && r !== last_r) `FAIL("R: payload changed before ready")
            if (held_b && !bvalid) `FAIL("B: valid fell before ready")
            if (held_b && bvalid && b !== last_b) `FAIL("B: payload changed before ready")
        end
    endtask

    task automatic hold;
        begin
            held_ar = arvalid && !arready;
            held_aw = awvalid && !awready;
            held_w = wvalid && !wready;
            held_r = rvalid && !rready;
            held_b = bvalid && !bready;
            if (held_ar) last_ar = ar;
            if (held_aw) last_aw = aw;
            if (held_w) last_w = w;
            if (held_r) last_r = r;
            if (held_b) last_b = b;
        end
    endtask

    task automatic read_address;
        reg [5:0] tail;
        begin
            check_address(araddr, arlen, arsize, arburst, arid);
            tail = read_head[arid] + read_count[arid][5:0];
            read_beats[{arid, tail}] = {1'b0, arlen} + 1;
            read_count[arid] = read_count[arid] + 1;
            reads = reads + 1;
            if (reads > OUTSTANDING) `FAIL("AR: too many reads outstanding")
        end
    endtask

    task automatic read_beat;
        reg [7:0] slot;
        begin
            slot = {rid, read_head[rid]};
            if (read_count[rid] == 0) `FAIL("R: no read of this ID is outstanding")
            else begin
                read_beats[slot] = read_beats[slot] - 1;
                if (rlast != (read_beats[slot] == 0)) `FAIL("R: last is not at the end of the burst")
                if (rlast || read_beats[slot] == 0) begin
                    read_head[rid] = read_head[rid] + 1;
                    read_count[rid] = read_count[rid] - 1;
                    reads = reads - 1;
                end
            end
        end
    endtask

    task automatic write_address;
        reg [5:0] tail;
        begin
            check_address(awaddr, awlen, awsize, awburst, awid);
            tail = write_head + write_count[5:0];
            write_beats[tail] = {1'b0, awlen} + 1;
            write_id[tail] = awid;
            write_count = write_count + 1;
            writes = writes + 1;
            if (writes > OUTSTANDING) `FAIL("AW: too many writes outstanding")
        end
    endtask

    task automatic write_beat;
        if (write_count == 0) `FAIL("W: data without an address")
        else begin
            write_beats[write_head] = write_beats[write_head] - 1;
            if (wlast != (write_beats[write_head] == 0)) `FAIL("W: last is not at the end of the burst")
            if (wlast || write_beats[write_head] == 0) begin
                answers[write_id[write_head]] = answers[write_id[write_head]] + 1;
                write_head = write_head + 1;
                write_count = write_count - 1;
            end
        end
    endtask

    task automatic write_answer;
        if (answers[bid] == 0) `FAIL("B: no write of this ID is finished")
        else begin
            answers[bid] = answers[bid] - 1;
            writes = writes - 1;
        end
    endtask

`ifndef VERILATOR
    task automatic check_unknown;
        integer lane;
        begin
            if (^{arvalid, awvalid, wvalid, rready, bready} === 1'bx) `FAIL("control output is unknown")
            if (arvalid === 1 && ^ar === 1'bx) `FAIL("AR: payload is unknown while valid")
            if (awvalid === 1 && ^aw === 1'bx) `FAIL("AW: payload is unknown while valid")
            if (wvalid === 1 && ^{wstrb, wlast} === 1'bx) `FAIL("W: strobe or last is unknown while valid")
            if (wvalid === 1)
                for (lane = 0; lane < BYTES; lane = lane + 1)
                    if (wstrb[lane] === 1 && ^wdata[8*lane +: 8] === 1'bx)
                        `FAIL("W: a strobed byte is unknown while valid")
        end
    endtask
`endif

    task automatic clear;
        begin
            for (id = 0; id < 4; id = id + 1) begin
                read_head[id] = 0;
                read_count[id] = 0;
                answers[id] = 0;
            end
            write_head = 0;
            write_count = 0;
            reads = 0;
            writes = 0;
            {held_ar, held_aw, held_w, held_r, held_b} = 0;
        end
    endtask

    always @(posedge clk) begin
        if (rst) begin
            if (was_reset && (arvalid !== 0 || awvalid !== 0 || wvalid !== 0)) `FAIL("valid is high in reset")
            clear;
        end else begin
            if (busy) begin
                gather;
                check_held;
                hold;
                if (arvalid && arready) read_address;
                if (rvalid && rready) read_beat;
                if (awvalid && awready) write_address;
                if (wvalid && wready) write_beat;
                if (bvalid && bready) write_answer;
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
        checks = $fopen("checks_memory.txt", "w");
        clear;
    end
endmodule
/* verilator lint_on BLKSEQ */
