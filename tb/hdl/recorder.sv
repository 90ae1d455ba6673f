// Writes down what the accelerator shows of itself, and checks that it writes only where it may.
//
// taps.bin: one record a tap and cycle: [lanes | tap << 8 | layer << 16], cycle, address, tag, image, then the data.
//   Only from the cycle after `record_taps` was set. A tap is cut into lanes of TAP_LANE_BITS bits, of which the first
//   `lanes` mean something.
// events.bin: one record a layer end: [lane | layer << 16], cycle, image, 0, then the 18 words of the lane's counters.
// writes.bin: one record a write beat with a strobe: [layer | id << 16], cycle, address, strobe (64 bits), the data.
// traffic.bin (on command): bytes read, then bytes written, of each of the 4096 layer tags.
// All words are 32 bits, little endian; records of one cycle stand in any order. `event_count` changes when
// there are new events, and the files are flushed then.
//
// Regions: records of regions.bin (on command): layer (0xFFFF: any), first byte, last byte. A strobed byte outside
// every region of its layer is a failure, told in checks_regions.txt.
`include "rules.svh"
/* verilator lint_off BLKSEQ */
module recorder #(
    parameter integer BYTES = 16,
    parameter integer EVENT_LANES = 1,
    parameter integer TAPS = 2,
    parameter integer TAP_BYTES = 16,
    parameter integer TAP_LANE_BITS = 8,
    parameter integer REGIONS = 4096,
    parameter integer COUNTER_BITS = 576
) (
    input wire clk,
    input wire rst,
    input wire [31:0] cycle,
    input wire record_taps,
    output reg [31:0] event_count,
    output reg [31:0] failures,

    input wire command_toggle,
    input wire [7:0] command,
    input wire [31:0] command_index,
    input wire [31:0] command_length,

    input wire [EVENT_LANES-1:0] event_valid,
    input wire [12*EVENT_LANES-1:0] event_layer,
    input wire [16*EVENT_LANES-1:0] event_image,
    input wire [COUNTER_BITS*EVENT_LANES-1:0] counters,
    input wire [TAPS-1:0] tap_valid,
    input wire [8*TAPS-1:0] tap_lanes,
    input wire [12*TAPS-1:0] tap_layer,
    input wire [16*TAPS-1:0] tap_image,
    input wire [32*TAPS-1:0] tap_address,
    input wire [24*TAPS-1:0] tap_tag,
    input wire [8*TAP_BYTES*TAPS-1:0] tap_data,

    input wire arvalid,
    input wire arready,
    input wire [7:0] arlen,
    input wire [11:0] aruser,
    input wire awvalid,
    input wire awready,
    input wire [1:0] awid,
    input wire [31:0] awaddr,
    input wire [11:0] awuser,
    input wire wvalid,
    input wire wready,
    input wire [8*BYTES-1:0] wdata,
    input wire [BYTES-1:0] wstrb,
    input wire wlast
);
    localparam [7:0] LOAD_REGIONS = 4, DUMP_TRAFFIC = 5, FLUSH = 6;
    localparam integer DEPTH = 64;

    reg [95:0] regions [0:REGIONS-1];
    reg [31:0] region_count;
    reg [31:0] bytes_read [0:4095];
    reg [31:0] bytes_written [0:4095];

    reg [31:0] write_address [0:DEPTH-1];
    reg [11:0] write_layer [0:DEPTH-1];
    reg [1:0] write_id [0:DEPTH-1];
    reg [5:0] write_head, write_tail;
    wire [63:0] strobe = {{64{1'b0}}} | wstrb;
    integer taps, events, writes, checks, lane;

    task automatic load_regions;
        integer file, got;
        begin
            file = $fopen($sformatf("regions_%0d.bin", command_index), "rb");
            got = $fread(regions, file, 0, command_length);
            $fclose(file);
            region_count = got / 12;
        end
    endtask

    task automatic dump_traffic;
        integer file, layer;
        begin
            file = $fopen("traffic.bin", "wb");
            for (layer = 0; layer < 4096; layer = layer + 1) $fwrite(file, "%u", bytes_read[layer]);
            for (layer = 0; layer < 4096; layer = layer + 1) $fwrite(file, "%u", bytes_written[layer]);
            $fclose(file);
        end
    endtask

    task automatic flush;
        begin
            $fflush(taps);
            $fflush(events);
            $fflush(writes);
        end
    endtask

    always @(command_toggle)
        case (command)
            LOAD_REGIONS: load_regions;
            DUMP_TRAFFIC: dump_traffic;
            FLUSH: flush;
            default: ;
        endcase

    // In a register, for Verilator computes what depends on the host's signals again and again.
    reg recording = 0;
    always @(posedge clk) recording <= record_taps && !rst;

`ifndef VERILATOR
    task automatic check_unknown;
        integer tap;
        begin
            if (^{tap_valid, event_valid} === 1'bx) `FAIL_AT("observation valid is unknown", 0, 0)
            if (recording && |tap_valid)
              for (tap = 0; tap < TAPS; tap = tap + 1)
                if (tap_valid[tap] === 1)
                    for (lane = 0; lane < tap_lanes[8*tap +: 8]; lane = lane + 1)
                        if (^tap_data[8*TAP_BYTES*tap + TAP_LANE_BITS*lane +: TAP_LANE_BITS] === 1'bx)
                            `FAIL_AT("observed lane is unknown", tap_address[32*tap +: 32], tap_layer[12*tap +: 12])
        end
    endtask
`endif

    function automatic allowed(input [31:0] first, input [31:0] last, input [11:0] layer);
        integer index;
        begin
            allowed = 0;
            for (index = 0; index < region_count; index = index + 1)
                if ((regions[index][95:64] == 32'hFFFF || regions[index][95:64] == {20'd0, layer})
                        && first >= regions[index][63:32] && last <= regions[index][31:0]) allowed = 1;
        end
    endfunction

    task automatic record_write;
        integer first, last;
        reg [31:0] address;
        reg [11:0] layer;
        begin
            address = write_address[write_head];
            layer = write_layer[write_head];
            first = -1;
            last = 0;
            for (lane = 0; lane < BYTES; lane = lane + 1)
                if (wstrb[lane]) begin
                    if (first < 0) first = lane;
                    last = lane;
                    bytes_written[layer] = bytes_written[layer] + 1;
                end
            if (!allowed(address + first, address + last, layer))
                `FAIL_AT("write outside the layer's regions", address + first, layer)
            $fwrite(writes, "%u", {
                wdata, strobe, address, cycle, 14'd0, write_id[write_head], 4'd0, layer
            });
        end
    endtask

    task automatic follow_writes;
        begin
            if (awvalid && awready) begin
                write_address[write_tail] = awaddr;
                write_layer[write_tail] = awuser;
                write_id[write_tail] = awid;
                write_tail = write_tail + 1;
            end
            if (wvalid && wready) begin
                if (wstrb != 0) record_write;
                write_address[write_head] = write_address[write_head] + BYTES;
                if (wlast) write_head = write_head + 1;
            end
        end
    endtask

    task automatic clear;
        begin
            write_head = 0;
            write_tail = 0;
        end
    endtask

    // By wires of its own each: of one wire with all taps Verilator makes a new copy in every cycle.
    genvar tap, ended;
    generate
        for (tap = 0; tap < TAPS; tap = tap + 1) begin : g_tap
            wire [8*TAP_BYTES-1:0] data = tap_data[8*TAP_BYTES*tap +: 8*TAP_BYTES];
            wire [31:0] address = tap_address[32*tap +: 32];
            wire [23:0] tag = tap_tag[24*tap +: 24];
            wire [15:0] image = tap_image[16*tap +: 16];
            wire [11:0] layer = tap_layer[12*tap +: 12];
            wire [7:0] number = tap, lanes = tap_lanes[8*tap +: 8];
            always @(posedge clk)
                if (recording && tap_valid[tap])
                    $fwrite(taps, "%u", {data, 16'd0, image, 8'd0, tag, address, cycle, 4'd0, layer, number, lanes});
        end
        for (ended = 0; ended < EVENT_LANES; ended = ended + 1) begin : g_event
            wire [COUNTER_BITS-1:0] counts = counters[COUNTER_BITS*ended +: COUNTER_BITS];
            wire [15:0] image = event_image[16*ended +: 16];
            wire [11:0] layer = event_layer[12*ended +: 12];
            wire [15:0] number = ended;
            always @(posedge clk)
                if (event_valid[ended] && !rst)
                    $fwrite(events, "%u", {counts, 48'd0, image, cycle, 4'd0, layer, number});
        end
    endgenerate

    always @(event_count) flush; // all that was shown with the new events has been written by then

    integer number;
    always @(posedge clk)
        if (rst) clear;
        else begin
            if (arvalid && arready)
                bytes_read[aruser] = bytes_read[aruser] + ({24'd0, arlen} + 1) * BYTES;
            follow_writes;
`ifndef VERILATOR
            check_unknown;
`endif
            if (|event_valid) event_count <= event_count + 1;
        end

    initial begin
        taps = $fopen("taps.bin", "wb");
        events = $fopen("events.bin", "wb");
        writes = $fopen("writes.bin", "wb");
        checks = $fopen("checks_regions.txt", "w");
        failures = 0;
        event_count = 0;
        region_count = 0;
        clear;
        for (number = 0; number < 4096; number = number + 1) begin
            bytes_read[number] = 0;
            bytes_written[number] = 0;
        end
    end
endmodule
/* verilator lint_on BLKSEQ */
