// Both protocol checkers and the recorder's region check with every pin in Python's hand; their twins are made here.
`timescale 1ns / 1ps
module checker_bench;
    localparam integer BYTES = 8;
    reg clk = 0;
    always #5 clk = ~clk;
    reg rst = 1;
    reg [31:0] cycle = 0;
    always @(posedge clk) cycle <= cycle + 1;

    reg arvalid = 0, arready = 0, rvalid = 0, rready = 0, rlast = 0;
    reg [1:0] arid = 0, arburst = 1, rid = 0, rresp = 0;
    reg [31:0] araddr = 0;
    reg [7:0] arlen = 0;
    reg [2:0] arsize = 3;
    reg [11:0] aruser = 0;
    reg [8*BYTES-1:0] rdata = 0;
    reg awvalid = 0, awready = 0, wvalid = 0, wready = 0, wlast = 0, bvalid = 0, bready = 0;
    reg [1:0] awid = 0, awburst = 1, bid = 0, bresp = 0;
    reg [31:0] awaddr = 0;
    reg [7:0] awlen = 0;
    reg [2:0] awsize = 3;
    reg [11:0] awuser = 0;
    reg [8*BYTES-1:0] wdata = 0;
    reg [BYTES-1:0] wstrb = 8'hFF;
    wire [31:0] memory_failures, control_failures, region_failures, event_count;

    axi_checker #(.BYTES(BYTES), .IDS(2), .OUTSTANDING(4)) memory_checker (
        .clk(clk), .rst(rst), .cycle(cycle), .failures(memory_failures),
        .arvalid(arvalid), .arready(arready), .arid(arid), .araddr(araddr), .arlen(arlen), .arsize(arsize),
        .arburst(arburst), .aruser(aruser), .rvalid(rvalid), .rready(rready), .rid(rid), .rdata(rdata),
        .rresp(rresp), .rlast(rlast), .awvalid(awvalid), .awready(awready), .awid(awid), .awaddr(awaddr),
        .awlen(awlen), .awsize(awsize), .awburst(awburst), .awuser(awuser), .wvalid(wvalid), .wready(wready),
        .wdata(wdata), .wstrb(wstrb), .wlast(wlast), .bvalid(bvalid), .bready(bready), .bid(bid), .bresp(bresp)
    );

    // The control port shares the pins of the memory port; both are never driven in one test.
    reg lite = 0;
    reg irq = 0;
    lite_checker control_checker (
        .clk(clk), .rst(rst || !lite), .cycle(cycle), .failures(control_failures), .irq(irq),
        .awvalid(awvalid), .awready(awready), .awaddr(awaddr[11:0]), .wvalid(wvalid), .wready(wready),
        .wdata(wdata[31:0]), .wstrb(wstrb[3:0]), .bvalid(bvalid), .bready(bready), .bresp(bresp),
        .arvalid(arvalid), .arready(arready), .araddr(araddr[11:0]), .rvalid(rvalid), .rready(rready),
        .rdata(rdata[31:0]), .rresp(rresp)
    );

    reg record_taps = 1;
    reg [1:0] event_valid = 0;
    reg [1:0] tap_valid = 0;
    reg [7:0] tap_lanes = 2;
    reg [31:0] tap_data = 0;
    reg command_toggle = 0;
    reg [7:0] command = 0;
    reg [31:0] command_index = 1, command_length = 0;
    // Two event lanes, and two taps of two lanes of 16 bits each.
    recorder #(.BYTES(BYTES), .EVENT_LANES(2), .TAPS(2), .TAP_BYTES(4), .TAP_LANE_BITS(16)) recorder (
        .clk(clk), .rst(rst), .cycle(cycle), .record_taps(record_taps), .event_count(event_count), .failures(region_failures),
        .command_toggle(command_toggle), .command(command), .command_index(command_index),
        .command_length(command_length),
        .event_valid(event_valid), .event_layer({12'd4, 12'd3}), .event_image({2{16'd1}}), .counters({576'd11, 576'd7}),
        .tap_valid(tap_valid), .tap_lanes({8'd2, tap_lanes}), .tap_layer({12'd4, 12'd3}), .tap_image({2{16'd1}}),
        .tap_address({32'd128, 32'd64}), .tap_tag({2{24'd9}}), .tap_data({32'h44332211, tap_data}),
        .arvalid(arvalid), .arready(arready), .arlen(arlen), .aruser(aruser), .awvalid(awvalid), .awready(awready),
        .awid(awid), .awaddr(awaddr), .awuser(awuser), .wvalid(wvalid), .wready(wready), .wdata(wdata),
        .wstrb(wstrb), .wlast(wlast)
    );
endmodule
