// The bench around any accelerator: clock, memory, checkers, recorder. The accelerator's module name is the macro
// ASSAY_DUT; its widths are the parameters. Python sees only `control`.
`timescale 1ns / 1ps
module tb_top #(
    parameter integer BYTES = 16,
    parameter integer WORDS = 1048576,
    parameter integer EVENT_LANES = 1,
    parameter integer TAPS = 2,
    parameter integer TAP_BYTES = 16,
    parameter integer TAP_LANE_BITS = 8
)
`ifdef VERILATOR
(
    input wire clk, // which regress/simulators/verilator_main.cpp drives
    output wire tracing // whether it records waves
);
`else
();
    wire tracing;
    reg clk = 0;
    always #5 clk = ~clk;
`endif

    reg [31:0] cycle = 0;
    always @(posedge clk) cycle <= control.rst ? 0 : cycle + 1;

    wire rst = control.rst;
    wire irq;

    trace_window window (.cycle(cycle), .tracing(tracing));

    wire awready, wready, bvalid, arready, rvalid;
    wire [1:0] bresp, rresp;
    wire [31:0] rdata;

    // The host's driver takes every answer at once, so answers are held back here, on both sides alike.
    reg [31:0] throttle = 32'd1;
    wire hold = throttle[7:0] < control.ctrl_stall;
    always @(posedge clk)
        throttle <= rst ? control.seed[31:0] | 1 : {throttle[30:0], throttle[31] ^ throttle[21] ^ throttle[1] ^ throttle[0]};
    wire bready = control.ctrl_bready && !hold;
    wire rready = control.ctrl_rready && !hold;

    // The host's driver looks at WREADY after the edge that took the data.
    reg wready_taken = 0;
    always @(posedge clk) wready_taken <= wready;

    wire [31:0] event_count, memory_failures, control_failures, region_failures;

    tb_control control (
        .ctrl_clk(!clk), .cycle(cycle), .irq(irq), .event_count(event_count),
        .memory_failures(memory_failures), .control_failures(control_failures), .region_failures(region_failures),
        .ctrl_awready(awready), .ctrl_wready(wready_taken), .ctrl_bvalid(bvalid && !hold), .ctrl_bresp(bresp),
        .ctrl_arready(arready), .ctrl_rvalid(rvalid && !hold), .ctrl_rdata(rdata), .ctrl_rresp(rresp)
    );

    wire mem_arvalid, mem_arready, mem_rvalid, mem_rready, mem_rlast;
    wire [1:0] mem_arid, mem_arburst, mem_rid, mem_rresp;
    wire [31:0] mem_araddr;
    wire [7:0] mem_arlen;
    wire [2:0] mem_arsize;
    wire [11:0] mem_aruser;
    wire [8*BYTES-1:0] mem_rdata;
    wire mem_awvalid, mem_awready, mem_wvalid, mem_wready, mem_wlast, mem_bvalid, mem_bready;
    wire [1:0] mem_awid, mem_awburst, mem_bid, mem_bresp;
    wire [31:0] mem_awaddr;
    wire [7:0] mem_awlen;
    wire [2:0] mem_awsize;
    wire [11:0] mem_awuser;
    wire [8*BYTES-1:0] mem_wdata;
    wire [BYTES-1:0] mem_wstrb;

    wire [EVENT_LANES-1:0] event_valid;
    wire [12*EVENT_LANES-1:0] event_layer;
    wire [16*EVENT_LANES-1:0] event_image;
    wire [576*EVENT_LANES-1:0] counters; // nine of 64 bits a lane
    wire [TAPS-1:0] tap_valid;
    wire [8*TAPS-1:0] tap_lanes;
    wire [12*TAPS-1:0] tap_layer;
    wire [16*TAPS-1:0] tap_image;
    wire [32*TAPS-1:0] tap_address;
    wire [24*TAPS-1:0] tap_tag;
    wire [8*TAP_BYTES*TAPS-1:0] tap_data;

    `ASSAY_DUT dut (
        .clk(clk), .rst(rst), .irq(irq),
        .ctrl_awvalid(control.ctrl_awvalid), .ctrl_awready(awready), .ctrl_awaddr(control.ctrl_awaddr),
        .ctrl_wvalid(control.ctrl_wvalid), .ctrl_wready(wready), .ctrl_wdata(control.ctrl_wdata),
        .ctrl_wstrb(control.ctrl_wstrb), .ctrl_bvalid(bvalid), .ctrl_bready(bready), .ctrl_bresp(bresp),
        .ctrl_arvalid(control.ctrl_arvalid), .ctrl_arready(arready), .ctrl_araddr(control.ctrl_araddr),
        .ctrl_rvalid(rvalid), .ctrl_rready(rready), .ctrl_rdata(rdata), .ctrl_rresp(rresp),
        .mem_arvalid(mem_arvalid), .mem_arready(mem_arready), .mem_arid(mem_arid), .mem_araddr(mem_araddr),
        .mem_arlen(mem_arlen), .mem_arsize(mem_arsize), .mem_arburst(mem_arburst), .mem_aruser(mem_aruser),
        .mem_rvalid(mem_rvalid), .mem_rready(mem_rready), .mem_rid(mem_rid), .mem_rdata(mem_rdata),
        .mem_rresp(mem_rresp), .mem_rlast(mem_rlast),
        .mem_awvalid(mem_awvalid), .mem_awready(mem_awready), .mem_awid(mem_awid), .mem_awaddr(mem_awaddr),
        .mem_awlen(mem_awlen), .mem_awsize(mem_awsize), .mem_awburst(mem_awburst), .mem_awuser(mem_awuser),
        .mem_wvalid(mem_wvalid), .mem_wready(mem_wready), .mem_wdata(mem_wdata), .mem_wstrb(mem_wstrb),
        .mem_wlast(mem_wlast), .mem_bvalid(mem_bvalid), .mem_bready(mem_bready), .mem_bid(mem_bid),
        .mem_bresp(mem_bresp),
        .obs_event_valid(event_valid), .obs_event_layer(event_layer), .obs_event_image(event_image),
        .obs_counters(counters),
        .obs_tap_valid(tap_valid), .obs_tap_lanes(tap_lanes), .obs_tap_layer(tap_layer),
        .obs_tap_image(tap_image), .obs_tap_address(tap_address), .obs_tap_tag(tap_tag), .obs_tap_data(tap_data)
    );

`ifdef ASSAY_TRACED
    tracks #(.TAPS(TAPS), .EVENT_LANES(EVENT_LANES)) tracks (
        .clk(clk), .rst(rst), .event_valid(event_valid), .event_layer(event_layer), .event_image(event_image),
        .tap_valid(tap_valid), .tap_layer(tap_layer), .tap_image(tap_image), .tap_tag(tap_tag),
        .tap_address(tap_address)
    );
`endif

    memory #(.BYTES(BYTES), .WORDS(WORDS)) memory (
        .clk(clk), .rst(rst), .cycle(cycle),
        .apply(control.apply), .latency(control.latency), .rate(control.rate), .stalls(control.stalls),
        .reorder(control.reorder), .read_error(control.read_error), .write_error(control.write_error),
        .error_response(control.error_response), .seed(control.seed),
        .command_toggle(control.command_toggle), .command(control.command), .command_index(control.command_index),
        .command_address(control.command_address), .command_length(control.command_length),
        .arvalid(mem_arvalid), .arready(mem_arready), .arid(mem_arid), .araddr(mem_araddr), .arlen(mem_arlen),
        .rvalid(mem_rvalid), .rready(mem_rready), .rid(mem_rid), .rdata(mem_rdata), .rresp(mem_rresp),
        .rlast(mem_rlast),
        .awvalid(mem_awvalid), .awready(mem_awready), .awid(mem_awid), .awaddr(mem_awaddr), .awlen(mem_awlen),
        .wvalid(mem_wvalid), .wready(mem_wready), .wdata(mem_wdata), .wstrb(mem_wstrb), .wlast(mem_wlast),
        .bvalid(mem_bvalid), .bready(mem_bready), .bid(mem_bid), .bresp(mem_bresp)
    );

    // IDs: instruction fetch 0, the core's reads 1; every write 0.
    axi_checker #(.BYTES(BYTES), .IDS(2)) memory_checker (
        .clk(clk), .rst(rst), .cycle(cycle), .failures(memory_failures),
        .arvalid(mem_arvalid), .arready(mem_arready), .arid(mem_arid), .araddr(mem_araddr), .arlen(mem_arlen),
        .arsize(mem_arsize), .arburst(mem_arburst), .aruser(mem_aruser),
        .rvalid(mem_rvalid), .rready(mem_rready), .rid(mem_rid), .rdata(mem_rdata), .rresp(mem_rresp),
        .rlast(mem_rlast),
        .awvalid(mem_awvalid), .awready(mem_awready), .awid(mem_awid), .awaddr(mem_awaddr), .awlen(mem_awlen),
        .awsize(mem_awsize), .awburst(mem_awburst), .awuser(mem_awuser),
        .wvalid(mem_wvalid), .wready(mem_wready), .wdata(mem_wdata), .wstrb(mem_wstrb), .wlast(mem_wlast),
        .bvalid(mem_bvalid), .bready(mem_bready), .bid(mem_bid), .bresp(mem_bresp)
    );

    lite_checker control_checker (
        .clk(clk), .rst(rst), .cycle(cycle), .failures(control_failures), .irq(irq),
        .awvalid(control.ctrl_awvalid), .awready(awready), .awaddr(control.ctrl_awaddr),
        .wvalid(control.ctrl_wvalid), .wready(wready), .wdata(control.ctrl_wdata), .wstrb(control.ctrl_wstrb),
        .bvalid(bvalid), .bready(bready), .bresp(bresp),
        .arvalid(control.ctrl_arvalid), .arready(arready), .araddr(control.ctrl_araddr),
        .rvalid(rvalid), .rready(rready), .rdata(rdata), .rresp(rresp)
    );

    recorder #(
        .BYTES(BYTES), .EVENT_LANES(EVENT_LANES), .TAPS(TAPS), .TAP_BYTES(TAP_BYTES), .TAP_LANE_BITS(TAP_LANE_BITS)
    ) recorder (
        .clk(clk), .rst(rst), .cycle(cycle), .event_count(event_count), .failures(region_failures),
        .record_taps(control.record_taps),
        .command_toggle(control.command_toggle), .command(control.command), .command_index(control.command_index),
        .command_length(control.command_length),
        .event_valid(event_valid), .event_layer(event_layer), .event_image(event_image), .counters(counters),
        .tap_valid(tap_valid), .tap_lanes(tap_lanes), .tap_layer(tap_layer), .tap_image(tap_image),
        .tap_address(tap_address), .tap_tag(tap_tag), .tap_data(tap_data),
        .arvalid(mem_arvalid), .arready(mem_arready), .arlen(mem_arlen), .aruser(mem_aruser),
        .awvalid(mem_awvalid), .awready(mem_awready), .awid(mem_awid), .awaddr(mem_awaddr), .awuser(mem_awuser),
        .wvalid(mem_wvalid), .wready(mem_wready), .wdata(mem_wdata), .wstrb(mem_wstrb), .wlast(mem_wlast)
    );
endmodule
